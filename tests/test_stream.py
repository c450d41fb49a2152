"""The stream hands every line to somebody, and again to somebody else, until it is told that the line is done."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from redis import Redis

from tracker import stream
from tracker.stream import Backlog


@pytest.fixture(params=["", "?protocol=2", "?protocol=3"])
def redis(redis_url: str, request: pytest.FixtureRequest) -> Iterator[Redis]:
    """In whatever protocol the URL asks for."""
    with Redis.from_url(redis_url + request.param, socket_timeout=5) as client:
        yield client


def lines(count: int) -> list[bytes]:
    return [b"line %d" % number for number in range(count)]


def test_lines_arrive_in_order_some_to_an_entry(redis: Redis) -> None:
    stream.ensure_group(redis)
    stream.ship(redis, lines(100))
    entries = stream.read(redis, "a", 10, 0)
    assert [payload for entry in entries for payload in entry.payloads] == lines(100)
    assert max(len(entry.payloads) for entry in entries) == stream.BATCH


def test_what_was_shipped_before_anybody_made_the_group_is_read(redis: Redis) -> None:
    stream.ship(redis, lines(3))
    assert stream.read(redis, "a", 10, 0) == []
    assert [entry.payloads for entry in stream.read(redis, "a", 10, 0)] == [lines(3)]


def test_making_the_group_twice_changes_nothing(redis: Redis) -> None:
    stream.ship(redis, lines(1))
    stream.ensure_group(redis)
    assert stream.read(redis, "a", 10, 0)
    stream.ensure_group(redis)
    assert stream.read(redis, "a", 10, 0) == []


def test_two_readers_share_and_what_is_done_is_gone(redis: Redis) -> None:
    stream.ensure_group(redis)
    stream.ship(redis, lines(64))
    first, second = stream.read(redis, "a", 1, 0), stream.read(redis, "b", 1, 0)
    assert first[0].payloads + second[0].payloads == lines(64)
    assert stream.backlog(redis) == Backlog(length=2, lag=0, pending=2, group=True)
    stream.done(redis, first)
    assert stream.backlog(redis) == Backlog(length=1, lag=0, pending=1, group=True)
    stream.done(redis, second)
    stream.done(redis, [])
    assert stream.backlog(redis) == Backlog(length=0, lag=0, pending=0, group=True)
    assert stream.backlog(redis).drained


def test_what_a_dead_reader_took_is_claimed_by_another(redis: Redis) -> None:
    stream.ensure_group(redis)
    stream.ship(redis, lines(96))
    taken = stream.read(redis, "dead", 10, 0)
    assert stream.claim(redis, "alive", 60.0, 10) == []
    time.sleep(0.02)
    assert stream.claim(redis, "alive", 0.01, 2) == taken[:2]
    assert stream.claim(redis, "alive", 0.0, 10) == taken


def test_claiming_from_a_redis_that_forgot_makes_the_group(redis: Redis) -> None:
    assert stream.claim(redis, "a", 0.0, 10) == []
    assert stream.backlog(redis).group


def test_a_stream_that_is_not_there_has_no_backlog(redis: Redis) -> None:
    assert stream.backlog(redis) == Backlog(0, 0, 0, group=False)
    assert not stream.backlog(redis).drained


def test_a_lag_that_redis_does_not_know_is_counted(redis: Redis) -> None:
    stream.ensure_group(redis)
    for number in range(5):
        stream.ship(redis, [b"%d" % number])
    taken = stream.read(redis, "a", 2, 0)
    *_, fourth, _fifth = redis.xrange(stream.STREAM) or []
    redis.xdel(stream.STREAM, str(fourth[0], "ascii") if isinstance(fourth[0], bytes) else str(fourth[0]))
    stream.done(redis, taken[:1])
    assert stream.backlog(redis) == Backlog(length=3, lag=2, pending=1, group=True)


def test_a_strangers_entry_is_one_bad_line_and_can_be_done(redis: Redis) -> None:
    stream.ensure_group(redis)
    redis.xadd(stream.STREAM, {"hello": "world"})
    (entry,) = stream.read(redis, "a", 10, 0)
    assert len(entry.payloads) == 1
    stream.done(redis, [entry])
    assert stream.backlog(redis).drained


def test_a_reader_waits_for_what_is_not_there_yet(redis: Redis) -> None:
    stream.ensure_group(redis)
    started = time.monotonic()
    assert stream.read(redis, "a", 10, 50) == []
    assert 0.04 < time.monotonic() - started < 2


def test_a_redis_that_was_wiped_is_another_memory(redis: Redis) -> None:
    before = stream.memory(redis)
    assert stream.memory(redis) == before
    redis.flushall()
    assert stream.memory(redis) != before


def test_the_most_clicks_that_may_wait_are_known(redis: Redis) -> None:
    stream.ship(redis, lines(40))
    assert stream.backlog(redis).clicks_at_most == 2 * stream.BATCH
