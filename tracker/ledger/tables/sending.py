"""What leaves the house: letters, reports on a schedule, links that show a report for a while."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.ledger.tables._base import Base
from tracker.ledger.types import Id


class Mail(Base):
    """A letter to send, written in the transaction of what it tells. `key` makes it one; `sealed` holds what fills it.

    `sealed` is encrypted with the installation's key, since letters carry links that open doors, and blanked once sent.
    """

    __tablename__ = "mails"
    __table_args__ = (Index("ix_mails_state_due_at", "state", "due_at"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    kind: Mapped[str] = mapped_column(String(40))
    recipient: Mapped[str] = mapped_column(String(320))
    language: Mapped[str] = mapped_column(String(5))
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(10))  # pending, sent, failed
    error: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]  # wall time
    sent_at: Mapped[datetime | None]


class Schedule(Base):
    """A report that is sent by e-mail every day, week or month. `settings` are its filters and the days it spans."""

    __tablename__ = "schedules"
    __table_args__ = (Index("ix_schedules_next_at", "next_at"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), index=True)
    account_id: Mapped[str | None] = mapped_column(Id, ForeignKey("accounts.id"))
    report: Mapped[str] = mapped_column(String(40))
    settings: Mapped[dict[str, Any]]
    format: Mapped[str] = mapped_column(String(10))  # pdf, xlsx, csv
    every: Mapped[str] = mapped_column(String(10))  # day, week, month
    language: Mapped[str] = mapped_column(String(5))
    recipients: Mapped[list[Any]]
    next_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_because: Mapped[str | None] = mapped_column(String(40))  # where nobody ended it


class SharedLink(Base):
    """A link that shows one report, read-only, until it expires. The link holds what `digest` is the SHA-256 of."""

    __tablename__ = "shared_links"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), index=True)
    account_id: Mapped[str | None] = mapped_column(Id, ForeignKey("accounts.id"))
    report: Mapped[str] = mapped_column(String(40))
    settings: Mapped[dict[str, Any]]  # the query string it was made from, days included
    language: Mapped[str | None] = mapped_column(String(5))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    opened: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    opened_at: Mapped[datetime | None]
