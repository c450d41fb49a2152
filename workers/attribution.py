"""`python -m workers.attribution`: whatever is due is credited, a batch a transaction, however often the bell rings."""

from __future__ import annotations

import gc
import time

from tracker import log, pipeline, queue
from tracker.errors import Unavailable
from tracker.ledger import due, rules_due
from tracker.ledger.database import writing
from tracker.wiring import Wiring
from workers import wiring, work

# Of SQLite it is the one writer, and a shop waits behind it: its turns are short.
_BATCH, _SQLITE_BATCH = 500, 16
_TAKEN_OVER = 500  # orders put under a new version of the rules in one transaction
_SHIFT = 20.0  # seconds after which a job leaves the rest to the next one, so that a worker stops soon when told to
_TRIES = 5


def attribute_due() -> int:
    """Credit what is due, the longest due first, for one shift at most; how many orders.

    Several may run at once: each order is in one hand only. Rings for itself where its shift ends before the work.
    """
    hands = wiring()
    ends = time.monotonic() + _SHIFT
    credited = 0
    while (count := _batch()) or _taken_over():
        credited += count
        if time.monotonic() >= ends:
            queue.ring(hands.redis, queue.ATTRIBUTION, queue.ATTRIBUTE)
            break
    if credited:
        log.info("orders_attributed", orders=credited)
        queue.ring(hands.redis, queue.COMMISSIONS, queue.ACCRUE)
    return credited


def _taken_over() -> bool:
    """Where nothing is due, let a new version of the rules take over some more orders; whether there were any left."""
    hands = wiring()
    with hands.sessions() as session:
        if not rules_due.is_any(session):
            return False
    with writing(hands.sessions) as session:
        return rules_due.take_over(session, _TAKEN_OVER, hands.clock.wall()) is not None


def _batch() -> int:
    """Credit one batch. Two transactions may in rare cases be in each other's way: one of them tries again."""
    hands = wiring()
    for attempt in range(_TRIES):
        try:
            return pipeline.attribute_due(hands.sessions, _size(hands), hands.clock.now(), hands.clock.wall())
        except Unavailable:
            if attempt == _TRIES - 1:
                raise
            time.sleep(0.05 * 2**attempt)
        except Exception as error:
            log.error("batch_not_attributed", exc=error)
            return _one_by_one()
    return 0


def _size(hands: Wiring) -> int:
    return _SQLITE_BATCH if hands.engine.dialect.name == "sqlite" else _BATCH


def _one_by_one() -> int:
    """A batch failed for a fault of ours: credit each order alone, and put behind all others those that cannot be."""
    hands = wiring()
    with hands.sessions() as session:
        order_ids = due.longest_due(session, _size(hands))
    return sum(_alone(order_id) for order_id in order_ids)


def _alone(order_id: str) -> bool:
    hands = wiring()
    try:
        return pipeline.attribute_order(hands.sessions, order_id, hands.clock.now(), hands.clock.wall())
    except Unavailable:
        raise
    except Exception as error:
        log.error("order_not_attributed", exc=error, order=order_id)
        with writing(hands.sessions) as session:
            due.postpone(session, order_id, hands.clock.wall())
        return False


def collect_garbage_seldom() -> None:
    """A batch makes some hundred thousand objects that die with it: looking through them all the time costs a fifth."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


if __name__ == "__main__":
    collect_garbage_seldom()
    work(queue.ATTRIBUTION)
