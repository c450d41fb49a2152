"""The shipper lets go of a click only when SQL has it, and brings it again where Redis has forgotten it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import select

from tests.conftest import NOW
from tests.test_click_ingest import click
from tracker import journal, pipeline, stream
from tracker.clock import Clock
from tracker.domain.clicks import RawClick, encode
from tracker.errors import Conflict
from tracker.journal import Journal
from tracker.ledger.tables import Click, Counter, DeadLetter
from tracker.settings import Settings
from tracker.wiring import Wiring
from workers import shipper as shipping
from workers.clicks import ClickWorker
from workers.shipper import Shipper, only_one


@pytest.fixture
def hands(settings: Settings) -> Iterator[Wiring]:
    hands = Wiring(settings)
    yield hands
    hands.redis.close()
    hands.hasty_redis.close()
    hands.engine.dispose()


@pytest.fixture
def shipper(hands: Wiring, monkeypatch: pytest.MonkeyPatch) -> Shipper:
    """A shipper without patience: every duty at every turn, no grace."""
    for pause in ("_VERIFY_EVERY", "_KEEP_HOUSE_EVERY", "_FIRST_PAUSE", "_REST"):
        monkeypatch.setattr(shipping, pause, 0.0)
    return Shipper(hands)


def written(hands: Wiring, count: int = 3, *, close: bool = True) -> tuple[list[RawClick], Journal]:
    """Clicks in a segment of their own."""
    clicks = [click(at=NOW + timedelta(seconds=number)) for number in range(count)]
    book = Journal(hands.settings.journal_folder, pipeline.CLICKS)
    for one in clicks:
        book.append(encode(one))
    if close:
        book.close()
    return clicks, book


def segments(hands: Wiring) -> list[Path]:
    return journal.segments(hands.settings.journal_folder, pipeline.CLICKS)


def grown_old(shipper: Shipper) -> None:
    """The grace time has passed for every segment that was found wholly in the ledger."""
    shipper.turn()
    for state in shipper.segments.values():
        if state.done_at is not None:
            state.done_at -= 3600


def work(hands: Wiring) -> None:
    """What a click worker would do."""
    worker = ClickWorker(hands.redis, hands.sessions, Clock(), keep_ip=True, stop=threading.Event())
    while (batch := worker.next_batch()).entries:
        worker.finish(batch)


def recorded(hands: Wiring) -> set[str]:
    with hands.sessions() as session:
        return set(session.execute(select(Click.id)).scalars())


def in_stream(redis: Redis) -> int:
    return stream.backlog(redis).length


def test_what_the_journal_holds_reaches_the_ledger_and_then_leaves_the_disk(shipper: Shipper, hands: Wiring) -> None:
    clicks, _ = written(hands)
    shipper.turn()
    work(hands)
    assert recorded(hands) == {one.id for one in clicks}
    grown_old(shipper)
    shipper.turn()
    assert segments(hands) == []


def test_a_segment_stays_while_the_ledger_lacks_one_of_its_clicks(shipper: Shipper, hands: Wiring) -> None:
    written(hands)
    shipper.turn()
    grown_old(shipper)
    shipper.turn()
    assert len(segments(hands)) == 1


def test_a_segment_stays_for_the_grace_time(shipper: Shipper, hands: Wiring) -> None:
    written(hands)
    shipper.turn()
    work(hands)
    shipper.turn()
    assert len(segments(hands)) == 1


def test_the_grace_time_begins_when_the_ledger_was_found_to_have_all(shipper: Shipper, hands: Wiring) -> None:
    written(hands)
    (path,) = segments(hands)
    os.utime(path, (0, 0))
    shipper.turn()
    work(hands)
    shipper.turn()
    shipper.turn()
    assert segments(hands) == [path]


def test_a_segment_stays_while_its_writer_lives(shipper: Shipper, hands: Wiring) -> None:
    clicks, book = written(hands, close=False)
    shipper.turn()
    work(hands)
    grown_old(shipper)
    shipper.turn()
    assert len(segments(hands)) == 1
    late = click(at=NOW)
    book.append(encode(late))
    book.close()
    shipper.turn()
    work(hands)
    assert recorded(hands) == {one.id for one in (*clicks, late)}


def test_a_wiped_redis_gets_everything_again_that_the_ledger_lacks(shipper: Shipper, hands: Wiring) -> None:
    first, book = written(hands, close=False)
    shipper.turn()
    work(hands)
    shipper.turn()
    second = [click(at=NOW) for _ in range(2)]
    for one in second:
        book.append(encode(one))
    book.close()
    shipper.turn()
    hands.redis.flushall()
    shipper.turn()
    shipper.turn()
    assert sum(len(entry.payloads) for entry in stream.read(hands.redis, "looker", 10, 0)) == len(second)
    hands.redis.flushall()
    shipper.turn()
    shipper.turn()
    work(hands)
    assert recorded(hands) == {one.id for one in (*first, *second)}


def test_a_stream_that_lost_its_group_is_filled_again(shipper: Shipper, hands: Wiring) -> None:
    clicks, _ = written(hands)
    shipper.turn()
    hands.redis.delete(stream.STREAM)
    shipper.turn()
    shipper.turn()
    work(hands)
    assert recorded(hands) == {one.id for one in clicks}


def test_a_click_that_left_the_stream_without_a_commit_is_shipped_again(shipper: Shipper, hands: Wiring) -> None:
    clicks, _ = written(hands)
    shipper.turn()
    stream.done(hands.redis, stream.read(hands.redis, "careless", 10, 0))
    assert in_stream(hands.redis) == 0
    shipper.turn()
    time.sleep(0.01)
    shipper.turn()
    assert shipper.shipped_again == len(clicks)
    work(hands)
    assert recorded(hands) == {one.id for one in clicks}


def test_a_click_that_a_worker_still_holds_is_not_shipped_again(shipper: Shipper, hands: Wiring) -> None:
    written(hands)
    shipper.turn()
    stream.read(hands.redis, "slow", 10, 0)
    for _ in range(3):
        shipper.turn()
    assert shipper.shipped_again == 0


def test_a_restarted_shipper_ships_twice_and_nothing_is_doubled(shipper: Shipper, hands: Wiring) -> None:
    clicks, _ = written(hands)
    shipper.turn()
    Shipper(hands).turn()
    work(hands)
    assert recorded(hands) == {one.id for one in clicks}


def test_a_full_stream_is_not_filled_further(shipper: Shipper, hands: Wiring, settings: Settings) -> None:
    entries = fill(hands.redis, settings)
    written(hands)
    shipper.turn()
    assert shipper.paused
    assert in_stream(hands.redis) == entries


def test_a_full_stream_is_not_filled_by_shipping_again_either(
    shipper: Shipper, hands: Wiring, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "_LONG_ENOUGH", -1.0)
    written(hands)
    shipper.turn()
    fill(hands.redis, settings)
    for _ in range(3):
        shipper.turn()
    assert shipper.paused
    assert shipper.shipped_again == 0


def fill(redis: Redis, settings: Settings) -> int:
    """As many entries as the stream may hold, and one; how many that is."""
    entries = settings.stream_pause_length // stream.BATCH + 1
    pipe = redis.pipeline(transaction=False)
    for _ in range(entries):
        pipe.xadd(stream.STREAM, {"c": "x"})
    pipe.execute()
    return entries


def test_a_torn_last_line_does_not_hold_its_segment_for_ever(shipper: Shipper, hands: Wiring) -> None:
    clicks, _ = written(hands)
    (path,) = segments(hands)
    with path.open("ab") as file:
        file.write(b"0badc0de a line that a power cut to")
    shipper.turn()
    work(hands)
    grown_old(shipper)
    shipper.turn()
    assert recorded(hands) == {one.id for one in clicks}
    assert segments(hands) == []


def test_a_damaged_line_is_told_once_wherever_it_stands_and_holds_nothing_up(shipper: Shipper, hands: Wiring) -> None:
    clicks, _ = written(hands)
    (path,) = segments(hands)
    first, second, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"00000000" + first[8:] + second + third[:-9] + b"00000000\n")
    for _ in range(3):
        shipper.turn()
    assert shipper.damaged == 2
    work(hands)
    grown_old(shipper)
    letters = dead_letters(hands)
    assert set(letters) == {b"00000000" + first[8:-1], third[:-9] + b"00000000"}
    assert set(letters.values()) == {("clicks", "damaged line")}
    grown_old(shipper)
    shipper.turn()
    assert recorded(hands) == {clicks[1].id}
    assert segments(hands) == []


def test_a_segment_of_damaged_lines_alone_waits_until_they_are_kept(
    shipper: Shipper, hands: Wiring, settings: Settings
) -> None:
    fill(hands.redis, settings)
    written(hands, 1)
    (path,) = segments(hands)
    path.write_bytes(b"00000000" + path.read_bytes()[8:])
    for _ in range(2):
        grown_old(shipper)
        shipper.turn()
    assert segments(hands) == [path]
    hands.redis.flushall()
    for _ in range(2):
        grown_old(shipper)
        shipper.turn()
    assert segments(hands) == []
    assert len(dead_letters(hands)) == 1


def dead_letters(hands: Wiring) -> dict[bytes, tuple[str, str]]:
    """Source and reason by payload."""
    with hands.sessions() as session:
        return {
            letter.payload: (letter.source, letter.error) for letter in session.execute(select(DeadLetter)).scalars()
        }


def test_losses_are_told_to_the_ledger_once(shipper: Shipper, hands: Wiring) -> None:
    book = Journal(hands.settings.journal_folder, pipeline.CLICKS)
    book.append(encode(click(at=NOW)))
    book.lost()
    book.lost()
    shipper.turn()
    shipper.turn()
    book.close()
    shipper.turn()
    with hands.sessions() as session:
        assert session.execute(select(Counter.value).where(Counter.name.like("clicks_lost:%"))).scalars().all() == [2]


def test_losses_of_every_process_and_journal_are_told_however_long_the_host_s_name(
    shipper: Shipper, hands: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_writer", lambda: f"{'h' * 90}-0-1")
    books = [Journal(hands.settings.journal_folder, name) for name in ("clicks", "clicks", "deliveries")]
    for book in books:
        book.lost()
        book.close()
    shipper.turn()
    with hands.sessions() as session:
        counts = session.execute(select(Counter.name, Counter.value).order_by(Counter.name)).all()
    assert [(name.partition(":")[0], value) for name, value in counts] == [
        ("clicks_lost", 1),
        ("clicks_lost", 1),
        ("deliveries_lost", 1),
    ]


def test_without_a_ledger_clicks_go_on_to_redis(
    shipper: Shipper, hands: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(hands.__dict__, "sessions", _no_ledger)
    written(hands)
    shipper.turn()
    assert in_stream(hands.redis) == 1
    assert len(segments(hands)) == 1


def _no_ledger() -> None:
    raise OSError("the ledger is away")


def test_a_host_has_one_shipper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    with only_one(tmp_path), pytest.raises(Conflict, match="another shipper"), only_one(tmp_path):
        pass
