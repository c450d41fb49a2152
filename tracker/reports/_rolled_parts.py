"""What credits and touches come to on some days, for every model and filter at once, as `_parts` reads it.

The rows of a day are read once and counted here in all the ways that reports ask for: a query for each of them would
read them a hundred times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import cache

from sqlalchemy.orm import Session

from tracker.ledger.figures import Line, Span
from tracker.reports._counting import CELLS, Cells, Counted, add
from tracker.reports._counting import credits as counted_credits
from tracker.reports._counting import touches as counted_touches
from tracker.reports._parts import ALL, CREDITED_BY, GRAINS, TOUCHED_BY, keeps
from tracker.reports._shape import PAYING

_Way = tuple[str, int, int]
_Place = tuple[date, str, str, bool]  # day, status, model, whether it pays
_Of = list[dict[Line, list[int]]]


def keys() -> dict[str, int]:
    """How many cells of a kept line are keys, by the first word of its name."""
    kept = [f"credits/{name}" for name in CREDITED_BY] + [f"touches/{name}" for name in TOUCHED_BY]
    return {f"{name}/{grain}": 2 if grain == ALL else 3 for name in kept for grain in (ALL, *GRAINS)}


def _ways(kind: str, names: Iterable[str]) -> list[_Way]:
    """Each way of counting: its name, the place of its subject, the place of its filter or -1."""
    return [
        (f"{kind}/{name}/{grain}", CELLS.index(name), -1 if grain == ALL else CELLS.index(grain))
        for name in names
        for grain in (ALL, *GRAINS)
    ]


def credits(session: Session, brand_id: str, days: Span) -> Iterator[tuple[date, str, list[Line]]]:
    """What was credited on each of the days, under the names by which `_parts.credited` reads it.

    What pays is counted in every way, another model only as `_parts.keeps` says: a year would be ten times as large.
    """
    sums: dict[_Place, _Of] = {}
    alone: dict[tuple[_Place, Cells, str], list[int]] = {}
    for order in counted_credits(session, brand_id, days):
        place = (order.day, order.status, order.model, order.paying)
        if len(order.cells) == 1:
            add(alone, (place, order.cells[0], order.currency), order.numbers[0])
        else:
            _count(_of(sums, place), _ways_of(order.model, order.paying), order)
    for (place, cell, currency), numbers in alone.items():
        day, status, model, paying = place
        order = Counted(day, status, model, paying, False, currency, (cell,), (numbers,))
        _count(_of(sums, place), _ways_of(model, paying), order)
    yield from _named(sums)


@cache
def _ways_of(model: str, paying: bool) -> tuple[_Way, ...]:
    return tuple(way for way in _ways("credits", CREDITED_BY) if paying or _keeps(way[0], model))


def _keeps(way: str, model: str) -> bool:
    _, name, grain = way.split("/")
    return keeps(name, grain, model)


def _of(sums: dict[_Place, _Of], place: _Place) -> _Of:
    return sums.get(place) or sums.setdefault(place, [{} for _ in _ways_of(*place[2:])])


def _named(sums: dict[_Place, _Of]) -> Iterator[tuple[date, str, list[Line]]]:
    """Each way's lines under the model's name and, where it pays, under PAYING."""
    for (day, status, model, paying), counted in sums.items():
        for (name, _, _), of_way in zip(_ways_of(model, paying), counted, strict=True):
            lines = [(*key, *numbers) for key, numbers in of_way.items()]
            if _keeps(name, model):
                yield day, f"{name} {status} {model}", lines
            if paying:
                yield day, f"{name} {status} {PAYING}", lines


def _count(found: Sequence[dict[Line, list[int]]], ways: Sequence[_Way], order: Counted) -> None:
    """Add what an order is to each of its subjects, once, in every way of counting."""
    for (_, subject, grain), of_way in zip(ways, found, strict=True):
        for only, of, numbers in order.by_subject(subject, grain):
            add(of_way, (of, order.currency) if grain < 0 else (only, of, order.currency), numbers)


def touches(session: Session, brand_id: str, days: Span) -> Iterator[tuple[date, str, list[Line]]]:
    """Where subjects stood in journeys on each of the days, under the names by which `_parts.journeys` reads it."""
    ways = _ways("touches", TOUCHED_BY)
    sums: dict[date, _Of] = {}
    for journey in counted_touches(session, brand_id, days):
        _count(sums.get(journey.day) or sums.setdefault(journey.day, [{} for _ in ways]), ways, journey)
    for day, counted in sums.items():
        for (name, _, _), of_way in zip(ways, counted, strict=True):
            yield day, name, [(*key, *numbers) for key, numbers in of_way.items()]
