"""`python -m workers.orders`: deliveries become orders, one transaction each, however often the bell rings."""

from __future__ import annotations

import time
from collections import Counter

from sqlalchemy.exc import SQLAlchemyError

from tracker import log, pipeline, queue
from tracker.errors import Unavailable
from tracker.ledger import inbox
from workers import wiring, work

_CHUNK = 100
_SHIFT = 20.0  # seconds after which a job leaves the rest to the next one, so that a worker stops soon when told to
_TRIES = 5


def ingest_pending() -> int:
    """Ingest whatever is pending, oldest first, for one shift at most; how many deliveries were worked on.

    Several may run at once: each delivery is in one hand only. Rings for the credits, and for itself where the shift
    ends before the work. Where the ledger does not answer the sweep tries again.
    """
    hands = wiring()
    ends = time.monotonic() + _SHIFT
    total = 0
    try:
        while (ids := _pending()) and (worked := _ingest_all(ids, ends)):
            total += worked
            if time.monotonic() >= ends:
                queue.ring(hands.redis, queue.ORDERS, queue.INGEST)
                break
    except (Unavailable, SQLAlchemyError) as error:
        log.warning("ledger_unavailable", job=queue.INGEST, error=type(error).__name__)
    return total


def _ingest_all(ids: list[str], ends: float) -> int:
    """Ingest these until the shift ends; how many were not in another hand. Rings for the credits of what changed."""
    results = Counter(_ingest(delivery_id) for delivery_id in ids if time.monotonic() < ends)
    if results[pipeline.Ingested.CHANGED]:
        queue.ring(wiring().redis, queue.ATTRIBUTION, queue.ATTRIBUTE)
    log.info("deliveries_ingested", **{result.value: count for result, count in results.items()})
    return results.total() - results[pipeline.Ingested.NOTHING]


def _pending() -> list[str]:
    hands = wiring()
    with hands.sessions() as session:
        return list(inbox.pending(session, hands.clock.wall(), _CHUNK))


def _ingest(delivery_id: str) -> pipeline.Ingested:
    """Ingest one delivery. Raises Unavailable after a few tries.

    Two orders of one customer may in rare cases have to try again: the database lets one of them go first.
    """
    hands = wiring()
    for attempt in range(_TRIES):
        try:
            return pipeline.ingest_delivery(
                hands.sessions, delivery_id, hands.shop_context, now=hands.clock.now(), wall=hands.clock.wall()
            )
        except Unavailable:
            time.sleep(0.05 * 2**attempt)
    raise Unavailable("the ledger does not answer")


if __name__ == "__main__":
    work(queue.ORDERS)
