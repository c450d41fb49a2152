"""Health says what waits, what is lost and what is wrong, to machines without secrets and to people with reasons."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import update

from tests.conftest import NOW
from tests.desk import PASSWORD, Desk, opened_desk, settings_of
from tests.sample_books import Books, write_books
from tracker import stream
from tracker.domain.roles import Role
from tracker.journal import Journal
from tracker.ledger import accounts
from tracker.ledger.database import open_database, sessions, writing
from tracker.ledger.tables import AttributionDue, CommissionsDue, Counter, DeadLetter, InboxRow, OrderRow
from tracker.stream import Keeping
from tracker.web import health
from workers import heartbeat
from workers.shipper import Shipper


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened_desk(settings_of(sqlite_url, redis_url, tmp_path / "state")) as opened:
        yield opened


@pytest.fixture
def books(desk: Desk) -> Books:
    with writing(desk.wiring.sessions) as session:
        return write_books(session)


def test_a_live_process_says_so(desk: Desk) -> None:
    assert desk.get("/health/live").json == {"status": "ok"}


def test_ready_names_what_works_and_tells_nothing_else(desk: Desk) -> None:
    answer = desk.get("/health/ready")
    assert (answer.status_code, answer.json) == (
        200,
        {"status": "ok", "journal": True, "database": True, "redis": True},
    )


def test_without_redis_or_sql_we_are_degraded_and_still_take_everything(tmp_path: Path) -> None:
    settings = settings_of("postgresql://nobody@127.0.0.1:1/none", "unix:///nowhere/redis.sock", tmp_path)
    with opened_desk(settings, account=False) as desk:
        answer = desk.get("/health/ready")
        page = health.examine(desk.wiring)
    assert (answer.status_code, answer.json) == (
        200,
        {"status": "degraded", "journal": True, "database": False, "redis": False},
    )
    assert set(page.troubles()) >= {"redis_down", "ledger_down"}


def test_a_journal_that_cannot_be_written_is_not_ready(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_writable", lambda _folder: False)
    answer = desk.get("/health/ready")
    assert (answer.status_code, answer.json and answer.json["status"]) == (503, "unavailable")
    assert "journal_unwritable" in health.examine(desk.wiring).troubles()


@pytest.fixture
def workers_beat(redis_url: str) -> None:
    """Every kind of process has beaten a moment ago."""
    with Redis.from_url(redis_url) as redis:
        for kind in health.WORKERS:
            redis.set(f"heartbeat:{kind}:web-1:4711", datetime.now(UTC).isoformat())


@pytest.mark.usefixtures("workers_beat")
def test_all_is_well_with_an_idle_installation(desk: Desk) -> None:
    assert health.examine(desk.wiring).troubles() == []


@pytest.mark.usefixtures("workers_beat")
def test_a_kind_of_process_that_does_not_beat_is_a_trouble(desk: Desk) -> None:
    desk.wiring.redis.delete("heartbeat:attribution:web-1:4711")
    assert health.examine(desk.wiring).troubles() == ["workers_missing"]


def test_the_journal_s_segments_bytes_age_and_losses_are_told(desk: Desk) -> None:
    folder = desk.wiring.settings.journal_folder
    journal = Journal(folder, "clicks")
    journal.append(b"x" * 91)
    journal.lost(3)
    (found,) = health.examine(desk.wiring).journals
    journal.close()
    assert (found.name, found.segments, found.bytes, found.lost) == ("clicks", 1, 101, 3)
    assert found.oldest is not None
    assert datetime.now(UTC) - found.oldest < timedelta(minutes=1)


def test_the_stream_the_processes_and_the_policy_are_told(desk: Desk) -> None:
    stream.ship(desk.wiring.redis, [b"one", b"two"])
    with heartbeat(desk.wiring.redis, "clicks"):
        while not desk.wiring.redis.keys("heartbeat:*"):
            pass
        found = health.examine(desk.wiring).redis
    assert found is not None
    assert (found.stream.length, found.keeping) == (1, Keeping("noeviction", append_only=True))
    assert [process.kind for process in found.processes] == ["clicks"]


@pytest.mark.usefixtures("workers_beat")
def test_a_redis_that_evicts_or_forgets_is_a_trouble(desk: Desk, redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.config_set("maxmemory-policy", "allkeys-lru")
        redis.config_set("appendonly", "no")
        troubles = health.examine(desk.wiring).troubles()
        redis.config_set("maxmemory-policy", "noeviction")
        redis.config_set("appendonly", "yes")
    assert troubles == ["redis_evicts", "redis_forgets"]


@pytest.mark.usefixtures("workers_beat")
def test_what_waits_too_long_or_failed_is_shown_with_its_reason(desk: Desk, books: Books) -> None:
    old = datetime.now(UTC) - timedelta(hours=1)
    with writing(desk.wiring.sessions) as session:
        for state, error in (("pending", None), ("quarantined", "not an order: no currency")):
            session.add(delivery(books, state, error, old))
        session.add(AttributionDue(order_id=books["A1"], turn=1, cause="click", since=old))
        session.add(CommissionsDue(order_id=books["A1"], turn=1, cause="click", since=old))
        session.add(DeadLetter(id="d" * 32, source="clicks", payload=b"secret-payload", error="bad line", at=old))
        for number in (1, 2):  # two processes that are gone
            session.add(Counter(name=f"clicks_lost:web-1-0-{number}", host="web-1", value=number, updated_at=old))
    assert health.examine(desk.wiring).troubles() == [
        "clicks_lost",
        "inbox_waiting",
        "deliveries_held",
        "attribution_waiting",
        "commissions_waiting",
        "dead_letters",
    ]
    desk.sign_in()
    page = desk.get("/system").text
    for told in ("not an order: no currency", "bad line", "Clicks lost", "<dd>3</dd>", "1 hour"):
        assert told in page
    assert "secret-payload" not in page
    assert "secret-header" not in page


@pytest.mark.usefixtures("workers_beat")
def test_deliveries_of_a_brand_are_listed_for_its_own_people_only(desk: Desk, books: Books) -> None:
    with writing(desk.wiring.sessions) as session:
        other = write_books(session, "c" * 32, "Bazar Bleu")
        session.add(delivery(books, "quarantined", "not an order: no currency", NOW))
        for email, brand in (("own@example.com", books.brand), ("stranger@example.com", other.brand)):
            account = accounts.create_account(session, email, PASSWORD, NOW)
            accounts.join(session, account, brand, Role.VIEWER, NOW)
    for email, told in (("own@example.com", True), ("stranger@example.com", False)):
        browser = desk.another_browser()
        browser.sign_in(email, PASSWORD)
        assert ("not an order: no currency" in browser.get("/system").text) is told


@pytest.mark.usefixtures("workers_beat")
def test_a_long_crediting_anew_is_shown_and_is_no_trouble(desk: Desk, books: Books) -> None:
    with writing(desk.wiring.sessions) as session:
        since = datetime.now(UTC) - timedelta(hours=1)
        session.add(AttributionDue(order_id=books["A1"], turn=1, cause="rules", since=since, bulk=True))
    assert health.examine(desk.wiring).troubles() == []
    desk.sign_in()
    assert "Orders credited anew when nothing else waits</dt><dd>1</dd>" in desk.get("/system").text


@pytest.mark.usefixtures("workers_beat")
def test_deliveries_that_another_host_lost_are_a_trouble(desk: Desk) -> None:
    with writing(desk.wiring.sessions) as session:
        session.add(Counter(name="deliveries_lost:web-2", host="web-2", value=1, updated_at=datetime.now(UTC)))
        session.add(Counter(name="deliveries_refused", host="web-2", value=7, updated_at=datetime.now(UTC)))
    assert health.examine(desk.wiring).troubles() == ["clicks_lost"]


def test_what_the_shipper_told_is_shown(desk: Desk) -> None:
    desk.wiring.settings.state.mkdir()
    Shipper(desk.wiring, shipped_again=4711, paused=True)._tell_status()
    found = health.examine(desk.wiring).shipper
    assert found is not None
    assert (found.shipped_again, found.paused, found.waiting) == (4711, True, 0)
    desk.sign_in()
    assert "4,711" in desk.get("/system").text


@pytest.mark.usefixtures("books")
def test_the_system_page_tells_of_a_ledger_that_is_down_to_whoever_was_signed_in(desk: Desk) -> None:
    desk.sign_in()
    assert desk.get("/system").status_code == 200
    with ledger_down(desk):
        answer = desk.get("/system")
        assert answer.status_code == 200
        assert "The database does not answer." in answer.text
        assert desk.get("/orders").status_code == 503
        assert desk.another_browser().get("/system").status_code == 302
    assert desk.get("/orders").status_code == 200


@contextmanager
def ledger_down(desk: Desk) -> Iterator[None]:
    """The wiring's sessions lead nowhere."""
    nowhere = open_database("postgresql+psycopg://nobody@127.0.0.1:1/nowhere", wait=0.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(desk.wiring.__dict__, "sessions", sessions(nowhere))
        yield
    nowhere.dispose()


def test_orders_of_which_only_a_refund_came_are_counted(desk: Desk, books: Books) -> None:
    with writing(desk.wiring.sessions) as session:
        session.execute(
            update(OrderRow).where(OrderRow.id == books["A1"]).values(status=None, placed_at=None, placed_day=None)
        )
        since = session.get_one(OrderRow, books["A1"]).folded_at
    found = health.examine(desk.wiring).ledger
    assert found is not None
    assert (found.waiting_orders, found.oldest_waiting_order) == (1, since)
    desk.sign_in()
    assert "Orders of which only a refund came so far</dt><dd>1</dd>" in desk.get("/system").text


def delivery(books: Books, state: str, error: str | None, at: datetime) -> InboxRow:
    return InboxRow(
        id=books[f"delivery {state}"],
        shop_id=books["shop"],
        dedupe_key=state,
        topic="orders/paid",
        headers={"x": "secret-header"},
        body=b"secret-payload",
        body_digest="",
        state=state,
        error=error,
        attempts=1,
        received_at=at,
        due_at=at,
    )
