"""A file whose columns are named in a form, tried, then applied. It stays in the form between the steps.

Nothing of it is kept here until it is applied.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import request

from tracker.catalog import _csv_lines
from tracker.errors import BadInput
from tracker.importing._table import Table
from tracker.web import _forms

LARGEST = 1_000_000  # bytes
SHOWN = 200  # lines of what a file comes to
CHECK, APPLY = "check", "apply"
_PREVIEWED, _LONGEST_CELL = 5, 80  # rows, characters

Names = Mapping[str, Sequence[str]]
"""Our fields, each with what others call it, by plain names."""


@dataclass(frozen=True, slots=True)
class MappedFile:
    """The file of the form, as it is and as a table, and which column is said to be what: field → column as written."""

    data: bytes
    table: Table
    mapping: Mapping[str, str]

    @property
    def kept(self) -> str:
        """The file as text that a form can carry on."""
        return b64encode(self.data).decode()

    @property
    def preview(self) -> Sequence[Sequence[str]]:
        """The first rows, their cells cut short."""
        rows = self.table.rows[:_PREVIEWED]
        return [[row.cells.get(name, "")[:_LONGEST_CELL] for name in self.table.columns] for row in rows]


def opened(names: Names, *, alone: bool = False) -> MappedFile:
    """The file that was sent, or the one that the form carries; with `alone` of one column too. Raises BadInput."""
    data = _forms.sent_file()
    fresh = bool(data)
    if not data:
        try:
            data = b64decode(request.form.get("content", ""), validate=True)
        except (NotBase64, ValueError):
            raise BadInput("file", "choose the file again") from None
    if not data:
        raise BadInput("file", "choose a CSV or XLSX file")
    if len(data) > LARGEST:
        raise BadInput("file", "larger than one megabyte: split it, or import it on the command line, with tracker")
    table = _csv_lines.look(data, alone=alone)
    return MappedFile(data, table, guessed(table, names) if fresh else _said(table, names))


def guessed(table: Table, names: Names) -> dict[str, str]:
    """Which column is what, by their names in English and French; a column is only one thing."""
    found: dict[str, str] = {}
    for name, also in names.items():
        plain = next((one for one in (name, *also) if one in table.columns), None)
        if plain is not None and table.columns[plain] not in found.values():
            found[name] = table.columns[plain]
    return found


def _said(table: Table, names: Names) -> dict[str, str]:
    said = {name: request.form.get(f"column.{name}", "") for name in names}
    return {name: column for name, column in said.items() if column in table.columns.values()}


def action() -> str | None:
    """What the form wants of the file: CHECK, APPLY, or None to say its columns first."""
    wanted = request.form.get("action")
    return wanted if wanted in (CHECK, APPLY) else None
