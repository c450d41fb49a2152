"""Orders as the API, the command line and the pages show them, a page at a time and in a constant number of queries."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, literal, select, tuple_
from sqlalchemy import Row as RowOfSql
from sqlalchemy.orm import Session

from tracker.domain import codes, ids, marks
from tracker.domain.money import decimal_string
from tracker.domain.receipts import explained, for_partner
from tracker.errors import BadInput, NotFound
from tracker.ledger import seals
from tracker.ledger.tables import Credit, CreditSet, OrderCode, OrderRow, Placement, Receipt
from tracker.ledger.types import Id, Moment
from tracker.reports._shape import PAYING, Row

ALL_MODELS = "all"
LARGEST_PAGE = 1000
_AROUND = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders. Days are the brand's, both included; a channel, partner or campaign keeps what it earns on."""

    start: date | None = None
    end: date | None = None
    status: str | None = None
    shop_id: str | None = None
    partner_id: str | None = None
    channel: str | None = None
    campaign_id: str | None = None
    network: str | None = None
    code: str | None = None
    attributed: bool | None = None
    test: bool | None = None


def orders_page(
    session: Session,
    brand_id: str,
    *,
    after: str | None = None,
    limit: int = 100,
    model: str | None = None,
    where: OrderFilter | None = None,
) -> tuple[list[Row], str | None]:
    """A page of the brand's orders, latest first, as JSON values, and the cursor of the next one (None at the end).

    `model` is None for the credits by which partners are paid, a model's name, or `all`. Only sealed credits are seen.
    Amounts are decimal strings in the order currency's own exponent; `weight` is an exact fraction such as "1/3".
    Raises BadInput for a cursor that is not ours.
    """
    limit = max(1, min(limit, LARGEST_PAGE))
    query = _selected(brand_id, model, where or OrderFilter())
    if after:
        query = query.where(before(after))
    found = session.execute(query.limit(limit + 1)).scalars().all()
    page = found[:limit]
    further = _cursor_of(page[-1]) if len(found) > limit else None
    return shaped(session, page, model), further


def one_order(session: Session, brand_id: str, order_id: str, *, model: str | None = None) -> Row:
    """One order in the shape of `orders_page`. Raises NotFound, for another brand's order too."""
    return shaped(session, [_found(session, brand_id, order_id)], model)[0]


def receipt(session: Session, brand_id: str, order_id: str) -> Row:
    """Why the order was credited as it was, with the order itself and all versions. `receipt` is None while none is
    drawn.

    Its words are explained; the digest is of the receipt without the sentences. Raises NotFound, for another brand's
    order too.
    """
    found = _found(session, brand_id, order_id)
    order = shaped(session, [found], ALL_MODELS)[0]
    drawn, history = _current(session, order_id), _history(session, order_id)
    return {
        "order": order,
        "marks": _marks(found),
        "receipt": explained(drawn.body) if drawn else None,
        "drawn_at": drawn.drawn_at.isoformat() if drawn else None,
        "version": drawn.version if drawn else None,
        "digest": drawn.digest if drawn else None,
        "history": history,
    }


def receipt_for_partner(session: Session, brand_id: str, order_id: str, partner_id: str) -> Row:
    """The same as the partner may see it: nothing of the buyer, nobody else by name.

    Raises NotFound, for an order in which the partner had no part too.
    """
    order, drawn = _found(session, brand_id, order_id), _current(session, order_id)
    seen = for_partner(drawn.body, partner_id) if drawn else None
    if drawn is None or seen is None:
        raise NotFound("no such order of the partner")
    return {
        "order": {"id": order.id, "number": order.number, "placed_at": seen["order"]["placed_at"]},
        "receipt": explained(seen),
        "drawn_at": drawn.drawn_at.isoformat(),
        "version": drawn.version,
        "cause": drawn.cause,
        "changes": [change for change in drawn.changes if change["partner"] == partner_id],
    }


def _marks(order: OrderRow) -> list[Row]:
    """The traces of other marketing that the order carries, in words."""
    found = [mark for text in order.marks or [] for mark in marks.told(text)]
    return [{"family": str(one.family), "source": one.source, "at": one.at and one.at.isoformat()} for one in found]


def _current(session: Session, order_id: str) -> Receipt | None:
    current = select(Receipt).where(Receipt.order_id == order_id, Receipt.current.is_(True))
    return session.execute(current).scalar_one_or_none()


def _history(session: Session, order_id: str) -> list[Row]:
    """Every version, the newest first: when and why it was drawn, who gained or lost by it, its place in the chain."""
    query = (
        select(Receipt.version, Receipt.cause, Receipt.drawn_at, Receipt.digest, Receipt.replaces, Receipt.changes)
        .where(Receipt.order_id == order_id)
        .order_by(Receipt.version.desc())
    )
    sealed = seals.of_order(session, order_id)
    return [
        {**row._mapping, "drawn_at": row.drawn_at.isoformat(), "seal": _seal(sealed.get(row.version))}
        for row in session.execute(query)
    ]


def _seal(found: RowOfSql[*tuple[Any, ...]] | None) -> Row | None:
    if found is None:
        return None
    return {"number": found.number, "hash": found.hash, "sealed_at": found.sealed_at.isoformat()}


def shaped(session: Session, orders: Sequence[OrderRow], model: str | None) -> list[Row]:
    """`orders` as JSON values with their sealed credits under `model`, by two queries whatever their number."""
    credits_of = _credits(session, [order.id for order in orders], model)
    return [_shape(order, credits_of.get(order.id, [])) for order in orders]


def of_model(model: str | None) -> ColumnElement[bool]:
    """The condition on credit sets: sealed, and of the model that was asked."""
    if model == ALL_MODELS:
        return CreditSet.sealed.is_(True)
    of_that = CreditSet.paying.is_(True) if model in (None, PAYING) else CreditSet.model == model
    return and_(CreditSet.sealed.is_(True), of_that)


def _found(session: Session, brand_id: str, order_id: str) -> OrderRow:
    if not ids.is_id(order_id):
        raise NotFound("no such order")
    order = session.execute(
        select(OrderRow).where(OrderRow.id == order_id, OrderRow.brand_id == brand_id, OrderRow.status.is_not(None))
    ).scalar_one_or_none()
    if order is None:
        raise NotFound("no such order")
    return order


def _selected(brand_id: str, model: str | None, where: OrderFilter) -> Select[OrderRow]:
    order = OrderRow
    conditions = [order.brand_id == brand_id, order.status.is_not(None), order.placed_at.is_not(None)]
    if where.start:
        conditions.append(order.placed_day >= where.start)
    if where.end:
        conditions.append(order.placed_day <= where.end)
    conditions += about(where.start, where.end)
    if where.status:
        conditions.append(order.status == where.status)
    if where.shop_id:
        conditions.append(order.shop_id == where.shop_id)
    if where.test is not None:
        conditions.append(order.test.is_(where.test))
    if where.code:
        conditions.append(_carries(where.code))
    earning = _earning(where)
    if earning:
        conditions.append(_credited(model, earning))
    if where.attributed is not None:
        credited = _credited(model, [])
        conditions.append(credited if where.attributed else ~credited)
    return select(order).where(*conditions).order_by(order.placed_at.desc(), order.id.desc())


def about(first: date | None, last: date | None) -> list[ColumnElement[bool]]:
    """The moments about some days, wide enough for any zone: by them orders are read in the order asked.

    A day so early or late that there is no moment about it bounds nothing.
    """
    bounds: list[ColumnElement[bool]] = []
    if first and first - date.min > _AROUND:
        bounds.append(OrderRow.placed_at >= datetime.combine(first - _AROUND, time.min, UTC))
    if last and date.max - last > _AROUND:
        bounds.append(OrderRow.placed_at < datetime.combine(last + _AROUND, time.min, UTC))
    return bounds


def _earning(where: OrderFilter) -> list[ColumnElement[bool]]:
    wanted = (
        (Credit.partner_id, where.partner_id),
        (Credit.channel, where.channel),
        (Credit.campaign_id, where.campaign_id),
    )
    there = select(Placement.id).where(Placement.network == where.network, Placement.brand_id == Credit.brand_id)
    on_network = [Credit.placement_id.in_(there)] if where.network else []
    return [column == value for column, value in wanted if value] + on_network


def _credited(model: str | None, earning: list[ColumnElement[bool]]) -> ColumnElement[bool]:
    return exists(
        select(Credit.set_id)
        .join(CreditSet, CreditSet.id == Credit.set_id)
        .where(CreditSet.order_id == OrderRow.id, of_model(model), *earning)
    )


def _carries(code: str) -> ColumnElement[bool]:
    return exists(
        select(OrderCode.order_id).where(OrderCode.order_id == OrderRow.id, OrderCode.normal == codes.normal(code))
    )


def before(cursor: str) -> ColumnElement[bool]:
    """The condition on orders that come after a cursor, latest first. Raises BadInput for one that is not ours."""
    moment, order_id = read_cursor(cursor)
    return tuple_(OrderRow.placed_at, OrderRow.id) < tuple_(literal(moment, Moment), literal(order_id, Id))


def cursor_at(placed_at: datetime, order_id: str) -> str:
    """The cursor that stands at an order."""
    return base64.urlsafe_b64encode(f"{placed_at.isoformat()} {order_id}".encode()).decode().rstrip("=")


def _cursor_of(order: OrderRow) -> str:
    assert order.placed_at is not None
    return cursor_at(order.placed_at, order.id)


def read_cursor(text: str) -> tuple[datetime, str]:
    """When the order at which a cursor stands was placed, and its id. Raises BadInput for one that is not ours."""
    try:
        moment, _, order_id = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition(" ")
        at = datetime.fromisoformat(moment)
    except (ValueError, binascii.Error):
        raise BadInput("cursor", "not a cursor of ours; begin again without one") from None
    if at.tzinfo is None or not ids.is_id(order_id):
        raise BadInput("cursor", "not a cursor of ours; begin again without one")
    return at, order_id


def _credits(session: Session, order_ids: list[str], model: str | None) -> dict[str, list[Row]]:
    query = (
        select(Credit, CreditSet.model, CreditSet.currency)
        .join(CreditSet, CreditSet.id == Credit.set_id)
        .where(CreditSet.order_id.in_(order_ids), of_model(model))
        .order_by(CreditSet.paying.desc(), CreditSet.model, Credit.position)
    )
    found: dict[str, list[Row]] = {}
    for credit, model_name, currency in session.execute(query) if order_ids else ():
        found.setdefault(credit.order_id, []).append(_credit(credit, model_name, currency))
    return found


def _credit(credit: Credit, model: str, currency: str) -> Row:
    return {
        "partner": credit.partner_id,
        "channel": credit.channel,
        "link": credit.link_id,
        "code": credit.code,
        "evidence": list(credit.evidence),
        "model": model,
        "weight": credit.weight,
        "amount": decimal_string(credit.amount, currency),
    }


def _shape(order: OrderRow, credits_of: list[Row]) -> Row:
    assert order.currency is not None
    assert order.placed_at is not None
    return {
        "id": order.id,
        "shop": order.shop_id,
        "external_id": order.external_id,
        "number": order.number,
        "status": order.status,
        "test": order.test,
        "currency": order.currency,
        "total": decimal_string(order.total, order.currency),
        "refunded": decimal_string(order.refunded, order.currency),
        "net": decimal_string(order.net, order.currency),
        "codes": list(order.codes),
        "click_ids": list(order.click_ids),
        "placed_at": order.placed_at.isoformat(),
        "credits": credits_of,
    }
