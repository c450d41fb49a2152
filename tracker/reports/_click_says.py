"""What clicks by people say of themselves, by link: where they came from, in which browser, with which consent.

Days that are over are added up once, like the clicks themselves and with them: a year of clicks is not read again. What
is kept are families of referrers, so CLICKS_VERSION grows when `referrer_of` tells them apart in another way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.domain.agents import Taken
from tracker.domain.clicks import CONSENT_REFUSED
from tracker.domain.referrers import referrer_of
from tracker.ledger import figures
from tracker.ledger.figures import CLICKS, CLICKS_VERSION, SAYS, Kept, Line, Span
from tracker.ledger.tables import Click
from tracker.reports import _rolled
from tracker.reports._shape import Scope, span, zone_of

_KEYS = 4


def each(session: Session, scope: Scope) -> list[Sequence[Any]]:
    """Link, family of the referrer, whether in the browser of an app, whether without consent, and how many clicks.

    Not added up, for whoever wants some of the links: a year has tens of thousands of lines.
    """
    zone = zone_of(session, scope.brand_id)
    state = figures.kept(session, scope.brand_id, CLICKS, Span(scope.start, scope.end), CLICKS_VERSION)
    found: list[Sequence[Any]] = list(figures.sums(session, scope.brand_id, SAYS, state, _KEYS))
    for days in _rolled.stretches(state.open):
        found += live(session, scope.brand_id, days, zone)
    return found


def live(session: Session, brand_id: str, days: Span, zone: ZoneInfo) -> list[Line]:
    """The same of some days, asked of the clicks themselves."""
    start, end = span(Scope(brand_id, days.start, days.end), zone)
    says = (Click.link_id, Click.referrer_host, Click.reason, Click.consent, Click.gpc, Click.dnt)
    query = (
        select(*says, func.count())
        .where(Click.brand_id == brand_id, Click.at >= start, Click.at < end)
        .where(Click.verdict == Taken.HUMAN, Click.link_id.is_not(None))
        .group_by(*says)
    )
    lines = (
        (link, referrer_of(host).value, reason == "in_app", consent == CONSENT_REFUSED or gpc or dnt, number)
        for link, host, reason, consent, gpc, dnt, number in session.execute(query)
    )
    return figures.added_up(lines, _KEYS)


def of_month(session: Session, brand_id: str, state: Kept) -> list[Line]:
    """The sums of days that are kept."""
    return figures.added_up(figures.lines(session, brand_id, SAYS, state), _KEYS)
