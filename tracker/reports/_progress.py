"""What a campaign has reached at the end of each day, as far as anybody knows; what nobody told is None, never zero.

Clicks come from the hourly roll-ups, orders and revenue from sealed credits under the paying model, counters from the
last snapshot up to the day: nothing is put between two of them. What a counter showed before the first day is taken
off. Clicks of a campaign without a link, and sales of one without link and code, are unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.domain.engagement import COUNTERS, Counters, known_sum
from tracker.domain.objectives import Metric
from tracker.ledger import snapshots
from tracker.ledger.tables import Campaign, Code, CodeOwner, Cost, Link, OrderRow, Placement
from tracker.reports import _placements, _returns
from tracker.reports._clicks import clicks_by_day
from tracker.reports._parts import Credited, as_day, brand_currency, credited
from tracker.reports._placements import known_pairs
from tracker.reports._shape import Scope, zone_of


@dataclass(frozen=True, slots=True)
class Seen:
    """A placement's counters as they were last known at the end of a day: each its own last value."""

    day: date
    counters: Counters


@dataclass(frozen=True, slots=True)
class Progress:
    """The days of a campaign. `clicks` and `sold` are None where they cannot be seen; `currency` is the brand's."""

    currency: str
    clicks: Mapping[date, int] | None
    sold: Mapping[tuple[date, str], Credited] | None
    counted: Sequence[Sequence[Seen]]

    def totals(self, metric: Metric, days: Sequence[date]) -> list[int | None]:
        """What a metric that adds up came to at the end of each of these days, since the first of them."""
        if not days:
            return []
        if metric in _SOLD:
            return _summed(self._sold(metric), days)
        if metric is Metric.CLICKS:
            return _summed(self.clicks, days)
        return self._counters(metric.value, days)

    def in_own_currency(self) -> Progress:
        """The same without sales in other currencies: they are no part of a price, since their costs are not either."""
        if self.sold is None:
            return self
        return replace(self, sold={key: one for key, one in self.sold.items() if key[1] == self.currency})

    def link_orders(self, days: Sequence[date]) -> int | None:
        """Orders that came through links, over all currencies."""
        wanted = set(days)
        if self.sold is None:
            return None
        return sum(one.link_orders for (day, _), one in self.sold.items() if day in wanted)

    def _sold(self, metric: Metric) -> dict[date, int] | None:
        if self.sold is None:
            return None
        found: dict[date, int] = defaultdict(int)
        for (day, currency), one in self.sold.items():
            if metric is not Metric.REVENUE:
                found[day] += one.orders if metric is Metric.ORDERS else one.new_orders
            elif currency == self.currency:
                found[day] += one.revenue
        return found

    def _counters(self, name: str, days: Sequence[date]) -> list[int | None]:
        grown = [_growth(seen, name, days) for seen in self.counted]
        return [known_sum(values) for values in zip(*grown, strict=True)] if grown else [None] * len(days)


_SOLD = (Metric.ORDERS, Metric.NEW_CUSTOMERS, Metric.REVENUE)


def read(session: Session, campaign: Campaign, start: date, end: date) -> Progress:
    """A campaign's days from `start` to `end`, both included. The same few queries for any number of days."""
    scope = Scope(campaign.brand_id, start, end, campaign_id=campaign.id)
    linked, coded = _has_links(session, campaign), _has_codes(session, campaign)
    sold = credited(session, scope, OrderRow.placed_day) if linked or coded else None
    return Progress(
        currency=brand_currency(session, campaign.brand_id),
        clicks=clicks_by_day(session, scope) if linked else None,
        sold=None if sold is None else {(as_day(key), currency): one for (key, currency), one in sold.items()},
        counted=_counted(session, campaign),
    )


def rate(
    session: Session, campaign: Campaign, progress: Progress, metric: Metric, days: Sequence[date]
) -> Fraction | None:
    """A rate or a price over these days, in its base unit; None where a part of it is unknown.

    Prices and returns are of everything that was spent, and of sales in the brand's currency. Where the days begin with
    the campaign, what was spent on it before them is in.
    """
    if not days:
        return None
    scope = Scope(campaign.brand_id, days[0], days[-1], campaign_id=campaign.id)
    if metric is Metric.CVR:
        return metrics.conversion_rate(progress.link_orders(days), progress.totals(Metric.CLICKS, days)[-1])
    if metric in (Metric.CTR, Metric.ENGAGEMENT_RATE):
        return _per_view(session, scope, metric)
    spent = _spent(session, campaign, scope)
    own = progress.in_own_currency()
    return _priced(metric, spent, {name: own.totals(name, days)[-1] for name in _PARTS}) if spent else None


_PARTS = (
    Metric.VIEWS,
    Metric.ENGAGEMENT,
    Metric.CLICKS,
    Metric.ORDERS,
    Metric.NEW_CUSTOMERS,
    Metric.REVENUE,
)
_PER = {
    Metric.CPE: Metric.ENGAGEMENT,
    Metric.CPC: Metric.CLICKS,
    Metric.CPA: Metric.ORDERS,
    Metric.CPA_NEW: Metric.NEW_CUSTOMERS,
}


def _priced(metric: Metric, spent: int, last: Mapping[Metric, int | None]) -> Fraction | None:
    revenue = last[Metric.REVENUE]
    if metric is Metric.CPM:
        return metrics.cost_per_mille(spent, last[Metric.VIEWS])
    if metric in _PER:
        return metrics.share(spent, last[_PER[metric]])
    if revenue is None:
        return None
    if metric is Metric.ROI:
        return metrics.return_on_investment(revenue, spent)
    return metrics.return_ratio(revenue, spent)


def _per_view(session: Session, scope: Scope, metric: Metric) -> Fraction | None:
    kept = _placements.placed(session, scope)
    if metric is Metric.CTR:
        return metrics.click_through_rate(*known_pairs((one.clicks, one.counters.views) for one in kept))
    return metrics.engagement_rate(*known_pairs((one.counters.engagement, one.counters.views) for one in kept))


def _spent(session: Session, campaign: Campaign, scope: Scope) -> int:
    begins = campaign.starts_on is None or scope.start <= campaign.starts_on
    since = min(scope.start, _first_cost(session, campaign) or scope.start) if begins else scope.start
    books = _returns.read(session, replace(scope, start=since), by_partner=False)
    return books.spent(books.cells).total


def _first_cost(session: Session, campaign: Campaign) -> date | None:
    query = (
        select(func.min(Cost.spent_on))
        .outerjoin(Placement, Placement.id == Cost.placement_id)
        .where(Cost.brand_id == campaign.brand_id, Cost.withdrawn_at.is_(None))
        .where(func.coalesce(Cost.campaign_id, Placement.campaign_id) == campaign.id)
    )
    return session.execute(query).scalar()


def _counted(session: Session, campaign: Campaign) -> list[list[Seen]]:
    query = select(Placement.id).where(Placement.campaign_id == campaign.id).order_by(Placement.id)
    placements = session.execute(query).scalars().all()
    zone = zone_of(session, campaign.brand_id)
    found = []
    for history in snapshots.of_placements(session, placements, figures=True).values() if placements else ():
        known, seen = Counters(), []
        for one in history:
            given = snapshots.counters_of(one)
            known = replace(known, **{name: value for name in COUNTERS if (value := getattr(given, name)) is not None})
            seen.append(Seen(one.taken_at.astimezone(zone).date(), known))
        found.append(seen)
    return found


def _growth(seen: Sequence[Seen], name: str, days: Sequence[date]) -> list[int | None]:
    """What a counter had grown by at the end of each day; None until somebody counted within the days."""
    base, last, turn, grown = 0, None, 0, []
    for day in days:
        while turn < len(seen) and seen[turn].day <= day:
            value = getattr(seen[turn].counters, name)
            if seen[turn].day < days[0]:
                base = value or base
            elif value is not None:
                last = value - base
            turn += 1
        grown.append(last)
    return grown


def _summed(found: Mapping[date, int] | None, days: Iterable[date]) -> list[int | None]:
    if found is None:
        return [None for _ in days]
    total, sums = 0, []
    for day in days:
        total += found.get(day, 0)
        sums.append(total)
    return list(sums)


def _has_links(session: Session, campaign: Campaign) -> bool:
    return session.execute(select(Link.id).where(Link.campaign_id == campaign.id).limit(1)).first() is not None


def _has_codes(session: Session, campaign: Campaign) -> bool:
    query = (
        select(CodeOwner.id)
        .join(Code, Code.id == CodeOwner.code_id)
        .where(Code.brand_id == campaign.brand_id, CodeOwner.campaign_id == campaign.id)
    )
    return session.execute(query.limit(1)).first() is not None


def days_between(start: date, end: date) -> list[date]:
    """The days from `start` to `end`, both included."""
    return [start + timedelta(days=index) for index in range((end - start).days + 1)]
