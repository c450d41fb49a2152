"""What was spent between two days, where it lies, and what was owed for the orders of those days."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Select, exists, func, select, union
from sqlalchemy.orm import Session

from tracker.domain.costs import Cell, Cost, Kind, Push, Spread
from tracker.ledger.database import once
from tracker.ledger.tables import (
    Campaign,
    Code,
    CodeOwner,
    Commission,
    Credit,
    CreditSet,
    Link,
    OrderRow,
    Placement,
    Touch,
)
from tracker.ledger.tables import Cost as CostRow


def spent(session: Session, brand_id: str, start: date, end: date) -> list[tuple[str, Cost]]:
    """Costs of the brand from `start` to `end`, both included, that were not withdrawn, each with its currency.

    What sits on a placement lies on its partner, and on its campaign where the cost names none.
    """
    query = (
        select(
            *(CostRow.currency, CostRow.id, CostRow.kind, CostRow.amount, CostRow.spent_on),
            func.coalesce(CostRow.campaign_id, Placement.campaign_id),
            func.coalesce(CostRow.partner_id, Placement.partner_id),
            CostRow.spread,
        )
        .outerjoin(Placement, Placement.id == CostRow.placement_id)
        .where(CostRow.brand_id == brand_id, CostRow.spent_on >= start, CostRow.spent_on <= end)
        .where(CostRow.withdrawn_at.is_(None))
        .order_by(CostRow.spent_on, CostRow.id)
    )
    return [
        (currency, Cost(id_, Kind(kind), amount, spent_on, campaign, partner, Spread(spread)))
        for currency, id_, kind, amount, spent_on, campaign, partner, spread in session.execute(query)
    ]


def pushes(session: Session, brand_id: str) -> list[Push]:
    """The brand's campaigns in the order of their making, each with those who have a link, code, placement or cost."""
    return once(session, ("pushes", brand_id), lambda: _pushes(session, brand_id))


def _pushes(session: Session, brand_id: str) -> list[Push]:
    members: dict[str, set[str]] = {}
    for campaign_id, partner_id in session.execute(_members(brand_id)):
        members.setdefault(campaign_id, set()).add(partner_id)
    query = (
        select(Campaign.id, Campaign.starts_on, Campaign.ends_on)
        .where(Campaign.brand_id == brand_id)
        .order_by(Campaign.created_at, Campaign.id)
    )
    return [
        Push(row.id, row.starts_on, row.ends_on, tuple(sorted(members.get(row.id, ()))))
        for row in session.execute(query)
    ]


def _members(brand_id: str) -> Any:
    of_codes = (
        select(CodeOwner.campaign_id, CodeOwner.partner_id)
        .join(Code, Code.id == CodeOwner.code_id)
        .where(Code.brand_id == brand_id, CodeOwner.campaign_id.is_not(None))
    )
    direct = [
        select(table.campaign_id, table.partner_id).where(
            table.brand_id == brand_id, table.campaign_id.is_not(None), table.partner_id.is_not(None)
        )
        for table in (Link, Placement)
    ]
    of_costs = select(CostRow.campaign_id, CostRow.partner_id).where(
        CostRow.brand_id == brand_id,
        CostRow.campaign_id.is_not(None),
        CostRow.partner_id.is_not(None),
        CostRow.withdrawn_at.is_(None),
    )
    return union(of_codes, *direct, of_costs)


def owed(session: Session, brand_id: str, start: date, end: date, currency: str) -> dict[Cell, int]:
    """Commissions in `currency` on orders placed from `start` to `end`: what is left of them, whenever recorded.

    A commission lies on the campaign by which its terms are picked: that of the partner's last credited touch, or of
    the last touch where the partner has no credit.
    """
    each = _by_order(brand_id, start, end, currency).subquery()
    campaign = func.coalesce(_credited_campaign(each.c), _touched_campaign(each.c)).label("campaign_id")
    known = select(each.c.partner_id, campaign, each.c.amount).subquery()
    query = select(known.c.campaign_id, known.c.partner_id, func.sum(known.c.amount)).group_by(
        known.c.campaign_id, known.c.partner_id
    )
    return {(row[0], row[1]): int(row[2]) for row in session.execute(query)}


def _by_order(brand_id: str, start: date, end: date, currency: str) -> Select[*tuple[Any, ...]]:
    return (
        select(Commission.order_id, Commission.partner_id, func.sum(Commission.amount).label("amount"))
        .join(OrderRow, OrderRow.id == Commission.order_id)
        .where(OrderRow.brand_id == brand_id, OrderRow.placed_day >= start, OrderRow.placed_day <= end)
        .where(Commission.brand_id == brand_id, Commission.currency == currency)
        .group_by(Commission.order_id, Commission.partner_id)
        .having(func.sum(Commission.amount) != 0)
    )


def _credited_campaign(of: Any) -> Any:
    return (
        select(Credit.campaign_id)
        .join(CreditSet, CreditSet.id == Credit.set_id)
        .where(CreditSet.order_id == of.order_id, CreditSet.paying.is_(True), CreditSet.sealed.is_(True))
        .where(Credit.partner_id == of.partner_id, Credit.campaign_id.is_not(None))
        .order_by(Credit.position.desc())
        .limit(1)
        .scalar_subquery()
    )


def _touched_campaign(of: Any) -> Any:
    uncredited = ~exists().where(
        CreditSet.order_id == of.order_id,
        CreditSet.paying.is_(True),
        CreditSet.sealed.is_(True),
        Credit.set_id == CreditSet.id,
        Credit.partner_id == of.partner_id,
    )
    return (
        select(Touch.campaign_id)
        .where(Touch.order_id == of.order_id, Touch.partner_id == of.partner_id, Touch.campaign_id.is_not(None))
        .where(uncredited)
        .order_by(Touch.position.desc())
        .limit(1)
        .scalar_subquery()
    )
