"""A campaign is a push with dates; its UTM template is merged into the landing URLs of its links."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import Field
from sqlalchemy import select

from tracker.catalog import Desk
from tracker.catalog.fields import (
    Brief,
    Input,
    ListQuery,
    Margin,
    Mention,
    Name,
    ObjectiveField,
    Output,
    Page,
    TargetReturn,
    Utm,
    omitted,
    said,
)
from tracker.catalog.terms import Amount
from tracker.domain.catalog import Objective
from tracker.domain.ids import new_id
from tracker.domain.money import decimal_string, minor_units
from tracker.errors import BadInput, Conflict
from tracker.ledger import catalog
from tracker.ledger.links import bump_links_version
from tracker.ledger.tables import Campaign


class NewCampaign(Input):
    """A campaign to be. Its days are the brand's, both included.

    `budget` is an amount in the brand's currency. `target_return` and `margin` are the brand's where they are not said.
    `brief` is what partners read, `mention` the words that must stand beside every link ("Publicité").
    """

    name: Name
    objective: ObjectiveField | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    utm: Utm = Field(default_factory=dict)
    budget: Amount | None = None
    target_return: TargetReturn | None = None
    margin: Margin | None = None
    brief: Brief | None = None
    mention: Mention | None = None


class CampaignChange(Input):
    """What of a campaign is to be different."""

    name: Name = omitted()
    objective: ObjectiveField | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    utm: Utm = omitted()
    budget: Amount | None = None
    target_return: TargetReturn | None = None
    margin: Margin | None = None
    brief: Brief | None = None
    mention: Mention | None = None


class CampaignQuery(ListQuery):
    """Which campaigns."""


class CampaignView(Output):
    """A campaign. Without a target or a margin of its own it has the brand's."""

    id: str
    name: str
    objective: Objective | None
    starts_on: date | None
    ends_on: date | None
    utm: dict[str, str]
    budget: str | None
    target_return: str | None
    margin: str | None
    brief: str | None
    mention: str | None
    created_at: datetime


def add(desk: Desk, wanted: NewCampaign) -> CampaignView:
    """Add a campaign. Raises BadInput where it ends before it starts."""
    _check_days(wanted.starts_on, wanted.ends_on)
    campaign = Campaign(id=new_id(), brand_id=desk.brand_id, created_at=desk.now, **_values(desk, wanted.model_dump()))
    desk.session.add(campaign)
    desk.session.flush()
    return _view(campaign, _currency(desk))


def edit(desk: Desk, campaign_id: str, change: CampaignChange) -> CampaignView:
    """Change a campaign. Raises BadInput where it would end before it starts."""
    campaign = catalog.one(desk.session, Campaign, desk.brand_id, campaign_id, lock=True)
    catalog.change(desk.session, campaign, _values(desk, change.given()))
    _check_days(campaign.starts_on, campaign.ends_on)
    bump_links_version(desk.session)
    return _view(campaign, _currency(desk))


def one(desk: Desk, campaign_id: str) -> CampaignView:
    """The brand's campaign of that id. Raises NotFound."""
    return _view(catalog.one(desk.session, Campaign, desk.brand_id, campaign_id), _currency(desk))


def page(desk: Desk, query: CampaignQuery) -> Page[CampaignView]:
    """A page of the brand's campaigns."""
    rows, further = catalog.page(desk.session, Campaign, desk.brand_id, after=query.cursor, limit=query.limit)
    currency = _currency(desk)
    return Page[CampaignView](data=[_view(row, currency) for row in rows], next_cursor=further)


def named(desk: Desk, text: str) -> str:
    """The id of the campaign of that id or name. Raises NotFound, and BadInput where several have the name."""
    return catalog.named(desk.session, Campaign, Campaign.name, desk.brand_id, text)


def refuse_taken(desk: Desk, name: str, *, but: str | None = None) -> None:
    """Raise Conflict where a campaign, not `but`, has the name already, in whatever letters: people pick by name."""
    wanted = name.strip().casefold()
    query = select(Campaign.id, Campaign.name).where(Campaign.brand_id == desk.brand_id)
    others = (other for row_id, other in desk.session.execute(query) if row_id != but)
    if any(other.casefold() == wanted for other in others):
        raise Conflict("there is a campaign of that name already: choose another one")


def _check_days(starts_on: date | None, ends_on: date | None) -> None:
    if starts_on and ends_on and ends_on < starts_on:
        raise BadInput("ends_on", "the last day comes before the first")


def _currency(desk: Desk) -> str:
    return catalog.brand_by_id(desk.session, desk.brand_id).currency


def _values(desk: Desk, given: dict[str, Any]) -> dict[str, Any]:
    """The columns that these fields mean."""
    if given.get("budget") is not None:
        given["budget"] = minor_units(given["budget"], _currency(desk))
    return given


def _view(campaign: Campaign, currency: str) -> CampaignView:
    return CampaignView(
        id=campaign.id,
        name=campaign.name,
        objective=Objective(campaign.objective) if campaign.objective else None,
        starts_on=campaign.starts_on,
        ends_on=campaign.ends_on,
        utm=campaign.utm,
        budget=None if campaign.budget is None else decimal_string(campaign.budget, currency),
        target_return=said(campaign.target_return),
        margin=said(campaign.margin, 100),
        brief=campaign.brief,
        mention=campaign.mention,
        created_at=campaign.created_at,
    )
