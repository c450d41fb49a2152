"""`workers.rolling.roll`: days that are over are added up for the reports, a batch a transaction.

The scheduler rings for it. Until it has been here a report is right all the same, only slower.
"""

from __future__ import annotations

import time

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from tracker import failpoints, log, queue
from tracker.errors import Unavailable
from tracker.ledger.database import writing
from tracker.ledger.tables import Brand
from tracker.reports import _rolling as rolling
from workers import wiring

_BATCH, _SQLITE_BATCH = 10, 1
_SHIFT = 20.0  # seconds after which a job leaves the rest to the next one


def roll() -> int:
    """Roll up what is due, for one shift at most; how many days."""
    hands = wiring()
    ends = time.monotonic() + _SHIFT
    with hands.sessions() as session:
        brands = session.execute(select(Brand.id).order_by(Brand.id)).scalars().all()
    rolled = sum(_roll_brand(brand_id, ends) for brand_id in brands)
    if time.monotonic() >= ends:
        queue.ring(hands.redis, queue.HOUSEKEEPING, queue.ROLL)
    if rolled:
        log.info("days_rolled_up", days=rolled)
    return rolled


def _roll_brand(brand_id: str, ends: float) -> int:
    hands = wiring()
    size = _SQLITE_BATCH if hands.engine.dialect.name == "sqlite" else _BATCH
    rolled = 0
    while time.monotonic() < ends:
        try:
            with writing(hands.sessions, snapshot=True) as session:
                days = rolling.roll_up(session, brand_id, hands.clock.now(), size)
                failpoints.reached("rolling.before_commit")
        except (Unavailable, IntegrityError):  # somebody else rolled up the same days: theirs stand
            break
        rolled += days
        if not days:
            break
    return rolled
