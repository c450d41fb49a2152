"""Facts: what was spent, what was seen, what is to be reached and what was decided."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.ledger.tables._base import Base
from tracker.ledger.types import Id


class Cost(Base):
    """Money, time, people or goods spent. A cost is only added; a wrong one is withdrawn, and stays.

    It sits on a placement, a partner or a campaign, whichever is the narrowest, or on the brand. `amount` is what it
    cost in minor units (a gift at cost, hours at their rate); `retail` is what a gift sells for.
    """

    __tablename__ = "costs"
    __table_args__ = (Index("ix_costs_brand_id_spent_on", "brand_id", "spent_on"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"))
    campaign_id: Mapped[str | None] = mapped_column(Id, ForeignKey("campaigns.id"))
    partner_id: Mapped[str | None] = mapped_column(Id, ForeignKey("partners.id"))
    placement_id: Mapped[str | None] = mapped_column(Id, ForeignKey("placements.id"))
    kind: Mapped[str] = mapped_column(String(20))
    amount: Mapped[int]
    retail: Mapped[int | None]
    minutes: Mapped[int | None] = mapped_column(Integer)
    rate: Mapped[int | None]  # minor units an hour
    currency: Mapped[str] = mapped_column(String(3))
    spent_on: Mapped[date] = mapped_column(Date)
    spread: Mapped[str] = mapped_column(String(10), server_default=text("'equal'"))  # how a shared cost is divided
    note: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class Snapshot(Base):
    """A placement's public counters at a moment, and where they come from. A counter that nobody gave is null."""

    __tablename__ = "snapshots"
    __table_args__ = (UniqueConstraint("placement_id", "taken_at", "source"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), index=True)
    placement_id: Mapped[str] = mapped_column(Id, ForeignKey("placements.id"))
    taken_at: Mapped[datetime]
    source: Mapped[str] = mapped_column(String(20))
    views: Mapped[int | None]
    likes: Mapped[int | None]
    comments: Mapped[int | None]
    shares: Mapped[int | None]
    saves: Mapped[int | None]
    hashtag_uses: Mapped[int | None]
    created_at: Mapped[datetime]


class Goal(Base):
    """What a campaign is to reach of a metric between two days. `target` is a decimal string in the metric's unit."""

    __tablename__ = "goals"
    __table_args__ = (UniqueConstraint("campaign_id", "metric", "starts_on"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), index=True)
    campaign_id: Mapped[str] = mapped_column(Id, ForeignKey("campaigns.id"))
    metric: Mapped[str] = mapped_column(String(40))
    target: Mapped[str] = mapped_column(String(40))
    starts_on: Mapped[date] = mapped_column(Date)
    ends_on: Mapped[date] = mapped_column(Date)
    created_at: Mapped[datetime]


class Decision(Base):
    """Something that was changed during a campaign, and when: the report compares the days before and after."""

    __tablename__ = "decisions"
    __table_args__ = (Index("ix_decisions_campaign_id_made_on", "campaign_id", "made_on"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), index=True)
    campaign_id: Mapped[str] = mapped_column(Id, ForeignKey("campaigns.id"))
    about: Mapped[str] = mapped_column(String(20))  # creative, influencer, message, budget, other
    text: Mapped[str] = mapped_column(Text)
    partner_id: Mapped[str | None] = mapped_column(Id, ForeignKey("partners.id"))
    placement_id: Mapped[str | None] = mapped_column(Id, ForeignKey("placements.id"))
    made_on: Mapped[date] = mapped_column(Date)
    account_id: Mapped[str | None] = mapped_column(Id, ForeignKey("accounts.id"))
    created_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class Alert(Base):
    """A goal was found under pace on a day, with what falls short of its peers. Raised once a goal and day."""

    __tablename__ = "alerts"
    __table_args__ = (UniqueConstraint("goal_id", "raised_on"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), index=True)
    campaign_id: Mapped[str] = mapped_column(Id, ForeignKey("campaigns.id"))
    goal_id: Mapped[str] = mapped_column(Id, ForeignKey("goals.id", ondelete="CASCADE"))
    raised_on: Mapped[date] = mapped_column(Date)
    detail: Mapped[dict[str, Any]]
    raised_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class Conversion(Base):
    """Something a visitor did that is no purchase: a download, a lead, a sign-up. Told once, by its own id."""

    __tablename__ = "conversions"
    __table_args__ = (
        UniqueConstraint("brand_id", "kind", "external_id"),
        Index("ix_conversions_brand_id_at", "brand_id", "at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"))
    kind: Mapped[str] = mapped_column(String(20))
    external_id: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime]
    click_id: Mapped[str | None] = mapped_column(Id)
    code: Mapped[str | None] = mapped_column(String(255))  # the normal form
    created_at: Mapped[datetime]


class ShopCount(Base):
    """How many orders of a day a shop itself counts, as somebody or something last told."""

    __tablename__ = "shop_counts"

    shop_id: Mapped[str] = mapped_column(Id, ForeignKey("shops.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    orders: Mapped[int] = mapped_column(Integer)
    source: Mapped[str] = mapped_column(String(20))
    told_at: Mapped[datetime]
