"""What the redirect must know of the catalog, read in bulk; one version number tells whether any of it changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select, tuple_
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session

from tracker.ledger.database import is_postgresql
from tracker.ledger.tables import Brand, Campaign, Link, Partner, Placement, TrackingHost, Version

_NAME = "links"
# A query's parameters: under what SQLite and PostgreSQL take, two for each link.
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class HostRecord:
    """A tracking host and what the redirect must know of its brand."""

    host: str
    brand_id: str
    landing_domains: list[str]
    fallback_url: str | None
    visitor_cookie: bool


@dataclass(frozen=True, slots=True)
class LinkRecord:
    """A link with the names its campaign's UTM template may mention; empty where it has none of a kind."""

    id: str
    host: str
    slug: str
    landing_url: str
    expires_at: datetime | None
    disabled: bool
    utm: Mapping[str, Any]
    partner: str
    campaign: str
    placement: str


def bump_links_version(session: Session) -> None:
    """Say, in the transaction of a catalog change, that the redirects must look again. Ring after the commit."""
    insert = insert_postgresql if is_postgresql(session) else insert_sqlite
    first = insert(Version).values(name=_NAME, value=1)
    session.execute(first.on_conflict_do_update(index_elements=[Version.name], set_={"value": Version.value + 1}))


def links_version(session: Session) -> int:
    """The version of all that the functions below read; 0 before the first change."""
    return session.execute(select(Version.value).where(Version.name == _NAME)).scalar() or 0


def every_host(session: Session) -> list[HostRecord]:
    """Every tracking host of the installation."""
    query = select(
        TrackingHost.host, Brand.id, Brand.landing_domains, Brand.fallback_url, Brand.visitor_cookie
    ).join_from(TrackingHost, Brand, Brand.id == TrackingHost.brand_id)
    return [HostRecord(*row) for row in session.execute(query.order_by(TrackingHost.created_at, TrackingHost.host))]


def links_at(session: Session, addresses: Iterable[tuple[str, str]]) -> list[LinkRecord]:
    """The links at these addresses (host, slug), as many as there are."""
    wanted = list(addresses)
    return [
        _record(row)
        for start in range(0, len(wanted), _CHUNK)
        for row in session.execute(_links().where(tuple_(Link.host, Link.slug).in_(wanted[start : start + _CHUNK])))
    ]


def links_called(session: Session, slugs: Collection[str]) -> list[LinkRecord]:
    """The links with one of these few slugs, whatever their host, oldest first."""
    query = _links().where(Link.slug.in_(slugs)).order_by(Link.created_at, Link.id)
    return [_record(row) for row in session.execute(query)]


def every_link(session: Session) -> Iterator[LinkRecord]:
    """Every link of the installation, without holding all of them at once."""
    query = _links().order_by(Link.created_at, Link.id).execution_options(yield_per=1000)
    return map(_record, session.execute(query))


def _links() -> Select[Any]:
    return (
        select(
            Link.id,
            Link.host,
            Link.slug,
            Link.landing_url,
            Link.expires_at,
            Link.disabled_at,
            Campaign.utm,
            Partner.name,
            Campaign.name,
            Placement.network,
            Placement.format,
        )
        .join(Partner, Partner.id == Link.partner_id)
        .outerjoin(Campaign, Campaign.id == Link.campaign_id)
        .outerjoin(Placement, Placement.id == Link.placement_id)
    )


def _record(row: Row[Any]) -> LinkRecord:
    id_, host, slug, landing_url, expires_at, disabled_at, utm, partner, campaign, network, form = tuple(row)
    placement = f"{network}-{form}" if network else ""
    return LinkRecord(
        id_, host, slug, landing_url, expires_at, disabled_at is not None, utm or {}, partner, campaign or "", placement
    )
