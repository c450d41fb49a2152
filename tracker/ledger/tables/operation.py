"""What has to be done, and what went wrong."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.ledger.tables._base import Base
from tracker.ledger.types import Id


class AttributionDue(Base):
    """An order whose credits may have changed. Written in the transaction of the fact; deleted when drained.

    `turn` grows with every new reason, so that a worker deletes only what it has seen. What is due in `bulk` (a change
    of rules concerns a year of orders) waits until nothing else is.
    """

    __tablename__ = "attribution_due"
    __table_args__ = (Index("ix_attribution_due_bulk_since", "bulk", "since"),)

    order_id: Mapped[str] = mapped_column(Id, primary_key=True)
    turn: Mapped[int]
    cause: Mapped[str] = mapped_column(String(40))
    bulk: Mapped[bool] = mapped_column(server_default=text("false"))
    since: Mapped[datetime]  # wall time


class RulesDue(Base):
    """A version of the rules that has not yet been told to all orders placed since its start. Deleted when it has.

    Written in the version's own transaction. The orders up to (`placed_at`, `order_id`) have been looked at.
    """

    __tablename__ = "rules_due"

    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    placed_at: Mapped[datetime]
    order_id: Mapped[str] = mapped_column(Id)
    since: Mapped[datetime]  # wall time


class CommissionsDue(Base):
    """An order whose commissions may have changed. Written in the transaction of its credits; deleted when drained."""

    __tablename__ = "commissions_due"

    order_id: Mapped[str] = mapped_column(Id, primary_key=True)
    turn: Mapped[int]
    cause: Mapped[str] = mapped_column(String(40))
    since: Mapped[datetime] = mapped_column(index=True)  # wall time


class DeadLetter(Base):
    """What could not be recorded, whole, with the reason."""

    __tablename__ = "dead_letters"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    source: Mapped[str] = mapped_column(String(40))
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    error: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]


class Counter(Base):
    """A figure of operation that must outlive processes: clicks lost, deliveries refused, by host."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    host: Mapped[str] = mapped_column(String(253), primary_key=True)
    value: Mapped[int]
    updated_at: Mapped[datetime]


class Answer(Base):
    """What a report that takes long came to: asked for by readers, drawn by a worker, shown with the moment of it.

    `id` says of which brand, report and scope. `due_at` is when it is to be drawn (again); null where it is not.
    `drawn_at` is the moment at which the ledger was read, null until then; `rows` are JSON: of partners and
    channels, never of a visitor or a customer.
    """

    __tablename__ = "answers"
    __table_args__ = (Index("ix_answers_due_at", "due_at"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"))
    report: Mapped[str] = mapped_column(String(40))
    scope: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime]  # wall time
    due_at: Mapped[datetime | None]  # wall time
    drawn_at: Mapped[datetime | None]
    rows: Mapped[str | None] = mapped_column(Text)


class Job(Base):
    """Long work that a person asked for: how far it is, what came of it. A worker takes it, and heeds a cancellation.

    `state`: asked, running, done, failed, cancelled. `input` is what it works on (a file), blanked when it ends.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_state_asked_at", "state", "asked_at"),
        Index("ix_jobs_brand_id_asked_at", "brand_id", "asked_at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"))
    account_id: Mapped[str | None] = mapped_column(Id, ForeignKey("accounts.id"))
    kind: Mapped[str] = mapped_column(String(40))
    settings: Mapped[dict[str, Any]]
    input: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(10))
    done: Mapped[int] = mapped_column(server_default=text("0"))
    total: Mapped[int | None]
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str | None] = mapped_column(Text)
    asked_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    alive_at: Mapped[datetime | None]  # wall time: a worker that is gone is replaced
    finished_at: Mapped[datetime | None]
    cancel_at: Mapped[datetime | None]  # somebody asked it to stop
