"""Every decision with the days before it and as many after it. What is seen is a change, not what made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.ledger.tables import Campaign, Credit, Decision, Link, Partner
from tracker.reports._clicks import Clicks, clicks
from tracker.reports._parts import Credited, brand_currency, credited
from tracker.reports._shape import Column, Kind, Row, Scope

MOST_DAYS = 14
LEAST_CLICKS = 100
_LONG_AGO = date(1971, 1, 1)

RANK = 26
GROUP = "Performance"
COMPARES = False
FILTERS = ("campaign", "partner")
TITLE = "Decisions"
DESCRIPTION = (
    "What was changed during campaigns, with as many days before as after it, fourteen at most; the day itself is in"
    " neither. The figures say what was different, not why: other things may have changed in the same days."
)
EMPTY = "Note a decision: tracker decision add --campaign NAME --about message --text 'Another first sentence'."
TOO_EARLY, TOO_FEW, ALIKE, HIGHER, LOWER = "too_early", "too_few_clicks", "alike", "higher", "lower"
WORDS = {
    "creative": "Creative",
    "influencer": "Influencer",
    "message": "Message",
    "budget": "Budget",
    TOO_EARLY: "Too early to say",
    TOO_FEW: "Too few clicks to say",
    ALIKE: "Not to be told apart",
    HIGHER: "Higher after it",
    LOWER: "Lower after it",
}
_BOTH = (
    ("clicks", "Clicks a day", Kind.NUMBER, "Clicks by people, a day."),
    ("orders", "Orders a day", Kind.NUMBER, "Paid orders with a credit, a day."),
    ("revenue", "Net revenue a day", Kind.MONEY, "Net value credited, in the brand's currency, a day."),
    ("cvr", "CVR", Kind.PERCENT, "Orders that came through a link, per click."),
    ("sample", "Sample", Kind.INTEGER, "The clicks that the conversion rate is made of."),
)
COLUMNS = (
    Column("decision_id", "Decision id", Kind.ID),
    Column("made_on", "Day", Kind.DATE),
    Column("campaign_id", "Campaign id", Kind.ID),
    Column("campaign", "Campaign"),
    Column("about", "About", Kind.WORD),
    Column("text", "Decision"),
    Column("partner_id", "Partner id", Kind.ID),
    Column("partner", "Partner", help="Where it was about one partner, the figures are that partner's."),
    Column("currency", "Currency"),
    Column("days", "Days on each side", Kind.INTEGER, "As many before as after it, fourteen at most."),
    *(
        Column(f"{key}_{side}", f"{title}, {side}", kind, help_)
        for key, title, kind, help_ in _BOTH
        for side in ("before", "after")
    ),
    Column("clicks_change", "Clicks: change", Kind.PERCENT, "By what part of what it was before."),
    Column("orders_change", "Orders: change", Kind.PERCENT, "By what part of what it was before."),
    Column("revenue_change", "Net revenue: change", Kind.PERCENT, "By what part of what it was before."),
    Column(
        "reading",
        "Conversion",
        Kind.WORD,
        "Higher or lower only where the Wilson intervals (95 of 100) of both rates are apart; with fewer than "
        f"{LEAST_CLICKS} clicks on either side nothing is said.",
    ),
    Column("others", "Other decisions", Kind.INTEGER, "Other decisions about the campaign in the same days."),
)


@dataclass(frozen=True, slots=True)
class Side:
    """What there was in some days. `revenue` is minor units of the brand's currency."""

    clicks: int
    orders: int
    link_orders: int
    revenue: int


@dataclass(frozen=True, slots=True)
class _Case:
    decision: Decision
    campaign: Campaign
    partner: Partner | None
    currency: str

    def described(self) -> Row:
        found: Row = dict.fromkeys(column.key for column in COLUMNS)
        return found | {
            "decision_id": self.decision.id,
            "made_on": self.decision.made_on,
            "campaign_id": self.campaign.id,
            "campaign": self.campaign.name,
            "about": self.decision.about,
            "text": self.decision.text,
            "partner_id": self.partner.id if self.partner else None,
            "partner": self.partner.name if self.partner else None,
            "currency": self.currency,
        }


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a decision of the scope's days, the latest first; what comes after the last of them, and a day that is not
    over, is not looked at.
    """
    return _rows(session, scope, min(scope.end, scope.today - timedelta(days=1)) if scope.today else scope.end)


def _rows(session: Session, scope: Scope, last: date) -> list[Row]:
    query = (
        select(Decision, Campaign, Partner)
        .join(Campaign, Campaign.id == Decision.campaign_id)
        .join(Partner, Partner.id == Decision.partner_id, isouter=True)
        .where(Decision.brand_id == scope.brand_id, Decision.withdrawn_at.is_(None))
        .where(Decision.made_on >= scope.start, Decision.made_on <= scope.end)
        .order_by(Decision.made_on.desc(), Decision.id.desc())
    )
    if scope.campaign_id:
        query = query.where(Decision.campaign_id == scope.campaign_id)
    if scope.partner_id:
        query = query.where(Decision.partner_id == scope.partner_id)
    currency = brand_currency(session, scope.brand_id)
    return [
        _row(session, _Case(decision, campaign, partner, currency), last)
        for decision, campaign, partner in session.execute(query).all()
    ]


def of_campaign(session: Session, campaign: Campaign, today: date) -> list[Row]:
    """The rows of a campaign's decisions, with the days up to yesterday: today is not over."""
    scope = Scope(campaign.brand_id, _LONG_AGO, today, campaign_id=campaign.id)
    return _rows(session, scope, today - timedelta(days=1))


def span_of(decision: Decision, campaign: Campaign, last: date) -> int:
    """How many days on each side are compared: within the campaign, up to `last`, MOST_DAYS at most."""
    ends = min(last, campaign.ends_on) if campaign.ends_on else last
    before = (decision.made_on - campaign.starts_on).days if campaign.starts_on else MOST_DAYS
    return max(0, min(MOST_DAYS, before, (ends - decision.made_on).days))


def _row(session: Session, case: _Case, last: date) -> Row:
    decision, days, made = case.decision, span_of(case.decision, case.campaign, last), case.decision.made_on
    found = case.described() | {"days": days, "reading": TOO_EARLY, "others": _others(session, decision, days)}
    if not days:
        return found
    one = timedelta(days=1)
    before = _side(session, decision, (made - days * one, made - one), case.currency)
    after = _side(session, decision, (made + one, made + days * one), case.currency)
    return found | _figures(before, days, "before") | _figures(after, days, "after") | _changes(before, after)


def _figures(side: Side, days: int, when: str) -> Row:
    cvr = metrics.conversion_rate(side.link_orders, side.clicks)
    return {
        f"clicks_{when}": Fraction(side.clicks, days),
        f"orders_{when}": Fraction(side.orders, days),
        f"revenue_{when}": metrics.whole_units(Fraction(side.revenue, days)),
        f"cvr_{when}": cvr,
        f"sample_{when}": side.clicks,
    }


def _changes(before: Side, after: Side) -> Row:
    pairs: Mapping[str, Any] = {name: (getattr(before, name), getattr(after, name)) for name in _CHANGED}
    changes = {f"{name}_change": metrics.share(now - was, was) for name, (was, now) in pairs.items()}
    return {**changes, "reading": reading(before, after)}


_CHANGED = ("clicks", "orders", "revenue")


def reading(before: Side, after: Side) -> str:
    """What may be said of the conversion rate after against before."""
    if min(before.clicks, after.clicks) < LEAST_CLICKS:
        return TOO_FEW
    was = metrics.wilson_interval(before.link_orders, before.clicks)
    now = metrics.wilson_interval(after.link_orders, after.clicks)
    if was is None or now is None or (now.low <= was.high and was.low <= now.high):
        return ALIKE
    return HIGHER if now.low > was.high else LOWER


def _side(session: Session, decision: Decision, days: tuple[date, date], currency: str) -> Side:
    """The figures of the campaign, or of its partner or placement that the decision is about."""
    scope = Scope(decision.brand_id, *days, campaign_id=decision.campaign_id, partner_id=decision.partner_id)
    place = decision.placement_id
    sold = credited(session, scope, Credit.placement_id if place else Credit.brand_id)
    seen = clicks(session, scope, Link.placement_id if place else Link.brand_id)
    subject = place or decision.brand_id
    kept = {money: one for (who, money), one in sold.items() if who == subject}
    return Side(
        clicks=seen.get(subject, Clicks()).human,
        orders=sum(one.orders for one in kept.values()),
        link_orders=sum(one.link_orders for one in kept.values()),
        revenue=kept.get(currency, Credited()).revenue,
    )


def _others(session: Session, decision: Decision, days: int) -> int:
    reach = timedelta(days=days)
    query = select(Decision.id).where(
        Decision.campaign_id == decision.campaign_id,
        Decision.id != decision.id,
        Decision.withdrawn_at.is_(None),
        Decision.made_on >= decision.made_on - reach,
        Decision.made_on <= decision.made_on + reach,
    )
    return len(session.execute(query).all())
