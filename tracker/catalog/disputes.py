"""A partner may dispute each order once. The brand answers in words: what changes credit is a fact, never an answer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from sqlalchemy import select

from tracker.catalog import Desk, _letters, brands, messages
from tracker.catalog.fields import Input, ListQuery, Output, Page, PartnerFilter
from tracker.catalog.messages import MessageView, Words
from tracker.domain.disputes import DisputeState, due_on
from tracker.domain.ids import is_id, new_id
from tracker.domain.receipts import for_partner
from tracker.errors import Conflict, NotFound
from tracker.ledger import catalog, talk
from tracker.ledger.tables import Dispute, OrderRow, Partner, Receipt

TWICE = "you have disputed this order already: write to the brand in that dispute"
ANSWERED = "this dispute was answered already: write a message instead"
SENTENCES = (TWICE, ANSWERED)


class NewDispute(Input):
    """A dispute to be: of which order, and what the partner says is wrong."""

    order: str
    text: Words


class DisputeChange(Input):
    """The brand's answer: it accepts or refuses, and says why."""

    state: Literal["accepted", "refused"]
    answer: Words


class DisputeQuery(ListQuery):
    """Which disputes."""

    partner: PartnerFilter = None
    state: DisputeState | None = None


class DisputeView(Output):
    """A dispute about an order, by ids; `due_on` is the last day on which the brand should answer."""

    id: str
    order: str
    order_number: str
    partner: str
    receipt_version: int
    state: DisputeState
    due_on: date
    opened_at: datetime
    closed_at: datetime | None


def add(desk: Desk, partner_id: str, wanted: NewDispute, *, account: str | None) -> DisputeView:
    """The partner disputes an order that he had a hand in.

    Raises NotFound for any other order, and Conflict where he has disputed it before.
    """
    partner = catalog.one(desk.session, Partner, desk.brand_id, partner_id)
    version = _receipt_version(desk, wanted.order, partner.id)
    dispute_id, today = new_id(), desk.now.astimezone(brands.zone_of(desk)).date()
    added = catalog.insert_new(desk.session, Dispute, id=dispute_id, brand_id=desk.brand_id, order_id=wanted.order,
                               partner_id=partner.id, receipt_version=version, state=DisputeState.OPEN.value,
                               due_on=due_on(today), opened_at=desk.now, closed_at=None)  # fmt: skip
    if not added:
        raise Conflict(TWICE)
    _say(desk, dispute_id, partner, wanted.text, from_partner=True, account=account, letter=False)
    view = one(desk, dispute_id)
    told = {"order": view.order_number, "text": _letters.quoted(wanted.text), "due_on": view.due_on.isoformat()}
    _letters.tell_brand(desk, "dispute_opened", dispute_id, partner, f"/disputes/{dispute_id}", **told)
    return view


def answer(desk: Desk, dispute_id: str, change: DisputeChange, *, account: str | None = None) -> DisputeView:
    """The brand's answer closes the dispute. Raises NotFound, and Conflict where it is closed already."""
    dispute = catalog.one(desk.session, Dispute, desk.brand_id, dispute_id, lock=True)
    if dispute.state != DisputeState.OPEN:
        raise Conflict(ANSWERED)
    partner = catalog.one(desk.session, Partner, desk.brand_id, dispute.partner_id)
    catalog.change(desk.session, dispute, {"state": change.state, "closed_at": desk.now})
    _say(desk, dispute.id, partner, change.answer, from_partner=False, account=account, letter=False)
    view = one(desk, dispute.id)
    told = {"order": view.order_number, "text": _letters.quoted(change.answer), "verdict": change.state}
    _letters.tell_partner(desk, "dispute_answered", dispute.id, partner, f"/partner/sales/{dispute.order_id}", **told)
    return view


def write(desk: Desk, dispute_id: str, text: str, *, from_partner: bool, account: str | None) -> MessageView:
    """One side adds to the thread of a dispute, open or closed. Raises NotFound."""
    dispute = catalog.one(desk.session, Dispute, desk.brand_id, dispute_id)
    partner = catalog.one(desk.session, Partner, desk.brand_id, dispute.partner_id)
    return _say(desk, dispute.id, partner, text, from_partner=from_partner, account=account, letter=True)


def one(desk: Desk, dispute_id: str) -> DisputeView:
    """The brand's dispute of that id. Raises NotFound."""
    return _view(desk, catalog.one(desk.session, Dispute, desk.brand_id, dispute_id))


def of_order(desk: Desk, partner_id: str, order_id: str) -> DisputeView | None:
    """The partner's dispute of that order, if there is one."""
    query = select(Dispute).where(
        Dispute.brand_id == desk.brand_id, Dispute.partner_id == partner_id, Dispute.order_id == order_id
    )
    found = desk.session.execute(query).scalar_one_or_none() if is_id(order_id) else None
    return _view(desk, found) if found else None


def open_about(desk: Desk, order_id: str) -> list[DisputeView]:
    """The open disputes about the brand's order, the one that is due first before the others."""
    query = select(Dispute).where(
        Dispute.brand_id == desk.brand_id, Dispute.order_id == order_id, Dispute.state == DisputeState.OPEN.value
    )
    found = desk.session.execute(query.order_by(Dispute.due_on, Dispute.id)).scalars() if is_id(order_id) else ()
    return [_view(desk, row) for row in found]


def page(desk: Desk, query: DisputeQuery) -> Page[DisputeView]:
    """A page of the brand's disputes in the order of their making."""
    conditions = []
    if query.partner:
        conditions.append(Dispute.partner_id == catalog.one(desk.session, Partner, desk.brand_id, query.partner).id)
    if query.state:
        conditions.append(Dispute.state == query.state.value)
    rows, further = catalog.page(
        desk.session, Dispute, desk.brand_id, after=query.cursor, limit=query.limit, conditions=conditions
    )
    return Page[DisputeView](data=[_view(desk, row) for row in rows], next_cursor=further)


def every(desk: Desk, partner_id: str | None = None) -> list[DisputeView]:
    """All disputes, or the partner's: open ones first, the one that is due first before the others."""
    return [
        _shaped(row, number or external_id)
        for row, number, external_id in talk.disputes(desk.session, desk.brand_id, partner_id)
    ]


def _receipt_version(desk: Desk, order_id: str, partner_id: str) -> int:
    query = select(Receipt).where(
        Receipt.order_id == order_id, Receipt.brand_id == desk.brand_id, Receipt.current.is_(True)
    )
    receipt = desk.session.execute(query).scalar_one_or_none() if is_id(order_id) else None
    if receipt is None or for_partner(receipt.body, partner_id) is None:
        raise NotFound("no such order of the partner")
    return receipt.version


def _say(
    desk: Desk, dispute_id: str, partner: Partner, text: str, *, from_partner: bool, account: str | None, letter: bool
) -> MessageView:
    return messages.put(
        desk, partner, text, from_partner=from_partner, account=account, dispute_id=dispute_id, letter=letter
    )


def _view(desk: Desk, row: Dispute) -> DisputeView:
    query = select(OrderRow.number, OrderRow.external_id).where(OrderRow.id == row.order_id)
    number, external_id = desk.session.execute(query).one()
    return _shaped(row, number or external_id)


def _shaped(row: Dispute, number: str) -> DisputeView:
    return DisputeView(
        id=row.id,
        order=row.order_id,
        order_number=number,
        partner=row.partner_id,
        receipt_version=row.receipt_version,
        state=DisputeState(row.state),
        due_on=row.due_on,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
    )
