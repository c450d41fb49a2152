"""How often the click id survives to the order, by source: estimated from orders whose partner a promo code names.

The method: take paid orders with a code whose owner then had a link out. Where such an order carries a click of that
very partner too, the id survived; where it does not, it was lost, or the customer never clicked, so that survival is at
least this. A source is what the code's placement, or most clicks of its owner, say of it: of a lost click nobody knows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.domain.agents import Taken
from tracker.domain.referrers import Referrer
from tracker.ledger.tables import Click, Code, CodeOwner, Link, OrderClick, OrderCode, OrderRow, Partner, Placement
from tracker.reports import _click_says
from tracker.reports._parts import orders_of
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 64
GROUP = "Proof"
FILTERS = ("channel", "partner")
COMPARES = False
TITLE = "Lost clicks"
DESCRIPTION = (
    "How often a click's id survives to the order, estimated from orders whose promo code names a partner with a link"
    " out: the share that carries a click of that partner too. Some never clicked, so survival is at least this. A"
    " measure of the measuring: nobody is paid by it."
)
EMPTY = "No order carried the promo code of a partner who had a link out: without both nothing can be estimated."
LEAST = 20
ALL, NETWORK, REFERRER, BROWSER, CONSENT = "all_code_orders", "by_network", "by_referrer", "by_browser", "by_consent"
IN_APP, OWN_BROWSER, REFUSED, NOT_REFUSED, UNKNOWN = (
    *("in_app_browser", "own_browser", "consent_refused", "consent_not_refused", "source_unknown"),
)
MEASURED, TOO_FEW = "survival_measured", "too_few_orders"
WORDS = {
    ALL: "All",
    NETWORK: "Network",
    REFERRER: "Came from",
    BROWSER: "Browser",
    CONSENT: "Consent",
    IN_APP: "In the browser of an app",
    OWN_BROWSER: "In their own browser",
    REFUSED: "Refused",
    NOT_REFUSED: "Not refused",
    UNKNOWN: "Unknown",
    Referrer.SOCIAL.value: "Social networks",
    Referrer.SEARCH.value: "Search engines",
    Referrer.SITE.value: "Other sites",
    Referrer.NONE.value: "Nothing said",
    MEASURED: "Estimated",
    TOO_FEW: "Too few",
}
COLUMNS = (
    Column("by", "By", Kind.WORD),
    Column(
        "source",
        "Source",
        Kind.WORD,
        "The network of the code's placement, or of all the partner's links; else what most clicks of the partner in"
        " the days chosen say: where from, in which browser, with which consent.",
    ),
    Column(
        "orders", "Orders", Kind.INTEGER, "Paid orders with a code whose owner had a link out when they were placed."
    ),
    Column("survived", "With a click", Kind.INTEGER, "Those that carry a click of the code's owner too."),
    Column(
        "survival", "Survival", Kind.PERCENT, f"With a click / orders; nothing is said of less than {LEAST} orders."
    ),
    Column("survival_low", "Survival, from", Kind.PERCENT, "Lower end of the interval that holds it 95 times of 100."),
    Column("survival_high", "Survival, to", Kind.PERCENT, "Upper end of that interval, which is Wilson's."),
    Column("lost", "Lost at most", Kind.PERCENT, "1 − survival."),
    Column("state", "State", Kind.WORD, f"Less than {LEAST} orders are too few."),
)

Subject = tuple[str, str]  # by, source


@dataclass(frozen=True, slots=True)
class _Sales:
    """Orders with a code of a partner, alike in what is asked of them."""

    partner_id: str
    network: str | None
    survived: bool
    orders: int


@dataclass(slots=True)
class _Seen:
    """Human clicks of a partner, by what they say."""

    referrers: Counter[str] = field(default_factory=Counter)
    browsers: Counter[str] = field(default_factory=Counter)
    consents: Counter[str] = field(default_factory=Counter)

    def most(self) -> tuple[Subject, ...]:
        """What most of them say."""
        ways = ((REFERRER, self.referrers), (BROWSER, self.browsers), (CONSENT, self.consents))
        return tuple((way, max(sorted(found), key=found.__getitem__) if found else UNKNOWN) for way, found in ways)


def rows(session: Session, scope: Scope) -> list[Row]:
    """All orders in front, then by each way of looking, those with the most orders first."""
    sales = _sales(session, scope)
    if not sales:
        return []
    seen = _seen(session, scope, {sale.partner_id for sale in sales})
    counts: dict[Subject, list[int]] = defaultdict(lambda: [0, 0])
    for sale in sales:
        clicks = seen.get(sale.partner_id, _Seen())
        for subject in ((ALL, ALL), (NETWORK, sale.network or UNKNOWN), *clicks.most()):
            counts[subject][0] += sale.orders
            counts[subject][1] += sale.orders if sale.survived else 0
    ways = (ALL, NETWORK, REFERRER, BROWSER, CONSENT)
    ordered = sorted(counts, key=lambda subject: (ways.index(subject[0]), -counts[subject][0], subject[1]))
    return [_row(subject, *counts[subject]) for subject in ordered]


def _row(subject: Subject, orders: int, survived: int) -> Row:
    enough = orders >= LEAST
    interval = metrics.wilson_interval(survived, orders) if enough else None
    survival = metrics.share(survived, orders) if enough else None
    return {
        "by": subject[0],
        "source": subject[1],
        "orders": orders,
        "survived": survived,
        "survival": survival,
        "survival_low": interval.low if interval else None,
        "survival_high": interval.high if interval else None,
        "lost": None if survival is None else 1 - survival,
        "state": MEASURED if enough else TOO_FEW,
    }


def _sales(session: Session, scope: Scope) -> list[_Sales]:
    """Each order once for each partner whose code it carries, by the first of their codes."""
    networks, each = _networks(session, scope.brand_id), _query(scope).subquery().c
    keys = (each.partner_id, each.network, each.survived)
    query = select(*keys, func.count()).where(each.place == 1).group_by(*keys)
    return [
        _Sales(partner_id, network or networks.get(partner_id), bool(survived), orders)
        for partner_id, network, survived, orders in session.execute(query)
    ]


def _query(scope: Scope) -> Any:
    owner_then = and_(
        CodeOwner.code_id == Code.id,
        CodeOwner.valid_from <= OrderRow.placed_at,
        or_(CodeOwner.valid_to.is_(None), CodeOwner.valid_to > OrderRow.placed_at),
    )
    wanted = (
        (CodeOwner.partner_id, scope.partner_id),
        (func.coalesce(CodeOwner.channel, Partner.channel), scope.channel),
    )
    whose = (OrderRow.id, CodeOwner.partner_id)
    place = func.row_number().over(partition_by=list(whose), order_by=OrderCode.normal)
    return (
        select(CodeOwner.partner_id, Placement.network, _survived().label("survived"), place.label("place"))
        .select_from(OrderRow)
        .join(OrderCode, OrderCode.order_id == OrderRow.id)
        .join(Code, (Code.brand_id == OrderRow.brand_id) & (Code.normal == OrderCode.normal))
        .join(CodeOwner, owner_then)
        .join(Partner, Partner.id == CodeOwner.partner_id)
        .join(Placement, Placement.id == CodeOwner.placement_id, isouter=True)
        .where(*orders_of(scope), _had_a_link_out(), *(column == value for column, value in wanted if value))
    )


def _survived() -> Any:
    """Whether the order carries a person's click on a link of the code's owner."""
    return exists(
        select(OrderClick.click_id)
        .join(Click, Click.id == OrderClick.click_id)
        .join(Link, Link.id == Click.link_id)
        .where(OrderClick.order_id == OrderRow.id, Link.partner_id == CodeOwner.partner_id)
        .where(Click.verdict == Taken.HUMAN)
        .correlate(OrderRow, CodeOwner)
    )


def _had_a_link_out() -> Any:
    at = OrderRow.placed_at
    return exists(
        select(Link.id)
        .where(Link.partner_id == CodeOwner.partner_id, Link.created_at <= at)
        .where(or_(Link.disabled_at.is_(None), Link.disabled_at > at))
        .where(or_(Link.expires_at.is_(None), Link.expires_at > at))
        .correlate(OrderRow, CodeOwner)
    )


def _networks(session: Session, brand_id: str) -> Mapping[str, str]:
    """The one network on which all placed links of a partner stand; nothing where there are several."""
    query = (
        select(Link.partner_id, func.min(Placement.network))
        .join(Placement, Placement.id == Link.placement_id)
        .where(Link.brand_id == brand_id)
        .group_by(Link.partner_id)
        .having(func.count(func.distinct(Placement.network)) == 1)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _seen(session: Session, scope: Scope, partners: set[str]) -> dict[str, _Seen]:
    query = select(Link.id, Link.partner_id).where(Link.brand_id == scope.brand_id)
    of_links = {link: partner_id for link, partner_id in session.execute(query) if partner_id in partners}
    counts: Counter[tuple[str, str, bool, bool]] = Counter()
    for link, referrer, in_app, refused, count in _click_says.each(session, scope):
        if link in of_links:
            counts[of_links[link], referrer, in_app, refused] += count
    found: dict[str, _Seen] = defaultdict(_Seen)
    for (partner_id, referrer, in_app, refused), count in counts.items():
        seen = found[partner_id]
        seen.referrers[referrer] += count
        seen.browsers[IN_APP if in_app else OWN_BROWSER] += count
        seen.consents[REFUSED if refused else NOT_REFUSED] += count
    return found
