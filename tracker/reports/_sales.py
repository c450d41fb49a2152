"""A partner's sales: every order he had a hand in, what it earns him, and in words why where it earns nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.orders import Status
from tracker.domain.receipts import explained, for_partner
from tracker.domain.sales import Reckoned, SaleState
from tracker.ledger import partnership
from tracker.ledger.database import among
from tracker.ledger.tables import Credit, Receipt
from tracker.reports._parts import credited
from tracker.reports._shape import Scope

NOT_PAID_YET = "The shop has not been paid for this order yet."
A_TEST = "The order is a test."
GIVEN_BACK = "The order was cancelled or given back."
NO_TERMS = "No terms say yet what you are paid for it."
SENTENCES = (NOT_PAID_YET, A_TEST, GIVEN_BACK, NO_TERMS)


@dataclass(frozen=True, slots=True)
class Sale:
    """An order for one partner; amounts are minor units of `currency`. `why` are sentences, none where all is well."""

    order_id: str
    number: str
    placed_at: datetime
    currency: str
    credit: int | None
    due: int
    state: SaleState
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sold:
    """How many paid orders a partner has credit of in one currency, and the credit in minor units."""

    currency: str
    orders: int
    credited: int


def sold(session: Session, brand_id: str, partner_id: str, first: date, today: date) -> list[Sold]:
    """What a partner sold since a day, the largest sum first."""
    # An order may come from a clock that is ahead.
    scope = Scope(brand_id, first, today + timedelta(days=1), partner_id=partner_id)
    found = credited(session, scope, Credit.partner_id)
    sums = [Sold(currency, figures.orders, figures.revenue) for (_, currency), figures in found.items()]
    return sorted(sums, key=lambda one: (-one.credited, one.currency))


def sales(
    session: Session,
    brand_id: str,
    partner_id: str,
    days: tuple[date, date],
    *,
    state: SaleState | None = None,
    offset: int = 0,
    limit: int = 50,
) -> tuple[list[Sale], bool]:
    """The sales of these days (both included), the latest first, and whether there are more.

    An order is left out where its receipt knows nothing of the partner.
    """
    if state is None:
        page = partnership.sales(session, brand_id, partner_id, days, offset=offset, limit=limit + 1)
    else:
        found = partnership.sales(session, brand_id, partner_id, days)
        page = [row for row in found if _reckoned(row).state is state][offset : offset + limit + 1]
    seen = _receipts(session, [row.order_id for row in page], partner_id)
    return [_sale(row, seen[row.order_id]) for row in page[:limit] if row.order_id in seen], len(page) > limit


def one(session: Session, brand_id: str, partner_id: str, order_id: str, day: date) -> Sale | None:
    """The sale of that order, placed on that day; None where the partner had no hand in it."""
    found = [row for row in partnership.sales(session, brand_id, partner_id, (day, day)) if row.order_id == order_id]
    seen = _receipts(session, [order_id], partner_id)
    return _sale(found[0], seen[order_id]) if found and order_id in seen else None


def reasons(seen: Mapping[str, Any]) -> tuple[str, ...]:
    """Why the partner's own touchpoints earn nothing, or not more: each sentence once, the order's own first."""
    told = explained(seen)
    order_why = told["rule"].get("order_why")
    own = [one["number"] for one in seen["candidates"] if "another_partner" not in one]
    lost = [one["why"] for one in told["lost"] if one["candidate"] in own]
    return tuple(dict.fromkeys(([order_why] if order_why else []) + [why for why in lost if why]))


def _receipts(session: Session, order_ids: Sequence[str], partner_id: str) -> dict[str, Mapping[str, Any]]:
    """The receipts as the partner may see them."""
    query = select(Receipt.order_id, Receipt.body).where(among(session, Receipt.order_id, order_ids), Receipt.current)
    drawn = {row.order_id: for_partner(row.body, partner_id) for row in session.execute(query)} if order_ids else {}
    return {order_id: seen for order_id, seen in drawn.items() if seen is not None}


def _reckoned(row: Any) -> Reckoned:
    credit = None if row.credit is None else int(row.credit)
    return Reckoned(int(row.rows), int(row.pending), int(row.approved), int(row.paid), credit)


def _sale(row: Any, seen: Mapping[str, Any]) -> Sale:
    reckoned = _reckoned(row)
    return Sale(
        order_id=row.order_id,
        number=row.number or row.external_id,
        placed_at=row.placed_at,
        currency=row.currency,
        credit=reckoned.credit,
        due=reckoned.due,
        state=reckoned.state,
        why=_why(row, reckoned, seen),
    )


def _why(row: Any, reckoned: Reckoned, seen: Mapping[str, Any]) -> tuple[str, ...]:
    """The sentences that a sale which earns nothing needs."""
    if reckoned.state is SaleState.REFUSED:
        return reasons(seen)
    if reckoned.state is SaleState.REVERSED:
        return (GIVEN_BACK,)
    if reckoned.state is not SaleState.UNPAID:
        return ()
    if row.test:
        return (A_TEST,)
    if row.status == Status.PENDING:
        return (NOT_PAID_YET,)
    return (NO_TERMS,) if row.status == Status.PAID else (GIVEN_BACK,)
