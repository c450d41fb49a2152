"""A bell is rung once for however much there is, in JSON, and a Redis that does not answer keeps nobody waiting."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from zlib import decompress

import pytest
import redis as redis_py
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from rq.utils import import_attribute

import workers
from tracker import queue
from tracker.queue import INGEST, JOBS, ORDERS, QUEUES, Doorbell, bell, ring


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """A real, empty Redis."""
    client = Redis.from_url(redis_url)
    yield client
    client.close()


@pytest.mark.parametrize("name", JOBS)
def test_every_name_that_is_rung_for_is_a_function_of_the_workers(name: str) -> None:
    assert callable(import_attribute(name))
    assert JOBS[name] in QUEUES


def test_a_thousand_rings_are_one_job(redis: Redis) -> None:
    assert ring(redis, ORDERS, INGEST) is True
    assert not any(ring(redis, ORDERS, INGEST) for _ in range(999))
    assert Queue(ORDERS, connection=redis, serializer=JSONSerializer).count == 1


def test_rings_for_different_ids_are_different_jobs(redis: Redis) -> None:
    assert [ring(redis, ORDERS, INGEST, "a"), ring(redis, ORDERS, INGEST, "b"), ring(redis, ORDERS, INGEST, "a")] == [
        True,
        True,
        False,
    ]


def test_a_job_is_json_and_holds_names_and_ids_alone(redis: Redis) -> None:
    ring(redis, ORDERS, INGEST, "0" * 32)
    (job_id,) = Queue(ORDERS, connection=redis, serializer=JSONSerializer).job_ids
    data = redis.hget(f"rq:job:{job_id}", "data")
    assert isinstance(data, bytes)
    assert json.loads(decompress(data)) == [INGEST, None, ["0" * 32], {}]


def test_a_bell_whose_job_was_lost_falls_silent_by_itself(redis: Redis) -> None:
    ring(redis, ORDERS, INGEST)
    assert 0 < redis.ttl(bell(INGEST)) <= 30


def look_and_ring(url: str) -> None:
    """A job that is rung for while it runs."""
    client = Redis.from_url(url)
    client.incr("runs")
    if client.get("runs") == b"1":
        client.set("rang", int(ring(client, ORDERS, "tests.test_queue.look_and_ring", url)))
    client.close()


def test_what_comes_after_a_job_began_rings_anew(redis: Redis, redis_url: str) -> None:
    ring(redis, ORDERS, "tests.test_queue.look_and_ring", redis_url)
    workers.worker(redis, ORDERS).work(burst=True, logging_level="WARNING")
    assert (redis.get("rang"), redis.get("runs")) == (b"1", b"2")


def fail(url: str) -> None:
    """A job that counts its runs and fails."""
    client = Redis.from_url(url)
    client.incr("runs")
    client.close()
    raise ValueError


def test_a_failing_job_is_tried_again_and_a_later_ring_still_rings(redis: Redis, redis_url: str) -> None:
    ring(redis, ORDERS, "tests.test_queue.fail", redis_url)
    workers.worker(redis, ORDERS).work(burst=True, logging_level="CRITICAL")
    assert redis.get("runs") == b"4"
    assert ring(redis, ORDERS, "tests.test_queue.fail", redis_url) is True


def test_a_worker_works_on_one_queue(redis: Redis) -> None:
    assert [worker.name for worker in workers.worker(redis, ORDERS).queues] == [ORDERS]


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1", "unix:///nowhere/redis.sock"])
def test_a_doorbell_without_redis_is_silent_at_once_and_for_a_second(url: str) -> None:
    client = Redis.from_url(url, socket_timeout=0.05, socket_connect_timeout=0.05, retry=None)
    doorbell = Doorbell(client, silence=0.2)
    began = time.monotonic()
    assert not any(doorbell.ring(ORDERS, INGEST) for _ in range(1000))
    assert time.monotonic() - began < 1.0
    client.close()


def test_a_doorbell_rings_again_once_redis_is_back(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    doorbell = Doorbell(redis, silence=0.05)
    with monkeypatch.context() as broken:
        broken.setattr(queue, "ring", _refused)
        assert doorbell.ring(ORDERS, INGEST) is False
    assert doorbell.ring(ORDERS, INGEST) is False
    time.sleep(0.06)
    assert doorbell.ring(ORDERS, INGEST) is True


def _refused(*_: object) -> bool:
    raise redis_py.ConnectionError
