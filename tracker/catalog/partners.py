"""A partner is who promotes: a creator by default in the influence channel, everybody else in the affiliate one."""

from __future__ import annotations

from datetime import datetime

from tracker.catalog import Desk, tell_attribution
from tracker.catalog.fields import (
    ChannelField,
    Email,
    Followers,
    Input,
    KindField,
    ListQuery,
    Name,
    Output,
    Page,
    omitted,
)
from tracker.domain.catalog import Channel, PartnerKind, default_channel
from tracker.domain.ids import new_id
from tracker.ledger import catalog
from tracker.ledger.due import mark_due_for_partner
from tracker.ledger.links import bump_links_version
from tracker.ledger.tables import Partner


class NewPartner(Input):
    """A partner to be. Without a channel it is in its kind's."""

    name: Name
    kind: KindField = PartnerKind.CREATOR
    channel: ChannelField | None = None
    followers: Followers | None = None
    email: Email | None = None


class PartnerChange(Input):
    """What of a partner is to be different."""

    name: Name = omitted()
    kind: KindField = omitted()
    channel: ChannelField = omitted()
    followers: Followers | None = None
    email: Email | None = None


class PartnerQuery(ListQuery):
    """Which partners."""

    channel: ChannelField | None = None
    kind: KindField | None = None


class PartnerView(Output):
    """A partner."""

    id: str
    name: str
    kind: PartnerKind
    channel: Channel
    followers: int | None
    email: str | None
    created_at: datetime


def add(desk: Desk, wanted: NewPartner) -> PartnerView:
    """Add a partner."""
    partner = Partner(
        id=new_id(),
        brand_id=desk.brand_id,
        name=wanted.name,
        kind=wanted.kind,
        channel=wanted.channel or default_channel(wanted.kind),
        followers=wanted.followers,
        email=wanted.email,
        created_at=desk.now,
    )
    desk.session.add(partner)
    desk.session.flush()
    return _view(partner)


def edit(desk: Desk, partner_id: str, change: PartnerChange) -> PartnerView:
    """Change a partner. A new channel or kind holds for past orders too: those that concern the partner become due."""
    partner = catalog.one(desk.session, Partner, desk.brand_id, partner_id, lock=True)
    before = (partner.channel, partner.kind)
    catalog.change(desk.session, partner, change.given())
    if (partner.channel, partner.kind) != before:
        mark_due_for_partner(desk.session, desk.brand_id, partner.id, desk.wall)
        tell_attribution(desk.session)
    bump_links_version(desk.session)
    return _view(partner)


def one(desk: Desk, partner_id: str) -> PartnerView:
    """The brand's partner of that id. Raises NotFound."""
    return _view(catalog.one(desk.session, Partner, desk.brand_id, partner_id))


def page(desk: Desk, query: PartnerQuery) -> Page[PartnerView]:
    """A page of the brand's partners."""
    conditions = []
    if query.channel:
        conditions.append(Partner.channel == query.channel)
    if query.kind:
        conditions.append(Partner.kind == query.kind)
    rows, further = catalog.page(
        desk.session, Partner, desk.brand_id, after=query.cursor, limit=query.limit, conditions=conditions
    )
    return Page[PartnerView](data=[_view(row) for row in rows], next_cursor=further)


def named(desk: Desk, text: str) -> str:
    """The id of the partner of that id or name. Raises NotFound, and BadInput where several have the name."""
    return catalog.named(desk.session, Partner, Partner.name, desk.brand_id, text)


def _view(partner: Partner) -> PartnerView:
    return PartnerView(
        id=partner.id,
        name=partner.name,
        kind=PartnerKind(partner.kind),
        channel=Channel(partner.channel),
        followers=partner.followers,
        email=partner.email,
        created_at=partner.created_at,
    )
