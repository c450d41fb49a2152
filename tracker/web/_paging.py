"""A long report is shown some rows at a time: the URL says from which row, and its totals stand on every page.

What a report is in whole, its picture and its files, is not paged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from flask import request

from tracker.errors import BadInput
from tracker.reports._shape import PAGE, Part, Result, Row
from tracker.web._tables import TOTALS
from tracker.web._view import here

_FURTHEST = 10_000_000  # rows
_LONGEST = len(str(_FURTHEST))  # digits


@dataclass(frozen=True, slots=True)
class Leaf:
    """The rows of a page: which they are, of how many where that is known, and where the others are."""

    rows: Sequence[Row]
    first: int
    last: int
    whole: int | None
    previous: str | None
    next: str | None


def asked() -> Part:
    """The rows that the page's `row` is among, a page of them. Raises BadInput."""
    text = request.args.get("row") or "1"
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST) or not 1 <= int(text) <= _FURTHEST:
        raise BadInput("row", "want the number of a row")
    return Part(PAGE, (int(text) - 1) // PAGE * PAGE)


def leaf_of(result: Result, part: Part) -> Leaf:
    """The page of a report's rows that a part asks for; the last one where it has not as many."""
    if result.cut:
        return _leaf(result.rows, part.skip, len(result.rows), None, more=result.further is not None)
    whole = len(result.rows)
    skip = min(part.skip, max(whole - 1, 0) // PAGE * PAGE)
    rows = result.rows[skip : skip + PAGE]
    return _leaf(_with_totals(result, skip, rows), skip, len(rows), whole, more=skip + PAGE < whole)


def _leaf(rows: Sequence[Row], skip: int, count: int, whole: int | None, *, more: bool) -> Leaf:
    earlier = here(row=str(skip - PAGE + 1) if skip > PAGE else None) if skip else None
    return Leaf(rows, skip + 1, skip + count, whole, earlier, here(row=str(skip + PAGE + 1)) if more else None)


def _with_totals(result: Result, skip: int, rows: Sequence[Row]) -> list[Row]:
    """The rows between the totals that the report begins and ends with."""
    key = result.columns[0].key
    heads = list(takewhile(lambda row: row[key] in TOTALS, result.rows[: min(skip, PAGE)]))
    tails = list(takewhile(lambda row: row[key] in TOTALS, reversed(result.rows[skip + len(rows) :])))
    return [*heads, *rows, *reversed(tails)]
