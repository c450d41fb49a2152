"""Every placement with its public counters, the clicks and sales that are tracked to it, and what it cost itself.

A placement without a link and without a code cannot be seen to sell: its clicks and sales are unknown, not zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from tracker.domain.catalog import Format, PartnerKind
from tracker.domain.costs import Kind as CostKind
from tracker.domain.engagement import Counters, Kind
from tracker.domain.rankings import Converted
from tracker.domain.tiers import TITLES, Tier, place_of, tier_of
from tracker.ledger import snapshots
from tracker.ledger.database import once
from tracker.ledger.tables import Campaign, Code, CodeOwner, Cost, Credit, Link, Partner, Placement
from tracker.reports import _rolled
from tracker.reports._clicks import Clicks, clicks
from tracker.reports._parts import Credited, brand_currency, credited, in_order, partners_of
from tracker.reports._shape import Scope, span, zone_of

OWN = PartnerKind.OWN.value
HOLLOW, NOT_HOLLOW, TOO_FEW = "hollow", "not_hollow", "too_few"

FORMATS = {
    Format.VIDEO: "Video",
    Format.PHOTO: "Photo",
    Format.STORY: "Story",
    Format.LIVE: "Live",
    Format.ARTICLE: "Article",
    Format.NEWSLETTER: "Newsletter",
}
# What formats and tiers are called.
WORDS: dict[str, str] = {str(word): said for words in (FORMATS, TITLES) for word, said in words.items()}
TIER_HELP = (
    "By the partner's followers: nano, micro from 10 000, macro from 100 000, mega. The brand's own accounts stand by"
    " themselves, to be compared with."
)


@dataclass(frozen=True, slots=True)
class Counted:
    """A placement and its public counters; `claimed` where an agency alone counted."""

    placement: Placement
    partner: Partner
    campaign: str | None
    taken_at: datetime | None
    counters: Counters
    claimed: bool

    @property
    def tier(self) -> Tier | None:
        """The tier of whoever published it, by how many follow them now."""
        return tier_of(self.partner.followers)

    @property
    def standing(self) -> str | None:
        """The tier it is compared in; the brand's own accounts stand by themselves, to be compared with."""
        return OWN if self.partner.kind == OWN else self.tier


@dataclass(frozen=True, slots=True)
class Sold(Counted):
    """The same with what was credited to it; `tracked` where it has a link or a code."""

    tracked: bool
    credited: dict[str, Credited]

    def sold(self, currency: str) -> Credited | None:
        """What was credited to it in `currency`; None where it has neither a link nor a code."""
        found = self.credited.get(currency)
        return found or (Credited() if self.tracked else None)


@dataclass(frozen=True, slots=True)
class Placed(Sold):
    """A placement and all of its figures. `clicks` is None where it has no link.

    `costs` are its own, by currency, and `media` the paid amplification among them.
    """

    clicks: int | None
    costs: dict[str, int]
    media: dict[str, int]

    @property
    def converted(self) -> Converted | None:
        """Its orders through links and the clicks on them; None where it has no link."""
        orders = sum(sold.link_orders for sold in self.credited.values())
        return None if self.clicks is None else Converted(orders, self.clicks)

    @property
    def competes(self) -> Converted | None:
        """The same, None also for the brand's own account, which is compared with and wins nothing."""
        return None if self.standing == OWN else self.converted

    def currencies(self, first: str) -> list[str]:
        """Those in which it sold or cost something, the brand's own in front."""
        return in_order((*self.credited, *self.costs), first)

    def cost(self, currency: str) -> int | None:
        """What it cost itself in `currency`, in minor units; None where nothing is known."""
        return self.costs.get(currency)

    def whole_cost(self, currency: str) -> int | None:
        """The same, None also where it cost something in another currency: then this is only a part."""
        return self.costs.get(currency) if len(self.costs) == 1 else None


@dataclass(frozen=True, slots=True)
class Placements:
    """The placements that a scope keeps, and all of the brand's by tier and format. `first` is the brand's currency."""

    kept: Sequence[Placed]
    kinds: Mapping[tuple[Tier, str], Kind]
    first: str

    def hollow(self, placed: Placed) -> str | None:
        """Whether it is hollow among all of the brand's placements of its tier and format, in the brand's currency.

        None where its tier, engagement or sales are unknown.
        """
        measured = _measured(placed, self.first)
        if measured is None or placed.tier is None:
            return None
        found = self.kinds[placed.tier, placed.placement.format].is_hollow(*measured)
        return TOO_FEW if found is None else HOLLOW if found else NOT_HOLLOW


def _kinds(everyone: Iterable[Placed], first: str) -> dict[tuple[Tier, str], Kind]:
    found: dict[tuple[Tier, str], list[tuple[int, int]]] = defaultdict(list)
    for placed in everyone:
        measured = _measured(placed, first)
        if measured is not None and placed.tier is not None:
            found[placed.tier, placed.placement.format].append(measured)
    return {kind: Kind.of(measured) for kind, measured in found.items()}


def _measured(placed: Placed, currency: str) -> tuple[int, int] | None:
    """Its engagement and its sales in minor units of `currency`; None where either is unknown."""
    sold, engagement = placed.sold(currency), placed.counters.engagement
    return None if sold is None or engagement is None else (engagement, sold.revenue)


def place_of_standing(standing: str | None) -> int:
    """Where it stands in a list: the smallest tier first, the brand's own accounts after the largest, unknown last."""
    if standing is None or standing == OWN:
        return place_of(None) + (standing is None)
    return place_of(Tier(standing))


def counted(session: Session, scope: Scope) -> list[Counted]:
    """The placements of a scope: its filters keep placements of a campaign, a partner or a partner's channel.

    Counters are of the last snapshot of the scope's days.
    """
    return [one for one in _everyone(session, scope) if _is_kept(one, scope)]


def sold(session: Session, scope: Scope) -> list[Sold]:
    """The same placements with what was credited to them in the scope's days."""
    sales, tracked = _sales(session, scope), _linked(session, scope.brand_id) | _coded(session, scope.brand_id)
    return [
        Sold(*_cells(one), tracked=one.placement.id in tracked, credited=sales.get(one.placement.id, {}))
        for one in counted(session, scope)
    ]


def placements(session: Session, scope: Scope) -> Placements:
    """The same with clicks of the days too, and costs up to the last one. Not to be changed."""
    whole = _rolled.whole(scope)
    every = once(session, ("placements", whole), lambda: _placements(session, whole))
    return replace(every, kept=[placed for placed in every.kept if _is_kept(placed, scope)])


def _placements(session: Session, scope: Scope) -> Placements:
    everyone, first = placed(session, scope), brand_currency(session, scope.brand_id)
    return Placements(everyone, _kinds(everyone, first), first)


def placed(session: Session, scope: Scope) -> list[Placed]:
    """The same placements, for whoever need not know which are hollow: no others are read. Not to be changed."""
    return once(session, ("placed", scope), lambda: _placed(session, scope))


def _placed(session: Session, scope: Scope) -> list[Placed]:
    everyone, whole = counted(session, scope), _rolled.whole(scope)
    wanted = frozenset(one.placement.id for one in everyone) if scope.chosen() else None
    linked, coded = _linked(session, scope.brand_id), _coded(session, scope.brand_id)
    clicked, nobody = clicks(session, whole, Link.placement_id, wanted), Clicks()
    sales, (spent, boosted) = _sales(session, scope, wanted), _costs(session, scope)
    return [
        Placed(
            *_cells(one),
            tracked=row_id in linked or row_id in coded,
            credited=sales.get(row_id, {}),
            clicks=clicked.get(row_id, nobody).human if row_id in linked else None,
            costs=spent.get(row_id, {}),
            media=boosted.get(row_id, {}),
        )
        for one in everyone
        for row_id in (one.placement.id,)
    ]


def _cells(one: Counted) -> tuple[Placement, Partner, str | None, datetime | None, Counters, bool]:
    return one.placement, one.partner, one.campaign, one.taken_at, one.counters, one.claimed


def _sales(session: Session, scope: Scope, wanted: frozenset[str] | None = None) -> dict[str, dict[str, Credited]]:
    """By placement and currency, whatever part of them the filters keep."""
    found: dict[str, dict[str, Credited]] = defaultdict(dict)
    sold = credited(session, _rolled.whole(scope), Credit.placement_id, wanted=wanted)
    for (placement_id, currency), each in sold.items():
        found[placement_id][currency] = each
    return found


def _everyone(session: Session, scope: Scope) -> list[Counted]:
    start, end = span(scope, zone_of(session, scope.brand_id))
    there = _of_brand(session, scope.brand_id, scope.campaign_id)
    ids = [placement.id for placement, _, _ in there] if scope.campaign_id else None
    last, nothing = snapshots.latest(session, scope.brand_id, start, end, ids), Counters()
    return [
        Counted(placement, partner, campaign, known.taken_at, known.counters, known.claimed)
        if (known := last.get(placement.id))
        else Counted(placement, partner, campaign, None, nothing, claimed=False)
        for placement, partner, campaign in there
        if placement.published_at is None or placement.published_at < end
    ]


def _of_brand(
    session: Session, brand_id: str, campaign_id: str | None
) -> Sequence[tuple[Placement, Partner, str | None]]:
    """All placements of the brand, or of a campaign, with their partners and the names of their campaigns.

    In the order of partners.
    """
    query = (
        select(Placement, Campaign.name)
        .join(Partner, Partner.id == Placement.partner_id)
        .join(Campaign, Campaign.id == Placement.campaign_id, isouter=True)
        .where(Placement.brand_id == brand_id)
        .order_by(Partner.name, Placement.published_at, Placement.id)
    )
    if campaign_id:
        query = query.where(Placement.campaign_id == campaign_id)
    return once(session, ("placements of", brand_id, campaign_id), lambda: _with_partners(session, brand_id, query))


def _with_partners(
    session: Session, brand_id: str, query: Select[Placement, str]
) -> Sequence[tuple[Placement, Partner, str | None]]:
    partners = partners_of(session, brand_id)
    return [(placement, partners[placement.partner_id], campaign) for placement, campaign in session.execute(query)]


def known_pairs(pairs: Iterable[tuple[int | None, int | None]]) -> tuple[int | None, int | None]:
    """The sums of both sides over the pairs whose both sides are known: what a rate of several things is made of."""
    known = [(part, whole) for part, whole in pairs if part is not None and whole is not None]
    return (sum(part for part, _ in known), sum(whole for _, whole in known)) if known else (None, None)


def _is_kept(placed: Counted, scope: Scope) -> bool:
    return (
        scope.campaign_id in (None, placed.placement.campaign_id)
        and scope.partner_id in (None, placed.partner.id)
        and scope.channel in (None, placed.partner.channel)
        and scope.network in (None, placed.placement.network)
    )


def _linked(session: Session, brand_id: str) -> set[str]:
    query = select(Link.placement_id).where(Link.brand_id == brand_id, Link.placement_id.is_not(None)).distinct()
    return {found for found in session.execute(query).scalars() if found}


def _coded(session: Session, brand_id: str) -> set[str]:
    query = (
        select(CodeOwner.placement_id)
        .join(Code, Code.id == CodeOwner.code_id)
        .where(Code.brand_id == brand_id, CodeOwner.placement_id.is_not(None))
        .distinct()
    )
    return {found for found in session.execute(query).scalars() if found}


_Amounts = dict[str, dict[str, int]]  # by placement and currency


def _costs(session: Session, scope: Scope) -> tuple[_Amounts, _Amounts]:
    """What each placement cost itself up to the last day, and what of it was amplification; without withdrawn costs."""
    amplified = case((Cost.kind == CostKind.AMPLIFICATION, Cost.amount))
    query = (
        select(Cost.placement_id, Cost.currency, func.sum(Cost.amount), func.sum(amplified))
        .where(Cost.brand_id == scope.brand_id, Cost.placement_id.is_not(None))
        .where(Cost.withdrawn_at.is_(None), Cost.spent_on <= scope.end)
        .group_by(Cost.placement_id, Cost.currency)
    )
    spent: _Amounts = defaultdict(dict)
    media: _Amounts = defaultdict(dict)
    for placement_id, currency, amount, boosted in session.execute(query):
        spent[placement_id or ""][currency] = int(amount)
        if boosted is not None:
            media[placement_id or ""][currency] = int(boosted)
    return spent, media
