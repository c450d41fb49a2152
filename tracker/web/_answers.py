"""A reader never waits for a report that takes long: what is kept is shown, and a worker is asked for the rest."""

from __future__ import annotations

from sqlalchemy.orm import Session

from tracker import log, queue
from tracker.errors import Unavailable
from tracker.ledger import answers
from tracker.ledger.database import writing
from tracker.reports import _compare
from tracker.reports._answers import Reader
from tracker.reports._shape import Part, Result, Scope
from tracker.wiring import Wiring

LOOK_AGAIN = 3
"""Seconds after which a reader of what is yet to be worked out looks again."""


def run(wiring: Wiring, session: Session, name: str, scope: Scope, *, how: str | None, part: Part | None) -> Result:
    """As `_compare.run`; a long report as it is kept, or a result that waits. It has what is missing asked for."""
    reader = Reader(wiring.clock.now(), wiring.clock.wall())
    result = _compare.run(session, name, scope, how, part, each=reader.run)
    if reader.asks:
        _ask(wiring, reader)
    return result


def _ask(wiring: Wiring, reader: Reader) -> None:
    """As far as the ledger has a moment for it: who looks again asks again."""
    try:
        with writing(wiring.hasty_sessions) as session:
            answers.ask(session, reader.asks, reader.wall)
    except Unavailable as error:
        log.warning("answer_not_asked_for", error=type(error).__name__)
    else:
        queue.Doorbell(wiring.hasty_redis).ring(queue.JOBS[queue.DRAW], queue.DRAW)
