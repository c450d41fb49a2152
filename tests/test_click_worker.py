"""From the stream to the ledger: whatever dies, waits or is broken, each click is recorded once, none is forgotten."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisDown
from sqlalchemy import func, select, text

from tests.conftest import Ledger
from tests.test_click_ingest import add_brands, click
from tracker import stream
from tracker.clock import Clock
from tracker.domain.clicks import RawClick, encode
from tracker.ledger.database import is_postgresql, open_database, sessions
from tracker.ledger.tables import Click, DeadLetter, LinkHour
from workers.clicks import ClickWorker


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    client = Redis.from_url(redis_url)
    yield client
    client.close()


@pytest.fixture
def books(ledger: Ledger) -> Ledger:
    add_brands(ledger)
    return ledger


def worker(redis: Redis, ledger: Ledger, **changed: Any) -> ClickWorker:
    made = ClickWorker(redis, ledger.session, Clock(), keep_ip=True, stop=threading.Event())
    for name, value in changed.items():
        setattr(made, name, value)
    return made


def ship(redis: Redis, *raw: RawClick) -> None:
    stream.ship(redis, [encode(one) for one in raw])


def step(worker: ClickWorker) -> None:
    worker.finish(worker.next_batch())


def recorded(ledger: Ledger) -> set[str]:
    with ledger.session() as session:
        return set(session.execute(select(Click.id)).scalars())


def letters(ledger: Ledger) -> list[DeadLetter]:
    with ledger.session() as session:
        return list(session.execute(select(DeadLetter)).scalars())


def total(ledger: Ledger) -> tuple[int, int]:
    """The clicks, and what the roll-up says they are."""
    with ledger.session() as session:
        rolled = session.execute(select(func.sum(LinkHour.gross))).scalar_one()
        return session.execute(select(func.count()).select_from(Click)).scalar_one(), int(rolled or 0)


@contextmanager
def refusing(ledger: Ledger, slug: str) -> Iterator[None]:
    """A database that refuses every click with this slug, by a trigger."""
    with ledger.writing() as session:
        if is_postgresql(session):
            session.execute(text(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN IF NEW.slug = '{slug}' THEN RAISE 'refused'; END IF; RETURN NEW; END $$"
            ))  # fmt: skip
            session.execute(text(
                "CREATE TRIGGER refuse BEFORE INSERT ON clicks FOR EACH ROW EXECUTE FUNCTION refuse()"
            ))  # fmt: skip
        else:
            session.execute(text(
                f"CREATE TRIGGER refuse BEFORE INSERT ON clicks WHEN NEW.slug = '{slug}' "
                "BEGIN SELECT RAISE(ABORT, 'refused'); END"
            ))  # fmt: skip
    yield
    with ledger.writing() as session:
        session.execute(text("DROP TRIGGER refuse" + (" ON clicks" if is_postgresql(session) else "")))


def test_clicks_pass_from_the_stream_to_the_ledger_and_leave_it(redis: Redis, books: Ledger) -> None:
    raw = [click() for _ in range(100)]
    ship(redis, *raw)
    hand = worker(redis, books)
    for _ in range(3):  # the group is made, the batch is read, nothing is left
        step(hand)

    assert recorded(books) == {one.id for one in raw}
    assert total(books) == (100, 100)
    assert stream.backlog(redis).drained
    assert stream.backlog(redis).length == 0


def test_what_a_dead_worker_held_is_recorded_by_another(redis: Redis, books: Ledger) -> None:
    raw = [click() for _ in range(5)]
    stream.ensure_group(redis)
    ship(redis, *raw)
    dead = worker(redis, books)
    assert dead.next_batch().entries
    assert not worker(redis, books).next_batch().entries

    step(worker(redis, books, claim_after=0))

    assert recorded(books) == {one.id for one in raw}
    assert stream.backlog(redis).drained


def test_what_was_committed_but_not_acknowledged_counts_once(redis: Redis, books: Ledger) -> None:
    stream.ensure_group(redis)
    ship(redis, *[click() for _ in range(40)])

    class Dying(ClickWorker):
        def _take_out(self, entries: list[stream.Entry]) -> None:
            """Died between the commit and the acknowledgement."""

    step(Dying(redis, books.session, Clock(), True, threading.Event()))
    assert stream.backlog(redis).pending == 2
    step(worker(redis, books, claim_after=0))

    assert total(books) == (40, 40)
    assert stream.backlog(redis).drained


def test_a_ledger_that_does_not_answer_is_waited_for_and_nothing_is_acknowledged(redis: Redis, books: Ledger) -> None:
    hasty = open_database(books.url, wait=0.1)
    raw = click()
    stream.ensure_group(redis)
    ship(redis, raw)
    hand = worker(redis, books, sessions=sessions(hasty))
    batch = hand.next_batch()
    thread = threading.Thread(target=hand.finish, args=(batch,))
    with books.writing() as session:
        if is_postgresql(session):
            session.execute(text("LOCK TABLE clicks IN ACCESS EXCLUSIVE MODE"))
        thread.start()
        thread.join(0.7)
        assert thread.is_alive()
        assert stream.backlog(redis).pending == 1
    thread.join(10)

    assert recorded(books) == {raw.id}
    assert letters(books) == []
    assert stream.backlog(redis).drained
    hasty.dispose()


def test_a_worker_told_to_stop_while_the_ledger_is_down_leaves_its_clicks_in_the_stream(
    redis: Redis, books: Ledger
) -> None:
    hasty = open_database(books.url, wait=0.1)
    stream.ensure_group(redis)
    ship(redis, click())
    hand = worker(redis, books, sessions=sessions(hasty))
    hand.stop.set()
    with books.writing() as session:
        if is_postgresql(session):
            session.execute(text("LOCK TABLE clicks IN ACCESS EXCLUSIVE MODE"))
        step(hand)

    assert stream.backlog(redis).pending == 1
    hasty.dispose()


def test_only_the_click_that_the_ledger_refuses_becomes_a_dead_letter(redis: Redis, books: Ledger) -> None:
    raw = [click() for _ in range(70)]
    poison = click(slug="poison")
    stream.ensure_group(redis)
    ship(redis, *raw[:30], poison, *raw[30:])
    with refusing(books, "poison"):
        step(worker(redis, books))

    [letter] = letters(books)
    assert (letter.id, letter.payload) == (poison.id, encode(poison))
    assert "poison" not in letter.error
    assert recorded(books) == {one.id for one in raw}
    assert total(books) == (70, 70)
    assert stream.backlog(redis).drained


def test_a_refused_click_is_buried_by_its_own_line_though_another_names_its_id(redis: Redis, books: Ledger) -> None:
    poison = click(slug="poison")
    imitator = click(sub_ids={"sub1": poison.id})
    stream.ensure_group(redis)
    ship(redis, imitator, poison)
    with refusing(books, "poison"):
        step(worker(redis, books))

    [letter] = letters(books)
    assert (letter.id, letter.payload) == (poison.id, encode(poison))
    assert recorded(books) == {imitator.id}


def test_a_click_refused_alone_is_condemned_only_once_another_has_passed(redis: Redis, books: Ledger) -> None:
    poison, healthy = click(slug="poison"), click()
    stream.ensure_group(redis)
    ship(redis, poison)
    hand = worker(redis, books, claim_after=0)
    with refusing(books, "poison"):
        for _ in range(4):
            hand._claimed_at = -100.0
            step(hand)
        assert letters(books) == []
        assert stream.backlog(redis).pending == 1
        ship(redis, healthy)
        step(hand)
        hand._claimed_at = -100.0
        step(hand)

    assert [letter.id for letter in letters(books)] == [poison.id]
    assert recorded(books) == {healthy.id}
    assert stream.backlog(redis).drained


def test_a_ledger_that_refuses_every_click_condemns_none(redis: Redis, books: Ledger) -> None:
    raw = [click(slug="poison") for _ in range(60)]
    stream.ensure_group(redis)
    ship(redis, *raw)
    hand = worker(redis, books)
    batch = hand.next_batch()
    thread = threading.Thread(target=hand.finish, args=(batch,))
    with refusing(books, "poison"):
        thread.start()
        thread.join(0.7)
        assert thread.is_alive()
        assert stream.backlog(redis).pending == 2
    thread.join(10)

    assert letters(books) == []
    assert total(books) == (60, 60)


@pytest.mark.parametrize("line", [b"", b"not json", b"\xff\xfe\x00", b'[1,"' + b"x" * 100_000, b'[9,"future"]'])
def test_a_line_that_is_no_click_is_a_dead_letter_at_once(redis: Redis, sqlite_ledger: Ledger, line: bytes) -> None:
    good = click()
    stream.ensure_group(redis)
    stream.ship(redis, [line, encode(good)])
    step(worker(redis, sqlite_ledger))

    assert [letter.payload for letter in letters(sqlite_ledger)] == [line]
    assert recorded(sqlite_ledger) == {good.id}
    assert stream.backlog(redis).drained


def test_a_stream_that_does_not_answer_is_waited_for(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    nowhere = Redis.from_url(f"unix://{tmp_path}/none.sock", socket_connect_timeout=0.05)
    with pytest.raises(RedisDown):
        nowhere.ping()
    hand = worker(nowhere, sqlite_ledger)
    hand.stop.set()

    assert hand.next_batch().entries == []
    nowhere.close()


def test_several_workers_at_once_record_each_click_once(redis: Redis, books: Ledger) -> None:
    raw = [click(visitor_hash=None) for _ in range(2000)]
    hands = [worker(redis, books) for _ in range(3)]
    threads = [threading.Thread(target=hand.run) for hand in hands]
    for thread in threads:
        thread.start()
    for first in range(0, 2000, 250):
        ship(redis, *raw[first : first + 250], *raw[first : first + 20])
    wait_until(lambda: total(books)[0] == 2000 and stream.backlog(redis).drained)
    for hand in hands:
        hand.stop.set()
    for thread in threads:
        thread.join(10)

    assert total(books) == (2000, 2000)
    assert letters(books) == []


def test_names_of_workers_long_gone_are_forgotten_unless_they_hold_something(
    redis: Redis, sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.clicks._FORGOTTEN_MS", -1)
    stream.ensure_group(redis)
    ship(redis, click())
    stream.read(redis, "holds", 1, 0)
    stream.read(redis, "holds-nothing", 1, 0)
    hand = worker(redis, sqlite_ledger)
    hand.stop.set()
    hand.run()

    names = [consumer["name"].decode() for consumer in redis.xinfo_consumers(stream.STREAM, stream.GROUP)]
    assert "holds" in names
    assert "holds-nothing" not in names


@pytest.mark.parametrize("failpoint", ["clicks.before_commit", "clicks.after_commit"])
def test_a_process_killed_at_any_line_loses_and_doubles_nothing(
    failpoint: str, redis: Redis, redis_url: str, sqlite_ledger: Ledger, tmp_path: Path
) -> None:
    raw = [click() for _ in range(50)]
    stream.ensure_group(redis)
    ship(redis, *raw)
    token = tmp_path / "token"
    token.touch()
    process = start(sqlite_ledger, redis_url, tmp_path, TRACKER_FAILPOINTS=f"{failpoint}={token}")
    assert process.wait(60) == -signal.SIGKILL
    step(worker(redis, sqlite_ledger, claim_after=0))

    assert recorded(sqlite_ledger) == {one.id for one in raw}
    assert total(sqlite_ledger) == (50, 50)
    assert stream.backlog(redis).drained


def test_sigterm_ends_the_process_after_its_batch(
    redis: Redis, redis_url: str, sqlite_ledger: Ledger, tmp_path: Path
) -> None:
    process = start(sqlite_ledger, redis_url, tmp_path)
    ship(redis, *[click() for _ in range(300)])
    wait_until(lambda: total(sqlite_ledger)[0] > 0)
    assert list(redis.scan_iter("heartbeat:clicks:*"))
    process.send_signal(signal.SIGTERM)

    assert process.wait(60) == 0
    assert total(sqlite_ledger) == (300, 300)
    assert stream.backlog(redis).drained


def start(ledger: Ledger, redis_url: str, folder: Path, **environ: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "workers.clicks"],
        env={
            **os.environ,
            "TRACKER_STATE": str(folder),
            "DATABASE_URL": ledger.url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": "0" * 64,
            **environ,
        },
    )


def wait_until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
