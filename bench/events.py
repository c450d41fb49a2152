"""`python -m bench.events`: raw events to journeys to every rule's shares; and journeys to paths in the database.

CPU seconds of one process. The first part takes shuffled events (who, when, what, how much) in columns, as from any
export. The second writes a ledger of clicks and orders and has PostgreSQL and DuckDB make unique paths of it by the
same text; their answers must be equal.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from uuid import UUID

import duckdb
import numpy as np
from sqlalchemy import text

from bench import postgresql
from tests.path_books import BRAND, END, fill
from tracker.attribution import _events
from tracker.attribution._shape import Rule
from tracker.ledger import path_sql, schema
from tracker.ledger.database import open_database, sessions, writing
from tracker.ledger.paths import Answer, Question, answer, ask, gathered
from tracker.plugins import discover

MONTH = 30 * 86_400
TABLES = ("orders", "touches", "clicks", "links", "partners", "placements", "order_clicks")


def main() -> None:
    """Measure both parts and print a line each."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--journeys", type=int, default=1_000_000)
    options.add_argument("--visitors", type=int, default=40_000)
    options.add_argument("--columns-only", action="store_true")
    given = options.parse_args()
    _in_columns(given.journeys)
    if given.columns_only:
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trk-bench-")))
        folder.chmod(0o755)
        _in_databases(stack.enter_context(postgresql.server(folder)), given.visitors)


# --- events in columns ------------------------------------------------------------------------------------------------


def drawn(journeys: int, names: int = 20, seed: int = 5) -> _events.Events:
    """Shuffled events of about so many journeys: 3.5 clicks each on average, one in sixteen with an order."""
    dice = np.random.default_rng(seed)
    clicks = np.minimum(dice.geometric(1 / 3.5, journeys), 30)
    users = np.repeat(np.arange(journeys, dtype=np.int32), clicks)
    seconds = dice.integers(0, MONTH, len(users), dtype=np.int32)
    channel = np.minimum(dice.zipf(1.6, len(users)) - 1, names - 1).astype(np.int32)
    buyers = np.flatnonzero(dice.random(journeys) < 1 / 16).astype(np.int32)
    shuffled = dice.permutation(len(users) + len(buyers))
    return _events.Events(
        names=tuple(f"channel {number}" for number in range(names)),
        users=np.concatenate([users, buyers])[shuffled],
        seconds=np.concatenate([seconds, dice.integers(MONTH // 2, MONTH, len(buyers), dtype=np.int32)])[shuffled],
        codes=np.concatenate([channel, np.zeros(len(buyers), dtype=np.int32)])[shuffled],
        orders=np.concatenate([np.zeros(len(users), dtype=bool), np.ones(len(buyers), dtype=bool)])[shuffled],
        values=np.concatenate([np.zeros(len(users)), dice.integers(1000, 30_000, len(buyers))]).astype(np.int64)[
            shuffled
        ],
    )


def _in_columns(journeys: int) -> None:
    models = {name: module for name, module in discover("tracker.attribution").items() if isinstance(module, Rule)}
    events = drawn(journeys)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, cpu = _memory("VmRSS"), time.process_time()
    paths = _events.journeys(events, window=MONTH, until=3 * MONTH)
    cut = time.process_time() - cpu
    for module in models.values():
        module.over(paths, module.SETTINGS)
    took = time.process_time() - cpu
    grown = _memory("VmHWM") - before
    print(
        f"{len(events.users):,} events, {len(paths):,} journeys, {len(models)} rule models, orders and revenue: "
        f"{took:.2f} s CPU ({cut:.2f} s of it to cut them), {grown:.0f} MB over the input"
    )


def _memory(figure: str) -> float:
    """A figure of this process's memory in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(figure))


# --- journeys in databases --------------------------------------------------------------------------------------------


def _in_databases(url: str, visitors: int) -> None:
    engine = open_database(url)
    schema.upgrade(engine, demo=False, now=END)
    factory = sessions(engine)
    with writing(factory) as session:
        rows = fill(session, visitors, partners=20)
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))
    print(", ".join(f"{len(found):,} {table.__tablename__}" for table, found in rows.items() if len(found) > 100))
    with factory() as session:
        question = ask(session, BRAND, date(2025, 12, 1), date(2026, 3, 31), END)
        for customers in (False, True):
            began = time.perf_counter()
            found = answer(session, question, customers=customers)
            with_whom = "with whose they were" if customers else "paths alone"
            print(f"PostgreSQL, {with_whom}: {len(found.paths):,} paths in {time.perf_counter() - began:.2f} s")
    columnar = _in_duckdb(url, question)
    print("the answers are equal" if columnar == found else "THE ANSWERS DIFFER")
    engine.dispose()


def _in_duckdb(url: str, question: Question) -> Answer:
    with duckdb.connect() as engine, tempfile.TemporaryDirectory(prefix="trk-bench-") as folder:
        engine.execute("SET TimeZone = 'UTC'")
        _copy(engine, url, Path(folder))
        words = path_sql.statement("duckdb", customers=True)
        known = {**question.parameters(), "brand": str(UUID(question.brand_id))}
        used = {name: known[name] for name in path_sql.PARAMETER.findall(words)}
        began, cpu = time.perf_counter(), time.process_time()
        found = gathered(engine.execute(path_sql.PARAMETER.sub(r"$\1", words), used).fetchall())
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(f"DuckDB, with whose they were: {len(found.paths):,} paths in {took:.2f} s ({cpu:.2f} s CPU)")
    return found


def _copy(engine: duckdb.DuckDBPyConnection, url: str, folder: Path) -> None:
    """The tables as PostgreSQL has them, by way of CSV files."""
    ledger = open_database(url)
    with ledger.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        for table in TABLES:
            path = folder / f"{table}.csv"
            with path.open("wb") as file, driver.cursor().copy(f"COPY {table} TO STDOUT (FORMAT csv, HEADER)") as rows:
                for block in rows:
                    file.write(block)
            engine.execute(f"CREATE TABLE {table} AS SELECT * FROM read_csv('{path}', nullstr = '', sample_size = -1)")
    ledger.dispose()


if __name__ == "__main__":
    main()
