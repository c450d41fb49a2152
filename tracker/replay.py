"""What past orders would have come to under other rules, by the very code that credits them; nothing is written.

Paid orders that are no tests are replayed, as reports count them, and each stands for itself: one that waits to be
credited anew is left out and counted. Orders are read a batch at a time, the latest first, each batch as of one moment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from typing import cast

from sqlalchemy import ColumnElement, Row, exists, func, literal, select, tuple_
from sqlalchemy.orm import Session, sessionmaker

from tracker.attribution._shape import Model, Rule
from tracker.domain.credits import credit
from tracker.domain.differences import Comparison, Holder, Order, Outcome, difference, shares_of
from tracker.domain.journeys import judge
from tracker.domain.orders import Status
from tracker.domain.rules import Rules
from tracker.ledger import journeys
from tracker.ledger.database import among, is_postgresql
from tracker.ledger.tables import AttributionDue, Credit, CreditSet, OrderRow
from tracker.ledger.types import Id, Moment
from tracker.plugins import discover

BATCH = 500

Found = Row[str, str, str, datetime, str, int]


@dataclass(frozen=True, slots=True)
class Range:
    """Which orders: of a brand, placed on the brand's days from `start` to `end`, at most so many of the latest."""

    brand_id: str
    start: date
    end: date
    most: int | None = None


def count(session: Session, wanted: Range) -> int:
    """How many orders a replay of this range looks at."""
    found = session.execute(select(func.count()).select_from(OrderRow).where(*_conditions(wanted))).scalar_one()
    return min(found, wanted.most) if wanted.most is not None else found


def replay(
    sessions: sessionmaker[Session],
    wanted: Range,
    rules: Rules,
    comparison: Comparison,
    progress: Callable[[int], object] = lambda _: None,
) -> Comparison:
    """The orders of the range under `rules` against how they stand. `progress` is told how many each batch had.

    It holds no transaction from batch to batch, and may be broken off at any time.
    """
    left = wanted.most if wanted.most is not None else 10**12
    last: tuple[datetime, str] | None = None
    while left > 0:
        with sessions() as session:
            _as_of_one_moment(session)
            orders = _orders(session, wanted, last, min(left, BATCH))
            _compare(session, orders, rules, comparison)
        progress(len(orders))
        if len(orders) < BATCH:
            break
        left -= len(orders)
        last = (orders[-1].placed_at, orders[-1].id)
    return comparison


def _compare(session: Session, orders: Sequence[Found], rules: Rules, comparison: Comparison) -> None:
    ids = [order.id for order in orders]
    due = set(
        session.execute(select(AttributionDue.order_id).where(among(session, AttributionDue.order_id, ids))).scalars()
    )
    comparison.waiting += len(due)
    settled = {order.id: order for order in orders if order.id not in due}
    standing = _standing(session, list(settled))
    for case in journeys.load(session, list(settled)):
        row = settled[case.bill.order_id]
        order = Order(row.id, row.number or row.external_id, row.placed_at, row.currency, row.net)
        before, after = standing.get(order.id, {}), _outcome(case, rules)
        comparison.count(order, before, after.shares)
        if before != after.shares:
            stands = replace(_outcome(case, case.rules), shares=before)
            comparison.add(difference(order, stands, after))


def _outcome(case: journeys.Case, rules: Rules) -> Outcome:
    """What these rules make of an order. Pure."""
    journey = judge(case.sale, case.candidates, rules)
    paying = rules.under(journey.campaign_id).paying_model
    model = _rules_that_pay().get(paying)
    credits = credit(journey, case.bill.net, model.weights, rules) if model else ()
    return Outcome(paying, journey, shares_of(journey, credits))


@cache
def _rules_that_pay() -> dict[str, Rule]:
    models = cast("dict[str, Model]", discover("tracker.attribution"))
    return {name: model for name, model in models.items() if model.MAY_PAY and isinstance(model, Rule)}


def _as_of_one_moment(session: Session) -> None:
    """What is credited between two of our queries must not look like a difference. SQLite's reads are so anyway."""
    if is_postgresql(session):
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def _orders(session: Session, wanted: Range, last: tuple[datetime, str] | None, limit: int) -> Sequence[Found]:
    columns = (OrderRow.id, OrderRow.number, OrderRow.external_id, OrderRow.placed_at, OrderRow.currency, OrderRow.net)
    query = select(*columns).where(*_conditions(wanted))
    if last is not None:
        placed_at, order_id = literal(last[0], Moment), literal(last[1], Id)
        query = query.where(tuple_(OrderRow.placed_at, OrderRow.id) < tuple_(placed_at, order_id))
    return cast(
        "Sequence[Found]",
        session.execute(query.order_by(OrderRow.placed_at.desc(), OrderRow.id.desc()).limit(limit)).all(),
    )


def _conditions(wanted: Range) -> tuple[ColumnElement[bool], ...]:
    return (
        OrderRow.brand_id == wanted.brand_id,
        OrderRow.placed_day.between(wanted.start, wanted.end),
        OrderRow.status == Status.PAID,
        OrderRow.test.is_(False),
    )


def _standing(session: Session, order_ids: Sequence[str]) -> dict[str, dict[Holder, int]]:
    """Who has what of these orders, as they are credited."""
    pays = exists().where(CreditSet.id == Credit.set_id, CreditSet.paying.is_(True), CreditSet.sealed.is_(True))
    query = (
        select(Credit.order_id, Credit.partner_id, Credit.channel, func.sum(Credit.amount))
        .where(among(session, Credit.order_id, order_ids), pays)
        .group_by(Credit.order_id, Credit.partner_id, Credit.channel)
    )
    found: dict[str, dict[Holder, int]] = {}
    for order_id, partner_id, channel, amount in session.execute(query):
        found.setdefault(order_id, {})[(partner_id, channel)] = int(amount)
    return found
