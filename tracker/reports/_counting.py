"""What credits and touches come to, counted from their rows, as `_parts` adds them up in SQL.

Reading the rows of a day once and counting them in several ways costs less than a query for each of the ways.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import Select, and_, select
from sqlalchemy.orm import Session

from tracker.domain.orders import Status
from tracker.ledger.database import once, sees_one_moment
from tracker.ledger.figures import Line, Span
from tracker.ledger.tables import Credit, CreditSet, OrderRow, Placement, Touch
from tracker.reports._orders import of_model
from tracker.reports._shape import Scope

# The cells of a credit or a touch that may be a subject or a filter. A touch has no code, pair or day of its own.
CELLS = (
    "brand", "campaign", "channel", "code", "day", "day-channel", "link", "network", "own-campaign", "pair", "partner",
    "placement",
)  # fmt: skip
_FEW = 3  # days whose rows are read at once

Cells = tuple[Any, ...]
Numbers = Sequence[int]
Key = TypeVar("Key", bound=tuple[Any, ...])


@dataclass(frozen=True, slots=True)
class Counted:
    """The credits of an order under a model, or its touches: each with its cells and its numbers.

    `additive` says that amounts of a subject are added; else each is of the whole.
    """

    day: date
    status: str
    model: str
    paying: bool
    additive: bool
    currency: str
    cells: tuple[Cells, ...]
    numbers: tuple[Numbers, ...]

    def by_subject(self, subject: int, grain: int = -1) -> Iterator[tuple[Any, Any, Numbers]]:
        """What the order is to each subject, once, and to each value of the filter at `grain`, None for -1.

        `subject` and `grain` are places in CELLS. What has none of either is left out.
        """
        if len(self.cells) == 1:
            of, only = self.cells[0][subject], None if grain < 0 else self.cells[0][grain]
            if of is not None and (grain < 0 or only is not None):
                yield only, of, self.numbers[0]
            return
        own: dict[tuple[Any, Any], Numbers] = {}
        for cell, numbers in zip(self.cells, self.numbers, strict=True):
            key = (None if grain < 0 else cell[grain], cell[subject])
            if key[1] is None or (grain >= 0 and key[0] is None):
                continue
            before = own.get(key)
            own[key] = numbers if before is None else self._joined(before, numbers)
        for (only, of), numbers in own.items():
            yield only, of, numbers

    def _joined(self, one: Numbers, other: Numbers) -> Numbers:
        """Two credits of a subject in one order: parts are added, the order stays one; of the whole, what either is."""
        joined = [max(pair) for pair in zip(one, other, strict=True)]
        if self.additive:
            joined[0], joined[3] = one[0] + other[0], one[3] + other[3]
        return joined


def are_few(session: Session, scope: Scope) -> bool:
    """Whether the scope has so few days that their rows are better read once for whatever is counted of them."""
    return sees_one_moment(session) and (scope.end - scope.start).days < _FEW


def credited(session: Session, scope: Scope, subject: str, status: Status) -> list[Line]:
    """Subject, currency and the numbers of `Credited` under the scope's model and filters; `subject` is of CELLS."""
    days, model = Span(scope.start, scope.end), scope.model
    orders = once(
        session,
        ("credits", scope.brand_id, days, model),
        lambda: list(credits(session, scope.brand_id, days, model)),
    )
    return _added([order for order in orders if order.status == status], scope, subject)


def stood(session: Session, scope: Scope, subject: str) -> list[Line]:
    """Subject, currency and the numbers of `Journeys` under the scope's filters; `subject` is of CELLS."""
    days = Span(scope.start, scope.end)
    orders = once(session, ("touches", scope.brand_id, days), lambda: list(touches(session, scope.brand_id, days)))
    return _added(orders, scope, subject)


def _added(orders: Iterable[Counted], scope: Scope, subject: str) -> list[Line]:
    sums: dict[Line, list[int]] = {}
    place, wanted = CELLS.index(subject), _wanted(scope)
    for order in orders:
        kept = _narrowed(order, wanted) if wanted else order
        for _, of, numbers in kept.by_subject(place) if kept else ():
            add(sums, (of, order.currency), numbers)
    return [(*key, *numbers) for key, numbers in sums.items()]


def _wanted(scope: Scope) -> list[tuple[int, str]]:
    return [(CELLS.index(name), value) for name, value in scope.chosen()]


def _narrowed(order: Counted, wanted: Sequence[tuple[int, str]]) -> Counted | None:
    kept = [
        pair
        for pair in zip(order.cells, order.numbers, strict=True)
        if all(pair[0][place] == value for place, value in wanted)
    ]
    if len(kept) in (0, len(order.cells)):
        return order if kept else None
    cells, numbers = tuple(cell for cell, _ in kept), tuple(figures for _, figures in kept)
    return replace(order, cells=cells, numbers=numbers)


def add(sums: dict[Key, list[int]], key: Key, numbers: Numbers) -> None:
    """Add numbers to those of `key`."""
    so_far = sums.get(key)
    sums[key] = list(numbers) if so_far is None else [one + other for one, other in zip(so_far, numbers, strict=True)]


# --- credits ---------------------------------------------------------------------------------------------------------


def credits(session: Session, brand_id: str, days: Span, model: str | None = None) -> Iterator[Counted]:
    """What was credited on the days, under every model or one of them."""
    query = _credits(brand_id, days) if model is None else _credits(brand_id, days).where(of_model(model))
    networks = _networks(session, brand_id)
    for _, group in groupby(session.execute(query), key=itemgetter(0)):
        rows = list(group)
        first = rows[0]
        yield Counted(
            first.placed_day,
            first.status,
            first.model,
            first.paying,
            first.additive,
            first.currency,
            tuple(_credit_cells(row, brand_id, networks) for row in rows),
            tuple(_figures_of(row) for row in rows),
        )


def _credit_cells(row: Any, brand: str, networks: Mapping[str, str]) -> Cells:
    campaign, partner, placement = row.campaign_id, row.partner_id, row.placement_id
    return (
        brand, campaign, row.channel, row.code, row.placed_day, f"{row.placed_day}/{row.channel}", row.link_id,
        networks.get(placement), campaign or brand, f"{campaign or ''}/{partner}", partner, placement,
    )  # fmt: skip


def _figures_of(row: Any) -> tuple[int, ...]:
    """A credit as `_parts.Credited` counts it: amount, order, net value, through a link, whether so, new customer."""
    linked = row.link_id is not None
    return (row.amount, 1, row.net, row.amount if linked else 0, int(linked), int(row.customer_is_new is True))


def _credits(brand_id: str, days: Span) -> Select[*tuple[Any, ...]]:
    order = (OrderRow.placed_day, OrderRow.status, OrderRow.currency, OrderRow.net, OrderRow.customer_is_new)
    return (
        select(
            *(Credit.set_id, *order, CreditSet.model, CreditSet.paying, CreditSet.additive),
            *(Credit.amount, Credit.partner_id, Credit.channel, Credit.link_id, Credit.code, Credit.campaign_id),
            Credit.placement_id,
        )
        .select_from(OrderRow)
        .join(CreditSet, CreditSet.order_id == OrderRow.id)
        .join(Credit, and_(Credit.set_id == CreditSet.id, Credit.order_id == OrderRow.id))
        .where(*_placed(brand_id, days, (Status.PAID, Status.PENDING)), CreditSet.sealed.is_(True))
        .order_by(Credit.set_id)
    )


# --- touches ---------------------------------------------------------------------------------------------------------


def touches(session: Session, brand_id: str, days: Span) -> Iterator[Counted]:
    """The journeys of the orders of the days."""
    networks = _networks(session, brand_id)
    for _, group in groupby(session.execute(_touches(brand_id, days)), key=itemgetter(0)):
        rows = list(group)
        cells = tuple(_touch_cells(row, networks) for row in rows)
        numbers = tuple((1, int(row.closer), int(row.opener)) for row in rows)
        yield Counted(rows[0].placed_day, Status.PAID, "", False, False, rows[0].currency, cells, numbers)


def _touch_cells(row: Any, networks: Mapping[str, str]) -> Cells:
    network, partner = networks.get(row.placement_id), row.partner_id
    return (None, row.campaign_id, row.channel, None, None, None, row.link_id, network, None, None, partner, None)


def _touches(brand_id: str, days: Span) -> Select[*tuple[Any, ...]]:
    return (
        select(
            *(Touch.order_id, OrderRow.placed_day, OrderRow.currency, Touch.opener, Touch.closer, Touch.partner_id),
            *(Touch.channel, Touch.link_id, Touch.campaign_id, Touch.placement_id),
        )
        .join(Touch, Touch.order_id == OrderRow.id)
        .where(*_placed(brand_id, days, (Status.PAID,)))
        .order_by(Touch.order_id)
    )


def _placed(brand_id: str, days: Span, statuses: Sequence[Status]) -> tuple[Any, ...]:
    return (
        OrderRow.brand_id == brand_id,
        OrderRow.placed_day >= days.start,
        OrderRow.placed_day <= days.end,
        OrderRow.status.in_(statuses),
        OrderRow.test.is_(False),
    )


def _networks(session: Session, brand_id: str) -> Mapping[str, str]:
    """The network of each placement: joined to a day's orders, planners look through all placements for each."""
    query = select(Placement.id, Placement.network).where(Placement.brand_id == brand_id)
    return once(session, ("networks of placements", brand_id), lambda: dict(session.execute(query).all()))
