"""What an hour, an interaction and a placement bring back, by format: time is spent like money."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.domain.catalog import Format
from tracker.domain.costs import Kind as CostKind
from tracker.domain.engagement import known_sum
from tracker.ledger.tables import Cost, Credit, Partner, Placement
from tracker.reports._parts import Credited, brand_currency, credited, is_filtered
from tracker.reports._performance import CURRENCY
from tracker.reports._placements import FORMATS, Sold, known_pairs, sold
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 45
GROUP = "Performance"
FILTERS = ("model", "channel", "partner", "campaign")
TITLE = "Return on effort"
DESCRIPTION = (
    "Net revenue of these days for each hour that people spent on it, for a thousand interactions and for a placement,"
    " by format. Only hours that were noted count; other spending is not taken off."
)
EMPTY = "Note hours with tracker cost add --placement ID --kind hours --hours 2:30 --rate 35.00."
TOTAL, ELSEWHERE = "total", "outside_placements"
WORDS = {**{str(word): said for word, said in FORMATS.items()}, ELSEWHERE: "Outside placements"}
COLUMNS = (
    Column("format", "Format", Kind.WORD, "Hours on a campaign, a partner or the brand are those outside placements."),
    Column("placements", "Placements", Kind.INTEGER, "Those with a link or a code: only they can be seen to sell."),
    Column("hours", "Hours", Kind.NUMBER, "People's time noted on these days."),
    Column("engagement", "Interactions", Kind.INTEGER, "Likes, comments, shares and saves, those that are known."),
    CURRENCY,
    Column("revenue", "Net revenue", Kind.MONEY, "Net value credited in the brand's currency, less refunds."),
    Column("per_hour", "Per hour", Kind.MONEY, "Net revenue / hours."),
    Column(
        "per_thousand",
        "Per thousand interactions",
        Kind.MONEY,
        "Net revenue / interactions × 1 000, of the placements for which both are known.",
    ),
    Column("each", "Per placement", Kind.MONEY, "Net revenue / placements."),
)


def rows(session: Session, scope: Scope) -> list[Row]:
    """The total, a row a format, the most for an hour first, and what happened outside placements."""
    kept, first = sold(session, scope), brand_currency(session, scope.brand_id)
    minutes = _minutes(session, scope)
    by_format = {one: [placed for placed in kept if placed.placement.format == one] for one in Format}
    lines = [
        _row(str(one), members, minutes, _earned(members, first), first)
        for one, members in by_format.items()
        if members
    ]
    inside = _ids(kept)
    outside = [spent for placement, spent in minutes.items() if placement not in inside]
    rest = _elsewhere(session, scope, kept, first)
    whole = _earned(kept, first) + rest
    total = _figures(TOTAL, kept, known_sum(minutes.values()), whole, first)
    last = [_figures(ELSEWHERE, (), known_sum(outside), rest, first)] if outside or rest else []
    return [total, *sorted(lines, key=_place), *last] if lines or last else []


def _elsewhere(session: Session, scope: Scope, kept: Sequence[Sold], first: str) -> int:
    """What is credited in the scope, and to none of its placements."""
    key, inside = (scope.brand_id, first), _ids(kept)
    everything = credited(session, scope, Credit.brand_id).get(key, Credited()).revenue
    if not is_filtered(scope):
        return everything - _earned(kept, first)
    by_placement = credited(session, scope, Credit.placement_id).items()
    return everything - sum(one.revenue for (of, money), one in by_placement if of in inside and money == first)


def _minutes(session: Session, scope: Scope) -> dict[str | None, int]:
    """Minutes noted in the scope's days by placement, None for those elsewhere."""
    partner = func.coalesce(Placement.partner_id, Cost.partner_id)
    wanted = (
        (func.coalesce(Cost.campaign_id, Placement.campaign_id), scope.campaign_id),
        (partner, scope.partner_id),
        (Partner.channel, scope.channel),
    )
    query = (
        select(Cost.placement_id, func.sum(Cost.minutes))
        .join(Placement, Placement.id == Cost.placement_id, isouter=True)
        .join(Partner, Partner.id == partner, isouter=True)
        .where(Cost.brand_id == scope.brand_id, Cost.kind == CostKind.HOURS, Cost.minutes.is_not(None))
        .where(Cost.withdrawn_at.is_(None), Cost.spent_on >= scope.start, Cost.spent_on <= scope.end)
        .where(*(column == value for column, value in wanted if value))
        .group_by(Cost.placement_id)
    )
    return {placement: int(minutes or 0) for placement, minutes in session.execute(query)}


def _ids(placed: Iterable[Sold]) -> set[str | None]:
    return {one.placement.id for one in placed}


def _earned(placed: Iterable[Sold], currency: str) -> int:
    return sum(each.revenue for one in placed if (each := one.sold(currency)) is not None)


def _row(name: str, members: Sequence[Sold], minutes: dict[str | None, int], earned: int, currency: str) -> Row:
    spent = known_sum(minutes.get(placement) for placement in _ids(members))
    return _figures(name, members, spent, earned, currency)


def _figures(name: str, members: Sequence[Sold], minutes: int | None, earned: int, currency: str) -> Row:
    tracked = [one for one in members if one.tracked]
    pairs = known_pairs(
        (each.revenue if (each := one.sold(currency)) else None, one.counters.engagement) for one in members
    )
    known = bool(tracked) or name in (TOTAL, ELSEWHERE)
    whole = _earned(members, currency) if name == TOTAL else earned
    return {
        "format": name,
        "placements": len(tracked) if members else None,
        "hours": metrics.share(minutes, 60),
        "engagement": known_sum(one.counters.engagement for one in members),
        "currency": currency,
        "revenue": earned if known else None,
        "per_hour": metrics.whole_units(metrics.return_per_hour(earned if known else None, minutes)),
        "per_thousand": metrics.whole_units(metrics.return_per_thousand(*pairs)),
        "each": metrics.whole_units(metrics.share(whole, len(tracked))) if tracked else None,
    }


def _place(row: Row) -> tuple[int, int, str]:
    per_hour, revenue = (value if isinstance(value := row[key], int) else -1 for key in ("per_hour", "revenue"))
    return (-per_hour, -revenue, str(row["format"]))
