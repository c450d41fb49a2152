"""Orders are marked to be credited anew in short transactions, which hold up nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.ledger import due, orders
from tracker.ledger.database import writing
from tracker.ledger.tables import Brand, OrderRow, Shop
from tracker.wiring import Wiring

CAUSE = "upgrade"
_PAGE, _REFOLDED = 1000, 1  # refolding locks customers before rows: one order a transaction

Days = tuple[date, date]


def count(session: Session, brand_id: str, days: Days) -> int:
    """How many orders of the brand were placed on these days."""
    query = select(func.count()).select_from(OrderRow)
    query = query.where(OrderRow.brand_id == brand_id, OrderRow.placed_day.between(*days))
    return session.execute(query).scalar_one()


def mark(
    built: Wiring, brand_id: str, days: Days, *, refold: bool, advance: Callable[[int], object] = lambda _: None
) -> int:
    """Mark the brand's orders of these days due in bulk, refolded first or as they are; how many.

    `advance` is told how many each transaction had, after it.
    """
    count = 0
    for page in _pages(built, brand_id, days, _REFOLDED if refold else _PAGE):
        with writing(built.sessions) as session:
            if refold:
                _refold(built, session, brand_id, page)
            due.mark_due_in_bulk(session, page, CAUSE, built.clock.wall())
        count += len(page)
        advance(len(page))
    return count


def _pages(built: Wiring, brand_id: str, days: Days, size: int) -> Iterator[list[str]]:
    """The ids of the orders, some at a time; each page in a transaction of its own."""
    after = ""
    while True:
        query = select(OrderRow.id).where(OrderRow.brand_id == brand_id, OrderRow.placed_day.between(*days))
        query = query.where(OrderRow.id > after) if after else query
        with built.sessions() as session:
            page = list(session.execute(query.order_by(OrderRow.id).limit(size)).scalars())
        if not page:
            return
        yield page
        after = page[-1]


def _refold(built: Wiring, session: Session, brand_id: str, order_ids: list[str]) -> None:
    query = (
        select(OrderRow.external_id, OrderRow.shop_id, Brand.time_zone, Brand.net_formula)
        .join(Brand, Brand.id == OrderRow.brand_id)
        .join(Shop, Shop.id == OrderRow.shop_id)
        .where(OrderRow.id.in_(order_ids))
        .order_by(OrderRow.id)
    )
    for row in session.execute(query).all():
        home = orders.Home(row.shop_id, brand_id, row.time_zone, row.net_formula)
        orders.refold(session, home, row.external_id, now=built.clock.now(), wall=built.clock.wall())
