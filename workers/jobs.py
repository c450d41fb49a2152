"""`python -m workers.jobs`: long work that people asked for, one after the other, each as far as it may go.

What a killed worker had in hand is begun anew by the next one once its lease is over; a worker that is told to stop
hands it back at once.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

from tracker import jobs, log, queue
from tracker.errors import TrackerError, Unavailable, place_of
from tracker.jobs import imports, rebuilds, replays
from tracker.jobs.progress import Cancelled, Progress, Stopped
from tracker.ledger import jobs as ledger
from tracker.ledger.database import writing
from tracker.ledger.jobs import Work
from tracker.wiring import Wiring
from workers import stopping, wiring, work

Run = Callable[[Wiring, Work, Progress], dict[str, Any]]
RUNS: dict[str, Run] = {jobs.IMPORT: imports.run, jobs.REBUILD: rebuilds.run, jobs.REPLAY: replays.run}


def work_on_asked() -> int:
    """Work on what was asked for, the first first, until nothing is; how many jobs. Forgets files that were left."""
    hands, count = wiring(), 0
    with writing(hands.sessions) as session:
        ledger.forget_inputs(session, hands.clock.now() - imports.KEPT)
    while not stopping.is_set() and (taken := _next(hands)) is not None:
        work_on(hands, taken, stopping)
        count += 1
    return count


def work_on(hands: Wiring, taken: Work, stop: Event) -> None:
    """Do it, and write down what came of it. Raises Unavailable where the ledger does not answer: its lease ends."""
    progress = Progress(hands, taken, stop)
    log.info("job_begun", job=taken.id, kind=taken.kind)
    try:
        result = RUNS[taken.kind](hands, taken, progress)
    except Cancelled:
        _settle(hands, lambda session: ledger.give_up(session, taken, hands.clock.now()))
        log.info("job_cancelled", job=taken.id, kind=taken.kind)
    except Stopped:
        _settle(hands, lambda session: ledger.hand_back(session, taken))
        log.info("job_handed_back", job=taken.id, kind=taken.kind)
    except Unavailable:
        raise
    except TrackerError as error:
        _fail(hands, taken, str(error))
    except Exception as error:
        log.error("job_failed", exc=error, job=taken.id, kind=taken.kind)
        _fail(hands, taken, f"a fault of ours ({place_of(error)}): the log says more")
    else:
        _finish(hands, taken, progress, result)


def _finish(hands: Wiring, taken: Work, progress: Progress, result: dict[str, Any]) -> None:
    looked_at = taken.kind == jobs.IMPORT and not taken.settings["apply"]
    with writing(hands.sessions) as session:
        ledger.beat(session, taken, progress.done, progress.total, hands.clock.wall())
        ledger.finish(session, taken, result, hands.clock.now(), keep_input=looked_at)
    log.info("job_done", job=taken.id, kind=taken.kind, orders=progress.done)


def _fail(hands: Wiring, taken: Work, reason: str) -> None:
    _settle(hands, lambda session: ledger.fail(session, taken, reason, hands.clock.now()))


def _settle(hands: Wiring, change: Callable[[Any], None]) -> None:
    with writing(hands.sessions) as session:
        change(session)


def _next(hands: Wiring) -> Work | None:
    with writing(hands.sessions) as session:
        return ledger.take(session, hands.clock.wall(), hands.clock.now())


if __name__ == "__main__":
    work(queue.LONG_WORK)
