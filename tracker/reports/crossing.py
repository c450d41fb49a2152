"""Who opens journeys and who closes them: influence and affiliation, met in the same orders."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, func, literal, select
from sqlalchemy.orm import Session, aliased

from tracker.domain.catalog import Channel
from tracker.ledger.figures import Line
from tracker.ledger.tables import OrderRow, Touch
from tracker.reports import _crossing, _rolled
from tracker.reports._crossing import FIGURES, for_each, standing, standing_by, tabulated
from tracker.reports._parts import is_filtered, orders_of
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 21
GROUP = "Influence × affiliation"
CHART = "matrix"
FILTERS = ("channel", "partner", "campaign", "network")
TITLE = "Who opens, who closes"
DESCRIPTION = "Orders by the channel that shoppers met first and the one that came last before they bought."
NOBODY = "no_touchpoint"
WORDS = {NOBODY: "No touchpoint known"}
COLUMNS = (
    Column("opener", "Opened by", Kind.WORD, "The channel of the journey's first touchpoint."),
    Column("closer", "Closed by", Kind.WORD, "The channel of the journey's last touchpoint."),
    *_crossing.COLUMNS,
)


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row an opener, closer and currency; orders without a touchpoint are one where nothing is filtered."""
    return tabulated(session, scope, _rolled.asked(session, scope, _lines), ("opener", "closer"), _place)


def _by_grain(session: Session, scope: Scope, grain: str) -> Iterable[Line]:
    stood = standing_by(scope, grain)
    query = _query(scope, whole=False).join(stood, stood.c.order_id == OrderRow.id)
    return for_each(session, query, stood.c.only)


@_rolled.additive("crossing", 3, by_grain=_by_grain)
def _lines(session: Session, scope: Scope) -> Iterable[Line]:
    return (tuple(row) for row in session.execute(_query(scope, whole=not is_filtered(scope))))


def _query(scope: Scope, *, whole: bool) -> Select[*tuple[Any, ...]]:
    opener, closer = aliased(Touch), aliased(Touch)
    named = [func.coalesce(touch.channel, literal(NOBODY)) for touch in (opener, closer)]
    return (
        select(*named, OrderRow.currency, *FIGURES)
        .select_from(OrderRow)
        .join(opener, (opener.order_id == OrderRow.id) & opener.opener.is_(True), isouter=whole)
        .join(closer, (closer.order_id == OrderRow.id) & closer.closer.is_(True), isouter=whole)
        .where(*orders_of(scope), *standing(scope))
        .group_by(opener.channel, closer.channel, OrderRow.currency)
    )


def _place(row: Row) -> tuple[tuple[int, str], ...]:
    """Influence, affiliate, other marketing, nobody."""
    known = {**{str(channel): place for place, channel in enumerate(Channel)}, NOBODY: 9}
    return tuple((known.get(str(row[key]), len(Channel)), str(row[key])) for key in ("opener", "closer"))
