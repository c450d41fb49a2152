"""Who is in a campaign, by tier: up to twelve people can be followed one by one, in a mix of tiers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import Select, or_, select, union
from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.domain.tiers import PORTFOLIO, TITLES, Tier, place_of, tier_of
from tracker.ledger.tables import Campaign, Code, CodeOwner, Link, Partner, Placement
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 43
GROUP = "Performance"
FILTERS = ("channel", "partner", "campaign")
TITLE = "Portfolio"
DESCRIPTION = "The partners of each campaign by tier, and whether they are still few enough to follow one by one."
EMPTY = "Give links, codes or placements a campaign, and say how many follow each partner."
FINE, ONE_TIER, MANY = "fine", "one_tier", "many"
WORDS = {
    **{str(tier): title for tier, title in TITLES.items()},
    FINE: "Fine",
    ONE_TIER: "All of one tier",
    MANY: "More than twelve",
}
COLUMNS = (
    Column("campaign_id", "Campaign id", Kind.ID),
    Column("campaign", "Campaign"),
    Column(
        "tier", "Tier", Kind.WORD, "By followers: nano, micro from 10 000, macro from 100 000, mega above 1 000 000."
    ),
    Column("partners", "Partners", Kind.INTEGER, "With a link, a code or a placement of the campaign."),
    Column("share", "Mix", Kind.PERCENT, "Partners of the tier / all partners of the campaign."),
    Column("names", "Who", Kind.LIST),
    Column("total", "In the campaign", Kind.INTEGER, "All its partners, on its first line."),
    Column(
        "advice",
        "Advice",
        Kind.WORD,
        f"More than {PORTFOLIO} are hard to follow one by one, a single tier is a narrow bet. Nothing is forbidden.",
    ),
)


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a campaign and tier, campaigns by name and the smallest tier first; without partners there is no row.

    Campaigns are those that run on some of the scope's days; one without days always does. A campaign of the partner
    who is asked about is shown with everybody in it.
    """
    members: dict[tuple[str, str], list[Partner]] = defaultdict(list)
    for campaign_id, campaign, partner in session.execute(_query(scope)):
        members[campaign, campaign_id].append(partner)
    each = [
        _rows(campaign_id, campaign, found)
        for (campaign, campaign_id), found in sorted(members.items())
        if scope.partner_id is None or scope.partner_id in {partner.id for partner in found}
    ]
    return [row for rows in each for row in rows]


def _rows(campaign_id: str, campaign: str, partners: Sequence[Partner]) -> list[Row]:
    by_tier: dict[Tier | None, list[str]] = defaultdict(list)
    for partner in partners:
        by_tier[tier_of(partner.followers)].append(partner.name)
    advice = advice_on(by_tier, len(partners))
    return [
        {
            "campaign_id": campaign_id,
            "campaign": campaign,
            "tier": tier,
            "partners": len(by_tier[tier]),
            "share": metrics.share(len(by_tier[tier]), len(partners)),
            "names": by_tier[tier],
            "total": len(partners) if index == 0 else None,
            "advice": advice if index == 0 else None,
        }
        for index, tier in enumerate(sorted(by_tier, key=place_of))
    ]


def advice_on(tiers: Iterable[Tier | None], count: int) -> str | None:
    """What to say of `count` partners in these tiers; None where nobody's tier is known and they are not too many."""
    if count > PORTFOLIO:
        return MANY
    known = set(tiers) - {None}
    if not known:
        return None
    return ONE_TIER if set(tiers) == known and len(known) == 1 and count > 1 else FINE


def _query(scope: Scope) -> Select[str, str, Partner]:
    member = union(
        select(Link.campaign_id, Link.partner_id).where(Link.brand_id == scope.brand_id),
        select(Placement.campaign_id, Placement.partner_id).where(Placement.brand_id == scope.brand_id),
        select(CodeOwner.campaign_id, CodeOwner.partner_id)
        .join(Code, Code.id == CodeOwner.code_id)
        .where(Code.brand_id == scope.brand_id),
    ).subquery()
    wanted = ((Campaign.id, scope.campaign_id), (Partner.channel, scope.channel))
    return (
        select(Campaign.id, Campaign.name, Partner)
        .join(member, member.c.campaign_id == Campaign.id)
        .join(Partner, Partner.id == member.c.partner_id)
        .where(
            Campaign.brand_id == scope.brand_id,
            or_(Campaign.starts_on.is_(None), Campaign.starts_on <= scope.end),
            or_(Campaign.ends_on.is_(None), Campaign.ends_on >= scope.start),
            *(column == value for column, value in wanted if value),
        )
        .order_by(Campaign.name, Partner.name, Partner.id)
    )
