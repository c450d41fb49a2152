"""Conclusions: orders, journeys, credits and receipts. They may be rebuilt from facts at any time."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from tracker.ledger.tables._base import Base
from tracker.ledger.types import Canonical, Id


class OrderRow(Base):
    """The fold of an order's events, and the row that folding and crediting lock.

    `status` is null while only events that cannot make an order (a refund) have arrived: the order is waiting.
    `placed_day` is in the brand's time zone.
    """

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("shop_id", "external_id"),
        Index("ix_orders_brand_id_placed_at", "brand_id", "placed_at"),
        Index("ix_orders_brand_id_placed_day", "brand_id", "placed_day"),
        Index("ix_orders_brand_id_customer", "brand_id", "customer", "placed_at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"))
    shop_id: Mapped[str] = mapped_column(Id, ForeignKey("shops.id"))
    external_id: Mapped[str] = mapped_column(String(100))
    number: Mapped[str] = mapped_column(String(100))
    status: Mapped[str | None] = mapped_column(String(10))
    test: Mapped[bool]
    currency: Mapped[str | None] = mapped_column(String(3))
    total: Mapped[int]
    goods: Mapped[int]
    refunded: Mapped[int]
    net: Mapped[int]
    net_formula: Mapped[str] = mapped_column(String(40))
    placed_at: Mapped[datetime | None]
    placed_day: Mapped[date | None] = mapped_column(Date)
    customer: Mapped[str | None] = mapped_column(String(64))
    customer_is_new: Mapped[bool | None]
    region: Mapped[str | None] = mapped_column(String(10))  # ISO 3166-2 where the goods went, such as FR-75
    codes: Mapped[list[Any]]
    click_ids: Mapped[list[Any]]
    flags: Mapped[list[Any]]
    marks: Mapped[list[Any] | None]  # traces of other marketing, as `domain.marks` keeps them
    rule_set: Mapped[int | None] = mapped_column(Integer)
    folded_at: Mapped[datetime]
    attributed_at: Mapped[datetime | None]


class OrderClick(Base):
    """A click id that an order carries, whether or not we know the click yet: a late one finds its order here."""

    __tablename__ = "order_clicks"
    __table_args__ = (Index("ix_order_clicks_click_id", "click_id"),)

    order_id: Mapped[str] = mapped_column(Id, ForeignKey("orders.id"), primary_key=True)
    click_id: Mapped[str] = mapped_column(Id, primary_key=True)


class OrderCode(Base):
    """A code that an order carries, owned or not: a code registered later finds its orders here."""

    __tablename__ = "order_codes"
    __table_args__ = (Index("ix_order_codes_brand_id_normal", "brand_id", "normal"),)

    order_id: Mapped[str] = mapped_column(Id, ForeignKey("orders.id"), primary_key=True)
    normal: Mapped[str] = mapped_column(String(255), primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id)
    text: Mapped[str] = mapped_column(String(255))


class Touch(Base):
    """A touchpoint of an order's journey in time order, `position` from 0. `earns` says whether the rules let it weigh.

    Opener is the first and closer the last touch of the whole journey, whoever earns.
    """

    __tablename__ = "touches"
    __table_args__ = (Index("ix_touches_brand_id_partner_id", "brand_id", "partner_id"),)

    order_id: Mapped[str] = mapped_column(Id, ForeignKey("orders.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(String(10))
    at: Mapped[datetime]
    partner_id: Mapped[str] = mapped_column(Id)
    channel: Mapped[str] = mapped_column(String(20))
    link_id: Mapped[str | None] = mapped_column(Id)
    click_id: Mapped[str | None] = mapped_column(Id)
    code: Mapped[str | None] = mapped_column(String(255))
    campaign_id: Mapped[str | None] = mapped_column(Id)
    placement_id: Mapped[str | None] = mapped_column(Id)
    evidence: Mapped[list[Any]]
    opener: Mapped[bool]
    closer: Mapped[bool]
    earns: Mapped[bool]


class CreditSet(Base):
    """The credits of an order under one model. Unsealed sets are invisible; sealing checks that they sum to `net`.

    The credits of a model that is not additive are each the whole `net`, and that is checked instead.
    """

    __tablename__ = "credit_sets"
    __table_args__ = (UniqueConstraint("order_id", "model"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    order_id: Mapped[str] = mapped_column(Id, ForeignKey("orders.id"))
    model: Mapped[str] = mapped_column(String(40))
    model_version: Mapped[int] = mapped_column(SmallInteger)
    rule_set: Mapped[int] = mapped_column(Integer)
    net_formula: Mapped[str] = mapped_column(String(40))
    net: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    additive: Mapped[bool] = mapped_column(server_default=text("true"))
    paying: Mapped[bool]
    sealed: Mapped[bool]


class Credit(Base):
    """A share of an order's net value. `weight` is an exact fraction, "1/3"."""

    __tablename__ = "credits"
    __table_args__ = (
        Index("ix_credits_order_id", "order_id"),
        Index("ix_credits_brand_id_partner_id", "brand_id", "partner_id"),
        CheckConstraint("amount >= 0", name="amount_not_negative"),
    )

    set_id: Mapped[str] = mapped_column(Id, ForeignKey("credit_sets.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    order_id: Mapped[str] = mapped_column(Id)
    brand_id: Mapped[str] = mapped_column(Id)
    partner_id: Mapped[str] = mapped_column(Id)
    channel: Mapped[str] = mapped_column(String(20))
    link_id: Mapped[str | None] = mapped_column(Id)
    code: Mapped[str | None] = mapped_column(String(255))
    campaign_id: Mapped[str | None] = mapped_column(Id)
    placement_id: Mapped[str | None] = mapped_column(Id)
    evidence: Mapped[list[Any]]
    weight: Mapped[str] = mapped_column(String(80))
    amount: Mapped[int]


class Receipt(Base):
    """Why an order was credited as it was, one row a version; a later version never changes an earlier one.

    `cause` is what made it be drawn, `digest` the SHA-256 of the body's canonical form, `replaces` the digest of the
    version before, `changes` who gained or lost by it under the paying model. One version of an order is `current`.
    """

    __tablename__ = "receipts"
    __table_args__ = (
        Index(
            "ix_receipts_current",
            "order_id",
            unique=True,
            postgresql_where=text("current"),
            sqlite_where=text("current"),
        ),
        Index("ix_receipts_brand_id_drawn_at", "brand_id", "drawn_at"),
    )

    order_id: Mapped[str] = mapped_column(Id, ForeignKey("orders.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id)
    current: Mapped[bool]
    cause: Mapped[str] = mapped_column(String(40))
    body: Mapped[dict[str, Any]] = mapped_column(Canonical)
    digest: Mapped[str] = mapped_column(String(64))
    replaces: Mapped[str | None] = mapped_column(String(64))
    changes: Mapped[list[Any]]
    drawn_at: Mapped[datetime]


class Seal(Base):
    """A link of a brand's chain of receipts: `hash` covers this receipt's digest and the hash before it."""

    __tablename__ = "seals"
    __table_args__ = (UniqueConstraint("order_id", "version"),)

    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(Id)
    version: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
    sealed_at: Mapped[datetime]


class Figure(Base):
    """Rows that a query of reports gave for a day of the brand, or for a month of them, so as not to add up again.

    `rows` is a JSON array; `starts_on` is the day, or the first of the month. Only those that a RolledDay vouches for
    are read.
    """

    __tablename__ = "figures"
    __table_args__ = (Index("ix_figures_brand_id_starts_on", "brand_id", "starts_on"),)

    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    whole_month: Mapped[bool] = mapped_column(primary_key=True)
    starts_on: Mapped[date] = mapped_column(Date, primary_key=True)
    rows: Mapped[str] = mapped_column(Text)


class RolledDay(Base):
    """A day (or a month) whose figures stand as queries of `version` gave them. One without a row came to nothing.

    `kind` says of what: orders or clicks. What changed since is a DayChange: then the day is not to be believed.
    `rolling` is another each time its figures are written; null where they were written before it was noted.
    """

    __tablename__ = "rolled_days"

    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    whole_month: Mapped[bool] = mapped_column(primary_key=True)
    starts_on: Mapped[date] = mapped_column(Date, primary_key=True)
    version: Mapped[str] = mapped_column(String(32))
    rolling: Mapped[str | None] = mapped_column(Id)


class DayChange(Base):
    """Something of a day changed. Written in the transaction that changes it, taken away by the one that rolls it up.

    Only ever added, so that nobody who changes a day waits for another who does.
    """

    __tablename__ = "day_changes"
    __table_args__ = (Index("ix_day_changes_brand_id_kind_day", "brand_id", "kind", "day"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(String(10))
    day: Mapped[date] = mapped_column(Date)


class Estimate(Base):
    """What the models make of a period's journeys, as a worker last computed it: asked for, running, done or failed."""

    __tablename__ = "estimates"
    __table_args__ = (Index("ix_estimates_brand_id_asked_at", "brand_id", "asked_at"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"))
    level: Mapped[str] = mapped_column(String(20))
    starts_on: Mapped[date] = mapped_column(Date)
    ends_on: Mapped[date] = mapped_column(Date)
    state: Mapped[str] = mapped_column(String(10))
    asked_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str | None] = mapped_column(Text)
