"""A report beside the same report of an earlier period: each figure keeps its place and gains what it was then.

Rows belong together where they are about the same: in the columns before the first figure, and the currency. A row
that the earlier period does not have has no figures of then; none is taken for zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy.orm import Session

from tracker.reports import _shape
from tracker.reports._shape import Column, Kind, Part, Result, Row, Scope

Run = Callable[[Session, str, Scope, Part | None], Result]

HOW = ("before", "year")
BEFORE = "_before"
_FIGURES = (Kind.MONEY, Kind.INTEGER, Kind.PERCENT, Kind.NUMBER)
_SEEN = ("taken_at",)  # when it was looked at: that is another moment in every period
_BEFORE = "Before"
_THEN = "What it was in the period that this one is compared with."
SENTENCES = (_BEFORE, _THEN)


def earlier(scope: Scope, how: str) -> Scope:
    """The scope's days moved back: `before` by their own number, `year` by 364 days, so that weekdays agree."""
    days = (scope.end - scope.start).days + 1 if how == "before" else 364
    return replace(scope, start=_back(scope.start, days), end=_back(scope.end, days))


def run(
    session: Session,
    name: str,
    scope: Scope,
    how: str | None,
    part: Part | None = None,
    *,
    each: Run = _shape.run,
) -> Result:
    """The report called `name` over `scope`, beside an earlier period where `how` says which. Raises NotFound.

    Of one that can be endless a `part` alone. `each` runs it over one period.
    """
    result = each(session, name, scope, part)
    if how not in HOW or not getattr(_shape.reports()[name], "COMPARES", True):
        return result
    return beside(result, each(session, name, earlier(scope, how), None))


def beside(result: Result, then: Result) -> Result:
    """`result` with a column more after each figure: the same of `then`, None where it has no such row."""
    figures = [column for column in result.columns if column.kind in _FIGURES]
    named = [*_identity(result.columns), "currency"]
    known = {_about(row, named): row for row in then.rows}
    rows = [_with(row, known.get(_about(row, named)), figures) for row in result.rows]
    as_of = min((moment for moment in (result.as_of, then.as_of) if moment), default=None)
    told = replace(result, columns=_columns(result.columns, figures), rows=rows, then=then.scope)
    return replace(told, as_of=as_of, waits=result.waits or then.waits, late=result.late or then.late)


def _identity(columns: Sequence[Column]) -> list[str]:
    """The columns that say what a row is about: those before the first figure."""
    first = next((index for index, column in enumerate(columns) if column.kind in _FIGURES), len(columns))
    return [column.key for column in columns[:first] if column.key not in _SEEN]


def _about(row: Row, named: Sequence[str]) -> tuple[object, ...]:
    return tuple(row.get(key) for key in named)


def _with(row: Row, was: Row | None, figures: Sequence[Column]) -> Row:
    return row | {column.key + BEFORE: was[column.key] if was else None for column in figures}


def _columns(columns: Sequence[Column], figures: Sequence[Column]) -> tuple[Column, ...]:
    laid: list[Column] = []
    for column in columns:
        laid.append(column)
        if column in figures:
            laid.append(Column(column.key + BEFORE, _BEFORE, column.kind, _THEN))
    return tuple(laid)


def _back(day: date, days: int) -> date:
    return day - timedelta(days=days)
