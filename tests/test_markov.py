"""The removal effect: against a dense solve without each name, by hand, and by the identities that define it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.path_files import Row, paths_of, rows, scaled
from tracker.attribution import _grams, _markov, markov
from tracker.attribution._paths import Paths, Shares

Gram = tuple[str, ...]
END = ("", "")

orders = st.integers(1, 3)
few = settings(max_examples=40, deadline=None)


def over(paths: Paths, order: int = 1) -> Shares:
    return markov.over(paths, {"order": str(order)})


def effects(*found: Row, order: int = 1) -> list[float]:
    shares = over(paths_of(*found), order)
    assert shares.removal_effect is not None
    return [float(effect) for effect in shares.removal_effect]


# --- an exhaustive solution, written from the definition --------------------------------------------------------------


class Dense:
    """The chain as a matrix of probabilities, solved once for each name that is taken away."""

    def __init__(self, paths: Paths, order: int) -> None:
        self.names = paths.names
        self.steps: dict[Gram, dict[Gram, float]] = defaultdict(lambda: defaultdict(float))
        self.brought: dict[Gram, NDArray[np.float64]] = defaultdict(lambda: np.zeros(2))
        self.left: dict[Gram, float] = defaultdict(float)
        for number in range(len(paths)):
            touches = [paths.names[code] for code in paths.codes[paths.offsets[number] : paths.offsets[number + 1]]]
            journeys = paths.conversions[number] + paths.nulls[number]
            if touches and journeys:
                self._walk(grams(touches, order), journeys, (paths.conversions[number], paths.value[number]))

    def _walk(self, walked: list[Gram], journeys: float, brought: tuple[float, float]) -> None:
        for one, other in zip([END, *walked], walked, strict=False):
            self.steps[one][other] += journeys
            self.left[one] += journeys
        self.left[walked[-1]] += journeys
        self.brought[walked[-1]] += np.array(brought)

    def without(self, name: str | None) -> NDArray[np.float64]:
        """What a journey brings on average if all who come to the name go to nothing: conversions and value."""
        states = [END, *(gram for gram in self.left if gram != END)]
        place = {gram: number for number, gram in enumerate(states)}
        system = np.eye(len(states))
        for one, others in self.steps.items():
            for other, journeys in others.items():
                if name not in other:
                    system[place[one], place[other]] -= journeys / self.left[one]
        ends = np.array([self.brought[gram] / max(self.left[gram], 1) for gram in states])
        result: NDArray[np.float64] = np.linalg.solve(system, ends)[0]
        return result

    def effects(self) -> NDArray[np.float64]:
        """The removal effect of each name (c × 2)."""
        whole = self.without(None)
        return np.array([1 - self.without(name) / np.where(whole == 0, 1, whole) for name in self.names])


def grams(touches: list[str], order: int) -> list[Gram]:
    runs = [tuple(touches[max(0, end - order) : end]) for end in range(min(order, len(touches)), len(touches) + 1)]
    return [run for number, run in enumerate(runs) if number == 0 or run != runs[number - 1]]


def assert_exact(paths: Paths, order: int, tolerance: float) -> None:
    wanted, shares = Dense(paths, order).effects(), over(paths, order)
    assert shares.removal_effect is not None
    assert shares.value is not None
    np.testing.assert_allclose(shares.removal_effect, wanted[:, 0], atol=tolerance)
    np.testing.assert_allclose(shares.conversions, in_proportion(wanted[:, 0], paths.conversions), rtol=0, atol=tolerance * paths.conversions.sum())  # fmt: skip  # noqa: E501
    np.testing.assert_allclose(shares.value, in_proportion(wanted[:, 1], paths.value), rtol=0, atol=tolerance * paths.value.sum())  # fmt: skip  # noqa: E501


def in_proportion(effects: NDArray[np.float64], figures: NDArray[np.float64]) -> NDArray[np.float64]:
    shared: NDArray[np.float64] = effects / effects.sum() * figures.sum()
    return shared


@few
@given(found=rows)
def test_order_one_is_exact_to_the_tenth_place(found: list[Row]) -> None:
    touched = [row for row in found if row[0]]
    assume(sum(row[1] for row in touched) and sum(row[2] for row in touched))
    assert_exact(paths_of(*touched), 1, 1e-10)


@few
@given(found=rows, order=st.integers(2, 3))
def test_higher_orders_are_exact_to_the_eighth_place(found: list[Row], order: int) -> None:
    touched = [row for row in found if row[0]]
    assume(sum(row[1] for row in touched) and sum(row[2] for row in touched))
    assert_exact(paths_of(*touched), order, 1e-8)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_hundreds_of_journeys_over_a_dozen_names_are_exact(order: int) -> None:
    dice = np.random.default_rng(order)
    found = ["".join(dice.choice(list("abcdefghijkl"), dice.geometric(0.3))) for _ in range(400)]
    sales = dice.integers(0, 3, len(found))
    paths = paths_of(*((touches, sale, sale * 17.5, 4) for touches, sale in zip(found, sales, strict=True)))
    assert_exact(paths, order, 1e-10 if order == 1 else 1e-8)


def test_a_chain_that_hardly_ever_ends_is_solved_by_factorisation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_markov, "_MOST_SWEEPS", 1)
    assert_exact(paths_of(("abcd" * 300, 1, 5, 1), ("ab" * 500, 2, 6, 0), ("cad", 1, 9, 2)), 2, 1e-8)


def test_two_thousand_touches_of_one_buyer_need_no_patience() -> None:
    shares = over(paths_of(("ab" * 1000, 1, 5, 0), ("c", 1, 5, 8)), 2)
    assert shares.removal_effect == pytest.approx([0.5, 0.5, 0.5])


def test_the_bound_on_the_error_is_never_too_small() -> None:
    dice = np.random.default_rng(5)
    found = ["".join(dice.choice(list("abcdef"), dice.geometric(0.2))) for _ in range(300)]
    paths = paths_of(*((touches, number % 4 == 0, number % 7, 1) for number, touches in enumerate(found)))
    chain = _grams.chain(_grams.walks(paths, 2), paths)
    exact = np.stack([_markov._unmet_solved(chain, name) for name in range(6)], 1)
    rough = exact + dice.normal(0, 1e-3, exact.shape) * (exact > 0)
    met = _markov._met(chain, np.arange(6))
    swept = chain.back @ rough + chain.opened[:, None]
    swept[met] = 0
    missed = np.abs((swept - exact).T @ chain.brought) / np.abs(chain.brought).sum(axis=0)
    assert missed.max() <= _markov._bound(chain, swept - rough)


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_the_textbook_chain_of_three_channels() -> None:
    """Anderl's worked example in its usual telling: c1 > c2 > c3 buys, c1 and c2 > c3 do not."""
    shares = over(paths_of(("abc", 1, 10, 0), ("a", 0, 0, 1), ("bc", 0, 0, 1)))
    assert shares.removal_effect == pytest.approx([1 / 2, 1, 1])
    assert shares.conversions == pytest.approx([0.2, 0.4, 0.4])
    assert shares.value == pytest.approx([2, 4, 4])


def test_order_two_tells_apart_what_order_one_confuses() -> None:
    found: list[Row] = [("ac", 1, 1, 0), ("bc", 0, 0, 1)]
    assert effects(*found) == pytest.approx([1 / 2, 1 / 2, 1])
    assert effects(*found, order=2) == pytest.approx([1, 0, 1])


def test_value_has_removal_effects_of_its_own() -> None:
    shares = over(paths_of(("a", 1, 90, 0), ("b", 1, 10, 0)))
    assert list(shares.conversions) == [1, 1]
    assert shares.value is not None
    assert list(shares.value) == [90, 10]


# --- the identities of the definition ---------------------------------------------------------------------------------


@few
@given(found=rows)
def test_a_name_repeated_at_once_is_that_name(found: list[Row]) -> None:
    doubled = [("".join(2 * touch for touch in row[0]), *row[1:]) for row in found]
    assert effects(*doubled) == pytest.approx(effects(*found), abs=1e-9)


@few
@given(found=rows)
def test_grams_as_long_as_any_path_count_the_orders_along_a_name(found: list[Row]) -> None:
    short = [(row[0][:3], *row[1:]) for row in found if row[0]]
    sales = sum(row[1] for row in short)
    assume(sales)
    names = sorted(set("".join(row[0] for row in short)))
    wanted = [sum(row[1] for row in short if name in row[0]) / sales for name in names]
    assert effects(*short, order=3) == pytest.approx(wanted)


def test_journeys_without_an_order_change_the_result() -> None:
    found: list[Row] = [("ab", 1, 1, 0), ("a", 1, 1, 0), ("b", 0, 0, 4)]
    assert effects(*found) == pytest.approx([0.6, 0.5])
    assert effects(*((*row[:3], 0.0) for row in found)) == pytest.approx([1, 0.5])


@few
@given(found=rows, order=orders, factor=st.sampled_from([0.001, 0.5, 3, 1e6]))
def test_counts_in_another_unit_change_no_effect(found: list[Row], order: int, factor: float) -> None:
    paths = paths_of(*found)
    one, other = over(paths, order), over(scaled(paths, factor), order)
    np.testing.assert_allclose(other.removal_effect, one.removal_effect, atol=1e-8)  # type: ignore[arg-type]
    np.testing.assert_allclose(other.conversions, one.conversions * factor, rtol=1e-6, atol=1e-7 * factor)


@few
@given(found=rows, order=orders)
def test_an_effect_is_a_probability_and_shares_are_never_negative(found: list[Row], order: int) -> None:
    shares = over(paths_of(*found), order)
    assert shares.removal_effect is not None
    assert (shares.removal_effect >= -1e-9).all()
    assert (shares.removal_effect <= 1 + 1e-9).all()
    assert (shares.conversions >= -1e-9).all()


@few
@given(found=rows, order=orders)
def test_other_counts_along_the_same_paths_are_as_if_learned_anew(found: list[Row], order: int) -> None:
    paths = paths_of(*found)
    other = replace(paths, conversions=paths.conversions[::-1].copy(), value=paths.conversions[::-1] * 3)
    again = markov.prepared(paths, {"order": str(order)})
    assume(not ((other.conversions + other.nulls == 0) & (other.value != 0)).any())
    np.testing.assert_array_equal(again(other).conversions, over(other, order).conversions)


# --- what others get wrong --------------------------------------------------------------------------------------------


def test_it_is_solved_and_so_the_same_each_time_and_without_a_bias_from_the_longest_path() -> None:
    """Simulated walks that stop at the longest path seen never see the longer ones of the chain."""
    found: list[Row] = [("ab", 1, 1, 0), ("ba", 0, 0, 1)]
    assert_exact(paths_of(*found), 1, 1e-12)
    assert effects(*found) == effects(*found)


def test_a_part_of_an_order_is_not_cut_off() -> None:
    shares = over(paths_of(("a", 0.5, 5, 1), ("b", 1.7, 17, 1)))
    assert shares.conversions.sum() == pytest.approx(2.2)
    assert effects(("a", 0.5, 5, 1), ("b", 1.7, 17, 1)) == pytest.approx([0.5 / 2.2, 1.7 / 2.2])


def test_one_refund_does_not_wipe_out_all_values() -> None:
    shares = over(paths_of(("a", 4, 100, 2), ("b", 1, -10, 2)))
    assert shares.value == pytest.approx([100, -10])


def test_a_refund_on_its_own_row_is_that_of_its_path() -> None:
    apart, together = paths_of(("ab", 4, 100, 2), ("ab", 0, -30, 0)), paths_of(("ab", 4, 70, 2))
    assert over(apart).value == pytest.approx(over(together).value)


def test_value_that_nobody_walked_to_is_refused() -> None:
    with pytest.raises(ValueError, match="no journey is counted"):
        over(paths_of(("a", 4, 100, 2), ("b", 0, -30, 0)))


def test_refunds_that_leave_no_proportion_are_refused() -> None:
    with pytest.raises(ValueError, match="refunds outweigh"):
        over(paths_of(("ab", 2, -20, 0), ("a", 1, 25, 0), ("bc", 0, 0, 1)))


def test_fewer_than_no_journeys_are_refused() -> None:
    with pytest.raises(ValueError, match="fewer than none"):
        over(paths_of(("a", -1, 0, 2)))


def test_a_channel_may_be_called_start_or_conversion_or_hold_a_separator() -> None:
    paths = paths_of(("ab", 1, 10, 0), ("bc", 1, 10, 3), ("a", 0, 0, 1))
    odd = replace(paths, names=("(start)", "(conversion)", "fb1 > fb2"))
    assert over(odd).conversions.tolist() == over(paths).conversions.tolist()


def test_a_name_is_never_a_substring() -> None:
    paths = replace(paths_of(("ab", 3, 3, 1), ("b", 1, 1, 5)), names=("Paid", "Paid Search"))
    assert over(paths).removal_effect == pytest.approx(effects(("ab", 3, 3, 1), ("b", 1, 1, 5)))
    assert over(replace(paths, names=("fb1", "fb2"))).removal_effect == pytest.approx(over(paths).removal_effect)


def test_an_empty_path_credits_nobody() -> None:
    shares = over(paths_of(("ab", 1, 10, 0), ("", 5, 50, 5), ("c", 1, 10, 1)))
    assert (shares.baseline_conversions, shares.baseline_value) == (5, 50)
    assert shares.conversions.sum() == pytest.approx(2)


def test_conversions_without_a_value_still_have_effects() -> None:
    shares = over(paths_of(("ab", 1, 0, 1), ("b", 1, 0, 0)))
    assert shares.conversions.sum() == pytest.approx(2)
    assert shares.value is not None
    assert not shares.value.any()


def test_journeys_that_never_end_in_an_order_lose_nothing() -> None:
    assert effects(("ab", 0, 0, 3), order=2) == [0, 0]


def test_more_names_than_can_be_solved_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_markov, "MOST_NAMES", 1)
    with pytest.raises(ValueError, match="group them"):
        over(paths_of(("ab", 1, 1, 1)))


@pytest.mark.parametrize("order", ["0", "4", "two", ""])
def test_an_order_that_is_none_is_refused(order: str) -> None:
    with pytest.raises(ValueError, match="one of 1, 2, 3"):
        markov.over(paths_of(("ab", 1, 1, 1)), {"order": order})
