"""A visitor can be told from another within a day and never after: the key that tells them is random and forgotten.

The hosts of an installation share a day's salt through Redis, which forgets it an hour after the day. A process that
cannot reach Redis makes up its own: uniques are counted too high for a while, and nobody waits.
"""

from __future__ import annotations

import secrets
import threading
import weakref
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from redis import Redis, RedisError

from tracker import log
from tracker.clock import Clock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SALT_BYTES = 32
_LOOK_EVERY = 1.0
_AHEAD = timedelta(minutes=30)
_LINGER = timedelta(hours=1)


class Salt:
    """The day's salt of this process. The days are UTC's, by the installation's clock.

    `redis` must be one that fails fast: the first request of a process asks it once.
    """

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock
        self._days: dict[int, _Day] = {}
        self._lock = threading.Lock()
        self._keeper: threading.Thread | None = None
        self._closed = threading.Event()

    def visitor_hash(self, day: int, traits: bytes) -> str:
        """What stands for a visitor until midnight UTC: 32 hex digits, worth nothing without the salt.

        `day` counts days since 1970, `traits` are what the visitor is told by: brand, address, agent.
        """
        digest = (self._days.get(day) or self._begin_day(day)).keyed.copy()
        digest.update(traits)
        return digest.hexdigest()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()

    def keep(self) -> None:
        """Share what is not shared yet, fetch tomorrow's salt half an hour ahead, forget other days'."""
        now = self._clock.now()
        wanted = {day_of(now), day_of(now + _AHEAD)}
        for day in wanted:
            held = self._days.get(day)
            if held is None or not held.shared:
                self._fetch(day)
        for past in set(self._days) - wanted:
            self._days.pop(past, None)

    def _begin_day(self, day: int) -> _Day:
        """The first use of a day that was not prepared."""
        with self._lock:
            if day not in self._days:
                self._fetch(day)
            if self._keeper is None:
                self._keeper = threading.Thread(
                    target=_keep, args=(weakref.ref(self), self._closed), daemon=True, name="salt"
                )
                self._keeper.start()
            return self._days.setdefault(day, _Day(secrets.token_bytes(_SALT_BYTES), shared=False))

    def _fetch(self, day: int) -> None:
        """Take the salt that the installation shares for a day; where it has none yet, share ours."""
        held = self._days.get(day)
        ours = held.salt if held is not None else secrets.token_bytes(_SALT_BYTES)
        midnight = _EPOCH + timedelta(days=day)
        seconds = int((midnight + timedelta(days=1) + _LINGER - self._clock.now()).total_seconds())
        name = f"salt:{midnight.date().isoformat()}"
        try:
            self._redis.set(name, ours.hex(), nx=True, ex=max(seconds, 60))
            shared = self._redis.get(name)
        except (RedisError, OSError) as error:
            log.debug("salt_not_shared", error=type(error).__name__)
            return
        if isinstance(shared, bytes):
            self._days[day] = _Day(bytes.fromhex(shared.decode()), shared=True)


def day_of(moment: datetime) -> int:
    """The UTC day of an aware moment, in days since 1970."""
    return (moment - _EPOCH).days


class _Day:
    """A day's salt, ready to hash with, and whether the whole installation has it."""

    def __init__(self, salt: bytes, *, shared: bool) -> None:
        self.salt = salt
        self.shared = shared
        self.keyed = blake2b(key=salt, digest_size=16)


def _keep(salt: weakref.ref[Salt], closed: threading.Event) -> None:
    """The loop of the keeper; it ends with the salt itself."""
    while not closed.wait(_LOOK_EVERY):
        alive = salt()
        if alive is None:
            return
        try:
            alive.keep()
        except Exception as error:  # the next turn may do better
            log.warning("salt_not_kept", error=type(error).__name__)
        del alive
