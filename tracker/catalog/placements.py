"""A placement is one published thing of a partner: where it stands, what it is made of, since when."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from tracker.catalog import Desk, brands
from tracker.catalog.fields import (
    CampaignReference,
    FormatField,
    Input,
    ListQuery,
    Message,
    Name,
    Output,
    Page,
    PartnerFilter,
    PartnerReference,
    ShortText,
    WebAddress,
    When,
    moment,
    omitted,
)
from tracker.domain.catalog import Format
from tracker.domain.ids import new_id
from tracker.ledger import catalog, figures
from tracker.ledger.tables import Campaign, Partner, Placement


class NewPlacement(Input):
    """A placement to be. `reused`: the brand shows it again elsewhere, in an advertisement or on its own pages.

    `message` is what it says in a word or two: placements of one message are compared.
    """

    partner: PartnerReference
    campaign: CampaignReference = None
    network: ShortText
    format: FormatField = Format.VIDEO
    url: WebAddress | None = None
    published_at: When | None = None
    reused: bool = False
    title: Name | None = None
    message: Message | None = None


class PlacementChange(Input):
    """What of a placement is to be different. Its partner never changes."""

    campaign: CampaignReference = None
    network: ShortText = omitted()
    format: FormatField = omitted()
    url: WebAddress | None = None
    published_at: When | None = None
    reused: bool = omitted()
    title: Name | None = None
    message: Message | None = None


class PlacementQuery(ListQuery):
    """Which placements."""

    partner: PartnerFilter = None
    campaign: CampaignReference = None


class PlacementView(Output):
    """A placement. Partner and campaign are ids."""

    id: str
    partner: str
    campaign: str | None
    network: str
    format: Format
    url: str | None
    published_at: datetime | None
    reused: bool
    title: str | None
    message: str | None
    created_at: datetime


def add(desk: Desk, wanted: NewPlacement) -> PlacementView:
    """Add a placement. Raises NotFound for a partner or campaign that the brand has not."""
    placement = Placement(
        id=new_id(),
        brand_id=desk.brand_id,
        partner_id=catalog.one(desk.session, Partner, desk.brand_id, wanted.partner).id,
        campaign_id=_campaign(desk, wanted.campaign),
        network=wanted.network,
        format=wanted.format,
        url=wanted.url,
        published_at=_moment(desk, wanted.published_at),
        reused=wanted.reused,
        title=wanted.title,
        message=wanted.message,
        created_at=desk.now,
    )
    desk.session.add(placement)
    desk.session.flush()
    return _view(placement)


def edit(desk: Desk, placement_id: str, change: PlacementChange) -> PlacementView:
    """Change a placement. Raises NotFound for a campaign that the brand has not."""
    placement = catalog.one(desk.session, Placement, desk.brand_id, placement_id, lock=True)
    given = change.given()
    if "campaign" in given:
        given["campaign_id"] = _campaign(desk, given.pop("campaign"))
    if "published_at" in given:
        given["published_at"] = _moment(desk, given["published_at"])
    if given.get("network", placement.network) != placement.network:
        figures.placement_changed(desk.session, placement)  # what was added up by network is another's now
    catalog.change(desk.session, placement, given)
    return _view(placement)


def one(desk: Desk, placement_id: str) -> PlacementView:
    """The brand's placement of that id. Raises NotFound."""
    return _view(catalog.one(desk.session, Placement, desk.brand_id, placement_id))


def page(desk: Desk, query: PlacementQuery) -> Page[PlacementView]:
    """A page of the brand's placements. Raises NotFound for a partner or campaign that the brand has not."""
    conditions = []
    if query.partner:
        conditions.append(Placement.partner_id == catalog.one(desk.session, Partner, desk.brand_id, query.partner).id)
    if query.campaign:
        conditions.append(Placement.campaign_id == _campaign(desk, query.campaign))
    rows, further = catalog.page(
        desk.session, Placement, desk.brand_id, after=query.cursor, limit=query.limit, conditions=conditions
    )
    return Page[PlacementView](data=[_view(row) for row in rows], next_cursor=further)


def latest(desk: Desk, query: PlacementQuery) -> list[PlacementView]:
    """The placements that were published last, the last one first; those that are not yet stand in front."""
    said = ((Placement.partner_id, query.partner), (Placement.campaign_id, query.campaign))
    wanted = select(Placement).where(Placement.brand_id == desk.brand_id)
    wanted = wanted.where(*(column == value for column, value in said if value))
    ordered = wanted.order_by(
        Placement.published_at.is_(None).desc(), Placement.published_at.desc(), Placement.id.desc()
    )
    return [_view(row) for row in desk.session.execute(ordered.limit(query.limit)).scalars()]


def named(desk: Desk, text: str) -> str:
    """The id of the placement of that id or web address. Raises NotFound, and BadInput where several have it."""
    return catalog.named(desk.session, Placement, Placement.url, desk.brand_id, text)


def _campaign(desk: Desk, campaign_id: str | None) -> str | None:
    return catalog.one(desk.session, Campaign, desk.brand_id, campaign_id).id if campaign_id else None


def _moment(desk: Desk, value: When | None) -> datetime | None:
    return moment(value, brands.zone_of(desk)) if value else None


def _view(placement: Placement) -> PlacementView:
    return PlacementView(
        id=placement.id,
        partner=placement.partner_id,
        campaign=placement.campaign_id,
        network=placement.network,
        format=Format(placement.format),
        url=placement.url,
        published_at=placement.published_at,
        reused=placement.reused,
        title=placement.title,
        message=placement.message,
        created_at=placement.created_at,
    )
