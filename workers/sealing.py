"""`workers.sealing.seal`: receipts are chained behind the crediting, brand by brand, a batch a transaction.

The scheduler rings for it and the crediting does not: nothing waits for a seal, and one batch of many receipts every
few seconds costs less than one of few behind each order. What is not sealed yet is counted by the audit.
"""

from __future__ import annotations

import time

from sqlalchemy import select

from tracker import failpoints, log, queue
from tracker.ledger import seals
from tracker.ledger.database import writing
from tracker.ledger.tables import Brand
from workers import wiring

_BATCH, _SQLITE_BATCH = 1000, 100
_SHIFT = 20.0  # seconds after which a job leaves the rest to the next one
_LOOK_AT_ALL_EVERY = 3600.0

_looked_at_all: dict[str, float] = {}


def seal() -> int:
    """Seal what is drawn, for one shift at most; how many receipts.

    Now and then every receipt is looked at: one that became visible very late is sealed then.
    """
    hands = wiring()
    ends = time.monotonic() + _SHIFT
    with hands.sessions() as session:
        brands = session.execute(select(Brand.id).order_by(Brand.id)).scalars().all()
    sealed = sum(_seal_brand(brand_id, ends) for brand_id in brands)
    if time.monotonic() >= ends:
        queue.ring(hands.redis, queue.HOUSEKEEPING, queue.SEAL)
    if sealed:
        log.info("receipts_sealed", receipts=sealed)
    return sealed


def _seal_brand(brand_id: str, ends: float) -> int:
    hands = wiring()
    size = _SQLITE_BATCH if hands.engine.dialect.name == "sqlite" else _BATCH
    looks_at_all = time.monotonic() >= _looked_at_all.get(brand_id, 0.0)
    sealed = 0
    while time.monotonic() < ends:
        with writing(hands.sessions) as session:
            count = seals.seal(session, brand_id, size, hands.clock.wall(), all_of_them=looks_at_all)
            failpoints.reached("sealing.before_commit")
        sealed += count
        if count < size:
            _looked_at_all[brand_id] = (
                time.monotonic() + _LOOK_AT_ALL_EVERY if looks_at_all else _looked_at_all[brand_id]
            )
            break
    return sealed
