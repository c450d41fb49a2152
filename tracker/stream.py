"""Clicks pass through a Redis stream, which may forget them: whoever ships keeps the lines until SQL has them.

An entry carries up to `BATCH` clicks, one line each: it costs Redis a half and the shipper a tenth of an entry per
click. Entries leave the stream when the group's worker is done with them, so its length is what waits.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

STREAM = "clicks"
GROUP = "ledger"
BATCH = 32

_MEMORY = "clicks:memory"
_FIELD = b"c"


@dataclass(frozen=True, slots=True)
class Entry:
    """Some clicks as they travel: each payload is a line for `domain.clicks.decode`."""

    id: str
    payloads: list[bytes]


@dataclass(frozen=True, slots=True)
class Backlog:
    """Entries in the stream, entries nobody has read yet, entries read and not done; and whether the group is there."""

    length: int
    lag: int
    pending: int
    group: bool

    @property
    def clicks_at_most(self) -> int:
        """How many clicks may be waiting."""
        return self.length * BATCH

    @property
    def drained(self) -> bool:
        """Whether Redis holds nothing that a worker could still bring to the ledger."""
        return self.group and self.lag == 0 and self.pending == 0


def ship(redis: Redis, payloads: Sequence[bytes]) -> None:
    """Add lines to the stream, in order, in one round trip. Raises RedisError; then any part may have arrived."""
    pipeline = redis.pipeline(transaction=False)
    for start in range(0, len(payloads), BATCH):
        pipeline.xadd(STREAM, {_FIELD: b"\n".join(payloads[start : start + BATCH])})
    pipeline.execute()


def ensure_group(redis: Redis) -> None:
    """Make the group where it is missing, from the stream's beginning."""
    try:
        redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise


def read(redis: Redis, consumer: str, count: int, block_ms: int) -> list[Entry]:
    """Up to `count` entries that nobody has read, waiting up to `block_ms` for the first. Makes a missing group.

    `block_ms` must be under the client's socket time-out; 0 does not wait at all.
    """
    try:
        answer = redis.xreadgroup(GROUP, consumer, {STREAM: ">"}, count=count, block=block_ms or None)
    except ResponseError as error:
        if not str(error).startswith("NOGROUP"):
            raise
        ensure_group(redis)
        return []
    return _entries(_rows(answer))


def claim(redis: Redis, consumer: str, min_idle: float, count: int) -> list[Entry]:
    """Up to `count` entries that some worker took and did not finish within `min_idle` seconds; now ours."""
    cursor: Any = "0-0"
    found: list[Entry] = []
    try:
        while len(found) < count:
            wanted = count - len(found)
            cursor, rows, *_ = redis.xautoclaim(STREAM, GROUP, consumer, int(min_idle * 1000), cursor, count=wanted)
            found.extend(_entries(rows))
            if _text(cursor) == "0-0":
                break
    except ResponseError as error:
        if not str(error).startswith("NOGROUP"):
            raise
        ensure_group(redis)
    return found


def done(redis: Redis, entries: Iterable[Entry]) -> None:
    """Take entries out of the stream and off the pending list, in one step. Only after the commit."""
    ids = [entry.id for entry in entries]
    if not ids:
        return
    pipeline = redis.pipeline(transaction=True)
    pipeline.xack(STREAM, GROUP, *ids)
    pipeline.xdel(STREAM, *ids)
    pipeline.execute()


def backlog(redis: Redis) -> Backlog:
    """What waits in the stream."""
    length = redis.xlen(STREAM)
    try:
        groups = redis.xinfo_groups(STREAM)
    except ResponseError:  # no stream
        groups = []
    for group in groups:
        if _text(group["name"]) == GROUP:
            pending = int(group["pending"])
            # Redis does not know the lag after some deletions; then what is not pending has not been read.
            lag = group.get("lag")
            return Backlog(length, max(length - pending, 0) if lag is None else int(lag), pending, group=True)
    return Backlog(length, length, 0, group=False)


@dataclass(frozen=True, slots=True)
class Keeping:
    """How a Redis keeps what it is given: what it does when its memory is full, and whether it writes all to a file."""

    policy: str
    append_only: bool

    @property
    def concerns(self) -> list[str]:
        """What a person should change, as words of CONCERNS."""
        checks = (("redis_evicts", self.policy != "noeviction"), ("redis_forgets", not self.append_only))
        return [name for name, bad in checks if bad]


CONCERNS = {
    "redis_evicts": "This Redis may evict what it was given. Set maxmemory-policy to noeviction.",
    "redis_forgets": "A restart takes this Redis back to its last snapshot, if it has one. "
    "Set appendonly to yes, so that a restart is cheap.",
}


def keeping(redis: Redis) -> Keeping:
    """How this Redis keeps what it is given. Where it does not tell, its operator is believed. Raises RedisError."""
    told: Any = redis.info()
    return Keeping(str(told.get("maxmemory_policy", "noeviction")), bool(int(told.get("aof_enabled", 1))))


def memory(redis: Redis) -> str:
    """Names what this Redis remembers: another name means that it restarted, was wiped, or is another one."""
    redis.set(_MEMORY, secrets.token_hex(8), nx=True)
    return f"{redis.info('server')['run_id']}/{_text(redis.get(_MEMORY))}"


def _rows(answer: Any) -> list[Any]:
    """The entries of an XREADGROUP answer on one stream; its shape depends on the protocol the URL asks for."""
    if not answer:
        return []
    rows = next(iter(answer.values())) if isinstance(answer, dict) else answer[0][1]
    return rows[0] if rows and isinstance(rows[0], list) else rows


def _entries(rows: list[Any]) -> list[Entry]:
    """Entries as ours. One that was deleted meanwhile has no fields and is left out; a stranger's is one bad line."""
    return [Entry(_text(id_), _lines(fields)) for id_, fields in rows if fields]


def _lines(fields: dict[bytes, bytes]) -> list[bytes]:
    value = fields.get(_FIELD)
    return [repr(fields).encode()] if value is None else value.split(b"\n")


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
