"""What works and what does not: for machines at /health, for people at /system. Never fails, never tells a secret."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

from apiflask import APIFlask
from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from redis import Redis, RedisError
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from tracker import journal, queue, stream
from tracker.domain.roles import Right
from tracker.ledger import commissions_due, due, inbox, mails, orders
from tracker.ledger.accounts import Person
from tracker.ledger.inbox import Entry, State
from tracker.ledger.tables import Counter, DeadLetter
from tracker.stream import Backlog, Keeping
from tracker.wiring import Wiring

T = TypeVar("T")

# From here on a person should look: a healthy installation drains each of these within seconds.
WAITING_TOO_LONG = timedelta(minutes=5)

_LOST = "_lost"

# The kinds of process without which something would wait for ever.
WORKERS = frozenset({"shipper", "clicks", "schedule", *queue.QUEUES})


@dataclass(frozen=True, slots=True)
class JournalState:
    """One journal of this host."""

    name: str
    segments: int
    bytes: int
    oldest: datetime | None
    lost: int


@dataclass(frozen=True, slots=True)
class ShipperState:
    """What this host's shipper told last: bytes to ship, bytes not yet found in SQL, lines since its start."""

    waiting: int
    unverified: int
    shipped: int
    shipped_again: int
    damaged: int
    paused: bool
    told: datetime


@dataclass(frozen=True, slots=True)
class Process:
    """A process that beat within the last seconds."""

    kind: str
    host: str
    pid: str
    beat: datetime


@dataclass(frozen=True, slots=True)
class RedisState:
    """What Redis says of itself."""

    stream: Backlog
    keeping: Keeping
    processes: Sequence[Process]


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter or a delivery that waits for a person: never its content."""

    id: str
    source: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LedgerState:
    """What waits in SQL."""

    inbox: dict[str, int]
    oldest_delivery: datetime | None
    due: int
    due_in_bulk: int
    oldest_due: datetime | None
    oldest_owed: datetime | None
    waiting_orders: int
    oldest_waiting_order: datetime | None
    mails: mails.Count
    dead: int
    dead_letters: Sequence[Letter]
    held: Sequence[Entry]
    counters: Sequence[tuple[str, str, int]]

    @property
    def lost(self) -> int:
        """Lines that a journal of any host could not take."""
        return sum(value for name, _, value in self.counters if name.endswith(_LOST))


@dataclass(frozen=True, slots=True)
class Health:
    """Everything; a part is None where it does not answer."""

    wall: datetime
    journals: Sequence[JournalState]
    journal_writable: bool
    shipper: ShipperState | None
    redis: RedisState | None
    ledger: LedgerState | None

    def troubles(self) -> list[str]:
        """What a person should look at, as words of TROUBLES."""
        found = [] if self.journal_writable else ["journal_unwritable"]
        if any(state.lost for state in self.journals) or (self.ledger is not None and self.ledger.lost):
            found.append("clicks_lost")
        if any(self._is_old(state.oldest) for state in self.journals):
            found.append("journal_waiting")
        return [*found, *self._of_redis(), *self._of_ledger()]

    def _of_redis(self) -> list[str]:
        if self.redis is None:
            return ["redis_down"]
        missing = WORKERS - {process.kind for process in self.redis.processes}
        return [*(["workers_missing"] if missing else []), *self.redis.keeping.concerns]

    def _of_ledger(self) -> list[str]:
        if self.ledger is None:
            return ["ledger_down"]
        checks = (
            ("inbox_waiting", self._is_old(self.ledger.oldest_delivery)),
            ("deliveries_held", bool(self.ledger.held)),
            ("attribution_waiting", self._is_old(self.ledger.oldest_due)),
            ("commissions_waiting", self._is_old(self.ledger.oldest_owed)),
            ("dead_letters", bool(self.ledger.dead)),
            ("mails_failed", bool(self.ledger.mails.failed)),
        )
        return [name for name, bad in checks if bad]

    def _is_old(self, moment: datetime | None) -> bool:
        return moment is not None and self.wall - moment > WAITING_TOO_LONG


# What each trouble means and what to do.
TROUBLES = {
    "journal_unwritable": "The journal cannot be written on this host: clicks are redirected but not recorded. "
    "Free some disk space or mend the folder's permissions.",
    "clicks_lost": "Some lines could not be written to the journal of this or another host. "
    "The figures below say how many.",
    "journal_waiting": "Clicks have been waiting in this host's journal for more than five minutes. "
    "Look whether the shipper and the click worker run.",
    "redis_down": "Redis does not answer. Clicks wait in the journal and nothing is lost; reports stand still.",
    "workers_missing": "Some workers do not run: look at the processes below.",
    **stream.CONCERNS,
    "ledger_down": "The database does not answer. Clicks and deliveries wait in the journal.",
    "inbox_waiting": "Deliveries have been waiting for more than five minutes. Look whether the orders worker runs.",
    "deliveries_held": "Some deliveries could not be read or worked on. They are listed below with the reason.",
    "attribution_waiting": "Orders have been waiting for attribution for more than five minutes. "
    "Look whether the attribution worker runs.",
    "commissions_waiting": "Orders have been waiting for their commissions for more than five minutes. "
    "Look whether the commissions worker runs.",
    "mails_failed": "Some letters could not be sent: tracker mail list --state failed says why, "
    "tracker mail retry tries them again.",
    "dead_letters": "Some clicks could not be recorded. They are kept whole; the reasons are listed below.",
}


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the endpoints for load balancers and supervisors: JSON, open to all, and nothing in it that is not theirs."""
    blueprint = Blueprint("health", __name__, url_prefix="/health")

    @blueprint.get("/live")
    def live() -> ResponseReturnValue:
        return jsonify(status="ok")

    @blueprint.get("/ready")
    def ready() -> ResponseReturnValue:
        """503 only where a click could not be recorded: without SQL or Redis we still take everything."""
        journal_writes = _writable(wiring.settings.journal_folder)
        parts = {
            "journal": journal_writes,
            "database": _answers(lambda: _select_one(wiring)),
            "redis": _answers(wiring.hasty_redis.ping),
        }
        status = "ok" if all(parts.values()) else ("degraded" if journal_writes else "unavailable")
        return jsonify(status=status, **parts), 200 if journal_writes else 503

    app.register_blueprint(blueprint)


def examine(wiring: Wiring, reader: Person | None = None) -> Health:
    """Look at everything, once; for a `reader` of some brands only, deliveries of theirs alone are listed."""
    folder = wiring.settings.journal_folder
    return Health(
        wall=wiring.clock.wall(),
        journals=_journals(folder),
        journal_writable=_writable(folder),
        shipper=_shipper_state(wiring.settings.shipper_status),
        redis=_part(lambda: _redis_state(wiring.hasty_redis)),
        ledger=_part(lambda: _ledger_state(wiring, reader)),
    )


def _part(look: Callable[[], T]) -> T | None:
    try:
        return look()
    except (RedisError, SQLAlchemyError, OSError):
        return None


def _answers(look: Callable[[], object]) -> bool:
    return _part(lambda: look() is not None) or False


def _select_one(wiring: Wiring) -> int:
    with wiring.hasty_sessions() as session:
        return int(session.execute(text("SELECT 1")).scalar_one())


def _writable(folder: Path) -> bool:
    """Whether a journal may be written: the folder, or the nearest parent that is there, takes files and has room."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        room = os.statvfs(folder)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK) and room.f_bavail > 0 and room.f_favail != 0


def _journals(folder: Path) -> list[JournalState]:
    """The journals of this host by name: clicks, and the deliveries that could not wait for SQL."""
    names = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return [_journal(folder, name) for name in names]


def _journal(folder: Path, name: str) -> JournalState:
    stats = []
    for segment in journal.segments(folder, name):
        found = _part(segment.stat)
        if found is not None and found.st_size:
            stats.append(found)
    oldest = min((datetime.fromtimestamp(stat.st_mtime, UTC) for stat in stats), default=None)
    lost = sum(journal.losses(folder, name).values())
    return JournalState(name, len(stats), sum(stat.st_size for stat in stats), oldest, lost)


def _shipper_state(path: Path) -> ShipperState | None:
    try:
        status = json.loads(path.read_text())
        told = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return ShipperState(**{name: status[name] for name in _SHIPPER_FIGURES}, told=told)
    except (OSError, ValueError, KeyError, TypeError):
        return None


_SHIPPER_FIGURES = tuple(name for name in ShipperState.__slots__ if name != "told")


def _redis_state(redis: Redis) -> RedisState:
    return RedisState(stream.backlog(redis), stream.keeping(redis), _processes(redis))


def _processes(redis: Redis) -> list[Process]:
    names = sorted(_text(name) for name in redis.scan_iter(match="heartbeat:*", count=500))
    beats = cast("Any", redis.mget(names)) if names else []
    return [_process(name, _text(beat)) for name, beat in zip(names, beats, strict=True) if beat]


def _process(name: str, beat: str) -> Process:
    _, kind, rest = name.split(":", 2)
    host, _, pid = rest.rpartition(":")
    return Process(kind, host, pid, datetime.fromisoformat(beat))


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _ledger_state(wiring: Wiring, reader: Person | None) -> LedgerState:
    states = [State.QUARANTINED, State.FAILED, State.ANOMALY]
    with wiring.sessions() as session:
        held = inbox.list_inbox(session, brand_ids=_readable(reader), states=states, limit=20)
        waiting_orders, oldest_waiting_order = orders.waiting(session)
        return LedgerState(
            inbox=inbox.counts(session),
            oldest_delivery=inbox.oldest_pending(session),
            due=due.count_due(session, bulk=False),
            due_in_bulk=due.count_due(session, bulk=True),
            oldest_due=due.oldest_due(session),
            oldest_owed=commissions_due.oldest(session),
            waiting_orders=waiting_orders,
            oldest_waiting_order=oldest_waiting_order,
            mails=mails.count(session),
            dead=session.execute(select(func.count()).select_from(DeadLetter)).scalar_one(),
            dead_letters=_dead_letters(session),
            held=held,
            counters=_counters(session),
        )


def _readable(reader: Person | None) -> list[str] | None:
    """The brands whose deliveries the reader may hear of, None for all."""
    if reader is None or reader.operator:
        return None
    return [brand_id for brand_id in reader.roles if reader.may(Right.READ, brand_id)]


_COUNTERS = select(Counter.name, Counter.host, Counter.value).order_by(Counter.name, Counter.host)


def _counters(session: Session) -> list[tuple[str, str, int]]:
    """Every figure by name and host; what several processes of a host counted apart is one figure."""
    sums: dict[tuple[str, str], int] = {}
    for name, host, value in session.execute(_COUNTERS):
        key = (name.partition(":")[0] if name.partition(":")[0].endswith(_LOST) else name, host)
        sums[key] = sums.get(key, 0) + value
    return [(name, host, value) for (name, host), value in sums.items()]


def _dead_letters(session: Session) -> list[Letter]:
    query = select(DeadLetter.id, DeadLetter.source, DeadLetter.error, DeadLetter.at)
    return [Letter(*row) for row in session.execute(query.order_by(DeadLetter.at.desc(), DeadLetter.id).limit(20))]


def this_host() -> str:
    """The name under which this host's journals and counters are told."""
    return socket.gethostname()
