"""`python -m bench.attribution`: how fast due orders are judged, weighed by every model, sealed and given a receipt.

One process, one core, no Redis: the ledger and the thinking alone. The orders carry none to four clicks, of visitors
and of customers who come back, and a third of them a code.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session, sessionmaker

from bench import postgresql
from tracker import pipeline
from tracker.domain.ids import derived_id
from tracker.domain.orders import NET_FORMULA
from tracker.ledger import due, schema
from tracker.ledger.database import open_database, sessions, writing
from tracker.ledger.rules import ensure_rule_set
from tracker.ledger.tables import (
    Base,
    Brand,
    Click,
    Code,
    CodeOwner,
    Credit,
    Link,
    OrderClick,
    OrderCode,
    OrderRow,
    Partner,
    Shop,
    TrackingHost,
)

NOW = datetime(2026, 3, 20, tzinfo=UTC)
BRAND, SHOP, HOST = derived_id("brand"), derived_id("shop"), "go.example.com"
PARTNERS = 40


def main() -> None:
    """Measure on SQLite and on PostgreSQL and print both."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--orders", type=int, default=10_000)
    options.add_argument("--batch", type=int, default=50)
    options.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    given = options.parse_args()
    for database in ("sqlite", "postgresql") if given.database == "both" else (given.database,):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trk-bench-")))
            folder.chmod(0o755)
            sqlite = f"sqlite:///{folder}/tracker.db"
            url = stack.enter_context(postgresql.server(folder)) if database == "postgresql" else sqlite
            _measure(database, url, given.orders, given.batch)


def _measure(database: str, url: str, orders: int, batch: int) -> None:
    engine = open_database(url)
    schema.upgrade(engine, demo=False, now=NOW)
    factory = sessions(engine)
    _populate(factory, orders)
    for round_name in ("first attribution", "attribution anew"):
        with writing(factory) as session:
            ids = session.execute(select(OrderRow.id)).scalars().all()
            due.mark_due(session, ids, "bench", NOW)
        began, cpu = time.perf_counter(), time.process_time()
        while pipeline.attribute_due(factory, batch, NOW):
            pass
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        with factory() as session:
            credits = session.execute(select(func.count()).select_from(Credit)).scalar_one()
        print(
            f"{database}, {round_name}: {orders:,} orders, {credits:,} credits in {took:.1f} s: "
            f"{orders / took:,.0f} orders/s ({1e3 * cpu / orders:.2f} ms CPU of ours per order)"
        )
    engine.dispose()


def _populate(factory: sessionmaker[Session], orders: int) -> None:
    dice = random.Random(7)
    with writing(factory) as session:
        _catalog(session)
        rows: dict[type[Base], list[dict[str, Any]]] = {Click: [], OrderRow: [], OrderClick: [], OrderCode: []}
        for number in range(orders):
            _order(rows, dice, number, orders)
        for table, found in rows.items():
            session.execute(insert(table.__table__), found)  # type: ignore[arg-type]


def _catalog(session: Session) -> None:
    born = NOW - timedelta(days=400)
    session.add(Brand(id=BRAND, name="Bench", time_zone="UTC", currency="EUR", landing_domains=["shop.example"],
                      visitor_cookie=True, net_formula=NET_FORMULA, created_at=born))  # fmt: skip
    session.flush()
    session.add(TrackingHost(host=HOST, brand_id=BRAND, created_at=born))
    session.add(Shop(id=SHOP, brand_id=BRAND, name="Shop", platform="shopify", token="t", created_at=born))
    ensure_rule_set(session, BRAND, born)
    for number in range(PARTNERS):
        _partner(session, number, born)


def _partner(session: Session, number: int, born: datetime) -> None:
    partner, code = derived_id("partner", str(number)), derived_id("code", str(number))
    channel = "influence" if number % 2 else "affiliate"
    session.add(Partner(id=partner, brand_id=BRAND, name=f"Partner {number}", channel=channel, kind="other",
                        created_at=born))  # fmt: skip
    session.flush()
    session.add(Link(id=_link(number), brand_id=BRAND, host=HOST, slug=f"slug{number}", partner_id=partner,
                     landing_url="https://shop.example/", created_at=born))  # fmt: skip
    session.add(Code(id=code, brand_id=BRAND, text=f"CODE{number}", normal=f"code{number}", created_at=born))
    session.flush()
    session.add(CodeOwner(id=derived_id("owner", code), code_id=code, partner_id=partner, valid_from=born,
                          created_at=born))  # fmt: skip


def _link(number: int) -> str:
    return derived_id("link", str(number))


def _order(rows: dict[type[Base], list[dict[str, Any]]], dice: random.Random, number: int, orders: int) -> None:
    order, placed = derived_id("order", str(number)), NOW - timedelta(minutes=number * 60 * 24 * 30 // orders)
    clicks = [derived_id("click", str(number), str(index)) for index in range(dice.choice((0, 1, 1, 1, 2, 2, 3, 4)))]
    codes = [f"CODE{dice.randrange(PARTNERS)}"] if dice.random() < 1 / 3 else []
    visitor = derived_id("visitor", str(number)) if dice.random() < 0.3 else None
    for click in clicks:
        rows[Click].append({
            "id": click, "brand_id": BRAND, "link_id": _link(dice.randrange(PARTNERS)), "host": HOST, "slug": "s",
            "at": placed - timedelta(minutes=dice.randrange(60 * 24 * 40)), "verdict": "human", "reason": "",
            "rules": 1, "gpc": False, "dnt": False, "visitor_id": visitor, "sub_ids": None,
        })  # fmt: skip
    carried = clicks[-1:] if visitor else clicks
    total = dice.randrange(1000, 30000)
    rows[OrderRow].append({
        "id": order, "brand_id": BRAND, "shop_id": SHOP, "external_id": str(number), "number": f"#{number}",
        "status": "paid", "test": False, "currency": "EUR", "total": total, "goods": total, "refunded": 0, "net": total,
        "net_formula": NET_FORMULA, "placed_at": placed, "placed_day": placed.date(),
        "customer": f"{dice.randrange(max(1, orders // 2)):064x}", "codes": codes, "click_ids": carried, "flags": [],
        "folded_at": NOW,
    })  # fmt: skip
    rows[OrderClick].extend({"order_id": order, "click_id": click} for click in carried)
    rows[OrderCode].extend(
        {"order_id": order, "normal": code.lower(), "brand_id": BRAND, "text": code} for code in codes
    )


if __name__ == "__main__":
    main()
