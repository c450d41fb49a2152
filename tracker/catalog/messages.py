"""A brand and a partner talk in one thread; whoever is written to gets one letter until they have read it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from tracker.catalog import Desk, _letters
from tracker.catalog.fields import Brief, Input, ListQuery, Output, Page, PartnerFilter, PartnerReference
from tracker.domain.ids import new_id
from tracker.ledger import catalog, talk
from tracker.ledger.tables import Message, Partner

LONGEST = 4000


# What a person writes to another: lines are kept.
Words = Annotated[Brief, Field(max_length=LONGEST)]


class NewMessage(Input):
    """A message of the brand to a partner."""

    partner: PartnerReference
    text: Words


class MessageQuery(ListQuery):
    """Which messages."""

    partner: PartnerFilter = None


class MessageView(Output):
    """A message between the brand and a partner; `dispute` where it is about one, `read_at` when the other saw it."""

    id: str
    partner: str
    dispute: str | None
    from_partner: bool
    text: str
    at: datetime
    read_at: datetime | None


class Thread(Output):
    """What was said with a partner: how many messages, how many of his nobody has read, and when the last one came."""

    partner: str
    messages: int
    unread: int
    at: datetime


def add(desk: Desk, wanted: NewMessage, *, account: str | None = None) -> MessageView:
    """Write to the partner. Raises NotFound."""
    partner = catalog.one(desk.session, Partner, desk.brand_id, wanted.partner)
    return put(desk, partner, wanted.text, from_partner=False, account=account)


def write(desk: Desk, partner_id: str, text: str, *, account: str | None) -> MessageView:
    """The partner writes to the brand. Raises NotFound."""
    partner = catalog.one(desk.session, Partner, desk.brand_id, partner_id)
    return put(desk, partner, text, from_partner=True, account=account)


def put(
    desk: Desk,
    partner: Partner,
    text: str,
    *,
    from_partner: bool,
    account: str | None,
    dispute_id: str | None = None,
    letter: bool = True,
) -> MessageView:
    """Add to the thread; with `letter` the other side is written to, unless something unread waits there already."""
    waiting = talk.unread(desk.session, desk.brand_id, partner.id, from_partner=from_partner)
    message = Message(id=new_id(), brand_id=desk.brand_id, partner_id=partner.id, dispute_id=dispute_id,
                      account_id=account, from_partner=from_partner, text=text, at=desk.now)  # fmt: skip
    desk.session.add(message)
    desk.session.flush()
    if letter and not waiting:
        _tell(desk, message, partner)
    return _view(message)


def one(desk: Desk, message_id: str) -> MessageView:
    """The brand's message of that id. Raises NotFound."""
    return _view(catalog.one(desk.session, Message, desk.brand_id, message_id))


def page(desk: Desk, query: MessageQuery) -> Page[MessageView]:
    """A page of the brand's messages."""
    partner = catalog.one(desk.session, Partner, desk.brand_id, query.partner).id if query.partner else None
    conditions = [Message.partner_id == partner] if partner else []
    rows, further = catalog.page(
        desk.session, Message, desk.brand_id, after=query.cursor, limit=query.limit, conditions=conditions
    )
    return Page[MessageView](data=[_view(row) for row in rows], next_cursor=further)


def thread(desk: Desk, partner_id: str, dispute_id: str | None = None) -> list[MessageView]:
    """All that was said with the partner, or all about one dispute, the oldest first."""
    return [_view(row) for row in talk.thread(desk.session, desk.brand_id, partner_id, dispute_id)]


def threads(desk: Desk) -> list[Thread]:
    """A line for each partner that the brand talks with, the latest first."""
    return [
        Thread(partner=row.partner_id, messages=row.messages, unread=int(row.unread), at=row.at)
        for row in talk.threads(desk.session, desk.brand_id)
    ]


def _tell(desk: Desk, message: Message, partner: Partner) -> None:
    said = _letters.quoted(message.text)
    if message.from_partner:
        _letters.tell_brand(desk, "message", message.id, partner, f"/messages/{partner.id}", text=said)
    else:
        _letters.tell_partner(desk, "message", message.id, partner, "/partner/messages", text=said)


def _view(row: Message) -> MessageView:
    return MessageView(
        id=row.id,
        partner=row.partner_id,
        dispute=row.dispute_id,
        from_partner=row.from_partner,
        text=row.text,
        at=row.at,
        read_at=row.read_at,
    )
