"""`python -m bench.reports`: how long every report takes over a year of a brand, for the periods that people ask for.

The year is made once a run (minutes on PostgreSQL), its days are rolled up, and every report is asked for 30 and 365
days (others: `--periods`), plain and under each filter that it heeds, one at a time. It prints one table: a line a
report, and for each period its figures plain and under the worst of its filters, as median / 95th percentile / first
time in a fresh connection, in milliseconds. `!` marks what is beyond the goals, and the lines below name each of those.
The load of the machine stands above and below, for times on a busy one say little. With `--live` nothing is rolled up:
what a report costs that asks all orders themselves.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from statistics import median

from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from bench import postgresql, year
from tracker.ledger import schema
from tracker.ledger.database import open_database, sessions, writing
from tracker.reports import _rolling as rolling
from tracker.reports._shape import Scope, filters_of, reports, run

PERIODS = (30, 365)  # days
SIZES = {"postgresql": year.Size(10_000_000, 200_000), "sqlite": year.Size(1_000_000, 20_000)}
GOAL, COLD_GOAL = 0.2, 1.0  # seconds


def main() -> None:
    """Make the years, roll them up, measure."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    options.add_argument("--url", help="a ledger with the year in it, or an empty one, instead of a passing one")
    options.add_argument("--part", type=int, default=1, help="a tenth of the year: 10")
    options.add_argument("--live", action="store_true", help="without rolling up")
    options.add_argument("--periods", nargs="*", type=int, default=PERIODS, help="days")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--only", nargs="*", default=[], help="reports by name")
    given = options.parse_args()
    for database in ("sqlite", "postgresql") if given.database == "both" else (given.database,):
        with ExitStack() as stack:
            engine = open_database(given.url or _passing(stack, database), wait=600)
            size = SIZES[database]
            _prepare(engine, year.Size(size.clicks // given.part, size.orders // given.part), roll=not given.live)
            _measure(database, engine, given.periods, given.rounds, given.only)
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


@dataclass(frozen=True, slots=True)
class _Took:
    """How long a report took over a scope, in seconds."""

    asked: str
    typical: float
    late: float
    cold: float

    @property
    def missed(self) -> bool:
        return self.late > GOAL or self.cold > COLD_GOAL

    def __str__(self) -> str:
        return f"{1e3 * self.typical:.0f}/{1e3 * self.late:.0f}/{1e3 * self.cold:.0f}{'!' * self.missed}"


def _scopes(name: str, days: int) -> Iterator[tuple[str, Scope]]:
    """The plain scope first, then one under each filter that the report heeds."""
    end = year.NOW.date()
    whole = Scope(year.BRAND, end - timedelta(days=days - 1), end)
    filtered = {
        "model": replace(whole, model="linear"),
        "channel": replace(whole, channel="influence"),
        "partner": replace(whole, partner_id=year.partner_id(7)),
        "campaign": replace(whole, campaign_id=year.campaign_id(3)),
        "network": replace(whole, network=year.NETWORKS[0]),
    }
    yield "plain", whole
    for filter_ in filters_of(reports()[name]):
        yield filter_, filtered[filter_]


def _measure(database: str, engine: Engine, periods: Sequence[int], rounds: int, only: Sequence[str]) -> None:
    heads = [f"{days} d {which}" for days in periods for which in ("plain", "worst filter")]
    print(f"{database}, load {os.getloadavg()[0]:.1f}: median/95th percentile/cold in ms")
    print(_line("report", heads), flush=True)
    missed: list[str] = []
    for name in only or sorted(reports()):
        cells: list[str] = []
        for days in periods:
            plain, *filtered = [_took(engine, name, asked, scope, rounds) for asked, scope in _scopes(name, days)]
            worst = max(filtered, key=lambda took: took.late, default=None)
            cells += [str(plain), f"{worst.asked} {worst}" if worst else ""]
            missed += [f"{name} {days} d {took.asked} {took}" for took in (plain, *filtered) if took.missed]
        print(_line(name, cells), flush=True)
    print(f"load {os.getloadavg()[0]:.1f}; {len(missed)} beyond {1e3 * GOAL:.0f} ms, or {1e3 * COLD_GOAL:.0f} ms cold:")
    print("\n".join(missed), flush=True)


def _line(name: str, cells: Sequence[str]) -> str:
    return f"| {name:<15} | " + " | ".join(f"{cell:<26}" for cell in cells) + " |"


def _took(engine: Engine, name: str, asked: str, scope: Scope, rounds: int) -> _Took:
    engine.dispose()
    cold = _once(engine, name, scope)
    warm = sorted(_once(engine, name, scope) for _ in range(rounds))
    return _Took(asked, median(warm), warm[min(len(warm) - 1, len(warm) * 95 // 100)], cold)


def _once(engine: Engine, name: str, scope: Scope) -> float:
    began = time.perf_counter()
    with sessions(engine)() as session:
        run(session, name, scope)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
