"""Orders of a file go the way that webhooks' go: their events are recorded and folded, in batches that stand alone.

A file says what it would do before it does it, and doing it again does nothing: what is recorded already is no second
event. Stopped in the middle, it goes on where it was by beginning anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session, sessionmaker

from tracker.domain.orders import OrderEvent
from tracker.importing._file import Line, Orders
from tracker.ledger import backfill, orders
from tracker.ledger.backfill import Effect, Seen
from tracker.ledger.database import writing

BATCH = 500  # orders a transaction: seconds, not minutes, for which a webhook of one of them may have to wait


@dataclass
class Tally:
    """What a file comes to: orders by effect, and by currency how many orders of which total, in minor units."""

    effects: Counter[Effect] = field(default_factory=Counter)
    orders: Counter[str] = field(default_factory=Counter)
    totals: Counter[str] = field(default_factory=Counter)

    def add(self, batch: Sequence[Line], seen: dict[str, Seen]) -> None:
        """Count a batch that was looked at, or recorded."""
        self.effects.update(one.effect for one in seen.values())
        for line in batch:
            currency = line.told.snapshot.currency
            self.orders[currency] += 1
            self.totals[currency] += line.told.amounts.total


def look(sessions: sessionmaker[Session], home: orders.Home, found: Orders, advance: Callable[[int], object]) -> Tally:
    """What importing would do. Writes nothing."""
    tally = Tally()
    for batch in _batches(found):
        with sessions() as session:
            seen = backfill.look(session, home, _events(batch))
        tally.add(batch, seen)
        advance(len(batch))
    return tally


def apply(
    sessions: sessionmaker[Session],
    home: orders.Home,
    found: Orders,
    advance: Callable[[int], object],
    *,
    now: datetime,
    wall: datetime,
) -> Tally:
    """Record what the file tells, a batch a transaction; orders that change are marked due. Safe to repeat.

    `now` dates the record, `wall` the marks. Raises Unavailable where the ledger does not answer: what was recorded
    before stays.
    """
    tally = Tally()
    for batch in _batches(found):
        told = _events(batch)
        with writing(sessions) as session:
            seen = backfill.look(session, home, told)
            events = [event for name, told_of_it in told.items() if not seen[name].recorded for event in told_of_it]
            orders.record(session, home, events, delivery_id=None, now=now, wall=wall)
        tally.add(batch, seen)
        advance(len(batch))
    return tally


def _events(batch: Sequence[Line]) -> dict[str, list[OrderEvent]]:
    return {line.told.external_id: line.told.events() for line in batch}


def _batches(found: Orders) -> Iterator[Sequence[Line]]:
    for start in range(0, len(found.lines), BATCH):
        yield found.lines[start : start + BATCH]
