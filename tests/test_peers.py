"""Other packages on the same paths: where they are right we agree, and what they get wrong we do not share.

Their figures were computed by them and are written down here, so that the suite needs none of them: channelattribution
2.2.5 (heuristic_models; markov_model with a million simulations to start from) and marketing-attribution-models 2.1.1.
"""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.path_files import paths_of
from tracker.attribution import _csv, first_click, last_click, linear, markov, position_based, time_decay
from tracker.attribution._paths import Paths

# Rows in the manner of the path data that ChannelAttribution is documented with.
GREEK = b"""path,total_conversions,total_conversion_value,total_null
eta > iota > alpha > eta,1,0.244,3
iota > iota > iota > iota,2,3.195,6
alpha > iota > alpha > alpha > alpha > iota > alpha > alpha > alpha > iota,2,6.754,6
beta > eta,1,2.402,3
iota > eta > theta > lambda > lambda > theta > lambda,0,0,2
"""


@pytest.fixture
def greek() -> Paths:
    return _csv.read(GREEK).paths


@pytest.mark.parametrize(
    ("model", "conversions", "value"),
    [
        (first_click, {"alpha": 2, "beta": 1, "eta": 1, "iota": 2}, [6.754, 2.402, 0.244, 3.195]),
        (last_click, {"eta": 2, "iota": 4}, [0, 0, 2.646, 9.949]),
        (linear, {"alpha": 1.65, "beta": 0.5, "eta": 1, "iota": 2.85}, [4.7888, 1.2010, 1.3230, 5.2822]),
    ],
)
def test_the_rules_of_channelattribution(
    greek: Paths, model: ModuleType, conversions: dict[str, float], value: list[float]
) -> None:
    shares = model.over(greek, {})
    wanted = [conversions.get(name, 0) for name in greek.names]
    assert shares.conversions == pytest.approx(wanted)
    assert shares.value == pytest.approx([*value, 0, 0])


@pytest.mark.parametrize(
    ("order", "effects"),
    [
        ("1", [0.536174, 0.143011, 0.449309, 0.762304, 0, 0]),
        ("2", [0.437936, 0.184947, 0.396398, 0.815053, 0, 0]),
    ],
)
def test_the_removal_effects_of_channelattribution_within_its_simulation(
    greek: Paths, order: str, effects: list[float]
) -> None:
    """Its walks stop at the longest path seen, so that no number of them comes nearer than this."""
    assert markov.over(greek, {"order": order}).removal_effect == pytest.approx(effects, abs=0.065)


def test_the_exact_removal_effects_of_these_paths(greek: Paths) -> None:
    """Solved by hand. Of six sales alpha met 3, beta 1 and iota 5; iota > alpha leads two ways, which moves eta."""
    assert markov.over(greek, {"order": "2"}).removal_effect == pytest.approx([1 / 2, 1 / 6, 3 / 7, 5 / 6, 0, 0])


@pytest.mark.parametrize(
    ("model", "attribution"),
    [
        (linear, [0.25, 0.8333333333333333, 1.0, 0.9166666666666666]),
        (position_based, [0.1, 0.7, 1.3, 0.9]),
        (time_decay, [0.26666666666666666, 0.6190476190476191, 1.2666666666666666, 0.8476190476190476]),
        (first_click, [0, 1, 1, 1]),
        (last_click, [0, 0, 2, 1]),
    ],
)
def test_the_rules_of_marketing_attribution_models(model: ModuleType, attribution: list[float]) -> None:
    """alpha, beta, eta, iota, whose touches lie a week apart."""
    found = paths_of(("eiae", 1, 0, 0), ("ibi", 1, 0, 0), ("be", 1, 0, 0), ("ae", 0, 0, 1),
                     ages=[21, 14, 7, 0, 14, 7, 0, 7, 0, 7, 0])  # fmt: skip
    assert model.over(found, {}).conversions == pytest.approx(attribution)


# --- what they get wrong ----------------------------------------------------------------------------------------------


def file_of(*lines: str) -> Paths:
    return _csv.read("\n".join(["path,total_conversions,total_conversion_value,total_null", *lines]).encode()).paths


def test_an_empty_path_is_not_the_previous_rows_channel() -> None:
    shares = first_click.over(file_of("a > b,1,1,0", ",5,5,0", "c,1,1,0"), {})
    assert (list(shares.conversions), shares.baseline_conversions) == ([1, 0, 1], 5)


def test_half_a_conversion_is_half_a_conversion() -> None:
    assert list(last_click.over(file_of("a,0.5,1,0", "b,1.7,1,0"), {}).conversions) == [0.5, 1.7]


def test_a_refund_leaves_the_other_values_what_they_are() -> None:
    assert markov.over(file_of("a,4,100,2", "b,1,-10,2"), {}).value == pytest.approx([100, -10])


def test_a_channel_called_start_does_not_vanish() -> None:
    paths = file_of("(start) > b,1,1,1", "b > (conversion),1,1,1", "(null),1,1,0")
    plain = file_of("3 > 4,1,1,1", "4 > 1,1,1,1", "2,1,1,0")
    assert paths.names == ("(conversion)", "(null)", "(start)", "b")
    assert list(markov.over(paths, {}).conversions) == list(markov.over(plain, {}).conversions)


def test_the_value_of_a_path_that_stands_on_two_rows_is_that_of_both() -> None:
    value = linear.over(file_of("a > b,1,10,0", "c,1,5,0", "a > b,1,32,0"), {}).value
    assert value is not None
    assert list(value) == [21, 21, 5]


def test_digits_belong_to_a_name() -> None:
    assert file_of("fb1 > fb2,1,1,0").names == ("fb1", "fb2")


def test_a_name_within_another_is_another() -> None:
    plain, odd = file_of("x > y,3,3,1", "y,1,1,5"), file_of("P > Paid Search,3,3,1", "Paid Search,1,1,5")
    assert list(markov.over(odd, {}).conversions) == list(markov.over(plain, {}).conversions)


def test_shares_are_those_of_the_removal_effects_and_not_made_even_journey_by_journey(greek: Paths) -> None:
    shares = markov.over(greek, {})
    assert shares.removal_effect is not None
    assert shares.conversions == pytest.approx(6 * shares.removal_effect / shares.removal_effect.sum())


def test_time_decay_goes_by_hours_and_not_by_whole_weeks() -> None:
    shares = time_decay.over(paths_of(("ab", 1, 1, 0), ages=[1 / 24, 0]), {})
    assert shares.conversions[1] / shares.conversions[0] == pytest.approx(2 ** (1 / 24 / 7))


def test_days_are_counted_and_not_only_what_is_left_of_the_last() -> None:
    shares = time_decay.over(paths_of(("ab", 1, 1, 0), ages=[8, 1]), {})
    assert shares.conversions[1] == pytest.approx(2 / 3)
