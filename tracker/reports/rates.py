"""What partners ask for, set against their audience and against the usual fee of their tier."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from statistics import median
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.domain.costs import Kind as CostKind
from tracker.domain.engagement import known_sum
from tracker.domain.tiers import TITLES, Tier, place_of, tier_of
from tracker.ledger import costs
from tracker.ledger.tables import Cost, Partner
from tracker.reports._parts import brand_currency, partners_of
from tracker.reports._performance import CURRENCY
from tracker.reports._placements import Counted, counted
from tracker.reports._shape import Column, Kind, Row, Scope

LEAST_PEERS = 3  # partners of a tier: the median of fewer is somebody's fee

RANK = 44
GROUP = "Performance"
FILTERS = ("channel", "partner", "campaign")
TITLE = "Fees and audiences"
DESCRIPTION = (
    "Fees of these days for a thousand followers and a thousand views, each beside the median of the partner's tier."
    " Gifts, hours, production and amplification are not in them, nor fees that partners share."
)
EMPTY = "Note fees with tracker cost add --partner NAME --kind fee --amount 250.00."
WORDS = {str(tier): title for tier, title in TITLES.items()}
_PEERS = f"unknown with fewer than {LEAST_PEERS} such partners."
COLUMNS = (
    Column("partner_id", "Partner id", Kind.ID),
    Column("partner", "Partner"),
    Column("tier", "Tier", Kind.WORD, "By followers: nano, micro from 10 000, macro from 100 000, mega."),
    CURRENCY,
    Column("fee", "Fees", Kind.MONEY, "On the partner or on their placements, in the brand's currency."),
    Column("placements", "Placements", Kind.INTEGER, "Published up to the last day and counted or paid in these days."),
    Column("followers", "Followers", Kind.INTEGER, "As last told."),
    Column("per_followers", "Per thousand followers", Kind.MONEY, "Fees / followers × 1 000."),
    Column("followers_median", "Tier's median", Kind.MONEY, f"Of that, over all partners of the tier; {_PEERS}"),
    Column("followers_beyond", "Against the median", Kind.PERCENT, "(Per thousand followers − median) / median."),
    Column("views", "Views", Kind.INTEGER, "Of the partner's placements, where known, by their last snapshot."),
    Column("per_views", "Per thousand views", Kind.MONEY, "Fees / views × 1 000; unknown where a count is missing."),
    Column("views_median", "Tier's median, views", Kind.MONEY, f"Of that, over the tier; {_PEERS}"),
    Column("views_beyond", "Against the median, views", Kind.PERCENT, "(Per thousand views − median) / median."),
    Column("peers", "Compared with", Kind.INTEGER, "Partners of the tier with a fee in these days, this one too."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rate:
    """A partner's fees in minor units, and what they come to for a thousand followers and views."""

    partner: Partner
    fee: int
    placed: Sequence[Counted]

    @property
    def tier(self) -> Tier | None:
        """By followers."""
        return tier_of(self.partner.followers)

    @property
    def views(self) -> int | None:
        """Of the placements whose views are known."""
        return known_sum(one.counters.views for one in self.placed)

    @property
    def per_followers(self) -> Fraction | None:
        """For a thousand followers."""
        return metrics.fee_per_thousand(self.fee, self.partner.followers)

    @property
    def per_views(self) -> Fraction | None:
        """For a thousand views; None where a placement's are missing, for the fee bought those too."""
        missing = any(one.counters.views is None for one in self.placed)
        return None if missing else metrics.fee_per_thousand(self.fee, self.views)


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a partner with a fee, the largest tier last, the dearest for their followers first."""
    currency = brand_currency(session, scope.brand_id)
    everyone = _rates(session, scope, currency)
    usual = _usual(everyone)
    members = Counter(one.tier for one in everyone if one.per_followers is not None)
    kept = [one for one in everyone if _is_kept(one.partner, scope)]
    return [_row(one, currency, usual, members) for one in sorted(kept, key=_place)]


def _rates(session: Session, scope: Scope, currency: str) -> list[Rate]:
    """All partners of the scope's campaign with a fee: peers are more than the partner who is asked about."""
    fees: Counter[str] = Counter()
    for of, cost in costs.spent(session, scope.brand_id, scope.start, scope.end):
        campaign = scope.campaign_id in (None, cost.campaign_id)
        if cost.kind is CostKind.FEE and of == currency and cost.partner_id is not None and campaign:
            fees[cost.partner_id] += cost.amount
    paid = _paid(session, scope)
    wide = replace(scope, partner_id=None, channel=None, network=None)
    placed: dict[str, list[Counted]] = {}
    for one in counted(session, wide):
        if one.taken_at is not None or one.placement.id in paid:
            placed.setdefault(one.partner.id, []).append(one)
    partners = partners_of(session, scope.brand_id)
    return [Rate(partners[partner], fee, placed.get(partner, ())) for partner, fee in fees.items() if fee]


def _paid(session: Session, scope: Scope) -> set[str]:
    """The placements on which something was spent in these days."""
    query = (
        select(Cost.placement_id)
        .where(Cost.brand_id == scope.brand_id, Cost.placement_id.is_not(None), Cost.withdrawn_at.is_(None))
        .where(Cost.spent_on >= scope.start, Cost.spent_on <= scope.end)
    )
    return {placement_id for placement_id in session.execute(query).scalars() if placement_id}


def _usual(everyone: Iterable[Rate]) -> dict[tuple[Tier | None, str], Fraction]:
    """The medians by tier, where there are enough to speak of one."""
    found: dict[tuple[Tier | None, str], list[Fraction]] = {}
    for one in everyone:
        for name, value in (("followers", one.per_followers), ("views", one.per_views)):
            if value is not None and one.tier is not None:
                found.setdefault((one.tier, name), []).append(value)
    return {key: Fraction(median(values)) for key, values in found.items() if len(values) >= LEAST_PEERS}


def _is_kept(partner: Partner, scope: Scope) -> bool:
    return scope.partner_id in (None, partner.id) and scope.channel in (None, partner.channel)


def _place(one: Rate) -> tuple[Any, ...]:
    return (place_of(one.tier), -(one.per_followers or 0), -one.fee, one.partner.name, one.partner.id)


def _row(
    one: Rate, currency: str, usual: Mapping[tuple[Tier | None, str], Fraction], members: Counter[Tier | None]
) -> Row:
    by_followers, by_views = usual.get((one.tier, "followers")), usual.get((one.tier, "views"))
    return {
        "partner_id": one.partner.id,
        "partner": one.partner.name,
        "tier": one.tier,
        "currency": currency,
        "fee": one.fee,
        "placements": len(one.placed),
        "followers": one.partner.followers,
        "per_followers": metrics.whole_units(one.per_followers),
        "followers_median": metrics.whole_units(by_followers),
        "followers_beyond": metrics.beyond(one.per_followers, by_followers),
        "views": one.views,
        "per_views": metrics.whole_units(one.per_views),
        "views_median": metrics.whole_units(by_views),
        "views_beyond": metrics.beyond(one.per_views, by_views),
        "peers": members[one.tier] if one.tier is not None else None,
    }
