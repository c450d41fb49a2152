"""The judgement itself, without a ledger: what stands in a journey, who may weigh, and why each loser lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_models import PLACED, SALE, candidate, candidates, rule_sets, sales
from tracker.domain.catalog import Channel
from tracker.domain.journeys import (
    EARNING_CHANNELS,
    RULE_SENTENCES,
    SENTENCES,
    Candidate,
    Reason,
    Rule,
    Sale,
    judge,
)
from tracker.domain.orders import Status
from tracker.domain.rules import LONGEST_WINDOW, BetweenPartners, Rules, SeveralCodes

DAY = 86400.0


def test_every_reason_and_every_rule_has_a_sentence() -> None:
    assert SENTENCES.keys() == set(Reason)
    assert RULE_SENTENCES.keys() == set(Rule)
    assert [reason.number for reason in Reason] == list(range(1, len(Reason) + 1))
    assert (Reason.NOT_HUMAN.number, Reason.EXCLUDED_SOURCE.number, Reason.WEAKER_EVIDENCE.number) == (1, 14, 27)
    assert {channel.value for channel in Channel} == EARNING_CHANNELS


@given(found=candidates, rules=rule_sets)
def test_every_candidate_stands_in_the_journey_or_has_a_reason(found: list[Candidate], rules: Rules) -> None:
    journey = judge(SALE, found, rules)
    assert sorted(finding.candidate.key for finding in journey.findings) == sorted(one.key for one in found)
    assert all((finding.position is None) == (finding.reason is not None) for finding in journey.findings)
    assert {finding.position for finding in journey.findings} - {None} == set(range(len(journey.touches)))


@given(sale=sales, found=candidates, rules=rule_sets)
def test_in_a_journey_somebody_earns_unless_a_rule_says_that_nobody_does(
    sale: Sale, found: list[Candidate], rules: Rules
) -> None:
    journey = judge(sale, found, rules)
    nobody = {Rule.NO_TOUCHPOINT, Rule.ORDER_EARNS_NOTHING, Rule.KIND_OF_CUSTOMER, Rule.NONE_MAY_EARN}
    assert journey.earning or journey.rule in nobody
    assert (journey.rule is Rule.ORDER_EARNS_NOTHING) == (journey.reason is Reason.CODE_UNEARNED)
    assert journey.touches or journey.rule is Rule.NO_TOUCHPOINT
    assert not (journey.touches and journey.rule is Rule.NO_TOUCHPOINT)


@given(found=candidates, rules=rule_sets)
def test_touches_are_in_time_order(found: list[Candidate], rules: Rules) -> None:
    ages = [touch.age for touch in judge(SALE, found, rules).touches]
    assert ages == sorted(ages, reverse=True)


@given(found=candidates, rules=rule_sets, status=st.sampled_from([Status.CANCELLED, Status.DELETED]))
def test_an_order_that_came_to_nothing_earns_nobody_anything(
    found: list[Candidate], rules: Rules, status: Status
) -> None:
    journey = judge(replace(SALE, status=status), found, rules)
    assert journey.earning == ()
    assert [touch.id for touch in journey.touches] == [touch.id for touch in judge(SALE, found, rules).touches]


def test_where_a_partner_clicked_and_used_two_codes_there_is_one_touchpoint() -> None:
    found = [candidate(1, DAY, 1), candidate(2, 0, 1, code=True), candidate(3, 0, 1, code=True)]
    (touch,) = judge(SALE, found, Rules()).touches
    assert (touch.click_id, touch.code) == (found[0].id, "CODE2")


def test_a_click_and_a_code_may_be_spelled_the_same() -> None:
    click = candidate(1, DAY, 1)
    code = replace(candidate(1, 0, 2, code=True), id=click.id)
    journey = judge(SALE, [click, code], Rules(between_partners=BetweenPartners.SHARED))
    assert len(journey.earning) == 2


def test_a_click_in_the_skew_after_the_order_comes_before_its_code() -> None:
    found = [candidate(1, -30, 1), candidate(2, 0, 2, code=True)]
    journey = judge(SALE, found, Rules(between_partners=BetweenPartners.SHARED))
    assert [touch.kind for touch in journey.touches] == ["click", "code"]
    assert journey.touches[0].age == timedelta(0)


def test_of_shared_codes_the_first_on_the_order_is_the_closer() -> None:
    found = [candidate(1, 0, 1, code=True), candidate(2, 0, 2, code=True)]
    journey = judge(SALE, found, Rules(several_codes=SeveralCodes.SHARE))
    assert [touch.code for touch in journey.touches] == ["CODE2", "CODE1"]


def test_a_click_at_the_moment_of_the_previous_order_belongs_to_that_one() -> None:
    found = [candidate(1, DAY, 1)]
    cut = replace(SALE, previous_at=PLACED - timedelta(days=1))
    assert judge(cut, found, Rules()).findings[0].reason is Reason.BEFORE_PREVIOUS_ORDER
    assert judge(cut, found, Rules(since_previous_order=False)).earning


def test_within_a_second_of_the_boundary_is_at_the_boundary() -> None:
    found = [candidate(1, 30 * DAY + 0.9, 1)]
    assert judge(SALE, found, Rules()).earning


def test_rules_survive_being_stored() -> None:
    rules = Rules(
        version=3,
        windows={"click": timedelta(days=7), "click:affiliate": timedelta(hours=1)},
        between_partners=BetweenPartners.SHARED,
        several_codes=SeveralCodes.SHARE,
        excluded_sources=("amazon", "pos"),
        models={"time_decay": {"half_life_days": "3"}},
    )
    assert Rules.from_json(3, rules.to_json()) == rules
    assert Rules.from_json(1, {}) == Rules()


@pytest.mark.parametrize("seconds", [0, -5, int(LONGEST_WINDOW.total_seconds()) + 1])
def test_a_window_of_nothing_or_of_years_is_refused(seconds: int) -> None:
    with pytest.raises(ValueError, match="window click"):
        Rules.from_json(1, {"windows": {"click": seconds}})
