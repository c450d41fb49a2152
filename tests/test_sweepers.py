"""A ring that never came, a job that was lost and a worker that was killed cost one round of the scheduler's clock."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest
from redis import Redis

import workers
import workers.orders
import workers.schedule
from tests import payloads
from tests.conftest import NOW, Ledger
from tests.intake import add_shop, ingest, receive, rows, started, states, wait_for
from tracker import queue
from tracker.ledger import inbox
from tracker.ledger.tables import InboxRow, OrderRow
from tracker.settings import Settings
from tracker.wiring import Wiring


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """A real, empty Redis."""
    client = Redis.from_url(redis_url)
    yield client
    client.close()


def test_every_job_is_swept_for() -> None:
    assert set(workers.schedule.EVERY) == set(queue.JOBS)
    assert workers.schedule.EVERY[queue.INGEST] <= 60


def test_the_scheduler_rings_for_everything_when_it_starts_and_then_in_time(redis: Redis) -> None:
    scheduler = workers.schedule.Scheduler(redis)
    assert {job.func_name for job in scheduler.enqueue_jobs()} == set(queue.JOBS)
    assert [redis.llen(f"rq:queue:{name}") for name in queue.QUEUES] == [
        list(queue.JOBS.values()).count(name) for name in queue.QUEUES
    ]
    assert scheduler.enqueue_jobs() == []
    assert 0 < scheduler.calculate_sleep_interval() <= 5


def test_a_scheduler_whose_workers_are_gone_does_not_heap_up_jobs(redis: Redis) -> None:
    for _ in range(50):
        workers.schedule.Scheduler(redis).enqueue_jobs()
    assert redis.llen("rq:queue:orders") == 1


def test_a_delivery_put_off_is_left_alone_until_its_time(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = add_shop(ledger)
    receive(ledger, shop, payloads.standard_order())
    with monkeypatch.context() as patch:
        patch.setattr("tracker.platforms.standard.parse", lambda *_: 1 / 0)
        ingest(ledger)
    with ledger.session() as session:
        assert inbox.pending(session, NOW + timedelta(seconds=9), 10) == []
        assert len(inbox.pending(session, NOW + timedelta(seconds=10), 10)) == 1


def test_a_new_delivery_is_due_even_where_the_clocks_of_two_hosts_disagree(ledger: Ledger) -> None:
    receive(ledger, add_shop(ledger), payloads.standard_order(), wall=NOW + timedelta(seconds=30))
    with ledger.session() as session:
        assert len(inbox.pending(session, NOW, 10)) == 1


@pytest.mark.e2e
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nothing_rung_for_and_everything_ingested(settings: Settings, redis: Redis) -> None:
    wiring = Wiring(settings)
    ledger = Ledger(settings.database_url, wiring.engine, wiring.sessions)
    shop = add_shop(ledger)
    with started("workers.schedule", settings) as scheduler, started("workers.orders", settings) as worker:
        wait_for(lambda: redis.keys("heartbeat:orders:*"))
        name = f"heartbeat:schedule:{socket.gethostname()}:{scheduler.pid}"
        wait_for(lambda: redis.keys(name))
        receive(ledger, shop, payloads.standard_order(id="1"))
        wait_for(lambda: states(ledger) == ["done"])
        redis.flushall()
        receive(ledger, shop, payloads.standard_order(id="2"))
        wait_for(lambda: states(ledger) == ["done"] * 2)
        for process in (scheduler, worker):
            process.send_signal(signal.SIGTERM)
        assert [process.wait(15) for process in (scheduler, worker)] == [0, 0]
    assert len(rows(ledger, OrderRow)) == 2
    wiring.engine.dispose()


@pytest.mark.e2e
@pytest.mark.parametrize("where", ["orders.before_commit", "orders.after_commit"])
def test_a_worker_killed_at_its_commit_leaves_each_order_once(settings: Settings, redis: Redis, where: str) -> None:
    wiring = Wiring(settings)
    ledger = Ledger(settings.database_url, wiring.engine, wiring.sessions)
    shop = add_shop(ledger)
    for number in range(5):
        receive(ledger, shop, payloads.standard_order(id=str(number)))
    token = settings.state.parent / "token"
    token.touch()
    queue.ring(redis, queue.ORDERS, queue.INGEST)
    with started("workers.orders", settings, TRACKER_FAILPOINTS=f"{where}={token}") as process:
        assert process.wait(60) == -signal.SIGKILL
    assert states(ledger).count("done") == (0 if where == "orders.before_commit" else 1)
    queue.ring(redis, queue.ORDERS, queue.INGEST)
    with started("workers.orders", settings):
        wait_for(lambda: states(ledger) == ["done"] * 5)
    assert len(rows(ledger, OrderRow)) == 5
    assert [row["attempts"] for row in rows(ledger, InboxRow)] == [1] * 5
    wiring.engine.dispose()
