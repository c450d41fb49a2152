"""A decision is something that was changed during a campaign, and when. A wrong one is withdrawn, and stays."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, StringConstraints
from sqlalchemy import ColumnElement

from tracker.catalog import Desk
from tracker.catalog.fields import (
    CampaignReference,
    Input,
    ListQuery,
    Output,
    Page,
    PartnerFilter,
    PlacementReference,
    lower,
    omitted,
)
from tracker.catalog.goals import OfCampaign
from tracker.domain.ids import new_id
from tracker.errors import BadInput
from tracker.ledger import catalog
from tracker.ledger.tables import Campaign, Decision, Partner, Placement


class About(StrEnum):
    """What was changed."""

    CREATIVE = "creative"
    INFLUENCER = "influencer"
    MESSAGE = "message"
    BUDGET = "budget"
    OTHER = "other"


AboutField = Annotated[About, BeforeValidator(lower)]
Words = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class NewDecision(Input):
    """A decision to be, made on `made_on` (today where it is not said), about a partner or a placement where it was."""

    campaign: OfCampaign
    about: AboutField
    text: Words
    partner: PartnerFilter = None
    placement: PlacementReference = None
    made_on: date | None = None


class DecisionChange(Input):
    """What of a decision is to be different: it may be withdrawn, and nothing else."""

    withdrawn: Literal[True] = omitted()


class DecisionQuery(ListQuery):
    """Which decisions; withdrawn ones where they are asked for."""

    campaign: CampaignReference = None
    withdrawn: bool = False


class DecisionView(Output):
    """A decision. Campaign, partner and placement are ids."""

    id: str
    campaign: str
    about: About
    text: str
    partner: str | None
    placement: str | None
    made_on: date
    created_at: datetime
    withdrawn_at: datetime | None


def add(desk: Desk, wanted: NewDecision, account_id: str | None = None) -> DecisionView:
    """Note a decision, made by the account where it is known. Raises NotFound, and BadInput where it is of tomorrow."""
    campaign = catalog.one(desk.session, Campaign, desk.brand_id, wanted.campaign)
    zone = ZoneInfo(catalog.brand_by_id(desk.session, desk.brand_id).time_zone)
    today = desk.now.astimezone(zone).date()
    made_on = wanted.made_on or today
    if made_on > today:
        raise BadInput("made_on", "want a day that has come: note it once it is done")
    partner, placement = _about(desk, wanted, campaign.id)
    decision = Decision(
        id=new_id(),
        brand_id=desk.brand_id,
        campaign_id=campaign.id,
        about=wanted.about,
        text=wanted.text,
        partner_id=partner,
        placement_id=placement,
        made_on=made_on,
        account_id=account_id,
        created_at=desk.now,
        withdrawn_at=None,
    )
    desk.session.add(decision)
    desk.session.flush()
    return _view(decision)


def edit(desk: Desk, decision_id: str, change: DecisionChange) -> DecisionView:
    """Withdraw a decision where that is asked. Raises NotFound."""
    return withdraw(desk, decision_id) if change.given() else one(desk, decision_id)


def withdraw(desk: Desk, decision_id: str) -> DecisionView:
    """Count a decision no more; withdrawing it again changes nothing. Raises NotFound."""
    decision = catalog.one(desk.session, Decision, desk.brand_id, decision_id, lock=True)
    catalog.change(desk.session, decision, {"withdrawn_at": decision.withdrawn_at or desk.now})
    return _view(decision)


def one(desk: Desk, decision_id: str) -> DecisionView:
    """The brand's decision of that id. Raises NotFound."""
    return _view(catalog.one(desk.session, Decision, desk.brand_id, decision_id))


def page(desk: Desk, query: DecisionQuery) -> Page[DecisionView]:
    """A page of the brand's decisions. Raises NotFound for a campaign that the brand has not."""
    conditions: list[ColumnElement[bool]] = [] if query.withdrawn else [Decision.withdrawn_at.is_(None)]
    if query.campaign:
        conditions.append(Decision.campaign_id == catalog.one(desk.session, Campaign, desk.brand_id, query.campaign).id)
    rows, further = catalog.page(
        desk.session, Decision, desk.brand_id, after=query.cursor, limit=query.limit, conditions=conditions
    )
    return Page[DecisionView](data=[_view(row) for row in rows], next_cursor=further)


def _about(desk: Desk, wanted: NewDecision, campaign_id: str) -> tuple[str | None, str | None]:
    """Partner and placement, by id. A placement tells its partner, and is one of the campaign."""
    partner = catalog.one(desk.session, Partner, desk.brand_id, wanted.partner).id if wanted.partner else None
    if not wanted.placement:
        return partner, None
    placement = catalog.one(desk.session, Placement, desk.brand_id, wanted.placement)
    if placement.campaign_id not in (None, campaign_id):
        raise BadInput("placement", "the placement is of another campaign")
    if partner not in (None, placement.partner_id):
        raise BadInput("partner", "the placement is another partner's: leave the partner out")
    return placement.partner_id, placement.id


def _view(decision: Decision) -> DecisionView:
    return DecisionView(
        id=decision.id,
        campaign=decision.campaign_id,
        about=About(decision.about),
        text=decision.text,
        partner=decision.partner_id,
        placement=decision.placement_id,
        made_on=decision.made_on,
        created_at=decision.created_at,
        withdrawn_at=decision.withdrawn_at,
    )
