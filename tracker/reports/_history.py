"""A brand's own history: the mean of what its campaigns that were over before another began came to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.domain.engagement import known_sum
from tracker.domain.objectives import Metric
from tracker.ledger.tables import Campaign, Credit
from tracker.reports import _campaigns, _placements
from tracker.reports._parts import credited
from tracker.reports._placements import Placed, known_pairs
from tracker.reports._shape import Row, Scope, zone_of

_OF_RETURNS = {
    Metric.ROI: "roi",
    Metric.RETURN_RATIO: "ratio",
    Metric.CPA: "cpa",
    Metric.CPA_NEW: "cpa_new",
    Metric.CPC: "cpc",
}


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of a metric, in its base unit, over so many campaigns of which it is known."""

    value: Fraction
    campaigns: int


def means(session: Session, campaign: Campaign, wanted: Iterable[Metric], today: date) -> dict[Metric, Mean]:
    """The mean of each metric over the brand's earlier campaigns; none where none is known. The same few queries for
    any number of campaigns.
    """
    earlier = _earlier(session, campaign, today)
    if not earlier:
        return {}
    first, last = _campaigns.days(session, campaign.brand_id, zone_of(session, campaign.brand_id), today)
    scope, metrics_wanted = Scope(campaign.brand_id, first, last), list(wanted)
    rows = _campaigns.by_campaign(session, scope)
    placed = _by_campaign(session, scope) if _campaigns.of_placements(metrics_wanted) else {}
    orders = _link_orders(session, scope) if Metric.CVR in metrics_wanted else {}
    found: dict[Metric, Mean] = {}
    for metric in metrics_wanted:
        values = [_value(metric, rows.get(one, {}), placed.get(one, []), orders.get(one, 0)) for one in earlier]
        known = [value for value in values if value is not None]
        if known:
            found[metric] = Mean(sum(known, Fraction(0)) / len(known), len(known))
    return found


def _earlier(session: Session, campaign: Campaign, today: date) -> list[str]:
    before = campaign.starts_on or today
    query = select(Campaign.id).where(
        Campaign.brand_id == campaign.brand_id, Campaign.id != campaign.id, Campaign.ends_on < before
    )
    return list(session.execute(query.order_by(Campaign.id)).scalars())


def _by_campaign(session: Session, scope: Scope) -> dict[str, list[Placed]]:
    found: dict[str, list[Placed]] = {}
    for one in _placements.placed(session, scope):
        found.setdefault(one.placement.campaign_id or "", []).append(one)
    return found


def _link_orders(session: Session, scope: Scope) -> dict[str, int]:
    found: dict[str, int] = {}
    for (campaign_id, _), one in credited(session, scope, Credit.campaign_id).items():
        found[campaign_id] = found.get(campaign_id, 0) + one.link_orders
    return found


def _value(metric: Metric, row: Row, placed: Iterable[Placed], link_orders: int) -> Fraction | None:
    cells: Mapping[str, Any] = row
    if metric in _OF_RETURNS:
        value = cells.get(_OF_RETURNS[metric])
        return None if value is None else Fraction(value)
    if metric is Metric.CVR:
        return metrics.conversion_rate(link_orders, cells.get("clicks"))
    return _of_placements(metric, cells.get("spent") or None, list(placed))


def _of_placements(metric: Metric, spent: int | None, placed: list[Placed]) -> Fraction | None:
    views = known_sum(one.counters.views for one in placed)
    engagement = known_sum(one.counters.engagement for one in placed)
    clicked = known_pairs((one.clicks, one.counters.views) for one in placed)
    engaged = known_pairs((one.counters.engagement, one.counters.views) for one in placed)
    found = {
        Metric.CTR: metrics.click_through_rate(*clicked),
        Metric.ENGAGEMENT_RATE: metrics.engagement_rate(*engaged),
        Metric.CPM: metrics.cost_per_mille(spent, views),
        Metric.CPE: metrics.cost_per_engagement(spent, engagement),
        Metric.VIEWS: None if views is None else Fraction(views),
    }
    return found.get(metric)
