"""`python -m bench.attribution`: how fast due orders are judged, weighed by every model, sealed and given a receipt.

One process, one core, no Redis: the ledger and the thinking alone. The orders carry none to four clicks, of visitors
and of customers who come back, and a third of them a code.

With `--recredit` the rules change afterwards, from before the first order on, and as many processes as there are cores
credit everything anew, while deliveries are received one after the other as a shop sends them. The wall time depends
on what else the machine does; the CPU time of the workers and of PostgreSQL does not, and says how long it would take
where nothing else is done.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import secrets
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from bench import postgresql
from tracker import pipeline
from tracker.domain.deliveries import Delivery
from tracker.domain.ids import derived_id
from tracker.domain.orders import NET_FORMULA
from tracker.ledger import due, inbox, rules, rules_due, schema
from tracker.ledger.bulk import insert_rows
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
    Receipt,
    Shop,
    TrackingHost,
)
from tracker.plugins import discover
from workers.attribution import collect_garbage_seldom

NOW = datetime(2026, 3, 20, tzinfo=UTC)
BRAND, SHOP, HOST = derived_id("brand"), derived_id("shop"), "go.example.com"
PARTNERS = 40
_IDLE = 5.0  # seconds of receiving with nothing else to do


def main() -> None:
    """Measure on SQLite and on PostgreSQL and print both."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--orders", type=int, default=10_000)
    options.add_argument("--batch", type=int, default=500)
    options.add_argument("--recredit", action="store_true", help="after a change of rules, by several processes")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    given = options.parse_args()
    for database in ("sqlite", "postgresql") if given.database == "both" else (given.database,):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trk-bench-")))
            folder.chmod(0o755)
            sqlite = f"sqlite:///{folder}/tracker.db"
            url = stack.enter_context(postgresql.server(folder)) if database == "postgresql" else sqlite
            engine = open_database(url)
            schema.upgrade(engine, demo=False, now=NOW)
            _populate(sessions(engine), given.orders)
            if given.recredit:
                server = folder if database == "postgresql" else None
                _recredit(Bench(database, url, server, given.orders, given.workers, given.batch), sessions(engine))
            else:
                _measure(database, sessions(engine), given.orders, given.batch)
            engine.dispose()


def _measure(database: str, factory: sessionmaker[Session], orders: int, batch: int) -> None:
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


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured: `server` is the folder of a PostgreSQL of ours, None for SQLite."""

    database: str
    url: str
    server: Path | None
    orders: int
    workers: int
    batch: int

    def server_cpu(self) -> float:
        """CPU seconds that the database's own processes have taken so far."""
        return postgresql.cpu_seconds(self.server) if self.server is not None else 0.0


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds: by the clock, of the workers' CPU, of the database's."""

    wall: float
    workers: float
    server: float


def _recredit(bench: Bench, factory: sessionmaker[Session]) -> None:
    database = bench.database
    with writing(factory) as session:
        due.mark_due_in_bulk(session, session.execute(select(OrderRow.id)).scalars().all(), "bench", NOW)
    _say(bench, "first attribution", _drained(bench))
    idle_until = time.perf_counter() + _IDLE
    idle = _received(factory, lambda: time.perf_counter() < idle_until)
    with writing(factory) as session:
        _change_rules(session)
    began = time.perf_counter()
    while _took_over(factory):
        pass
    print(f"{database}: the new version took over in {time.perf_counter() - began:.1f} s")
    busy: list[float] = []
    took = _drained(bench, lambda going: busy.extend(_received(factory, going)))
    _say(bench, "after a change of rules", took)
    with factory() as session:
        versions = session.execute(select(Receipt.version, func.count()).group_by(Receipt.version)).all()
    print(f"{database}: receipts by version: {', '.join(f'{count:,} × {version}' for version, count in versions)}")
    for name, found in (("idle", idle), ("meanwhile", busy)):
        print(f"{database}: receiving {name}: p50 {_quantile(found, 50):.1f} ms, p99 {_quantile(found, 99):.1f} ms")


def _say(bench: Bench, round_name: str, took: Took) -> None:
    each = 1e3 / bench.orders
    cpu = took.workers + took.server
    print(
        f"{bench.database}, {round_name}, {bench.workers} processes: {bench.orders:,} orders in {took.wall:.1f} s: "
        f"{bench.orders / took.wall:,.0f} orders/s\n"
        f"  CPU per order: {each * took.workers:.2f} ms of ours + {each * took.server:.2f} ms of the database = "
        f"{each * cpu:.2f} ms; on {bench.workers} free cores {cpu / bench.workers:.1f} s "
        f"(100,000 orders: {1e5 / bench.orders * cpu / bench.workers:.0f} s)",
        flush=True,
    )


def _change_rules(session: Session) -> None:
    """A shorter window and another paying model for every order: all receipts change, some credits do."""
    settings = replace(rules.Book(session, [BRAND]).at(BRAND, NOW), version=2, paying_model="linear")
    settings = replace(settings, windows={"click": timedelta(days=20)})
    rules.add_version(session, BRAND, settings, NOW, start=NOW - timedelta(days=300))


def _took_over(factory: sessionmaker[Session]) -> bool:
    with writing(factory) as session:
        return rules_due.take_over(session, 2000, NOW) is not None


def _drained(bench: Bench, meanwhile: Callable[[Callable[[], bool]], None] | None = None) -> Took:
    """What it took until nothing was due; `meanwhile` runs in this process."""
    context = multiprocessing.get_context("spawn")
    ready, go, cpu = context.Barrier(bench.workers + 1), context.Event(), context.Queue()
    arguments = (bench.url, bench.batch, ready, go, cpu)
    drainers = [context.Process(target=_drain, args=arguments) for _ in range(bench.workers)]
    for one in drainers:
        one.start()
    ready.wait()
    began, server = time.perf_counter(), bench.server_cpu()
    go.set()
    if meanwhile is not None:
        meanwhile(lambda: any(one.exitcode is None for one in drainers))
    spent = sum(cpu.get() for _ in drainers)
    took = Took(time.perf_counter() - began, spent, bench.server_cpu() - server)
    for one in drainers:
        one.join()
    return took


def _drain(url: str, batch: int, ready: Any, go: Any, cpu: Any) -> None:
    engine = open_database(url)
    discover("tracker.attribution")
    collect_garbage_seldom()
    ready.wait()
    go.wait()
    began = time.process_time()
    while pipeline.attribute_due(sessions(engine), batch, NOW):
        pass
    cpu.put(time.process_time() - began)
    engine.dispose()


def _received(factory: sessionmaker[Session], going: Callable[[], bool]) -> list[float]:
    """Receive deliveries one after the other, twenty a second; how long each took in milliseconds."""
    took: list[float] = []
    while going():
        body = json.dumps({"id": secrets.token_hex(8)}).encode()
        began = time.perf_counter()
        with writing(factory) as session:
            inbox.keep(session, SHOP, Delivery({}, body, NOW), dedupe_key=secrets.token_hex(8), topic="orders",
                       wall=NOW, state=inbox.State.DONE, error=None)  # fmt: skip
        took.append(1e3 * (time.perf_counter() - began))
        time.sleep(0.05)
    return took


def _quantile(found: list[float], percent: int) -> float:
    return sorted(found)[min(len(found) - 1, len(found) * percent // 100)] if found else 0.0


def _populate(factory: sessionmaker[Session], orders: int) -> None:
    dice = random.Random(7)
    with writing(factory) as session:
        _catalog(session)
        rows: dict[type[Base], list[dict[str, Any]]] = {Click: [], OrderRow: [], OrderClick: [], OrderCode: []}
        for number in range(orders):
            _order(rows, dice, number, orders)
        for table, found in rows.items():
            insert_rows(session, table, found)


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
