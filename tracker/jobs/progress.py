"""How far long work is, told at most once a second in a transaction of its own, and whether it is to go on."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Event

from tracker.ledger import jobs
from tracker.ledger.database import writing
from tracker.ledger.jobs import Work
from tracker.wiring import Wiring

_EVERY = 1.0


class Cancelled(Exception):
    """Somebody asked it to stop, or another worker has it: nothing more is to be done."""


class Stopped(Exception):
    """This process has to go: the work is handed back."""


@dataclass(slots=True)
class Progress:
    """The way of one job. `every` is in seconds."""

    built: Wiring
    work: Work
    stopping: Event = field(default_factory=Event)
    every: float = _EVERY
    done: int = 0
    total: int | None = None
    _next: float = 0.0

    def begin(self, total: int | None) -> None:
        """Say how many orders there are, and begin at none."""
        self.done, self.total = 0, total
        self.tell()

    def advance(self, count: int) -> None:
        """So many more are done. Raises Cancelled and Stopped, between two transactions of the work."""
        self.done += count
        if self.stopping.is_set():
            raise Stopped
        if time.monotonic() >= self._next:
            self.tell()

    def tell(self) -> None:
        """Write it down now, and renew the lease. Raises Cancelled."""
        with writing(self.built.sessions) as session:
            goes_on = jobs.beat(session, self.work, self.done, self.total, self.built.clock.wall())
        self._next = time.monotonic() + self.every
        if not goes_on:
            raise Cancelled
