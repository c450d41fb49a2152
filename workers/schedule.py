"""`python -m workers.schedule`: RQ's cron, ringing every few seconds for whatever a lost bell has left lying.

A sweep is the same job as a ring: it drains what is due in SQL, and finds nothing where nothing is. So a wiped Redis,
a killed worker or a ring that never came costs one round of this clock. Two schedulers at once do no harm.
"""

from __future__ import annotations

import time
from contextlib import suppress

from redis import Redis, RedisError
from rq.cron import CronJob, CronScheduler
from rq.exceptions import SchedulerNotFound, StopRequested
from rq.utils import now

from tracker import log, queue
from workers import heartbeat, wiring

EVERY = {
    queue.INGEST: 5,
    queue.ATTRIBUTE: 5,
    queue.ACCRUE: 5,
    queue.APPROVE: 60,
    queue.PURGE: 3600,
    queue.SEAL: 5,
    queue.ESTIMATE: 60,
    queue.ROLL: 60,
    queue.ALERT: 900,
    queue.SEND: 15,
    queue.SCHEDULED: 60,
    queue.DRAW: 5,
    queue.WORK: 15,
}
"""How often, in seconds, each job is rung for, whether or not somebody else did."""


class Scheduler(CronScheduler):
    """RQ's scheduler, ringing as everybody does: in JSON (`rq cron` itself writes pickles), and once, not in heaps."""

    def __init__(self, connection: Redis) -> None:
        super().__init__(connection=connection, logging_level="WARNING")
        self.get_jobs().extend(
            CronJob(queue_name=queue.JOBS[job], func_name=job, interval=seconds) for job, seconds in EVERY.items()
        )

    def enqueue_jobs(self) -> list[CronJob]:
        """Ring for what is due to be rung for."""
        due = [job for job in self.get_jobs() if job.should_run()]
        for job in due:
            queue.ring(self.connection, job.queue_name, job.func_name)
            job.set_enqueue_time(now())
        return due

    def register_death(self, pipeline: object = None) -> None:
        """Sign off, if there is still a Redis that knows us."""
        with suppress(RedisError, SchedulerNotFound):
            super().register_death()


def main() -> None:
    """Ring until told to stop (SIGTERM, SIGINT); outlives a Redis that goes away."""
    redis = wiring().redis
    with heartbeat(redis, "schedule"), suppress(StopRequested):
        while not _rang(redis):
            time.sleep(1.0)


def _rang(redis: Redis) -> bool:
    """Ring until something ends it; whether that was a request to stop."""
    try:
        Scheduler(redis).start()  # type: ignore[no-untyped-call]
    except RedisError as error:
        log.warning("schedule_without_redis", error=type(error).__name__)
        return False
    return True


if __name__ == "__main__":
    main()
