"""The figures that reports are made of: each one set-based query over a scope, keyed by what it is asked for.

Paid orders that are no tests count; those of another status are counted only where a report names it. Credits come from
sealed sets of the scope's model. A figure in money is keyed by its currency too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    Subquery,
    case,
    func,
    literal_column,
    select,
)
from sqlalchemy.orm import Session

from tracker.domain.orders import Status
from tracker.ledger import catalog
from tracker.ledger.database import once
from tracker.ledger.figures import Line
from tracker.ledger.tables import (
    Credit,
    CreditSet,
    OrderRow,
    Partner,
    Placement,
    Touch,
)
from tracker.reports import _counting, _rolled
from tracker.reports._orders import of_model
from tracker.reports._shape import PAYING, Scope, wholes

Condition = ColumnElement[bool]
By = SQLColumnExpression[Any]
Key = tuple[str, str]  # what was asked for, and the currency


# The columns by which days are rolled up, by their name there. By another column the orders themselves are asked.
CREDITED_BY: dict[str, By] = {
    "brand": Credit.brand_id,
    "campaign": Credit.campaign_id,
    "channel": Credit.channel,
    "code": Credit.code,
    "day": OrderRow.placed_day,
    "link": Credit.link_id,
    "partner": Credit.partner_id,
    "placement": Credit.placement_id,
}
TOUCHED_BY: dict[str, By] = {"channel": Touch.channel, "link": Touch.link_id, "partner": Touch.partner_id}


class Credited(NamedTuple):
    """What was credited to one subject in one currency. `value` is the net value of the orders, credited or not.

    `link_revenue` and `link_orders` are the part that came through a link, alone or beside a code; `new_orders` are
    those of customers known to be new.
    """

    revenue: int = 0
    orders: int = 0
    value: int = 0
    link_revenue: int = 0
    link_orders: int = 0
    new_orders: int = 0


class Journeys(NamedTuple):
    """In how many orders' journeys a subject stands, and where."""

    orders: int = 0
    closed: int = 0
    opened: int = 0

    @property
    def assisted(self) -> int:
        """Orders in whose journey the subject stands, but not as the closer."""
        return self.orders - self.closed


class Total(NamedTuple):
    """Orders of one currency and their net value."""

    orders: int = 0
    revenue: int = 0


def orders_of(scope: Scope, status: Status = Status.PAID) -> tuple[Condition, ...]:
    """The conditions on the orders that count."""
    return (
        OrderRow.brand_id == scope.brand_id,
        OrderRow.placed_day >= scope.start,
        OrderRow.placed_day <= scope.end,
        OrderRow.status == status,
        OrderRow.test.is_(False),
    )


def kept_by(scope: Scope, table: type[Credit] | type[Touch]) -> list[Condition]:
    """The scope's filters on credits or touches."""
    wanted = (
        (table.campaign_id, scope.campaign_id),
        (table.channel, scope.channel),
        (table.partner_id, scope.partner_id),
    )
    return [column == value for column, value in wanted if value] + on_network(scope, table.placement_id)


def on_network(scope: Scope, placement_id: By) -> list[Condition]:
    """The scope's filter by network: what belongs to a placement there."""
    if not scope.network:
        return []
    there = select(Placement.id).where(Placement.brand_id == scope.brand_id, Placement.network == scope.network)
    return [placement_id.in_(there)]


def is_filtered(scope: Scope) -> bool:
    """Whether the scope keeps only a part of the credits."""
    return bool(scope.chosen())


def totals(session: Session, scope: Scope, status: Status = Status.PAID) -> dict[str, Total]:
    """All orders of the scope's days by currency, credited or not."""
    whole = _rolled.whole(scope)
    lines = _rolled.asked(session, whole, _TOTALS[status]) if status in _TOTALS else _totals(session, whole, status)
    return {currency or "": Total(orders, int(net)) for currency, orders, net in lines}


def _totals(session: Session, scope: Scope, status: Status) -> Iterable[Line]:
    query = (
        select(OrderRow.currency, func.count(), func.sum(OrderRow.net))
        .where(*orders_of(scope, status))
        .group_by(OrderRow.currency)
    )
    return (tuple(row) for row in session.execute(query))


@_rolled.additive("totals", 1, by_channel=False)
def _paid(session: Session, scope: Scope) -> Iterable[Line]:
    return _totals(session, scope, Status.PAID)


@_rolled.additive("totals-pending", 1, by_channel=False)
def _pending(session: Session, scope: Scope) -> Iterable[Line]:
    return _totals(session, scope, Status.PENDING)


_TOTALS = {Status.PAID: _paid, Status.PENDING: _pending}


def credited_orders(session: Session, scope: Scope) -> dict[str, int]:
    """By currency, how many orders have a credit that the scope keeps: each order once, whoever shares it."""
    found = credited(session, scope, Credit.brand_id)
    return {currency or "": figures.orders for (_, currency), figures in found.items()}


def credited(
    session: Session, scope: Scope, by: By, status: Status = Status.PAID, wanted: frozenset[str] | None = None
) -> dict[Key, Credited]:
    """What was credited, by `by` (a column of credits) and currency. An order counts once for each subject.

    Under a model that is not additive a subject has an order's value once, however many touchpoints it had there. Not
    to be changed: whoever asks again is told the same. With `wanted`, of these subjects alone.
    """
    return once(
        session,
        ("credited", scope, text_of(by), status, wanted),
        lambda: _found(session, scope, by, status, wanted),
    )


def _found(
    session: Session, scope: Scope, by: By, status: Status, wanted: frozenset[str] | None
) -> dict[Key, Credited]:
    if (
        text_of(by) == text_of(Credit.brand_id)
        and len(scope.chosen()) > 1
        and (narrow := _narrowest(scope)) is not None
    ):
        found = credited(session, scope, narrow, status)
        return {(scope.brand_id, currency): figures for (_, currency), figures in found.items()}
    name = _named(CREDITED_BY, by) if status in (Status.PAID, Status.PENDING) else None
    wider, subject = _wider(scope, name)
    if name is None or not keeps(name, _grain(wider)[0], scope.model):
        lines = _credited(session, scope, by, status)
    else:
        kept = (f"credits/{name}", f"{status.value} {scope.model}")
        live = _narrowed(scope, lambda part: _of_days(session, part, by, name, status))
        lines = _summed(session, wider, kept, live, frozenset([subject]) if subject else wanted)
    return {(line[0], line[1]): Credited(*line[2:]) for line in lines if wanted is None or line[0] in wanted}


def as_day(key: object) -> date:
    """A subject that is a day: kept lines have it as text."""
    return key if isinstance(key, date) else date.fromisoformat(str(key))


def _of_days(session: Session, scope: Scope, by: By, name: str, status: Status) -> Iterable[Line]:
    if _counting.are_few(session, scope):
        return _counting.credited(session, scope, name, status)
    return _credited(session, scope, by, status)


def _credited(session: Session, scope: Scope, by: By, status: Status) -> Iterable[Line]:
    each = _of_orders(by).where(*orders_of(scope, status), of_model(scope.model), *kept_by(scope, Credit))
    return _whole(session.execute(_of_subjects(each.subquery(), 2)))


def _whole(rows: Iterable[Any]) -> Iterable[Line]:
    """Subjects, currencies and sums: PostgreSQL's are decimals."""
    return ((subject, currency, *map(int, sums)) for subject, currency, *sums in rows)


def _of_orders(by: By) -> Select[*tuple[Any, ...]]:
    """What each order is to each subject."""
    through_link = Credit.link_id.is_not(None)
    through_link_amount = case((through_link, Credit.amount), else_=0)
    return (
        select(
            by.label("subject"),
            OrderRow.currency,
            _of_an_order(Credit.amount).label("amount"),
            literal_column("1").label("orders"),
            func.max(OrderRow.net).label("net"),
            _of_an_order(through_link_amount).label("link_amount"),
            func.max(case((through_link, 1), else_=0)).label("link_order"),
            func.max(case((OrderRow.customer_is_new.is_(True), 1), else_=0)).label("new_order"),
        )
        .select_from(OrderRow)
        .join(CreditSet, CreditSet.order_id == OrderRow.id)
        .join(Credit, Credit.set_id == CreditSet.id)
        .where(by.is_not(None))
        .group_by(by, OrderRow.currency, OrderRow.id)
    )


def _of_subjects(each: Subquery, keys: int) -> Select[*tuple[Any, ...]]:
    """The orders' figures added up by the first `keys` columns."""
    columns = list(each.c)
    return select(*columns[:keys], *(func.sum(column) for column in columns[keys:])).group_by(*columns[:keys])


def _named(kept: dict[str, By], by: By) -> str | None:
    """Under which name days are rolled up by this column, if they are."""
    return next((name for name, column in kept.items() if text_of(column) == text_of(by)), None)


@lru_cache(256)
def text_of(by: By) -> str:
    """What a column is called, to tell it from others."""
    return str(by)


def keeps(name: str, grain: str, model: str) -> bool:
    """Whether days are rolled up by this column and filter for a model: what pays is asked for most.

    Credits that do not add up are asked for by partner under each filter too, since no other figure keeps them so.
    """
    if model == PAYING:
        return grain in (ALL, *GRAINS)
    return (grain == ALL and name != "pair") or (grain in GRAINS and name == "partner" and model in wholes())


def _summed(
    session: Session,
    scope: Scope,
    kept: tuple[str, str],
    live: Callable[[Scope], Iterable[Line]],
    wanted: frozenset[str] | None,
) -> Iterable[Line]:
    """Lines by subject and currency, from the days that are rolled up where the scope has one filter at most.

    `kept` is how their names begin and end; the filter stands between.
    """
    grain, only = _grain(scope)
    if grain not in (ALL, *GRAINS):
        return [line for line in live(scope) if wanted is None or line[0] in wanted]
    name = f"{kept[0]}/{grain} {kept[1]}".rstrip()
    return _rolled.summed(session, scope, name, 2, live, only=only, wanted=wanted)


def _grain(scope: Scope) -> tuple[str, str | None]:
    """The scope's one filter and what it keeps; ALL where there is none, and a name of no filter where several."""
    chosen = scope.chosen()
    return (ALL, None) if not chosen else chosen[0] if len(chosen) == 1 else ("several", None)


def _narrowest(scope: Scope) -> By | None:
    """A column of which the scope keeps one subject alone: what is credited to that is what the brand has there."""
    return Credit.channel if scope.channel else Credit.partner_id if scope.partner_id else None


def _wider(scope: Scope, name: str | None) -> tuple[Scope, str | None]:
    """The scope without its filter on the very subject that is asked for, and what that keeps: a part of the lines."""
    if name == "partner" and scope.partner_id:
        return replace(scope, partner_id=None), scope.partner_id
    if name == "channel" and scope.channel:
        return replace(scope, channel=None), scope.channel
    return scope, None


def _narrowed(scope: Scope, live: Callable[[Scope], Iterable[Line]]) -> Callable[[Scope], Iterable[Line]]:
    """`live` under all filters of the scope, whatever part of its days it is asked for."""
    return lambda part: live(replace(scope, start=part.start, end=part.end))


ALL = "all"
# The filters for which days are rolled up.
GRAINS = ("campaign", "channel", "network", "partner")


def _of_an_order(amount: By) -> ColumnElement[int]:
    """A subject's credits of one order together: their sum, or the greatest where each is of the whole."""
    total = func.sum(case((CreditSet.additive, amount), else_=0))
    greatest = func.max(case((CreditSet.additive, 0), else_=amount))
    return total + greatest


def journeys(session: Session, scope: Scope, by: By) -> dict[Key, Journeys]:
    """In how many journeys subjects stand, by `by` (a column of touches) and currency. An order counts once each.

    Not to be changed: whoever asks again is told the same.
    """
    return once(session, ("journeys", scope, text_of(by)), lambda: _stood(session, scope, by))


def _stood(session: Session, scope: Scope, by: By) -> dict[Key, Journeys]:
    name = _named(TOUCHED_BY, by)
    wider, subject = _wider(scope, name)
    if name is None:
        lines = _journeys(session, scope, by)
    else:
        live = _narrowed(scope, lambda part: _journeys_of_days(session, part, by, name))
        of = frozenset([subject]) if subject else None
        lines = _summed(session, wider, (f"touches/{name}", ""), live, of)
    return {(line[0], line[1]): Journeys(*line[2:]) for line in lines}


def _journeys_of_days(session: Session, scope: Scope, by: By, name: str) -> Iterable[Line]:
    if _counting.are_few(session, scope):
        return _counting.stood(session, scope, name)
    return _journeys(session, scope, by)


def _journeys(session: Session, scope: Scope, by: By) -> Iterable[Line]:
    each = _of_journeys(by).where(*orders_of(scope), *kept_by(scope, Touch)).subquery()
    return _whole(session.execute(_of_subjects(each, 2)))


def _of_journeys(by: By) -> Select[*tuple[Any, ...]]:
    """Where each subject stands in each order's journey."""
    return (
        select(
            by.label("subject"),
            OrderRow.currency,
            literal_column("1").label("orders"),
            func.max(case((Touch.closer, 1), else_=0)).label("closed"),
            func.max(case((Touch.opener, 1), else_=0)).label("opened"),
        )
        .select_from(OrderRow)
        .join(Touch, Touch.order_id == OrderRow.id)
        .where(by.is_not(None))
        .group_by(by, OrderRow.currency, OrderRow.id)
    )


def brand_currency(session: Session, brand_id: str) -> str:
    """The currency in which a report with no order at all speaks. Raises NotFound."""
    return catalog.brand_by_id(session, brand_id).currency


def in_order(currencies: Iterable[str], first: str) -> list[str]:
    """Distinct currencies, the brand's own in front; it alone where there are none."""
    return sorted(set(currencies) or {first}, key=lambda currency: (currency != first, currency))


def grouped(*figures: Collection[Key]) -> dict[str, set[str]]:
    """Each subject with the currencies in which it has figures."""
    found: dict[str, set[str]] = {}
    for keys in figures:
        for subject, currency in keys:
            found.setdefault(subject, set()).add(currency)
    return found


def partners_of(session: Session, brand_id: str) -> dict[str, Partner]:
    """The brand's partners by id."""
    query = select(Partner).where(Partner.brand_id == brand_id)
    return once(
        session,
        ("partners", brand_id),
        lambda: {partner.id: partner for partner in session.execute(query).scalars()},
    )
