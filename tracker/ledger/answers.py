"""A report that takes long is a question: asked for by readers, drawn by one worker, kept with the moment of its rows.

Who takes one puts it off: where the worker dies or fails, it is due again by itself after a while, and others go on.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from tracker.ledger.database import is_postgresql
from tracker.ledger.tables import Answer

AGAIN = timedelta(minutes=5)  # longer than a worker may take for one
_SOON = timedelta(minutes=1)
_WANTED = timedelta(hours=1)  # what fails is not tried for ever, but as long as somebody looks for it
_NO_SYNC = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class Question:
    """Which report of a brand over which scope. `id` is the same for the same."""

    id: str
    brand_id: str
    report: str
    scope: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a question. `rows` and `drawn_at` are None until it was drawn; `due`: whether it is to be."""

    asked_at: datetime
    drawn_at: datetime | None
    rows: str | None
    due: bool

    def is_late(self, wall: datetime) -> bool:
        """Whether its first reader has waited so long that something may be wrong."""
        return self.rows is None and self.asked_at < wall - _SOON


def kept(session: Session, question: Question) -> Kept | None:
    """What is known of it; None where nobody has asked."""
    query = select(Answer.asked_at, Answer.drawn_at, Answer.rows, Answer.due_at.is_not(None))
    found = session.execute(query.where(Answer.id == question.id)).one_or_none()
    return Kept(*found) if found else None


def ask(session: Session, questions: Collection[Question], wall: datetime) -> None:
    """Have them drawn, anew where they were before: what was drawn stands until then. Asked by two, each is one."""
    insert = postgresql.insert if is_postgresql(session) else sqlite.insert
    for one in sorted(questions, key=lambda question: question.id):
        row = {"id": one.id, "brand_id": one.brand_id, "report": one.report, "scope": one.scope}
        again = {"asked_at": wall, "due_at": func.coalesce(Answer.due_at, wall)}
        session.execute(
            insert(Answer)
            .values(**row, asked_at=wall, due_at=wall)
            .on_conflict_do_update(index_elements=["id"], set_=again)
        )


def take(session: Session, wall: datetime) -> Question | None:
    """The question that is due and was asked last, for somebody may be waiting for it; None where none is due."""
    due = (Answer.due_at <= wall, Answer.asked_at > wall - _WANTED)
    newest = select(Answer.id).where(*due).order_by(Answer.asked_at.desc(), Answer.id).limit(1)
    found = session.execute(
        update(Answer)
        .where(Answer.id == newest.with_for_update(skip_locked=True).scalar_subquery(), *due)
        .values(due_at=wall + AGAIN)
        .returning(Answer.id, Answer.brand_id, Answer.report, Answer.scope),
        execution_options=_NO_SYNC,
    ).one_or_none()
    return Question(*found) if found else None


def keep(session: Session, question: Question, rows: str, drawn_at: datetime) -> None:
    """What it came to, as the ledger was at `drawn_at`."""
    drawn = {"rows": rows, "drawn_at": drawn_at, "due_at": None}
    session.execute(update(Answer).where(Answer.id == question.id).values(**drawn), execution_options=_NO_SYNC)


def forget(session: Session, before: datetime) -> None:
    """Drop what nobody has asked for since."""
    session.execute(delete(Answer).where(Answer.asked_at < before), execution_options=_NO_SYNC)
