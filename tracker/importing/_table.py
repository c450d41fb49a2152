"""A file becomes rows with their line numbers, whatever its encoding and delimiter; what is no table is refused.

A workbook is read as the table on its first sheet.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracker.errors import BadInput, say

FILE = "file"

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_LONGEST_CELL = 1_000_000  # characters
_WORKBOOK = b"PK\x03\x04"
_NOT_TEXT = {
    b"\xd0\xcf\x11\xe0": "an old workbook (XLS)",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "compressed",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line that it begins on, and its filled cells by their column's plain name, without outer space."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """The columns by their plain name, as they are written, and the rows that are not empty."""

    columns: Mapping[str, str]
    rows: Sequence[Row]


def plain(name: str) -> str:
    """A column's name without case, accents and punctuation: "Order ID" and order_id are one."""
    bare = unicodedata.normalize("NFKD", name.replace("№", "no"))
    letters = "".join(letter for letter in bare if not unicodedata.combining(letter))
    return re.sub(r"[\W_]+", "_", letters.casefold()).strip("_")


def read(data: bytes, *, alone: bool = False) -> Table:
    """The table in a file; with `alone` a list of one column is one too.

    Raises BadInput that says what is wrong with the file and what would do.
    """
    return _of_workbook(data) if data.startswith(_WORKBOOK) else _of_text(data, alone=alone)


def _of_workbook(data: bytes) -> Table:
    from tracker.importing import _workbook  # noqa: PLC0415  (its reader is slow to load, and few files are workbooks)

    lines = ((line, cells) for line, cells in _workbook.lines(data) if any(cells))
    _line, header = next(lines, (0, []))
    if not header:
        raise BadInput(FILE, "the first sheet is empty")
    columns = _columns(header)
    rows = [_row(line, columns, cells) for line, cells in lines]
    return Table({name: written for name, written in columns if name}, rows)


def _of_text(data: bytes, *, alone: bool) -> Table:
    text = _text(data)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text, alone=alone))
    csv.field_size_limit(_LONGEST_CELL)
    try:
        columns = _columns(next(reader, []))
        rows, line = [], reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(_row(line, columns, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadInput(
            FILE, say("line %(line_num)s cannot be read as CSV: %(error)s", line_num=reader.line_num, error=error)
        ) from None
    return Table({name: written for name, written in columns if name}, rows)


def _text(data: bytes) -> str:
    for magic, kind in _NOT_TEXT.items():
        if data.startswith(magic):
            raise BadInput(FILE, say("this is %(kind)s: save or export it as CSV or XLSX", kind=kind))
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decoded(data, "utf-16")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = _decoded(data, "cp1252")  # how Excel writes CSV in western Europe
    if not text.strip():
        raise BadInput(FILE, "the file is empty")
    if "\0" in text:
        raise BadInput(FILE, "this is no text: export the orders as CSV, in UTF-8")
    return text


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadInput(
            FILE, say("line %(line)s is neither UTF-8 nor Windows-1252: save the file as CSV in UTF-8", line=line)
        ) from None


def _delimiter(text: str, *, alone: bool) -> str:
    """The delimiter that parts line 1 into most columns."""
    header = text.lstrip("\r\n").partition("\n")[0]
    counts = {delimiter: len(next(csv.reader([header], delimiter=delimiter), [])) for delimiter in _DELIMITERS}
    best = max(counts, key=lambda delimiter: counts[delimiter])
    if counts[best] < 2 and not alone:
        names = ", ".join(_DELIMITERS.values())
        raise BadInput(
            FILE, say("line 1 has a single column: want a row of column names parted by %(names)s", names=names)
        )
    return best


def _columns(header: Sequence[str]) -> list[tuple[str, str]]:
    columns = [(plain(written), written.strip()) for written in header]
    names = [name for name, _ in columns if name]
    if not names:
        raise BadInput(FILE, "line 1 has no names of columns")
    return columns


def _row(line: int, columns: Sequence[tuple[str, str]], cells: Sequence[str]) -> Row:
    if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
        raise BadInput(
            FILE,
            say(
                "line %(line)s has %(cells)s cells, more than the %(columns)s columns of line 1: "
                "a text with the delimiter in it must stand in quotes",
                line=line,
                cells=len(cells),
                columns=len(columns),
            ),
        )
    held: dict[str, str] = {}
    for (name, _), cell in zip(columns, cells, strict=False):
        if name and name not in held and (text := cell.strip()):
            held[name] = text
    return Row(line, held)
