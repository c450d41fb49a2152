"""Deliveries become orders: in any sequence, in parallel, however often, and what they change becomes due."""

from __future__ import annotations

import itertools
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import update

import workers
import workers.housekeeping
import workers.orders
from tests import payloads
from tests.conftest import NOW, Ledger
from tests.intake import (
    add_brand,
    add_shop,
    all_text,
    context,
    due,
    ingest,
    receive,
    rows,
    settle_all,
    started,
    states,
    tell,
    the_order,
    wait_for,
)
from tracker import pipeline, queue, spool
from tracker.domain.ids import derived_id, new_id
from tracker.domain.orders import NET_FORMULA
from tracker.ledger import accounts, inbox, mails, orders
from tracker.ledger.database import writing
from tracker.ledger.mails import Letter
from tracker.ledger.tables import (
    AttributionDue,
    DeadLetter,
    InboxRow,
    Mail,
    OrderClick,
    OrderCode,
    OrderEventRow,
    OrderRow,
    PasswordReset,
    Redaction,
    SignIn,
)
from tracker.pipeline import Ingested
from tracker.settings import Settings
from tracker.wiring import Wiring

EMAIL = "camille.durand@example.com"
ALL = (InboxRow, OrderEventRow, OrderRow, OrderClick, OrderCode, AttributionDue, Redaction)


def order_at(moment: str, order_id: str, *, kind: str = "order.paid", **changes: Any) -> dict[str, Any]:
    """A canonical order of EMAIL placed (and told) at that moment of March 2026, as "02T09:30"."""
    told = f"2026-03-{moment}:00Z"
    changes = {"id": order_id, "placed_at": told, "updated_at": told, "customer": {"email": EMAIL}} | changes
    return payloads.standard_order(kind, **changes)


def newness(ledger: Ledger) -> dict[str, bool | None]:
    """Of each order whether its customer was new, by external id."""
    return {row["external_id"]: row["customer_is_new"] for row in rows(ledger, OrderRow)}


def test_a_paid_order_is_folded_with_its_clicks_and_codes_and_becomes_due(ledger: Ledger) -> None:
    shop = add_shop(ledger)
    order = payloads.standard_order(codes=["LEA15", " lea15", "Noël20"], click_ids=[payloads.CLICK], landing_url=None)
    assert tell(ledger, shop, order) == [Ingested.CHANGED]
    row = the_order(ledger)
    assert row["id"] == derived_id(shop.id, "1042") == orders.order_id(shop.id, "1042")
    assert (row["brand_id"], row["status"], row["currency"]) == (shop.brand_id, "paid", "EUR")
    assert (row["total"], row["goods"], row["refunded"], row["net"]) == (9389, 7137, 0, 7137)
    assert [(row["order_id"], row["click_id"]) for row in rows(ledger, OrderClick)] == [(row["id"], payloads.CLICK)]
    assert {(code["normal"], code["text"]) for code in rows(ledger, OrderCode)} == {
        ("lea15", "LEA15"),
        ("noël20", "Noël20"),
    }
    assert due(ledger) == {row["id"]}
    (delivery,) = rows(ledger, InboxRow)
    assert (delivery["state"], delivery["attempts"], delivery["error"]) == ("done", 1, None)
    assert {event["delivery_id"] for event in rows(ledger, OrderEventRow)} == {delivery["id"]}


def test_a_day_is_the_brands_own(ledger: Ledger) -> None:
    for zone in ("Europe/Paris", "America/New_York"):
        shop = add_shop(ledger, brand_id=add_brand(ledger, zone, zone))
        tell(ledger, shop, order_at("02T23:30", zone[:6]))
    days = {row["external_id"]: row["placed_day"] for row in rows(ledger, OrderRow)}
    assert days == {"Europe": date(2026, 3, 3), "Americ": date(2026, 3, 2)}


def test_nothing_personal_is_kept_but_the_raw_body(ledger: Ledger) -> None:
    for platform, payload in (
        ("standard", payloads.standard_order(customer={"email": EMAIL})),
        ("shopify", payloads.shopify_order()),
        ("woocommerce", payloads.woo_order()),
    ):
        tell(ledger, add_shop(ledger, platform), payload)
    with ledger.writing() as session:
        assert inbox.purge_bodies(session, payloads.RECEIVED.replace(year=2027)) == 3
    assert "camille" not in all_text(ledger, ALL).lower()


def test_a_delivery_that_says_nothing_new_makes_nothing_due(ledger: Ledger) -> None:
    shop = add_shop(ledger)
    tell(ledger, shop, payloads.standard_order())
    settle_all(ledger)
    before = rows(ledger, OrderRow)
    assert tell(ledger, shop, payloads.standard_order()) == [Ingested.UNCHANGED]
    assert (rows(ledger, OrderRow), due(ledger)) == (before, set())


def test_every_sequence_of_an_orders_life_ends_in_the_same_order(sqlite_ledger: Ledger) -> None:
    told = [
        payloads.standard_order("order.created", updated_at="2026-03-02T09:30:00Z", status="pending"),
        payloads.standard_order("order.paid", updated_at="2026-03-02T09:40:00Z", codes=["LEA15"]),
        payloads.standard_refund(),
        payloads.standard_order("order.updated", updated_at="2026-03-06T09:00:00Z", codes=["LEA15", "SHIP"]),
    ]
    ends = []
    for sequence in itertools.permutations(told):
        shop = add_shop(sqlite_ledger)
        tell(sqlite_ledger, shop, *sequence, sequence[0])
        with sqlite_ledger.session() as session:
            row = session.get_one(OrderRow, orders.order_id(shop.id, "1042"))
            ends.append((row.status, row.total, row.refunded, row.net, row.codes, row.placed_at))
    assert set(map(str, ends)) == {str(ends[0])}
    assert ends[0][:3] == ("paid", 9389, 3000)


def test_a_refund_that_comes_first_waits_visibly_and_is_no_order_of_nothing(ledger: Ledger) -> None:
    shop = add_shop(ledger)
    tell(ledger, shop, payloads.standard_refund())
    waiting = the_order(ledger)
    assert (waiting["status"], waiting["currency"], waiting["placed_at"], waiting["total"]) == (None, None, None, 0)
    assert due(ledger) == set()
    tell(ledger, shop, payloads.standard_order())
    order = the_order(ledger)
    assert (order["id"], order["status"], order["total"], order["refunded"]) == (waiting["id"], "paid", 9389, 3000)
    assert due(ledger) == {order["id"]}


def test_a_code_that_an_edit_takes_away_is_gone_and_one_that_it_brings_is_there(ledger: Ledger) -> None:
    shop = add_shop(ledger)
    tell(ledger, shop, payloads.standard_order(codes=["A", "B"], updated_at="2026-03-02T09:30:00Z"))
    tell(ledger, shop, payloads.standard_order(codes=["B", "C"], updated_at="2026-03-02T09:31:00Z"))
    assert [code["normal"] for code in rows(ledger, OrderCode)] == ["b", "c"]


def test_the_first_order_of_a_customer_is_new_and_the_later_ones_are_not(ledger: Ledger) -> None:
    shop = add_shop(ledger)
    tell(ledger, shop, order_at("03T10:00", "second"), order_at("04T10:00", "third"))
    assert newness(ledger) == {"second": True, "third": False}
    settle_all(ledger)
    tell(ledger, shop, order_at("02T10:00", "first"))
    assert newness(ledger) == {"first": True, "second": False, "third": False}
    assert due(ledger) == {orders.order_id(shop.id, name) for name in ("first", "second", "third")}


def test_a_cancelled_or_test_order_does_not_make_a_customer_known(ledger: Ledger) -> None:
    shop = add_shop(ledger)
    tell(ledger, shop, order_at("01T10:00", "test", test=True), order_at("02T10:00", "first"))
    tell(ledger, shop, order_at("03T10:00", "second"))
    assert newness(ledger) == {"test": True, "first": True, "second": False}
    cancelled = order_at("02T10:00", "first", kind="order.cancelled", status="cancelled")
    cancelled["data"]["updated_at"] = "2026-03-05T10:00:00Z"
    tell(ledger, shop, cancelled)
    assert newness(ledger) == {"test": True, "first": True, "second": True}


def test_an_order_that_changes_its_customer_leaves_one_family_and_joins_another(ledger: Ledger) -> None:
    shop = add_shop(ledger)
    tell(ledger, shop, order_at("02T10:00", "first"), order_at("03T10:00", "second"))
    tell(ledger, shop, order_at("03T11:00", "other", customer={"email": "b@example.com"}))
    settle_all(ledger)
    moved = order_at("02T10:00", "first", customer={"email": "b@example.com"}, updated_at="2026-03-05T10:00:00Z")
    tell(ledger, shop, moved)
    assert newness(ledger) == {"first": True, "second": True, "other": False}
    assert due(ledger) == {orders.order_id(shop.id, name) for name in ("first", "second", "other")}


def test_an_unknown_customer_is_neither_new_nor_known(ledger: Ledger) -> None:
    shop = add_shop(ledger)
    tell(ledger, shop, order_at("02T10:00", "1", customer=None), order_at("03T10:00", "2", customer={"email": ""}))
    assert newness(ledger) == {"1": None, "2": None}


def test_one_customer_is_known_across_the_shops_of_a_brand_and_not_across_brands(ledger: Ledger) -> None:
    brand = add_brand(ledger)
    tell(ledger, add_shop(ledger, brand_id=brand), order_at("02T10:00", "here"))
    tell(ledger, add_shop(ledger, brand_id=brand), order_at("03T10:00", "there"))
    tell(ledger, add_shop(ledger), order_at("04T10:00", "elsewhere"))
    assert newness(ledger) == {"here": True, "there": False, "elsewhere": True}


def in_parallel(hands: int, work: Callable[[int], object]) -> None:
    """Do `work` on so many threads that start together; raises what any of them raised."""
    start = threading.Barrier(hands)

    def begin(hand: int) -> object:
        start.wait()
        return work(hand)

    with ThreadPoolExecutor(hands) as pool:
        list(pool.map(begin, range(hands)))


def drain(ledger: Ledger) -> None:
    """Ingest everything pending as one of several workers does."""
    while True:
        with ledger.session() as session:
            ids = inbox.pending(session, NOW, 100)
        if not ids:
            return
        for row_id in ids:
            pipeline.ingest_delivery(ledger.session, row_id, context, now=NOW, wall=NOW)


def test_parallel_workers_fold_one_order_from_all_that_is_known_of_it(ledger: Ledger) -> None:
    shop = add_shop(ledger)
    receive(ledger, shop, payloads.standard_order())
    for number in range(24):
        receive(ledger, shop, payloads.standard_refund(id=f"r{number}", amount="1.00"))
    in_parallel(4, lambda _: drain(ledger))
    assert states(ledger) == ["done"] * 25
    assert the_order(ledger)["refunded"] == 2400


def test_parallel_workers_agree_on_which_order_of_a_customer_was_the_first(ledger: Ledger) -> None:
    shop = add_shop(ledger)
    for minute in (31, 7, 44, 12, 58, 3, 26, 19):
        receive(ledger, shop, order_at(f"02T10:{minute:02}", f"o{minute:02}"))
    in_parallel(4, lambda _: drain(ledger))
    assert newness(ledger) == {f"o{minute:02}": minute == 3 for minute in (31, 7, 44, 12, 58, 3, 26, 19)}


def test_an_order_is_the_same_when_it_is_folded_anew_from_its_events(ledger: Ledger) -> None:
    shop = add_shop(ledger)
    tell(ledger, shop, payloads.standard_refund(), payloads.standard_order(codes=["LEA15"], click_ids=[payloads.CLICK]))
    before = [rows(ledger, table) for table in (OrderRow, OrderClick, OrderCode)]
    home = orders.Home(shop.id, shop.brand_id, "Europe/Paris", NET_FORMULA)
    with ledger.writing() as session:
        assert orders.refold(session, home, "1042", now=NOW, wall=NOW) is False
        for table in (AttributionDue, OrderClick, OrderCode, OrderRow):
            session.query(table).delete()
        assert orders.refold(session, home, "1042", now=NOW, wall=NOW) is True
    assert [rows(ledger, table) for table in (OrderRow, OrderClick, OrderCode)] == before


# --- being forgotten --------------------------------------------------------------------------------------------------


def redact(*order_ids: int, email: str | None = EMAIL) -> dict[str, Any]:
    """Shopify's customers/redact."""
    return {
        "shop_id": 954889,
        "shop_domain": "maison.myshopify.com",
        "customer": {"id": 115310627314723954, "email": email, "phone": None},
        "orders_to_redact": list(order_ids),
    }


def test_a_forgotten_customer_is_gone_from_orders_events_and_bodies_and_the_amounts_stay(ledger: Ledger) -> None:
    shop = add_shop(ledger, "shopify")
    tell(ledger, shop, payloads.shopify_order(order_id=1001), payloads.shopify_order(order_id=1002))
    tell(ledger, shop, payloads.shopify_order(order_id=1003, email="b@example.com"))
    hashed = context(shop.brand_id).hash_customer(EMAIL)
    assert hashed in all_text(ledger, ALL)
    assert tell(ledger, shop, redact(1001)) == [Ingested.UNCHANGED]
    remaining = all_text(ledger, ALL)
    assert hashed not in remaining
    assert "camille" not in remaining.lower()
    kept = {row["external_id"]: row for row in rows(ledger, OrderRow)}
    assert [kept[name]["customer"] is None for name in ("1001", "1002", "1003")] == [True, True, False]
    assert [kept[name]["total"] for name in ("1001", "1002", "1003")] == [9389] * 3
    assert kept["1003"]["customer_is_new"] is True


def test_a_forgotten_customer_does_not_come_back_by_a_replay_a_late_update_or_a_fold(ledger: Ledger) -> None:
    shop = add_shop(ledger, "shopify")
    tell(ledger, shop, redact(1001, 1002), payloads.shopify_order(order_id=1001))
    late = payloads.shopify_order(order_id=1001, updated_at="2026-03-09T09:30:00Z")
    tell(ledger, shop, late, late, payloads.shopify_order(order_id=1002), redact(1001, 1002))
    home = orders.Home(shop.id, shop.brand_id, "Europe/Paris", NET_FORMULA)
    with ledger.writing() as session:
        orders.refold(session, home, "1001", now=NOW, wall=NOW)
    assert [row["customer"] for row in rows(ledger, OrderRow)] == [None, None]
    assert context(shop.brand_id).hash_customer(EMAIL) not in all_text(ledger, ALL)
    assert "camille" not in all_text(ledger, ALL).lower()


def test_an_event_that_a_later_one_has_overtaken_is_cleaned_too(ledger: Ledger) -> None:
    shop = add_shop(ledger, "shopify")
    tell(ledger, shop, payloads.shopify_order(order_id=1001))
    changed = payloads.shopify_order(order_id=1001, email="new@example.com", updated_at="2026-03-09T09:30:00Z")
    tell(ledger, shop, changed, redact())
    assert context(shop.brand_id).hash_customer(EMAIL) not in all_text(ledger, ALL)


def test_a_forgotten_shop_keeps_amounts_and_no_customer(ledger: Ledger) -> None:
    shop, other = add_shop(ledger, "shopify"), add_shop(ledger, "shopify")
    tell(ledger, shop, payloads.shopify_order(order_id=1001))
    tell(ledger, other, payloads.shopify_order(order_id=1002))
    request = {"shop_id": 954889, "shop_domain": "maison.myshopify.com"}
    tell(ledger, shop, request)
    tell(ledger, shop, request)
    kept = {row["external_id"]: row for row in rows(ledger, OrderRow)}
    assert [kept[name]["customer"] is None for name in ("1001", "1002")] == [True, False]
    assert {row["shop_id"] for row in rows(ledger, InboxRow) if row["body"] is not None} == {other.id}


@pytest.mark.parametrize("request_for", ["customer", "shop"])
def test_a_dead_letter_of_the_forgotten_is_emptied_and_nobody_elses(ledger: Ledger, request_for: str) -> None:
    shop, other = add_shop(ledger, "shopify"), add_shop(ledger, "shopify")
    with ledger.writing() as session:
        for where in (shop, other):
            delivery = payloads.delivery("shopify", payloads.shopify_order(order_id=1001))
            line = spool.delivery_line(where.id, where.brand_id, "shopify", delivery)
            inbox.bury(session, line, "the inbox refused it", NOW)
    tell(ledger, shop, redact(1001) if request_for == "customer" else {"shop_id": 1, "shop_domain": "x.myshopify.com"})
    (kept,) = [row["payload"] for row in rows(ledger, DeadLetter) if row["payload"]]
    assert other.id.encode() in kept


def test_a_request_for_ones_data_is_done_and_changes_nothing(ledger: Ledger) -> None:
    shop = add_shop(ledger, "shopify")
    tell(ledger, shop, payloads.shopify_order(order_id=1001))
    before = rows(ledger, OrderRow)
    asked = {"shop_id": 1, "shop_domain": "x", "orders_requested": [1001], "customer": {}, "data_request": {"id": 9}}
    receive(ledger, shop, asked, topic="customers/data_request")
    assert ingest(ledger) == [Ingested.UNCHANGED]
    assert rows(ledger, OrderRow) == before
    assert states(ledger) == ["done", "done"]


# --- the process ------------------------------------------------------------------------------------------------------


@pytest.fixture
def wiring(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wiring]:
    """The workers' wiring on a test installation."""
    built = Wiring(settings)
    monkeypatch.setattr(workers.orders, "wiring", lambda: built)
    monkeypatch.setattr(workers.housekeeping, "wiring", lambda: built)
    yield built
    built.engine.dispose()
    built.redis.close()


def test_one_ring_drains_everything_and_rings_for_the_credits(wiring: Wiring) -> None:
    ledger = Ledger(wiring.settings.database_url, wiring.engine, wiring.sessions)
    shop = add_shop(ledger)
    for number in range(120):
        receive(ledger, shop, payloads.standard_order(id=str(number)))
    receive(ledger, shop, b"broken")
    assert workers.orders.ingest_pending() == 120
    assert workers.orders.ingest_pending() == 0
    assert states(ledger) == ["done"] * 120 + ["quarantined"]
    assert wiring.redis.exists(queue.bell(queue.ATTRIBUTE)) == 1
    assert wiring.redis.llen("rq:queue:attribution") == 1


def test_bodies_of_last_month_are_purged_by_the_housekeeper(wiring: Wiring) -> None:
    ledger = Ledger(wiring.settings.database_url, wiring.engine, wiring.sessions)
    shop = add_shop(ledger)
    receive(ledger, shop, payloads.standard_order(id="old"))
    receive(ledger, shop, payloads.standard_order(id="new"), received_at=wiring.clock.now())
    ingest(ledger)
    assert workers.housekeeping.purge() == 1
    assert [row["body"] is None for row in rows(ledger, InboxRow)] == [True, False]


def test_letters_sessions_and_links_of_long_ago_are_forgotten(wiring: Wiring) -> None:
    wall = wiring.clock.wall()
    with writing(wiring.sessions) as session:
        account = accounts.create_account(session, "marie@example.com", "a long enough password", wall)
        for days in (1, 100):
            then = wall - timedelta(days=days)
            letter = Letter(f"reset:{days}", "password_reset", "marie@example.com", "en")
            mails.put(session, "0" * 64, letter, then, then)
            session.execute(update(Mail).values(state=mails.FAILED))
            session.add(SignIn(id=new_id(), account_id=account, device="", opened_at=then, seen_at=then))
            reset = {"digest": str(days), "created_at": then, "expires_at": then + timedelta(days=2)}
            session.add(PasswordReset(id=new_id(), account_id=account, **reset))
        mails.put(session, "0" * 64, Letter("waits", "message", "marie@example.com", "en"), then, then)
    workers.housekeeping.purge()
    ledger = Ledger(wiring.settings.database_url, wiring.engine, wiring.sessions)
    assert sorted(row["key"] for row in rows(ledger, Mail)) == ["reset:1", "waits"]
    assert [row["digest"] for row in rows(ledger, PasswordReset)] == ["1"]
    assert len(rows(ledger, SignIn)) == 1


@pytest.mark.e2e
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_process_drains_what_the_bell_tells_it_beats_and_stops_when_told(
    settings: Settings, redis_url: str
) -> None:
    wiring = Wiring(settings)
    ledger = Ledger(settings.database_url, wiring.engine, wiring.sessions)
    shop = add_shop(ledger)
    redis = Redis.from_url(redis_url)
    with started("workers.orders", settings) as process:
        wait_for(lambda: redis.keys(f"heartbeat:orders:{socket.gethostname()}:{process.pid}"))
        for number in range(3):
            receive(ledger, shop, payloads.standard_order(id=str(number)))
            queue.ring(redis, queue.ORDERS, queue.INGEST)
            wait_for(lambda: "pending" not in states(ledger))
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    assert len(rows(ledger, OrderRow)) == 3
    assert redis.keys("heartbeat:*") == []
    redis.close()
    wiring.redis.close()
    wiring.engine.dispose()
