"""The catalog: who promotes, what is published, under which rules and terms."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, ForeignKey, Index, Integer, LargeBinary, SmallInteger, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.ledger.tables._base import Base
from tracker.ledger.types import Id


class Brand(Base):
    """The tenant: the advertiser whose sales are counted."""

    __tablename__ = "brands"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    time_zone: Mapped[str] = mapped_column(String(64))
    currency: Mapped[str] = mapped_column(String(3))
    landing_domains: Mapped[list[Any]]
    fallback_url: Mapped[str | None] = mapped_column(Text)
    visitor_cookie: Mapped[bool] = mapped_column(server_default=text("false"))
    net_formula: Mapped[str] = mapped_column(String(40))
    target_return: Mapped[str] = mapped_column(String(40), server_default=text("'5'"))  # exact fraction: 5 is 5:1
    margin: Mapped[str | None] = mapped_column(String(40))  # share of the net value that is not cost of goods
    created_at: Mapped[datetime]


class TrackingHost(Base):
    """A host name that serves a brand's links. Slugs are unique per host, so an unknown slug knows its brand."""

    __tablename__ = "tracking_hosts"

    host: Mapped[str] = mapped_column(String(253), primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), index=True)
    created_at: Mapped[datetime]


class Shop(Base):
    """A brand's store, reached by one unguessable webhook URL."""

    __tablename__ = "shops"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    platform: Mapped[str] = mapped_column(String(40))
    token: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class ShopSecret(Base):
    """One of the secrets that a shop may sign with; encrypted with the installation's key."""

    __tablename__ = "shop_secrets"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    shop_id: Mapped[str] = mapped_column(Id, ForeignKey("shops.id"), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    hint: Mapped[str] = mapped_column(String(8))
    added_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class Partner(Base):
    """Who promotes."""

    __tablename__ = "partners"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    channel: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(20))
    followers: Mapped[int | None]
    email: Mapped[str | None] = mapped_column(String(320))
    language: Mapped[str | None] = mapped_column(String(5))
    notes: Mapped[str | None] = mapped_column(Text)  # production, tone, style: the brand's own eyes only
    tags: Mapped[list[Any] | None]
    created_at: Mapped[datetime]


class Campaign(Base):
    """A push with dates and partners; its UTM template is merged into the landing URL of its links."""

    __tablename__ = "campaigns"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    objective: Mapped[str | None] = mapped_column(String(20))
    starts_on: Mapped[date | None] = mapped_column(Date)
    ends_on: Mapped[date | None] = mapped_column(Date)
    utm: Mapped[dict[str, Any]]
    budget: Mapped[int | None]  # minor units of the brand's currency
    target_return: Mapped[str | None] = mapped_column(String(40))
    margin: Mapped[str | None] = mapped_column(String(40))
    brief: Mapped[str | None] = mapped_column(Text)  # what partners read
    mention: Mapped[str | None] = mapped_column(String(60))  # the words that must stand beside every link
    created_at: Mapped[datetime]


class Placement(Base):
    """One published thing of a partner."""

    __tablename__ = "placements"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), index=True)
    partner_id: Mapped[str] = mapped_column(Id, ForeignKey("partners.id"), index=True)
    campaign_id: Mapped[str | None] = mapped_column(Id, ForeignKey("campaigns.id"), index=True)
    network: Mapped[str] = mapped_column(String(40))
    format: Mapped[str] = mapped_column(String(20))
    url: Mapped[str | None] = mapped_column(Text)
    published_at: Mapped[datetime | None]
    reused: Mapped[bool] = mapped_column(server_default=text("false"))
    title: Mapped[str | None] = mapped_column(String(200))
    message: Mapped[str | None] = mapped_column(String(100))  # what it says: placements of one message are compared
    created_at: Mapped[datetime]


class Link(Base):
    """A tracked URL. Its partner never changes: what it earned must stay explained."""

    __tablename__ = "links"
    __table_args__ = (UniqueConstraint("host", "slug"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), index=True)
    host: Mapped[str] = mapped_column(String(253), ForeignKey("tracking_hosts.host"))
    slug: Mapped[str] = mapped_column(String(100))
    landing_url: Mapped[str] = mapped_column(Text)
    partner_id: Mapped[str] = mapped_column(Id, ForeignKey("partners.id"), index=True)
    campaign_id: Mapped[str | None] = mapped_column(Id, ForeignKey("campaigns.id"), index=True)
    placement_id: Mapped[str | None] = mapped_column(Id, ForeignKey("placements.id"), index=True)
    channel: Mapped[str | None] = mapped_column(String(20))
    expires_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Code(Base):
    """A promo code of a brand. `normal` is the form under which it matches, `text` the one people are shown."""

    __tablename__ = "codes"
    __table_args__ = (UniqueConstraint("brand_id", "normal"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), index=True)
    text: Mapped[str] = mapped_column(String(255))
    normal: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime]


class CodeOwner(Base):
    """Whose code it is from `valid_from` (included) to `valid_to` (excluded, open where null)."""

    __tablename__ = "code_owners"
    __table_args__ = (UniqueConstraint("code_id", "valid_from"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    code_id: Mapped[str] = mapped_column(Id, ForeignKey("codes.id"), index=True)
    partner_id: Mapped[str] = mapped_column(Id, ForeignKey("partners.id"), index=True)
    campaign_id: Mapped[str | None] = mapped_column(Id, ForeignKey("campaigns.id"))
    placement_id: Mapped[str | None] = mapped_column(Id, ForeignKey("placements.id"))
    channel: Mapped[str | None] = mapped_column(String(20))
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    created_at: Mapped[datetime]


class ApiKey(Base):
    """A bearer key of a brand. Only its SHA-256 is kept: the key has 256 random bits."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    prefix: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class IdempotentRequest(Base):
    """A write that was answered: the same key gets the same answer, another body with it is a conflict."""

    __tablename__ = "idempotent_requests"

    api_key_id: Mapped[str] = mapped_column(Id, ForeignKey("api_keys.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_digest: Mapped[str] = mapped_column(String(64))
    status: Mapped[int] = mapped_column(SmallInteger)
    answer: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class RuleSet(Base):
    """The versioned settings under which orders are credited. Immutable: a change is a new version."""

    __tablename__ = "rule_sets"
    __table_args__ = (UniqueConstraint("brand_id", "version"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"))
    version: Mapped[int] = mapped_column(Integer)
    settings: Mapped[dict[str, Any]]
    effective_from: Mapped[datetime]
    created_at: Mapped[datetime]


class RuleDraft(Base):
    """Settings that are not in force: replayed against past orders, changed, and published as a version or dropped."""

    __tablename__ = "rule_drafts"
    __table_args__ = (
        Index(
            "ix_rule_drafts_name",
            "brand_id",
            "name",
            unique=True,
            postgresql_where=text("published_version IS NULL"),
            sqlite_where=text("published_version IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    based_on: Mapped[int] = mapped_column(Integer)  # the version that it began as a copy of
    settings: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    published_version: Mapped[int | None] = mapped_column(Integer)


class Terms(Base):
    """What a partner is paid, one version. `scope` names what it is for (brand, campaign, partner) in one value.

    `settings` say for new and for returning customers either a percentage, an exact fraction, or a flat amount.
    """

    __tablename__ = "terms"
    __table_args__ = (UniqueConstraint("scope", "valid_from"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), index=True)
    campaign_id: Mapped[str | None] = mapped_column(Id, ForeignKey("campaigns.id"))
    partner_id: Mapped[str | None] = mapped_column(Id, ForeignKey("partners.id"), index=True)
    scope: Mapped[str] = mapped_column(Id)
    settings: Mapped[dict[str, Any]]
    currency: Mapped[str] = mapped_column(String(3))
    hold_days: Mapped[int] = mapped_column(Integer)
    valid_from: Mapped[datetime]
    created_at: Mapped[datetime]


class Holdout(Base):
    """Regions or days that a campaign leaves out on purpose, so that what it brings can be told from what comes anyway.

    `kind` is regions or days; `settings` name those held out and those compared.
    """

    __tablename__ = "holdouts"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), index=True)
    campaign_id: Mapped[str] = mapped_column(Id, ForeignKey("campaigns.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(10))
    settings: Mapped[dict[str, Any]]
    starts_on: Mapped[date] = mapped_column(Date)
    ends_on: Mapped[date] = mapped_column(Date)
    created_at: Mapped[datetime]


class Benchmark(Base):
    """A figure of the market that the brand holds itself against, entered by hand with its source."""

    __tablename__ = "benchmarks"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), index=True)
    metric: Mapped[str] = mapped_column(String(40))
    value: Mapped[str] = mapped_column(String(40))  # an exact fraction in the metric's unit
    network: Mapped[str | None] = mapped_column(String(40))
    tier: Mapped[str | None] = mapped_column(String(10))
    source: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]


class Segment(Base):
    """A group that the brand's own customer file puts a customer in. `customer` is the keyed hash that orders have."""

    __tablename__ = "segments"

    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), primary_key=True)
    customer: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    created_at: Mapped[datetime]
