"""Laws that every model keeps, a new one included as soon as its file is there, and the figures of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.attribution import code_first, opener_assist_closer, participation, position_based, time_decay
from tracker.attribution._paths import Paths
from tracker.domain.catalog import Channel, PartnerKind
from tracker.domain.credits import credit
from tracker.domain.journeys import Candidate, Evidence, Kind, Sale, Touchpoint, judge
from tracker.domain.orders import Status
from tracker.domain.presets import PRESETS
from tracker.domain.rules import (
    BetweenPartners,
    ChannelPolicy,
    CodePolicy,
    Customers,
    Rules,
    SeveralCodes,
    UnearnedCode,
)
from tracker.plugins import discover

ALL_MODELS = discover("tracker.attribution")
MODELS = {name: model for name, model in ALL_MODELS.items() if hasattr(model, "weights")}
PLACED = datetime(2026, 3, 20, 12, tzinfo=UTC)
SALE = Sale(PLACED, Status.PAID)

every_model = pytest.mark.parametrize("model", ALL_MODELS.values(), ids=ALL_MODELS.keys())
every_paying_model = pytest.mark.parametrize(
    "model", [model for model in MODELS.values() if model.MAY_PAY], ids=lambda model: model.NAME
)


def campaign(number: int) -> str:
    return f"{number:031x}c"


def candidate(
    number: int,
    age: float,
    partner: int,
    *,
    code: bool = False,
    program: str = "",
    evidence: Evidence = Evidence.CLICK_ID,
    kind: str = "creator",
    of: int | None = None,
) -> Candidate:
    """A click `age` seconds before the order, or a code on it, of an odd influencer or an even affiliate."""
    return Candidate(
        kind=Kind.CODE if code else Kind.CLICK,
        id=f"{number:032x}",
        at=PLACED if code else PLACED - timedelta(seconds=age),
        evidence=frozenset({Evidence.CODE if code else evidence}),
        partner_id=f"{partner:032x}",
        channel="influence" if partner % 2 else "affiliate",
        campaign_id=campaign(of) if of is not None else None,
        code=f"CODE{number}" if code else None,
        rank=number if code else 0,
        program=program,
        partner_kind=kind,
    )


candidates = st.lists(
    st.builds(
        candidate,
        number=st.integers(0, 30),
        age=st.integers(-100, 40 * 86400) | st.integers(0, 2 * 3600),
        partner=st.integers(1, 4),
        code=st.booleans(),
        program=st.sampled_from(["", "", "", "bot:library"]),
        evidence=st.sampled_from([Evidence.CLICK_ID, Evidence.VISITOR, Evidence.CUSTOMER]),
        kind=st.sampled_from(["creator", "coupon", "cashback"]),
        of=st.none() | st.integers(1, 2),
    ),
    max_size=12,
    unique_by=lambda found: found.key,
)


def _ranked(order: Sequence[Evidence], cuts: Sequence[bool]) -> tuple[tuple[Evidence, ...], ...]:
    """The evidence in this order, cut into ranks; within a rank as the words stand."""
    ranks: list[list[Evidence]] = []
    for evidence, cut in zip(order, cuts, strict=True):
        if cut or not ranks:
            ranks.append([])
        ranks[-1].append(evidence)
    return tuple(tuple(sorted(rank, key=list(Evidence).index)) for rank in ranks)


seconds = st.integers(0, 3 * 86400).map(lambda count: timedelta(seconds=count))
shares = st.fractions(0, 1, max_denominator=12)
precedence = st.builds(
    _ranked, st.permutations(list(Evidence)), st.lists(st.booleans(), min_size=len(Evidence), max_size=len(Evidence))
)
of_a_campaign = {
    "between_partners": st.sampled_from(BetweenPartners),
    "precedence": precedence,
    "channel_policy": st.sampled_from(ChannelPolicy),
    "protection": seconds,
    "protected_from": st.sets(st.sampled_from(PartnerKind)).map(
        lambda kinds: tuple(kind for kind in PartnerKind if kind in kinds)
    ),
    "customers": st.dictionaries(st.sampled_from([*map(str, Channel)]), st.sampled_from(Customers)),
    "closer_shares": st.dictionaries(st.sampled_from(["coupon", "cashback", "creator"]), shares),
    "paying_model": st.sampled_from(sorted(name for name, model in MODELS.items() if model.MAY_PAY)),
}
policies = st.builds(
    Rules,
    several_codes=st.sampled_from(SeveralCodes),
    code_policy=st.sampled_from(CodePolicy),
    code_policies=st.dictionaries(st.integers(0, 9).map(lambda number: f"{number:032x}"), st.sampled_from(CodePolicy)),
    unearned_code=st.sampled_from(UnearnedCode),
    throw_out=seconds,
    windows=st.fixed_dictionaries(
        {"click": st.just(timedelta(days=30))},
        optional={"click:affiliate": seconds.filter(bool), "click:affiliate:coupon": seconds.filter(bool)},
    ),
    campaigns=st.dictionaries(
        st.integers(1, 2).map(campaign), st.fixed_dictionaries({}, optional=of_a_campaign), max_size=2
    ),
    **of_a_campaign,
)
presets = st.sampled_from([Rules.from_json(1, preset.settings) for preset in PRESETS.values()])
rule_sets = presets | policies
sales = st.builds(Sale, st.just(PLACED), st.just(Status.PAID), customer_is_new=st.sampled_from([None, True, False]))


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


# Laws look at every model with weights in each example: what is drawn at random is dearer than what is judged of it.


@given(sale=sales, found=candidates, rules=rule_sets, net=st.integers(0, 10**9))
def test_credits_sum_to_the_net_value_to_the_unit_or_nobody_earns(
    sale: Sale, found: list[Candidate], rules: Rules, net: int
) -> None:
    journey = judge(sale, found, rules)
    for model in MODELS.values():
        credits = credit(journey, net, model.weights, rules, additive=model.ADDITIVE)
        assert bool(credits) == bool(journey.earning), model.NAME
        assert all(journey.touches[one.position].earns and one.amount >= 0 for one in credits), model.NAME
        assert all(isinstance(one.weight, Fraction) and one.weight > 0 for one in credits), model.NAME
        if credits and model.ADDITIVE:
            assert sum(one.weight for one in credits) == 1, model.NAME
            assert sum(one.amount for one in credits) == net, model.NAME
        else:
            assert all(one.amount == net for one in credits), model.NAME


@given(found=candidates, rules=rule_sets)
def test_there_is_a_weight_for_every_touchpoint_that_may_weigh(found: list[Candidate], rules: Rules) -> None:
    touches = judge(SALE, found, rules).earning
    for model in MODELS.values() if touches else ():
        weights = model.weights(touches, rules)
        assert len(weights) == len(touches), model.NAME
        assert all(isinstance(weight, Fraction) and weight >= 0 for weight in weights), model.NAME
        assert sum(weights) == 1 or not model.ADDITIVE, model.NAME


@given(sale=sales, found=candidates, rules=rule_sets, dice=st.randoms(use_true_random=False))
def test_sequence_and_repetition_change_nothing(sale: Sale, found: list[Candidate], rules: Rules, dice: object) -> None:
    shuffled = [*found, *found[: len(found) // 2]]
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert judge(sale, shuffled, rules) == judge(sale, found, rules)
    for model in MODELS.values():
        assert _credits(model, shuffled, rules) == _credits(model, found, rules), model.NAME


@given(found=candidates, rules=rule_sets)
def test_a_click_outside_the_window_or_of_a_bot_changes_nothing(found: list[Candidate], rules: Rules) -> None:
    age = max(window.total_seconds() for window in rules.windows.values()) + 1
    more = [*found, candidate(98, age, 1), candidate(99, 60, 1, program="bot:library")]
    for model in MODELS.values():
        assert _credits(model, more, rules) == _credits(model, found, rules), model.NAME


@given(rules=rule_sets, version=st.integers(1, 99))
def test_a_rule_set_that_is_stored_and_read_again_is_the_same(rules: Rules, version: int) -> None:
    rules = replace(rules, version=version)
    for stored in (rules.to_json(), rules.to_json(whole=True)):
        assert Rules.from_json(version, json.loads(json.dumps(stored))) == rules
    assert Rules.from_json(version, rules.to_json()).to_json() == rules.to_json()


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
    credits = credit(journey, 9999, model.weights, rules, additive=model.ADDITIVE)
    return [(journey.touches[one.position].id, one.weight, one.amount) for one in credits]


# --- opener, assist, closer -------------------------------------------------------------------------------------------


def test_opener_and_closer_take_their_shares_and_those_between_share_the_assist() -> None:
    assert weigh(opener_assist_closer, 9, 7, 5, 3) == [Fraction(3, 10), *[Fraction(3, 20)] * 2, Fraction(2, 5)]


def test_without_an_assist_opener_and_closer_share_in_their_own_proportion() -> None:
    assert weigh(opener_assist_closer, 9, 7) == [Fraction(3, 7), Fraction(4, 7)]
    assert weigh(opener_assist_closer, 9, 7, opener="0", assist="1", closer="0") == [Fraction(1, 2)] * 2


def test_a_bonus_on_top_of_equal_shares_is_what_post_affiliate_pro_gives() -> None:
    bonus = {"opener": "1/4", "assist": "1/4", "closer": "1/2", "on_top": "yes"}
    of_a_hundred = [weight * 100 for weight in weigh(opener_assist_closer, 9, 8, 7, 6, 5, **bonus)]
    assert of_a_hundred == [30, 5, 5, 5, 55]
    assert weigh(opener_assist_closer, 9, 7, **bonus) == [Fraction(3, 8), Fraction(5, 8)]
    assert weigh(opener_assist_closer, 9, **bonus) == [1]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"opener": "-1/5", "assist": "4/5", "closer": "2/5"}, "sum to 1"),
        ({"opener": "1/2"}, "sum to 1"),
        ({"opener": "1/0"}, "such as 3/10"),
        ({"opener": "much"}, "such as 3/10"),
        ({"on_top": "maybe"}, "yes or no"),
    ],
)
def test_opener_assist_closer_refuses_shares_that_are_none(settings: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        weigh(opener_assist_closer, 9, 7, 5, **settings)


# --- participation, code first ----------------------------------------------------------------------------------------


def test_participation_counts_every_touchpoint_whole_and_may_not_pay() -> None:
    assert weigh(participation, 9, 7, 5) == [1, 1, 1]
    assert not participation.ADDITIVE
    assert not participation.MAY_PAY


def test_code_first_gives_all_to_the_touchpoints_with_a_code() -> None:
    found = [candidate(1, 9 * 86400, 1), candidate(2, 86400, 2), candidate(3, 0, 1, code=True)]
    shared = Rules(between_partners=BetweenPartners.SHARED, several_codes=SeveralCodes.SHARE)
    assert code_first.weights(judge(SALE, found, shared).earning, shared) == [1, 0]
    both = [*found, candidate(4, 0, 2, code=True)]
    assert code_first.weights(judge(SALE, both, shared).earning, shared) == [Fraction(1, 2)] * 2


def test_code_first_is_last_click_where_no_code_was_used() -> None:
    assert weigh(code_first, 9, 7, 5) == [0, 0, 1]


# --- models over paths ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [{}, {"opener": "0", "assist": "1", "closer": "0"}, {"on_top": "yes"}],
    ids=["usual", "assist", "on-top"],
)
@pytest.mark.parametrize("model", [opener_assist_closer, code_first], ids=lambda model: model.NAME)
def test_over_paths_a_model_gives_what_its_weights_give_order_by_order(
    model: ModuleType, settings: dict[str, str]
) -> None:
    walks = ["a", "ab", "aba", "bcab", "ccccc"]
    found = model.over(_paths(*walks), settings).conversions
    expected = dict.fromkeys("abc", Fraction(0))
    for walk in walks:
        for name, weight in zip(walk, weigh(model, *range(len(walk), 0, -1), **settings), strict=True):
            expected[name] += weight
    assert list(found) == pytest.approx([float(expected[name]) for name in "abc"], abs=1e-12)


def test_over_paths_participation_gives_each_name_every_path_once() -> None:
    shares = participation.over(_paths("a", "ab", "aba", "bcab", ""), {})
    assert list(shares.conversions) == [4, 3, 1]
    assert shares.value is not None
    assert list(shares.value) == [400, 300, 100]
    assert (shares.baseline_conversions, shares.baseline_value) == (1, 100)


def _paths(*walks: str) -> Paths:
    """Each walk over a, b and c once to an order of 100."""
    return Paths(
        names=("a", "b", "c"),
        codes=np.array(["abc".index(name) for name in "".join(walks)], np.int32),
        offsets=np.cumsum([0, *map(len, walks)]),
        conversions=np.ones(len(walks)),
        value=np.full(len(walks), 100.0),
        nulls=np.zeros(len(walks)),
    )


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
