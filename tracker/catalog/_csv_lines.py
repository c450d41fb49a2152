"""A CSV file of somebody else becomes lines with our own field names, by a mapping of our fields to its columns.

The file may be UTF-8 or what Western Windows writes, with commas, semicolons or tabs; its first line names the columns.
An empty cell, a dash and "n/a" say nothing.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tracker.errors import BadInput

_NOTHING = frozenset({"", "-", "–", "—", "n/a", "na", "null"})
_DAY_FIRST = re.compile(r"([0-9]{1,2})[/.]([0-9]{1,2})[/.]([0-9]{4})(?:[ T]+([0-9]{1,2}):([0-9]{2}(?::[0-9]{2})?))?")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file, the header being line 1, and what its cells say, by our names; empty ones are left out."""

    number: int
    cells: Mapping[str, str]


def read(
    data: bytes, mapping: Mapping[str, str], fields: Collection[str], *, days: Collection[str] = (), day_first: bool
) -> list[Line]:
    """The lines of a file. `mapping` is field → column; a column called like a field needs none.

    The fields of `days` hold days or times; with `day_first` 31/03/2026 is read as one. Raises BadInput for a field
    that there is not, a column that the file has not and a file without lines.
    """
    text = _decoded(data)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        header, *rows = [(reader.line_num, row) for row in reader] or [(1, [])]
    except csv.Error as error:
        raise BadInput("file", f"line {reader.line_num} is no CSV: {error}") from None
    places = _places([name.strip() for name in header[1]], mapping, fields)
    lines = []
    for number, row in rows:
        cells = {field: row[place].strip() for field, place in places.items() if place < len(row)}
        said = {field: value for field, value in cells.items() if value.casefold() not in _NOTHING}
        if day_first:
            said |= {field: _iso(said[field]) for field in days if field in said}
        if any(cell.strip() for cell in row):
            lines.append(Line(number, said))
    if not lines:
        raise BadInput("file", "has no lines below its header")
    return lines


def _decoded(data: bytes) -> str:
    if data.startswith(b"PK\x03\x04") or b"\0" in data:
        raise BadInput("file", "is no CSV: save the workbook as CSV in UTF-8")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadInput("file", "is no text: save it as CSV in UTF-8")


def _delimiter(text: str) -> str:
    """Whichever of the usual ones stands most often in the first line."""
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


def _places(header: Sequence[str], mapping: Mapping[str, str], fields: Collection[str]) -> dict[str, int]:
    for field, column in mapping.items():
        if field not in fields:
            raise BadInput("column", f"there is no field {field}; want one of {', '.join(fields)}")
        if column not in header:
            raise BadInput("column", f"the file has no column {column}; it has {', '.join(filter(None, header))}")
    named = {field: mapping.get(field, field) for field in fields}
    return {field: header.index(column) for field, column in named.items() if column in header}


def _iso(text: str) -> str:
    """A day such as 31/03/2026, with or without a time, in our spelling; other text as it is."""
    found = _DAY_FIRST.fullmatch(text)
    if not found:
        return text
    day, month, year, hours, minutes = found.groups()
    date = f"{year}-{int(month):02}-{int(day):02}"
    return f"{date}T{int(hours):02}:{minutes}" if hours else date
