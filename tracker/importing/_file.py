"""A file and a format come to orders and refusals, each with its line. Nothing is stored here or guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, cast

from tracker import plugins
from tracker.domain.deliveries import ShopContext
from tracker.errors import BadInput, BadPayload, say
from tracker.importing import _table
from tracker.importing._events import Told
from tracker.importing._table import Table, plain
from tracker.importing._values import SLASHED, Cells, Writing, day_first

_MOMENTS = ("placed_at", "updated_at", "paid_at", "cancelled_at")
_SAID = {"currency": "--currency", "status": "--status"}


class Format(Protocol):
    """The shape of a module of this package."""

    TITLE: str
    FIELDS: Mapping[str, tuple[str, ...]]
    NEEDED: tuple[str, ...]

    def read(self, cells: Cells, shop: ShopContext) -> Told:
        """The order of a row. Raises BadPayload."""


@dataclass(frozen=True, slots=True)
class Line:
    """An order and the line that tells it."""

    line: int
    told: Told


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a line is not an order that can be taken."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Orders:
    """What a file holds: each order once, and the lines that were refused."""

    lines: tuple[Line, ...]
    refused: tuple[Refusal, ...]


def formats() -> dict[str, Format]:
    """Every format by name."""
    return cast("dict[str, Format]", plugins.discover("tracker.importing"))


def read(data: bytes, format_: str, mapping: Mapping[str, str], writing: Writing, shop: ShopContext) -> Orders:
    """The orders of a file. `mapping` names columns by our field. Raises BadInput where the file itself will not do."""
    module = formats()[format_]
    table = _table.read(data)
    columns = _columns(table, module, mapping, writing)
    if writing.day_first is None:
        writing = replace(writing, day_first=day_first(_moments(table, columns)))
    cells = (Cells(row, columns, table.columns, writing) for row in table.rows)
    return _orders(_firsts(cells, module), module, shop)


def _columns(table: Table, module: Format, mapping: Mapping[str, str], writing: Writing) -> dict[str, str]:
    """The column of each field. Raises BadInput, naming what is missing."""
    found = {field: name for field, names in module.FIELDS.items() for name in reversed(names) if name in table.columns}
    for field, written in mapping.items():
        if field not in module.FIELDS:
            raise BadInput(
                "column",
                say("“%(field)s” is no field: want one of %(fields)s", field=field, fields=", ".join(module.FIELDS)),
            )
        if plain(written) not in table.columns:
            raise BadInput(
                "column",
                say("the file has no column “%(written)s”; it has %(table)s", written=written, table=_listed(table)),
            )
        found[field] = plain(written)
    said = {"currency": writing.currency, "status": writing.status}
    missing = [field for field in module.NEEDED if field not in found and not said.get(field)]
    if missing:
        raise BadInput("file", _missing(table, module, missing))
    return found


def _missing(table: Table, module: Format, missing: list[str]) -> str:
    wanted = ", ".join(f"{field} (such as “{module.FIELDS[field][0]}”)" for field in missing)
    ways = [f"--column {missing[0]}=…", *(f"{_SAID[field]} …" for field in missing if field in _SAID)]
    return f"line 1 names no column for {wanted}: say {' or '.join(ways)}; the file has {_listed(table)}"


def _listed(table: Table) -> str:
    return ", ".join(list(table.columns.values())[:80])


def _moments(table: Table, columns: Mapping[str, str]) -> Iterator[str]:
    names = [columns[field] for field in _MOMENTS if field in columns]
    for row in table.rows:
        for name in names:
            if SLASHED.fullmatch(text := row.cells.get(name, "")):
                yield text


def _firsts(rows: Iterator[Cells], module: Format) -> Iterator[Cells | Refusal]:
    """The rows that tell orders, without those that only add line items to the one above."""
    begins: Callable[[Cells], bool] | None = getattr(module, "begins", None)
    group: Callable[[Cells], str] | None = getattr(module, "group", None)
    above = None
    for cells in rows:
        if begins is None or group is None or begins(cells):
            above = group(cells) if group else None
            yield cells
        elif group(cells) != above:
            yield Refusal(cells.row.line, "a line item without its order: the row that begins the order is not above")


def _orders(rows: Iterator[Cells | Refusal], module: Format, shop: ShopContext) -> Orders:
    told: dict[str, Line] = {}
    refused: list[Refusal] = []
    for cells in rows:
        if isinstance(cells, Refusal):
            refused.append(cells)
            continue
        try:
            found = Line(cells.row.line, module.read(cells, shop))
        except BadPayload as error:
            refused.append(Refusal(cells.row.line, str(error)))
            continue
        first = told.setdefault(found.told.external_id, found)
        if first.told != found.told:
            why = f"order {found.told.external_id} stands twice and differs from line {first.line}"
            refused.append(Refusal(found.line, why))
    return Orders(tuple(told.values()), tuple(refused))
