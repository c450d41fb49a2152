"""A cost is what was spent on a placement, a partner, a campaign or the brand. A wrong one is withdrawn, and stays."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, StringConstraints
from sqlalchemy import ColumnElement, select

from tracker.catalog import Desk
from tracker.catalog.fields import (
    CampaignReference,
    Currency,
    Input,
    ListQuery,
    Output,
    Page,
    PartnerFilter,
    PlacementReference,
    lower,
    omitted,
)
from tracker.catalog.terms import Amount
from tracker.domain.costs import MINUTES_AN_HOUR, Kind, Spread, price_of_time
from tracker.domain.ids import new_id
from tracker.domain.money import decimal_string, exact, minor_units
from tracker.errors import BadInput, say
from tracker.ledger import catalog
from tracker.ledger.tables import Campaign, Cost, Partner, Placement

MOST_HOURS = 100_000

_CLOCK = re.compile(r"([0-9]{1,6}):([0-5][0-9])")


def _hours(value: object) -> object:
    """Hours as minutes: 2.5 and 2:30 are 150."""
    text = str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    try:
        if clock := _CLOCK.fullmatch(text):
            minutes = int(clock[1]) * MINUTES_AN_HOUR + int(clock[2])
        else:
            minutes = int(exact(text) * MINUTES_AN_HOUR)
            if minutes != exact(text) * MINUTES_AN_HOUR:
                raise ValueError
    except ValueError:
        raise ValueError("want hours such as 2.5 or 2:30, in whole minutes") from None
    if not 0 < minutes <= MOST_HOURS * MINUTES_AN_HOUR:
        raise ValueError(say("want more than none and at most %(most_hours)s hours", most_hours=MOST_HOURS))
    return minutes


def _plausible(day: date) -> date:
    if not 1970 < day.year < 9000:
        raise ValueError("want a year from 1971 to 8999")
    return day


CostKind = Annotated[Kind, BeforeValidator(lower)]
Hours = Annotated[int, BeforeValidator(_hours), Field(json_schema_extra={"type": "string"})]
SpreadField = Annotated[Spread, BeforeValidator(lower)]
Note = Annotated[str, StringConstraints(max_length=200)]
PlainDay = Annotated[date, AfterValidator(_plausible)]
Day = Annotated[
    PlainDay | None,
    Field(validation_alias=AliasChoices("spent_on", "on")),
]


class NewCost(Input):
    """A cost to be, in `currency` (the brand's where it is not said), of `spent_on` (today where it is not said).

    Hours have `hours` (2.5 or 2:30) and `rate`, an amount an hour; every other kind has an `amount`. `retail` is what a
    gift sells for; its `amount` is what it cost. `spread` says how a shared cost is divided: in equal parts, or by
    revenue.
    """

    kind: CostKind
    amount: Amount | None = None
    hours: Hours | None = None
    rate: Amount | None = None
    retail: Amount | None = None
    currency: Currency | None = None
    partner: PartnerFilter = None
    campaign: CampaignReference = None
    placement: PlacementReference = None
    spent_on: Day = None
    spread: SpreadField = Spread.EQUAL
    note: Note = ""


class CostChange(Input):
    """What of a cost is to be different: it may be withdrawn, and nothing else."""

    withdrawn: Literal[True] = omitted()


class CostQuery(ListQuery):
    """Which costs; withdrawn ones where they are asked for."""

    partner: PartnerFilter = None
    campaign: CampaignReference = None
    placement: PlacementReference = None
    withdrawn: bool = False


class CostsWanted(Input):
    """Which costs a page lists: of these days, both included, and of whatever else is said."""

    start: PlainDay | None = None
    end: PlainDay | None = None
    kind: CostKind | None = None
    partner: PartnerFilter = None
    campaign: CampaignReference = None
    placement: PlacementReference = None


class CostView(Output):
    """A cost. Partner, campaign and placement are ids, amounts decimal strings; `hours` are hours:minutes."""

    id: str
    kind: Kind
    amount: str
    currency: str
    hours: str | None
    rate: str | None
    retail: str | None
    partner: str | None
    campaign: str | None
    placement: str | None
    spent_on: date
    spread: Spread
    note: str
    created_at: datetime
    withdrawn_at: datetime | None


def add(desk: Desk, wanted: NewCost) -> CostView:
    """Add a cost. Raises NotFound for what the brand has not, BadInput where its parts do not go together."""
    brand = catalog.brand_by_id(desk.session, desk.brand_id)
    currency = wanted.currency or brand.currency
    partner, campaign, placement = _place(desk, wanted)
    amount, rate = _priced(wanted, currency)
    cost = Cost(
        id=new_id(),
        brand_id=desk.brand_id,
        campaign_id=campaign,
        partner_id=partner,
        placement_id=placement,
        kind=wanted.kind,
        amount=amount,
        retail=_retail(wanted, currency),
        minutes=wanted.hours,
        rate=rate,
        currency=currency,
        spent_on=wanted.spent_on or desk.now.astimezone(ZoneInfo(brand.time_zone)).date(),
        spread=wanted.spread,
        note=wanted.note,
        created_at=desk.now,
        withdrawn_at=None,
    )
    desk.session.add(cost)
    desk.session.flush()
    return _view(cost)


def edit(desk: Desk, cost_id: str, change: CostChange) -> CostView:
    """Withdraw a cost where that is asked. Raises NotFound."""
    return withdraw(desk, cost_id) if change.given() else one(desk, cost_id)


def withdraw(desk: Desk, cost_id: str) -> CostView:
    """Count a cost no more; it stays, and withdrawing it again changes nothing. Raises NotFound."""
    cost = catalog.one(desk.session, Cost, desk.brand_id, cost_id, lock=True)
    catalog.change(desk.session, cost, {"withdrawn_at": cost.withdrawn_at or desk.now})
    return _view(cost)


def one(desk: Desk, cost_id: str) -> CostView:
    """The brand's cost of that id. Raises NotFound."""
    return _view(catalog.one(desk.session, Cost, desk.brand_id, cost_id))


def page(desk: Desk, query: CostQuery) -> Page[CostView]:
    """A page of the brand's costs. Raises NotFound for a partner, campaign or placement that the brand has not."""
    conditions: list[ColumnElement[bool]] = [] if query.withdrawn else [Cost.withdrawn_at.is_(None)]
    if query.partner:
        conditions.append(Cost.partner_id == catalog.one(desk.session, Partner, desk.brand_id, query.partner).id)
    if query.campaign:
        conditions.append(Cost.campaign_id == catalog.one(desk.session, Campaign, desk.brand_id, query.campaign).id)
    if query.placement:
        conditions.append(Cost.placement_id == catalog.one(desk.session, Placement, desk.brand_id, query.placement).id)
    rows, further = catalog.page(
        desk.session, Cost, desk.brand_id, after=query.cursor, limit=query.limit, conditions=conditions
    )
    return Page[CostView](data=[_view(row) for row in rows], next_cursor=further)


def latest(desk: Desk, wanted: CostsWanted, limit: int) -> list[CostView]:
    """The costs that were spent last, the last one first; withdrawn ones are left out."""
    said = (
        (Cost.partner_id, wanted.partner),
        (Cost.campaign_id, wanted.campaign),
        (Cost.placement_id, wanted.placement),
        (Cost.kind, wanted.kind),
    )
    query = select(Cost).where(Cost.brand_id == desk.brand_id, Cost.withdrawn_at.is_(None))
    query = query.where(*(column == value for column, value in said if value))
    if wanted.start:
        query = query.where(Cost.spent_on >= wanted.start)
    if wanted.end:
        query = query.where(Cost.spent_on <= wanted.end)
    rows = desk.session.execute(query.order_by(Cost.spent_on.desc(), Cost.id.desc()).limit(limit))
    return [_view(row) for row in rows.scalars()]


def _place(desk: Desk, wanted: NewCost) -> tuple[str | None, str | None, str | None]:
    """Partner, campaign and placement, by id. A placement tells the two others, and they may not contradict it."""
    partner = catalog.one(desk.session, Partner, desk.brand_id, wanted.partner).id if wanted.partner else None
    campaign = catalog.one(desk.session, Campaign, desk.brand_id, wanted.campaign).id if wanted.campaign else None
    if not wanted.placement:
        return partner, campaign, None
    placement = catalog.one(desk.session, Placement, desk.brand_id, wanted.placement)
    if partner not in (None, placement.partner_id):
        raise BadInput("partner", "the placement is another partner's: leave the partner out")
    if campaign and placement.campaign_id not in (None, campaign):
        raise BadInput("campaign", "the placement is of another campaign: leave the campaign out")
    return placement.partner_id, campaign or placement.campaign_id, placement.id


def _priced(wanted: NewCost, currency: str) -> tuple[int, int | None]:
    """The amount and the rate in minor units."""
    if wanted.kind is not Kind.HOURS:
        _refuse("hours", wanted.hours, "only of the kind hours: say the amount")
        _refuse("rate", wanted.rate, "only of the kind hours: say the amount")
        if wanted.amount is None:
            raise BadInput("amount", "say what it cost, such as 250.00")
        return minor_units(wanted.amount, currency), None
    _refuse("amount", wanted.amount, "hours cost their rate: say the hours and the rate")
    if wanted.hours is None:
        raise BadInput("hours", "say how many, such as 2.5 or 2:30")
    if wanted.rate is None:
        raise BadInput("rate", "say what an hour costs, such as 40.00")
    rate = minor_units(wanted.rate, currency)
    amount = price_of_time(wanted.hours, rate)
    if amount >= 10**15:
        raise BadInput("rate", "that is more than anybody spends")
    return amount, rate


def _retail(wanted: NewCost, currency: str) -> int | None:
    if wanted.kind is not Kind.GIFT:
        _refuse("retail", wanted.retail, "only a gift has a retail value")
    return minor_units(wanted.retail, currency) if wanted.retail is not None else None


def _refuse(field: str, value: object, why: str) -> None:
    if value is not None:
        raise BadInput(field, why)


def _clock(minutes: int | None) -> str | None:
    return None if minutes is None else f"{minutes // MINUTES_AN_HOUR}:{minutes % MINUTES_AN_HOUR:02}"


def _view(cost: Cost) -> CostView:
    def money(amount: int | None) -> str | None:
        return None if amount is None else decimal_string(amount, cost.currency)

    return CostView(
        id=cost.id,
        kind=Kind(cost.kind),
        amount=decimal_string(cost.amount, cost.currency),
        currency=cost.currency,
        hours=None
        if cost.minutes is None
        else f"{cost.minutes // MINUTES_AN_HOUR}:{cost.minutes % MINUTES_AN_HOUR:02}",
        rate=money(cost.rate),
        retail=money(cost.retail),
        partner=cost.partner_id,
        campaign=cost.campaign_id,
        placement=cost.placement_id,
        spent_on=cost.spent_on,
        spread=Spread(cost.spread),
        note=cost.note,
        created_at=cost.created_at,
        withdrawn_at=cost.withdrawn_at,
    )
