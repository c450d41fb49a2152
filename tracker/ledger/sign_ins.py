"""A session is a row: its holder sees where they are signed in, and what is ended opens nothing from then on.

Of the device only browser and system are kept, of the address only its network. Times are wall times.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from tracker.domain.ids import is_id, new_id
from tracker.ledger.tables import SignIn

IDLE = timedelta(hours=8)
LONGEST = timedelta(days=7)
_STALE = timedelta(minutes=1)
_KEPT = timedelta(days=30)  # what was long ago is nobody's business
_LONGEST_DEVICE = 120


@dataclass(frozen=True, slots=True)
class Signed:
    """A session as its holder sees it. `device` is empty where nothing is known of it."""

    id: str
    device: str
    network: str | None
    opened_at: datetime
    seen_at: datetime
    here: bool


def add(session: Session, account_id: str, device: str, network: str | None, wall: datetime) -> str:
    """Note that somebody signed in, and return the session's id. Their sessions of long ago are forgotten.

    `device` is browser and system, empty where they are not known.
    """
    session.execute(delete(SignIn).where(SignIn.account_id == account_id, SignIn.seen_at < wall - _KEPT))
    row = SignIn(
        id=new_id(),
        account_id=account_id,
        device=device[:_LONGEST_DEVICE],
        ip_prefix=network,
        opened_at=wall,
        seen_at=wall,
        ended_at=None,
    )
    session.add(row)
    session.flush()
    return row.id


def is_open(session: Session, account_id: str, sign_in: str, wall: datetime) -> datetime | None:
    """When the session was last seen, or None where it was ended, is another's, or there never was one."""
    query = select(SignIn.seen_at).where(SignIn.id == sign_in, *_live(account_id, wall))
    return session.execute(query).scalar() if is_id(sign_in) else None


def is_stale(seen_at: datetime, wall: datetime) -> bool:
    """Whether the last visit is old enough to be worth a write."""
    return seen_at <= wall - _STALE


def touch(session: Session, sign_in: str, wall: datetime) -> None:
    """Note that the session is used, at most once a minute."""
    stale = (SignIn.id == sign_in, SignIn.seen_at <= wall - _STALE)
    session.execute(update(SignIn).where(*stale).values(seen_at=wall))


def every(session: Session, account_id: str, wall: datetime, here: str | None) -> list[Signed]:
    """The account's live sessions, the one that asks first, then those seen last."""
    rows = session.execute(select(SignIn).where(*_live(account_id, wall))).scalars()
    found = [Signed(row.id, row.device, row.ip_prefix, row.opened_at, row.seen_at, row.id == here) for row in rows]
    return sorted(found, key=lambda one: (one.here, one.seen_at, one.id), reverse=True)


def end(session: Session, account_id: str, sign_in: str, wall: datetime) -> None:
    """End one of the account's sessions; another's is left alone, and again is no error."""
    if is_id(sign_in):
        session.execute(update(SignIn).where(SignIn.id == sign_in, *_not_ended(account_id)).values(ended_at=wall))


def end_all(session: Session, account_id: str, wall: datetime, *, but: str | None = None) -> None:
    """End the account's sessions, all of them or all but one."""
    conditions = [*_not_ended(account_id), *([SignIn.id != but] if but else [])]
    session.execute(update(SignIn).where(*conditions).values(ended_at=wall))


def forget(session: Session, wall: datetime) -> None:
    """Forget the sessions of long ago, also of those who sign in no more."""
    session.execute(delete(SignIn).where(SignIn.seen_at < wall - _KEPT))


def _not_ended(account_id: str) -> tuple[ColumnElement[bool], ...]:
    return SignIn.account_id == account_id, SignIn.ended_at.is_(None)


def _live(account_id: str, wall: datetime) -> tuple[ColumnElement[bool], ...]:
    return (*_not_ended(account_id), SignIn.seen_at >= wall - IDLE, SignIn.opened_at >= wall - LONGEST)
