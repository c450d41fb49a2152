"""A partner is who promotes: a creator by default in the influence channel, everybody else in the affiliate one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from tracker.catalog import Desk, tell_attribution
from tracker.catalog.fields import (
    Brief,
    ChannelField,
    Email,
    Followers,
    Input,
    KindField,
    ListQuery,
    Name,
    Output,
    Page,
    ShortText,
    lower,
    omitted,
)
from tracker.domain.catalog import Channel, PartnerKind, default_channel
from tracker.domain.ids import new_id
from tracker.errors import say
from tracker.ledger import catalog
from tracker.ledger.due import mark_due_for_partner
from tracker.ledger.links import bump_links_version
from tracker.ledger.tables import Partner

MOST_TAGS = 20


def _tags(given: list[str]) -> list[str]:
    if len(given) > MOST_TAGS:
        raise ValueError(say("want up to %(most_tags)s tags", most_tags=MOST_TAGS))
    return list(dict.fromkeys(given))


LanguageField = Annotated[Literal["en", "fr"], BeforeValidator(lower)]
Notes = Brief
Tags = Annotated[list[ShortText], AfterValidator(_tags)]


class NewPartner(Input):
    """A partner to be. Without a channel it is in its kind's."""

    name: Name
    kind: KindField = PartnerKind.CREATOR
    channel: ChannelField | None = None
    followers: Followers | None = None
    email: Email | None = None
    language: LanguageField | None = None
    notes: Notes | None = None
    tags: Tags = Field(default_factory=list)


class PartnerChange(Input):
    """What of a partner is to be different."""

    name: Name = omitted()
    kind: KindField = omitted()
    channel: ChannelField = omitted()
    followers: Followers | None = None
    email: Email | None = None
    language: LanguageField | None = None
    notes: Notes | None = None
    tags: Tags = omitted()


class PartnerQuery(ListQuery):
    """Which partners."""

    channel: ChannelField | None = None
    kind: KindField | None = None


class PartnerView(Output):
    """A partner. Notes and tags (production, tone, style) are the brand's own: the partner never sees them."""

    id: str
    name: str
    kind: PartnerKind
    channel: Channel
    followers: int | None
    email: str | None
    language: str | None
    notes: str | None
    tags: list[str]
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
        language=wanted.language,
        notes=wanted.notes,
        tags=wanted.tags,
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
        language=partner.language,
        notes=partner.notes,
        tags=list(partner.tags or []),
        created_at=partner.created_at,
    )
