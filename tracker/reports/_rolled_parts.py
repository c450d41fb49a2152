"""What credits and touches come to on some days, for every model and filter at once, as `_parts` adds it up in SQL.

The rows of a day are read once and counted here in all the ways that reports ask for: a query for each of them would
read them a hundred times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from tracker.domain.orders import Status
from tracker.ledger.figures import Line, Span
from tracker.ledger.tables import Credit, CreditSet, OrderRow, Placement, Touch
from tracker.reports._parts import ALL, CREDITED_BY, GRAINS, TOUCHED_BY, keeps
from tracker.reports._shape import PAYING

# The cells of a credit or a touch that may be a subject or a filter. A touch has no code, pair or day of its own.
_CELLS = (
    "brand", "campaign", "channel", "code", "day", "day-channel", "link", "network", "own-campaign", "pair", "partner",
    "placement",
)  # fmt: skip

_Cells = tuple[Any, ...]
_Way = tuple[str, int, int]
_Sums = dict[Any, list[dict[Line, list[int]]]]


def keys() -> dict[str, int]:
    """How many cells of a kept line are keys, by the first word of its name."""
    kept = [f"credits/{name}" for name in CREDITED_BY] + [f"touches/{name}" for name in TOUCHED_BY]
    return {f"{name}/{grain}": 2 if grain == ALL else 3 for name in kept for grain in (ALL, *GRAINS)}


def _ways(kind: str, names: Iterable[str]) -> list[_Way]:
    """Each way of counting: its name, the place of its subject, the place of its filter or -1."""
    return [
        (f"{kind}/{name}/{grain}", _CELLS.index(name), -1 if grain == ALL else _CELLS.index(grain))
        for name in names
        for grain in (ALL, *GRAINS)
    ]


def credits(session: Session, brand_id: str, days: Span) -> Iterator[tuple[date, str, list[Line]]]:
    """What was credited on each of the days, under the names by which `_parts.credited` reads it.

    What pays is counted in every way, another model only as `_parts.keeps` says: a year would be ten times as large.
    """
    every = _ways("credits", CREDITED_BY)
    ways = {True: every, False: [way for way in every if keeps(way[0].split("/")[1], way[0].split("/")[2], "")]}
    sums: _Sums = {}
    alone: dict[tuple[Any, ...], list[int]] = {}
    for _, group in groupby(session.execute(_credits(brand_id, days)), key=itemgetter(0)):
        of_set = list(group)
        first = of_set[0]
        place = (first.placed_day, first.status, first.model, first.paying)
        if len(of_set) == 1:
            _add(alone, (place, _cells_of(first), first.currency), _figures_of(first))
            continue
        found = sums.get(place) or sums.setdefault(place, [{} for _ in ways[first.paying]])
        cells, figures = [_cells_of(row) for row in of_set], [_figures_of(row) for row in of_set]
        _count(found, ways[first.paying], cells, figures, (first.currency, _summed if first.additive else _greater))
    for (place, cell, currency), numbers in alone.items():
        paying = place[-1]
        found = sums.get(place) or sums.setdefault(place, [{} for _ in ways[paying]])
        _count(found, ways[paying], (cell,), (numbers,), (currency, _greater))
    yield from _named(ways, sums)


def _named(ways: dict[bool, list[_Way]], sums: _Sums) -> Iterator[tuple[date, str, list[Line]]]:
    """Each way's lines under the model's name and, where it pays, under PAYING."""
    usual = {name for name, _, _ in ways[False]}
    for (day, status, model, paying), counted in sums.items():
        for (name, _, _), of_way in zip(ways[paying], counted, strict=True):
            lines = [(*key, *numbers) for key, numbers in of_way.items()]
            if name in usual:
                yield day, f"{name} {status} {model}", lines
            if paying:
                yield day, f"{name} {status} {PAYING}", lines


def _cells_of(row: Any) -> _Cells:
    brand, campaign, partner = row.brand_id, row.campaign_id, row.partner_id
    return (
        brand, campaign, row.channel, row.code, row.placed_day, f"{row.placed_day}/{row.channel}", row.link_id,
        row.network, campaign or brand, f"{campaign or ''}/{partner}", partner, row.placement_id,
    )  # fmt: skip


def _figures_of(row: Any) -> list[int]:
    """A credit as `_parts.Credited` counts it: amount, order, net value, through a link, whether so, new customer."""
    linked = row.link_id is not None
    return [row.amount, 1, row.net, row.amount if linked else 0, int(linked), int(row.customer_is_new is True)]


_Join = Callable[[list[int], list[int]], list[int]]


def _count(
    found: Sequence[dict[Line, list[int]]],
    ways: Sequence[_Way],
    cells: Sequence[_Cells],
    figures: Sequence[list[int]],
    how: tuple[str, _Join],
) -> None:
    """Add what an order is to each of its subjects, once, in every way of counting."""
    currency, join = how
    for (_, subject, grain), of_way in zip(ways, found, strict=True):
        own: dict[Line, list[int]] = {}
        for cell, numbers in zip(cells, figures, strict=True):
            of = cell[subject]
            if of is None or (grain >= 0 and cell[grain] is None):
                continue
            key = (of, currency) if grain < 0 else (cell[grain], of, currency)
            before = own.get(key)
            own[key] = numbers if before is None else join(before, numbers)
        for key, numbers in own.items():
            _add(of_way, key, numbers)


def _add(found: dict[Any, list[int]], key: Any, numbers: Sequence[int]) -> None:
    so_far = found.get(key)
    found[key] = list(numbers) if so_far is None else [one + other for one, other in zip(so_far, numbers, strict=True)]


def _greater(one: list[int], other: list[int]) -> list[int]:
    """Two touchpoints of a subject in one order, each of the whole: what either is."""
    return [max(pair) for pair in zip(one, other, strict=True)]


def _summed(one: list[int], other: list[int]) -> list[int]:
    """Two credits of a subject in one order, each a part: amounts are added, the order stays one."""
    joined = _greater(one, other)
    joined[0], joined[3] = one[0] + other[0], one[3] + other[3]
    return joined


def _credits(brand_id: str, days: Span) -> Any:
    return (
        select(
            *(
                Credit.set_id,
                OrderRow.placed_day,
                OrderRow.status,
                OrderRow.currency,
                OrderRow.net,
                OrderRow.customer_is_new,
            ),
            *(CreditSet.model, CreditSet.paying, CreditSet.additive, Credit.amount, Credit.brand_id),
            *(Credit.partner_id, Credit.channel, Credit.link_id, Credit.code, Credit.campaign_id, Credit.placement_id),
            Placement.network,
        )
        .select_from(OrderRow)
        .join(CreditSet, CreditSet.order_id == OrderRow.id)
        .join(Credit, and_(Credit.set_id == CreditSet.id, Credit.order_id == OrderRow.id))
        .join(Placement, and_(Placement.id == Credit.placement_id, Placement.brand_id == brand_id), isouter=True)
        .where(*_placed(brand_id, days, (Status.PAID, Status.PENDING)), CreditSet.sealed.is_(True))
        .order_by(Credit.set_id)
    )


def touches(session: Session, brand_id: str, days: Span) -> Iterator[tuple[date, str, list[Line]]]:
    """Where subjects stood in journeys on each of the days, under the names by which `_parts.journeys` reads it."""
    ways = _ways("touches", TOUCHED_BY)
    sums: _Sums = {}
    for _, group in groupby(session.execute(_touches(brand_id, days)), key=itemgetter(0)):
        journey = list(group)
        first = journey[0]
        found = sums.get(first.placed_day) or sums.setdefault(first.placed_day, [{} for _ in ways])
        cells = [_touch_cells(row) for row in journey]
        figures = [[1, int(row.closer), int(row.opener)] for row in journey]
        _count(found, ways, cells, figures, (first.currency, _greater))
    for day, counted in sums.items():
        for (name, _, _), of_way in zip(ways, counted, strict=True):
            yield day, name, [(*key, *numbers) for key, numbers in of_way.items()]


def _touch_cells(row: Any) -> _Cells:
    network, partner = row.network, row.partner_id
    return (None, row.campaign_id, row.channel, None, None, None, row.link_id, network, None, None, partner, None)


def _touches(brand_id: str, days: Span) -> Any:
    return (
        select(
            *(Touch.order_id, OrderRow.placed_day, OrderRow.currency, Touch.opener, Touch.closer, Touch.partner_id),
            *(Touch.channel, Touch.link_id, Touch.campaign_id, Placement.network),
        )
        .join(Touch, Touch.order_id == OrderRow.id)
        .join(Placement, and_(Placement.id == Touch.placement_id, Placement.brand_id == brand_id), isouter=True)
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
