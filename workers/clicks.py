"""`python -m workers.clicks`: clicks pass from the stream into the ledger, and leave the stream after the commit only.

Any number may run. While one batch is being written the next is read and judged. A worker that dies leaves its entries
to the others. Nothing is given up while the ledger does not answer, nor for having been tried often: a click becomes a
dead letter when it cannot be recorded alone, and others can.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event

from redis import Redis, RedisError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from tracker import failpoints, log, pipeline, stream
from tracker.clock import Clock
from tracker.errors import Unavailable
from tracker.ledger.clicks import line_id
from tracker.pipeline import Judged
from tracker.wiring import Wiring
from workers import heartbeat, wiring

# Entries of a batch, of up to `stream.BATCH` clicks each: four thousand clicks.
_ENTRIES = 128
_BLOCK_MS = 1_000
# Seconds that an entry may be in one worker's hands before another takes it too; taking it twice does no harm.
_CLAIM_AFTER = 10.0
_CLAIM_EVERY = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
# When so many clicks fail alone and none passes, it is not the clicks.
_MOST_SUSPECTS = 8
_FORGOTTEN_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries of the stream and what is in them."""

    entries: list[stream.Entry]
    judged: Judged


@dataclass(slots=True)
class ClickWorker:
    """One consumer of the stream. `claim_after` is in seconds; `stop` ends it after the batch in hand."""

    redis: Redis
    sessions: sessionmaker[Session]
    clock: Clock
    keep_ip: bool
    stop: Event
    claim_after: float = _CLAIM_AFTER
    name: str = field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}")
    _claimed_at: float = -_CLAIM_EVERY
    _recorded: int = 0
    _suspected: dict[str, int] = field(default_factory=dict)

    def run(self) -> None:
        """Work until told to stop; the batches in hand are finished first, where the ledger answers."""
        self._tidy()
        with ThreadPoolExecutor(1, thread_name_prefix="clicks-ahead") as ahead:
            batch: Future[Batch] | None = ahead.submit(self.next_batch)
            while batch is not None:
                current = batch.result()
                batch = None if self.stop.is_set() else ahead.submit(self.next_batch)
                self.finish(current)

    def next_batch(self) -> Batch:
        """What is to be done next: what others left, or what is new; empty where there is nothing for a second."""
        entries: list[stream.Entry] = []
        try:
            if time.monotonic() >= self._claimed_at + _CLAIM_EVERY:
                entries = stream.claim(self.redis, self.name, self.claim_after, _ENTRIES)
                failpoints.reached("clicks.claiming")
                self._claimed_at = time.monotonic()
            if not entries:
                entries = stream.read(self.redis, self.name, _ENTRIES, _BLOCK_MS)
        except (RedisError, OSError) as error:
            log.warning("stream_unavailable", error=type(error).__name__)
            self.stop.wait(1.0)
        lines = [line for entry in entries for line in entry.payloads]
        return Batch(entries, pipeline.judge_clicks(lines, keep_ip=self.keep_ip))

    def finish(self, batch: Batch) -> None:
        """Bring a batch into the ledger, then take it out of the stream. Waits for a ledger that does not answer."""
        if not batch.entries:
            return
        failpoints.reached("clicks.after_read")
        pause = _FIRST_PAUSE
        while (is_in_ledger := self._record(batch)) is None:
            if self.stop.wait(pause):
                return
            pause = min(2 * pause, _LONGEST_PAUSE)
        if not is_in_ledger:
            self.stop.wait(_FIRST_PAUSE)
            return
        failpoints.reached("clicks.after_commit")
        self._take_out(batch.entries)
        failpoints.reached("clicks.after_ack")

    def _record(self, batch: Batch) -> bool | None:
        """Whether every line is a click of the ledger or a dead letter now. None where the ledger does not answer.

        Entries with a line that is neither stay ours, and come back by the claim.
        """
        try:
            settled = [self._is_settled(batch, suspect) for suspect in self._suspects(batch.judged)]
            return all(settled)
        except (Unavailable, SQLAlchemyError) as error:
            log.warning("ledger_unavailable", job="clicks", error=type(error.__cause__ or error).__name__)
            return None

    def _suspects(self, judged: Judged) -> list[Judged]:
        """Record all that can be, by halves; the clicks that fail alone."""
        before = self._recorded
        suspects: list[Judged] = []
        parts = [judged]
        while parts:
            part = parts.pop()
            error = self._refusal(part)
            if error is None:
                continue
            if len(part.rows) + bool(part.unreadable) > 1:
                parts.extend(_halves(part))
                continue
            if not part.rows:
                raise Unavailable("the ledger takes no dead letter") from error
            suspects.append(part)
            self._suspected.setdefault(part.rows[0].id, before)
            if len(suspects) >= _MOST_SUSPECTS and self._recorded == before:
                raise Unavailable("the ledger takes no click at all") from error
        return suspects

    def _refusal(self, part: Judged) -> Exception | None:
        """Why the ledger does not take these clicks, or None: it has them. Raises Unavailable where it is down."""
        try:
            fresh = pipeline.record_clicks(self.sessions, part, self.clock.wall())
        except Unavailable:
            raise
        except Exception as error:
            return error
        self._recorded += len(part.rows)
        log.debug("clicks_recorded", clicks=len(part.rows), fresh=fresh, unreadable=len(part.unreadable))
        return None

    def _is_settled(self, batch: Batch, suspect: Judged) -> bool:
        """Make a dead letter of a click that fails alone still, after others have passed."""
        click_id = suspect.rows[0].id
        if self._recorded == self._suspected[click_id]:
            return False
        if error := self._refusal(suspect):
            log.error("click_refused", exc=error, click=click_id)
            line = next(line for entry in batch.entries for line in entry.payloads if line_id(line) == click_id)
            reason = f"the ledger refuses it: {type(error).__name__}"
            pipeline.bury_click(self.sessions, line, reason, self.clock.wall())
        del self._suspected[click_id]
        return True

    def _take_out(self, entries: list[stream.Entry]) -> None:
        """Where Redis does not answer the entries come back, and find their clicks recorded."""
        try:
            stream.done(self.redis, entries)
        except (RedisError, OSError) as error:
            log.warning("stream_unavailable", error=type(error).__name__)

    def _tidy(self) -> None:
        """Forget the names of consumers that have been silent for an hour and hold nothing."""
        try:
            stream.ensure_group(self.redis)
            for consumer in self.redis.xinfo_consumers(stream.STREAM, stream.GROUP):
                if consumer["pending"] == 0 and consumer["idle"] > _FORGOTTEN_MS:
                    self.redis.xgroup_delconsumer(stream.STREAM, stream.GROUP, consumer["name"])
        except (RedisError, OSError) as error:
            log.warning("stream_unavailable", error=type(error).__name__)


def _halves(judged: Judged) -> tuple[Judged, Judged]:
    middle = len(judged.rows) // 2
    return (
        Judged(judged.rows[:middle], judged.agents, judged.unreadable),
        Judged(judged.rows[middle:], judged.agents, []),
    )


def worker(hands: Wiring, stop: Event) -> ClickWorker:
    """The click worker of an installation."""
    keep_ip = hands.settings.store_ip != "none"
    return ClickWorker(hands.redis, hands.sessions, hands.clock, keep_ip, stop)


def main() -> None:
    """Work until SIGTERM or SIGINT, then finish the batch in hand."""
    hands = wiring()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with heartbeat(hands.redis, "clicks"):
        worker(hands, stop).run()


if __name__ == "__main__":
    main()
