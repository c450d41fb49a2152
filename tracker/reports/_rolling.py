"""Rolling up: the days that are over are added up, and months of them, as `_rolled` reads them.

A batch is one transaction that sees one moment. Nothing here is needed for a report to be right, only for it to be
quick: what is not rolled up is asked of the orders.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Date, Select, delete, func, insert, literal, select, union_all
from sqlalchemy.orm import Session

from tracker.ledger import figures
from tracker.ledger.figures import CLICK_DAYS, CLICKS, CLICKS_VERSION, ORDERS, SAYS, Line, Span, first_of, last_of
from tracker.ledger.tables import Figure as FigureRow
from tracker.ledger.tables import Link, LinkDay, LinkDayClicks, LinkHour, OrderRow
from tracker.reports import _click_says, _rolled, _rolled_parts, _to_date
from tracker.reports._shape import Scope, models, span, zone_of

Found = dict[date, dict[str, list[Line]]]


def names() -> list[str]:
    """What names the figures that are kept."""
    own = [f"{figure.name} {figure.keys} {figure.by_model} {figure.grains}" for figure in _rolled.registered()]
    return sorted([*own, *_rolled_parts.keys(), *models()])


def roll_up(session: Session, brand_id: str, now: datetime, limit: int) -> int:
    """Roll up some of the brand's days before today that are not rolled up yet, or changed since; how many.

    At most `limit` of orders and as many of clicks, the latest first. For a transaction that writes and sees one
    snapshot.
    """
    today = now.astimezone(zone_of(session, brand_id)).date()
    figures.thin_out(session, brand_id, today)
    return roll(session, brand_id, today, limit) + roll_clicks(session, brand_id, today, limit)


def roll(session: Session, brand_id: str, today: date, limit: int) -> int:
    """Roll up to `limit` neighbouring days of one month; how many."""
    chosen = next_span(session, brand_id, today, limit)
    if chosen is None:
        return 0
    days = chosen.days()
    changes = figures.changes_of(session, brand_id, ORDERS, days)
    found: Found = {day: {} for day in days}
    for day, name, lines in _lines(session, brand_id, chosen):
        found[day].setdefault(name, []).extend(lines)
    figures.keep(session, brand_id, found, whole_month=False)
    figures.settle(session, changes)
    figures.vouch(session, brand_id, ORDERS, days, _rolled.version(), whole_month=False)
    for month in sorted({first_of(day) for day in days}):
        _roll_month(session, brand_id, month, today)
    return len(days)


def roll_clicks(session: Session, brand_id: str, today: date, limit: int) -> int:
    """The same for the clicks of links: their hours by the day of the brand in which they begin."""
    earliest = select(func.min(LinkHour.hour)).join(Link, Link.id == LinkHour.link_id).where(Link.brand_id == brand_id)
    first = session.execute(earliest).scalar()
    zone = zone_of(session, brand_id)
    if first is None or first.astimezone(zone).date() >= today:
        return 0
    whole = Span(first_of(first.astimezone(zone).date()), today - timedelta(days=1))
    days = figures.kept(session, brand_id, CLICKS, whole, CLICKS_VERSION).open[-limit:]
    changes = figures.changes_of(session, brand_id, CLICKS, days)
    for day in days:
        _add_up_clicks(session, brand_id, day, zone)
    kept = {day: _figures_of_clicks(session, brand_id, Span(day, day), zone) for day in days}
    figures.keep(session, brand_id, kept, whole_month=False, names=[CLICKS, SAYS, CLICK_DAYS])
    figures.settle(session, changes)
    figures.vouch(session, brand_id, CLICKS, days, CLICKS_VERSION, whole_month=False)
    for month, earliest_day in {first_of(day): day for day in reversed(days)}.items():
        _to_date.keep(session, brand_id, earliest_day)
        _roll_clicks_of_month(session, brand_id, month, today)
    return len(days)


def _figures_of_clicks(session: Session, brand_id: str, day: Span, zone: ZoneInfo) -> dict[str, list[Line]]:
    clicks = _clicks_of(session, brand_id, day)
    human = sum(line[2] for line in clicks)
    says = _click_says.live(session, brand_id, day, zone)
    return {CLICKS: clicks, SAYS: says, CLICK_DAYS: [(day.start.isoformat(), human)] if human else []}


def _roll_clicks_of_month(session: Session, brand_id: str, month: date, today: date) -> None:
    figures.unvouch(session, brand_id, CLICKS, [month], whole_month=True)
    last = last_of(month)
    state = figures.kept(session, brand_id, CLICKS, Span(month, last), CLICKS_VERSION)
    if last >= today or state.open:
        return
    sums = {
        CLICKS: _clicks_of(session, brand_id, Span(month, last)),
        SAYS: _click_says.of_month(session, brand_id, state),
        CLICK_DAYS: figures.added_up(figures.lines(session, brand_id, CLICK_DAYS, state), 1),
    }
    figures.keep(session, brand_id, {month: sums}, whole_month=True, names=[CLICKS, SAYS, CLICK_DAYS])
    figures.vouch(session, brand_id, CLICKS, [month], CLICKS_VERSION, whole_month=True)


def _clicks_of(session: Session, brand_id: str, days: Span) -> list[Line]:
    """Gross clicks, human clicks and uniques by link."""
    table = LinkDayClicks
    query = (
        select(table.link_id, func.sum(table.gross), func.sum(table.human), func.sum(table.uniques))
        .join(Link, Link.id == table.link_id)
        .where(Link.brand_id == brand_id, table.day >= days.start, table.day <= days.end)
        .group_by(table.link_id)
    )
    return [(link, *map(int, numbers)) for link, *numbers in session.execute(query)]


def _add_up_clicks(session: Session, brand_id: str, day: date, zone: ZoneInfo) -> None:
    start, end = span(Scope(brand_id, day, day), zone)
    links = select(Link.id).where(Link.brand_id == brand_id)
    gone = delete(LinkDayClicks).where(LinkDayClicks.day == day, LinkDayClicks.link_id.in_(links))
    session.execute(gone, execution_options={"synchronize_session": False})
    hours = select(LinkHour.link_id, LinkHour.gross, LinkHour.human, literal(0)).where(
        LinkHour.link_id.in_(links), LinkHour.hour >= start, LinkHour.hour < end
    )
    uniques = select(LinkDay.link_id, literal(0), literal(0), LinkDay.uniques).where(
        LinkDay.link_id.in_(links), LinkDay.day == day
    )
    each = union_all(hours, uniques).subquery()
    link, *numbers = each.c
    sums = select(link, literal(day, Date), *(func.sum(number) for number in numbers)).group_by(link)
    columns = ["link_id", "day", "gross", "human", "uniques"]
    session.execute(insert(LinkDayClicks).from_select(columns, sums))


def next_span(session: Session, brand_id: str, today: date, limit: int) -> Span | None:
    """The latest days of one month that are to be rolled up."""
    earliest = select(func.min(OrderRow.placed_day)).where(OrderRow.brand_id == brand_id)
    first = session.execute(earliest).scalar()
    if first is None or first >= today:
        return None
    whole = Span(first_of(first), today - timedelta(days=1))
    open_days = open_of(session, brand_id, ORDERS, whole, _rolled.version())
    if not open_days:
        return None
    last = _rolled.stretches(open_days)[-1]
    start = max(last.start, first_of(last.end), last.end - timedelta(days=limit - 1))
    return Span(start, last.end)


def open_of(session: Session, brand_id: str, kind: str, whole: Span, version: str) -> list[date]:
    """The days that are not rolled up, or changed since. A day within a month that stands is rolled up."""
    state = figures.kept(session, brand_id, kind, whole, version)
    return list(state.open)


def _lines(session: Session, brand_id: str, days: Span) -> Iterator[tuple[date, str, list[Line]]]:
    yield from _rolled_parts.credits(session, brand_id, days)
    yield from _rolled_parts.touches(session, brand_id, days)
    with_orders = set(session.execute(_days_with_orders(brand_id, days)).scalars())
    for day in days.days():
        for figure in (one for one in _rolled.registered() if one.always or day in with_orders):
            for scope in _rolled.scopes(figure, brand_id, day):
                lines = figures.added_up(figure.live(session, scope), figure.keys)
                yield day, figure.named(scope) or "", lines
            yield from _by_grain(session, brand_id, day, figure)


def _by_grain(
    session: Session, brand_id: str, day: date, figure: _rolled.Figure
) -> Iterator[tuple[date, str, list[Line]]]:
    whole = Scope(brand_id, day, day)
    if figure.by_grain is not None:
        for grain in figure.grains:
            lines = figures.added_up(figure.by_grain(session, whole, grain), figure.keys + 1)
            yield from ((day, figure.under(grain, line[0]), [line]) for line in lines)


def _days_with_orders(brand_id: str, days: Span) -> Select[date | None]:
    placed = OrderRow.placed_day
    return select(placed).where(OrderRow.brand_id == brand_id, placed >= days.start, placed <= days.end).distinct()


def _roll_month(session: Session, brand_id: str, month: date, today: date) -> None:
    """Add up a month that is over and of which every day stands; of another one, nothing is kept."""
    figures.unvouch(session, brand_id, ORDERS, [month], whole_month=True)
    last = last_of(month)
    if last >= today or open_of(session, brand_id, ORDERS, Span(month, last), _rolled.version()):
        return
    figures.keep(session, brand_id, {month: _added(session, brand_id, month, last)}, whole_month=True)
    figures.vouch(session, brand_id, ORDERS, [month], _rolled.version(), whole_month=True)


def _added(session: Session, brand_id: str, month: date, last: date) -> dict[str, list[Line]]:
    query = select(FigureRow.name, FigureRow.rows).where(
        FigureRow.brand_id == brand_id,
        FigureRow.starts_on >= month,
        FigureRow.starts_on <= last,
        FigureRow.whole_month.is_(False),
        ~figures.is_of_clicks(),
    )
    found: dict[str, list[Sequence[Any]]] = defaultdict(list)
    for name, rows in session.execute(query):
        found[name] += figures.read(rows)
    keys = _keys()
    return {name: figures.added_up(lines, keys[name.partition(" ")[0]]) for name, lines in found.items()}


def _keys() -> dict[str, int]:
    """How many cells of a line are keys, by the first word of the name."""
    found = _rolled_parts.keys()
    for figure in _rolled.registered():
        found[figure.name] = figure.keys
        found |= {f"{figure.name}/{grain}": figure.keys + 1 for grain in figure.grains}
    return found
