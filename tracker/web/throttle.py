"""Attempts at a secret are counted before the secret is looked at, so that many at once do not slip through.

They are counted in Redis; where Redis does not answer, in this process: nobody is locked out by our failure. Keys are
keyed digests: Redis learns neither the address nor the account.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from hashlib import blake2b

from redis import Redis, RedisError

from tracker import log

WINDOW = 15 * 60  # seconds over which attempts are counted
TRIES = 10  # of one account from one address
TRIES_OF_ADDRESS = 50  # of one address on any account
TRIES_OF_ACCOUNT = 30  # of one account from anywhere, where its password is known already


@dataclass
class Throttle:
    """Counts attempts of an account from an address."""

    redis: Redis
    key: str
    _here: dict[str, tuple[int, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def allows(self, email: str, address: str) -> bool:
        """Count an attempt; whether it may go on."""
        return self._within(
            {self._name(email.strip().casefold(), address): TRIES, self._name("", address): TRIES_OF_ADDRESS}
        )

    def allows_anywhere(self, name: str) -> bool:
        """Count an attempt at something that few may try from wherever; whether it may go on."""
        return self._within({self._name(name, "anywhere"): TRIES_OF_ACCOUNT})

    def forgive(self, email: str, address: str) -> None:
        """The password was right: the account's own count begins anew."""
        name = self._name(email.strip().casefold(), address)
        with self._lock:
            self._here.pop(name, None)
        try:
            self.redis.delete(name)
        except (RedisError, OSError):
            return

    def _within(self, limits: dict[str, int]) -> bool:
        counts = self._count(list(limits))
        return all(count <= limit for count, limit in zip(counts, limits.values(), strict=True))

    def _name(self, email: str, address: str) -> str:
        text = f"{email}\n{address}".encode()
        return "sign-in:" + blake2b(text, key=self.key.encode()[:64], digest_size=16).hexdigest()

    def _count(self, names: list[str]) -> list[int]:
        try:
            pipeline = self.redis.pipeline(transaction=True)
            for name in names:
                pipeline.set(name, 0, ex=WINDOW, nx=True)
                pipeline.incr(name)
            return [int(answer) for answer in pipeline.execute()[1::2]]
        except (RedisError, OSError) as error:
            log.warning("throttle_without_redis", error=type(error).__name__)
            return [self._count_here(name) for name in names]

    def _count_here(self, name: str) -> int:
        now = time.monotonic()
        with self._lock:
            if len(self._here) > 10_000:
                self._here.clear()
            count, until = self._here.get(name, (0, now + WINDOW))
            if until <= now:
                count, until = 0, now + WINDOW
            self._here[name] = (count + 1, until)
            return count + 1
