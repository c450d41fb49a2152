"""`python -m workers.shipper`: one a host, it brings the journal to Redis, and lets go of it when SQL has it.

Redis may forget anything. So a shipped line stays in the journal until its click is found in SQL, and is shipped again
where Redis has forgotten it: at once when it is not the Redis of before, and after a pause when it has nothing more to
deliver and the click is in SQL neither. Shipping twice costs a look-up; the click's id makes it one row.

The same process keeps the other promises of this host's disk: deliveries that SQL could not take in, the count of lines
that the disk refused, and the snapshot of the links.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from threading import Event

from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from tracker import failpoints, journal, log, pipeline, queue, spool, stream
from tracker.errors import Conflict, Unavailable
from tracker.ledger import inbox
from tracker.ledger.clicks import bury_damaged, line_id, missing_clicks
from tracker.ledger.database import writing
from tracker.links import Snapshot
from tracker.wiring import Wiring
from workers import heartbeat, wiring

_TURN = 0.05  # seconds between two looks at a journal that has nothing new
_LINES = 4096  # shipped in one round trip
_VERIFY_EVERY = 1.0
_KEEP_HOUSE_EVERY = 1.0
_REST = 0.5
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
# A busy stream is never empty; what is in SQL neither after so long has got lost in it.
_LONG_ENOUGH = 300.0


@dataclass(slots=True)
class Segment:
    """How far a segment is. Offsets in bytes, times of the monotonic clock; `verified` is an offset too."""

    shipped: int = 0
    shipped_at: float = 0.0
    looked: int = 0  # its size when it was read to the end: a torn tail is not looked at again and again
    verified: int = 0
    pause: float = 0.0
    again_at: float = 0.0
    done_at: float | None = None  # since when nobody writes it any more and all of it is in SQL


@dataclass(slots=True)
class Shipper:
    """Everything the loop remembers. What it forgets when it dies is shipped once more."""

    hands: Wiring
    segments: dict[Path, Segment] = field(default_factory=dict)
    memory: str = ""
    shipped: int = 0
    shipped_again: int = 0
    damaged: int = 0
    paused: bool = False
    _verify_at: float = 0.0
    _house_at: float = 0.0
    _snapshot_version: int = -1
    _drained: dict[Path, int] = field(default_factory=dict)
    _resting_until: dict[str, float] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where this host's journals are."""
        return self.hands.settings.journal_folder

    def run(self, stop: Event) -> None:
        """Ship until told to stop; the last lines of a web server that stopped before us go out too."""
        while not stop.is_set():
            if not self.turn():
                stop.wait(_TURN)
        self.turn()

    def turn(self) -> bool:
        """Everything that is to be done now; whether there may be more at once."""
        more = self._guarded("ship", self._ship_all)
        now = time.monotonic()
        if now >= self._verify_at:
            self._guarded("verify", self._verify_all)
            self._verify_at = time.monotonic() + _VERIFY_EVERY
        if now >= self._house_at:
            for name, duty in (
                ("deliveries", self._drain_deliveries),
                ("losses", self._tell_losses),
                ("snapshot", self._keep_snapshot),
                ("status", self._tell_status),
            ):
                self._guarded(name, duty)
            self._house_at = time.monotonic() + _KEEP_HOUSE_EVERY
        return more

    def _guarded(self, duty: str, do: Callable[[], bool | None]) -> bool:
        """One duty. What it leans on may be away; then it is tried again later, and the other duties go on."""
        if time.monotonic() < self._resting_until.get(duty, 0.0):
            return False
        try:
            return bool(do())
        except (RedisError, SQLAlchemyError, Unavailable, OSError) as error:
            log.warning("shipper_hindered", duty=duty, error=type(error).__name__)
            self._resting_until[duty] = time.monotonic() + _REST
            return False

    # --- shipping ----------------------------------------------------------------------------------------------------

    def _ship_all(self) -> bool:
        """Ship what is new, the oldest first; whether there was so much that more may be left."""
        known = journal.segments(self.folder, pipeline.CLICKS)
        self.segments = {path: self.segments.get(path, Segment()) for path in known}
        if not any(_size(path) > max(state.shipped, state.looked) for path, state in self.segments.items()):
            return False
        self._look_at_redis()
        if self.paused:
            return False
        full = [self._ship_segment(path, state) for path, state in self.segments.items()]
        return any(full)

    def _look_at_redis(self) -> None:
        """Where it is not the Redis of before, or has lost its group, everything that SQL lacks goes out again."""
        redis = self.hands.redis
        backlog = stream.backlog(redis)
        memory = stream.memory(redis)
        if memory != self.memory or not backlog.group:
            stream.ensure_group(redis)
            self._forget_shipping()
            self.memory = memory
        self.paused = backlog.clicks_at_most >= self.hands.settings.stream_pause_length

    def _forget_shipping(self) -> None:
        for state in self.segments.values():
            if state.shipped > state.verified:
                log.info("shipping_again", verified=state.verified, shipped=state.shipped)
                state.shipped, state.looked = state.verified, 0

    def _ship_segment(self, path: Path, state: Segment) -> bool:
        size, damaged = _size(path), list[int]()
        reading = journal.read(path, state.shipped, on_damage=lambda offset, _: damaged.append(offset))
        lines = list(islice(reading, _LINES))
        if lines:
            stream.ship(self.hands.redis, [payload for _, payload in lines])
            failpoints.reached("shipper.shipped")
            state.shipped, state.shipped_at = lines[-1][0], time.monotonic()
            self.shipped += len(lines)
        if damaged:
            log.error("journal_lines_damaged", segment=path.name, count=len(damaged))
            state.shipped = max(state.shipped, damaged[-1])
            self.damaged += len(damaged)
        if len(lines) < _LINES:
            state.looked = size
        return len(lines) == _LINES

    # --- verifying ---------------------------------------------------------------------------------------------------

    def _verify_all(self) -> None:
        """Find shipped clicks in SQL; ship again what Redis has lost; drop segments that are wholly in SQL."""
        waiting = [(path, state) for path, state in self.segments.items() if state.verified < state.shipped]
        if waiting:
            self._look_at_redis()
        for path, state in waiting:
            self._verify(path, state)
        for path, state in list(self.segments.items()):
            self._let_go(path, state)

    def _verify(self, path: Path, state: Segment) -> None:
        """Move `verified` up to the first click that SQL lacks. Redis is asked before SQL: what it had delivered and
        acknowledged by then was committed."""
        drained = stream.backlog(self.hands.redis).drained
        while state.verified < state.shipped:
            damaged = list[tuple[int, bytes]]()
            reading = journal.read(path, state.verified, on_damage=lambda *damage: damaged.append(damage))  # noqa: B023
            lines = [one for one in islice(reading, _LINES) if one[0] <= state.shipped]
            with self.hands.sessions() as session:
                missing = set(missing_clicks(session, [line_id(payload) for _, payload in lines]))
            lost = [payload for _, payload in lines if line_id(payload) in missing]
            if lost:
                self._ship_again(state, lost, drained=drained)
                return
            verified = lines[-1][0] if lines else state.shipped
            self._bury([line for offset, line in damaged if offset <= verified])
            state.verified = verified
            state.pause = 0.0

    def _bury(self, damaged: list[bytes]) -> None:
        """Keep damaged lines, whole, where people see them: their segment will go."""
        if not damaged:
            return
        with writing(self.hands.sessions) as session:
            for line in damaged:
                bury_damaged(session, line, self.hands.clock.wall())

    def _ship_again(self, state: Segment, lost: list[bytes], *, drained: bool) -> None:
        now = time.monotonic()
        waited = now - state.shipped_at
        if self.paused or now < state.again_at or not (drained or waited > _LONG_ENOUGH):
            return
        if state.again_at:  # a first absence may be a click between two looks; it has had a pause to arrive
            stream.ship(self.hands.redis, lost)
            self.shipped_again += len(lost)
            state.shipped_at = now
            log.warning("clicks_shipped_again", count=len(lost))
        state.pause = min(max(2 * state.pause, _FIRST_PAUSE), _LONGEST_PAUSE)
        state.again_at = now + state.pause

    def _let_go(self, path: Path, state: Segment) -> None:
        """Drop a segment that nobody writes any more once all its lines have been in SQL for the grace time."""
        if state.done_at is None:
            if journal.is_open(path) or _has_lines(path, state.verified):
                return
            state.done_at = time.monotonic()
        if time.monotonic() - state.done_at >= self.hands.settings.journal_grace:
            failpoints.reached("shipper.before_drop")
            journal.drop(path)
            del self.segments[path]

    # --- keeping house -----------------------------------------------------------------------------------------------

    def _drain_deliveries(self) -> None:
        wall = self.hands.clock.wall()
        if spool.drain_deliveries(
            self.folder, self.hands.sessions, self.hands.shop_context, wall=wall, drained=self._drained
        ):
            queue.ring(self.hands.hasty_redis, queue.ORDERS, queue.INGEST)
        for name in (pipeline.CLICKS, spool.DELIVERIES):
            journal.sweep(self.folder, name)

    def _tell_losses(self) -> None:
        """Bring the counts of lines that the disk refused to SQL, one a process: telling twice is telling once."""
        host = socket.gethostname()
        for name in (pipeline.CLICKS, spool.DELIVERIES):
            for path, count in journal.losses(self.folder, name).items():
                gone = not journal.is_open(path)
                with writing(self.hands.sessions) as session:
                    inbox.set_count(session, inbox.loss_name(name, path.stem), host, count, self.hands.clock.wall())
                if gone:
                    path.unlink(missing_ok=True)

    def _keep_snapshot(self) -> None:
        snapshot = Snapshot(self.hands.settings.links_snapshot)
        self._snapshot_version = snapshot.write(self.hands.sessions, known=self._snapshot_version)

    def _tell_status(self) -> None:
        """What the health page and the curious may know of us, in one small file."""
        status = {
            "segments": len(self.segments),
            "waiting": sum(max(_size(path) - state.shipped, 0) for path, state in self.segments.items()),
            "unverified": sum(state.shipped - state.verified for state in self.segments.values()),
            "shipped": self.shipped,
            "shipped_again": self.shipped_again,
            "damaged": self.damaged,
            "paused": self.paused,
        }
        path = self.hands.settings.shipper_status
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.write_text(json.dumps(status))
        fresh.replace(path)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Be this host's shipper. Raises Conflict while another one is, after giving a dying one some time."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "shipper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        for _ in range(100):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.05)
        else:
            raise Conflict(f"another shipper works on {folder}")
        yield
    finally:
        os.close(descriptor)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _has_lines(path: Path, offset: int) -> bool:
    """Whether a whole line, be it a damaged one, stands after `offset`."""
    damaged = list[int]()
    found = next(journal.read(path, offset, on_damage=lambda after, _: damaged.append(after)), None)
    return found is not None or bool(damaged)


def main() -> None:
    """Ship until SIGTERM or SIGINT."""
    hands = wiring()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with only_one(hands.settings.journal_folder), heartbeat(hands.redis, "shipper"):
        Shipper(hands).run(stop)


if __name__ == "__main__":
    main()
