"""`python -m workers.housekeeping`: what may be forgotten is forgotten in time."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete

from tracker import log, queue
from tracker.ledger import answers, idempotency, inbox, mails, resets, sign_ins
from tracker.ledger.database import writing
from tracker.ledger.tables import LinkVisitor
from workers import wiring, work

KEEP_BODIES = timedelta(days=30)
KEEP_ANSWERS = timedelta(days=1)
# A day's visitor hashes are of use until its last click has been drained; its salt has been gone for long by then.
KEEP_VISITORS = timedelta(days=3)
KEEP_LETTERS = timedelta(days=90)
KEEP_UNASKED = timedelta(days=1)


def purge() -> int:
    """Blank the raw bodies of deliveries of a month ago; how many. The facts drawn from them stay.

    The answers to idempotent requests go after a day, and those of long reports that nobody asked for again; the
    visitors behind the counted uniques after three, sessions after a month, letters that were sent or failed after
    three.
    """
    hands = wiring()
    now, wall = hands.clock.now(), hands.clock.wall()
    with writing(hands.sessions) as session:
        purged = inbox.purge_bodies(session, now - KEEP_BODIES)
        idempotency.forget(session, now - KEEP_ANSWERS)
        mails.forget(session, now - KEEP_LETTERS)
        answers.forget(session, wall - KEEP_UNASKED)
        sign_ins.forget(session, wall)
        resets.forget(session, wall)
        session.execute(delete(LinkVisitor).where(LinkVisitor.day < (now - KEEP_VISITORS).date()))
    if purged:
        log.info("bodies_purged", count=purged)
    return purged


if __name__ == "__main__":
    work(queue.HOUSEKEEPING)
