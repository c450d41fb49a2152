"""What a marketer sees first: what came back of what was spent, how campaigns stand, and what waits for somebody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.domain.catalog import CampaignState, campaign_state
from tracker.domain.disputes import DisputeState
from tracker.ledger.tables import Campaign, Dispute, Message
from tracker.reports import _campaigns, _compare, _owed, _placements, _shape, pacing, returns
from tracker.reports import partners as partners_report
from tracker.reports._compare import BEFORE
from tracker.reports._placements import HOLLOW, Placed
from tracker.reports._returns import campaigns_of
from tracker.reports._shape import Column, Kind, Result, Row, Scope, zone_of

BALANCE = "balance"
WHOLE = Fraction(98, 100)  # completeness from which nobody needs to look
_MOST_PLACEMENTS, _MOST_PARTNERS = 5, 8
_FIGURES = (Kind.MONEY, Kind.INTEGER, Kind.PERCENT, Kind.NUMBER)
_COLUMNS = (*returns.COLUMNS, Column(BALANCE, "Returned less spent", Kind.MONEY))
COLUMNS = {column.key: column for column in _COLUMNS if column.kind in _FIGURES}
"""The figures of `returned`, by key, with what each was where it is compared."""


def returned(session: Session, scope: Scope, how: str | None) -> Row:
    """The total of the report of returns and what came back less what was spent, beside the same of an earlier time."""
    row = _balanced(returns.total(session, scope))
    if how is None:
        return row
    was = _balanced(returns.total(session, _compare.earlier(scope, how)))
    return row | {key + BEFORE: was[key] for key in COLUMNS}


def _balanced(row: Row) -> Row:
    return row | {BALANCE: cast("int", row["revenue"]) - cast("int", row["spent"])}


# --- campaigns -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Live:
    """A campaign under way: its row of the report of returns over all its time, its budget and its goals.

    `used` is the share of the budget that is spent, `gone` the share of its days that are over; None where unknown.
    """

    campaign: Campaign
    row: Row | None
    used: Fraction | None
    gone: Fraction | None
    goals: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Running:
    """The campaigns under way, what they spent so far and may spend; None where one of them has no budget."""

    campaigns: Sequence[Live]
    known: int
    spent: int
    budget: int | None


def running(session: Session, scope: Scope, today: date) -> Running:
    """The brand's campaigns that run today, the first to end in front. `known` is how many it has in all."""
    every = campaigns_of(session, scope.brand_id).values()
    alive = [one for one in every if campaign_state(one.starts_on, one.ends_on, today) is CampaignState.RUNNING]
    alive.sort(key=lambda one: (one.ends_on or date.max, one.name, one.id))
    if not alive:
        return Running((), len(every), 0, None)
    start, end = _campaigns.days(session, scope.brand_id, zone_of(session, scope.brand_id), today)
    rows = _campaigns.by_campaign(session, replace(scope, start=start, end=end, campaign_id=None))
    goals = _goals(session, scope, today)
    found = [_live(one, rows.get(one.id), goals.get(one.id, ()), today) for one in alive]
    budgets = [one.budget for one in alive if one.budget]
    return Running(
        found,
        len(every),
        sum(cast("int", one.row["spent"]) for one in found if one.row),
        sum(budgets) if len(budgets) == len(alive) else None,
    )


def _goals(session: Session, scope: Scope, today: date) -> Mapping[str, Sequence[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in pacing.rows(session, replace(scope, start=today, end=today, campaign_id=None)):
        found[str(row["campaign_id"])].append(row)
    return found


def _live(campaign: Campaign, row: Row | None, goals: Sequence[Row], today: date) -> Live:
    spent = cast("int", row["spent"]) if row else 0
    return Live(campaign, row, Fraction(spent, campaign.budget) if campaign.budget else None,
                _gone(campaign, today), goals)  # fmt: skip


def _gone(campaign: Campaign, today: date) -> Fraction | None:
    if campaign.starts_on is None or campaign.ends_on is None:
        return None
    return Fraction((today - campaign.starts_on).days + 1, (campaign.ends_on - campaign.starts_on).days + 1)


# --- placements ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """A placement with its sales in the brand's currency; `hollow` where it is much liked and sells little."""

    placed: Placed
    revenue: int | None
    orders: int | None
    hollow: bool


def placements(session: Session, scope: Scope) -> list[Shown]:
    """The placements that sell best, then those that are hollow."""
    found = _placements.placements(session, scope)
    every = [_shown(placed, found.first, hollow=found.hollow(placed) == HOLLOW) for placed in found.kept]
    best = sorted((one for one in every if one.revenue and not one.hollow), key=_by_sales)[:_MOST_PLACEMENTS]
    return [*best, *sorted((one for one in every if one.hollow), key=_by_sales)[:_MOST_PLACEMENTS]]


def _shown(placed: Placed, currency: str, *, hollow: bool) -> Shown:
    sold = placed.sold(currency)
    return Shown(placed, sold.revenue if sold else None, sold.orders if sold else None, hollow)


def _by_sales(one: Shown) -> tuple[int, str]:
    return -(one.revenue or 0), one.placed.placement.id


# --- partners --------------------------------------------------------------------------------------------------------


def partners(session: Session, scope: Scope) -> tuple[Result, bool]:
    """The first rows of the report on partners, and whether it has more."""
    found, more = partners_report.leading(session, scope, _MOST_PARTNERS)
    return _shape.result_of("partners", scope, found), more


# --- what waits for somebody -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waiting:
    """What somebody at the brand should see to; sums are minor units of the brand's currency."""

    disputes: int
    answer_by: date | None
    messages: int
    to_pay: int
    paid_to: int
    completeness: Fraction | None
    missing: int
    held: int

    @property
    def incomplete(self) -> bool:
        """Whether so many orders are missing beside the shops' own counts that somebody should look."""
        return self.completeness is not None and self.completeness < WHOLE


def waiting(session: Session, scope: Scope, currency: str, today: date) -> Waiting:
    """What waits today; orders are counted over the days of the scope."""
    open_ones = select(func.count(), func.min(Dispute.due_on)).where(Dispute.brand_id == scope.brand_id)
    count, answer_by = session.execute(open_ones.where(Dispute.state == DisputeState.OPEN.value)).one()
    unread = select(func.count()).where(
        Message.brand_id == scope.brand_id, Message.from_partner.is_(True), Message.read_at.is_(None)
    )
    sums = _payable(session, scope.brand_id, currency, today)
    shops = _shape.run(session, "completeness", scope).rows
    told, missing = _sum(shops, "told"), _sum(shops, "missing")
    return Waiting(
        disputes=count,
        answer_by=answer_by,
        messages=session.execute(unread).scalar_one(),
        to_pay=sum(sums),
        paid_to=len(sums),
        completeness=Fraction(told - missing, told) if told else None,
        missing=missing,
        held=_sum(shops, "set_aside") + _sum(shops, "failed"),
    )


def _payable(session: Session, brand_id: str, currency: str, today: date) -> list[int]:
    """What each partner is to get now; what was taken back and is carried over is in none."""
    due = _owed.payable(session, brand_id, today)
    return [amount for _, other, amount, _ in due if other == currency and amount > 0]


def _sum(rows: Iterable[Row], key: str) -> int:
    return sum(cast("int", row[key] or 0) for row in rows)
