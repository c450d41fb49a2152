"""Conversions that are no purchase, by the partner whose click or code brought them.

A conversion belongs to the partner of its click's link (a click by people), else to the owner that its code had at that
moment. Nobody is paid for them. An objective that is not a sale is judged by their number and what each cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.ledger.tables import Click, Code, CodeOwner, Conversion, Link, Partner, Placement
from tracker.reports._clicks import Clicks, clicks
from tracker.reports._crossing import number
from tracker.reports._parts import brand_currency, partners_of
from tracker.reports._returns import read
from tracker.reports._shape import Column, Kind, Row, Scope, span, zone_of

GROUP = "Performance"
RANK = 75
FILTERS = ("channel", "partner", "campaign", "network")
TITLE = "Actions"
DESCRIPTION = "Downloads, leads and sign-ups that partners brought. They are counted, and never paid."
EMPTY = "Send them to /api/v1/conversions, with the click id that the landing page got or with the promo code."
WORDS = {
    "download": "Download",
    "lead": "Lead",
    "sign_up": "Sign-up",
    "subscription": "Subscription",
}
COLUMNS = (
    Column("kind", "Action", Kind.WORD),
    Column("partner_id", "Partner id", Kind.ID),
    Column("partner", "Partner"),
    Column("channel", "Channel", Kind.WORD),
    Column("currency", "Currency"),
    Column("actions", "Actions", Kind.INTEGER, "Each once, however often it was told."),
    Column("by_click", "By a click", Kind.INTEGER, "Told with the id of a click on the partner's link."),
    Column("by_code", "By a code alone", Kind.INTEGER, "Told with the partner's code, and no click of anybody."),
    Column("rate", "Per click", Kind.PERCENT, "Actions that came by a click / clicks by people."),
    Column("cost", "Cost of each", Kind.MONEY, "All that was spent on the partner in these days / all its actions."),
)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the rows are made from beside the actions: partners, their clicks by people, and what they cost."""

    partners: dict[str, Partner]
    clicks: dict[str, Clicks]
    spent: dict[str, int]
    done: dict[str, int]
    currency: str


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a kind of action and partner, the most frequent first; those of nobody known have no partner."""
    found = session.execute(_query(session, scope)).all()
    if not found:
        return []
    filtered = scope.channel or scope.partner_id or scope.campaign_id or scope.network
    known = _known(session, scope, found)
    rows = [_row(line, known) for line in found if line[1] is not None or not filtered]
    return sorted(rows, key=lambda row: (-number(row["actions"]), str(row["kind"]), str(row["partner"])))


def _known(session: Session, scope: Scope, found: Sequence[Any]) -> _Known:
    done: dict[str, int] = {}
    for _, partner_id, actions, *_rest in found:
        done[partner_id or ""] = done.get(partner_id or "", 0) + int(actions)
    return _Known(
        partners=partners_of(session, scope.brand_id),
        clicks=clicks(session, scope, Link.partner_id),
        spent=_spent(session, scope),
        done=done,
        currency=brand_currency(session, scope.brand_id),
    )


def _row(line: Any, known: _Known) -> Row:
    kind, partner_id, actions, by_click, by_code = line
    partner, spent = known.partners.get(partner_id or ""), known.spent.get(partner_id or "")
    clicked = known.clicks.get(partner_id or "", Clicks()).human
    return {
        "kind": kind,
        "partner_id": partner_id,
        "partner": partner.name if partner else None,
        "channel": partner.channel if partner else None,
        "currency": known.currency,
        "actions": int(actions),
        "by_click": int(by_click),
        "by_code": int(by_code),
        "rate": metrics.conversion_rate(int(by_click), clicked) if partner else None,
        "cost": metrics.whole_units(metrics.cost_per_order(spent, known.done[partner_id])) if spent else None,
    }


def _query(session: Session, scope: Scope) -> Select[Any, Any, Any, Any, Any]:
    start, end = span(scope, zone_of(session, scope.brand_id))
    owner = and_(
        CodeOwner.code_id == Code.id,
        CodeOwner.valid_from <= Conversion.at,
        or_(CodeOwner.valid_to.is_(None), CodeOwner.valid_to > Conversion.at),
    )

    def whose(link: Any, code: Any) -> Any:
        """What the click's link says, though it be nothing; what the code's owner says only where there is no click."""
        return case((Link.id.is_not(None), link), else_=code)

    partner_id = whose(Link.partner_id, CodeOwner.partner_id)
    placement_id = whose(Link.placement_id, CodeOwner.placement_id)
    by_click = case((Link.id.is_not(None), 1), else_=0)
    by_code = case((and_(Link.id.is_(None), CodeOwner.id.is_not(None)), 1), else_=0)
    query = (
        select(Conversion.kind, partner_id, func.count(), func.sum(by_click), func.sum(by_code))
        .join(Click, and_(Click.id == Conversion.click_id, Click.verdict == "human"), isouter=True)
        .join(Link, and_(Link.id == Click.link_id, Link.brand_id == scope.brand_id), isouter=True)
        .join(Code, and_(Code.normal == Conversion.code, Code.brand_id == scope.brand_id), isouter=True)
        .join(CodeOwner, owner, isouter=True)
        .join(Partner, Partner.id == partner_id, isouter=True)
        .join(Placement, Placement.id == placement_id, isouter=True)
        .where(Conversion.brand_id == scope.brand_id, Conversion.at >= start, Conversion.at < end)
        .group_by(Conversion.kind, partner_id)
    )
    wanted = (
        (func.coalesce(whose(Link.channel, CodeOwner.channel), Partner.channel), scope.channel),
        (partner_id, scope.partner_id),
        (whose(Link.campaign_id, CodeOwner.campaign_id), scope.campaign_id),
        (Placement.network, scope.network),
    )
    return query.where(*(column == value for column, value in wanted if value))


def _spent(session: Session, scope: Scope) -> dict[str, int]:
    """What was spent on each partner, in minor units of the brand's currency; unknown for one network alone."""
    if scope.network:
        return {}
    found: dict[str, int] = {}
    for (_, partner_id), spent in read(session, scope).cells.items():
        if partner_id:
            found[partner_id] = found.get(partner_id, 0) + spent.total
    return found
