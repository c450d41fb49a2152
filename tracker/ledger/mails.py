"""A letter is a row, written in the transaction of what it tells; a worker sends it. Its key makes it one letter.

`kind` names the template `templates/mail/<kind>.txt`: the first line is the subject, a line that is only an address
becomes a button where the letter is read as HTML. `values` fill it; they may hold links that open doors, so they are
sealed with the installation's key and blanked once the letter is sent.

`due_at` is also the lease: whoever takes a letter moves it into the future, and whoever dies with it in hand leaves it
to the next one at that moment. So a letter is sent at least once, always under the same Message-ID.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from tracker.domain.ids import new_id
from tracker.errors import BadInput, NotFound
from tracker.ledger.bulk import insert_ignore
from tracker.ledger.tables import Mail
from tracker.sealing import seal

PURPOSE = "letters"
WRITTEN = "letters written"  # stands in the info of a session that has written one
LEASE = timedelta(minutes=5)
MOST_ATTEMPTS = 18  # with the pauses below about a day
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=2)

PENDING, SENT, FAILED = "pending", "sent", "failed"


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be sent to one address. Two letters of one `key` are the same letter."""

    key: str
    kind: str
    recipient: str
    language: str
    values: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Taken:
    """A letter in a worker's hand, still sealed. `attempt` counts from one."""

    id: str
    kind: str
    recipient: str = field(repr=False)
    language: str
    attempt: int
    created_at: datetime
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """A letter as it is shown: never what it says."""

    id: str
    kind: str
    recipient: str
    state: str
    attempts: int
    error: str | None
    created_at: datetime
    due_at: datetime
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Count:
    """How many letters wait, and how many could not be sent."""

    waiting: int
    failed: int
    oldest_waiting: datetime | None


def put(session: Session, secret_key: str, letter: Letter, now: datetime, wall: datetime) -> None:
    """Have the letter sent, once, after this transaction's commit."""
    sealed = seal(secret_key, PURPOSE).close(json.dumps(letter.values))
    row = {
        "id": new_id(),
        "key": letter.key,
        "kind": letter.kind,
        "recipient": letter.recipient,
        "language": letter.language,
        "sealed": sealed,
        "state": PENDING,
        "attempts": 0,
        "created_at": now,
        "due_at": wall,
    }
    insert_ignore(session, Mail, [row])
    session.info[WRITTEN] = True


def take(session: Session, wall: datetime) -> Taken | None:
    """The letter that is due the longest, nobody else's until its lease is over. None where none is due."""
    due = (Mail.state == PENDING, Mail.due_at <= wall)
    longest = select(Mail.id).where(*due).order_by(Mail.due_at, Mail.id).limit(1).with_for_update(skip_locked=True)
    row = session.execute(
        update(Mail)
        .where(Mail.id == longest.scalar_subquery(), *due)
        .values(due_at=wall + LEASE, attempts=Mail.attempts + 1)
        .returning(Mail)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if row is None:
        return None
    return Taken(row.id, row.kind, row.recipient, row.language, row.attempts, row.created_at, row.sealed or b"")


def opened(secret_key: str, taken: Taken) -> dict[str, object]:
    """What fills the letter. Raises BadSetting where it was sealed under another SECRET_KEY."""
    values: dict[str, object] = json.loads(seal(secret_key, PURPOSE).open(taken.sealed))
    return values


def sent(session: Session, mail_id: str, now: datetime) -> None:
    """The server has taken it: what it said is blanked."""
    _settle(session, mail_id, state=SENT, sent_at=now, sealed=None, error=None)


def refused(session: Session, mail_id: str, reason: str) -> None:
    """It cannot be sent. What it says is kept, for somebody may mend the reason and try again."""
    _settle(session, mail_id, state=FAILED, error=reason)


def put_off(session: Session, taken: Taken, reason: str, wall: datetime) -> None:
    """Try again later, ever later; after about a day it has failed."""
    if taken.attempt >= MOST_ATTEMPTS:
        refused(session, taken.id, reason)
    else:
        _settle(session, taken.id, due_at=wall + pause(taken.attempt), error=reason)


def pause(attempt: int) -> timedelta:
    """How long to wait after so many attempts: a minute, doubled each time, two hours at most."""
    return min(_FIRST_PAUSE * int(2 ** min(attempt - 1, 10)), _LONGEST_PAUSE)


def retry(session: Session, mail_id: str | None, wall: datetime) -> int:
    """Try the failed letter, or all that failed, anew; how many. Raises NotFound, BadInput for one that was sent."""
    query = update(Mail).where(Mail.state == FAILED)
    if mail_id is not None:
        state = session.execute(select(Mail.state).where(Mail.id == mail_id)).scalar_one_or_none()
        if state is None:
            raise NotFound("no such letter")
        if state == SENT:
            raise BadInput("letter", "it was sent already")
        query = update(Mail).where(Mail.id == mail_id, Mail.state != SENT)
    found = session.execute(query.values(state=PENDING, attempts=0, due_at=wall))
    return int(cast("Any", found).rowcount)


def forget(session: Session, before: datetime) -> None:
    """Forget letters written before that moment, sent or failed: to whom one wrote is nobody's business for ever."""
    session.execute(delete(Mail).where(Mail.state != PENDING, Mail.created_at < before))


def count(session: Session) -> Count:
    """How many letters wait and failed."""
    found = session.execute(
        select(Mail.state, func.count(), func.min(Mail.created_at)).where(Mail.state != SENT).group_by(Mail.state)
    ).all()
    by_state = {state: (number, oldest) for state, number, oldest in found}
    waiting, oldest = by_state.get(PENDING, (0, None))
    return Count(waiting, by_state.get(FAILED, (0, None))[0], oldest)


def newest(session: Session, *, states: Sequence[str] = (), limit: int = 100) -> list[Standing]:
    """The latest letters of these states, or of any."""
    query = select(*(getattr(Mail, name) for name in Standing.__slots__))
    if states:
        query = query.where(Mail.state.in_(states))
    rows = session.execute(query.order_by(Mail.created_at.desc(), Mail.id.desc()).limit(limit))
    return [Standing(*row) for row in rows]


def _settle(session: Session, mail_id: str, **values: object) -> None:
    session.execute(update(Mail).where(Mail.id == mail_id, Mail.state == PENDING).values(**values))
