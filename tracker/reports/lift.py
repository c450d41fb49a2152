"""Estimated: what came on top of the usual, among orders that nobody is credited with, after each publication.

An estimate is never a credit and is never paid.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain import lift
from tracker.domain.lift import WEEK, Lift
from tracker.ledger.tables import Campaign, Partner, Placement
from tracker.reports._estimates import DAY, Hours, hour_of, known_from_to, untracked
from tracker.reports._parts import brand_currency, in_order
from tracker.reports._performance import CURRENCY
from tracker.reports._shape import Column, Kind, Row, Scope, span, zone_of

RANK = 80
GROUP = "Proof"
FILTERS = ("channel", "partner", "campaign")
COMPARES = False
TITLE = "Estimated lift"
DESCRIPTION = (
    "Orders that nobody is credited with, in the three days after a placement was published, against the same weekdays "
    "of the eight weeks before. An estimate: it shows what came at the same time, not what caused it, it is in no "
    "credit, and nobody is paid by it."
)
DAYS_AFTER = 3
WEEKS_BEFORE = 8
MORE, FEWER, NOTHING, EARLY, LITTLE = "lift_more", "lift_fewer", "lift_nothing", "lift_early", "lift_little"
WORDS = {
    MORE: "More than usual",
    FEWER: "Fewer than usual",
    NOTHING: "Cannot be told from nothing",
    EARLY: "Too early: the three days after it are not over",
    LITTLE: "Too little to compare: four weeks before it, without other placements, and 20 such orders are needed",
}
EMPTY = "No placement was published in it."
COLUMNS = (
    Column("placement", "Placement"),
    Column("placement_id", "Placement id", Kind.ID),
    Column("partner_id", "Partner id", Kind.ID),
    Column("partner", "Partner"),
    Column("campaign", "Campaign"),
    Column("published_at", "Published", Kind.MOMENT),
    Column("verdict", "Verdict", Kind.WORD, "It is more or fewer than usual only where the interval leaves out zero."),
    CURRENCY,
    Column("observed", "Observed", Kind.INTEGER, "Orders in the three days after, with which nobody is credited."),
    Column("expected", "Expected", Kind.NUMBER, "Such orders on the same weekdays before: the mean of the weeks."),
    Column("lift", "Lift", Kind.NUMBER, "Observed less expected, in orders."),
    Column("low", "Lift, from", Kind.NUMBER, "Lower end of the interval that holds the true lift 95 times of 100."),
    Column("high", "Lift, to", Kind.NUMBER, "Upper end of that interval."),
    Column("revenue_lift", "Lift, value", Kind.MONEY, "The same in net value: observed less expected."),
    Column("revenue_low", "Value, from", Kind.MONEY, "Lower end of its interval."),
    Column("revenue_high", "Value, to", Kind.MONEY, "Upper end of its interval."),
    Column(
        "others",
        "Others then",
        Kind.INTEGER,
        "Other placements published within three days of it: the lift is theirs as well. Their days are not among "
        "those compared with.",
    ),
)
_FIGURES = ("observed", "expected", "lift", "low", "high", "revenue_lift", "revenue_low", "revenue_high")


@dataclass(frozen=True, slots=True)
class _Published:
    """A placement and the hour of its publication."""

    placement: Placement
    partner: str
    campaign: str | None
    at: datetime

    @property
    def hour(self) -> int:
        return hour_of(self.at)


@dataclass(frozen=True, slots=True)
class _Alone:
    """How many other publications stand near one, and whether each day before it may be compared with.

    It may not where orders were not known yet or another placement was fresh.
    """

    others: int
    days: Sequence[bool]


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a placement published in the period and currency, the latest first."""
    shown = _published(session, scope)
    known = known_from_to(session, scope.brand_id)
    if not shown or known is None:
        return []
    wide = replace(
        scope,
        start=scope.start - timedelta(days=WEEKS_BEFORE * WEEK + 1),
        end=scope.end + timedelta(days=DAYS_AFTER + 1),
    )
    everywhere = replace(wide, campaign_id=None, channel=None, partner_id=None)
    series, others = untracked(session, wide), sorted(one.hour for one in _published(session, everywhere))
    currencies = in_order(series, brand_currency(session, scope.brand_id))
    return [
        _row(one, currency, series.get(currency, Hours.of({})), known, alone)
        for one, alone in ((one, _alone(one, hour_of(known[0]), others)) for one in shown)
        for currency in currencies
    ]


def _published(session: Session, scope: Scope) -> list[_Published]:
    start, end = span(scope, zone_of(session, scope.brand_id))
    wanted = (
        (Placement.campaign_id, scope.campaign_id),
        (Placement.partner_id, scope.partner_id),
        (Partner.channel, scope.channel),
    )
    query = (
        select(Placement, Partner.name, Campaign.name)
        .join(Partner, Partner.id == Placement.partner_id)
        .join(Campaign, Campaign.id == Placement.campaign_id, isouter=True)
        .where(Placement.brand_id == scope.brand_id, Placement.published_at >= start, Placement.published_at < end)
        .where(*(column == value for column, value in wanted if value))
        .order_by(Placement.published_at.desc(), Placement.id)
    )
    return [
        _Published(placement, partner, campaign, placement.published_at)
        for placement, partner, campaign in session.execute(query)
        if placement.published_at is not None
    ]


def _row(
    one: _Published,
    currency: str,
    series: Hours,
    known: tuple[datetime, datetime],
    alone: _Alone,
) -> Row:
    return {
        "placement": f"{one.placement.network} {one.placement.format}",
        "placement_id": one.placement.id,
        "partner_id": one.placement.partner_id,
        "partner": one.partner,
        "campaign": one.campaign,
        "published_at": one.at,
        "currency": currency,
        "others": alone.others,
        **_estimate(one, series, alone, hour_of(known[1])),
    }


def _alone(one: _Published, first: int, others: Sequence[int]) -> _Alone:
    """`others` are the hours of all publications, in order; orders are known from the hour `first` on."""
    hour, window, number = one.hour, DAYS_AFTER * DAY, len(others)
    days = []
    for start in range(hour - WEEKS_BEFORE * WEEK * DAY, hour, DAY):
        later = bisect_right(others, start - window)
        days.append(start >= first and (later == number or others[later] >= start + DAY))
    return _Alone(_between(others, hour - window, hour + window) - 1, days)


def _between(hours: Sequence[int], after: int, before: int) -> int:
    """How many of the hours, in order, lie between two, neither included."""
    return max(0, bisect_left(hours, before) - bisect_right(hours, after))


def _estimate(one: _Published, series: Hours, alone: _Alone, last: int) -> Row:
    if last < one.hour + DAYS_AFTER * DAY:
        return dict.fromkeys(_FIGURES) | {"verdict": EARLY}
    if not lift.weeks_enough(alone.days, DAYS_AFTER):
        return dict.fromkeys(_FIGURES) | {"verdict": LITTLE}
    days = series.days(one.hour, -WEEKS_BEFORE * WEEK, DAYS_AFTER)
    after = days[-DAYS_AFTER:]
    before = [day if compared else None for day, compared in zip(days[:-DAYS_AFTER], alone.days, strict=True)]
    orders_before = [None if day is None else day.orders for day in before]
    if not lift.enough(orders_before, DAYS_AFTER):
        return dict.fromkeys(_FIGURES) | {"verdict": LITTLE}
    revenue_before, seed = [None if day is None else day.revenue for day in before], int(one.placement.id[:8], 16)
    orders = lift.around(orders_before, [day.orders for day in after], seed=seed)
    revenue = lift.around(revenue_before, [day.revenue for day in after], seed=seed)
    figures: Row = {
        "observed": int(orders.observed),
        "expected": orders.expected,
        "lift": orders.lift,
        "low": orders.low,
        "high": orders.high,
        "revenue_lift": round(revenue.lift),
        "revenue_low": round(revenue.low),
        "revenue_high": round(revenue.high),
    }
    return figures | {"verdict": _verdict(orders)}


def _verdict(orders: Lift) -> str:
    if orders.is_nothing:
        return NOTHING
    return MORE if orders.lift > 0 else FEWER
