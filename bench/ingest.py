"""`python -m bench.ingest`: clicks from the stream into the ledger, beside the same rows written by the bare driver.

Both write the same table with the same indexes, in the same batches, each batch one durable transaction. The bare
driver is given finished rows and nothing else to do; the worker reads the stream, reads each line, judges it, counts
hours and visitors, looks for waiting orders and takes the entries out of the stream. Agents are in the cache.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from redis import Redis
from sqlalchemy import Engine, func, insert, select, text

from bench import postgresql, valkey
from tracker import pipeline, stream
from tracker.clock import Clock
from tracker.domain.clicks import RawClick, encode
from tracker.domain.ids import derived_id, new_id
from tracker.ledger import schema
from tracker.ledger.clicks import ClickRow
from tracker.ledger.database import open_database, sessions
from tracker.ledger.tables import Brand, Click, LinkHour
from workers.clicks import ClickWorker

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
BRAND = derived_id("brand")
BATCH = 4096
LINKS, AGENTS = 200, 300
CHROME = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Mobile Safari/537.36"
)
NAMES = ", ".join(ClickRow._fields)


def main() -> None:
    """Measure on SQLite and on PostgreSQL and print both."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=50_000)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    lines = _lines(given.rows)
    with tempfile.TemporaryDirectory(prefix="trk-bench-") as name, valkey.server(Path(name)) as redis_url:
        folder = Path(name)
        folder.chmod(0o755)
        redis = Redis.from_url(redis_url)
        _measure("sqlite", f"sqlite:///{folder}/tracker.db", redis, lines, given.rounds)
        with postgresql.server(folder) as url:
            _measure("postgresql", url, redis, lines, given.rounds)
        redis.close()


def _lines(count: int) -> list[bytes]:
    """Clicks within two hours; three in four are of a visitor whom the link has not seen that day."""
    dice = random.Random(7)
    step = timedelta(hours=2) / count
    return [encode(_click(NOW + number * step, dice.randrange(count * 3 // 2), dice)) for number in range(count)]


def _click(at: datetime, visitor: int, dice: random.Random) -> RawClick:
    return RawClick(
        id=new_id(),
        at=at,
        brand_id=BRAND,
        link_id=derived_id("link", str(visitor % LINKS)),
        host="go.example.com",
        slug="summer24",
        ip_prefix="203.0.113.0",
        user_agent=CHROME.format(100 + dice.randrange(AGENTS)),
        referrer_host="www.instagram.com",
        fetch_mode="navigate",
        fetch_dest="document",
        has_language=True,
        visitor_hash=derived_id("visitor", str(visitor)),
    )


def _measure(database: str, url: str, redis: Redis, lines: list[bytes], rounds: int) -> None:
    engine = open_database(url)
    schema.upgrade(engine, demo=False, now=NOW)
    with engine.begin() as connection:
        connection.execute(
            insert(Brand).values(id=BRAND, name="Bench", time_zone="Europe/Paris", currency="EUR", landing_domains=[],
                                 net_formula="goods_less_refunds_v1", created_at=NOW)
        )  # fmt: skip
    rows = pipeline.judge_clicks(lines, keep_ip=True).rows
    rates: list[tuple[float, float]] = []
    for _ in range(rounds):
        _empty(engine)
        bare = len(rows) / _bare(engine, rows)
        _empty(engine)
        ours = len(rows) / _from_stream(engine, redis, lines)
        _check(engine, len(rows))
        rates.append((bare, ours))
    engine.dispose()
    bare, ours = (statistics.median(rate[index] for rate in rates) for index in (0, 1))
    ratios = sorted(ours / bare for bare, ours in rates)
    print(
        f"{database}: bare driver {bare:,.0f} rows/s, stream to ledger {ours:,.0f} clicks/s; ratio "
        f"{statistics.median(ratios):.2f} (rounds {ratios[0]:.2f} to {ratios[-1]:.2f}; want 0.30)",
        flush=True,
    )


def _empty(engine: Engine) -> None:
    tables = ("clicks", "agents", "link_hours", "link_visitors", "link_days", "dead_letters")
    with engine.begin() as connection:
        for table in tables:
            connection.execute(text(f"DELETE FROM {table}"))
    with _driver(engine) as driver:
        if engine.dialect.name == "postgresql":
            driver.autocommit = True
            driver.execute("VACUUM FULL")
            driver.execute("CHECKPOINT")
            driver.autocommit = False
        else:
            driver.execute("VACUUM")
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def _driver(engine: Engine) -> Iterator[Any]:
    """A connection of sqlite3 or psycopg, without SQLAlchemy around it."""
    with engine.connect() as connection:
        yield connection.connection.driver_connection


def _bare(engine: Engine, rows: list[ClickRow]) -> float:
    """Seconds that the driver alone needs."""
    plain = [tuple(row) for row in rows]
    batches = [plain[first : first + BATCH] for first in range(0, len(plain), BATCH)]
    with _driver(engine) as driver:
        began = time.perf_counter()
        for batch in batches:
            if engine.dialect.name == "postgresql":
                with driver.cursor() as cursor, cursor.copy(f"COPY clicks ({NAMES}) FROM STDIN") as copy:
                    for row in batch:
                        copy.write_row(row)
                driver.commit()
            else:
                driver.execute("BEGIN IMMEDIATE")
                driver.executemany(f"INSERT INTO clicks VALUES ({', '.join('?' * len(ClickRow._fields))})", batch)
                driver.execute("COMMIT")
        return time.perf_counter() - began


def _from_stream(engine: Engine, redis: Redis, lines: list[bytes]) -> float:
    """Seconds from the worker's start until the stream is empty."""
    redis.flushall()
    stream.ensure_group(redis)
    stream.ship(redis, lines)
    stop = threading.Event()
    worker = ClickWorker(redis, sessions(engine), Clock(), keep_ip=True, stop=stop)
    thread = threading.Thread(target=worker.run)
    began = time.perf_counter()
    thread.start()
    while not stream.backlog(redis).drained:
        time.sleep(0.01)
    took = time.perf_counter() - began
    stop.set()
    thread.join()
    return took


def _check(engine: Engine, expected: int) -> None:
    with sessions(engine)() as session:
        recorded = session.execute(select(func.count()).select_from(Click)).scalar_one()
        counted = session.execute(select(func.sum(LinkHour.gross))).scalar_one()
    assert recorded == int(counted) == expected


if __name__ == "__main__":
    main()
