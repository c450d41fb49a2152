"""The receipts of the year's orders, as the pipeline draws them; of the models they name the one that pays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction

from tracker.domain.chain import canonical
from tracker.domain.credits import Bill, Credit, ModelCredits, receipt
from tracker.domain.journeys import Candidate, Finding, Journey, Kind, Touchpoint
from tracker.domain.reasons import Rule
from tracker.domain.rules import Evidence, Rules

_RULES = Rules()


def body(bill: Bill, touches: Sequence[Touchpoint]) -> str:
    """A receipt that gives the whole net value to the closer."""
    findings = tuple(Finding(_candidate(touch), place, None) for place, touch in enumerate(touches))
    journey = Journey(tuple(touches), findings, Rule.ALL_SHARE if touches else Rule.NO_TOUCHPOINT, None)
    credits = (Credit(len(touches) - 1, Fraction(1), bill.net),) if touches else ()
    results = [ModelCredits(_RULES.paying_model, 1, paying=True, credits=credits)] if touches else []
    return canonical(receipt(bill, journey, results, _RULES))


def touchpoint(
    click: str | None, code: str | None, at: datetime, placed: datetime, partner: str, channel: str,
    link: str | None, campaign: str | None, placement: str | None,
) -> Touchpoint:  # fmt: skip
    """A click, or a code at the order's own time."""
    kind, evidence = (Kind.CLICK, Evidence.CLICK_ID) if click else (Kind.CODE, Evidence.CODE)
    return Touchpoint(kind, click or (code or "").lower(), at, placed - at, (evidence,), partner, channel, link, click,
                      code, campaign, placement)  # fmt: skip


def _candidate(touch: Touchpoint) -> Candidate:
    return Candidate(touch.kind, touch.id, touch.at, frozenset(touch.evidence), touch.partner_id, touch.channel,
                     touch.link_id, touch.campaign_id, touch.placement_id, touch.code)  # fmt: skip
