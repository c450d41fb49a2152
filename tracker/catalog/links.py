"""A link is a tracked URL. Its partner, host and slug never change: what it earned must stay explained."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field

from tracker.catalog import Desk, brands, tell_attribution
from tracker.catalog.fields import (
    CampaignReference,
    ChannelField,
    Host,
    Input,
    LandingUrl,
    ListQuery,
    Output,
    Page,
    PartnerFilter,
    PartnerReference,
    PlacementReference,
    Slug,
    When,
    moment,
    omitted,
)
from tracker.domain.catalog import Channel
from tracker.domain.ids import new_id, new_slug
from tracker.domain.landing import check_landing
from tracker.errors import BadInput, Conflict, say
from tracker.ledger import catalog
from tracker.ledger.due import mark_due_for_link
from tracker.ledger.links import bump_links_version, links_called
from tracker.ledger.tables import Campaign, Link, Partner, Placement
from tracker.links import is_loopback

# A random slug that is taken is a chance of one in 10¹⁴ per link; three of them in a row are a fault elsewhere.
_TRIES = 3


class NewLink(Input):
    """A link to be. Without a slug it gets a random one, without a host the brand's first that others can reach.

    A day as its end is the last day on which it works.
    """

    partner: PartnerReference
    landing_url: Annotated[LandingUrl, Field(validation_alias=AliasChoices("landing_url", "url"))]
    slug: Slug | None = None
    host: Host | None = None
    campaign: CampaignReference = None
    placement: PlacementReference = None
    channel: ChannelField | None = None
    expires_at: When | None = None


class LinkChange(Input):
    """What of a link is to be different."""

    landing_url: Annotated[LandingUrl, Field(validation_alias=AliasChoices("landing_url", "url"))] = omitted()
    campaign: CampaignReference = None
    placement: PlacementReference = None
    channel: ChannelField | None = None
    expires_at: When | None = None
    disabled: bool = omitted()


class LinkQuery(ListQuery):
    """Which links."""

    partner: PartnerFilter = None
    campaign: CampaignReference = None
    placement: PlacementReference = None


class LinkView(Output):
    """A link. `url` is what the partner publishes; partner, campaign and placement are ids.

    `channel` is null where the partner's holds.
    """

    id: str
    url: str
    host: str
    slug: str
    landing_url: str
    partner: str
    campaign: str | None
    placement: str | None
    channel: Channel | None
    expires_at: datetime | None
    disabled_at: datetime | None
    created_at: datetime


def add(desk: Desk, wanted: NewLink) -> LinkView:
    """Add a link.

    Raises NotFound for a partner, campaign or placement that the brand has not, BadInput for a landing URL that the
    brand does not allow or a host that is not its own, Conflict for a slug that the host has already.
    """
    host = host_of(desk, wanted.host)
    _check_published(desk, host, wanted.slug)
    partner = catalog.one(desk.session, Partner, desk.brand_id, wanted.partner)
    placement = _placement(desk, wanted.placement, partner.id)
    values: dict[str, object] = {
        "brand_id": desk.brand_id,
        "host": host,
        "landing_url": landing_of(desk, wanted.landing_url),
        "partner_id": partner.id,
        "campaign_id": _campaign(desk, wanted.campaign) or (placement.campaign_id if placement else None),
        "placement_id": placement.id if placement else None,
        "channel": wanted.channel,
        "expires_at": _moment(desk, wanted.expires_at),
        "disabled_at": None,
        "created_at": desk.now,
    }
    link_id = _insert(desk, wanted.slug, values)
    bump_links_version(desk.session)
    return one(desk, link_id)


def edit(desk: Desk, link_id: str, change: LinkChange) -> LinkView:
    """Change a link; raises as `add` does.

    A new channel, campaign or placement holds for past orders too: those that its clicks may have led to become due.
    """
    link = catalog.one(desk.session, Link, desk.brand_id, link_id, lock=True)
    given = change.given()
    if "landing_url" in given:
        given["landing_url"] = landing_of(desk, given["landing_url"])
    if "placement" in given:
        placement = _placement(desk, given.pop("placement"), link.partner_id)
        given["placement_id"] = placement.id if placement else None
    if "campaign" in given:
        given["campaign_id"] = _campaign(desk, given.pop("campaign"))
    if "expires_at" in given:
        given["expires_at"] = _moment(desk, given["expires_at"])
    if "disabled" in given:
        given["disabled_at"] = (link.disabled_at or desk.now) if given.pop("disabled") else None
    credited = _credited(link)
    catalog.change(desk.session, link, given)
    if _credited(link) != credited:
        mark_due_for_link(desk.session, link.id, desk.wall)
        tell_attribution(desk.session)
    bump_links_version(desk.session)
    return _view(desk, link)


def one(desk: Desk, link_id: str) -> LinkView:
    """The brand's link of that id. Raises NotFound."""
    return _view(desk, catalog.one(desk.session, Link, desk.brand_id, link_id))


def page(desk: Desk, query: LinkQuery) -> Page[LinkView]:
    """A page of the brand's links. Raises NotFound for a partner, campaign or placement that the brand has not."""
    conditions = []
    if query.partner:
        conditions.append(Link.partner_id == catalog.one(desk.session, Partner, desk.brand_id, query.partner).id)
    if query.campaign:
        conditions.append(Link.campaign_id == _campaign(desk, query.campaign))
    if query.placement:
        placement = catalog.one(desk.session, Placement, desk.brand_id, query.placement)
        conditions.append(Link.placement_id == placement.id)
    rows, further = catalog.page(
        desk.session, Link, desk.brand_id, after=query.cursor, limit=query.limit, conditions=conditions
    )
    return Page[LinkView](data=views(desk, rows), next_cursor=further)


def named(desk: Desk, text: str) -> str:
    """The id of the link of that id, slug or whole URL. Raises NotFound, and BadInput where several are meant."""
    slug = urlsplit(text).path.rpartition("/")[2] if "/" in text else text
    return catalog.named(desk.session, Link, Link.slug, desk.brand_id, slug)


def _insert(desk: Desk, slug: str | None, values: dict[str, object]) -> str:
    for _ in range(1 if slug else _TRIES):
        link_id = new_id()
        if catalog.insert_new(desk.session, Link, id=link_id, slug=slug or new_slug(), **values):
            return link_id
    raise Conflict(say("%(values)s has a link %(slug)s already: choose another slug", values=values["host"], slug=slug))


def host_of(desk: Desk, wanted: str | None = None) -> str:
    """The tracking host of a new link: the one that is wanted, or the brand's first that others reach.

    Raises BadInput for a host that is not the brand's.
    """
    hosts = catalog.hosts_of(desk.session, [desk.brand_id]).get(desk.brand_id, [])
    if wanted is None:
        return next((host for host in hosts if not is_loopback(host)), hosts[0])
    if wanted not in hosts:
        raise BadInput(
            "host",
            say(
                "%(wanted)s is not a tracking host of this brand; it has %(hosts)s",
                wanted=wanted,
                hosts=", ".join(hosts),
            ),
        )
    return wanted


def _check_published(desk: Desk, host: str, slug: str | None) -> None:
    """Raise Conflict where another host's link is published under the same address."""
    if slug is None:
        return
    address = short_url(host, slug, desk.public_url)
    for other in links_called(desk.session, [slug]):
        if other.host != host and short_url(other.host, slug, desk.public_url) == address:
            raise Conflict(say("%(address)s is a link already: choose another slug", address=address))


def landing_of(desk: Desk, url: str) -> str:
    """A landing URL as it is kept. Raises BadInput for one that the brand does not allow."""
    domains: Sequence[str] = catalog.brand_by_id(desk.session, desk.brand_id).landing_domains
    try:
        return check_landing(url, domains)
    except ValueError as error:
        allowed = ", ".join(domains) or "none yet"
        raise BadInput(
            "landing_url", say("%(error)s (the brand's landing domains: %(allowed)s)", error=error, allowed=allowed)
        ) from None


def _campaign(desk: Desk, campaign_id: str | None) -> str | None:
    return catalog.one(desk.session, Campaign, desk.brand_id, campaign_id).id if campaign_id else None


def _placement(desk: Desk, placement_id: str | None, partner_id: str) -> Placement | None:
    if not placement_id:
        return None
    placement = catalog.one(desk.session, Placement, desk.brand_id, placement_id)
    if placement.partner_id != partner_id:
        raise BadInput("placement", "this placement is another partner's")
    return placement


def _credited(link: Link) -> tuple[str | None, ...]:
    """What of a link its credits carry and a change may touch."""
    return (link.channel, link.campaign_id, link.placement_id)


def _moment(desk: Desk, value: When | None) -> datetime | None:
    return moment(value, brands.zone_of(desk), end_of_day=True) if value else None


def _view(desk: Desk, link: Link) -> LinkView:
    return views(desk, [link])[0]


def views(desk: Desk, links: Sequence[Link]) -> list[LinkView]:
    """Links of the brand as every face shows them."""
    return [
        LinkView(
            id=link.id,
            url=short_url(link.host, link.slug, desk.public_url),
            host=link.host,
            slug=link.slug,
            landing_url=link.landing_url,
            partner=link.partner_id,
            campaign=link.campaign_id,
            placement=link.placement_id,
            channel=Channel(link.channel) if link.channel else None,
            expires_at=link.expires_at,
            disabled_at=link.disabled_at,
            created_at=link.created_at,
        )
        for link in links
    ]


def short_url(host: str, slug: str, public_url: str) -> str:
    """What the partner publishes: https, unless `host` is the one by which this installation is known otherwise.

    A host that only this machine reaches is not published: the installation answers for it on its public URL.
    """
    public = urlsplit(public_url)
    if is_loopback(host) and not is_loopback(public.netloc):
        return f"{public_url}/r/{slug}"
    scheme = public.scheme if public.netloc.lower() == host else "https"
    return f"{scheme}://{host}/r/{slug}"
