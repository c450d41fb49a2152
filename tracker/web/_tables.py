"""How a page lays out a report's columns: what belongs to one figure stands in its cell, what says nothing is left out.

An estimate and a rate have their interval beside them and a figure what it changed by; a currency that is everywhere
the same is already said by the amounts, and so is the unit of a goal. JSON and CSV keep every column apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tracker.domain.catalog import Channel
from tracker.reports._compare import BEFORE
from tracker.reports._shape import Column, Kind, Row
from tracker.web import filters

_ESTIMATE, _CHANGE = "lift", "_change"
_WIDE = 14
_NAMES = ("what", "campaign", "partner", "channel", "network", "format")
_FIRST = ("spent", "cost", "revenue", "ratio", "standing", "profit", "roi", "orders", "clicks", "views", "likes")
"""Of a table that is too wide for a screen: what a row is about, and what is looked for first."""
TOTALS = ("total", "∑")
LEADING = ("number", "partner", "influencer", "affiliate", "campaign", "code")  # whose cells may lead to another page
_DRAWN = ("status", "path", "link", *LEADING)  # whose cells hold more than text
_SAID = ("verdict", "text")  # sentences
_CHANNELS = frozenset(Channel)


@dataclass(frozen=True, slots=True)
class Place:
    """A column of the page, with the columns whose values stand in its cells beside its own."""

    column: Column
    change: Column | None = None
    low: Column | None = None
    high: Column | None = None
    before: Column | None = None

    @property
    def is_alone(self) -> bool:
        """Whether its cells hold one figure each."""
        return not (self.change or self.low or self.before)

    @property
    def style(self) -> str:
        """The classes of its cells."""
        return f"{self.column.kind} told" if self.column.key in _SAID else str(self.column.kind)

    @property
    def is_estimated(self) -> bool:
        """Whether it holds estimates. A rate that was tracked has an interval too, and is none."""
        return self.low is not None and self.column.key.endswith(_ESTIMATE)


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a row under a place: `text`, in the place's own way where it is not `plain`."""

    place: Place
    style: str
    text: str
    plain: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A row as a page shows it: what it is about, then its figures. None is left empty."""

    row: Row
    total: bool
    head: Cell
    cells: Sequence[Cell | None]


def lines_of(places: Sequence[Place], rows: Sequence[Row]) -> Iterator[Line]:
    """The rows under these places, as text. A page may have thousands of cells: most are told here, and only shown."""
    tell = filters.teller()
    looks = [(place, place.column, place.style, place.is_alone, place.is_estimated) for place in places]

    def cell(row: Row, look: tuple[Place, Column, str, bool, bool]) -> Cell:
        place, column, style, alone, estimated = look
        value = row[column.key]
        marked = f"{style} estimated" if estimated and value is not None else style
        return Cell(place, marked, tell(row, column), alone and _is_plain(value, column))

    first, *others = looks
    for row in rows:
        total = row[first[1].key] in TOTALS
        cells = [None if total and row[look[1].key] is None else cell(row, look) for look in others]
        yield Line(row, total, cell(row, first), cells)


def _is_plain(value: object, column: Column) -> bool:
    if column.kind in (Kind.TEXT, Kind.WORD):
        return column.key not in _DRAWN and value not in _CHANNELS and value != "∑"
    return column.key not in _DRAWN


def laid_out(columns: Sequence[Column], rows: Sequence[Row]) -> list[Place]:
    """The columns that a page shows of these rows, in their order."""
    by_key = {column.key: column for column in columns if column.kind is not Kind.ID}
    if len({row.get("currency") for row in rows}) == 1:
        by_key.pop("currency", None)
    if "unit" in by_key:
        by_key = {key: column for key, column in by_key.items() if key not in ("unit", "currency")}
    places = [_place(column, by_key) for column in by_key.values()]
    beside = {one for place in places for one in (place.change, place.low, place.high, place.before)}
    return _money_first([place for place in places if place.column not in beside])


def _money_first(places: list[Place]) -> list[Place]:
    """A wide table's places: what each row is about, what it cost and brought, then the rest as the report has it."""
    if len(places) <= _WIDE or not {"spent", "cost"} & {place.column.key for place in places}:
        return places
    first = [key for key in (*_NAMES, *_FIRST) if key != places[0].column.key]
    rank = {key: number for number, key in enumerate(first)}
    return [places[0], *sorted(places[1:], key=lambda place: rank.get(place.column.key, len(rank)))]


def is_estimated(columns: Sequence[Column]) -> bool:
    """Whether a report estimates."""
    by_key = {column.key: column for column in columns}
    return any(_place(column, by_key).is_estimated for column in columns)


def _place(column: Column, by_key: dict[str, Column]) -> Place:
    stem = column.key.removesuffix(_ESTIMATE) if column.key.endswith(_ESTIMATE) else f"{column.key}_"
    low, high = by_key.get(f"{stem}low"), by_key.get(f"{stem}high")
    return Place(column, by_key.get(column.key + _CHANGE), low, high, by_key.get(column.key + BEFORE))
