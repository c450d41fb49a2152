"""Laws that every model keeps, a new one included as soon as its file is there, and the figures of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.attribution import position_based, time_decay
from tracker.domain.credits import credit
from tracker.domain.journeys import Candidate, Evidence, Kind, Sale, Touchpoint, judge
from tracker.domain.orders import Status
from tracker.domain.rules import BetweenPartners, Rules, SeveralCodes
from tracker.plugins import discover

MODELS = discover("tracker.attribution")
PLACED = datetime(2026, 3, 20, 12, tzinfo=UTC)
SALE = Sale(PLACED, Status.PAID)

every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
every_paying_model = pytest.mark.parametrize(
    "model", [model for model in MODELS.values() if model.MAY_PAY], ids=lambda model: model.NAME
)


def candidate(number: int, age: float, partner: int, *, code: bool = False, program: str = "") -> Candidate:
    return Candidate(
        kind=Kind.CODE if code else Kind.CLICK,
        id=f"{number:032x}",
        at=PLACED if code else PLACED - timedelta(seconds=age),
        evidence=frozenset({Evidence.CODE if code else Evidence.CLICK_ID}),
        partner_id=f"{partner:032x}",
        channel="influence" if partner % 2 else "affiliate",
        code=f"CODE{number}" if code else None,
        rank=number if code else 0,
        program=program,
    )


candidates = st.lists(
    st.builds(
        candidate,
        number=st.integers(0, 30),
        age=st.integers(-100, 40 * 86400),
        partner=st.integers(1, 4),
        code=st.booleans(),
        program=st.sampled_from(["", "", "", "bot:library"]),
    ),
    max_size=12,
    unique_by=lambda found: found.key,
)
rule_sets = st.builds(
    Rules, between_partners=st.sampled_from(BetweenPartners), several_codes=st.sampled_from(SeveralCodes)
)


def clicks(*ages_in_days: float) -> tuple[Touchpoint, ...]:
    """One partner's click for each age, the oldest first."""
    found = [candidate(number, age * 86400, 1) for number, age in enumerate(ages_in_days)]
    return judge(SALE, found, Rules()).earning


def weigh(model: ModuleType, *ages: float, **settings: str) -> list[Fraction]:
    weights: list[Fraction] = model.weights(clicks(*ages), Rules(models={model.NAME: settings}))
    return weights


# --- laws -------------------------------------------------------------------------------------------------------------


@every_model
def test_a_model_is_named_as_its_file_and_says_what_it_is(model: ModuleType) -> None:
    assert model.__name__.rpartition(".")[2] == model.NAME
    assert model.TITLE
    assert model.VERSION >= 1
    assert isinstance(model.SETTINGS, Mapping)
    assert model.ADDITIVE or not model.MAY_PAY


@every_model
@given(found=candidates, rules=rule_sets, net=st.integers(0, 10**9))
def test_credits_sum_to_the_net_value_to_the_unit(
    model: ModuleType, found: list[Candidate], rules: Rules, net: int
) -> None:
    journey = judge(SALE, found, rules)
    if not model.ADDITIVE or not journey.earning:
        return
    weights = model.weights(journey.earning, rules)
    assert all(isinstance(weight, Fraction) and weight >= 0 for weight in weights)
    assert (len(weights), sum(weights)) == (len(journey.earning), 1)
    credits = credit(journey, net, model.weights, rules)
    assert sum(one.amount for one in credits) == net
    assert all(one.amount >= 0 for one in credits)
    assert all(journey.touches[one.position].earns for one in credits)


@every_model
@given(found=candidates, rules=rule_sets, dice=st.randoms(use_true_random=False))
def test_sequence_and_repetition_change_nothing(
    model: ModuleType, found: list[Candidate], rules: Rules, dice: object
) -> None:
    shuffled = [*found, *found[: len(found) // 2]]
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert _credits(model, shuffled, rules) == _credits(model, found, rules)


@every_model
@given(found=candidates, rules=rule_sets, age=st.integers(30 * 86400 + 1, 10**8))
def test_a_click_outside_the_window_changes_nothing(
    model: ModuleType, found: list[Candidate], rules: Rules, age: int
) -> None:
    assert _credits(model, [*found, candidate(99, age, 1)], rules) == _credits(model, found, rules)


@every_model
@given(found=candidates, rules=rule_sets)
def test_a_bots_click_changes_nothing(model: ModuleType, found: list[Candidate], rules: Rules) -> None:
    bot = candidate(99, 60, 1, program="bot:library")
    assert _credits(model, [*found, bot], rules) == _credits(model, found, rules)


@every_paying_model
def test_a_single_touchpoint_takes_all(model: ModuleType) -> None:
    assert weigh(model, 3) == [1]


@every_paying_model
def test_a_thousand_touchpoints_are_weighed_exactly(model: ModuleType) -> None:
    assert sum(model.weights(clicks(*(29 - number / 40 for number in range(1000))), Rules())) == 1


@every_paying_model
def test_touchpoints_at_one_moment_are_told_apart_by_id(model: ModuleType) -> None:
    found = [candidate(number, 86400, number) for number in (3, 1, 2)]
    assert [touch.id for touch in judge(SALE, found, Rules()).earning] == [f"{number:032x}" for number in (1, 2, 3)]
    assert _credits(model, found, Rules()) == _credits(model, found[::-1], Rules())


def _credits(model: ModuleType, found: Sequence[Candidate], rules: Rules) -> list[tuple[str, Fraction, int]]:
    journey = judge(SALE, found, rules)
    credits = credit(journey, 9999, model.weights, rules)
    return [(journey.touches[one.position].id, one.weight, one.amount) for one in credits]


# --- position based ---------------------------------------------------------------------------------------------------


def test_position_based_gives_the_ends_two_fifths_each_and_the_middle_the_rest() -> None:
    assert weigh(position_based, 9, 7, 5, 3) == [Fraction(2, 5), Fraction(1, 10), Fraction(1, 10), Fraction(2, 5)]


def test_position_based_shares_two_touches_by_the_shares_of_the_ends() -> None:
    assert weigh(position_based, 9, 7) == [Fraction(1, 2)] * 2
    assert weigh(position_based, 9, 7, first="0.2", last="0.6") == [Fraction(1, 4), Fraction(3, 4)]
    assert weigh(position_based, 9, 7, first="0", last="0") == [Fraction(1, 2)] * 2


def test_position_based_may_leave_the_middle_nothing_or_everything() -> None:
    assert weigh(position_based, 9, 7, 5, first="1/3", last="2/3") == [Fraction(1, 3), 0, Fraction(2, 3)]
    assert weigh(position_based, 9, 7, 5, first="0", last="0") == [0, 1, 0]


@pytest.mark.parametrize(("first", "last"), [("-1/5", "2/5"), ("3/5", "3/5"), ("some", "2/5")])
def test_position_based_refuses_shares_that_are_none(first: str, last: str) -> None:
    with pytest.raises(ValueError, match=r"position_based|Invalid literal"):
        weigh(position_based, 9, 7, 5, first=first, last=last)


# --- time decay -------------------------------------------------------------------------------------------------------


def test_time_decay_halves_a_weight_for_each_half_life() -> None:
    assert weigh(time_decay, 14, 7, 0) == [Fraction(1, 7), Fraction(2, 7), Fraction(4, 7)]
    assert weigh(time_decay, 2, 1, half_life_days="1") == [Fraction(1, 3), Fraction(2, 3)]


def test_time_decay_counts_to_the_moment_and_is_the_same_everywhere() -> None:
    older, younger = weigh(time_decay, 10, 1)
    assert abs(float(older / younger) - 2 ** (-9 / 7)) < 1e-12
    assert older == Fraction(28862984403397, 99231728581061)


def test_time_decay_keeps_very_old_touches_apart() -> None:
    rules = Rules(windows={"click": timedelta(days=365)}, models={"time_decay": {"half_life_days": "0.01"}})
    touches = judge(SALE, [candidate(1, 300 * 86400, 1), candidate(2, 299.99 * 86400, 1)], rules).earning
    assert time_decay.weights(touches, rules) == [Fraction(1, 3), Fraction(2, 3)]


def test_time_decay_refuses_a_half_life_of_nothing() -> None:
    with pytest.raises(ValueError, match="half-life"):
        weigh(time_decay, 2, 1, half_life_days="0")
