"""Every table of the ledger, in the order of the house: catalog, facts, conclusions, operation.

Facts are only added. Conclusions carry what they were drawn from (rule set, model and formula versions) and may be
rebuilt at any time. Amounts are integer minor units of the row's currency.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tracker.ledger.types import Canonical, Id, Json, Moment


class Base(DeclarativeBase):
    """Constraint names are fixed by convention, so that migrations can name them on both databases."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012
        datetime: Moment,
        dict[str, Any]: Json,
        list[Any]: Json,
        int: BigInteger,
    }


# --- the installation ------------------------------------------------------------------------------------------------


class Installation(Base):
    """One row: what this database is. A demo's database refuses a live process, and the other way round."""

    __tablename__ = "installation"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    demo: Mapped[bool]
    created_at: Mapped[datetime]


class Version(Base):
    """A counter that grows with every change of what it names (`links`): caches compare it, Redis only rings."""

    __tablename__ = "versions"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int]


class Account(Base):
    """Someone who may sign in to the pages."""

    __tablename__ = "accounts"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    password_hash: Mapped[str] = mapped_column(Text)
    epoch: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime]


# --- the catalog -----------------------------------------------------------------------------------------------------


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


# --- facts: clicks ---------------------------------------------------------------------------------------------------


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


# --- facts: what was spent, what was seen ----------------------------------------------------------------------------


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


# --- facts: deliveries and order events ------------------------------------------------------------------------------


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


# --- conclusions -----------------------------------------------------------------------------------------------------


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


# --- what is owed ----------------------------------------------------------------------------------------------------


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
    __table_args__ = (Index("ix_commission_steps_payout_id", "payout_id"),)

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


# --- operation -------------------------------------------------------------------------------------------------------


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
