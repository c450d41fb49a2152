"""Clicks of months to date: a stretch of days within a month is what was clicked to its end, less what was before it.

Nearly every report counts clicks by link, and a link has clicks on most days: a month read day by day would be ten
thousand lines. What is kept to date of a day holds as long as every day from the first of its month stands: whoever
rolls up one of them writes those that follow again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from tracker.ledger import figures
from tracker.ledger.figures import CLICKS, CLICKS_TO_DATE, CLICKS_VERSION, Kept, Line, Span, first_of, last_of
from tracker.ledger.remembered import Lines
from tracker.ledger.tables import Figure, Link, LinkDayClicks

_BEFORE = timedelta(days=1)


def clicks(session: Session, brand_id: str, days: Span) -> Lines:
    """Gross clicks, human clicks and uniques by link of those of the days that are kept. Not to be changed."""
    state = figures.kept(session, brand_id, CLICKS, days, CLICKS_VERSION)
    standing = _standing(session, brand_id, Span(first_of(days.start), days.end))
    return figures.remember(
        session,
        (brand_id, CLICKS_TO_DATE),
        [state, standing],
        lambda: sums_of(_lines(session, brand_id, state, standing.days)),
    )


def sums_of(lines: Iterable[Sequence[Any]]) -> list[Line]:
    """Gross clicks, human clicks and uniques of each that lines begin with: there are several lines a link."""
    sums: dict[Any, list[Any]] = {}
    for of, gross, human, uniques in lines:
        so_far = sums.get(of)
        if so_far is None:
            sums[of] = [gross, human, uniques]
        else:
            so_far[0] += gross
            so_far[1] += human
            so_far[2] += uniques
    return [(of, *numbers) for of, numbers in sums.items()]


def _lines(session: Session, brand_id: str, state: Kept, standing: Sequence[date]) -> Iterator[Sequence[Any]]:
    ends, before, single = _read(state, standing)
    for name, day, text in session.execute(_kept(brand_id, state.months, single, [*ends, *before])):
        lines = figures.read(text)
        yield from lines if name == CLICKS or day not in before else _taken_away(lines)


def _standing(session: Session, brand_id: str, days: Span) -> Kept:
    return figures.kept(session, brand_id, CLICKS, days, CLICKS_VERSION, months=False)


def _read(state: Kept, standing: Sequence[date]) -> tuple[list[date], set[date], list[date]]:
    """Of the single days: to which dates clicks are added, to which they are taken away, and which days stand alone."""
    whole = set(without_gap(standing))
    runs: dict[date, list[date]] = {}
    for day in state.days:
        if day in whole:
            runs.setdefault(first_of(day), []).append(day)
    before = {run[0] - _BEFORE for month, run in runs.items() if run[0] != month}
    return [run[-1] for run in runs.values()], before, [day for day in state.days if day not in whole]


def without_gap(days: Sequence[date]) -> Iterator[date]:
    """Those of the days, in order, before which every day of their month is among them."""
    last = None
    for day in days:
        if day.day == 1 or (last is not None and last + _BEFORE == day):
            last = day
            yield day


def _kept(brand_id: str, months: Collection[date], single: Collection[date], dates: Collection[date]) -> Any:
    wanted = (
        and_(Figure.name == CLICKS, Figure.whole_month.is_(True), Figure.starts_on.in_(months)),
        and_(Figure.name == CLICKS, Figure.whole_month.is_(False), Figure.starts_on.in_(single)),
        and_(Figure.name == CLICKS_TO_DATE, Figure.whole_month.is_(False), Figure.starts_on.in_(dates)),
    )
    named = Figure.name.in_([CLICKS, CLICKS_TO_DATE])  # so that no database looks through all of the brand's figures
    return select(Figure.name, Figure.starts_on, Figure.rows).where(Figure.brand_id == brand_id, named, or_(*wanted))


def _taken_away(lines: Sequence[Sequence[Any]]) -> Iterator[Line]:
    return ((link, *(-number for number in numbers)) for link, *numbers in lines)


def keep(session: Session, brand_id: str, first: date) -> None:
    """Keep clicks to date of the days from `first` to the end of its month, as far as those before them stand."""
    month = Span(first_of(first), last_of(first))
    days = without_gap(_standing(session, brand_id, month).days)
    sums = _running(_by_day(session, brand_id, month), days)
    found = {day: {CLICKS_TO_DATE: lines} for day, lines in sums if day >= first}
    starts = {day: found.get(day, {}) for day in Span(first, month.end).days()}
    figures.keep(session, brand_id, starts, whole_month=False, names=[CLICKS_TO_DATE])


def _by_day(session: Session, brand_id: str, days: Span) -> dict[date, list[Line]]:
    table = LinkDayClicks
    query = (
        select(table.day, table.link_id, table.gross, table.human, table.uniques)
        .join(Link, Link.id == table.link_id)
        .where(Link.brand_id == brand_id, table.day >= days.start, table.day <= days.end)
    )
    found: dict[date, list[Line]] = {}
    for day, *line in session.execute(query):
        found.setdefault(day, []).append(tuple(line))
    return found


def _running(by_day: dict[date, list[Line]], days: Iterator[date]) -> Iterator[tuple[date, list[Line]]]:
    sums: list[Line] = []
    for day in days:
        sums = figures.added_up([*sums, *by_day.get(day, [])], 1)
        yield day, sums
