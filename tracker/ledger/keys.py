"""An API key is shown once; what is kept, its SHA-256, opens nothing. 256 random bits need no slower hash."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from tracker.ledger.tables import ApiKey

PREFIX = "trk_"
# So many characters of a key are shown to tell it from others.
_SHOWN = len(PREFIX) + 6
_STALE = timedelta(minutes=1)


def new_key() -> str:
    """A fresh key: `trk_` and 32 random bytes in URL-safe base64."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """What is kept of a key."""
    return sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def shown(key: str) -> str:
    """The beginning of a key, by which people recognise it."""
    return key[:_SHOWN]


def holder(session: Session, key: str) -> ApiKey | None:
    """The row of a key in force, or None: unknown and revoked are the same to whoever asks."""
    query = select(ApiKey).where(ApiKey.digest == digest(key), ApiKey.revoked_at.is_(None))
    return session.execute(query).scalar_one_or_none()


def is_stale(row: ApiKey, wall: datetime) -> bool:
    """Whether the moment of last use is old enough to be worth a write."""
    return row.last_used_at is None or row.last_used_at <= wall - _STALE


def touch(session: Session, key_id: str, wall: datetime) -> None:
    """Note that the key was used, at most once a minute."""
    stale = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at <= wall - _STALE)
    session.execute(update(ApiKey).where(ApiKey.id == key_id, stale).values(last_used_at=wall))
