"""RQ is a doorbell: a job says that there is work, never what; what is to be done stands in SQL.

A job is a dotted name and ids, in JSON. One process works on one queue (RQ loses jobs over two). What a job is about
is found again by the sweepers of `workers.schedule`, so a lost ring costs seconds and nothing else.
"""

from __future__ import annotations

import threading
import time

from redis import Redis, RedisError
from rq import Queue, Retry
from rq.serializers import JSONSerializer

from tracker import log

ORDERS, ATTRIBUTION, COMMISSIONS, HOUSEKEEPING = "orders", "attribution", "commissions", "housekeeping"
LETTERS, LONG_WORK = "letters", "jobs"
QUEUES = (ORDERS, ATTRIBUTION, COMMISSIONS, HOUSEKEEPING, LETTERS, LONG_WORK)

# Every job there is, by its dotted name, with the queue it belongs to. `tracker` never imports `workers`.
INGEST = "workers.orders.ingest_pending"
ATTRIBUTE = "workers.attribution.attribute_due"
ACCRUE = "workers.commissions.accrue_due"
APPROVE = "workers.commissions.approve"
PURGE = "workers.housekeeping.purge"
SEAL = "workers.sealing.seal"
ESTIMATE = "workers.learning.estimate"
ROLL = "workers.rolling.roll"
ALERT = "workers.alerting.alert"
SEND = "workers.letters.send_due"
SCHEDULED = "workers.letters.write_scheduled"
WORK = "workers.jobs.work_on_asked"
DRAW = "workers.answers.draw_asked"
JOBS = {
    INGEST: ORDERS,
    ATTRIBUTE: ATTRIBUTION,
    ACCRUE: COMMISSIONS,
    APPROVE: COMMISSIONS,
    PURGE: HOUSEKEEPING,
    SEAL: HOUSEKEEPING,
    ESTIMATE: HOUSEKEEPING,
    ROLL: HOUSEKEEPING,
    ALERT: HOUSEKEEPING,
    SEND: LETTERS,
    SCHEDULED: LETTERS,
    DRAW: LETTERS,  # short like a letter: long work would keep a reader waiting for hours
    WORK: LONG_WORK,
}

_BELL_SECONDS = 30
_JOB_SECONDS = 120
# A large brand's estimate takes minutes: less than the lease after which another begins it. Long work takes hours.
_SECONDS = {ESTIMATE: 280, DRAW: 280, WORK: 24 * 3600}
_WAITING_SECONDS = 600


def bell(job: str, *ids: str) -> str:
    """The Redis key that stands while `job` is queued and has not begun."""
    return ":".join(("bell", job, *ids))


def ring(redis: Redis, queue_name: str, job: str, *ids: str) -> bool:
    """Have `job` begin once more from now. False where one is queued that has not begun: it will see what we saw.

    Ring after the commit. The worker takes the bell away when it begins, so what is committed later rings anew, and a
    thousand rings are one job. A bell whose job was lost falls silent by itself after half a minute. A failed job is
    tried again at once (RQ delays only with a scheduler), later by the sweepers. Raises RedisError.
    """
    if not redis.set(bell(job, *ids), "1", nx=True, ex=_BELL_SECONDS):
        return False
    Queue(queue_name, connection=redis, serializer=JSONSerializer).enqueue_call(
        func=job,
        args=ids,
        timeout=_SECONDS.get(job, _JOB_SECONDS),
        ttl=_WAITING_SECONDS,
        result_ttl=0,
        failure_ttl=24 * 3600,
        retry=Retry(max=3),
    )
    return True


class Doorbell:
    """Rings on paths that somebody waits for: it never raises, and is silent for a second after Redis failed."""

    def __init__(self, redis: Redis, *, silence: float = 1.0) -> None:
        self._redis = redis
        self._silence = silence
        self._silent_until = 0.0
        self._lock = threading.Lock()

    def ring(self, queue_name: str, job: str, *ids: str) -> bool:
        """`ring`, or False where Redis does not answer: the sweepers will find the work."""
        if time.monotonic() < self._silent_until:
            return False
        try:
            return ring(self._redis, queue_name, job, *ids)
        except (RedisError, OSError) as error:
            with self._lock:
                self._silent_until = time.monotonic() + self._silence
            log.warning("doorbell_silent", job=job, error=type(error).__name__)
            return False
