"""`python -m bench.reports`: how long every report takes over a year of a brand, for the periods that people ask for.

The year is made once a run (minutes on PostgreSQL), its days are rolled up, and every report is asked for 7, 30, 90 and
365 days, with and without filters. `cold` is the first time in a fresh connection. With `--live` nothing is rolled up:
what a report costs that asks all orders themselves.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import median

from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from bench import postgresql, year
from tracker.ledger import schema
from tracker.ledger.database import open_database, sessions, writing
from tracker.reports import _rolling as rolling
from tracker.reports._shape import Scope, reports, run

PERIODS = (7, 30, 90, 365)
SIZES = {"postgresql": year.Size(10_000_000, 200_000), "sqlite": year.Size(1_000_000, 20_000)}
GOAL, COLD_GOAL = 0.2, 1.0  # seconds


def main() -> None:
    """Make the years, roll them up, measure."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    options.add_argument("--url", help="a ledger with the year in it, or an empty one, instead of a passing one")
    options.add_argument("--part", type=int, default=1, help="a tenth of the year: 10")
    options.add_argument("--live", action="store_true", help="without rolling up")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--only", nargs="*", default=[], help="reports by name")
    given = options.parse_args()
    for database in ("sqlite", "postgresql") if given.database == "both" else (given.database,):
        with ExitStack() as stack:
            engine = open_database(given.url or _passing(stack, database), wait=600)
            size = SIZES[database]
            _prepare(engine, year.Size(size.clicks // given.part, size.orders // given.part), roll=not given.live)
            _measure(database, engine, given.rounds, given.only)
            engine.dispose()


def _passing(stack: ExitStack, database: str) -> str:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trk-bench-")))
    folder.chmod(0o755)
    return stack.enter_context(postgresql.server(folder)) if database == "postgresql" else f"sqlite:///{folder}/y.db"


def _prepare(engine: Engine, size: year.Size, *, roll: bool) -> None:
    began = time.perf_counter()
    if year.is_empty(engine):
        schema.upgrade(engine, demo=False, now=year.NOW)
        year.build(engine, size)
        print(f"{size.clicks:,} clicks and {size.orders:,} orders in {time.perf_counter() - began:.0f} s", flush=True)
    if roll:
        began, days = time.perf_counter(), _roll(sessions(engine))
        print(f"{days} days rolled up in {time.perf_counter() - began:.0f} s", flush=True)


def _roll(factory: sessionmaker[Session]) -> int:
    days = 0
    while True:
        with writing(factory, snapshot=True) as session:
            rolled = rolling.roll_up(session, year.BRAND, year.NOW, 31)
        if not rolled:
            return days
        days += rolled


def _scopes() -> Iterator[tuple[str, Scope]]:
    end = year.NOW.date()
    for days in PERIODS:
        whole = Scope(year.BRAND, end - timedelta(days=days - 1), end)
        yield f"{days}", whole
        yield f"{days} channel", replace(whole, channel="influence")
        yield f"{days} campaign", replace(whole, campaign_id=year.campaign_id(3))
        yield f"{days} partner", replace(whole, partner_id=year.partner_id(7))
        yield f"{days} model", replace(whole, model="linear")


def _measure(database: str, engine: Engine, rounds: int, only: list[str]) -> None:
    slow = 0
    for name in reports():
        if only and name not in only:
            continue
        cells = []
        for words, scope in _scopes():
            engine.dispose()
            took = sorted(_once(engine, name, scope) for _ in range(1))
            warm = sorted(_once(engine, name, scope) for _ in range(rounds))
            late = warm[min(len(warm) - 1, len(warm) * 95 // 100)]
            missed = late > GOAL or took[0] > COLD_GOAL
            slow += missed
            cells.append(f"{words} {1e3 * median(warm):.0f}/{1e3 * late:.0f}/{1e3 * took[0]:.0f}{'!' * missed}")
        print(f"{database} {name}: {' · '.join(cells)}", flush=True)
    print(f"{database}: p50/p95/cold in ms; {slow} beyond {1e3 * GOAL:.0f} ms, or {1e3 * COLD_GOAL:.0f} ms cold")


def _once(engine: Engine, name: str, scope: Scope) -> float:
    began = time.perf_counter()
    with sessions(engine)() as session:
        run(session, name, scope)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
