"""Clicks in the ledger: each once, counted once, whoever records them and however often."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import psycopg
import pytest
from sqlalchemy import func, insert, select, text, update

from tests.conftest import NOW, Ledger
from tracker import pipeline
from tracker.agents import look
from tracker.clock import Clock
from tracker.domain.clicks import RawClick, encode
from tracker.domain.ids import derived_id
from tracker.errors import Unavailable
from tracker.ledger import clicks
from tracker.ledger.database import open_database, sessions
from tracker.ledger.tables import (
    Agent,
    AttributionDue,
    Brand,
    Click,
    DeadLetter,
    LinkDay,
    LinkHour,
    LinkVisitor,
    OrderClick,
    OrderRow,
    Shop,
)

CHROME = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/144.0.0.0 Mobile Safari/537.36"
)
GOOGLE = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
PARIS, TOKYO = derived_id("brand", "paris"), derived_id("brand", "tokyo")
LINK, OTHER = derived_id("link"), derived_id("other link")
ALICE, BOB = derived_id("alice"), derived_id("bob")
WALL = Clock().wall()
_numbers = count()


def click(**changed: Any) -> RawClick:
    values: dict[str, Any] = {
        "id": derived_id("click", str(next(_numbers))),
        "at": NOW,
        "brand_id": PARIS,
        "link_id": LINK,
        "host": "go.example.com",
        "slug": "summer",
        "user_agent": CHROME,
        "ip_prefix": "203.0.113.0",
        "visitor_hash": ALICE,
    }
    return RawClick(**{**values, **changed})


def record(ledger: Ledger, *raw: RawClick, keep_ip: bool = True) -> int:
    judged = pipeline.judge_clicks([encode(one) for one in raw], keep_ip=keep_ip)
    return pipeline.record_clicks(ledger.session, judged, WALL)


def add_brands(ledger: Ledger) -> None:
    with ledger.writing() as session:
        for id_, zone in ((PARIS, "Europe/Paris"), (TOKYO, "Asia/Tokyo")):
            values = {"id": id_, "name": zone, "time_zone": zone, "currency": "EUR", "landing_domains": []}
            session.execute(insert(Brand).values(**values, net_formula="goods_less_refunds_v1", created_at=NOW))


@pytest.fixture
def books(ledger: Ledger) -> Ledger:
    """A ledger with a brand in Paris and one in Tokyo."""
    add_brands(ledger)
    return ledger


def hours(ledger: Ledger) -> dict[tuple[str, datetime], tuple[int, int]]:
    with ledger.session() as session:
        return {(row.link_id, row.hour): (row.gross, row.human) for row in session.execute(select(LinkHour)).scalars()}


def uniques(ledger: Ledger) -> dict[tuple[str, date], int]:
    with ledger.session() as session:
        return {(row.link_id, row.day): row.uniques for row in session.execute(select(LinkDay)).scalars()}


def test_a_click_is_recorded_as_it_happened_with_its_verdict_and_agent(books: Ledger) -> None:
    raw = click(
        referrer_host="www.instagram.com", consent="given", gpc=True, visitor_id=BOB, sub_ids={"s1": "bio \\ \"é\"\t"}
    )  # fmt: skip

    assert record(books, raw) == 1

    with books.session() as session:
        kept = session.execute(select(Click)).scalar_one()
        agent = session.execute(select(Agent)).scalar_one()
    assert (kept.id, kept.brand_id, kept.link_id, kept.at) == (raw.id, PARIS, LINK, NOW)
    assert (kept.host, kept.slug, kept.ip_prefix) == ("go.example.com", "summer", "203.0.113.0")
    assert (kept.verdict, kept.reason, kept.rules) == ("human", "browser", 1)
    assert (kept.referrer_host, kept.consent, kept.gpc, kept.dnt) == ("www.instagram.com", "given", True, False)
    assert (kept.visitor_hash, kept.visitor_id) == (ALICE, BOB)
    assert kept.sub_ids == {"s1": 'bio \\ "é"\t'}
    assert (kept.agent_id, agent.id, agent.text) == (agent.id, look(CHROME).id, CHROME)
    assert (agent.browser, agent.system, agent.device) == ("Chrome Mobile", "Android", "phone")
    assert agent.first_seen_at == NOW


def test_a_click_that_comes_again_changes_nothing(books: Ledger) -> None:
    first, second = click(), click(visitor_hash=BOB)
    record(books, first)

    assert record(books, first, second, first) == 1
    assert record(books, second, first) == 0

    with books.session() as session:
        assert session.execute(select(func.count()).select_from(Click)).scalar_one() == 2
    assert hours(books) == {(LINK, NOW.replace(minute=0)): (2, 2)}
    assert uniques(books) == {(LINK, NOW.date()): 2}


def test_bots_and_previews_count_as_gross_alone(books: Ledger) -> None:
    record(
        books,
        click(),
        click(user_agent=GOOGLE),
        click(user_agent="WhatsApp/2.25.30.76 A"),
        click(fetch_dest="iframe", fetch_mode="navigate"),
        click(user_agent=""),
    )

    assert hours(books) == {(LINK, NOW.replace(minute=0)): (5, 1)}
    assert uniques(books) == {(LINK, NOW.date()): 1}
    with books.session() as session:
        reasons = sorted(session.execute(select(Click.reason)).scalars())
        nameless = session.execute(select(Click.agent_id).where(Click.reason == "no_agent")).scalar_one()
    assert reasons == ["browser", "declared_bot", "hidden_load", "link_preview", "no_agent"]
    assert nameless is None


def test_a_visitor_is_unique_once_a_link_and_a_day_of_the_brand(books: Ledger) -> None:
    evening = datetime(2026, 3, 2, 22, 59, 59, tzinfo=UTC)  # the last second of the day in Paris, the next day in Tokyo
    record(books, click(at=evening), click(at=evening - timedelta(hours=5)), click(at=evening, link_id=OTHER))
    record(books, click(at=evening), click(at=evening + timedelta(seconds=1)), click(at=evening, visitor_hash=None))
    record(books, click(at=evening, brand_id=TOKYO, link_id=OTHER, visitor_hash=BOB))

    assert uniques(books) == {
        (LINK, date(2026, 3, 2)): 1,
        (LINK, date(2026, 3, 3)): 1,
        (OTHER, date(2026, 3, 2)): 1,
        (OTHER, date(2026, 3, 3)): 1,
    }


def test_an_orphan_click_is_kept_and_counts_for_no_link(books: Ledger) -> None:
    record(books, click(link_id=None), click(link_id=None, brand_id=None, host="who.example"))

    assert not hours(books)
    assert not uniques(books)
    with books.session() as session:
        assert session.execute(select(func.count()).where(Click.link_id.is_(None))).scalar_one() == 2


def test_a_click_from_a_clock_ahead_of_ours_is_recorded_as_it_says(books: Ledger) -> None:
    ahead = NOW + timedelta(days=400)
    record(books, click(at=ahead))

    assert hours(books) == {(LINK, ahead.replace(minute=0)): (1, 1)}


def test_where_addresses_are_not_stored_none_is(books: Ledger) -> None:
    record(books, click(), keep_ip=False)

    with books.session() as session:
        assert session.execute(select(Click.ip_prefix)).scalar_one() is None


def test_a_line_that_is_no_click_is_kept_whole_beside_the_clicks_of_its_batch(books: Ledger) -> None:
    good, bad = click(), click()
    torn = encode(bad)[:-9]
    judged = pipeline.judge_clicks([encode(good), torn, b"\xff\x00"], keep_ip=True)
    pipeline.record_clicks(books.session, judged, WALL)
    pipeline.record_clicks(books.session, judged, WALL)

    with books.session() as session:
        letters = {letter.id: letter for letter in session.execute(select(DeadLetter)).scalars()}
        assert clicks.missing_clicks(session, [good.id, bad.id]) == []
    assert len(letters) == 2
    assert letters[bad.id].payload == torn
    assert {letter.source for letter in letters.values()} == {"clicks"}


def test_missing_are_the_ids_that_nothing_is_known_of_in_their_order(books: Ledger) -> None:
    raw = [click() for _ in range(30)]
    record(books, *raw[10:20])
    ids = [one.id for one in raw]

    with books.session() as session:
        assert clicks.missing_clicks(session, ids) == ids[:10] + ids[20:]
        assert clicks.missing_clicks(session, iter(ids[10:20])) == []
        assert clicks.missing_clicks(session, []) == []


def test_a_failure_before_the_commit_leaves_no_trace(books: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    class PowerCut(Exception):
        pass

    def cut(*_: object) -> None:
        raise PowerCut

    raw = click()
    with monkeypatch.context() as patched:
        patched.setattr("tracker.failpoints.reached", cut)
        with pytest.raises(PowerCut):
            record(books, raw)
    assert not hours(books)
    assert not uniques(books)

    assert record(books, raw) == 1
    assert hours(books) == {(LINK, NOW.replace(minute=0)): (1, 1)}


def test_a_late_click_marks_the_order_that_carries_it(books: Ledger) -> None:
    carried, stray = click(), click()
    order_id = derived_id("order")
    add_order(books, order_id, carried.id)

    record(books, stray)
    assert due_orders(books) == []
    record(books, carried, stray)
    assert due_orders(books) == [order_id]
    with books.writing() as session:
        session.execute(AttributionDue.__table__.delete())  # type: ignore[attr-defined]
    record(books, carried)
    assert due_orders(books) == []


def test_two_workers_with_the_same_clicks_count_them_once(books: Ledger) -> None:
    raw = [click(visitor_hash=derived_id("visitor", str(number % 7))) for number in range(400)]
    shares = [raw[:300], list(reversed(raw[100:])), raw[50:350]]
    start = threading.Barrier(len(shares))
    fresh: list[int] = []

    def work(share: list[RawClick]) -> None:
        start.wait()
        fresh.extend(record(books, *share[first : first + 50]) for first in range(0, len(share), 50))

    threads = [threading.Thread(target=work, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(fresh) == 400
    assert hours(books) == {(LINK, NOW.replace(minute=0)): (400, 400)}
    assert uniques(books) == {(LINK, NOW.date()): 7}


def test_the_roll_ups_equal_a_count_of_the_clicks(books: Ledger) -> None:
    raw = [
        click(
            at=NOW + timedelta(minutes=41 * number),
            link_id=(LINK, OTHER, None)[number % 3],
            brand_id=(PARIS, TOKYO)[number % 3 % 2],
            user_agent=(CHROME, CHROME, GOOGLE)[number % 7 % 3],
            visitor_hash=derived_id(str(number % 5)) if number % 4 else None,
        )
        for number in range(300)
    ]
    for first in range(0, 300, 35):
        record(books, *raw[max(0, first - 20) : first + 35])

    expected: dict[tuple[str, datetime], tuple[int, int]] = {}
    for one in raw:
        if one.link_id:
            key = (one.link_id, one.at.replace(minute=0))
            gross, human = expected.get(key, (0, 0))
            expected[key] = (gross + 1, human + (one.user_agent == CHROME))
    assert hours(books) == expected
    with books.session() as session:
        seen = select(LinkVisitor.link_id, LinkVisitor.day, func.count()).group_by(LinkVisitor.link_id, LinkVisitor.day)
        assert uniques(books) == {(link, day): number for link, day, number in session.execute(seen)}


def test_a_ledger_locked_by_somebody_else_is_unavailable_and_unharmed(books: Ledger) -> None:
    hasty = open_database(books.url, wait=0.2)
    raw = click()
    judged = pipeline.judge_clicks([encode(raw)], keep_ip=True)
    with books.writing() as session:
        session.execute(update(Click).values(slug="x"))
        if hasty.dialect.name == "postgresql":
            session.execute(text("LOCK TABLE clicks IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(Unavailable):
            pipeline.record_clicks(sessions(hasty), judged, WALL)
    assert pipeline.record_clicks(sessions(hasty), judged, WALL) == 1
    hasty.dispose()


def test_a_database_that_hangs_up_is_unavailable_and_taken_up_again(postgresql_url: str) -> None:
    engine = open_database(postgresql_url)
    ledger = Ledger(postgresql_url, engine, sessions(engine))

    def record_while_it_hangs_up(other: psycopg.Connection[Any]) -> None:
        judged = pipeline.judge_clicks([encode(click())], keep_ip=True)
        with ledger.writing() as session:
            session.execute(select(Click))
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
            clicks.record(session, judged.rows, judged.agents)

    with psycopg.connect(postgresql_url.replace("+psycopg", ""), autocommit=True) as other, pytest.raises(Unavailable):
        record_while_it_hangs_up(other)
    assert record(ledger, click()) == 1
    engine.dispose()


def add_order(ledger: Ledger, order_id: str, click_id: str) -> None:
    values: dict[str, Any] = dict.fromkeys(("total", "goods", "refunded", "net"), 0)
    with ledger.writing() as session:
        session.add(Shop(id=order_id, brand_id=PARIS, name="s", platform="standard", token="t", created_at=NOW))
        session.flush()
        session.add(
            OrderRow(
                id=order_id, brand_id=PARIS, shop_id=order_id, external_id="1", number="1", status="paid", test=False,
                net_formula="goods_less_refunds_v1", codes=[], click_ids=[click_id], flags=[], folded_at=NOW,
                placed_at=NOW, **values,
            )
        )  # fmt: skip
        session.flush()
        session.add(OrderClick(order_id=order_id, click_id=click_id))


def due_orders(ledger: Ledger) -> list[str]:
    with ledger.session() as session:
        return list(session.execute(select(AttributionDue.order_id)).scalars())
