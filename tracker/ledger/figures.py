"""A day's figures are kept once they are added up, and not believed any more as soon as something of the day changes.

Whoever changes a day adds a DayChange in the same transaction, and waits for nobody. Whoever rolls a day up reads it
from one snapshot, and takes away the changes that this snapshot shows, no others: one that was on its way stays, and
says that the figures are too old. So there is no moment in which old figures are taken for new ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from operator import add
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    String,
    and_,
    bindparam,
    cast,
    delete,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from tracker.domain.ids import new_id
from tracker.ledger import remembered
from tracker.ledger.bulk import insert_rows
from tracker.ledger.database import among, once, sees_one_moment
from tracker.ledger.remembered import Lines
from tracker.ledger.tables import Credit, DayChange, Figure, OrderRow, Placement, RolledDay, Touch
from tracker.ledger.types import Id

ORDERS, CLICKS = "orders", "clicks"
SAYS, CLICKS_TO_DATE, CLICK_DAYS = "click-says", "clicks-to-date", "click-days"
_OF_CLICKS = (CLICKS, SAYS, CLICKS_TO_DATE, CLICK_DAYS)
CLICKS_VERSION = "5"

Line = tuple[Any, ...]
"""What a figure is of (its keys), then its numbers."""

_Rollings = Mapping[date, str | None]
_Standing = tuple[_Rollings, _Rollings, frozenset[date]]

_NO_SYNC = {"synchronize_session": False}
read = msgspec.json.Decoder(list[list[Any]]).decode
_spell = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of days, both ends included."""

    start: date
    end: date

    def days(self) -> list[date]:
        """Every day of it."""
        return [self.start + timedelta(days=index) for index in range((self.end - self.start).days + 1)]


@dataclass(frozen=True, slots=True)
class Kept:
    """What of some days can be read from kept figures: whole months, single days. The rest are `open` days.

    `rollings` are the ids under which the months and then the days were rolled up.
    """

    months: tuple[date, ...]
    days: tuple[date, ...]
    open: tuple[date, ...]
    rollings: tuple[str | None, ...] = field(default=(), compare=False)

    @property
    def written(self) -> Hashable:
        """What stands for all that is written of these months and days; None where that cannot be said."""
        return None if not self.rollings or None in self.rollings else (self.months, self.days, self.rollings)


# --- who changes a day ------------------------------------------------------------------------------------------------


def changed(session: Session, kind: str, days: Iterable[tuple[str, date]]) -> None:
    """Days of brands whose figures are too old once this transaction is committed."""
    rows = [{"id": new_id(), "brand_id": brand_id, "kind": kind, "day": day} for brand_id, day in sorted(set(days))]
    insert_rows(session, DayChange, rows)


def orders_changed(session: Session, order_ids: Collection[str]) -> None:
    """The same of the days on which these orders were placed."""
    if not order_ids:
        return
    query = (
        select(OrderRow.brand_id, OrderRow.placed_day)
        .where(among(session, OrderRow.id, order_ids), OrderRow.placed_day.is_not(None))
        .distinct()
    )
    changed(session, ORDERS, [(row.brand_id, row.placed_day) for row in session.connection().execute(query)])


def placement_changed(session: Session, placement: Placement) -> None:
    """The same of the days of all orders in whose journey or credits the placement stands."""
    days = set[date]()
    for table in (Touch, Credit):
        ours = (table.brand_id == placement.brand_id, table.partner_id == placement.partner_id)
        query = (
            select(OrderRow.placed_day)
            .join(table, table.order_id == OrderRow.id)
            .where(*ours, table.placement_id == placement.id, OrderRow.placed_day.is_not(None))
            .distinct()
        )
        days |= {day for day in session.execute(query).scalars() if day is not None}
    changed(session, ORDERS, [(placement.brand_id, day) for day in days])


def forget(session: Session, brand_id: str) -> None:
    """Believe no figure of the brand any more: for whoever changed what the days themselves are."""
    session.execute(delete(RolledDay).where(RolledDay.brand_id == brand_id), execution_options=_NO_SYNC)


# --- who reads --------------------------------------------------------------------------------------------------------


def kept(session: Session, brand_id: str, kind: str, span: Span, version: str, *, months: bool = True) -> Kept:
    """Which of the days and, if asked, whole months within `span` stand as `version` rolled them up. One query."""
    asked = (brand_id, kind, first_of(span.start), version)  # to whatever end: pages ask for several
    whole, days, stale = once(session, ("standing", *asked), lambda: _standing(session, *asked))
    return once(
        session,
        ("kept", *asked, span, months),
        lambda: _kept(span, whole if months else {}, days, stale),
    )


def _standing(session: Session, brand_id: str, kind: str, first: date, version: str) -> _Standing:
    """The first days of the months that were rolled up, the days that were, and those that changed since."""
    given = {"brand": brand_id, "kind": kind, "version": version, "first": first}
    whole, days, stale = dict[date, str | None](), dict[date, str | None](), set[date]()
    for day, whole_month, rolling, is_change in session.execute(_query_of_standing(), given):
        if is_change:
            stale.add(day)
        else:
            (whole if whole_month else days)[day] = rolling
    return whole, days, frozenset(stale)


@cache
def _query_of_standing() -> CompoundSelect[date, bool, str | None, bool]:
    brand, kind, first = map(_given, ("brand", "kind", "first"))
    table = RolledDay.__table__.c
    rolled = select(table.starts_on, table.whole_month, table.rolling, literal(False).label("changed")).where(
        table.brand_id == brand,
        table.kind == kind,
        table.version == _given("version"),
        table.starts_on >= first,
    )
    change = DayChange.__table__.c
    changes = select(change.day, literal(False), cast(null(), Id), literal(True)).where(
        change.brand_id == brand, change.kind == kind, change.day >= first
    )
    return union_all(rolled, changes.distinct())


def _kept(span: Span, months: _Rollings, days: _Rollings, stale: frozenset[date]) -> Kept:
    spoilt = {first_of(day) for day in stale}
    whole = sorted(
        month for month in months if month not in spoilt and span.start <= month and last_of(month) <= span.end
    )
    among_months = frozenset(whole)
    single = [day for day in span.days() if first_of(day) not in among_months]
    standing = [day for day in single if day in days and day not in stale]
    still_open = [day for day in single if day not in days or day in stale]
    rollings = (*(months[month] for month in whole), *(days[day] for day in standing))
    return Kept(tuple(whole), tuple(standing), tuple(still_open), rollings)


def first_of(day: date) -> date:
    """The first day of its month."""
    return day.replace(day=1)


def last_of(day: date) -> date:
    """The last day of its month."""
    return first_of(first_of(day) + timedelta(days=31)) - timedelta(days=1)


def lines(session: Session, brand_id: str, name: str, of: Kept) -> Sequence[Sequence[Any]]:
    """What is kept under `name` for these months and days, as it comes: to be added up."""
    if not of.months and not of.days:
        return []
    return once(session, ("lines", brand_id, name, of), lambda: _lines(session, brand_id, name, of))


def sums(session: Session, brand_id: str, name: str, of: Kept, keys: int) -> Lines:
    """The same added up by their `keys`. Not to be changed: it is remembered as long as the same days stand."""
    return once(session, ("sums", brand_id, name, of, keys), lambda: _sums(session, brand_id, name, of, keys))


def _sums(session: Session, brand_id: str, name: str, of: Kept, keys: int) -> Lines:
    if not of.months and not of.days:
        return []
    return remember(session, (brand_id, name, keys), [of], lambda: added_up(_lines(session, brand_id, name, of), keys))


def remember(session: Session, what: Hashable, of: Sequence[Kept], reckon: Callable[[], Lines]) -> Lines:
    """What `reckon` finds in the figures of days that stand, remembered by the process for as long as they do."""
    written = tuple(one.written for one in of)
    # Between two questions of who writes, days may be rolled up: what is read then may be another's.
    if None in written or not sees_one_moment(session):
        return reckon()
    return remembered.once((what, written), reckon)


def _lines(session: Session, brand_id: str, name: str, of: Kept) -> Sequence[Sequence[Any]]:
    given: dict[str, Any] = {"brand": brand_id, "name": name}
    ways = []
    for whole, starts in ((True, of.months), (False, of.days)):
        if starts:
            without_gap = _has_no_gap(whole, starts)
            ends = {f"first_{whole}": starts[0], f"last_{whole}": starts[-1]}
            given |= ends if without_gap else {f"starts_{whole}": starts}
            ways.append((whole, without_gap))
    texts = session.execute(_query_of_lines(tuple(ways)), given).scalars()
    return [line for text in texts for line in read(text)]


@cache
def _query_of_lines(ways: tuple[tuple[bool, bool], ...]) -> Select[str]:
    """The query for months, for days or for both: a page asks it twenty times. From one to another where none lacks."""
    table = Figure.__table__.c
    wanted = []
    for whole, without_gap in ways:
        first, last, starts = _given(f"first_{whole}"), _given(f"last_{whole}"), _given(f"starts_{whole}")
        within = table.starts_on.between(first, last) if without_gap else table.starts_on.in_(starts)
        wanted.append(and_(table.whole_month.is_(whole), within))
    return select(table.rows).where(table.brand_id == _given("brand"), table.name == _given("name"), or_(*wanted))


def _given(name: str) -> Any:
    return bindparam(name)


def _has_no_gap(whole: bool, starts: Sequence[date]) -> bool:
    first, last = starts[0], starts[-1]
    steps = (last.year - first.year) * 12 + last.month - first.month if whole else (last - first).days
    return steps + 1 == len(starts)


def added_up(found: Iterable[Sequence[Any]], keys: int) -> list[Line]:
    """Lines of the same `keys` as one, their numbers added: a column at a time, for a year has thousands of lines."""
    alike: dict[Line, list[Sequence[Any]]] = defaultdict(list)
    if keys == 2:  # nearly all lines have two: then a slice of each is the most that this costs
        for line in found:
            alike[line[0], line[1]].append(line)
    else:
        for line in found:
            alike[tuple(line[:keys])].append(line)
    return [(*key, *_column_sums(of_key, keys)) for key, of_key in alike.items()]


def merged(sums: Lines, others: Sequence[Sequence[Any]], keys: int) -> Lines:
    """Lines that are added up, and some others, added up: those that no other concerns stay as they are."""
    if not others:
        return sums
    more = {line[:keys]: line for line in added_up(others, keys)}
    found = []
    for line in sums:
        other = more.pop(line[:keys], None)
        found.append(line if other is None else (*line[:keys], *map(add, line[keys:], other[keys:])))
    return [*found, *more.values()]


def _column_sums(found: Sequence[Sequence[Any]], keys: int) -> list[int]:
    if len(found) == 1:
        return [int(number or 0) for number in found[0][keys:]]
    columns = list(zip(*found, strict=True))[keys:]
    return [int(sum(filter(None, column))) for column in columns]


# --- who rolls up -----------------------------------------------------------------------------------------------------


def changes_of(session: Session, brand_id: str, kind: str, days: Collection[date]) -> list[str]:
    """The changes of these days that this transaction sees."""
    query = select(DayChange.id).where(
        DayChange.brand_id == brand_id, DayChange.kind == kind, DayChange.day.in_(list(days))
    )
    return list(session.execute(query).scalars())


def thin_out(session: Session, brand_id: str, today: date) -> None:
    """Of the changes of a day that is not over, one is enough to say that it changed."""
    first = (
        select(func.min(cast(DayChange.id, String)))
        .where(DayChange.brand_id == brand_id, DayChange.day >= today)
        .group_by(DayChange.kind, DayChange.day)
    )
    spare = and_(DayChange.brand_id == brand_id, DayChange.day >= today, cast(DayChange.id, String).not_in(first))
    session.execute(delete(DayChange).where(spare), execution_options=_NO_SYNC)


def settle(session: Session, changes: Collection[str]) -> None:
    """Take away changes that were rolled up."""
    if changes:
        session.execute(delete(DayChange).where(among(session, DayChange.id, changes)), execution_options=_NO_SYNC)


def keep(
    session: Session,
    brand_id: str,
    starts: Mapping[date, Mapping[str, list[Line]]],
    *,
    whole_month: bool,
    names: Collection[str] = (),
) -> None:
    """Keep these figures, by their first day and name, instead of those that stand; what has no line is left out.

    They stand for all figures of `names`; without names for all that are of orders.
    """
    session.execute(
        delete(Figure).where(
            Figure.brand_id == brand_id,
            Figure.starts_on.in_(list(starts)),
            Figure.whole_month.is_(whole_month),
            Figure.name.in_(names) if names else ~is_of_clicks(),
        ),
        execution_options=_NO_SYNC,
    )
    rows = [
        {
            "brand_id": brand_id,
            "name": name,
            "whole_month": whole_month,
            "starts_on": start,
            "rows": _spell(found).decode(),
        }
        for start, figures in starts.items()
        for name, found in figures.items()
        if found
    ]
    insert_rows(session, Figure, rows)


def is_of_clicks() -> ColumnElement[bool]:
    """The condition that a figure is one of clicks: they are rolled up by themselves."""
    return Figure.name.in_(_OF_CLICKS)


def vouch(
    session: Session, brand_id: str, kind: str, starts: Collection[date], version: str, *, whole_month: bool
) -> None:
    """Say that the figures of these days or months stand."""
    unvouch(session, brand_id, kind, starts, whole_month=whole_month)
    rolled = {"brand_id": brand_id, "kind": kind, "whole_month": whole_month, "version": version, "rolling": new_id()}
    rows = [rolled | {"starts_on": start} for start in sorted(starts)]
    insert_rows(session, RolledDay, rows)


def unvouch(session: Session, brand_id: str, kind: str, starts: Collection[date], *, whole_month: bool) -> None:
    """Say that they do not stand any more."""
    session.execute(
        delete(RolledDay).where(
            RolledDay.brand_id == brand_id,
            RolledDay.kind == kind,
            RolledDay.starts_on.in_(list(starts)),
            RolledDay.whole_month.is_(whole_month),
        ),
        execution_options=_NO_SYNC,
    )
