"""Facts: clicks as they happened, and the roll-ups that count them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, Index, Integer, SmallInteger, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.ledger.tables._base import Base
from tracker.ledger.types import Id


class Agent(Base):
    """A user agent string as seen, once, with what it was taken for. Clicks refer to it by digest."""

    __tablename__ = "agents"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    browser: Mapped[str | None] = mapped_column(String(60))
    system: Mapped[str | None] = mapped_column(String(60))
    device: Mapped[str | None] = mapped_column(String(20))
    first_seen_at: Mapped[datetime]


class Click(Base):
    """One request for a link as it happened, bots included and marked. `link_id` is null on an orphan click.

    `verdict` is human, bot or preview; `reason` says why in a word, `rules` is the version of the rules that judged.
    """

    __tablename__ = "clicks"
    __table_args__ = (
        Index("ix_clicks_link_id_at", "link_id", "at"),
        Index("ix_clicks_brand_id_at", "brand_id", "at"),
        Index(
            "ix_clicks_visitor_id",
            "visitor_id",
            postgresql_where=text("visitor_id IS NOT NULL"),
            sqlite_where=text("visitor_id IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str | None] = mapped_column(Id)
    link_id: Mapped[str | None] = mapped_column(Id)
    at: Mapped[datetime]
    host: Mapped[str] = mapped_column(String(253))
    slug: Mapped[str] = mapped_column(String(100))
    verdict: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(40))
    rules: Mapped[int] = mapped_column(SmallInteger)
    agent_id: Mapped[str | None] = mapped_column(Id)
    ip_prefix: Mapped[str | None] = mapped_column(String(45))
    referrer_host: Mapped[str | None] = mapped_column(String(253))
    consent: Mapped[str | None] = mapped_column(String(10))
    gpc: Mapped[bool]
    dnt: Mapped[bool]
    visitor_hash: Mapped[str | None] = mapped_column(Id)
    visitor_id: Mapped[str | None] = mapped_column(Id)
    sub_ids: Mapped[dict[str, Any] | None]


class LinkHour(Base):
    """Roll-up: clicks of a link within a UTC hour. `human` excludes bots and previews."""

    __tablename__ = "link_hours"

    link_id: Mapped[str] = mapped_column(Id, primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    gross: Mapped[int] = mapped_column(Integer)
    human: Mapped[int] = mapped_column(Integer)


class LinkVisitor(Base):
    """A visitor hash seen on a link on a day of the brand: what makes a click unique. Purged once the day is over."""

    __tablename__ = "link_visitors"

    link_id: Mapped[str] = mapped_column(Id, primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    visitor_hash: Mapped[str] = mapped_column(Id, primary_key=True)


class LinkDay(Base):
    """Roll-up: unique human visitors of a link on a day in the brand's time zone."""

    __tablename__ = "link_days"

    link_id: Mapped[str] = mapped_column(Id, primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    uniques: Mapped[int] = mapped_column(Integer)


class LinkDayClicks(Base):
    """Roll-up of roll-ups: a link's hours that begin on a day of the brand, and its uniques of that day.

    Only days with a RolledDay are read.
    """

    __tablename__ = "link_day_clicks"

    link_id: Mapped[str] = mapped_column(Id, primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    gross: Mapped[int]
    human: Mapped[int]
    uniques: Mapped[int]
