"""`workers.learning.estimate`: what was asked for is estimated, and every brand's last days once a day."""

from __future__ import annotations

import time

from tracker import estimates, log, queue
from workers import wiring

_SHIFT = 20.0  # seconds after which a job leaves the rest to the next one


def estimate() -> int:
    """Compute what waits, for one shift at most; how many estimates. Several workers may: each has its own."""
    hands = wiring()
    ends = time.monotonic() + _SHIFT
    estimates.ask_daily(hands.sessions, hands.clock.now(), hands.clock.wall())
    made = 0
    while estimates.work_on_next(hands.sessions, hands.clock.now(), hands.clock.wall()):
        made += 1
        if time.monotonic() >= ends:
            queue.ring(hands.redis, queue.HOUSEKEEPING, queue.ESTIMATE)
            break
    if made:
        log.info("estimates_made", count=made)
    return made
