"""Orders are marked to be credited anew in short transactions, which hold up nobody, and waited for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.cli._replay import progress
from tracker.ledger import due, orders
from tracker.ledger.database import writing
from tracker.ledger.tables import Brand, OrderRow, Shop
from tracker.wiring import Wiring

CAUSE = "upgrade"
_PAGE, _REFOLDED = 1000, 1  # refolding locks customers before rows: one order a transaction
_LOOK_EVERY = 1.0

Days = tuple[date, date]


def mark(built: Wiring, brand_id: str, days: Days, *, refold: bool) -> int:
    """Mark the brand's orders of these days due in bulk, refolded first or as they are; how many."""
    count = 0
    for page in _pages(built, brand_id, days, _REFOLDED if refold else _PAGE):
        with writing(built.sessions) as session:
            if refold:
                _refold(built, session, brand_id, page)
            due.mark_due_in_bulk(session, page, CAUSE, built.clock.wall())
        count += len(page)
    return count


def watch(built: Wiring, brand_id: str, count: int) -> None:
    """Return once none of the brand's orders that are due now is any more, showing how many are left.

    What becomes due meanwhile, or cannot be credited, is not waited for. Raises click's Abort at Ctrl-C; work goes on.
    """
    left, until = count, built.clock.wall()
    with progress("Crediting anew", count) as advance:
        while left:
            time.sleep(_LOOK_EVERY)
            with built.sessions() as session:
                now_left = due.count_due(session, brand_id, until=until)
            advance(max(left - now_left, 0))
            left = now_left
    click.echo("done")


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
