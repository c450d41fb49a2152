"""What is owed and paid. Rows are only added."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tracker.ledger.tables._base import Base
from tracker.ledger.types import Id


class OrderTerms(Base):
    """The terms of a partner for an order, as they were at the sale: frozen when the first commission is accrued."""

    __tablename__ = "order_terms"

    order_id: Mapped[str] = mapped_column(Id, ForeignKey("orders.id"), primary_key=True)
    partner_id: Mapped[str] = mapped_column(Id, ForeignKey("partners.id"), primary_key=True)
    terms_id: Mapped[str] = mapped_column(Id, ForeignKey("terms.id"))
    new_customer: Mapped[bool]
    frozen_at: Mapped[datetime]


class Commission(Base):
    """A change of what is owed to a partner for an order. Rows are only added; their sum is what is owed.

    `kind` is accrual (the first), reversal (money went back) or adjustment (the credit changed). `amount` is signed.
    `credit`, `net` (of the order; 0 while it earns nothing) and `receipt_version` say from what it was reckoned,
    `approves_at` when the hold ends.
    """

    __tablename__ = "commissions"
    __table_args__ = (
        UniqueConstraint("order_id", "partner_id", "number"),
        Index("ix_commissions_brand_id_partner_id", "brand_id", "partner_id"),
        Index("ix_commissions_brand_id_at", "brand_id", "at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"))
    order_id: Mapped[str] = mapped_column(Id, ForeignKey("orders.id"))
    partner_id: Mapped[str] = mapped_column(Id, ForeignKey("partners.id"))
    number: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(12))
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    credit: Mapped[int]
    net: Mapped[int]
    terms_id: Mapped[str] = mapped_column(Id, ForeignKey("terms.id"))
    receipt_version: Mapped[int] = mapped_column(Integer)
    cause: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime]
    approves_at: Mapped[datetime]


class CommissionStep(Base):
    """A commission was approved or paid. Steps are only added; the last one is where it stands, none is pending."""

    __tablename__ = "commission_steps"
    __table_args__ = (
        Index("ix_commission_steps_payout_id", "payout_id"),
        Index("ix_commission_steps_at", "at"),
    )

    commission_id: Mapped[str] = mapped_column(Id, ForeignKey("commissions.id"), primary_key=True)
    state: Mapped[str] = mapped_column(String(10), primary_key=True)
    payout_id: Mapped[str | None] = mapped_column(Id, ForeignKey("payouts.id"))
    at: Mapped[datetime]


class Payout(Base):
    """A payment of approved commissions to a partner: their sum in one currency, and the payer's own reference."""

    __tablename__ = "payouts"
    __table_args__ = (Index("ix_payouts_brand_id_partner_id", "brand_id", "partner_id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"))
    partner_id: Mapped[str] = mapped_column(Id, ForeignKey("partners.id"))
    currency: Mapped[str] = mapped_column(String(3))
    amount: Mapped[int]
    reference: Mapped[str] = mapped_column(String(200))
    paid_at: Mapped[datetime]
    created_at: Mapped[datetime]
