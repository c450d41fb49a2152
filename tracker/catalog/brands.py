"""A brand is the tenant. Its hosts, landing domains and fallback decide where its links may live and lead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from tracker.catalog import Desk
from tracker.catalog.fields import (
    Currency,
    Domain,
    FormulaField,
    Host,
    Input,
    LandingUrl,
    Margin,
    Name,
    Output,
    TargetReturn,
    TimeZone,
    omitted,
    said,
)
from tracker.domain.ids import is_id, new_id
from tracker.domain.landing import check_landing, is_allowed
from tracker.domain.orders import NET_FORMULA, NetFormula
from tracker.errors import BadInput, Conflict, NotFound, say
from tracker.ledger import catalog, figures
from tracker.ledger.links import bump_links_version
from tracker.ledger.rules import ensure_rule_set
from tracker.ledger.tables import Brand, TrackingHost

MOST_HOSTS = 50

Hosts = Annotated[tuple[Host, ...], Field(max_length=MOST_HOSTS)]
Domains = Annotated[tuple[Domain, ...], Field(max_length=MOST_HOSTS)]


class NewBrand(Input):
    """A brand to be."""

    name: Name
    time_zone: TimeZone = "Europe/Paris"
    currency: Currency = "EUR"
    net_formula: FormulaField = NET_FORMULA
    hosts: Hosts = ()
    landing_domains: Domains = ()
    fallback_url: LandingUrl | None = None
    visitor_cookie: bool = False


class BrandChange(Input):
    """What of a brand is to be different. A list replaces the whole list.

    `target_return` is what each unit spent is to bring back (5 or 5:1), `margin` the percentage of the net value that
    is not cost of goods.
    """

    name: Name = omitted()
    time_zone: TimeZone = omitted()
    currency: Currency = omitted()
    net_formula: FormulaField = omitted()
    hosts: Hosts = omitted()
    landing_domains: Domains = omitted()
    fallback_url: LandingUrl | None = None
    visitor_cookie: bool = omitted()
    target_return: TargetReturn = omitted()
    margin: Margin | None = None


class BrandView(Output):
    """A brand. New links get its first host that is reached from elsewhere, or else its first."""

    id: str
    name: str
    time_zone: str
    currency: str
    hosts: list[str]
    landing_domains: list[str]
    fallback_url: str | None
    visitor_cookie: bool
    net_formula: NetFormula
    target_return: str
    margin: str | None
    created_at: datetime


def add(session: Session, wanted: NewBrand, *, now: datetime, public_url: str) -> BrandView:
    """Add a brand. Without hosts it gets the host of `public_url`, if no other brand has it.

    Raises Conflict for a taken name or host, BadInput for a fallback URL outside the landing domains.
    """
    domains = _unique(wanted.landing_domains)
    brand_id = new_id()
    inserted = catalog.insert_new(
        session,
        Brand,
        id=brand_id,
        name=wanted.name,
        time_zone=wanted.time_zone,
        currency=wanted.currency,
        landing_domains=domains,
        fallback_url=_checked_fallback(wanted.fallback_url, domains),
        visitor_cookie=wanted.visitor_cookie,
        net_formula=wanted.net_formula,
        created_at=now,
    )
    if not inserted:
        raise Conflict(say("there is a brand called %(name)s already", name=wanted.name))
    if wanted.hosts:
        _add_hosts(session, brand_id, _unique(wanted.hosts), now)
    else:
        _add_default_host(session, brand_id, public_url, now)
    ensure_rule_set(session, brand_id, now)
    bump_links_version(session)
    return view(session, catalog.brand_by_id(session, brand_id))


def edit(desk: Desk, change: BrandChange) -> BrandView:
    """Change the desk's brand.

    Raises Conflict where a change would make recorded days or amounts mean something else, or strand links.
    """
    session = desk.session
    brand = catalog.brand_by_id(session, desk.brand_id, lock=True)
    given = change.given()
    _check_name(session, brand, given.get("name", brand.name))
    _check_meaning(session, brand, given)
    hosts = given.pop("hosts", None)
    if hosts is not None:
        _set_hosts(session, brand.id, _unique(hosts), desk.now)
    if "landing_domains" in given:
        given["landing_domains"] = _unique(given["landing_domains"])
        _check_stranded(session, brand.id, given["landing_domains"])
    domains = given.get("landing_domains", brand.landing_domains)
    given["fallback_url"] = _checked_fallback(given.get("fallback_url", brand.fallback_url), domains)
    if given.get("time_zone", brand.time_zone) != brand.time_zone:
        figures.forget(session, brand.id)  # the clicks' days begin at other hours
    catalog.change(session, brand, given)
    bump_links_version(session)
    return view(session, brand)


def one(desk: Desk) -> BrandView:
    """The desk's brand."""
    return view(desk.session, catalog.brand_by_id(desk.session, desk.brand_id))


def every(session: Session) -> list[BrandView]:
    """Every brand of the installation, by name. For the operator alone: no key may see it."""
    return views(session, catalog.brands(session))


def named(session: Session, text: str | None, *about: str | None) -> str:
    """The id of the brand of that id or name; where none is said, of what `about` names by id, or of the only brand.

    Raises BadInput where several could be meant, NotFound where none is.
    """
    if text is None and (owner := catalog.brand_owning(session, [one for one in about if one and is_id(one)])):
        return owner
    brands = catalog.brands(session)
    names = ", ".join(brand.name for brand in brands)
    if not brands:
        raise NotFound("there is no brand yet: tracker brand add NAME --landing-domain example.com")
    if text is None:
        if len(brands) > 1:
            raise BadInput("brand", say("there are several brands, say which: %(names)s", names=names))
        return brands[0].id
    wanted = text.strip()
    found = [brand for brand in brands if wanted in (brand.id, brand.name)]
    found = found or [brand for brand in brands if brand.name.casefold() == wanted.casefold()]
    if len(found) != 1:
        raise NotFound(f"no brand is called {wanted}; there are {names}" if not found else f"several brands: {names}")
    return found[0].id


def zone_of(desk: Desk) -> ZoneInfo:
    """The time zone in which the brand's days begin."""
    return ZoneInfo(catalog.brand_by_id(desk.session, desk.brand_id).time_zone)


def view(session: Session, brand: Brand) -> BrandView:
    """What is shown of a brand."""
    return views(session, [brand])[0]


def views(session: Session, brands: Sequence[Brand]) -> list[BrandView]:
    """What is shown of brands."""
    hosts = catalog.hosts_of(session, [brand.id for brand in brands])
    return [
        BrandView(
            id=brand.id,
            name=brand.name,
            time_zone=brand.time_zone,
            currency=brand.currency,
            hosts=hosts.get(brand.id, []),
            landing_domains=brand.landing_domains,
            fallback_url=brand.fallback_url,
            visitor_cookie=brand.visitor_cookie,
            net_formula=NetFormula(brand.net_formula),
            target_return=said(brand.target_return) or "",
            margin=said(brand.margin, 100),
            created_at=brand.created_at,
        )
        for brand in brands
    ]


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _checked_fallback(url: str | None, domains: Sequence[str]) -> str | None:
    if url is None:
        return None
    try:
        return check_landing(url, domains)
    except ValueError as error:
        raise BadInput("fallback_url", str(error)) from None


def _add_hosts(session: Session, brand_id: str, hosts: Iterable[str], now: datetime) -> None:
    for index, host in enumerate(hosts):
        # A microsecond apart, they stay in the order in which they were given.
        at = now + timedelta(microseconds=index)
        if not catalog.insert_new(session, TrackingHost, host=host, brand_id=brand_id, created_at=at):
            raise Conflict(say("the tracking host %(host)s serves another brand already", host=host))


def _add_default_host(session: Session, brand_id: str, public_url: str, now: datetime) -> None:
    host = NewBrand(name="-", hosts=(urlsplit(public_url).netloc,)).hosts[0]
    if not catalog.insert_new(session, TrackingHost, host=host, brand_id=brand_id, created_at=now):
        raise BadInput(
            "hosts",
            say("%(host)s serves another brand already, so this one needs a tracking host of its own", host=host),
        )


def _set_hosts(session: Session, brand_id: str, hosts: list[str], now: datetime) -> None:
    if not hosts:
        raise BadInput("hosts", "a brand needs at least one tracking host")
    current = catalog.hosts_of(session, [brand_id]).get(brand_id, [])
    for host in set(current) - set(hosts):
        if count := catalog.links_on(session, host):
            raise Conflict(
                say(
                    "%(host)s carries %(count)s links: the addresses that were published would die with it",
                    host=host,
                    count=count,
                )
            )
        session.execute(delete(TrackingHost).where(TrackingHost.host == host))
    _add_hosts(session, brand_id, [host for host in hosts if host not in current], now)
    for index, host in enumerate(hosts):
        # The order in which they are given is the order in which new links prefer them.
        at = now + timedelta(microseconds=index)
        session.execute(update(TrackingHost).where(TrackingHost.host == host).values(created_at=at))


def _check_name(session: Session, brand: Brand, name: str) -> None:
    if name != brand.name and any(other.name == name for other in catalog.brands(session)):
        raise Conflict(say("there is a brand called %(name)s already", name=name))


def _check_meaning(session: Session, brand: Brand, given: dict[str, object]) -> None:
    meaningful = ("time_zone", "currency", "net_formula")
    changed = [name for name in meaningful if given.get(name, getattr(brand, name)) != getattr(brand, name)]
    if changed and catalog.has_orders(session, brand.id):
        raise Conflict(
            say(
                "the %(value)s cannot change any more: orders were counted under it", value=changed[0].replace("_", " ")
            )
        )


def _check_stranded(session: Session, brand_id: str, domains: Sequence[str]) -> None:
    for url in catalog.live_landing_urls(session, brand_id):
        if not is_allowed(url, domains):
            raise Conflict(say("a link leads to %(url)s: disable it before its domain goes", url=url))
