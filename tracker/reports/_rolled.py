"""What orders come to can be added up day by day, so days that are over are added up once and kept.

An order is placed on one day, and whatever a report counts of it is counted there: the figures of a year are the sums
of its months' and its days'. A figure says how it is asked of the orders themselves (`live`) and under which name its
days are kept; days that are not kept, or changed since, are asked live.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache, partial
from hashlib import blake2b
from itertools import chain
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker import plugins
from tracker.domain.catalog import Channel
from tracker.ledger import figures
from tracker.ledger.database import once, sees_one_moment
from tracker.ledger.figures import Kept, Span
from tracker.ledger.remembered import Lines
from tracker.ledger.tables import OrderRow
from tracker.reports._shape import PAYING, Scope

Live = Callable[[Session, Scope], Iterable[Sequence[object]]]
ByGrain = Callable[[Session, Scope, str], Iterable[Sequence[object]]]
_Parts = tuple[Lines, Sequence[Sequence[Any]]]

_TRIES = 3
GRAINS = ("campaign", "network", "partner")
_REVISION = 4  # grows when a figure comes to mean something else under the same name


@dataclass(frozen=True, slots=True)
class Figure:
    """`keys` says how many of a line's cells name what it is of; the others are numbers that may be added up.

    `by_model` says that it depends on the model: then it is kept for the one that pays. It is kept for all orders, and
    `by_channel` for each channel. `by_grain` asks for it under a filter of `grains`, for every value of it at once: its
    lines begin with that value. Under other filters it is asked live. One that is not of orders is asked of days
    without orders too: `always`.
    """

    name: str
    keys: int
    live: Live
    by_model: bool = False
    by_channel: bool = True
    always: bool = False
    by_grain: ByGrain | None = None
    grains: tuple[str, ...] = ()

    def grain_of(self, scope: Scope) -> tuple[str, str] | None:
        """The only filter of the scope and what it keeps, where that is kept."""
        chosen = scope.chosen()
        if len(chosen) != 1 or (scope.model != PAYING and self.by_model):
            return None
        return chosen[0] if chosen[0][0] in self.grains else None

    def under(self, grain: str, value: str) -> str:
        """The name under which it is kept for a value of a filter: with others that end alike, for one is soon read."""
        return f"{self.name}/{grain} {value[-1:]}"

    def named(self, scope: Scope) -> str | None:
        """The name under which it is kept for the filters of `scope`; None where it is not."""
        if scope.campaign_id or scope.partner_id or scope.network:
            return None
        if (scope.channel and not self.by_channel) or (scope.model != PAYING and self.by_model):
            return None
        return f"{self.name} {scope.channel or 'all'}"


_figures: dict[str, Figure] = {}


def additive(
    name: str,
    keys: int,
    *,
    by_model: bool = False,
    by_channel: bool = True,
    always: bool = False,
    by_grain: ByGrain | None = None,
    grains: tuple[str, ...] = GRAINS,
) -> Callable[[Live], Figure]:
    """Make a figure of the function that asks for it, and have its days kept."""

    def made(live: Live) -> Figure:
        figure = Figure(name, keys, live, by_model, by_channel, always, by_grain, grains if by_grain else ())
        _figures[name] = figure
        return figure

    return made


def registered() -> list[Figure]:
    """Every figure whose days are kept, by name. Loads all reports."""
    plugins.discover("tracker.reports")
    return [_figures[name] for name in sorted(_figures)]


def asked(session: Session, scope: Scope, figure: Figure) -> Lines:
    """The figure's lines over the scope, each of its keys once; in no order. Not to be changed."""
    return once(
        session,
        ("asked", figure.name, scope),
        lambda: figures.merged(*_parts_of(session, scope, figure), figure.keys),
    )


def each(session: Session, scope: Scope, figure: Figure) -> Sequence[Sequence[Any]]:
    """The same lines before they are added up, for whoever adds up some of them, or fewer of their cells."""
    return list(chain(*_parts_of(session, scope, figure)))


def _parts_of(session: Session, scope: Scope, figure: Figure) -> _Parts:
    return once(session, ("parts", figure.name, scope), lambda: _of_figure(session, scope, figure))


def _of_figure(session: Session, scope: Scope, figure: Figure) -> _Parts:
    grain = figure.grain_of(scope)
    name, only = (figure.under(*grain), grain[1]) if grain else (figure.named(scope), None)
    live = partial(_live, session, figure)
    if name is None:
        return (), live(scope)
    return _kept_and_live(session, scope, name, figure.keys, live, only=only, always=figure.always)


def _live(session: Session, figure: Figure, scope: Scope) -> list[Sequence[object]]:
    """The lines of days that are not kept: today is asked with the month, and again with the whole campaign."""
    return once(session, ("live", figure.name, scope), lambda: list(figure.live(session, scope)))


def summed(
    session: Session,
    scope: Scope,
    name: str,
    keys: int,
    live: Callable[[Scope], Iterable[Sequence[object]]],
    *,
    only: str | None = None,
    always: bool = False,
    wanted: Container[object] | None = None,
) -> Lines:
    """Lines kept under `name`, and `live` ones for the other days of the scope, added up by their keys.

    With `only`, kept lines begin with one cell more, and those in which it is another are left out. Days before
    the first order and after the last one are asked `always` alone. With `wanted`, lines that begin so alone.
    """
    kept, others = _kept_and_live(session, scope, name, keys, live, only=only, always=always)
    if wanted is not None:
        kept = [line for line in kept if line[0] in wanted]
        others = [line for line in others if line[0] in wanted]
    return figures.merged(kept, others, keys)


def _kept_and_live(
    session: Session,
    scope: Scope,
    name: str,
    keys: int,
    live: Callable[[Scope], Iterable[Sequence[object]]],
    *,
    only: str | None,
    always: bool,
) -> _Parts:
    """The lines of the days that are kept, added up, and those of the other days, as they come."""
    span = Span(scope.start, scope.end)
    kept: Lines = ()
    found: list[Sequence[object]] = []
    for _ in range(_TRIES):
        state = figures.kept(session, scope.brand_id, figures.ORDERS, span, version())
        kept = figures.sums(session, scope.brand_id, name, state, keys if only is None else keys + 1)
        kept = kept if only is None else [line[1:] for line in kept if line[0] == only]
        found = [line for part in _stretches(session, scope, state, always=always) for line in live(part)]
        if not _may_have_moved(session, state):
            break
        if state == figures.kept(session, scope.brand_id, figures.ORDERS, span, version()):
            break
    return kept, found


def _may_have_moved(session: Session, state: Kept) -> bool:
    """Whether an order could have gone from a kept day to one asked live between two questions."""
    return bool(state.open) and bool(state.days or state.months) and not sees_one_moment(session)


def _stretches(session: Session, scope: Scope, state: Kept, *, always: bool) -> Iterator[Scope]:
    for span in stretches(state.open):
        start, end = span.start, span.end
        if not always and start < end:
            first, last = days_with_orders(session, scope.brand_id)
            start, end = max(start, first or start), min(end, last or end)
        if start <= end:
            yield replace(scope, start=start, end=end)


def days_with_orders(session: Session, brand_id: str) -> tuple[date | None, date | None]:
    """The first and the last day on which an order was placed: a campaign's often begin before, and go on after."""
    return once(session, ("days with orders", brand_id), lambda: _days_with_orders(session, brand_id))


def _days_with_orders(session: Session, brand_id: str) -> tuple[date | None, date | None]:
    ends = [
        select(end(OrderRow.placed_day)).where(OrderRow.brand_id == brand_id).scalar_subquery()
        for end in (func.min, func.max)
    ]
    row = session.execute(select(*ends)).one()
    return row[0], row[1]


def stretches(days: Sequence[date]) -> list[Span]:
    """Days in order as stretches without a gap."""
    found: list[Span] = []
    for day in days:
        if found and found[-1].end + timedelta(days=1) == day:
            found[-1] = Span(found[-1].start, day)
        else:
            found.append(Span(day, day))
    return found


def scopes(figure: Figure, brand_id: str, day: date) -> Iterator[Scope]:
    """The scopes of a day for which the figure is kept."""
    for channel in (None, *Channel) if figure.by_channel else (None,):
        yield Scope(brand_id, day, day, PAYING, channel=channel)


def whole(scope: Scope) -> Scope:
    """The scope without its filters: for what no filter keeps a part of."""
    return replace(scope, campaign_id=None, channel=None, partner_id=None, network=None)


@cache
def version() -> str:
    """What names the set of figures: days rolled up for another set are not read."""
    from tracker.reports import _rolling  # noqa: PLC0415  (it asks for the figures that ask for it)

    names = (str(_REVISION), *_rolling.names())
    return blake2b("\n".join(names).encode(), digest_size=16).hexdigest()
