"""Long work: imports, rebuilds and replays run in a worker, say how far they are, and stop when they are told to.

A module here is a kind: what is asked for it (an Input), `ask(desk, wanted)`, and `run(built, work, progress)`, which
may be begun anew at any time and says what came of it. Faces show a JobView.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tracker.catalog import Desk
from tracker.catalog.fields import ListQuery, Output, Page
from tracker.ledger import catalog
from tracker.ledger import jobs as ledger
from tracker.ledger.tables import Job

IMPORT, REBUILD, REPLAY = "import_orders", "rebuild", "replay"
TITLES = {IMPORT: "Import of orders", REBUILD: "Orders credited anew", REPLAY: "Replay under a draft"}
"""What each kind is called, in English."""


class JobView(Output):
    """Long work. `done` of `total` orders; `total` is null until it is known. `result` is the kind's own."""

    id: str
    kind: str
    state: str
    done: int
    total: int | None
    settings: dict[str, Any]
    result: dict[str, Any] | None
    error: str | None
    cancelling: bool
    asked_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ledger.OPEN

    @property
    def percent(self) -> int | None:
        """How far it is, in whole percent."""
        return self.done * 100 // self.total if self.total else None


class JobQuery(ListQuery):
    """Which page of the list."""


def one(desk: Desk, job_id: str) -> JobView:
    """The brand's job of that id. Raises NotFound."""
    return view(catalog.one(desk.session, Job, desk.brand_id, job_id))


def page(desk: Desk, query: JobQuery) -> Page[JobView]:
    """A page of the brand's jobs."""
    rows, further = catalog.page(desk.session, Job, desk.brand_id, after=query.cursor, limit=query.limit)
    return Page[JobView](data=[view(row) for row in rows], next_cursor=further)


def newest(desk: Desk, limit: int, kind: str | None = None) -> list[JobView]:
    """The brand's latest jobs; those that wait or run first."""
    return [view(row) for row in ledger.newest(desk.session, desk.brand_id, limit, kind)]


def cancel(desk: Desk, job_id: str) -> JobView:
    """Have a job stop: one that waits at once, one that runs at its next batch. What it did stays. Raises NotFound."""
    ledger.cancel(desk.session, desk.brand_id, job_id, desk.now)
    return one(desk, job_id)


def view(row: Job) -> JobView:
    """What every face shows of a job: never the file that it works on."""
    return JobView(
        id=row.id,
        kind=row.kind,
        state=row.state,
        done=row.done,
        total=row.total,
        settings=row.settings,
        result=row.result,
        error=row.error,
        cancelling=row.cancel_at is not None and row.state == ledger.RUNNING,
        asked_at=row.asked_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
