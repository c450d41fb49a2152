"""Long work is a row: asked for, taken by a worker under a lease that it renews, ended with a result or a reason.

A worker that is gone leaves its job to the next one when its lease is over; every kind of work may be begun anew. A
draft is a file that waits for somebody to say what its columns are. Whatever is done to a row is done under its state,
so that a cancelled job is never found running, nor one that ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, and_, case, or_, select, update
from sqlalchemy.orm import Session, defer

from tracker.domain.ids import is_id, new_id
from tracker.errors import Conflict, NotFound
from tracker.ledger.tables import Job

LEASE = timedelta(minutes=2)
DRAFT, ASKED, RUNNING, DONE, FAILED, CANCELLED = "draft", "asked", "running", "done", "failed", "cancelled"
STATES = (DRAFT, ASKED, RUNNING, DONE, FAILED, CANCELLED)
OPEN = (ASKED, RUNNING)
ASKED_FOR = "long work asked for"  # stands in the info of a session that has asked for some


@dataclass(frozen=True, slots=True)
class Work:
    """A job in a worker's hand. `began` names this very turn: whoever takes the job after us has another."""

    id: str
    brand_id: str
    kind: str
    settings: Mapping[str, Any]
    input: bytes | None = field(repr=False)
    began: datetime = field(repr=False)


def ask(
    session: Session,
    brand_id: str,
    kind: str,
    settings: Mapping[str, Any],
    now: datetime,
    *,
    account_id: str | None = None,
    content: bytes | None = None,
    draft: bool = False,
) -> str:
    """Ask for long work; the id of the job. A draft waits until it is asked for."""
    row = Job(
        id=new_id(),
        brand_id=brand_id,
        account_id=account_id,
        kind=kind,
        settings=dict(settings),
        input=content,
        state=DRAFT if draft else ASKED,
        done=0,
        asked_at=now,
    )
    session.add(row)
    session.flush()
    session.info[ASKED_FOR] = True
    return row.id


def ask_again(session: Session, brand_id: str, job_id: str, settings: Mapping[str, Any], now: datetime) -> None:
    """Have a job that is a draft, or that ended with its input still there, done with these settings.

    Raises NotFound, and Conflict where it waits or runs, or its input is there no more.
    """
    fresh = {"state": ASKED, "settings": dict(settings), "done": 0, "total": None, "result": None, "error": None}
    fresh |= {"started_at": None, "alive_at": None, "finished_at": None, "cancel_at": None, "asked_at": now}
    one_id(session, brand_id, job_id)
    ended = (Job.id == job_id, Job.state.not_in(OPEN), Job.input.is_not(None))
    if not _changed(session, and_(*ended), fresh):
        raise Conflict("it waits or runs already, or its file was forgotten: upload the file again")
    session.info[ASKED_FOR] = True


def take(session: Session, wall: datetime, now: datetime) -> Work | None:
    """The job that was asked for first and is in nobody's hand. None where there is none."""
    free = or_(Job.state == ASKED, and_(Job.state == RUNNING, Job.alive_at < wall - LEASE))
    longest = select(Job.id).where(free).order_by(Job.asked_at, Job.id).limit(1).with_for_update(skip_locked=True)
    row = session.execute(
        update(Job)
        .where(Job.id == longest.scalar_subquery(), free)
        .values(state=RUNNING, started_at=now, alive_at=wall, done=0, total=None)
        .returning(Job)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if row is None:
        return None
    return Work(row.id, row.brand_id, row.kind, row.settings, row.input, now)


def beat(session: Session, work: Work, done: int, total: int | None, wall: datetime) -> bool:
    """Say how far it is, and renew the lease. False where somebody has cancelled it, or it is in another's hand."""
    values = {"done": done, "total": total, "alive_at": wall}
    return _changed(session, and_(_ours(work), Job.cancel_at.is_(None)), values)


def finish(session: Session, work: Work, result: Mapping[str, Any], now: datetime, *, keep_input: bool) -> None:
    """It is done. What it worked on is blanked, unless it is worked on once more."""
    values: dict[str, Any] = {"state": DONE, "result": dict(result), "finished_at": now, "error": None}
    if not keep_input:
        values["input"] = None
    _changed(session, _ours(work), values)


def fail(session: Session, work: Work, reason: str, now: datetime) -> None:
    """It cannot be done; `reason` is for people. Its input waits for another try until it is forgotten."""
    _changed(session, _ours(work), {"state": FAILED, "error": reason, "finished_at": now})


def give_up(session: Session, work: Work, now: datetime) -> None:
    """It was cancelled and has stopped."""
    values = {"state": CANCELLED, "input": None, "finished_at": now}
    _changed(session, and_(_ours(work), Job.cancel_at.is_not(None)), values)


def hand_back(session: Session, work: Work) -> None:
    """Leave it to the next worker: this one has to go."""
    _changed(session, _ours(work), {"state": ASKED, "alive_at": None, "done": 0})


def cancel(session: Session, brand_id: str, job_id: str, now: datetime) -> None:
    """Ask it to stop: what waits ends at once, what runs at its next batch. Raises NotFound; an ended one stays so."""
    one_id(session, brand_id, job_id)
    waits = and_(Job.id == job_id, Job.state.in_((DRAFT, ASKED)))
    ends = {"state": CANCELLED, "input": None, "cancel_at": now, "finished_at": now}
    if not _changed(session, waits, ends):
        _changed(session, and_(Job.id == job_id, Job.state == RUNNING, Job.cancel_at.is_(None)), {"cancel_at": now})


def newest(session: Session, brand_id: str, limit: int, kind: str | None = None) -> Sequence[Job]:
    """The brand's latest jobs, without what they work on; those that wait or run first."""
    query = select(Job).where(Job.brand_id == brand_id)
    if kind is not None:
        query = query.where(Job.kind == kind)
    first = case((Job.state.in_(OPEN), 0), else_=1)
    query = query.options(defer(Job.input, raiseload=True))
    return session.execute(query.order_by(first, Job.asked_at.desc(), Job.id.desc()).limit(limit)).scalars().all()


def forget_inputs(session: Session, before: datetime) -> None:
    """Blank what jobs worked on that ended, or were drafted and left, before that moment: it holds personal data."""
    stale = and_(Job.state.not_in(OPEN), Job.input.is_not(None), Job.asked_at < before)
    _changed(session, stale, {"input": None})


def one_id(session: Session, brand_id: str, job_id: str) -> str:
    """The id, where it is a job of the brand. Raises NotFound."""
    query = select(Job.id).where(Job.id == job_id, Job.brand_id == brand_id)
    found = session.execute(query).scalar_one_or_none() if is_id(job_id) else None
    if found is None:
        raise NotFound("no such job")
    return found


def _ours(work: Work) -> ColumnElement[bool]:
    return and_(Job.id == work.id, Job.state == RUNNING, Job.started_at == work.began)


def _changed(session: Session, where: ColumnElement[bool], values: Mapping[str, Any]) -> bool:
    found = session.execute(update(Job).where(where).values(**values).execution_options(synchronize_session=False))
    return bool(cast("Any", found).rowcount)
