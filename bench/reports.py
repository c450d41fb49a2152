"""`python -m bench.reports`: how long every page of figures and every report of the API takes over a year of a brand.

The year is made once a run (minutes on PostgreSQL) and its days are rolled up. Then the application is asked, signed
in as a marketer and as a program, one question at a time: every report's page and answer for 30 and 365 days (others:
`--periods`), and the answer under each filter that the report heeds; then the other pages that show figures. It
prints a line an address: the median, the 95th percentile and the first time over a fresh connection, in milliseconds,
of the question as it stands and of the worst filter. What takes long is drawn after the first time, as a worker does.
`!` marks what is beyond the goals, and the lines below name each of those. The load of the machine stands above and
below, for times on a busy one say little. With `--live` nothing is rolled up: what a report costs that asks all
orders themselves.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median

from sqlalchemy.orm import Session, sessionmaker

from bench import postgresql, valkey, year
from bench.faces import PAGES, PORTAL, Faces, opened
from tracker.ledger import schema
from tracker.ledger.database import open_database, sessions, writing
from tracker.reports import _rolling as rolling
from tracker.reports._shape import filters_of, reports

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
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trk-bench-")))
            folder.chmod(0o755)
            url = given.url or _passing(stack, folder, database)
            size = SIZES[database]
            _prepare(url, year.Size(size.clicks // given.part, size.orders // given.part), roll=not given.live)
            redis = stack.enter_context(valkey.server(folder))
            faces = stack.enter_context(opened(url, redis, folder))
            _measure(database, faces, given.periods, given.rounds, given.only)


def _passing(stack: ExitStack, folder: Path, database: str) -> str:
    return stack.enter_context(postgresql.server(folder)) if database == "postgresql" else f"sqlite:///{folder}/y.db"


def _prepare(url: str, size: year.Size, *, roll: bool) -> None:
    engine, began = open_database(url, wait=600), time.perf_counter()
    if year.is_empty(engine):
        schema.upgrade(engine, demo=True, now=year.NOW)
        year.build(engine, size)
        print(f"{size.clicks:,} clicks and {size.orders:,} orders in {time.perf_counter() - began:.0f} s", flush=True)
    if roll:
        began, days = time.perf_counter(), _roll(sessions(engine))
        print(f"{days} days rolled up in {time.perf_counter() - began:.0f} s", flush=True)
    engine.dispose()


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
    """How long a report took over a scope, in seconds. `late` is the 95th percentile by nearest rank."""

    asked: str
    typical: float
    late: float
    cold: float

    @property
    def missed(self) -> bool:
        return self.late > GOAL or self.cold > COLD_GOAL

    def __str__(self) -> str:
        return f"{1e3 * self.typical:.0f}/{1e3 * self.late:.0f}/{1e3 * self.cold:.0f}{'!' * self.missed}"


FILTERS = {
    "model": "linear",
    "channel": "influence",
    "partner": year.partner_id(7),
    "campaign": year.campaign_id(3),
    "network": year.NETWORKS[0],
}


def _measure(database: str, faces: Faces, periods: Sequence[int], rounds: int, only: Sequence[str]) -> None:
    heads = [f"{days} d {which}" for days in periods for which in ("page", "API", "API, worst filter")]
    print(f"{database}, load {os.getloadavg()[0]:.1f}: median/95th percentile/cold in ms")
    print(_line("report", heads), flush=True)
    missed: list[str] = []
    for name in only or sorted(reports()):
        cells: list[str] = []
        for days in periods:
            asked = _addresses(name, days)
            page, answer, *filtered = [_took(faces, what, path, rounds) for what, path in asked]
            worst = max(filtered, key=lambda took: took.late, default=None)
            cells += [str(page), str(answer), f"{worst.asked} {worst}" if worst else ""]
            missed += [f"{name} {days} d {took.asked} {took}" for took in (page, answer, *filtered) if took.missed]
        print(_line(name, cells), flush=True)
    for path in () if only else (*PAGES, *PORTAL):
        pages = [_took(faces, path, f"{path}?{_days(days)}", rounds) for days in periods]
        print(_line(re.sub(r"[0-9a-f]{32}", "…", path), [f"{took}" for took in pages]), flush=True)
        missed += [f"{took.asked} {took}" for took in pages if took.missed]
    print(f"load {os.getloadavg()[0]:.1f}; {len(missed)} beyond {1e3 * GOAL:.0f} ms, or {1e3 * COLD_GOAL:.0f} ms cold:")
    print("\n".join(missed), flush=True)


def _addresses(name: str, days: int) -> Iterator[tuple[str, str]]:
    """A report's page, its answer, and that under each filter that it heeds."""
    yield "page", f"/reports/{name}?{_days(days)}"
    yield "API", f"/api/v1/reports/{name}?{_days(days)}"
    for filter_ in filters_of(reports()[name]):
        yield filter_, f"/api/v1/reports/{name}?{_days(days)}&{filter_}={FILTERS[filter_]}"


def _days(days: int) -> str:
    end = year.NOW.date()
    return f"from={end - timedelta(days=days - 1)}&to={end}"


def _line(name: str, cells: Sequence[str]) -> str:
    return f"| {name:<15} | " + " | ".join(f"{cell:<26}" for cell in cells) + " |"


def _took(faces: Faces, asked: str, path: str, rounds: int) -> _Took:
    faces.forget_connections()
    cold = _once(faces, path)
    faces.draw()
    warm = sorted(_once(faces, path) for _ in range(rounds))
    return _Took(asked, median(warm), warm[-(-len(warm) * 95 // 100) - 1], cold)


def _once(faces: Faces, path: str) -> float:
    began = time.perf_counter()
    faces.ask(path)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
