"""What is to be estimated stands in SQL, one row a brand, level and days; whoever turns it to running, computes it.

A running estimate whose worker is gone is taken up again after a while, once; what stops two workers stops a third.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from tracker.domain.ids import derived_id
from tracker.ledger.database import is_postgresql
from tracker.ledger.paths import Level
from tracker.ledger.tables import Estimate

LEASE = timedelta(minutes=5)
_INTERRUPTED = "The worker was stopped in the middle; it was begun once more."
_GIVEN_UP = "Two workers were stopped in the middle of it. It may need more memory than there is."


class State(StrEnum):
    """Where an estimate stands."""

    ASKED = "asked"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an estimate is about: a brand's days, both included, and what touches are grouped by."""

    brand_id: str
    level: Level
    first: date
    last: date

    @property
    def id(self) -> str:
        """The same for the same."""
        return derived_id("estimate", self.brand_id, self.level.value, self.first.isoformat(), self.last.isoformat())


@dataclass(frozen=True, slots=True)
class Claim:
    """An estimate that the caller alone computes now. `began` is the proof of it."""

    wanted: Wanted
    began: datetime


def ask(session: Session, wanted: Wanted, wall: datetime) -> None:
    """Have it computed, anew where it was before; an earlier result stands until then."""
    insert = postgresql.insert if is_postgresql(session) else sqlite.insert
    again = {"state": State.ASKED.value, "asked_at": wall, "error": None}
    session.execute(
        insert(Estimate)
        .values(_row(wanted, wall))
        .on_conflict_do_update(index_elements=["id"], set_=again, where=Estimate.state.in_((State.DONE, State.FAILED)))
    )


def ask_once(session: Session, wanted: Wanted, wall: datetime) -> None:
    """Have it computed unless it was asked for at any time before."""
    insert = postgresql.insert if is_postgresql(session) else sqlite.insert
    session.execute(insert(Estimate).values(_row(wanted, wall)).on_conflict_do_nothing())


def _row(wanted: Wanted, wall: datetime) -> dict[str, Any]:
    return {
        "id": wanted.id,
        "brand_id": wanted.brand_id,
        "level": wanted.level.value,
        "starts_on": wanted.first,
        "ends_on": wanted.last,
        "state": State.ASKED.value,
        "asked_at": wall,
        "finished_at": None,
        "result": None,
        "error": None,
    }


def claim(session: Session, wall: datetime) -> Claim | None:
    """The estimate that has waited longest, or one whose worker is gone; None where there is neither."""
    waiting = or_(Estimate.state == State.ASKED, (Estimate.state == State.RUNNING) & (Estimate.asked_at < wall - LEASE))
    for row in session.execute(select(Estimate).where(waiting).order_by(Estimate.asked_at, Estimate.id)).scalars():
        if row.state == State.RUNNING and row.error is not None:
            _turn(session, row, state=State.FAILED.value, error=_GIVEN_UP, finished_at=wall)
            continue
        error = _INTERRUPTED if row.state == State.RUNNING else None
        if _turn(session, row, state=State.RUNNING.value, asked_at=wall, error=error):
            return Claim(Wanted(row.brand_id, Level(row.level), row.starts_on, row.ends_on), wall)
    return None


def _turn(session: Session, seen: Estimate, **values: Any) -> bool:
    """Compare and set: whether the row was still as it was seen."""
    same = (Estimate.id == seen.id, Estimate.state == seen.state, Estimate.asked_at == seen.asked_at)
    turned = session.execute(
        update(Estimate).where(*same).values(**values), execution_options={"synchronize_session": False}
    )
    return bool(turned.rowcount)  # type: ignore[attr-defined]


def finish(session: Session, claim: Claim, result: dict[str, Any], wall: datetime) -> bool:
    """Store the result; False where the claim has gone to somebody else meanwhile."""
    return _end(session, claim, state=State.DONE.value, result=result, error=None, finished_at=wall)


def fail(session: Session, claim: Claim, error: str, wall: datetime) -> bool:
    """Say why there is no result; an earlier one stands."""
    return _end(session, claim, state=State.FAILED.value, error=error, finished_at=wall)


def _end(session: Session, claim: Claim, **values: Any) -> bool:
    mine = (Estimate.id == claim.wanted.id, Estimate.state == State.RUNNING, Estimate.asked_at == claim.began)
    return bool(session.execute(update(Estimate).where(*mine).values(**values)).rowcount)  # type: ignore[attr-defined]


def one(session: Session, wanted: Wanted) -> Estimate | None:
    """The estimate, whatever its state; None where nobody asked for it."""
    return session.get(Estimate, wanted.id)


def latest(session: Session, brand_id: str, limit: int = 10) -> list[Estimate]:
    """The brand's estimates, the last asked for first."""
    query = select(Estimate).where(Estimate.brand_id == brand_id)
    return list(session.execute(query.order_by(Estimate.asked_at.desc(), Estimate.id).limit(limit)).scalars())


def forget(session: Session, before: datetime) -> None:
    """Drop what was computed before; anybody may ask again."""
    session.execute(delete(Estimate).where(Estimate.finished_at < before, Estimate.asked_at < before))
