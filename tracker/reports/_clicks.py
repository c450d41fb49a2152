"""Clicks from the roll-ups, by any column of the links that were clicked: one question for all that ask the same."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from operator import attrgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from tracker.ledger import figures
from tracker.ledger.database import among, once
from tracker.ledger.figures import Kept, Line, Span
from tracker.ledger.tables import Link, LinkDay, LinkDayClicks, LinkHour, Partner
from tracker.reports import _rolled, _to_date
from tracker.reports._parts import By, Condition, is_filtered, on_network, text_of
from tracker.reports._shape import PAYING, Scope, moments_of, zone_of

_STRETCHES = 8  # of days; as many questions cost more than one for all of them

# The key of visitors' hashes turns at midnight UTC, in the middle of most brands' days.
UNIQUE_HELP = (
    "Distinct visitors, counted per link and day; one seen on both sides of midnight UTC within a day counts twice."
)

LINK_CHANNEL: By = func.coalesce(Link.channel, Partner.channel)


class Linked(NamedTuple):
    """What clicks on a link may count for."""

    id: str
    brand_id: str
    campaign_id: str | None
    partner_id: str
    placement_id: str | None
    channel: str


# By the column that says it, what clicks on a link count for: links are read once for all of them.
LINKED_BY: dict[str, Callable[[Linked], Any]] = {
    str(LINK_CHANNEL): attrgetter("channel"),
    **{f"Link.{name}": attrgetter(name) for name in ("id", "brand_id", "campaign_id", "partner_id", "placement_id")},
}


class Clicks(NamedTuple):
    """Requests for links: all of them, by people, and distinct visitors per link and day."""

    gross: int = 0
    human: int = 0
    unique: int = 0


def clicks(session: Session, scope: Scope, by: By, wanted: frozenset[str] | None = None) -> dict[str, Clicks]:
    """Clicks from the roll-ups, by `by` (a column of links or LINK_CHANNEL).

    The hours are UTC's, and an hour belongs to the day of the brand in which it begins: zones that are half an hour off
    share one hour a day between two days. Not to be changed: whoever asks again is told the same. With `wanted`, of
    these subjects alone.
    """
    return once(session, ("clicks", scope, text_of(by), wanted), lambda: _clicked(session, scope, by, wanted))


def _clicked(session: Session, scope: Scope, by: By, wanted: frozenset[str] | None) -> dict[str, Clicks]:
    subjects = _links(session, scope, by)
    if wanted is not None:
        subjects = {link: subject for link, subject in subjects.items() if subject in wanted}
        counted: Sequence[Sequence[Any]] = _clicked_links(session, _whole(scope), subjects)
    else:
        wider = replace(scope, channel=None, model=PAYING)
        counted = once(session, ("clicked links", wider), lambda: _added_up_by_link(session, wider))
    lines = ((subjects[line[0]], line[1], line[2], line[3]) for line in counted if line[0] in subjects)
    return {subject: Clicks(*map(int, numbers)) for subject, *numbers in _to_date.sums_of(lines) if numbers[0]}


def _added_up_by_link(session: Session, scope: Scope) -> list[Line]:
    links = _links(session, scope, Link.id)
    return _to_date.sums_of(_clicked_links(session, _whole(scope), links))


def clicks_by_day(session: Session, scope: Scope) -> dict[date, int]:
    """Clicks by people of each day of the brand; an hour belongs to the day in which it begins."""
    zone = zone_of(session, scope.brand_id)
    found: dict[date, int] = {}
    links = _links(session, scope, Link.id)
    spans = _rolled.stretches(_kept_clicks(session, scope).open)
    for when, human in (*_kept_by_day(session, scope, links), *_live_by_day(session, links, spans, zone)):
        on = when.astimezone(zone).date() if isinstance(when, datetime) else when
        found[on] = found.get(on, 0) + int(human)
    return found


def _live_by_day(
    session: Session, links: Collection[str], spans: Sequence[Span], zone: ZoneInfo
) -> Iterable[Sequence[Any]]:
    """Clicks by people by day or by hour. Those of single days are also asked by link: then once is enough."""
    if len(spans) > _STRETCHES or any(one.start != one.end for one in spans):
        return _of_links(session, links, LinkHour.hour, (LinkHour.human,), _hours(spans, zone))
    return [(one.start, sum(line[2] for line in _in_hours(session, links, [one], zone))) for one in spans]


def _kept_clicks(session: Session, scope: Scope, *, months: bool = True) -> Kept:
    return figures.kept(session, scope.brand_id, figures.CLICKS, _span(scope), figures.CLICKS_VERSION, months=months)


def _kept_by_day(session: Session, scope: Scope, links: Collection[str]) -> Iterable[Line]:
    """Clicks by people on the days that are kept: the brand's as they are kept, others by their links."""
    if not is_filtered(scope):
        kept = figures.lines(session, scope.brand_id, figures.CLICK_DAYS, _kept_clicks(session, scope))
        return [(date.fromisoformat(day), human) for day, human in kept]
    days = _among(LinkDayClicks.day, _rolled.stretches(_kept_clicks(session, scope, months=False).days))
    return _of_links(session, links, LinkDayClicks.day, (LinkDayClicks.human,), days)


def _links(session: Session, scope: Scope, by: By) -> dict[str, Any]:
    """By id, the links whose clicks the scope keeps, with what each counts for."""
    filters = (scope.brand_id, *scope.chosen())
    if text_of(by) not in LINKED_BY:
        pairs, asked = _query_of_links(scope, Link.id, by), ("links", filters, text_of(by))
        return once(session, asked, lambda: {row[0]: row[1] for row in session.execute(pairs)})
    subject = LINKED_BY[text_of(by)]
    query = _query_of_links(
        scope, Link.id, Link.brand_id, Link.campaign_id, Link.partner_id, Link.placement_id, LINK_CHANNEL
    )
    found = once(session, ("links", filters), lambda: [Linked(*row) for row in session.execute(query)])
    return {link.id: subject(link) for link in found}


def _query_of_links(scope: Scope, *columns: By) -> Select[*tuple[Any, ...]]:
    return select(*columns).join(Partner, Partner.id == Link.partner_id).where(*links_of(scope))


def _clicked_links(session: Session, scope: Scope, links: Collection[str]) -> list[Sequence[Any]]:
    """Gross clicks, human clicks and uniques by link, in parts: of months, of days rolled up, of the other days."""
    kept = once(session, ("clicks to date", scope), lambda: _to_date.clicks(session, scope.brand_id, _span(scope)))
    found: list[Sequence[Any]] = [line for line in kept if line[0] in links]
    spans = _rolled.stretches([day for day in _kept_clicks(session, scope).open if day <= (scope.today or day)])
    # Few stretches are asked each by itself: an index finds hours between two moments, not between several.
    for some in [[one] for one in spans] if len(spans) <= _STRETCHES else [spans]:
        found += _clicked_live(session, links, some, zone_of(session, scope.brand_id))
    return found


def _clicked_live(
    session: Session, links: Collection[str], spans: Sequence[Span], zone: ZoneInfo
) -> Iterator[Sequence[Any]]:
    for line in _in_hours(session, links, spans, zone):
        yield (*line, 0)
    for link, uniques in _of_links(session, links, LinkDay.link_id, (LinkDay.uniques,), _among(LinkDay.day, spans)):
        yield (link, 0, 0, uniques)


def _in_hours(session: Session, links: Collection[str], spans: Sequence[Span], zone: ZoneInfo) -> list[Line]:
    """Gross and human clicks by link."""
    numbers = (LinkHour.gross, LinkHour.human)
    return once(
        session,
        ("clicks in hours", frozenset(links), *spans, zone),
        lambda: _of_links(session, links, LinkHour.link_id, numbers, _hours(spans, zone)),
    )


def _whole(scope: Scope) -> Scope:
    return Scope(scope.brand_id, scope.start, scope.end, today=scope.today)


def _span(scope: Scope) -> Span:
    return Span(scope.start, scope.end)


def _among(day: By, spans: Sequence[Span]) -> tuple[Condition, ...]:
    """The condition that a day is in one of these stretches; nothing where there is none."""
    return (or_(*(day.between(one.start, one.end) for one in spans)),) if spans else ()


def _hours(spans: Sequence[Span], zone: ZoneInfo) -> tuple[Condition, ...]:
    """The condition that an hour begins in one of these stretches; nothing where there is none."""
    hour = LinkHour.hour
    moments = [moments_of(one.start, one.end, zone) for one in spans]
    return (or_(*(and_(hour >= start, hour < end) for start, end in moments)),) if moments else ()


def _of_links(
    session: Session, links: Collection[str], by: Any, numbers: Sequence[By], when: Collection[Condition]
) -> list[Line]:
    """Sums over some links; without a condition nothing is asked. No planner guesses how many links a channel has."""
    if not links or not when:
        return []
    of_them = among(session, by.class_.link_id, links)
    query = select(by, *(func.sum(number) for number in numbers)).where(of_them, *when).group_by(by)
    return [tuple(row) for row in session.execute(query)]


def links_of(scope: Scope) -> list[Condition]:
    """The conditions on links (joined with their partners) whose clicks the scope keeps."""
    wanted = (
        (Link.brand_id, scope.brand_id),
        (Link.campaign_id, scope.campaign_id),
        (LINK_CHANNEL, scope.channel),
        (Link.partner_id, scope.partner_id),
    )
    return [column == value for column, value in wanted if value] + on_network(scope, Link.placement_id)
