"""`python -m workers.commissions`: what is owed follows the credits, and what was held long enough is approved."""

from __future__ import annotations

import time
from collections.abc import Callable

from tracker import log, pipeline, queue
from tracker.errors import Unavailable
from tracker.ledger import commissions_due
from tracker.ledger.database import writing
from tracker.wiring import Wiring
from workers import wiring, work

# Of SQLite it is the one writer, and a shop waits behind it: its turns are short.
_BATCH, _SQLITE_BATCH = 100, 20
_SHIFT = 20.0  # seconds after which a job leaves the rest to the next one, so that a worker stops soon when told to
_TRIES = 5


def accrue_due() -> int:
    """Reckon the commissions that are due, the longest due first, for one shift at most; of how many orders.

    Several may run at once. What a payout is to hold back is there as soon as this has run: it is approved at once.
    """
    reckoned = _shift(queue.ACCRUE, _batch)
    if reckoned:
        log.info("commissions_reckoned", orders=reckoned)
    return reckoned


def approve() -> int:
    """Approve the commissions whose hold is over, for one shift at most; how many."""
    hands = wiring()
    approved = _shift(
        queue.APPROVE, lambda: pipeline.approve_commissions(hands.sessions, 10 * _size(hands), hands.clock.now())
    )
    if approved:
        log.info("commissions_approved", count=approved)
    return approved


def _shift(job: str, turn: Callable[[], int]) -> int:
    """Take turns until there is nothing to do; rings for itself where the shift ends before that."""
    ends = time.monotonic() + _SHIFT
    done = 0
    while count := turn():
        done += count
        if time.monotonic() >= ends:
            queue.ring(wiring().redis, queue.COMMISSIONS, job)
            break
    return done


def _batch() -> int:
    """Reckon one batch. Two transactions may in rare cases be in each other's way: one of them tries again."""
    hands = wiring()
    for attempt in range(_TRIES):
        try:
            return pipeline.accrue_commissions(hands.sessions, _size(hands), hands.clock.now())
        except Unavailable:
            if attempt == _TRIES - 1:
                raise
            time.sleep(0.05 * 2**attempt)
        except Exception as error:
            log.error("batch_not_reckoned", exc=error)
            return sum(_alone() for _ in range(_size(hands)))
    return 0


def _alone() -> int:
    """A batch failed for a fault of ours: reckon the longest due order alone, or put it behind all others."""
    hands = wiring()
    try:
        return pipeline.accrue_commissions(hands.sessions, 1, hands.clock.now())
    except Unavailable:
        raise
    except Exception as error:
        with writing(hands.sessions) as session:
            order_id = commissions_due.postpone_longest(session, hands.clock.wall())
        log.error("order_not_reckoned", exc=error, order=order_id)
        return 0


def _size(hands: Wiring) -> int:
    return _SQLITE_BATCH if hands.engine.dialect.name == "sqlite" else _BATCH


if __name__ == "__main__":
    work(queue.COMMISSIONS)
