"""A delivery is kept once and whole; what becomes of it can be seen, repeated and, in time, forgotten."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from tests import payloads
from tests.conftest import NOW, Ledger
from tests.intake import (
    add_brand,
    add_secret,
    add_shop,
    context,
    ingest,
    receive,
    receive_delivery,
    rows,
    states,
    the_order,
)
from tracker import pipeline, spool
from tracker.domain.deliveries import Delivery
from tracker.domain.ids import new_id
from tracker.errors import Unavailable
from tracker.journal import Journal, segments
from tracker.ledger import clicks, inbox
from tracker.ledger.database import open_database, sessions
from tracker.ledger.tables import DeadLetter, InboxRow, OrderEventRow, OrderRow, ShopSecret
from tracker.pipeline import Ingested, Received


def test_a_duplicate_delivery_changes_nothing(ledger: Ledger) -> None:
    shop = add_shop(ledger)
    order = payloads.standard_order()
    assert receive(ledger, shop, order, delivery_id="d1") is Received.NEW
    before = rows(ledger, InboxRow)
    assert receive(ledger, shop, order, delivery_id="d1") is Received.DUPLICATE
    assert rows(ledger, InboxRow) == before
    ingest(ledger)
    assert receive(ledger, shop, order, delivery_id="d1") is Received.DUPLICATE
    assert ingest(ledger) == []


def test_twenty_copies_at_once_are_one_delivery(ledger: Ledger) -> None:
    shop = add_shop(ledger)
    delivery = payloads.delivery("standard", payloads.standard_order())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: receive_delivery(ledger, shop, delivery), range(20)))
    assert sorted(answers) == [Received.DUPLICATE] * 19 + [Received.NEW]
    assert states(ledger) == ["pending"]


def test_the_same_id_with_another_body_is_kept_as_an_anomaly_beside_the_first(ledger: Ledger) -> None:
    shop = add_shop(ledger)
    receive(ledger, shop, payloads.standard_order(total="93.89"), delivery_id="d1")
    assert receive(ledger, shop, payloads.standard_order(total="1.00"), delivery_id="d1") is Received.ANOMALY
    assert receive(ledger, shop, payloads.standard_order(total="1.00"), delivery_id="d1") is Received.ANOMALY
    ingest(ledger)
    assert states(ledger) == ["done", "anomaly"]
    assert the_order(ledger)["total"] == 9389


def test_two_bodies_that_say_the_same_are_a_duplicate(ledger: Ledger) -> None:
    shop = add_shop(ledger, "stripe")
    event = payloads.stripe_event("checkout.session.completed", payloads.stripe_session())
    assert receive(ledger, shop, event) is Received.NEW
    assert receive(ledger, shop, event | {"pending_webhooks": 2}) is Received.DUPLICATE


def test_two_bodies_that_cannot_be_compared_for_an_error_of_ours_are_both_kept(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = add_shop(ledger)
    receive(ledger, shop, payloads.standard_order(total="93.89"), delivery_id="d1")
    monkeypatch.setattr("tracker.platforms.standard.parse", lambda *_: 1 / 0)
    assert receive(ledger, shop, payloads.standard_order(total="1.00"), delivery_id="d1") is Received.ANOMALY
    assert states(ledger) == ["pending", "anomaly"]


def test_the_same_id_from_two_shops_is_two_deliveries_and_two_orders(ledger: Ledger) -> None:
    brand = add_brand(ledger)
    for _ in range(2):
        receive(ledger, add_shop(ledger, brand_id=brand), payloads.standard_order(), delivery_id="d1")
    ingest(ledger)
    assert [row["external_id"] for row in rows(ledger, OrderRow)] == ["1042", "1042"]


def test_two_woocommerce_orders_of_one_second_share_a_delivery_id_and_are_both_kept(ledger: Ledger) -> None:
    shop = add_shop(ledger, "woocommerce")
    for order_id in (727, 728):
        assert receive(ledger, shop, payloads.woo_order(order_id=order_id), delivery_id="same") is Received.NEW
    ingest(ledger)
    assert {row["external_id"] for row in rows(ledger, OrderRow)} == {"727", "728"}


def test_an_order_that_woocommerce_trashes_restores_and_trashes_again_is_deleted(ledger: Ledger) -> None:
    shop = add_shop(ledger, "woocommerce")
    restored = payloads.woo_order(modified="2026-03-02T09:31:30")
    life = [
        ("order.updated", payloads.woo_order(), "1"),
        ("order.deleted", {"id": 727}, "2"),
        ("order.restored", restored, "3"),
        ("order.deleted", {"id": 727}, "4"),
    ]
    ends = []
    for after, (topic, told, name) in enumerate(life):
        at = payloads.RECEIVED + timedelta(minutes=after)
        assert receive(ledger, shop, told, topic=topic, delivery_id=name, received_at=at) is Received.NEW
        ingest(ledger)
        ends.append(the_order(ledger)["status"])
    assert ends == ["paid", "deleted", "paid", "deleted"]
    assert receive(ledger, shop, {"id": 727}, topic="order.deleted", delivery_id="4") is Received.DUPLICATE


def test_an_unreadable_body_is_quarantined_whole_and_does_not_stand_in_the_way_of_a_better_one(ledger: Ledger) -> None:
    shop = add_shop(ledger)
    for broken in (b"\xff\xfe", b'{"type":"order.paid"', b"null", b'{"a":NaN}', b"[" * 20000, b'{"a":1,"a":2}'):
        assert receive(ledger, shop, broken, delivery_id="d1") is Received.UNREADABLE
    assert receive(ledger, shop, payloads.standard_order(), delivery_id="d1") is Received.NEW
    kept = rows(ledger, InboxRow)
    assert [row["state"] for row in kept] == ["quarantined"] * 6 + ["pending"]
    assert kept[0]["body"] == b"\xff\xfe"
    assert all(row["error"] for row in kept[:6])


def test_only_what_is_pending_is_worked_on_and_once(ledger: Ledger) -> None:
    shop = add_shop(ledger)
    receive(ledger, shop, payloads.standard_order())
    (row,) = rows(ledger, InboxRow)
    ingest_one = partial(pipeline.ingest_delivery, ledger.session, row["id"], context, now=NOW, wall=NOW)
    assert [ingest_one(), ingest_one()] == [Ingested.CHANGED, Ingested.NOTHING]
    assert pipeline.ingest_delivery(ledger.session, new_id(), context, now=NOW, wall=NOW) is Ingested.NOTHING


def test_an_error_of_ours_puts_a_delivery_off_for_ever_longer_and_then_leaves_it_to_a_person(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = add_shop(ledger)
    receive(ledger, shop, payloads.standard_order())
    with monkeypatch.context() as patch:
        patch.setattr("tracker.platforms.standard.parse", lambda *_: 1 / 0)
        wall = NOW
        for _ in range(inbox.MOST_ATTEMPTS):
            assert ingest(ledger, wall=wall) == [Ingested.FAILED]
            assert ingest(ledger, wall=wall) == []
            wall = rows(ledger, InboxRow)[0]["due_at"]
    (row,) = rows(ledger, InboxRow)
    assert (row["state"], row["attempts"]) == ("failed", inbox.MOST_ATTEMPTS)
    assert row["error"].startswith("ZeroDivisionError at pipeline.py:")
    assert timedelta(hours=2) < wall - NOW < timedelta(hours=6)
    with ledger.writing() as session:
        assert inbox.retry(session, [row["id"]], wall) == 1
    assert ingest(ledger, wall=wall) == [Ingested.CHANGED]
    assert states(ledger) == ["done"]


def test_a_body_that_no_longer_reads_at_work_is_quarantined_with_the_reason(ledger: Ledger) -> None:
    shop = add_shop(ledger)
    receive(ledger, shop, payloads.standard_order())
    with ledger.writing() as session:
        session.query(InboxRow).update({"body": b"{}"})
    assert ingest(ledger) == [Ingested.QUARANTINED]
    (row,) = rows(ledger, InboxRow)
    assert row["state"] == "quarantined"
    assert "type" in row["error"]
    assert rows(ledger, OrderEventRow) == []


def test_bodies_go_in_time_whatever_became_of_them_but_not_while_they_are_worked_on(ledger: Ledger) -> None:
    shop = add_shop(ledger)
    states_there_are = [state.value for state in inbox.State]
    for state in states_there_are:
        receive(ledger, shop, payloads.standard_order(), delivery_id=state)
        with ledger.writing() as session:
            session.query(InboxRow).filter(InboxRow.dedupe_key == state).update({"state": state})
            inbox.bury(session, state.encode(), "no inbox can hold it", payloads.RECEIVED)
            clicks.bury(session, state.encode(), "no click", payloads.RECEIVED)
    with ledger.writing() as session:
        purged = inbox.purge_bodies(session, payloads.RECEIVED + timedelta(seconds=1))
    assert purged == len(states_there_are) - 1 + 1 + (len(states_there_are) - 1)
    assert [row["dedupe_key"] for row in rows(ledger, InboxRow) if row["body"] is not None] == ["pending"]
    assert {row["source"] for row in rows(ledger, DeadLetter) if row["payload"]} <= {clicks.SOURCE}


def test_bodies_of_finished_deliveries_go_in_time_and_a_replay_stays_a_duplicate(ledger: Ledger) -> None:
    shop = add_shop(ledger)
    order = payloads.standard_order()
    receive(ledger, shop, order, delivery_id="d1")
    ingest(ledger)
    receive(ledger, shop, b"broken", delivery_id="d2")
    with ledger.writing() as session:
        assert inbox.purge_bodies(session, payloads.RECEIVED) == 0
        assert inbox.purge_bodies(session, payloads.RECEIVED + timedelta(seconds=1)) == 2
        assert inbox.purge_bodies(session, payloads.RECEIVED + timedelta(seconds=1)) == 0
    done, quarantined = rows(ledger, InboxRow)
    assert (done["body"], done["headers"], quarantined["body"]) == (None, {}, None)
    assert receive(ledger, shop, order, delivery_id="d1") is Received.DUPLICATE
    with ledger.writing() as session:
        assert inbox.retry(session, [done["id"]], NOW) == 0


def test_the_list_shows_newest_first_a_page_at_a_time_and_no_body(ledger: Ledger) -> None:
    shop, other = add_shop(ledger), add_shop(ledger)
    for number in range(3):
        receive(ledger, shop, payloads.standard_order(id=str(number)), delivery_id=f"d{number}")
    receive(ledger, other, b"broken")
    with ledger.session() as session:
        first = inbox.list_inbox(session, brand_id=shop.brand_id, limit=2)
        rest = inbox.list_inbox(session, brand_id=shop.brand_id, limit=2, before=first[-1].id)
        broken = inbox.list_inbox(session, states=["quarantined"])
        counts = inbox.counts(session)
        oldest = inbox.oldest_pending(session)
    assert [entry.dedupe_key for entry in first + rest] == ["d2", "d1", "d0"]
    assert [(entry.shop_id, entry.size) for entry in broken] == [(other.id, 6)]
    assert not hasattr(first[0], "body")
    assert counts == {"pending": 3, "done": 0, "quarantined": 1, "failed": 0, "anomaly": 0}
    assert oldest == payloads.RECEIVED


def test_known_shops_come_with_the_secrets_in_force_the_oldest_first(ledger: Ledger) -> None:
    shop = add_shop(ledger)
    added = add_secret(ledger, shop, "whsec_second")
    with ledger.writing() as session:
        (known,) = inbox.known_shops(session)
        inbox.used_secret(session, added, NOW)
        session.query(ShopSecret).filter(ShopSecret.id != added).update({"removed_at": NOW})
    with ledger.session() as session:
        (later,) = inbox.known_shops(session)
    assert (len(known.secrets), known.secrets[1][0]) == (2, added)
    assert [secret_id for secret_id, _ in later.secrets] == [added]
    assert rows(ledger, ShopSecret)[1]["last_used_at"] == NOW


def test_journalled_deliveries_reach_the_inbox_once_and_their_segment_goes(ledger: Ledger, tmp_path: Path) -> None:
    shop = add_shop(ledger)
    journal = Journal(tmp_path, spool.DELIVERIES)
    for number in (1, 2, 2):
        delivery = payloads.delivery("standard", payloads.standard_order(id=str(number)), delivery_id=f"d{number}")
        journal.append_synced(spool.delivery_line(shop.id, shop.brand_id, "standard", delivery))
    drained: dict[Path, int] = {}
    drain = partial(spool.drain_deliveries, tmp_path, ledger.session, context, wall=NOW, drained=drained)
    assert drain() == 3
    assert drain() == 0
    assert len(segments(tmp_path, spool.DELIVERIES)) == 1
    journal.close()
    drained.clear()  # as a new process would
    assert drain() == 3
    assert segments(tmp_path, spool.DELIVERIES) == []
    assert drained == {}
    assert [row["received_at"] for row in rows(ledger, InboxRow)] == [payloads.RECEIVED] * 2
    assert ingest(ledger) == [Ingested.CHANGED] * 2


def test_a_journalled_line_that_no_inbox_can_hold_becomes_a_dead_letter_and_holds_up_nobody(
    ledger: Ledger, tmp_path: Path
) -> None:
    shop = add_shop(ledger)
    good = payloads.delivery("standard", payloads.standard_order())
    lines = [
        b"not a delivery",
        b'{"shop": "x"}',
        spool.delivery_line(new_id(), shop.brand_id, "standard", good),
        spool.delivery_line(shop.id, shop.brand_id, "no such platform", good),
        spool.delivery_line(shop.id, shop.brand_id, "standard", good),
    ]
    journal = Journal(tmp_path, spool.DELIVERIES)
    for line in lines:
        journal.append_synced(line)
    journal.close()
    assert spool.drain_deliveries(tmp_path, ledger.session, context, wall=NOW, drained={}) == 5
    assert {row["payload"] for row in rows(ledger, DeadLetter)} == set(lines[:4])
    assert states(ledger) == ["pending"]


def test_a_journalled_line_that_the_disk_damaged_is_kept_once_and_holds_up_nobody(
    sqlite_ledger: Ledger, tmp_path: Path
) -> None:
    shop = add_shop(sqlite_ledger)
    journal = Journal(tmp_path, spool.DELIVERIES)
    for number in (1, 2):
        delivery = payloads.delivery("standard", payloads.standard_order(id=str(number)), delivery_id=f"d{number}")
        journal.append_synced(spool.delivery_line(shop.id, shop.brand_id, "standard", delivery))
    (segment,) = segments(tmp_path, spool.DELIVERIES)
    segment.write_bytes(segment.read_bytes().replace(b"standard", b"Standard", 1))
    drained: dict[Path, int] = {}
    drain = partial(spool.drain_deliveries, tmp_path, sqlite_ledger.session, context, wall=NOW)
    assert [drain(drained=drained), drain(drained=drained), drain(drained={})] == [1, 0, 1]
    journal.close()
    (letter,) = rows(sqlite_ledger, DeadLetter)
    assert b"Standard" in letter["payload"]
    assert states(sqlite_ledger) == ["pending"]


def test_a_journalled_line_at_which_we_fail_becomes_a_dead_letter_and_holds_up_nobody(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = add_shop(ledger)
    monkeypatch.setattr("tracker.platforms.standard.topic", lambda delivery: delivery.headers["x-topic"])
    good = payloads.delivery("standard", payloads.standard_order(), headers={"x-topic": "orders"})
    bad = payloads.delivery("standard", payloads.standard_order())
    lines = [spool.delivery_line(shop.id, shop.brand_id, "standard", delivery) for delivery in (bad, good)]
    lines.insert(1, lines[0].replace(b'"headers":{', b'"headers":[{').replace(b'},"body"', b'}],"body"'))
    journal = Journal(tmp_path, spool.DELIVERIES)
    for line in lines:
        journal.append_synced(line)
    drain = partial(spool.drain_deliveries, tmp_path, ledger.session, context, wall=NOW)
    assert drain(drained={}) == 3
    journal.close()
    assert drain(drained={}) == 3
    assert len(rows(ledger, DeadLetter)) == 2
    assert {row["payload"] for row in rows(ledger, DeadLetter)} == set(lines[:2])
    assert any("KeyError at " in row["error"] for row in rows(ledger, DeadLetter))
    assert states(ledger) == ["pending"]


def test_a_journal_is_kept_while_the_ledger_does_not_answer(tmp_path: Path) -> None:
    journal = Journal(tmp_path, spool.DELIVERIES)
    delivery = Delivery({}, payloads.body(payloads.standard_order()), NOW)
    journal.append_synced(spool.delivery_line(new_id(), new_id(), "standard", delivery))
    journal.close()
    engine = open_database("postgresql+psycopg://nobody@127.0.0.1:1/nowhere", wait=0.5)
    with pytest.raises(Unavailable):
        spool.drain_deliveries(tmp_path, sessions(engine), context, wall=NOW, drained={})
    engine.dispose()
    assert len(segments(tmp_path, spool.DELIVERIES)) == 1
