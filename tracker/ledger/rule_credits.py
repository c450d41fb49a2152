"""What rules have credited on the orders of a question: sealed credits, exact to the minor unit, no estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session

from tracker.ledger.paths import Level, Question
from tracker.ledger.tables import Credit, CreditSet, OrderRow, Partner, Placement, Touch

SPLIT_BY = "linear"


@dataclass(frozen=True, slots=True)
class Part:
    """What a partner is credited with in a group by the linear model, and which share of the group's that is."""

    group: str
    partner_id: str
    partner: str
    amount: int
    share: float


def by_model(session: Session, question: Question) -> dict[str, dict[str, int]]:
    """Minor units by model and name, of all paid orders of the days in the currency, whatever tied them to a touch."""
    name = _name_of(question.level)
    found: dict[str, dict[str, int]] = {}
    query = _credits(question, CreditSet.model, name).group_by(CreditSet.model, name)
    for model, called, amount in session.execute(query.order_by(CreditSet.model, name)):
        found.setdefault(model, {})[called or ""] = int(amount)
    return found


def within_groups(session: Session, question: Question) -> list[Part]:
    """How each group's linear credits fall to its partners, on the orders with a click in their journey.

    Group by group, the largest part first; a group without such credit is not there.
    """
    name = _name_of(Level.GROUP)
    joined = exists().where(Touch.order_id == OrderRow.id, Touch.click_id.is_not(None))
    query = _credits(question, name, Partner.id, Partner.name).where(CreditSet.model == SPLIT_BY, joined)
    rows = [
        (group, partner_id, partner, int(amount))
        for group, partner_id, partner, amount in session.execute(query.group_by(name, Partner.id, Partner.name))
    ]
    whole: dict[str, int] = {}
    for group, _, _, amount in rows:
        whole[group] = whole.get(group, 0) + amount
    rows.sort(key=lambda row: (row[0], -row[3], row[1]))
    return [Part(*row, row[3] / whole[row[0]]) for row in rows if row[3]]


def _credits(question: Question, *columns: Any) -> Select[Any]:
    return (
        select(*columns, func.sum(Credit.amount))
        .select_from(OrderRow)
        .join(CreditSet, CreditSet.order_id == OrderRow.id)
        .join(Credit, Credit.set_id == CreditSet.id)
        .join(Partner, Partner.id == Credit.partner_id)
        .join(Placement, Placement.id == Credit.placement_id, isouter=True)
        .where(
            OrderRow.brand_id == question.brand_id,
            OrderRow.placed_day.between(question.first, question.last),
            OrderRow.status == "paid",
            OrderRow.test.is_(False),
            OrderRow.currency == question.currency,
            CreditSet.sealed.is_(True),
        )
    )


def _name_of(level: Level) -> ColumnElement[Any]:
    """What a credit counts for, as `path_sql` names a touch."""
    names: dict[Level, Any] = {
        Level.CHANNEL: Credit.channel,
        Level.GROUP: Credit.channel.concat("/").concat(Partner.kind),
        Level.CAMPAIGN: Credit.campaign_id,
        Level.PLACEMENT: Credit.placement_id,
        Level.NETWORK: Placement.network,
    }
    found: ColumnElement[Any] = names[level]
    return found
