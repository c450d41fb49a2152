"""Facts: deliveries as they came, and the canonical order events drawn from them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tracker.ledger.tables._base import Base
from tracker.ledger.types import Id


class InboxRow(Base):
    """A delivery as it came. `state`: pending, done, quarantined (signed but unreadable), failed, anomaly."""

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("shop_id", "dedupe_key"),
        Index("ix_inbox_state_due_at", "state", "due_at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    shop_id: Mapped[str] = mapped_column(Id, ForeignKey("shops.id"))
    dedupe_key: Mapped[str] = mapped_column(String(200))
    topic: Mapped[str] = mapped_column(String(100))
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    body_digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(12))
    error: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(Integer)
    received_at: Mapped[datetime]
    due_at: Mapped[datetime]  # wall time from which the sweeper may ring for it again


class OrderEventRow(Base):
    """A canonical order event, without personal data."""

    __tablename__ = "order_events"
    __table_args__ = (UniqueConstraint("shop_id", "external_id", "key"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    shop_id: Mapped[str] = mapped_column(Id, ForeignKey("shops.id"))
    external_id: Mapped[str] = mapped_column(String(100))
    key: Mapped[str] = mapped_column(String(200))
    version: Mapped[datetime]
    change: Mapped[dict[str, Any]]
    delivery_id: Mapped[str | None] = mapped_column(Id)
    recorded_at: Mapped[datetime]


class Redaction(Base):
    """An order whose customer asked to be forgotten: none of its events may name the customer, come when they may."""

    __tablename__ = "redactions"

    shop_id: Mapped[str] = mapped_column(Id, ForeignKey("shops.id"), primary_key=True)
    external_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    at: Mapped[datetime]
