"""What models make of paths: laws that each one keeps, a new one included, and the rules held against their weights."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import ModuleType

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.path_files import Row, paths_of, rows
from tracker.attribution import first_click, last_click, linear, position_based, time_decay
from tracker.attribution._paths import Paths, Shares
from tracker.domain.journeys import Candidate, Evidence, Kind, Sale, judge
from tracker.domain.orders import Status
from tracker.domain.rules import Rules
from tracker.plugins import discover

MODELS = discover("tracker.attribution")
PLACED = datetime(2026, 3, 20, 12, tzinfo=UTC)

every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
few = settings(max_examples=10, deadline=None)


def aged(found: list[Row], **rest: tuple[str, ...]) -> Paths:
    """Paths whose touches are a day apart, so that models of time can look at them too."""
    return paths_of(*found, ages=[age for row in found for age in range(len(row[0]), 0, -1)], **rest)


def answer(model: ModuleType, paths: Paths) -> Shares:
    """What the model makes of the paths; a model that refuses them has nothing to keep a law with.

    A ridge is given: one that is chosen on samples is another where the samples are.
    """
    try:
        shares: Shares = model.over(paths, {"ridge": "1"} if "ridge" in model.SETTINGS else {})
    except ValueError:
        assume(False)
    return shares


def assert_same(one: Shares, other: Shares) -> None:
    np.testing.assert_allclose(one.conversions, other.conversions, rtol=1e-6, atol=1e-7)
    assert (one.value is None) == (other.value is None)
    if one.value is not None and other.value is not None:
        np.testing.assert_allclose(one.value, other.value, rtol=1e-6, atol=1e-4)
    if one.removal_effect is not None and other.removal_effect is not None:
        np.testing.assert_allclose(one.removal_effect, other.removal_effect, rtol=1e-6, atol=1e-7)
    assert one.baseline_conversions == pytest.approx(other.baseline_conversions, rel=1e-6, abs=1e-7)


# --- laws -------------------------------------------------------------------------------------------------------------


@every_model
@few
@given(found=rows)
def test_a_row_written_twice_is_a_row_with_twice_the_counts(model: ModuleType, found: list[Row]) -> None:
    doubled = [(touches, 2 * sales, 2 * value, 2 * nulls) for touches, sales, value, nulls in found]
    assert_same(answer(model, aged([*found, *found])), answer(model, aged(doubled)))


@every_model
@few
@given(found=rows, dice=st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(model: ModuleType, found: list[Row], dice: object) -> None:
    names = tuple(sorted(set("".join(row[0] for row in found))))
    shuffled = list(found)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert_same(answer(model, aged(shuffled, names=names)), answer(model, aged(found, names=names)))


@every_model
@few
@given(found=rows)
def test_other_names_are_other_names_and_nothing_else(model: ModuleType, found: list[Row]) -> None:
    renamed = [(row[0].translate(str.maketrans("abcd", "zyxw")), *row[1:]) for row in found]
    before, after = answer(model, aged(found)), answer(model, aged(renamed))
    np.testing.assert_allclose(after.conversions[::-1], before.conversions, rtol=1e-6, atol=1e-7)


@every_model
@few
@given(found=rows)
def test_what_an_additive_model_gives_is_what_the_paths_brought(model: ModuleType, found: list[Row]) -> None:
    paths = aged(found)
    shares = answer(model, paths)
    if not model.ADDITIVE:
        return
    assert shares.conversions.sum() + shares.baseline_conversions == pytest.approx(paths.conversions.sum())
    if shares.value is not None:
        assert shares.value.sum() + shares.baseline_value == pytest.approx(paths.value.sum())


@every_model
@few
@given(found=rows)
def test_a_name_that_nobody_met_gets_nothing(model: ModuleType, found: list[Row]) -> None:
    shares = answer(model, aged(found, names=("a", "b", "c", "d", "never")))
    assert shares.conversions[4] == pytest.approx(0, abs=1e-9)


def test_no_paths_at_all_give_nothing_to_nobody() -> None:
    for model in (first_click, last_click, linear, position_based, time_decay, MODELS["markov"]):
        shares = model.over(paths_of(ages=[]), {})
        assert (len(shares.conversions), shares.baseline_conversions) == (0, 0)


# --- rules ------------------------------------------------------------------------------------------------------------

RULES = [first_click, last_click, linear, position_based, time_decay]
every_rule = pytest.mark.parametrize("model", RULES, ids=[model.NAME for model in RULES])


@every_rule
@few
@given(found=rows)
def test_a_rule_over_paths_is_its_exact_weights_summed(model: ModuleType, found: list[Row]) -> None:
    paths = aged(found)
    shares = model.over(paths, {})
    wanted = dict.fromkeys(paths.names, 0.0)
    for touches, sales, _, _ in found:
        for touch, weight in zip(touches, weights(model, touches), strict=True):
            wanted[touch] += sales * weight
    np.testing.assert_allclose(shares.conversions, list(wanted.values()), atol=1e-9)


@every_rule
def test_paths_without_touches_go_to_the_baseline(model: ModuleType) -> None:
    shares = model.over(paths_of(("", 3, 40, 5), ("a", 1, 7, 0), ("", 1, 2, 0), ages=[1]), {})
    assert (list(shares.conversions), list(shares.value)) == ([1], [7])
    assert (shares.baseline_conversions, shares.baseline_value) == (4, 42)


@every_rule
def test_refunds_and_parts_of_orders_are_shared_out_like_anything(model: ModuleType) -> None:
    shares = model.over(paths_of(("ab", 0.5, -40, 0), ("ba", 0, -2, 0), ages=[2, 2, 1, 1]), {})
    assert shares.conversions.sum() == 0.5
    assert shares.value.sum() == -42


def weights(model: ModuleType, touches: str) -> list[float]:
    """What the rule weighs single touches by, a day apart."""
    found = [
        Candidate(
            kind=Kind.CLICK,
            id=f"{number:032x}",
            at=PLACED - timedelta(days=len(touches) - number),
            evidence=frozenset({Evidence.CLICK_ID}),
            partner_id=f"{number:032x}",
            channel="influence",
        )
        for number in range(len(touches))
    ]
    earning = judge(Sale(PLACED, Status.PAID), found, Rules()).earning
    return [float(weight) for weight in model.weights(earning, Rules())] if earning else []


def test_rules_over_the_paths_of_a_page_of_a_textbook() -> None:
    paths = paths_of(("abca", 10, 1000, 0), ("bc", 4, 100, 3), ("c", 1, 9, 0))
    assert list(first_click.over(paths, {}).conversions) == [10, 4, 1]
    assert list(last_click.over(paths, {}).conversions) == [10, 0, 5]
    np.testing.assert_allclose(linear.over(paths, {}).conversions, [5, 4.5, 5.5])
    np.testing.assert_allclose(position_based.over(paths, {}).conversions, [8, 3, 4])
    np.testing.assert_allclose(position_based.over(paths, {"first": "1/4", "last": "1/2"}).conversions, [7.5, 2.583333, 4.916667], rtol=1e-6)  # fmt: skip  # noqa: E501
    np.testing.assert_allclose(position_based.over(paths, {"first": "0", "last": "0"}).conversions, [0, 7, 8])


def test_time_decay_counts_days_to_the_order_and_survives_ten_years() -> None:
    paths = paths_of(("ab", 3, 30, 0), ("ab", 3, 30, 0), ages=[7, 0, 3657, 3650])
    np.testing.assert_allclose(time_decay.over(paths, {}).conversions, [2, 4])
    np.testing.assert_allclose(time_decay.over(paths, {"half_life_days": "3.5"}).conversions, [1.2, 4.8])


def test_time_decay_says_what_it_misses() -> None:
    with pytest.raises(ValueError, match="how long before"):
        time_decay.over(paths_of(("ab", 1, 1, 0)), {})
    with pytest.raises(ValueError, match="half-life"):
        time_decay.over(paths_of(("ab", 1, 1, 0), ages=[1, 1]), {"half_life_days": "-1"})
