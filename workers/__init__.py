"""Processes: loops, transactions, retries. Everything a process works with is built once in it, after the fork.

An RQ worker here does not fork for each job (27 ms against 4.5 ms): a job drains whatever is due and all is in SQL, so
a worker that is killed in the middle loses nothing that the next one does not find.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache

from redis import Redis, RedisError
from rq.exceptions import StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import SimpleWorker

from tracker import log, queue
from tracker import wiring as composition
from tracker.wiring import Wiring

_BEAT, _BEAT_TTL = 5.0, 15
_WORKER_TTL = 25  # RQ waits fifteen seconds less than this for a job: less than our sockets wait for Redis
_MAINTENANCE = 60
_MONITORING = 5

stopping = threading.Event()
"""Set once this process was told to stop: work that takes long hands itself back."""


def wiring() -> Wiring:
    """The wiring of this very process. A fork builds its own: connections are not shared across processes."""
    return _wiring_of(os.getpid())


@cache
def _wiring_of(_pid: int) -> Wiring:
    return composition.build()


@contextmanager
def heartbeat(redis: Redis, kind: str) -> Iterator[None]:
    """Keep `heartbeat:<kind>:<host>:<pid>` alive in Redis while inside: that is how the health page sees a process.

    The key holds the moment of the last beat (ISO 8601, UTC) and goes fifteen seconds after it. Redis being down
    stops no work.
    """
    stop = threading.Event()
    name = f"heartbeat:{kind}:{socket.gethostname()}:{os.getpid()}"
    thread = threading.Thread(target=_beat, args=(redis, name, stop), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=2.0)


def _beat(redis: Redis, name: str, stop: threading.Event) -> None:
    while True:
        try:
            redis.set(name, datetime.now(UTC).isoformat(), ex=_BEAT_TTL)
        except (RedisError, OSError) as error:
            log.debug("heartbeat_unheard", error=type(error).__name__)
        if stop.wait(_BEAT):
            break
    try:
        redis.delete(name)
    except (RedisError, OSError):
        return


class Worker(SimpleWorker):
    """RQ's worker in one process, which takes the bell away before it begins, and waits for Redis two seconds at most.

    So what is committed after the beginning of a job rings anew.
    """

    max_connection_wait_time = 2.0
    told_to_stop = False

    def handle_warm_shutdown_request(self) -> None:
        self.told_to_stop = True
        stopping.set()

    def prepare_job_execution(self, job: Job, remove_from_intermediate_queue: bool = False) -> None:
        super().prepare_job_execution(job, remove_from_intermediate_queue)
        self.connection.delete(queue.bell(str(job.func_name), *(str(argument) for argument in job.args)))


def worker(redis: Redis, queue_name: str) -> Worker:
    """A worker on one queue, and one only."""
    return Worker(
        [queue_name],
        connection=redis,
        serializer=JSONSerializer,
        worker_ttl=_WORKER_TTL,
        maintenance_interval=_MAINTENANCE,
        job_monitoring_interval=_MONITORING,
        log_job_description=False,
    )


def work(queue_name: str) -> None:
    """Work on `queue_name` until told to stop (SIGTERM, SIGINT); outlives a Redis that goes away."""
    hands = wiring()
    with heartbeat(hands.redis, queue_name), suppress(StopRequested):
        while not _worked(hands.redis, queue_name):
            time.sleep(1.0)


def _worked(redis: Redis, queue_name: str) -> bool:
    """Work until something ends it; whether that was a request to stop."""
    try:
        current = worker(redis, queue_name)
        current.work(logging_level="WARNING")
        return current.told_to_stop
    except (RedisError, OSError) as error:
        log.warning("worker_without_redis", queue=queue_name, error=type(error).__name__)
        return False
