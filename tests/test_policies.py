"""Each policy of a rule set, on journeys of a few touchpoints, and each published policy that is a preset.

Partners with odd numbers influence, those with even ones are affiliates: Alice is 1, Bob 2, Carol 3, Dan 4. Ages are
in seconds before the order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from tests.conftest import Ledger
from tests.given import NOON, World
from tests.test_models import PLACED, SALE, campaign, candidate
from tracker.catalog import Desk, partners
from tracker.domain.catalog import PartnerKind
from tracker.domain.credits import credit
from tracker.domain.ids import derived_id
from tracker.domain.journeys import Candidate, Evidence, Journey, Reason, Rule, Sale, judge
from tracker.domain.presets import PRESETS
from tracker.domain.rules import (
    CAMPAIGN_SETTINGS,
    BetweenPartners,
    ChannelPolicy,
    CodePolicy,
    Customers,
    Rules,
    SeveralCodes,
    UnearnedCode,
)
from tracker.ledger.tables import Campaign, CreditSet, Link
from tracker.plugins import discover
from tracker.reports._shape import Scope, run

ALICE, BOB, CAROL, DAN = (f"{number:032x}" for number in (1, 2, 3, 4))
NAMES = {ALICE: "Alice", BOB: "Bob", CAROL: "Carol", DAN: "Dan"}
HOUR = 3600.0
DAY = 24 * HOUR
SHARED = BetweenPartners.SHARED
VISITOR, CUSTOMER = Evidence.VISITOR, Evidence.CUSTOMER


def told(found: list[Candidate], rules: Rules, sale: Sale = SALE) -> list[tuple[str, str]]:
    """The journey: who, and "earns" or the reason why not."""
    touches = judge(sale, found, rules).touches
    return [(NAMES[touch.partner_id], touch.reason.value if touch.reason else "earns") for touch in touches]


def lost(journey: Journey) -> dict[str, Reason | None]:
    """The reason of each candidate that does not stand in the journey, by id."""
    return {one.candidate.id: one.reason for one in journey.findings if one.position is None}


def paid(found: list[Candidate], rules: Rules, net: int = 1000) -> dict[str, int]:
    """Who gets what of the net value under the paying model."""
    journey = judge(SALE, found, rules)
    model = discover("tracker.attribution")[rules.under(journey.campaign_id).paying_model]
    amounts: dict[str, int] = {}
    for one in credit(journey, net, model.weights, rules):
        name = NAMES[journey.touches[one.position].partner_id]
        amounts[name] = amounts.get(name, 0) + one.amount
    return amounts


# --- windows ----------------------------------------------------------------------------------------------------------


def test_the_most_particular_window_holds() -> None:
    windows = {"click": 30, "click:affiliate": 7, "click:affiliate:coupon": 1}
    rules = Rules(windows={name: timedelta(days=days) for name, days in windows.items()})
    found = [
        candidate(1, 2 * DAY, 2, kind="coupon"),
        candidate(2, 2 * DAY, 4, kind="media"),
        candidate(3, 8 * DAY, 4, kind="media"),
        candidate(4, 8 * DAY, 1, kind="coupon"),
    ]
    journey = judge(SALE, found, rules)
    assert lost(journey) == {found[0].id: Reason.OUTSIDE_WINDOW, found[2].id: Reason.OUTSIDE_WINDOW}


@pytest.mark.parametrize(("seconds", "reason"), [(DAY, None), (DAY + 1, Reason.OUTSIDE_WINDOW)])
def test_the_boundary_of_a_kinds_window_is_inside_it(seconds: float, reason: Reason | None) -> None:
    rules = Rules(windows={"click:affiliate:coupon": timedelta(days=1)})
    (finding,) = judge(SALE, [candidate(1, seconds, 2, kind="coupon")], rules).findings
    assert finding.reason is reason


# --- precedence -------------------------------------------------------------------------------------------------------

CLICK_CODE_VISITOR = [
    candidate(1, 3 * DAY, 1),
    candidate(2, 2 * DAY, 4, evidence=VISITOR),
    candidate(3, DAY, 3, evidence=CUSTOMER),
    candidate(4, 0, 2, code=True),
]


def hierarchy(*ranks: str) -> Rules:
    read = Rules.from_json(1, {"precedence": [rank.split("=") for rank in ranks]})
    return replace(read, between_partners=BetweenPartners.HIERARCHY)


@pytest.mark.parametrize(
    ("ranks", "earning"),
    [
        (("click_id", "code", "visitor", "customer"), ["Alice"]),
        (("code", "click_id", "visitor", "customer"), ["Bob"]),
        (("visitor", "customer", "click_id", "code"), ["Dan"]),
        (("customer", "visitor", "click_id", "code"), ["Carol"]),
        (("visitor=code", "click_id", "customer"), ["Dan", "Bob"]),
        (("click_id=code=visitor=customer",), ["Alice", "Dan", "Carol", "Bob"]),
    ],
)
def test_in_a_hierarchy_only_the_strongest_evidence_that_is_there_earns(
    ranks: tuple[str, ...], earning: list[str]
) -> None:
    journey = told(CLICK_CODE_VISITOR, hierarchy(*ranks))
    assert [name for name, why in journey if why == "earns"] == earning
    assert {why for _, why in journey} <= {"earns", "weaker_evidence"}


def test_evidence_that_is_not_there_takes_nobody_out() -> None:
    found = [candidate(1, DAY, 1, evidence=VISITOR), candidate(2, HOUR, 2, evidence=CUSTOMER)]
    rules = hierarchy("code", "click_id", "customer", "visitor")
    assert told(found, rules) == [("Alice", "weaker_evidence"), ("Bob", "earns")]
    assert judge(SALE, found, rules).rule is Rule.STRONGEST_EVIDENCE


def test_a_touchpoint_is_as_strong_as_its_strongest_evidence() -> None:
    found = [candidate(1, DAY, 1, evidence=VISITOR), candidate(2, HOUR, 2), candidate(3, 0, 1, code=True)]
    assert told(found, hierarchy("code", "click_id", "visitor", "customer"))[0] == ("Alice", "earns")


def test_one_partner_alone_keeps_touchpoints_of_every_evidence() -> None:
    found = [candidate(1, DAY, 1, evidence=VISITOR), candidate(2, HOUR, 1)]
    rules = hierarchy("click_id", "code", "visitor", "customer")
    assert [why for _, why in told(found, rules)] == ["earns", "earns"]
    assert judge(SALE, found, rules).rule is Rule.SOLE_PARTNER


# --- campaigns --------------------------------------------------------------------------------------------------------


def under(number: int, **settings: Any) -> Rules:
    return Rules.from_json(1, {"campaigns": {campaign(number): settings}})


def test_the_campaign_of_the_code_that_counts_governs_the_order() -> None:
    rules = under(7, between_partners="shared", paying_model="linear")
    found = [candidate(1, DAY, 1, of=8), candidate(2, 0, 2, code=True, of=7)]
    assert judge(SALE, found, rules).campaign_id == campaign(7)
    assert paid(found, rules) == {"Alice": 500, "Bob": 500}


def test_without_a_code_the_closers_campaign_governs_the_order() -> None:
    rules = under(7, paying_model="first_click")
    opened, closed = candidate(1, DAY, 1, of=8), candidate(2, HOUR, 2, of=7)
    assert paid([opened, closed], rules) == {"Alice": 1000}
    assert paid([opened, replace(closed, campaign_id=campaign(8))], rules) == {"Bob": 1000}


def test_a_code_of_no_campaign_leaves_the_order_to_the_closers() -> None:
    rules = under(7, between_partners="click_wins")
    found = [candidate(1, DAY, 1, of=7), candidate(2, 0, 1, code=True), candidate(3, DAY / 2, 3, of=7)]
    assert judge(SALE, found, rules).campaign_id == campaign(7)


def test_a_campaign_without_settings_of_its_own_leaves_the_rule_set_as_it_is() -> None:
    found = [candidate(1, DAY, 1, of=8)]
    assert judge(SALE, found, under(7, paying_model="linear")).campaign_id is None


def test_a_closer_whose_channel_earns_nothing_governs_nothing() -> None:
    mailed = replace(candidate(2, HOUR, 4, of=7), channel="email")
    assert judge(SALE, [candidate(1, DAY, 1, of=8), mailed], under(7, paying_model="linear")).campaign_id is None


def test_a_code_that_does_not_count_governs_nothing() -> None:
    rules = replace(under(7, paying_model="first_click"), code_policy=CodePolicy.IF_INVOLVED)
    found = [candidate(1, DAY, 1), candidate(2, HOUR, 3), candidate(9, 0, 2, code=True, of=7)]
    assert judge(SALE, found, rules).campaign_id is None
    assert paid(found, rules) == {"Carol": 1000}


# --- the policy of a code ---------------------------------------------------------------------------------------------

HIS_CODE = candidate(9, 0, 2, code=True)
POLICIES = [(CodePolicy.ALWAYS, "always"), (CodePolicy.IF_INVOLVED, "involved"), (CodePolicy.IF_WINNER, "winner")]


@pytest.mark.parametrize(
    ("clicks", "counts"),
    [
        ([], {"always"}),
        ([candidate(1, DAY, 1)], {"always"}),
        ([candidate(1, DAY, 2), candidate(2, HOUR, 1)], {"always", "involved"}),
        ([candidate(1, DAY, 1), candidate(2, HOUR, 2)], {"always", "involved", "winner"}),
        ([candidate(1, 31 * DAY, 2), candidate(2, HOUR, 1)], {"always"}),
    ],
    ids=["no-click", "anothers-click", "an-earlier-click", "the-last-click", "a-click-outside-the-window"],
)
def test_a_code_counts_as_its_policy_says(clicks: list[Candidate], counts: set[str]) -> None:
    for policy, name in POLICIES:
        journey = judge(SALE, [*clicks, HIS_CODE], Rules(code_policy=policy))
        earning = {NAMES[touch.partner_id] for touch in journey.earning if touch.code}
        assert (earning == {"Bob"}) == (name in counts), name


def test_a_code_that_does_not_count_leaves_the_sale_to_the_others() -> None:
    found = [candidate(1, DAY, 1), HIS_CODE]
    rules = Rules(code_policy=CodePolicy.IF_INVOLVED)
    assert told(found, rules) == [("Alice", "earns"), ("Bob", "code_owner_not_involved")]
    assert judge(SALE, found, rules).rule is Rule.SOLE_PARTNER


def test_the_policy_of_a_code_is_its_own_however_it_is_spelled() -> None:
    rules = Rules.from_json(1, {"code_policies": {" Alice10": "if_winner"}})
    assert rules.code_policies == {"alice10": CodePolicy.IF_WINNER}


def test_a_code_that_does_not_count_adds_nothing_to_its_owners_click() -> None:
    found = [candidate(1, DAY, 2), candidate(2, HOUR, 1), HIS_CODE]
    journey = judge(SALE, found, Rules(code_policy=CodePolicy.IF_WINNER, between_partners=SHARED))
    assert [touch.code for touch in journey.touches] == [None, None]
    assert lost(journey) == {HIS_CODE.id: Reason.CODE_OWNER_NOT_WINNER}


@pytest.mark.parametrize("policy", [CodePolicy.IF_INVOLVED, CodePolicy.IF_WINNER])
def test_or_it_leaves_the_sale_to_nobody(policy: CodePolicy) -> None:
    rules = Rules(code_policy=policy, unearned_code=UnearnedCode.TO_NOBODY)
    journey = judge(SALE, [candidate(1, DAY, 1), HIS_CODE], rules)
    assert (journey.earning, journey.reason, journey.rule) == ((), Reason.CODE_UNEARNED, Rule.ORDER_EARNS_NOTHING)
    assert {touch.reason for touch in journey.touches} == {Reason.CODE_UNEARNED}
    assert judge(SALE, [candidate(1, DAY, 2), HIS_CODE], rules).earning


def test_another_code_that_counts_saves_the_sale() -> None:
    rules = Rules(
        code_policy=CodePolicy.IF_INVOLVED,
        code_policies={f"{10:032x}": CodePolicy.ALWAYS},
        unearned_code=UnearnedCode.TO_NOBODY,
    )
    found = [HIS_CODE, candidate(10, 0, 1, code=True)]
    assert told(found, rules) == [("Alice", "earns"), ("Bob", "code_owner_not_involved")]


def test_where_only_a_code_that_does_not_count_is_there_nobody_earns() -> None:
    journey = judge(SALE, [HIS_CODE], Rules(code_policy=CodePolicy.IF_INVOLVED))
    assert (journey.earning, journey.reason, journey.rule) == ((), None, Rule.NONE_MAY_EARN)


def test_of_two_codes_of_one_owner_the_one_that_counts_speaks() -> None:
    rules = Rules(code_policies={HIS_CODE.id: CodePolicy.IF_INVOLVED})
    journey = judge(SALE, [HIS_CODE, candidate(10, 0, 2, code=True)], rules)
    assert [touch.code for touch in journey.earning] == ["CODE10"]
    assert lost(journey) == {HIS_CODE.id: Reason.CODE_OWNER_NOT_INVOLVED}


# --- several codes ----------------------------------------------------------------------------------------------------

CODES = [candidate(number, 0, partner, code=True) for number, partner in ((1, 2), (2, 1), (3, 4))]


@pytest.mark.parametrize(
    ("several", "earning", "reason"),
    [
        (SeveralCodes.FIRST, {"Bob"}, "another_code_came_first"),
        (SeveralCodes.LAST, {"Dan"}, "another_code_came_last"),
        (SeveralCodes.SHARE, {"Alice", "Bob", "Dan"}, None),
        (SeveralCodes.INFLUENCE_FIRST, {"Alice"}, "influence_code_counts"),
    ],
)
def test_of_several_codes_those_count_that_the_setting_names(
    several: SeveralCodes, earning: set[str], reason: str | None
) -> None:
    journey = told(CODES, Rules(several_codes=several))
    assert {name for name, why in journey if why == "earns"} == earning
    assert {why for _, why in journey} - {"earns"} == ({reason} if reason else set())


def test_without_an_influencers_code_the_first_counts() -> None:
    journey = told([CODES[0], CODES[2]], Rules(several_codes=SeveralCodes.INFLUENCE_FIRST))
    assert journey == [("Dan", "another_code_came_first"), ("Bob", "earns")]


# --- channels ---------------------------------------------------------------------------------------------------------

BOTH = [candidate(1, 3 * DAY, 1), candidate(2, 2 * DAY, 2), candidate(3, DAY, 3)]


@pytest.mark.parametrize(
    ("policy", "earning", "rule"),
    [
        (ChannelPolicy.ALL, ["Alice", "Bob", "Carol"], Rule.ALL_SHARE),
        (ChannelPolicy.LAST_CHANNEL_WINS, ["Alice", "Carol"], Rule.LAST_CHANNEL),
        (ChannelPolicy.FIRST_CHANNEL_WINS, ["Alice", "Carol"], Rule.FIRST_CHANNEL),
        (ChannelPolicy.AFFILIATE_ONLY_WITHOUT_INFLUENCE, ["Alice", "Carol"], Rule.INFLUENCE_BEFORE_AFFILIATES),
    ],
)
def test_a_channel_policy_decides_between_channels(policy: ChannelPolicy, earning: list[str], rule: Rule) -> None:
    journey = judge(SALE, BOTH, Rules(channel_policy=policy))
    assert [NAMES[touch.partner_id] for touch in journey.earning] == earning
    assert journey.rule is rule


def test_the_last_channel_is_that_of_the_last_touchpoint_and_the_first_that_of_the_first() -> None:
    found = [candidate(1, 2 * DAY, 1), candidate(2, DAY, 2)]
    last, first = (Rules(channel_policy=policy) for policy in (
        ChannelPolicy.LAST_CHANNEL_WINS, ChannelPolicy.FIRST_CHANNEL_WINS
    ))  # fmt: skip
    assert told(found, last) == [("Alice", "another_channel_came_last"), ("Bob", "earns")]
    assert told(found, first) == [("Alice", "earns"), ("Bob", "another_channel_came_first")]


def test_affiliates_earn_where_no_influence_is_in_the_window() -> None:
    rules = Rules(channel_policy=ChannelPolicy.AFFILIATE_ONLY_WITHOUT_INFLUENCE)
    found = [candidate(1, 31 * DAY, 1), candidate(2, DAY, 2)]
    assert told(found, rules) == [("Bob", "earns")]
    assert told([candidate(1, 30 * DAY, 1), found[1]], rules) == [("Alice", "earns"), ("Bob", "influence_in_journey")]


def test_a_channel_that_may_not_earn_takes_its_codes_with_it() -> None:
    rules = Rules(channel_policy=ChannelPolicy.AFFILIATE_ONLY_WITHOUT_INFLUENCE)
    assert told([candidate(1, DAY, 1), HIS_CODE], rules) == [("Alice", "earns"), ("Bob", "influence_in_journey")]


PROTECTED = Rules(channel_policy=ChannelPolicy.INFLUENCE_PROTECTED, protection=timedelta(seconds=600))


@pytest.mark.parametrize(
    ("click", "why"),
    [
        (candidate(2, 600, 2, kind="coupon"), "influence_is_protected"),
        (candidate(2, 600.9, 2, kind="cashback"), "influence_is_protected"),
        (candidate(2, 601, 2, kind="coupon"), "earns"),
        (candidate(2, 5, 2, kind="media"), "earns"),
        (candidate(2, -30, 2, kind="coupon"), "influence_is_protected"),
        (candidate(2, 5, 3, kind="coupon"), "earns"),
    ],
    ids=["on-the-second", "within-the-second", "a-second-earlier", "another-kind", "in-the-skew", "influence-itself"],
)
def test_influence_is_protected_from_late_clicks_of_some_kinds(click: Candidate, why: str) -> None:
    journey = told([candidate(1, DAY, 1), click], PROTECTED)
    assert journey[0] == ("Alice", "earns")
    assert journey[1][1] == why


def test_without_influence_there_is_nothing_to_protect() -> None:
    found = [candidate(1, DAY, 4, kind="media"), candidate(2, 5, 2, kind="coupon")]
    assert told(found, PROTECTED) == [("Dan", "earns"), ("Bob", "earns")]


def test_protection_is_from_clicks_and_a_code_alone_is_none() -> None:
    code = replace(HIS_CODE, partner_kind="coupon")
    assert told([candidate(1, DAY, 1), code], PROTECTED) == [("Alice", "code_of_another_partner"), ("Bob", "earns")]


def late_with_code(rules: Rules) -> str:
    """What becomes of a coupon site whose code was used after a late click there, beside influence."""
    code = replace(HIS_CODE, partner_kind="coupon")
    return told([candidate(1, DAY, 1, evidence=VISITOR), candidate(2, 5, 2, kind="coupon"), code], rules)[1][1]


def test_a_used_code_that_needs_no_click_is_not_lost_by_a_late_one() -> None:
    assert late_with_code(PROTECTED) == "earns"
    assert late_with_code(replace(PROTECTED, between_partners=SHARED)) == "earns"
    first = replace(hierarchy("code", "visitor", "click_id", "customer"), channel_policy=PROTECTED.channel_policy)
    assert late_with_code(first) == "earns"


def test_a_late_click_carries_no_code_that_would_not_earn_without_it() -> None:
    assert late_with_code(replace(PROTECTED, between_partners=BetweenPartners.CLICK_WINS)) == "influence_is_protected"
    assert late_with_code(replace(PROTECTED, code_policy=CodePolicy.IF_INVOLVED)) == "influence_is_protected"
    last = replace(hierarchy("visitor", "click_id", "customer", "code"), channel_policy=PROTECTED.channel_policy)
    assert late_with_code(last) == "influence_is_protected"


@pytest.mark.parametrize("between", [BetweenPartners.CODE_WINS, BetweenPartners.CLICK_WINS, SHARED])
def test_influence_is_protected_by_a_code_as_by_a_click(between: BetweenPartners) -> None:
    found = [candidate(1, 5, 2, kind="coupon"), candidate(9, 0, 1, code=True)]
    journey = told(found, replace(PROTECTED, between_partners=between))
    assert journey == [("Bob", "influence_is_protected"), ("Alice", "earns")]


# --- new and returning customers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "is_new", "bob"),
    [
        (Customers.NEW, True, "earns"),
        (Customers.NEW, None, "earns"),
        (Customers.NEW, False, "only_new_customers"),
        (Customers.RETURNING, True, "only_returning_customers"),
        (Customers.RETURNING, None, "only_returning_customers"),
        (Customers.RETURNING, False, "earns"),
        (Customers.ALL, False, "earns"),
    ],
)
def test_a_channel_earns_from_the_customers_it_is_meant_for(wanted: Customers, is_new: bool | None, bob: str) -> None:
    rules = Rules(customers={"affiliate": wanted})
    sale = replace(SALE, customer_is_new=is_new)
    found = [candidate(1, DAY, 1), candidate(2, HOUR, 2)]
    assert told(found, rules, sale) == [("Alice", "earns"), ("Bob", bob)]


def test_where_only_such_a_channel_had_a_hand_nobody_earns() -> None:
    journey = judge(
        replace(SALE, customer_is_new=False), [candidate(1, DAY, 2)], Rules(customers={"affiliate": Customers.NEW})
    )
    assert (journey.earning, journey.rule) == ((), Rule.KIND_OF_CUSTOMER)


RETURNING = replace(SALE, customer_is_new=False)


@pytest.mark.parametrize("several", SeveralCodes)
def test_a_code_that_cannot_earn_from_the_customer_makes_no_other_give_way(several: SeveralCodes) -> None:
    for channel, loser in (("affiliate", "Bob"), ("influence", "Alice")):
        rules = Rules(several_codes=several, customers={channel: Customers.NEW})
        for codes in (CODES[:2], [replace(code, rank=-code.rank) for code in CODES[:2]]):
            why = dict(told(codes, rules, RETURNING))
            assert why.pop(loser) == "only_new_customers"
            assert [*why.values()] == ["earns"]


def test_a_code_whose_campaign_takes_every_customer_may_earn_from_each() -> None:
    rules = replace(under(7, customers={}), customers={"affiliate": Customers.NEW})
    codes = [candidate(1, 0, 2, code=True, of=7), candidate(2, 0, 1, code=True)]
    assert told(codes, rules, RETURNING) == [("Alice", "another_code_came_first"), ("Bob", "earns")]


# --- repeated clicks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("apart", "stand"), [(59, 1), (60, 1), (61, 2)])
def test_of_a_partners_clicks_within_the_throw_out_period_the_last_stands(apart: int, stand: int) -> None:
    found = [candidate(1, 1000 + apart, 1), candidate(2, 1000, 1)]
    journey = judge(SALE, found, Rules(throw_out=timedelta(seconds=60)))
    assert [touch.id for touch in journey.touches][-stand:] == [one.id for one in found][-stand:]
    assert lost(journey) == ({found[0].id: Reason.REPEATED_CLICK} if stand == 1 else {})


def test_the_period_runs_from_a_click_that_stands_not_from_one_that_was_thrown_out() -> None:
    found = [candidate(number, age, 1) for number, age in enumerate((1000, 1050, 1100))]
    journey = judge(SALE, found, Rules(throw_out=timedelta(seconds=60)))
    assert [touch.age.total_seconds() for touch in journey.touches] == [1100, 1000]


def test_another_partners_click_is_no_repetition() -> None:
    found = [candidate(1, 1001, 1), candidate(2, 1000, 2)]
    assert len(judge(SALE, found, Rules(throw_out=timedelta(days=1))).touches) == 2


def test_what_tied_a_repeated_click_to_the_order_ties_the_one_that_stands() -> None:
    found = [candidate(1, 1001, 1), candidate(2, 1000, 1, evidence=VISITOR)]
    (touch,) = judge(SALE, found, Rules(throw_out=timedelta(seconds=60))).touches
    assert touch.evidence == (Evidence.CLICK_ID, VISITOR)


# --- the closer's fixed share -----------------------------------------------------------------------------------------

EXCEPTIONS = Rules(
    between_partners=SHARED,
    paying_model="linear",
    closer_shares={"cashback": Fraction(1), "coupon": Fraction(1, 2)},
)


@pytest.mark.parametrize(
    ("kind", "amounts"),
    [
        ("cashback", {"Bob": 999}),
        ("coupon", {"Alice": 250, "Bob": 749}),
        ("media", {"Alice": 500, "Bob": 499}),
    ],
)
def test_a_closer_of_some_kinds_has_a_fixed_share_and_its_share_of_the_rest(
    kind: str, amounts: Mapping[str, int]
) -> None:
    found = [candidate(1, DAY, 1), candidate(2, HOUR, 2, kind=kind)]
    assert paid(found, EXCEPTIONS, net=999) == amounts


def test_the_share_is_the_last_of_those_who_may_earn_and_of_nobody_else() -> None:
    coupon = candidate(1, DAY, 2, kind="coupon")
    assert paid([coupon, candidate(2, HOUR, 1)], EXCEPTIONS) == {"Alice": 500, "Bob": 500}
    mailed = replace(candidate(2, HOUR, 4), channel="email")
    assert paid([candidate(3, 2 * DAY, 1), coupon, mailed], EXCEPTIONS) == {"Alice": 250, "Bob": 750}


def test_a_model_that_does_not_sum_has_no_fixed_shares() -> None:
    journey = judge(SALE, [candidate(1, DAY, 1), candidate(2, HOUR, 2, kind="coupon")], EXCEPTIONS)
    participation = discover("tracker.attribution")["participation"]
    credits = credit(journey, 999, participation.weights, EXCEPTIONS, additive=False)
    assert [(str(one.weight), one.amount) for one in credits] == [("1", 999), ("1", 999)]


# --- presets ----------------------------------------------------------------------------------------------------------


def preset(name: str) -> Rules:
    return Rules.from_json(1, PRESETS[name].settings)


ANOTHERS_CLICK = [candidate(1, DAY, 1), HIS_CODE]
HIS_CLICK_THEN_ANOTHERS = [candidate(1, DAY, 2), candidate(2, HOUR, 1), HIS_CODE]
ANOTHERS_CLICK_THEN_HIS = [candidate(1, DAY, 1), candidate(2, HOUR, 2), HIS_CODE]
TWO_CLICKS = [candidate(1, DAY, 1), candidate(2, HOUR, 2, evidence=VISITOR)]


@pytest.mark.parametrize(
    ("name", "by_story"),
    [
        ("default", ("Bob", "Bob", "Bob", "Bob")),
        ("impact_always", ("Bob", "Bob", "Bob", "Bob")),
        ("impact_if_involved", ("", "Bob", "Bob", "Bob")),
        ("impact_if_winner", ("", "", "Bob", "Bob")),
        ("everflow_click", ("Alice", "Alice", "Bob", "Alice")),
        ("everflow_coupon", ("Bob", "Bob", "Bob", "Alice")),
        ("commission_factory", ("Bob", "Bob", "Bob", "Bob")),
        ("code_overrides", ("Bob", "Bob", "Bob", "Bob")),
        ("first_bind", ("Alice", "Bob", "Alice", "Alice")),
        ("cake_first", ("Alice", "Bob", "Alice", "Alice")),
        ("influence_protected", ("Bob", "Bob", "Bob", "Bob")),
    ],
)
def test_a_preset_credits_as_its_source_says(name: str, by_story: tuple[str, ...]) -> None:
    stories = (ANOTHERS_CLICK, HIS_CLICK_THEN_ANOTHERS, ANOTHERS_CLICK_THEN_HIS, TWO_CLICKS)
    credited = tuple("".join(paid(story, preset(name))) for story in stories)
    assert credited == by_story


def test_the_bonus_preset_gives_five_partners_what_its_source_prints() -> None:
    found = [replace(candidate(number, (9 - number) * DAY, 1), partner_id=f"{number:032x}") for number in range(1, 6)]
    rules = preset("first_last_bonus")
    journey = judge(SALE, found, rules)
    model = discover("tracker.attribution")[rules.paying_model]
    assert [one.amount for one in credit(journey, 100, model.weights, rules)] == [30, 5, 5, 5, 55]


def test_the_exceptions_preset_gives_late_cashback_all_and_a_late_coupon_half_and_its_share() -> None:
    rules = preset("closer_exceptions")
    opened = candidate(1, DAY, 1)
    assert paid([opened, candidate(2, HOUR, 2, kind="cashback")], rules) == {"Bob": 1000}
    assert paid([opened, candidate(2, HOUR, 2, kind="coupon")], rules) == {"Alice": 250, "Bob": 750}
    assert paid([opened, candidate(2, HOUR, 2)], rules) == {"Alice": 500, "Bob": 500}


def test_the_protecting_preset_keeps_the_last_half_hour_from_coupon_sites() -> None:
    opened = candidate(1, DAY, 1)
    assert paid([opened, candidate(2, 1800, 2, kind="coupon")], preset("influence_protected")) == {"Alice": 1000}
    assert paid([opened, candidate(2, 1801, 2, kind="coupon")], preset("influence_protected")) == {"Bob": 1000}


def test_the_first_partner_keeps_the_customer_over_later_orders() -> None:
    later = replace(SALE, previous_at=PLACED - timedelta(days=100))
    bound = [candidate(1, 200 * DAY, 1), candidate(2, DAY, 2)]
    assert told(bound, preset("first_bind"), later)[0] == ("Alice", "earns")
    assert told(bound, preset("default"), later) == [("Bob", "earns")]


def test_every_preset_says_what_it_is_and_is_a_rule_set_that_may_pay() -> None:
    for name, one in PRESETS.items():
        assert (one.name, bool(one.title), one.sentence[-1]) == (name, True, ".")
        model = discover("tracker.attribution")[preset(name).paying_model]
        assert model.MAY_PAY
        assert all(named == model.NAME for named in one.settings.get("models", {}))
    assert Rules.from_json(1, PRESETS["default"].settings) == Rules()


def test_a_preset_over_another_leaves_nothing_of_it_and_all_that_is_the_brands() -> None:
    own = {
        "excluded_sources": ["pos"],
        "code_policies": {"alice10": "if_involved"},
        "models": {"time_decay": {"half_life_days": "3"}},
        "campaigns": {campaign(1): {"paying_model": "linear"}},
    }
    twice = PRESETS["default"].over(PRESETS["impact_if_winner"].over(own))
    assert Rules.from_json(1, twice) == Rules.from_json(1, own)
    bonus = PRESETS["first_last_bonus"].over(own)
    assert bonus["models"].keys() == {"time_decay", "opener_assist_closer"}


# --- settings that cannot be ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"precedence": ["click_id", "code"]}, "precedence: want each of click_id, code, visitor, customer once"),
        ({"precedence": ["click_id", "code", "code", "visitor", "customer"]}, "once, the strongest first"),
        ({"precedence": ["click_id", [], "code", "visitor", "customer"]}, "once, the strongest first"),
        ({"precedence": "click_id"}, "precedence: want a list"),
        ({"code_policies": {"alice10": "sometimes"}}, "code_policies alice10: want always, if_involved, if_winner"),
        ({"code_policies": ["alice10"]}, "code_policies: want names with a value each"),
        ({"channel_policy": ["all"]}, "channel_policy: want all, last_channel_wins"),
        ({"protected_from": ["coupon", "bank"]}, "protected_from: want creator, media, coupon"),
        ({"protection": -1}, "protection: want a whole number of seconds, from 0 seconds"),
        ({"throw_out": 1.5}, "throw_out: want a whole number of seconds"),
        ({"throw_out": True}, "throw_out: want a whole number of seconds"),
        ({"customers": {"email": "new"}}, "customers: there is no email: want influence, affiliate"),
        ({"closer_shares": {"coupon": 0.5}}, 'closer_shares coupon: want a share such as "1/2"'),
        ({"closer_shares": {"coupon": "1/0"}}, "want a share such as"),
        ({"closer_shares": {"coupon": "3/2"}}, "want a share from 0 to 1"),
        ({"closer_shares": {"bank": "1/2"}}, "closer_shares: there is no bank"),
        ({"windows": {"view": 60}}, "there is no window view"),
        ({"windows": {"click:affiliate:bank": 60}}, "there is no kind of partner bank"),
        ({"since_previous_order": "yes"}, "since_previous_order: want true or false"),
        ({"excluded_sources": "pos"}, "excluded_sources: want a list"),
        ({"paying_model": 3}, "paying_model: want a text"),
        ({"models": {"time_decay": {"half_life_days": 3}}}, "want a text"),
        ({"campaigns": {"spring": {}}}, "spring is no id of a campaign"),
        ({"campaigns": {campaign(1): {"windows": {}}}}, "unknown settings: windows"),
        ({"campaigns": {campaign(1): "linear"}}, "want settings, some of between_partners"),
        ({"campaigns": {campaign(1): {"precedence": []}}}, "precedence: want each of"),
    ],
)
def test_a_setting_that_cannot_be_says_what_is_wanted(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Rules.from_json(1, settings)


@pytest.mark.parametrize("share", ["0.123456789", "0.999999999", "1/999999999", "1", "0"])
def test_a_share_that_is_taken_can_be_read_again(share: str) -> None:
    rules = Rules.from_json(1, {"closer_shares": {"coupon": share}})
    assert rules.closer_shares == {"coupon": Fraction(share)}
    assert Rules.from_json(1, rules.to_json()) == rules


def test_a_rule_set_stored_before_there_were_policies_means_what_it_meant() -> None:
    old = {
        "windows": {"click": 2592000},
        "between_partners": "code_wins",
        "several_codes": "first",
        "since_previous_order": True,
        "excluded_sources": ["draft", "marketplace", "pos"],
        "paying_model": "last_click",
        "models": {},
    }
    assert Rules.from_json(1, old) == Rules()
    assert Rules().to_json() == old
    assert Rules().to_json(whole=True).keys() > old.keys() | CAMPAIGN_SETTINGS


def test_shares_stored_before_there_was_a_bonus_have_none() -> None:
    shares = {"opener": "1/4", "assist": "1/4", "closer": "1/2"}
    rules = Rules.from_json(1, {"between_partners": "shared", "models": {"opener_assist_closer": shares}})
    found = [candidate(1, 3 * DAY, 1), candidate(2, 2 * DAY, 2), candidate(3, DAY, 3)]
    assert paid(found, replace(rules, paying_model="opener_assist_closer")) == {"Alice": 250, "Bob": 250, "Carol": 500}


# --- on the ledger ----------------------------------------------------------------------------------------------------


def test_what_the_policies_ask_is_read_from_the_ledger(ledger: Ledger) -> None:
    world = World(ledger)
    world.rules(
        channel_policy="influence_protected", customers={"affiliate": "new"}, windows={"click:affiliate:coupon": 7200}
    )
    deals = world.link(world.partner("Deals", channel="affiliate", kind="coupon"))
    early, late = (world.click(deals, minutes=minutes) for minutes in (121, 20))
    order = world.order(clicks=[world.click(world.alice_link, days=2), early, late])
    returning = world.order(clicks=[world.click(deals, hours=1)])
    world.change(returning, customer_is_new=False)
    world.attribute()
    assert world.journey(order) == [("Alice", "earns"), ("Deals", "influence_is_protected")]
    assert world.lost(order) == {early: "outside_window"}
    assert world.journey(returning) == [("Deals", "only_new_customers")]
    assert world.credits(returning) == {}


def test_another_kind_of_a_partner_is_credited_anew(sqlite_ledger: Ledger) -> None:
    world = World(sqlite_ledger)
    world.rules(channel_policy="influence_protected")
    order = world.order(clicks=[world.click(world.alice_link, days=2), world.click(world.bob_link, minutes=20)])
    world.attribute()
    assert world.credits(order) == {"Bob": "100.00"}
    with sqlite_ledger.writing() as session:
        desk = Desk(session, world.brand, NOON, NOON, "https://go.example.com", "0" * 64)
        partners.edit(desk, world.bob, partners.PartnerChange(kind=PartnerKind.COUPON))
    assert world.attribute() == 1
    assert world.credits(order) == {"Alice": "100.00"}


def test_a_campaigns_paying_model_pays_its_orders(sqlite_ledger: Ledger) -> None:
    world = World(sqlite_ledger)
    spring = derived_id("spring")
    world.rules(campaigns={spring: {"paying_model": "linear"}})
    with sqlite_ledger.writing() as session:
        session.add(Campaign(id=spring, brand_id=world.brand, name="Spring", objective=None, utm={}, created_at=NOON))
        session.flush()
        session.get_one(Link, world.bob_link).campaign_id = spring
    order = world.order(clicks=[world.click(world.alice_link, days=2), world.click(world.bob_link, days=1)])
    world.attribute()
    assert [row["model"] for row in world.all(CreditSet) if row["paying"]] == ["linear"]
    rule = world.receipt(order)["rule"]
    assert (rule["name"], rule["campaign"]) == ("all_share", spring)


def test_a_model_that_does_not_sum_counts_each_order_once_for_each_partner(ledger: Ledger) -> None:
    world = World(ledger)
    steps = ((world.alice_link, 3), (world.bob_link, 2), (world.alice_link, 1))
    order = world.order(net="90.00", clicks=[world.click(link, days=days) for link, days in steps])
    world.attribute()
    assert world.credits(order, "participation") == {"Alice": "180.00", "Bob": "90.00"}
    stored = {row["model"]: (row["additive"], row["sealed"]) for row in world.all(CreditSet)}
    assert stored["participation"] == (False, True)
    assert stored["linear"] == (True, True)
    partners_, models, days, overview = (report(world, name) for name in ("partners", "models", "days", "overview"))
    assert {row["partner"]: row["revenue"] for row in partners_} == {"Alice": 9000, "Bob": 9000}
    assert {row["partner"]: row["participation"] for row in models} == {"Alice": 9000, "Bob": 9000}
    (day,) = (row for row in days if row["orders"])
    assert (day["influence"], day["affiliate"], day["unattributed"]) == (9000, 9000, 0)
    assert [(row["attributed_revenue"], row["attributed_orders"]) for row in overview] == [(9000, 1)]


def report(world: World, name: str) -> Sequence[Mapping[str, Any]]:
    with world.ledger.session() as session:
        scope = Scope(world.brand, NOON.date(), NOON.date(), model="participation")
        return run(session, name, scope).rows
