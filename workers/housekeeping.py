"""`python -m workers.housekeeping`: what may be forgotten is forgotten in time."""

from __future__ import annotations

from datetime import timedelta

from tracker import log, queue
from tracker.ledger import inbox
from tracker.ledger.database import writing
from workers import wiring, work

KEEP_BODIES = timedelta(days=30)


def purge() -> int:
    """Blank the raw bodies of deliveries that were done a month ago; how many. The facts drawn from them stay."""
    hands = wiring()
    with writing(hands.sessions) as session:
        purged = inbox.purge_bodies(session, hands.clock.now() - KEEP_BODIES)
    if purged:
        log.info("bodies_purged", count=purged)
    return purged


if __name__ == "__main__":
    work(queue.HOUSEKEEPING)
