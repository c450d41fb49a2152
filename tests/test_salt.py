"""Visitors can be told apart today, on every host alike, and never after."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis

from tracker.clock import Clock
from tracker.salt import Salt, day_of

NOW = datetime.now(UTC)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url, socket_timeout=0.5) as client:
        yield client


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Redis]:
    with Redis.from_url(f"unix://{tmp_path}/none.sock", socket_timeout=0.05, retry=None) as client:
        yield client


def hashed(salt: Salt, at: datetime = NOW, brand: str = "b", address: str = "203.0.113.7", agent: str = "a") -> str:
    return salt.visitor_hash(day_of(at), f"{brand}|{address}|{agent}".encode())


def test_the_hosts_of_an_installation_agree(redis: Redis) -> None:
    assert hashed(Salt(redis, Clock())) == hashed(Salt(redis, Clock()))


def test_another_brand_address_agent_or_day_is_another_visitor(redis: Redis) -> None:
    salt = Salt(redis, Clock())
    others = [
        hashed(salt, brand="c"),
        hashed(salt, address="203.0.113.8"),
        hashed(salt, agent="c"),
        hashed(salt, NOW + timedelta(days=1)),
        hashed(salt),
    ]
    assert len(set(others)) == 5


def test_without_the_salt_the_same_visitor_is_another(redis: Redis) -> None:
    first = hashed(Salt(redis, Clock()))
    redis.flushall()
    assert hashed(Salt(redis, Clock())) != first


def test_redis_forgets_a_salt_within_two_days(redis: Redis) -> None:
    hashed(Salt(redis, Clock()))
    ((name, life),) = [(name, redis.ttl(name)) for name in redis.keys("salt:*")]
    assert name == f"salt:{NOW.date()}".encode()
    assert 0 < life < 48 * 3600


def test_the_process_forgets_it_too(redis: Redis) -> None:
    salt = Salt(redis, Clock())
    hashed(salt, NOW - timedelta(days=2))
    salt.keep()
    assert day_of(NOW) - 2 not in salt._days
    assert day_of(NOW) in salt._days


def test_tomorrows_salt_is_there_before_midnight(redis: Redis) -> None:
    wall = Clock().wall()
    late = Clock(origin=wall, behind=wall - datetime(2026, 3, 2, 23, 45, tzinfo=UTC), speed=1.0)
    salt = Salt(redis, late)
    salt.keep()
    assert set(redis.keys("salt:*")) == {b"salt:2026-03-02", b"salt:2026-03-03"}


def test_without_redis_a_process_makes_up_its_own_and_nobody_waits(away: Redis) -> None:
    salt = Salt(away, Clock())
    started = time.monotonic()
    assert hashed(salt) == hashed(salt)
    assert time.monotonic() - started < 0.3
    salt.keep()
    salt.close()


def test_what_was_made_up_is_shared_once_redis_is_back(redis: Redis, away: Redis) -> None:
    salt = Salt(away, Clock())
    made_up = hashed(salt)
    salt._redis = redis
    salt.keep()
    assert hashed(salt) == made_up == hashed(Salt(redis, Clock()))
    salt.close()


def test_where_the_others_have_one_already_theirs_is_taken(redis: Redis, away: Redis) -> None:
    theirs = hashed(Salt(redis, Clock()))
    salt = Salt(away, Clock())
    assert hashed(salt) != theirs
    salt._redis = redis
    salt.keep()
    assert hashed(salt) == theirs
    salt.close()
