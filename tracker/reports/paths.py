"""Which sequences of channels journeys follow, how often they end in an order, and what those bring.

Journeys without an order are included: those of visitors who may be followed, from the day their window closed. With a
campaign, a channel or a partner chosen, whole journeys that touch it count.
"""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.domain.metrics import average_order_value, conversion_rate, whole_units
from tracker.ledger.paths import Answer, Path, Question, answer, ask
from tracker.ledger.tables import Click
from tracker.reports._shape import Column, Kind, Row, Scope

FILTERS = ("channel", "partner", "campaign")
TITLE = "Paths"
DESCRIPTION = (
    "The most frequent journeys by channel, and the most valuable ones, journeys without an order included. "
    "Orders whose journey no click began are left out."
)
RANK = 27
GROUP = "Influence × affiliation"
EMPTY = "A path needs an order that a click led to, or a visitor with consent whose window has closed."
COLUMNS = (
    Column("path", "Path", help="The channels of a journey's clicks in time order."),
    Column("touches", "Touches", Kind.INTEGER, "Clicks in the journey."),
    Column(
        "journeys",
        "Journeys",
        Kind.INTEGER,
        "Journeys along the path: with an order in the period, or without one and closed in it.",
    ),
    Column("orders", "Orders", Kind.INTEGER, "Journeys that ended in a paid order of the brand's currency."),
    Column(
        "cvr",
        "Conversion rate",
        Kind.PERCENT,
        "Orders by journeys. Journeys without an order are known of visitors with consent only.",
    ),
    Column("revenue", "Net revenue", Kind.MONEY, "Net value of the orders."),
    Column("aov", "Average order", Kind.MONEY, "Net revenue by orders."),
    Column("lag_hours", "Time lag, hours", Kind.NUMBER, "From the first touch to the order, on average."),
    Column("currency", "Currency", Kind.TEXT, "The brand's."),
)

_SHOWN = 50
# A journey is put together click by click: as many clicks as this take some 100 ms, and ten times as many a second.
_LONG = 20_000


def rows(session: Session, scope: Scope) -> list[Row]:
    """The fifty most frequent paths and the fifty most valuable ones, the most valuable first."""
    question = _question(session, scope)
    found = answer(session, question)
    frequent = sorted(found.paths, key=lambda path: (-path.conversions - path.nulls, path.codes))[:_SHOWN]
    valuable = sorted(found.paths, key=lambda path: (-path.value, path.codes))[:_SHOWN]
    chosen = {path.codes: path for path in (*frequent, *valuable)}.values()
    ranked = sorted(chosen, key=lambda path: (-path.value, -path.conversions - path.nulls, path.codes))
    return [_row(found, path, question.currency) for path in ranked]


def is_long(session: Session, scope: Scope) -> bool:
    """Whether so many clicks are looked at: those of the days and of the windows before, whatever is chosen of them."""
    asked = _question(session, scope)
    within = (Click.brand_id == asked.brand_id, Click.at >= asked.reach, Click.at < asked.until)
    last = select(Click.at).where(*within).order_by(Click.at).offset(_LONG - 1).limit(1)
    return session.execute(last).first() is not None


def _question(session: Session, scope: Scope) -> Question:
    return ask(
        session,
        scope.brand_id,
        scope.start,
        scope.end,
        _known_until(session, scope.brand_id),
        campaign_id=scope.campaign_id,
        channel=scope.channel,
        partner_id=scope.partner_id,
    )


def _known_until(session: Session, brand_id: str) -> datetime:
    """The brand's latest click: whether a window has closed by then is known, and does not depend on who asks when."""
    latest = session.execute(select(func.max(Click.at)).where(Click.brand_id == brand_id)).scalar()
    return latest or datetime(1970, 1, 1, tzinfo=UTC)


def _row(found: Answer, path: Path, currency: str) -> Row:
    names = [found.names[int(code)] for code in path.codes.split(",")[1:]]
    journeys = path.conversions + path.nulls
    return {
        "path": " › ".join(name.capitalize() for name in names),
        "touches": len(names),
        "journeys": journeys,
        "orders": path.conversions,
        "cvr": conversion_rate(path.conversions, journeys),
        "revenue": path.value,
        "aov": whole_units(average_order_value(path.value, path.conversions)),
        "lag_hours": Fraction(path.lag, path.conversions * 3600) if path.conversions else None,
        "currency": currency,
    }
