"""What partners are owed, as what happened to their commissions on each day of the brand: a balance is the sum of all
days up to its own.

A commission is recorded, approved and paid at three moments. Each counts on the day by whose end it is known with the
commission itself, so the days add up to what the moments say, in whatever order they came.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, and_, case, exists, func, not_, or_, select, union
from sqlalchemy.orm import Session, aliased

from tracker.domain.commissions import Kind, State
from tracker.ledger.figures import Line, added_up
from tracker.ledger.remembered import Lines
from tracker.ledger.tables import Commission, CommissionStep, Touch
from tracker.reports import _rolled
from tracker.reports._shape import Scope, span, zone_of

Key = tuple[str, str]  # partner, currency
_APPROVED, _PAID, _EARLIER = aliased(CommissionStep), aliased(CommissionStep), aliased(Commission)


@dataclass(frozen=True, slots=True)
class Owed:
    """What some days come to in one currency, minor units; `orders` had their first commission in it.

    `new` is what was recorded in the last of them alone, `settled` what is both approved and paid, and `rows` is how
    many commissions are approved and not paid.
    """

    new: int = 0
    recorded: int = 0
    approved: int = 0
    paid: int = 0
    settled: int = 0
    reversed: int = 0
    orders: int = 0
    rows: int = 0

    @property
    def pending(self) -> int:
        """Neither approved nor paid."""
        return self.recorded - self.approved - self.paid + self.settled

    @property
    def payable(self) -> int:
        """Approved and not paid."""
        return self.approved - self.settled


def balances(session: Session, scope: Scope) -> dict[Key, Owed]:
    """What all days up to the scope's last one come to; of the orders of its campaign, if it names one.

    Of the scope's own days is what was `new`.
    """
    first = _first_day(session, scope.brand_id)
    if first is None or first > scope.end:
        return {}
    own = _over(session, replace(scope, start=max(first, scope.start)))
    before = _over(session, replace(scope, start=first, end=scope.start - timedelta(days=1)))
    new = {line[:2]: line[2] for line in own}
    return {
        (partner, currency): Owed(new.get((partner, currency), 0), *numbers)
        for partner, currency, *numbers in added_up([*before, *own], 2)
    }


def payable(session: Session, brand_id: str, today: date) -> list[tuple[str, str, int, int]]:
    """What is approved and not paid by now: partner, currency, sum in minor units, how many commissions."""
    sums: dict[Key, list[int]] = defaultdict(lambda: [0, 0])
    for partner, currency, _, approved, _, settled, _, _, rows in _ever(session, Scope(brand_id, today, today)):
        of_partner = sums[partner, currency]
        of_partner[0] += approved - settled
        of_partner[1] += rows
    return [(*key, amount, rows) for key, (amount, rows) in sums.items() if rows]


def _ever(session: Session, scope: Scope) -> Iterable[Sequence[Any]]:
    """The lines of all days up to the scope's last one, not added up: those before its first day come first."""
    first = _first_day(session, scope.brand_id)
    if first is None or first > scope.end:
        return ()
    own, before = replace(scope, start=max(first, scope.start)), replace(scope, end=scope.start - timedelta(days=1))
    parts = [replace(before, start=first), own] if first <= before.end else [own]
    return chain.from_iterable(_rolled.each(session, part, _owed) for part in parts)


def _over(session: Session, scope: Scope) -> Lines:
    if scope.start > scope.end:
        return []
    whole = _rolled.whole(scope)
    return (
        _of_campaign(session, whole, scope.campaign_id) if scope.campaign_id else _rolled.asked(session, whole, _owed)
    )


def _of_campaign(session: Session, whole: Scope, campaign_id: str) -> Lines:
    def live(part: Scope) -> Iterable[Line]:
        return [line[1:] for line in _touched(session, part, campaign_id)]

    return _rolled.summed(session, whole, _owed_by_campaign.named(whole) or "", 2, live, only=campaign_id, always=True)


def _first_day(session: Session, brand_id: str) -> date | None:
    first = session.execute(select(func.min(Commission.at)).where(Commission.brand_id == brand_id)).scalar()
    return first.astimezone(zone_of(session, brand_id)).date() if first else None


@_rolled.additive("owed", 2, by_channel=False, always=True)
def _owed(session: Session, scope: Scope) -> Iterable[Line]:
    moments = span(scope, zone_of(session, scope.brand_id))
    keys = (Commission.partner_id, Commission.currency)
    query = _joined(select(*keys, *_figures(*moments)), scope, *moments).group_by(*keys)
    return [(*line[:2], *map(int, line[2:])) for line in session.execute(query)]


@_rolled.additive("owed-by-campaign", 3, by_channel=False, always=True)
def _owed_by_campaign(session: Session, scope: Scope) -> Iterable[Line]:
    return _touched(session, scope, None)


def _touched(session: Session, scope: Scope, campaign_id: str | None) -> list[Line]:
    """The same by the campaigns with which the partner stands in the order's journey; or of one of them."""
    moments = span(scope, zone_of(session, scope.brand_id))
    stands = select(Touch.order_id, Touch.partner_id, Touch.campaign_id).where(
        Touch.order_id.in_(_joined(select(Commission.order_id), scope, *moments)), Touch.campaign_id.is_not(None)
    )
    if campaign_id:
        stands = stands.where(Touch.campaign_id == campaign_id)
    each = stands.distinct().subquery()
    keys = (each.c.campaign_id, Commission.partner_id, Commission.currency)
    query = _joined(select(*keys, *_figures(*moments)), scope, *moments).join(
        each, and_(each.c.order_id == Commission.order_id, each.c.partner_id == Commission.partner_id)
    )
    return [(*line[:3], *map(int, line[3:])) for line in session.execute(query.group_by(*keys))]


def _joined(query: Select[*tuple[Any, ...]], scope: Scope, start: datetime, end: datetime) -> Select[*tuple[Any, ...]]:
    """The commissions to which something happened between two moments, with their steps."""
    return (
        query.select_from(Commission)
        .outerjoin(_APPROVED, _is_step(_APPROVED, State.APPROVED))
        .outerjoin(_PAID, _is_step(_PAID, State.PAID))
        .where(Commission.id.in_(_moved(scope.brand_id, start, end)), Commission.at < end)
    )


def _moved(brand_id: str, start: datetime, end: datetime) -> Any:
    """What was recorded, and what took a step: each step is looked up, not all of the brand's for those with one."""
    one = aliased(Commission)
    is_ours = exists().where(one.id == CommissionStep.commission_id, one.brand_id == brand_id)
    return union(
        select(one.id).where(one.brand_id == brand_id, one.at >= start, one.at < end),
        select(CommissionStep.commission_id).where(CommissionStep.at >= start, CommissionStep.at < end, is_ours),
    )


def _is_step(step: type[CommissionStep], state: State) -> ColumnElement[bool]:
    return and_(step.commission_id == Commission.id, step.state == state.value)


def _figures(start: datetime, end: datetime) -> list[ColumnElement[int]]:
    """The numbers of `Owed` after what is new, in its order."""

    def within(*moments: SQLColumnExpression[datetime]) -> ColumnElement[bool]:
        """Whether the last of the moments lies between the two."""
        return and_(*(at < end for at in moments), not_(and_(*(at < start for at in moments))))

    recorded, amount = Commission.at, Commission.amount
    is_approved, is_settled = within(recorded, _APPROVED.at), within(recorded, _APPROVED.at, _PAID.at)
    return [
        _sum(within(recorded), amount),
        _sum(is_approved, amount),
        _sum(within(recorded, _PAID.at), amount),
        _sum(is_settled, amount),
        _sum(and_(within(recorded), Commission.kind == Kind.REVERSAL.value), -amount),
        _sum(and_(within(recorded), _is_first()), 1),
        _sum(is_approved, 1) - _sum(is_settled, 1),
    ]


def _is_first() -> ColumnElement[bool]:
    """Whether a commission is the first of its order, partner and currency: numbers begin with 1."""
    same = (
        _EARLIER.order_id == Commission.order_id,
        _EARLIER.partner_id == Commission.partner_id,
        _EARLIER.currency == Commission.currency,
    )
    return or_(Commission.number == 1, ~exists().where(*same, _EARLIER.number < Commission.number))


def _sum(condition: ColumnElement[bool], number: Any) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, number), else_=0)), 0)
