"""A visitor can be told from another within a day and never after: the key that tells them is random and forgotten.

The hosts of an installation share a day's salt through Redis, which forgets it an hour after the day. A process that
cannot reach Redis makes up its own: uniques are counted too high for a while, and nobody waits.
"""

from __future__ import annotations

import secrets
import threading
import weakref
from datetime import datetime, time, timedelta
from hashlib import blake2b

from redis import Redis, RedisError

from tracker import log
from tracker.clock import Clock

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

    def visitor_hash(self, now: datetime, brand_id: str, address: str, user_agent: str) -> str:
        """What stands for a visitor of a brand until midnight UTC: 32 hex digits, worth nothing without the salt."""
        day = self._days.get(now.toordinal()) or self._begin_day(now)
        digest = day.keyed.copy()
        digest.update(f"{brand_id}|{address}|{user_agent}".encode("utf-8", "replace"))
        return digest.hexdigest()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()

    def keep(self) -> None:
        """Share what is not shared yet, fetch tomorrow's salt half an hour ahead, forget other days'."""
        now = self._clock.now()
        for moment in (now, now + _AHEAD):
            day = self._days.get(moment.toordinal())
            if day is None or not day.shared:
                self._fetch(moment)
        wanted = {now.toordinal(), (now + _AHEAD).toordinal()}
        for past in set(self._days) - wanted:
            self._days.pop(past, None)

    def _begin_day(self, now: datetime) -> _Day:
        """The first use of a day that was not prepared."""
        with self._lock:
            ordinal = now.toordinal()
            if ordinal not in self._days:
                self._fetch(now)
                day = self._days.setdefault(ordinal, _Day(secrets.token_bytes(_SALT_BYTES), shared=False))
            else:
                day = self._days[ordinal]
            if self._keeper is None:
                self._keeper = threading.Thread(
                    target=_keep, args=(weakref.ref(self), self._closed), daemon=True, name="salt"
                )
                self._keeper.start()
            return day

    def _fetch(self, moment: datetime) -> None:
        """Take the salt that the installation shares for a day; where it has none yet, share ours."""
        held = self._days.get(moment.toordinal())
        ours = held.salt if held is not None else secrets.token_bytes(_SALT_BYTES)
        name = f"salt:{moment.date().isoformat()}"
        midnight = datetime.combine(moment.date(), time.min, moment.tzinfo) + timedelta(days=1)
        seconds = int((midnight + _LINGER - self._clock.now()).total_seconds())
        try:
            self._redis.set(name, ours.hex(), nx=True, ex=max(seconds, 60))
            shared = self._redis.get(name)
        except (RedisError, OSError) as error:
            log.debug("salt_not_shared", error=type(error).__name__)
            return
        if isinstance(shared, bytes):
            self._days[moment.toordinal()] = _Day(bytes.fromhex(shared.decode()), shared=True)


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
