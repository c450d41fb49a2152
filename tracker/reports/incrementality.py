"""What campaigns really brought: regions or days in which they ran, against those drawn to be left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain import experiments
from tracker.domain.experiments import Outcome
from tracker.ledger.tables import Campaign, Holdout
from tracker.reports._estimates import by_day, by_region, known_from_to
from tracker.reports._parts import Total, brand_currency, in_order
from tracker.reports._performance import CURRENCY
from tracker.reports._shape import Column, Kind, Row, Scope, zone_of

RANK = 81
GROUP = "Proof"
FILTERS = ("campaign",)
COMPARES = False
TITLE = "Incrementality"
DESCRIPTION = (
    "Campaigns that left regions or days out on purpose: all paid orders, whoever is credited, where they ran against "
    "where they did not. This is the judge of every model. Costs are not known here yet, so no return is reckoned."
)
PROVEN, UNPROVEN, EARLY, LITTLE = "holdout_proven", "holdout_unproven", "holdout_early", "holdout_little"
WORDS = {
    "regions": "Some regions",
    "days": "Some days",
    PROVEN: "Told from chance",
    UNPROVEN: "Cannot be told from chance",
    EARLY: "Too early: it is not over",
    LITTLE: "Too little to compare: orders with a region, since as long before as it lasted, are needed",
}
EMPTY = "No campaign has left out regions or days: tracker holdout add begins an experiment."
COLUMNS = (
    Column("holdout", "Holdout"),
    Column("holdout_id", "Holdout id", Kind.ID),
    Column("campaign", "Campaign"),
    Column("kind", "Left out", Kind.WORD),
    Column("starts_on", "From", Kind.DATE),
    Column("ends_on", "To", Kind.DATE),
    Column("verdict", "Verdict", Kind.WORD, "It is told from chance where the interval leaves out zero."),
    CURRENCY,
    Column("running", "Running", Kind.INTEGER, "Regions or days in which the campaign ran."),
    Column("held_out", "Held out", Kind.INTEGER, "Regions or days that were left out."),
    Column("running_rate", "Orders a day, running", Kind.NUMBER, "Paid orders per day, in each region if by regions."),
    Column("held_out_rate", "Orders a day, held out", Kind.NUMBER, "The same where the campaign did not run."),
    Column(
        "lift",
        "Lift",
        Kind.NUMBER,
        "Orders that the campaign added. By regions: how much more they changed than those held out, against as many "
        "days before (at least 28). By days: how much more they sold, against what their weekdays sold before.",
    ),
    Column("low", "Lift, from", Kind.NUMBER, "Lower end of the interval that holds the true lift 95 times of 100."),
    Column("high", "Lift, to", Kind.NUMBER, "Upper end of that interval."),
    Column("chance", "Chance alone", Kind.PERCENT, "How often the draw alone would make so large a difference (p)."),
    Column("revenue_lift", "Lift, value", Kind.MONEY, "Net value that the campaign added."),
    Column("revenue_low", "Value, from", Kind.MONEY, "Lower end of its interval."),
    Column("revenue_high", "Value, to", Kind.MONEY, "Upper end of its interval."),
)
LEAST_BEFORE = 28  # days
WEEKS_BEFORE = 8
LEAST_ORDERS = 20
_FIGURES = ("running_rate", "held_out_rate", "lift", "low", "high", "chance", "revenue_lift", "revenue_low",
            "revenue_high")  # fmt: skip
_SEED = 1  # of the draws that are looked at where there are too many to look at all


@dataclass(frozen=True, slots=True)
class _Units:
    """What was sold in each unit of one currency, the draw aside: the totals, and the values that are compared.

    `days` is how many days a unit has: one for a day, as many as it lasted for a region.
    """

    totals: Mapping[str, Total]
    orders: Mapping[str, float]
    revenue: Mapping[str, float]
    days: int


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a holdout that touches the period and currency, the latest first, each over all of its days."""
    query = (
        select(Holdout, Campaign.name)
        .join(Campaign, Campaign.id == Holdout.campaign_id)
        .where(Holdout.brand_id == scope.brand_id, Holdout.starts_on <= scope.end, Holdout.ends_on >= scope.start)
        .order_by(Holdout.starts_on.desc(), Holdout.id)
    )
    if scope.campaign_id:
        query = query.where(Holdout.campaign_id == scope.campaign_id)
    return [row for holdout, campaign in session.execute(query) for row in _rows(session, scope, holdout, campaign)]


def _rows(session: Session, scope: Scope, holdout: Holdout, campaign: str) -> list[Row]:
    first = brand_currency(session, scope.brand_id)
    told = {
        "holdout": holdout.name,
        "holdout_id": holdout.id,
        "campaign": campaign,
        "kind": holdout.kind,
        "starts_on": holdout.starts_on,
        "ends_on": holdout.ends_on,
        "running": len(holdout.settings["compared"]),
        "held_out": len(holdout.settings["held_out"]),
    }
    start, end = _known_days(session, scope)
    if end is None or end <= holdout.ends_on:
        return [told | dict.fromkeys(_FIGURES) | {"currency": first, "verdict": EARLY}]
    units = _by_region if holdout.kind == "regions" else _by_day
    found = units(session, scope, holdout, start or end)
    return [
        told | {"currency": currency} | _judged(holdout, found.get(currency)) for currency in in_order(found, first)
    ]


def _known_days(session: Session, scope: Scope) -> tuple[date | None, date | None]:
    """The days of the brand's first and last known orders."""
    known, zone = known_from_to(session, scope.brand_id), zone_of(session, scope.brand_id)
    return (known[0].astimezone(zone).date(), known[1].astimezone(zone).date()) if known else (None, None)


# --- units -----------------------------------------------------------------------------------------------------------


def _by_region(session: Session, scope: Scope, holdout: Holdout, first: date) -> dict[str, _Units]:
    """What each region sold a day during, and how much more that is than before; none where orders began too late."""
    days = (holdout.ends_on - holdout.starts_on).days + 1
    days_before = max(days, LEAST_BEFORE)
    begins = holdout.starts_on - timedelta(days=days_before)
    if first > begins:
        return {}
    during = by_region(session, replace(scope, start=holdout.starts_on, end=holdout.ends_on))
    before = by_region(session, replace(scope, start=begins, end=holdout.starts_on - timedelta(days=1)))
    units = [*holdout.settings["compared"], *holdout.settings["held_out"]]
    found = {}
    for currency in {currency for _, currency in during}:
        now = {unit: during.get((unit, currency), Total()) for unit in units}
        then = {unit: before.get((unit, currency), Total()) for unit in units}
        orders = {unit: now[unit].orders / days - then[unit].orders / days_before for unit in units}
        revenue = {unit: now[unit].revenue / days - then[unit].revenue / days_before for unit in units}
        found[currency] = _Units(now, orders, revenue, days)
    return found


def _by_day(session: Session, scope: Scope, holdout: Holdout, first: date) -> dict[str, _Units]:
    """What each day sold, and how much more that is than its weekday sold in the weeks before, where those are known.

    What a weekday is used to does not depend on the draw, so taking it away makes the judgement sharper, not wrong.
    """
    begins = holdout.starts_on - timedelta(weeks=WEEKS_BEFORE)
    sold = by_day(session, replace(scope, start=begins, end=holdout.ends_on))
    units = [*holdout.settings["compared"], *holdout.settings["held_out"]]
    found = {}
    for currency in {currency for day, currency in sold if day >= holdout.starts_on}:
        totals = {unit: sold.get((date.fromisoformat(unit), currency), Total()) for unit in units}
        usual = _usual(sold, currency, begins) if first <= begins else [(0.0, 0.0)] * 7
        weekday = {unit: usual[date.fromisoformat(unit).weekday()] for unit in units}
        orders = {unit: totals[unit].orders - weekday[unit][0] for unit in units}
        revenue = {unit: totals[unit].revenue - weekday[unit][1] for unit in units}
        found[currency] = _Units(totals, orders, revenue, 1)
    return found


def _usual(sold: Mapping[tuple[date, str], Total], currency: str, begins: date) -> list[tuple[float, float]]:
    """Mean orders and revenue of each weekday, Monday first, in the weeks from `begins` on."""
    found = [(0.0, 0.0)] * 7
    for number in range(7 * WEEKS_BEFORE):
        day = begins + timedelta(days=number)
        total, (orders, revenue) = sold.get((day, currency), Total()), found[day.weekday()]
        found[day.weekday()] = (orders + total.orders / WEEKS_BEFORE, revenue + total.revenue / WEEKS_BEFORE)
    return found


# --- judgement -------------------------------------------------------------------------------------------------------


def _judged(holdout: Holdout, units: _Units | None) -> Row:
    if units is None or sum(total.orders for total in units.totals.values()) < LEAST_ORDERS:
        return dict.fromkeys(_FIGURES) | {"verdict": LITTLE}
    running, held_out = holdout.settings["compared"], holdout.settings["held_out"]
    orders, revenue = (_compared(values, running, held_out) for values in (units.orders, units.revenue))
    whole = len(running) * units.days  # from a unit and day to all in which it ran
    return {
        "running_rate": _rate(units, running),
        "held_out_rate": _rate(units, held_out),
        "lift": orders.effect * whole,
        "low": orders.low * whole,
        "high": orders.high * whole,
        "chance": Fraction(orders.p).limit_denominator(experiments.DRAWS),
        "revenue_lift": round(revenue.effect * whole),
        "revenue_low": round(revenue.low * whole),
        "revenue_high": round(revenue.high * whole),
        "verdict": UNPROVEN if orders.low <= 0 <= orders.high else PROVEN,
    }


def _compared(values: Mapping[str, float], running: Sequence[str], held_out: Sequence[str]) -> Outcome:
    return experiments.compared([values[unit] for unit in running], [values[unit] for unit in held_out], seed=_SEED)


def _rate(units: _Units, named: Sequence[str]) -> float:
    return sum(units.totals[unit].orders for unit in named) / (len(named) * units.days)
