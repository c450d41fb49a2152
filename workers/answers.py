"""`workers.answers.draw_asked`: reports that take long are drawn for the readers who asked, the newest question first.

Each is read from one moment of the ledger and kept in a transaction of its own.
"""

from __future__ import annotations

import time

from tracker import log, queue
from tracker.errors import Unavailable
from tracker.ledger import answers
from tracker.ledger.answers import Question
from tracker.ledger.database import writing
from tracker.reports import _answers
from tracker.wiring import Wiring
from workers import stopping, wiring

_SHIFT = 20.0  # seconds after which a job leaves the rest to the next one


def draw_asked(hands: Wiring | None = None) -> int:
    """Draw what was asked for, one after the other, for one shift at most; how many. What fails is tried again."""
    hands = hands or wiring()
    ends, count = time.monotonic() + _SHIFT, 0
    while not stopping.is_set() and (taken := _next(hands)) is not None:
        count += _draw(hands, taken)
        if time.monotonic() >= ends:
            queue.ring(hands.redis, queue.JOBS[queue.DRAW], queue.DRAW)
            break
    return count


def _next(hands: Wiring) -> Question | None:
    with writing(hands.sessions) as session:
        return answers.take(session, hands.clock.wall())


def _draw(hands: Wiring, taken: Question) -> bool:
    """Whether it was drawn. Raises Unavailable where the ledger does not answer."""
    began, now = time.monotonic(), hands.clock.now()
    try:
        with hands.sessions() as session:
            rows = _answers.draw(session, taken)
        with writing(hands.sessions) as session:
            answers.keep(session, taken, rows, now)
    except Unavailable:
        raise
    except Exception as error:
        log.error("answer_not_drawn", exc=error, report=taken.report, answer=taken.id)
        return False
    log.info("answer_drawn", report=taken.report, answer=taken.id, seconds=round(time.monotonic() - began, 3))
    return True
