"""Whoever forgot their password gets a link by letter, good once and for an hour; only its digest is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from tracker.domain.ids import new_id, new_token
from tracker.ledger import keys, mails
from tracker.ledger.accounts import folded
from tracker.ledger.mails import Letter
from tracker.ledger.tables import Account, PasswordReset

GOOD_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which address asks for a way in, in which language, and when."""

    email: str = field(repr=False)
    language: str
    now: datetime
    wall: datetime


def ask(session: Session, secret_key: str, public_url: str, asked: Asked) -> None:
    """Write to the address where it has an account; where it has none, nothing happens and nothing is said."""
    account = session.execute(select(Account).where(Account.email == folded(asked.email))).scalar_one_or_none()
    if account is None:
        return
    token = _add(session, account.id, asked.wall)
    values = {"url": f"{public_url}/reset/{token}"}
    language = account.language or asked.language
    letter = Letter(f"reset:{keys.digest(token)[:32]}", "password_reset", account.email, language, values)
    mails.put(session, secret_key, letter, asked.now, asked.wall)


def _add(session: Session, account_id: str, wall: datetime) -> str:
    """A fresh link's token; links that are too old are forgotten."""
    gone = (PasswordReset.account_id == account_id, PasswordReset.expires_at <= wall)
    session.execute(delete(PasswordReset).where(*gone))
    token, until = new_token(), wall + GOOD_FOR
    row = PasswordReset(
        id=new_id(), account_id=account_id, digest=keys.digest(token), created_at=wall, expires_at=until, used_at=None
    )
    session.add(row)
    session.flush()
    return token


def forget(session: Session, wall: datetime) -> None:
    """Forget links that are too old to open anything."""
    session.execute(delete(PasswordReset).where(PasswordReset.expires_at <= wall))


def account_of(session: Session, token: str, wall: datetime) -> Account | None:
    """Whose password the link of this token changes, or None where it is unknown, used or too old."""
    query = select(Account).join(PasswordReset, PasswordReset.account_id == Account.id).where(*_good(token, wall))
    return session.execute(query).scalar_one_or_none()


def use(session: Session, token: str, wall: datetime) -> str | None:
    """Spend the link, and with it every other of the account: its id, or None where the link opens nothing."""
    spent = session.execute(
        update(PasswordReset).where(*_good(token, wall)).values(used_at=wall).returning(PasswordReset.account_id)
    ).scalar()
    if spent is not None:
        others = (PasswordReset.account_id == spent, PasswordReset.used_at.is_(None))
        session.execute(update(PasswordReset).where(*others).values(used_at=wall))
    return spent


def _good(token: str, wall: datetime) -> tuple[ColumnElement[bool], ...]:
    digest = PasswordReset.digest == keys.digest(token)
    return digest, PasswordReset.used_at.is_(None), PasswordReset.expires_at > wall
