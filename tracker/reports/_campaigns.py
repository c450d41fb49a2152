"""A campaign's figures over all of its time: what its page, its list and its objective's headline are made of.

All campaigns are seen over the same days, from the first that concerns any of them to the last, so that a campaign's
own page and its line in the list say the same to the cent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import cast
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.domain.engagement import COUNTERS, known_sum
from tracker.domain.objectives import Metric
from tracker.ledger.database import once
from tracker.ledger.tables import Cost, Credit
from tracker.reports import _placements, _rolled, returns
from tracker.reports._parts import credited
from tracker.reports._placements import Placed
from tracker.reports._returns import campaigns_of
from tracker.reports._shape import Row, Scope

Figure = Fraction | int | None

_SAME = (Metric.CLICKS, Metric.ORDERS, Metric.NEW_CUSTOMERS, Metric.REVENUE, Metric.ROI, Metric.CPC, Metric.CPA,
         Metric.CPA_NEW)  # fmt: skip
_OF_RETURNS = frozenset((*_SAME, Metric.RETURN_RATIO, Metric.CVR))


@dataclass(frozen=True, slots=True)
class Figures:
    """A campaign's row of the report of returns, and its other metrics: counts, shares of 1, or minor units."""

    returned: Row
    measured: Mapping[Metric, Figure]


def days(session: Session, brand_id: str, zone: ZoneInfo, today: date) -> tuple[date, date]:
    """The first and the last day that concern any of the brand's campaigns, today among them."""
    return once(session, ("days of campaigns", brand_id, zone, today), lambda: _days(session, brand_id, zone, today))


def _days(session: Session, brand_id: str, zone: ZoneInfo, today: date) -> tuple[date, date]:
    known = campaigns_of(session, brand_id).values()
    starts = min((one.starts_on for one in known if one.starts_on), default=None)
    made = min((one.created_at for one in known), default=None)
    ends = max((one.ends_on for one in known if one.ends_on), default=None)
    of_costs = select(func.min(Cost.spent_on), func.max(Cost.spent_on)).where(
        Cost.brand_id == brand_id, Cost.withdrawn_at.is_(None)
    )
    first, last = session.execute(of_costs).one()
    # Orders from before the campaign was entered may be credited to it.
    sold, _ = _rolled.days_with_orders(session, brand_id)
    begun = made.astimezone(zone).date() if made else None
    return _least((starts, begun, first, sold, today)), _most((ends, last, today))


def by_campaign(session: Session, scope: Scope) -> dict[str, Row]:
    """The row of the report of returns of every campaign in which anything happened, by its id."""
    return {str(row["campaign_id"]): row for row in returns.by_campaign(session, scope) if row["campaign_id"]}


def of_placements(wanted: Collection[Metric]) -> bool:
    """Whether one of these metrics needs what is known of placements."""
    return not _OF_RETURNS.issuperset(wanted)


def figures(session: Session, scope: Scope, wanted: Collection[Metric] | None = None) -> Figures:
    """Everything that is measured of the campaign of the scope; or of these metrics, and what comes with them."""
    returned = returns.total(session, scope)
    if wanted is not None and not of_placements(wanted):
        return Figures(returned, _of_returns(session, scope, returned))
    placed = _placements.placed(session, scope)
    counted = {Metric(name): known_sum(getattr(one.counters, name) for one in placed) for name in COUNTERS}
    engagement = known_sum(one.counters.engagement for one in placed)
    measured: dict[Metric, Figure] = {**counted, Metric.ENGAGEMENT: engagement}
    return Figures(returned, {**measured, **_of_returns(session, scope, returned), **_of_views(placed, returned)})


def _of_returns(session: Session, scope: Scope, row: Row) -> dict[Metric, Figure]:
    through_links = sum(one.link_orders for one in credited(session, scope, Credit.brand_id).values())
    found = {metric: cast("Figure", row[metric.value]) for metric in _SAME}
    cvr = metrics.conversion_rate(through_links, cast("int", row["clicks"]))
    return {**found, Metric.RETURN_RATIO: cast("Figure", row["ratio"]), Metric.CVR: cvr}


def _of_views(placed: Iterable[Placed], row: Row) -> dict[Metric, Figure]:
    """What is set against views and engagement: only placements of which both sides are known are in a rate."""
    everyone, spent = list(placed), cast("int", row["spent"]) or None
    views = known_sum(one.counters.views for one in everyone)
    engagement = known_sum(one.counters.engagement for one in everyone)
    clicked = [(one.clicks, one.counters.views) for one in everyone]
    engaged = [(one.counters.engagement, one.counters.views) for one in everyone]
    return {
        Metric.CTR: metrics.click_through_rate(*_together(clicked)),
        Metric.ENGAGEMENT_RATE: metrics.engagement_rate(*_together(engaged)),
        Metric.CPM: metrics.whole_units(metrics.cost_per_mille(spent, views)),
        Metric.CPE: metrics.whole_units(metrics.cost_per_engagement(spent, engagement)),
    }


def _together(pairs: Iterable[tuple[int | None, int | None]]) -> tuple[int | None, int | None]:
    known = [(part, whole) for part, whole in pairs if part is not None and whole is not None]
    return known_sum(part for part, _ in known), known_sum(whole for _, whole in known)


def _least(found: Iterable[date | None]) -> date:
    return min(day for day in found if day is not None)


def _most(found: Iterable[date | None]) -> date:
    return max(day for day in found if day is not None)
