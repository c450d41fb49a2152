"""The bilan of a campaign: what was spent, what came back, through whom, and how that is known.

Every figure is one of a report's over the same days, so the bilan and the reports cannot disagree. They are the
campaign's own days, and before and after them whatever was spent on it or is credited to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.domain.catalog import Channel
from tracker.domain.rules import Rules
from tracker.ledger import catalog, rules
from tracker.ledger.tables import Brand, Campaign, Cost, Credit, CreditSet, OrderRow, Placement, RuleSet
from tracker.reports import _campaigns, _placements, evidence, overview, placements, returns
from tracker.reports._orders import of_model
from tracker.reports._parts import as_day, credited, kept_by, orders_of
from tracker.reports._shape import Row, Scope, model_titles

MOST_PARTNERS = 12
MOST_PLACEMENTS = 5
OTHERS = "others"
_SUMS = ("spent", "revenue", "orders", "new_customers")


@dataclass(frozen=True, slots=True)
class Method:
    """How the figures came about: the paying model, the rule sets that credited, what is net, how far back."""

    model: str
    versions: Sequence[int]
    net_formula: str
    rules: Rules


@dataclass(frozen=True, slots=True)
class Bilan:
    """A campaign's figures. Money is minor units of `currency`; partners add up to the total, and so do channels.

    `whole` is the overview of all the brand's orders of these days; `tied` are the campaign's orders by evidence;
    `running` says that the campaign's own days are not over yet.
    """

    brand: str
    campaign: str
    objective: str | None
    start: date
    end: date
    running: bool
    zone: ZoneInfo
    at: datetime
    currency: str
    total: Row
    partners: Sequence[Row]
    channels: Sequence[Row]
    placements: Sequence[Row]
    hollow: Sequence[str]
    whole: Row
    tied: Sequence[Row]
    method: Method


def bilan(session: Session, brand_id: str, campaign_id: str, now: datetime) -> Bilan:
    """The bilan of the brand's campaign as it stands at `now`. Raises NotFound."""
    brand = catalog.brand_by_id(session, brand_id)
    campaign = catalog.one(session, Campaign, brand_id, campaign_id)
    zone = ZoneInfo(brand.time_zone)
    today = now.astimezone(zone).date()
    scope = scope_of(session, campaign, today, zone)
    found = returns.rows(session, scope)
    total = found[0] if found else returns.total(session, scope)
    best, hollow = _placed(session, scope, brand.currency)
    return Bilan(
        brand=brand.name,
        campaign=campaign.name,
        objective=campaign.objective,
        start=scope.start,
        end=scope.end,
        running=campaign.ends_on is None or today <= campaign.ends_on,
        zone=zone,
        at=now,
        currency=brand.currency,
        total=total,
        partners=_partners(found),
        channels=_channels(session, scope, total),
        placements=best,
        hollow=hollow,
        whole=overview.rows(session, replace(scope, campaign_id=None))[0],
        tied=[row for row in evidence.rows(session, scope) if row["currency"] == brand.currency],
        method=_method(session, scope, brand),
    )


def scope_of(session: Session, campaign: Campaign, today: date, zone: ZoneInfo) -> Scope:
    """The campaign's own days, until today where no last one is said, and those of its costs and orders around them."""
    first, last = _campaigns.days(session, campaign.brand_id, zone, today)
    whole = Scope(campaign.brand_id, first, last, campaign_id=campaign.id)
    found = [*_spent_on(session, campaign), *_sold_on(session, whole)]
    start = min([*found, campaign.starts_on or min(found, default=today)])
    end = max([*found, campaign.ends_on or max(today, start)])
    return replace(whole, start=start, end=max(start, end))


def _spent_on(session: Session, campaign: Campaign) -> list[date]:
    """The first and the last day on which something was spent on the campaign."""
    of = func.coalesce(Cost.campaign_id, Placement.campaign_id)
    query = (
        select(func.min(Cost.spent_on), func.max(Cost.spent_on))
        .outerjoin(Placement, Placement.id == Cost.placement_id)
        .where(Cost.brand_id == campaign.brand_id, Cost.withdrawn_at.is_(None), of == campaign.id)
    )
    return [day for day in session.execute(query).one() if day is not None]


def _sold_on(session: Session, whole: Scope) -> list[date]:
    """The days of the orders that are credited to the campaign."""
    found: Iterable[tuple[object, str]] = credited(session, whole, OrderRow.placed_day)
    return [as_day(day) for day, _ in found]


def _partners(found: Sequence[Row]) -> list[Row]:
    """Who brought most first, at most twelve; the others as one row; then what no partner explains."""
    people: list[dict[str, Any]] = [row for row in found if row["what"] == returns.PARTNER]
    people.sort(key=lambda row: (-row["revenue"], -row["spent"], row["partner"]))
    rest = people[MOST_PARTNERS:]
    others = [_summed(rest, {"partner": OTHERS})] if rest else []
    return [*people[:MOST_PARTNERS], *others, *(row for row in found if row["what"] == returns.UNSHARED)]


def _channels(session: Session, scope: Scope, total: Row) -> list[Row]:
    """A row a channel by whom it credits and on whom it spends, and what belongs to neither."""
    found: list[Row] = [
        {**returns.total(session, replace(scope, channel=channel)), "channel": str(channel)} for channel in Channel
    ]
    rest: dict[str, Any] = _less(total, found)
    return [*found, *([{**rest, "channel": returns.UNSHARED}] if rest["spent"] or rest["revenue"] else [])]


def _less(total: dict[str, Any], parts: Sequence[dict[str, Any]]) -> Row:
    left = {key: total[key] - sum(part[key] for part in parts) for key in ("spent", "revenue")}
    return {**_ratios(left["revenue"], left["spent"]), **left, "orders": None, "new_customers": None,
            "currency": total["currency"], "target": total["target"]}  # fmt: skip


def _summed(rows: Sequence[dict[str, Any]], named: Row) -> Row:
    sums = {key: sum(row[key] for row in rows) for key in _SUMS}
    about = {key: rows[0][key] for key in ("currency", "target")}
    return {**sums, **about, **_ratios(sums["revenue"], sums["spent"]), **named, "what": OTHERS, "count": len(rows)}


def _ratios(revenue: int, spent: int) -> dict[str, Any]:
    return {
        "ratio": metrics.return_ratio(revenue, spent),
        "roi": metrics.return_on_investment(revenue, spent),
    }


def _placed(session: Session, scope: Scope, currency: str) -> tuple[list[Row], list[str]]:
    """The placements that sold most, and by whom the hollow ones are."""
    rows: list[dict[str, Any]] = [row for row in placements.rows(session, scope) if row["currency"] == currency]
    best = [row for row in rows if row["revenue"]][:MOST_PLACEMENTS]
    hollow = [f"{row['partner']} ({row['network']})" for row in rows if row["hollow"] == _placements.HOLLOW]
    return list(best), list(dict.fromkeys(hollow))


def _method(session: Session, scope: Scope, brand: Brand) -> Method:
    current = rules.current(session, brand.id)
    settings = Rules.from_json(current.version, current.settings).under(scope.campaign_id)
    versions = _versions(session, scope) or [current.version]
    name = settings.paying_model
    return Method(model_titles().get(name, name), versions, brand.net_formula, settings)


def _versions(session: Session, scope: Scope) -> list[int]:
    """The versions of the rules by which its orders were judged: one order of each is enough to know."""
    judged = (
        select(OrderRow.id)
        .join(CreditSet, CreditSet.order_id == OrderRow.id)
        .join(Credit, Credit.set_id == CreditSet.id)
        .where(*orders_of(scope), of_model(scope.model), *kept_by(scope, Credit))
        .where(CreditSet.rule_set == RuleSet.version)
    )
    query = select(RuleSet.version).where(RuleSet.brand_id == scope.brand_id, judged.exists())
    return sorted(session.execute(query).scalars())


def share_of(part: int, whole: int) -> Fraction:
    """`part` of `whole` for a bar: between 0 and 1."""
    return min(Fraction(1), max(Fraction(0), Fraction(part, whole))) if whole else Fraction(0)
