"""A workbook's first sheet becomes lines of text, each cell written as we read it; a formula is refused, not run.

A formula's result is only what some program thought of it last. Numbers and dates come typed: 1 234,5 and 03/02 do not
have to be guessed.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from tracker.errors import BadInput, say

FILE = "file"
MOST_BYTES = 200_000_000  # of the workbook unpacked
MOST_COLUMNS = 500
MOST_LINES = 200_000
MOST_CELLS = 10_000_000  # empty ones included: a cell far to the right makes a long row of a short file


def lines(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Each line of the first sheet with its number, its cells as text. Raises BadInput."""
    _check(data)
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        if not book.worksheets:
            raise BadInput(FILE, "the workbook has no sheet with cells")
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what a file says of its own size may be wrong
        seen = 0
        for number, row in enumerate(sheet.iter_rows(), start=1):
            if number > MOST_LINES:
                raise BadInput(FILE, say("more than %(most_lines)s lines: split the file", most_lines=MOST_LINES))
            seen += len(row)
            if seen > MOST_CELLS:
                raise BadInput(
                    FILE, "the sheet is too wide and too long: keep the columns that are needed, or save it as CSV"
                )
            yield number, [_text(cell, number) for cell in row[:MOST_COLUMNS]]
    except (InvalidFileException, zipfile.BadZipFile, ParseError, KeyError, ValueError, IndexError, TypeError) as error:
        raise BadInput(FILE, "this workbook cannot be read: save it anew as XLSX, or as CSV") from error


def _check(data: bytes) -> None:
    """Refuse what is a workbook only by its first bytes, and what would unpack to more than anybody's table."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            size = sum(member.file_size for member in packed.infolist())
    except zipfile.BadZipFile:
        raise BadInput(FILE, "this workbook cannot be read: save it anew as XLSX, or as CSV") from None
    if size > MOST_BYTES:
        raise BadInput(FILE, "the workbook is too large: save the sheet alone, as CSV")


def _text(cell: Any, line: int) -> str:
    """A cell as a CSV would have it."""
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f":
        where = f"{cell.column_letter}{line}"
        raise BadInput(
            FILE, say("%(where)s holds a formula: paste the column as values, then send the file again", where=where)
        )
    if cell.data_type == "e":
        raise BadInput(
            FILE,
            say(
                "%(column_letter)s%(line)s holds the error %(value)s: mend the cell",
                column_letter=cell.column_letter,
                line=line,
                value=value,
            ),
        )
    return _written(value, str(cell.number_format))


def _written(value: object, number_format: str) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            at = (value + timedelta(milliseconds=500)).replace(microsecond=0)  # a serial number's noise
            return at.date().isoformat() if at.time() == time() and "h" not in number_format.lower() else str(at)
        case date() | time():
            return value.isoformat()
        case float():
            return _plain(value)
        case _:
            return str(value).strip()


def _plain(value: float) -> str:
    """A number as a plain decimal of the digits that a spreadsheet keeps: fifteen."""
    return f"{Decimal(f'{value:.15g}').normalize():f}"
