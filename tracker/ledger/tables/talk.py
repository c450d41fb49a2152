"""What partners and a brand say to each other: disputes, messages, papers."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tracker.ledger.tables._base import Base
from tracker.ledger.types import Id


class Dispute(Base):
    """A partner does not agree with how an order was credited or refused. The brand answers until `due_on`."""

    __tablename__ = "disputes"
    __table_args__ = (UniqueConstraint("order_id", "partner_id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), index=True)
    order_id: Mapped[str] = mapped_column(Id, ForeignKey("orders.id"))
    partner_id: Mapped[str] = mapped_column(Id, ForeignKey("partners.id"), index=True)
    receipt_version: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(10))  # open, accepted, refused
    due_on: Mapped[date] = mapped_column(Date)
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class Message(Base):
    """Something that a partner or the brand wrote to the other, about a dispute or in general."""

    __tablename__ = "messages"
    __table_args__ = (Index("ix_messages_partner_id_at", "partner_id", "at"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), index=True)
    partner_id: Mapped[str] = mapped_column(Id, ForeignKey("partners.id"))
    dispute_id: Mapped[str | None] = mapped_column(Id, ForeignKey("disputes.id"), index=True)
    account_id: Mapped[str | None] = mapped_column(Id, ForeignKey("accounts.id"))
    from_partner: Mapped[bool]
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    read_at: Mapped[datetime | None]


class Document(Base):
    """A paper that a brand and a partner share: a signed contract, a brief in full."""

    __tablename__ = "documents"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), index=True)
    partner_id: Mapped[str] = mapped_column(Id, ForeignKey("partners.id"), index=True)
    campaign_id: Mapped[str | None] = mapped_column(Id, ForeignKey("campaigns.id"))
    name: Mapped[str] = mapped_column(String(200))
    content_type: Mapped[str] = mapped_column(String(100))
    digest: Mapped[str] = mapped_column(String(64))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
