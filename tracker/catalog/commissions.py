"""A commission is read, never written: rows follow from credits and terms, and say from what they were reckoned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator
from sqlalchemy import Row, Select, select

from tracker.catalog import Desk
from tracker.catalog.fields import ListQuery, Output, Page, PartnerFilter, lower
from tracker.domain.commissions import Kind, State, pick
from tracker.domain.ids import is_id
from tracker.domain.money import decimal_string
from tracker.errors import BadInput, NotFound
from tracker.ledger import catalog
from tracker.ledger import commissions as ledger
from tracker.ledger.tables import Commission, CommissionStep, Credit, OrderRow, Partner
from tracker.ledger.terms import Book

NO_TERMS = "no terms were in force when the order was placed"
OTHER_CURRENCY = "the terms pay a flat amount in another currency, which is not converted"
SENTENCES = (NO_TERMS, OTHER_CURRENCY)


class CommissionQuery(ListQuery):
    """Which commissions."""

    partner: PartnerFilter = None
    state: Annotated[State | None, BeforeValidator(lower)] = None


class CommissionView(Output):
    """A change of what is owed to a partner for an order, and from what it was reckoned. Amounts are decimal strings.

    `credit` and `net` are the partner's credit and the order's net value at that moment.
    """

    id: str
    order: str
    order_number: str
    partner: str
    number: int
    kind: Kind
    state: State
    amount: str
    currency: str
    credit: str
    net: str
    terms: str
    receipt_version: int
    cause: str
    at: datetime
    approves_at: datetime
    payout: str | None


class Unagreed(Output):
    """An order with a credit for which nothing is owed because no terms say what."""

    order: str
    order_number: str
    placed_at: datetime
    partner: str
    credit: str
    currency: str
    why: str


def page(desk: Desk, query: CommissionQuery) -> Page[CommissionView]:
    """A page of the brand's commissions in the sequence in which they were recorded."""
    wanted = _all(desk).order_by(Commission.id).limit(query.limit + 1)
    if query.partner:
        wanted = wanted.where(
            Commission.partner_id == catalog.one(desk.session, Partner, desk.brand_id, query.partner).id
        )
    if query.state:
        wanted = wanted.where(ledger.state() == query.state.value)
    if query.cursor:
        if not is_id(query.cursor):
            raise BadInput("cursor", "not a cursor of ours; begin again without one")
        wanted = wanted.where(Commission.id > query.cursor)
    views = [_view(row) for row in desk.session.execute(wanted)]
    further = views[query.limit - 1].id if len(views) > query.limit else None
    return Page[CommissionView](data=views[: query.limit], next_cursor=further)


def one(desk: Desk, commission_id: str) -> CommissionView:
    """The brand's commission of that id. Raises NotFound."""
    row = (
        desk.session.execute(_all(desk).where(Commission.id == commission_id)).first() if is_id(commission_id) else None
    )
    if row is None:
        raise NotFound("no such commission")
    return _view(row)


def without_terms(
    desk: Desk, limit: int = 1000, partner: str | None = None, days: Sequence[date] | None = None
) -> list[Unagreed]:
    """The latest orders that somebody (the `partner`) is credited with and is not paid for, with the reason.

    `days` are those on which there may be any, where that is known: no other one is looked at.
    """
    query = ledger.without_terms().where(OrderRow.brand_id == desk.brand_id)
    if partner:
        query = query.where(Credit.partner_id == partner)
    if days is not None:
        query = query.where(OrderRow.placed_day.in_(days))
    rows = desk.session.execute(query.order_by(OrderRow.placed_at.desc(), OrderRow.id).limit(limit)).all()
    book = Book(desk.session, [desk.brand_id], {row.partner_id for row in rows})
    return [
        Unagreed(
            order=row.order_id,
            order_number=row.number,
            placed_at=row.placed_at,
            partner=row.partner_id,
            credit=decimal_string(int(row.credit), row.currency),
            currency=row.currency,
            why=_why(book, row),
        )
        for row in rows
    ]


def _why(book: Book, row: Row[Any]) -> str:
    found = pick(book.of(row.brand_id), row.partner_id, row.campaign_id, row.placed_at)
    return NO_TERMS if found is None else OTHER_CURRENCY


def _all(desk: Desk) -> Select[*tuple[Any, ...]]:
    payout = select(CommissionStep.payout_id).where(
        CommissionStep.commission_id == Commission.id, CommissionStep.state == State.PAID.value
    )
    return (
        select(
            *Commission.__table__.c,
            OrderRow.number.label("order_number"),
            ledger.state().label("state"),
            payout.scalar_subquery().label("payout_id"),
        )
        .join(OrderRow, OrderRow.id == Commission.order_id)
        .where(Commission.brand_id == desk.brand_id)
    )


def _view(row: Row[Any]) -> CommissionView:
    return CommissionView(
        id=row.id,
        order=row.order_id,
        order_number=row.order_number,
        partner=row.partner_id,
        number=row.number,
        kind=Kind(row.kind),
        state=State(row.state),
        amount=decimal_string(row.amount, row.currency),
        currency=row.currency,
        credit=decimal_string(row.credit, row.currency),
        net=decimal_string(row.net, row.currency),
        terms=row.terms_id,
        receipt_version=row.receipt_version,
        cause=row.cause,
        at=row.at,
        approves_at=row.approves_at,
        payout=row.payout_id,
    )
