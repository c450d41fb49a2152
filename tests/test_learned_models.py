"""Shapley's value in three games and the incremental logit: what they must satisfy, and what others got wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import chain, combinations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.markets import Path, market, paths_of
from tracker.attribution import _columns, _logit, _rate_game, _sets, incremental, ordered_shapley, rate_shapley, shapley
from tracker.attribution._paths import Paths

few = settings(max_examples=35)
Worth = Callable[[frozenset[int]], Fraction]

GAMES = pytest.mark.parametrize("model", [shapley, ordered_shapley, rate_shapley], ids=lambda model: model.NAME)
LEARNED = pytest.mark.parametrize(
    "model", [shapley, ordered_shapley, rate_shapley, incremental], ids=lambda model: model.NAME
)

journeys = st.lists(
    st.tuples(
        st.lists(st.integers(0, 4), max_size=6).map(tuple), st.integers(0, 9), st.integers(0, 40), st.integers(0, 500)
    ),
    min_size=1,
    max_size=12,
)


def paths_from(rows: Sequence[tuple[Path, int, int, int]], names: Sequence[str] = "ABCDE") -> Paths:
    """Paths of (touches, orders, journeys without one, value of an order)."""
    return paths_of(
        [path for path, *_ in rows],
        [orders for _, orders, *_ in rows],
        [nulls for _, _, nulls, _ in rows],
        value=[orders * value for _, orders, _, value in rows],
        names=names,
    )


def by_enumeration(worth: Worth, players: int) -> list[Fraction]:
    """Shapley's own formula, term by term."""
    return [sum(_terms(worth, player, players), Fraction(0)) for player in range(players)]


def _terms(worth: Worth, player: int, players: int) -> list[Fraction]:
    others = [other for other in range(players) if other != player]
    return [
        Fraction(factorial(len(some)) * factorial(players - len(some) - 1), factorial(players))
        * (worth(frozenset(some) | {player}) - worth(frozenset(some)))
        for some in chain.from_iterable(combinations(others, size) for size in range(players))
    ]


# --- the games --------------------------------------------------------------------------------------------------------


@few
@given(rows=journeys)
def test_set_shapley_is_the_value_of_its_game_by_enumeration(rows: list[tuple[Path, int, int, int]]) -> None:
    def worth(coalition: frozenset[int]) -> Fraction:
        return Fraction(sum(orders for path, orders, *_ in rows if path and set(path) <= coalition))

    found = shapley.over(paths_from(rows), {})
    assert found.conversions == pytest.approx([float(part) for part in by_enumeration(worth, 5)], abs=1e-9)


@few
@given(rows=journeys, shrinkage=st.integers(0, 50))
def test_rate_shapley_is_the_value_of_its_game_by_enumeration(
    rows: list[tuple[Path, int, int, int]], shrinkage: int
) -> None:
    total = sum(orders + nulls for _, orders, nulls, _ in rows)
    overall = Fraction(sum(orders for _, orders, *_ in rows), max(total, 1))

    def worth(coalition: frozenset[int]) -> Fraction:
        within = [(orders, orders + nulls) for path, orders, nulls, _ in rows if set(path) <= coalition]
        seen = sum(count for _, count in within)
        return (sum(orders for orders, _ in within) + shrinkage * overall) / (seen + shrinkage) if seen else Fraction(0)

    found = rate_shapley.over(paths_from(rows), {"shrinkage": str(shrinkage)})
    wanted = [float(part * total) for part in by_enumeration(worth, 5)]
    assert found.conversions == pytest.approx(wanted, abs=1e-8)
    assert found.baseline_conversions == pytest.approx(float(worth(frozenset()) * total), abs=1e-8)


@few
@given(rows=journeys)
def test_positions_sum_to_set_shapley(rows: list[tuple[Path, int, int, int]]) -> None:
    paths = paths_from(rows)
    sets, ordered = shapley.over(paths, {}), ordered_shapley.over(paths, {})
    assert ordered.conversions == pytest.approx(sets.conversions, abs=1e-9)
    assert ordered.value == pytest.approx(sets.value, abs=1e-6)
    assert ordered_shapley.profile(paths).sum(axis=1) == pytest.approx(sets.conversions, abs=1e-9)


def test_a_name_touched_twice_earns_its_share_in_two_positions() -> None:
    profile = ordered_shapley.profile(paths_from([((0, 1, 0), 12, 0, 0)], "AB"))
    assert profile.tolist() == [[3.0, 0.0, 3.0], [0.0, 6.0, 0.0]]


@LEARNED
@few
@given(rows=journeys)
def test_shares_and_baseline_sum_to_what_the_paths_brought(
    model: object, rows: list[tuple[Path, int, int, int]]
) -> None:
    paths = paths_from([*rows, ((0,), 1, 1, 7)])
    found = model.over(paths, {"ridge": "1"})  # type: ignore[attr-defined]
    assert found.conversions.sum() + found.baseline_conversions == pytest.approx(paths.conversions.sum())
    assert found.value.sum() + found.baseline_value == pytest.approx(paths.value.sum())


@LEARNED
@few
@given(rows=journeys, dice=st.randoms(use_true_random=False))
def test_neither_sequence_nor_splitting_of_rows_nor_renaming_changes_a_share(
    model: object, rows: list[tuple[Path, int, int, int]], dice: object
) -> None:
    rows = [*rows, ((0, 3), 2, 3, 7)]
    halves = [(path, orders, 0, value) for path, orders, _, value in rows]
    halves += [(path, 0, nulls, value) for path, _, nulls, value in rows]
    dice.shuffle(halves)  # type: ignore[attr-defined]
    turned = [(tuple(4 - code for code in path), orders, nulls, value) for path, orders, nulls, value in halves]
    once = model.over(paths_from(rows), {})  # type: ignore[attr-defined]
    again = model.over(paths_from(turned), {})  # type: ignore[attr-defined]
    assert again.conversions[::-1] == pytest.approx(once.conversions, abs=1e-6)
    assert again.value[::-1] == pytest.approx(once.value, abs=1e-3)


@LEARNED
@few
@given(rows=journeys)
def test_names_that_are_touched_alike_get_the_same(model: object, rows: list[tuple[Path, int, int, int]]) -> None:
    other = {0: 1, 1: 0}
    swapped = [(tuple(other.get(code, code) for code in row[0]), *row[1:]) for row in rows]
    found = model.over(paths_from([*rows, *swapped, ((0, 1), 1, 1, 7)]), {"ridge": "1"})  # type: ignore[attr-defined]
    assert found.conversions[0] == pytest.approx(found.conversions[1], abs=1e-6)


@LEARNED
@few
@given(rows=journeys)
def test_a_name_that_nobody_touches_gets_nothing(model: object, rows: list[tuple[Path, int, int, int]]) -> None:
    paths = paths_from([*rows, ((0,), 1, 1, 7)])
    more = replace(paths, names=(*paths.names, "dummy"))
    once, again = (model.over(some, {"ridge": "1"}) for some in (paths, more))  # type: ignore[attr-defined]
    assert (again.conversions[-1], again.value[-1]) == (0, 0)
    assert again.conversions[:-1] == pytest.approx(once.conversions, abs=1e-6)


def test_a_name_whose_presence_changes_no_rate_gets_nothing_from_the_rate_game() -> None:
    rows = [((), 1, 9, 0), ((0,), 3, 7, 0), ((1,), 1, 9, 0), ((0, 1), 3, 7, 0)]
    found = rate_shapley.over(paths_from(rows, "AB"), {"shrinkage": "0"})
    within = {frozenset("A"): 4 / 20, frozenset("B"): 2 / 20, frozenset("AB"): 8 / 40}
    assert within[frozenset("AB")] == within[frozenset("A")]
    assert found.conversions[1] == pytest.approx(0, abs=1e-12)


def test_many_names_are_sampled_within_their_standard_errors_of_the_exact_value() -> None:
    paths = market([0.2, 0.9, 0.0, 1.2, 0.5, 0.7]).drawn(30_000, 1)
    exact = rate_shapley.play(paths, {})
    drawn = rate_shapley.play(paths, {"exact_up_to": "3"})
    assert exact.standard_errors is None
    assert drawn.standard_errors is not None
    assert (np.abs(drawn.shares.conversions - exact.shares.conversions) < 4 * drawn.standard_errors + 1e-9).all()
    assert rate_shapley.over(paths, {"exact_up_to": "3"}).conversions.tolist() == drawn.shares.conversions.tolist()
    assert drawn.shares.conversions.sum() == pytest.approx(exact.shares.conversions.sum())


def test_shrinkage_is_what_the_spread_between_the_sets_deserves() -> None:
    # Two sets of 100 journeys with 10 and 30 orders: σ² = (10·0.9 + 30·0.7)/198, and
    # τ² = (100·0.1² + 100·0.1² − σ²)/(200 − 100) by Bühlmann and Straub's estimators.
    within = (10 * 0.9 + 30 * 0.7) / 198
    wanted = within / ((2 - within) / 100)
    assert _rate_game.credibility(*(np.array(one) for one in ([100.0, 100.0], [10.0, 30.0], [10.0, 30.0]))) == (
        pytest.approx(wanted)
    )
    assert _rate_game.credibility(*(np.array(one) for one in ([100.0, 100.0], [20.0, 20.0], [20.0, 20.0]))) == np.inf


@pytest.mark.parametrize("settings", [{"shrinkage": "-1"}, {"exact_up_to": "1", "permutations": "2"}])
def test_the_rate_game_refuses_settings_that_mean_nothing(settings: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="rate_shapley: want"):
        rate_shapley.over(paths_from([((0, 1), 1, 1, 0)]), settings)


def test_sets_of_hundreds_of_names_are_told_apart_exactly() -> None:
    dice = np.random.default_rng(1)
    walked = [tuple(map(int, dice.integers(0, 300, size))) for size in dice.integers(0, 5, 400)]
    paths = paths_of(walked * 2, [1.0] * 800, [0.0] * 800, names=[f"name {number}" for number in range(300)])
    sets = _sets.collect(paths)
    assert len(sets) == len({frozenset(path) for path in walked})
    members = [frozenset(sets.codes[sets.rows == one].tolist()) for one in range(len(sets))]
    assert [members[label] for label in sets.labels] == [frozenset(path) for path in walked * 2]


# --- what others got wrong --------------------------------------------------------------------------------------------


@GAMES
def test_no_name_of_a_long_journey_is_left_out(model: object) -> None:
    found = model.over(paths_from([((0, 1, 2, 3, 4), 10, 30, 0)]), {})  # type: ignore[attr-defined]
    assert found.conversions == pytest.approx([2.0] * 5)


def test_names_within_names_are_different_names() -> None:
    rows = [((0,), 30, 50, 0), ((1,), 10, 90, 0), ((0, 1), 5, 20, 0), ((2, 1), 4, 40, 0)]
    for model in (shapley, ordered_shapley, rate_shapley, incremental):
        plain = model.over(paths_from(rows, ("Search", "Mail", "Video")), {})
        nested = model.over(paths_from(rows, ("P", "Paid Search > P", "Paid")), {})
        assert nested.conversions.tolist() == plain.conversions.tolist()


@few
@given(rows=journeys)
def test_set_shapley_is_never_negative(rows: list[tuple[Path, int, int, int]]) -> None:
    for model in (shapley, ordered_shapley):
        assert (model.over(paths_from(rows), {}).conversions >= 0).all()


def test_a_single_lucky_journey_does_not_blow_up_the_rate_game() -> None:
    rows = [((0,), 40, 960, 0), ((0, 1), 41, 959, 0), ((1,), 1, 0, 0)]
    bare = rate_shapley.over(paths_from(rows, "AB"), {"shrinkage": "0"}).conversions
    shrunk = rate_shapley.over(paths_from(rows, "AB"), {}).conversions
    assert bare.max() > 900  # of 82 orders
    assert np.abs(shrunk).max() < 82


def test_orders_are_shared_although_no_journey_touched_every_name() -> None:
    rows = [((0, 1), 6, 10, 0), ((1, 2), 4, 10, 0)]
    assert shapley.over(paths_from(rows, "ABC"), {}).conversions.tolist() == [3.0, 5.0, 2.0]


@few
@given(rows=journeys)
def test_journeys_without_an_order_earn_no_shapley_credit(rows: list[tuple[Path, int, int, int]]) -> None:
    paths = paths_from(rows)
    for model in (shapley, ordered_shapley):
        more = model.over(replace(paths, nulls=paths.nulls + 100), {})
        assert more.conversions.tolist() == model.over(paths, {}).conversions.tolist()


def test_sets_without_an_order_count_in_the_rate_game() -> None:
    rows = [((0,), 20, 80, 0), ((1,), 0, 100, 0)]
    found = rate_shapley.over(paths_from(rows, "AB"), {"shrinkage": "0"})
    assert found.conversions == pytest.approx([200 * (0.2 + 0.1) / 2, 200 * (0 + 0.1 - 0.2) / 2])


@LEARNED
def test_the_value_of_a_path_that_is_listed_twice_is_added(model: object) -> None:
    rows = [((0, 1), 4, 40, 100), ((0,), 2, 60, 300), ((1,), 9, 10, 200)]
    found = model.over(paths_from([*rows, *rows], "AB"), {"ridge": "1"})  # type: ignore[attr-defined]
    assert found.value.sum() + found.baseline_value == pytest.approx(2 * (400 + 600 + 1800))


# --- incremental ------------------------------------------------------------------------------------------------------


def test_the_fit_is_the_maximum_of_the_penalised_likelihood() -> None:
    paths = market([0.2, 0.9, -0.4, 1.2]).drawn(5000, 1)
    fit = incremental.fitted(paths, {"ridge": "3"})
    counts, _value = fit.rows.counts(paths)
    assert fit.model is not None
    residual = counts.conversions - counts.journeys * _logit.probabilities(fit.design, fit.model)
    assert residual.sum() == pytest.approx(0, abs=1e-6)
    assert fit.design.transposed @ residual == pytest.approx(3 * fit.model.slopes, abs=1e-6)


def test_credits_are_the_integral_along_the_straight_line_from_no_touch() -> None:
    world = market([0.2, 0.9, -0.4, 1.2])
    found = incremental.over(world.expected(1e9), {"ridge": "0.1"})
    assert found.conversions == pytest.approx(world.increments * 1e9, rel=1e-4)
    assert found.baseline_conversions == pytest.approx(world.baseline * 1e9, rel=1e-4)


def test_the_ridge_is_the_one_that_predicts_journeys_left_out_best() -> None:
    """Against leaving out every journey in turn and fitting anew: the step away from the whole fit is all but right."""
    paths = market([0.3, 1.0], intercept=-1.0, longest=2).drawn(150, 1)
    fit = incremental.fitted(paths, {"ridge": "1"})
    counts, _value = fit.rows.counts(paths)

    def left_out(ridge: float) -> float:
        lost = 0.0
        for row in range(len(counts.journeys)):
            for order in (1.0, 0.0):
                times = counts.conversions[row] if order else (counts.journeys - counts.conversions)[row]
                one = np.arange(len(counts.journeys)) == row
                rest = _logit.Counts(counts.journeys - one, counts.conversions - one * order)
                linear = _logit.fit(fit.design, rest, ridge).linear(fit.design)[row]
                lost += times * float(np.logaddexp(0, -linear if order else linear)) if times else 0.0
        return lost

    for ridge in (30.0, 1.0):
        quick = _logit._loss_left_out(fit.design, counts, ridge, _logit.fit(fit.design, counts, ridge))
        assert quick == pytest.approx(left_out(ridge), rel=2e-4)


def test_neither_the_ridge_nor_a_doubt_hangs_on_the_sequence_of_names() -> None:
    paths = market([0.2, 0.4, 0.4, 0.4]).drawn(30_000, 3)
    turned = replace(paths, names=paths.names[::-1], codes=np.int32(3) - paths.codes)
    assert incremental.fitted(turned, {}).ridge == incremental.fitted(paths, {}).ridge
    spelt = _columns.by_spelling(turned)
    assert (spelt.names, spelt.codes.tolist()) == (paths.names, paths.codes.tolist())


def test_a_name_that_goes_with_fewer_orders_is_reported_below_zero() -> None:
    rows = [((), 100, 900, 0), ((0,), 200, 800, 0), ((1,), 20, 980, 0), ((0, 1), 50, 950, 0)]
    found = incremental.over(paths_from(rows, "AB"), {})
    assert found.conversions[0] > 0 > found.conversions[1]
    assert found.conversions.sum() + found.baseline_conversions == pytest.approx(370)


def test_an_order_s_value_is_split_as_its_journey_s_probability() -> None:
    rows = [((), 100, 900, 10), ((0,), 200, 800, 1000)]
    found = incremental.over(paths_from(rows, "A"), {"ridge": "0.1"})
    assert found.conversions == pytest.approx([100], rel=0.01)
    assert found.value == pytest.approx([200 * 1000 * 0.5], rel=0.01)
    assert found.baseline_value == pytest.approx(100 * 10 + 200 * 1000 * 0.5, rel=0.01)


def test_counted_and_decayed_touches_tell_what_distinct_ones_cannot() -> None:
    walked: list[Path] = [(), (0,), (0, 0), (0, 0, 0)]
    odds = -2 + 0.5 * np.arange(4)
    chance = 1 / (1 + np.exp(-odds))
    paths = paths_of(walked, 10_000 * chance, 10_000 * (1 - chance), names="A")
    counted = incremental.fitted(paths, {"features": "counts", "ridge": "0.1"})
    assert counted.model is not None
    assert (counted.model.intercept, *counted.model.slopes) == pytest.approx((-2, 0.5), abs=1e-3)
    aged = replace(paths, ages=np.full(6, 7.0))
    decayed = incremental.fitted(aged, {"features": "decayed", "ridge": "0.1"})
    assert decayed.model is not None
    assert decayed.model.slopes == pytest.approx([1.0], abs=2e-3)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"features": "decayed"}, "with ages"),
        ({"features": "smell"}, "want features"),
        ({"ridge": "0"}, "want a ridge"),
    ],
)
def test_incremental_refuses_settings_that_mean_nothing(settings: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        incremental.over(paths_from([((0, 1), 1, 1, 0)]), settings)


def test_from_buyers_alone_nothing_incremental_can_be_learned() -> None:
    with pytest.raises(ValueError, match="without an order"):
        incremental.over(paths_from([((0, 1), 5, 0, 10)]), {})
    silent = incremental.over(paths_from([((0, 1), 0, 5, 10)]), {})
    assert silent.conversions.tolist() == [0.0] * 5


def test_thousands_of_names_want_grouping_first() -> None:
    paths = paths_of([(0,), (1000,)], [5, 5], [50, 20], names=[f"partner {number}" for number in range(1001)])
    with pytest.raises(ValueError, match="group them"):
        incremental.over(paths, {})
