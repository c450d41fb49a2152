"""From being seen to being sold: views, likes, clicks, orders and net sales, and how many take each step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.domain.catalog import Channel
from tracker.domain.engagement import known_sum
from tracker.ledger.tables import Credit, Link, Partner
from tracker.reports import _placements
from tracker.reports._clicks import Clicks, clicks
from tracker.reports._parts import Credited, Key, credited, in_order, partners_of
from tracker.reports._performance import CURRENCY
from tracker.reports._placements import Placed, known_pairs
from tracker.reports._shape import Column, Kind, Row, Scope, zone_of

RANK = 25
GROUP = "Performance"
TITLE = "Funnel"
DESCRIPTION = (
    "How many see, like, click and buy, for each influencer; choose one to see each of their placements. Counters are"
    " those of the last snapshot and count from the publication; clicks and orders are of the days chosen."
)
EMPTY = "Add a placement with tracker placement add and its counters with tracker snapshot add."
TOTAL, PARTNER, PLACEMENT = "total", "partner", "placement"
WORDS = {PARTNER: "Partner", PLACEMENT: "Placement"}
COLUMNS = (
    Column("what", "What", Kind.WORD, "Influencers, and who else has a placement; the placements of one chosen."),
    Column("partner_id", "Partner id", Kind.ID),
    Column("partner", "Partner"),
    Column("placement_id", "Placement id", Kind.ID),
    Column("placement", "Placement"),
    Column("views", "Views", Kind.INTEGER, "Of the placements whose views are known."),
    Column("claimed", "Views, claimed", Kind.INTEGER, "Those among them that an agency alone has counted."),
    Column("like_rate", "Likes / views", Kind.PERCENT, "Of the placements for which both are known."),
    Column("likes", "Likes", Kind.INTEGER, "Of the placements whose likes are known."),
    Column("click_rate", "Clicks / likes", Kind.PERCENT, "Where both are known; many click without a like."),
    Column("clicks", "Clicks", Kind.INTEGER, "By people, on all of the partner's links: in placements or elsewhere."),
    Column("order_rate", "Orders / clicks", Kind.PERCENT, "Where both are known; orders by a code alone had no click."),
    CURRENCY,
    Column("orders", "Orders", Kind.INTEGER, "Paid orders with a credit; one that several share counts for each."),
    Column("aov", "AOV", Kind.MONEY, "Net value of the orders / their number."),
    Column("revenue", "Net revenue", Kind.MONEY, "Net value credited, less refunds."),
    Column("each_view", "Per thousand views", Kind.MONEY, "Net revenue for a thousand views: all steps at once."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Steps:
    """The funnel of one subject. What nobody counted is None; `sold` is by currency, None where it cannot be seen."""

    views: int | None
    likes: int | None
    clicks: int | None
    sold: dict[str, Credited] | None
    liked: tuple[int | None, int | None]  # likes and views of what has both
    claimed: int | None = None  # views that an agency alone has counted

    @property
    def orders(self) -> int | None:
        """Orders in every currency."""
        return None if self.sold is None else sum(each.orders for each in self.sold.values())


def rows(session: Session, scope: Scope) -> list[Row]:
    """The total, a row a partner and currency, the most sold first, and a chosen partner's placements."""
    found = _placements.placements(session, scope)
    first = found.first
    people = _people(session, scope, found.kept)
    if not people:
        return []
    zone = zone_of(session, scope.brand_id)
    found_rows = _rows(_who(TOTAL), [steps for _, steps in people], first)
    for partner, steps in people:
        found_rows += _rows(_who(PARTNER, partner), [steps], first)
    for placed in found.kept if scope.partner_id else ():
        who = _who(PLACEMENT, placed.partner) | _which(placed, zone)
        found_rows += _rows(who, [_of_placement(placed)], first)
    return found_rows


def _people(session: Session, scope: Scope, kept: Sequence[Placed]) -> list[tuple[Partner, Steps]]:
    clicked = clicks(session, scope, Link.partner_id)
    sold = _by_subject(credited(session, scope, Credit.partner_id))
    placed: dict[str, list[Placed]] = {}
    for one in kept:
        placed.setdefault(one.partner.id, []).append(one)
    shown = [
        (partner, _of_partner(placed.get(partner.id, []), clicked.get(partner.id), sold.get(partner.id, {})))
        for partner in partners_of(session, scope.brand_id).values()
        if partner.id in placed
        or (partner.channel == Channel.INFLUENCE and (partner.id in clicked or partner.id in sold))
    ]
    return sorted(shown, key=lambda one: (-_earned(one[1]), -(one[1].views or 0), one[0].name, one[0].id))


def _of_partner(placed: Sequence[Placed], clicked: Clicks | None, sold: dict[str, Credited]) -> Steps:
    tracked = clicked is not None or bool(sold) or any(one.tracked for one in placed)
    linked = clicked is not None or any(one.clicks is not None for one in placed)
    return Steps(
        views=known_sum(one.counters.views for one in placed),
        likes=known_sum(one.counters.likes for one in placed),
        clicks=(clicked or Clicks()).human if linked else None,
        sold=sold if tracked else None,
        liked=known_pairs((one.counters.likes, one.counters.views) for one in placed),
        claimed=known_sum(one.counters.views for one in placed if one.claimed),
    )


def _of_placement(placed: Placed) -> Steps:
    counters = placed.counters
    sold = placed.credited if placed.tracked or placed.credited else None
    liked, claimed = known_pairs([(counters.likes, counters.views)]), counters.views if placed.claimed else None
    return Steps(counters.views, counters.likes, placed.clicks, sold, liked, claimed)


def _pooled(people: Sequence[Steps]) -> Steps:
    sold: dict[str, list[Credited]] = {}
    for steps in people:
        for currency, each in (steps.sold or {}).items():
            sold.setdefault(currency, []).append(each)
    tracked = any(steps.sold is not None for steps in people)
    return Steps(
        views=known_sum(steps.views for steps in people),
        likes=known_sum(steps.likes for steps in people),
        clicks=known_sum(steps.clicks for steps in people),
        sold={currency: _sum(each) for currency, each in sold.items()} if tracked else None,
        liked=known_pairs(steps.liked for steps in people),
        claimed=known_sum(steps.claimed for steps in people),
    )


def _rates(people: Sequence[Steps]) -> Row:
    """The rates of the steps, each over those of whom both sides are known."""
    return {
        "like_rate": metrics.like_rate(*known_pairs(steps.liked for steps in people)),
        "click_rate": metrics.clicks_per_like(*known_pairs((steps.clicks, steps.likes) for steps in people)),
        "order_rate": metrics.orders_per_click(*known_pairs((steps.orders, steps.clicks) for steps in people)),
    }


def _rows(who: Row, people: Sequence[Steps], first: str) -> list[Row]:
    """A row a currency for some people together; what has none stands on the first row alone."""
    steps = _pooled(people)
    told = {name: getattr(steps, name) for name in ("views", "claimed", "likes", "clicks")}
    counted = {**told, **_rates(people)}
    nothing: Row = dict.fromkeys(counted)
    return [
        who | (counted if index == 0 else nothing) | _in_money(steps, currency) | _each_view(people, currency)
        for index, currency in enumerate(in_order(steps.sold or (), first))
    ]


def _each_view(people: Sequence[Steps], currency: str) -> Row:
    pairs = known_pairs((_earned_in(steps, currency), steps.views) for steps in people)
    return {"each_view": metrics.whole_units(metrics.revenue_per_mille(*pairs))}


def _earned_in(steps: Steps, currency: str) -> int | None:
    return None if steps.sold is None else steps.sold.get(currency, Credited()).revenue


def _in_money(steps: Steps, currency: str) -> Row:
    sold = None if steps.sold is None else steps.sold.get(currency, Credited())
    return {
        "currency": currency,
        "orders": sold.orders if sold else None,
        "aov": metrics.whole_units(metrics.average_order_value(sold.value, sold.orders)) if sold else None,
        "revenue": sold.revenue if sold else None,
    }


def _who(what: str, partner: Partner | None = None) -> Row:
    return {
        "what": what,
        "partner_id": partner.id if partner else None,
        "partner": partner.name if partner else None,
        "placement_id": None,
        "placement": None,
    }


def _which(placed: Placed, zone: ZoneInfo) -> Row:
    """A placement by its title or address, else by the brand's day on which it was published."""
    one = placed.placement
    day = f" {one.published_at.astimezone(zone).date().isoformat()}" if one.published_at else ""
    return {"placement_id": one.id, "placement": one.title or one.url or f"{one.network} {one.format}{day}"}


def _by_subject(figures: dict[Key, Credited]) -> dict[str, dict[str, Credited]]:
    found: dict[str, dict[str, Credited]] = {}
    for (subject, currency), each in figures.items():
        found.setdefault(subject, {})[currency] = each
    return found


def _sum(figures: Iterable[Credited]) -> Credited:
    each = list(figures)
    return Credited(*(sum(getattr(one, name) for one in each) for name in Credited._fields))


def _earned(steps: Steps) -> int:
    return sum(each.revenue for each in (steps.sold or {}).values())
