"""What binds a brand and a partner: campaigns, the terms in force, links and codes. Both may read all of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select

from tracker.catalog import Desk, links, terms
from tracker.catalog.codes import BEGINNING
from tracker.catalog.fields import Output
from tracker.catalog.links import LinkView, NewLink
from tracker.catalog.terms import TermsView
from tracker.domain.commissions import pick
from tracker.errors import BadInput, NotFound
from tracker.ledger import catalog, partnership
from tracker.ledger import terms as terms_ledger
from tracker.ledger.tables import Campaign, Link, Partner

# What must stand beside a link where the campaign says nothing else: one of the two the French law names.
MENTION = "Publicité"
MENTIONS = (MENTION, "Collaboration commerciale")
MOST_LINKS = 500
NOT_YOURS = "choose one of your own campaigns"
TOO_MANY = "you have as many links as one can have: ask the brand to end some"
SENTENCES = (NOT_YOURS, TOO_MANY)


class CampaignBrief(Output):
    """A campaign as its partners read it; `mention` is what must stand beside every link."""

    id: str
    name: str
    brief: str | None
    mention: str


class OwnLink(Output):
    """A link of the partner with the clicks of people on it within the last thirty days."""

    link: LinkView
    campaign: str | None
    mention: str
    clicks: int
    live: bool


class OwnCode(Output):
    """A code that is, was or will be the partner's, from `valid_from` (null: always) to before `valid_to`."""

    code: str
    valid_from: datetime | None
    valid_to: datetime | None
    live: bool


class Agreement(Output):
    """Terms in force for the partner: in these campaigns, or where there is none, in all others."""

    terms: TermsView
    campaigns: list[str]


def campaigns(desk: Desk, partner_id: str) -> list[CampaignBrief]:
    """The campaigns that the partner has a part in, by name."""
    own = partnership.campaign_ids(desk.session, desk.brand_id, partner_id)
    query = select(Campaign).where(Campaign.brand_id == desk.brand_id, Campaign.id.in_(own)).order_by(Campaign.name)
    return [
        CampaignBrief(id=row.id, name=row.name, brief=row.brief, mention=row.mention or MENTION)
        for row in (desk.session.execute(query).scalars() if own else ())
    ]


def own_links(desk: Desk, partner_id: str) -> list[OwnLink]:
    """The partner's links, those that work and are new first."""
    query = select(Link).where(Link.brand_id == desk.brand_id, Link.partner_id == partner_id)
    rows = desk.session.execute(query.order_by(Link.id.desc()).limit(MOST_LINKS)).scalars().all()
    since = desk.now - timedelta(days=30)
    clicks = partnership.clicks_of_links(desk.session, [row.id for row in rows], since)
    briefs = {one.id: one for one in campaigns(desk, partner_id)}
    found = [_own_link(desk, view, clicks.get(view.id, 0), briefs) for view in links.views(desk, rows)]
    return sorted(found, key=lambda one: not one.live)


def own_link(desk: Desk, partner_id: str, link_id: str) -> LinkView:
    """A link of the partner. Raises NotFound for anybody else's."""
    view = links.one(desk, link_id)
    if view.partner != partner_id:
        raise NotFound("no such link")
    return view


def make_link(desk: Desk, partner_id: str, url: str, slug: str | None, campaign: str | None) -> LinkView:
    """A new link of the partner to a page of the brand, made by himself.

    Raises BadInput for another's page or a campaign that he has no part in, Conflict for a slug that is taken.
    """
    if campaign and campaign not in partnership.campaign_ids(desk.session, desk.brand_id, partner_id):
        raise BadInput("campaign", NOT_YOURS)
    if len(own_links(desk, partner_id)) >= MOST_LINKS:
        raise BadInput("slug", TOO_MANY)
    wanted = {"partner": partner_id, "landing_url": url, "slug": slug, "campaign": campaign}
    return links.add(desk, NewLink.model_validate(wanted))


def own_codes(desk: Desk, partner_id: str) -> list[OwnCode]:
    """The partner's codes, those that are his now first."""
    found = [
        OwnCode(
            code=text,
            valid_from=None if period.valid_from == BEGINNING else period.valid_from,
            valid_to=period.valid_to,
            live=period.valid_from <= desk.now and (period.valid_to is None or desk.now < period.valid_to),
        )
        for text, period in partnership.codes(desk.session, desk.brand_id, partner_id)
    ]
    return sorted(found, key=lambda one: not one.live)


def agreements(desk: Desk, partner_id: str) -> list[Agreement]:
    """The terms under which a sale of now would be paid, with the partner's campaigns that they hold in."""
    offers = terms_ledger.Book(desk.session, [desk.brand_id], [partner_id]).of(desk.brand_id)
    usual = pick(offers, partner_id, None, desk.now)
    found: dict[str, list[str]] = {usual.id: []} if usual else {}
    for one in campaigns(desk, partner_id):
        offer = pick(offers, partner_id, one.id, desk.now)
        if offer is not None and (usual is None or offer.id != usual.id):
            found.setdefault(offer.id, []).append(one.name)
    return [Agreement(terms=terms.one(desk, terms_id), campaigns=names) for terms_id, names in found.items()]


def waited(desk: Desk, partner_id: str) -> timedelta:
    """How long the partner waited for the first link or code, or still waits."""
    partner = catalog.one(desk.session, Partner, desk.brand_id, partner_id)
    first = partnership.first_issued(desk.session, desk.brand_id, partner_id)
    return max((first or desk.now) - partner.created_at, timedelta(0))


def _own_link(desk: Desk, view: LinkView, clicks: int, briefs: dict[str, CampaignBrief]) -> OwnLink:
    brief = briefs.get(view.campaign or "")
    return OwnLink(
        link=view,
        campaign=brief.name if brief else None,
        mention=brief.mention if brief else MENTION,
        clicks=clicks,
        live=view.disabled_at is None and (view.expires_at is None or desk.now < view.expires_at),
    )


def unwritten(found: Iterable[OwnLink], documents: int, agreed: int) -> bool:
    """Whether a link is live though the conditions are not in writing: no document or no terms."""
    return any(one.live for one in found) and not (documents and agreed)
