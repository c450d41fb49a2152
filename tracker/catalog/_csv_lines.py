"""A table of somebody else becomes lines with our own field names, by a mapping of our fields to its columns.

An empty cell, a dash and "n/a" say nothing. Columns are known whatever their case, accents and punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tracker.errors import BadInput, say
from tracker.importing import _table
from tracker.importing._table import Table, plain

_NOTHING = frozenset({"", "-", "–", "—", "n/a", "na", "null"})
_DAY_FIRST = re.compile(r"([0-9]{1,2})[/.]([0-9]{1,2})[/.]([0-9]{4})(?:[ T]+([0-9]{1,2}):([0-9]{2}(?::[0-9]{2})?))?")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file, the header being line 1, and what its cells say, by our names; empty ones are left out."""

    number: int
    cells: Mapping[str, str]


def read(
    data: bytes,
    mapping: Mapping[str, str],
    fields: Collection[str],
    *,
    days: Collection[str] = (),
    day_first: bool = False,
    alone: bool = False,
) -> list[Line]:
    """The lines of a file. `mapping` is field → column; a column called like a field needs none.

    The fields of `days` hold days or times; with `day_first` 31/03/2026 is read as one. With `alone` a file may have
    one column. Raises BadInput for a field that there is not, a column that the file has not, and a file that is no
    table or has no lines.
    """
    table = _table.read(data, alone=alone)
    columns = _columns(table, mapping, fields)
    lines = []
    for row in table.rows:
        cells = {field: row.cells.get(column, "") for field, column in columns.items()}
        said = {field: value for field, value in cells.items() if value.casefold() not in _NOTHING}
        if day_first:
            said |= {field: _iso(said[field]) for field in days if field in said}
        lines.append(Line(row.line, said))
    if not lines:
        raise BadInput("file", "has no lines below its header")
    return lines


def look(data: bytes, *, alone: bool = False) -> Table:
    """The file's columns and rows as they are, for whoever has yet to say which column is what. Raises BadInput."""
    return _table.read(data, alone=alone)


def _columns(table: Table, mapping: Mapping[str, str], fields: Collection[str]) -> dict[str, str]:
    """The column of each field that has one, by its plain name."""
    for field, column in mapping.items():
        if field not in fields:
            raise BadInput(
                "column",
                say("there is no field %(field)s; want one of %(fields)s", field=field, fields=", ".join(fields)),
            )
        if plain(column) not in table.columns:
            raise BadInput(
                "column",
                say(
                    "the file has no column %(column)s; it has %(values)s",
                    column=column,
                    values=", ".join(table.columns.values()),
                ),
            )
    named = {field: plain(mapping.get(field, field)) for field in fields}
    return {field: column for field, column in named.items() if column in table.columns}


def _iso(text: str) -> str:
    """A day such as 31/03/2026, with or without a time, in our spelling; other text as it is."""
    found = _DAY_FIRST.fullmatch(text)
    if not found:
        return text
    day, month, year, hours, minutes = found.groups()
    date = f"{year}-{int(month):02}-{int(day):02}"
    return f"{date}T{int(hours):02}:{minutes}" if hours else date
