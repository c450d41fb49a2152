"""Which creative, influencer or message of a campaign falls short of its peers, by what its goal is about.

Goals that sell are looked at by orders per click, goals of clicks by clicks per view, the others by engagement per
view. A partner's links outside any placement count for the partner.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from tracker.domain.objectives import Metric
from tracker.domain.shortfalls import Case, Dimension, Finding, Rate, Sample, Verdict, diagnose
from tracker.domain.tiers import tier_of
from tracker.ledger.tables import Campaign, Credit, Link
from tracker.reports import _placements
from tracker.reports._clicks import clicks
from tracker.reports._parts import credited, partners_of
from tracker.reports._placements import OWN, Placed
from tracker.reports._shape import Scope

_BY_CLICKS = (Metric.CLICKS, Metric.CTR, Metric.CPC)
_SELLING = (
    *(Metric.ORDERS, Metric.NEW_CUSTOMERS, Metric.REVENUE, Metric.RETURN_RATIO, Metric.ROI, Metric.CVR),
    *(Metric.CPA, Metric.CPA_NEW),
)


def rate_of(metric: Metric) -> Rate:
    """By what the parts of a campaign with a goal for this metric are compared."""
    if metric in _SELLING:
        return Rate.ORDERS_PER_CLICK
    return Rate.CLICKS_PER_VIEW if metric in _BY_CLICKS else Rate.ENGAGEMENT_PER_VIEW


def of_campaign(session: Session, campaign: Campaign, rate: Rate, start: date, end: date) -> list[Finding]:
    """A finding for creative, influencer and message over some days. Partners and formats are named as people do."""
    scope = Scope(campaign.brand_id, start, end, campaign_id=campaign.id)
    kept = _placements.placed(session, scope)
    cases = [*_by_word(kept, Dimension.CREATIVE, rate), *_by_word(kept, Dimension.MESSAGE, rate)]
    if rate is Rate.ORDERS_PER_CLICK:
        return diagnose([*cases, *_by_partner(session, scope, kept)], rate)
    return diagnose([*cases, *_by_word(kept, Dimension.INFLUENCER, rate)], rate)


def _by_word(kept: Iterable[Placed], dimension: Dimension, rate: Rate) -> list[Case]:
    """Placements together by format, partner or message, and tier. Without a message they are in no case of one."""
    found: dict[tuple[str, str | None], Sample] = {}
    for placed in kept:
        name, sample = _name(placed, dimension), _sample(placed, rate)
        if name is not None and sample is not None:
            key = (name, placed.standing)
            found[key] = found[key] + sample if key in found else sample
    return [Case(dimension, name, tier, sample) for (name, tier), sample in found.items()]


def _name(placed: Placed, dimension: Dimension) -> str | None:
    if dimension is Dimension.CREATIVE:
        return placed.placement.format
    return placed.partner.name if dimension is Dimension.INFLUENCER else placed.placement.message


def _sample(placed: Placed, rate: Rate) -> Sample | None:
    """None where a part of the rate is unknown."""
    if rate is Rate.ORDERS_PER_CLICK:
        orders = sum(sold.link_orders for sold in placed.credited.values())
        return None if placed.clicks is None else Sample(orders, placed.clicks, 1)
    hits = placed.clicks if rate is Rate.CLICKS_PER_VIEW else placed.counters.engagement
    views = placed.counters.views
    return None if hits is None or views is None else Sample(hits, views, 1)


def _by_partner(session: Session, scope: Scope, kept: Iterable[Placed]) -> Iterator[Case]:
    clicked, partners = clicks(session, scope, Link.partner_id), partners_of(session, scope.brand_id)
    orders: dict[str, int] = {}
    for (partner_id, _), one in credited(session, scope, Credit.partner_id).items():
        orders[partner_id] = orders.get(partner_id, 0) + one.link_orders
    published: dict[str, int] = {}
    for placed in kept:
        published[placed.partner.id] = published.get(placed.partner.id, 0) + 1
    for partner_id, counted in clicked.items():
        partner = partners[partner_id]
        tier = OWN if partner.kind == OWN else tier_of(partner.followers)
        sample = Sample(orders.get(partner_id, 0), counted.human, published.get(partner_id, 0))
        yield Case(Dimension.INFLUENCER, partner.name, tier, sample)


def plain(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings as JSON values."""
    return [asdict(one) for one in findings]


def finding_of(values: Mapping[str, Any]) -> Finding:
    """The finding that `plain` made these values of."""
    samples = {name: Sample(**values[name]) if values[name] else None for name in ("own", "peers", "most")}
    told = {"dimension": Dimension(values["dimension"]), "verdict": Verdict(values["verdict"])}
    return Finding(**{**values, **told, **samples})
