"""What is due: marked with the fact, drained once, and never settled for more than was seen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from rq import Queue
from sqlalchemy import Connection, event, select, update

import workers.attribution
from tests.conftest import Ledger
from tests.given import NOON, World, before
from tracker import pipeline, queue
from tracker.ledger import due
from tracker.ledger.database import open_database, sessions
from tracker.ledger.tables import AttributionDue, OrderRow
from tracker.settings import Settings
from tracker.wiring import Wiring


@pytest.fixture
def world(ledger: Ledger) -> World:
    return World(ledger)


@pytest.fixture
def hands(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wiring]:
    """The worker's own wiring, on the same ledger as the world's."""
    wiring = Wiring(settings)
    monkeypatch.setattr(workers.attribution, "wiring", lambda: wiring)
    yield wiring
    wiring.engine.dispose()
    wiring.redis.close()


def turn(world: World, order: str) -> int | None:
    with world.ledger.session() as session:
        found: int | None = session.execute(
            select(AttributionDue.turn).where(AttributionDue.order_id == order)
        ).scalar()
    return found


def test_marking_again_makes_a_new_turn_and_keeps_the_place_in_the_line(world: World) -> None:
    order = world.order()
    first = turn(world, order)
    with world.ledger.writing() as session:
        due.mark_due(session, [order, order], "again", NOON + timedelta(hours=1))
    assert first is not None
    assert turn(world, order) == first + 1
    with world.ledger.session() as session:
        assert due.oldest_due(session) == NOON
        assert due.count_due(session) == 1


def test_what_is_due_in_bulk_is_never_overdue_and_takes_no_cause_from_what_is_fresh(world: World) -> None:
    first, second, later = world.order(), world.order(), NOON + timedelta(hours=1)
    world.attribute()
    with world.ledger.writing() as session:
        due.mark_due_in_bulk(session, [first], "upgrade", NOON)
        assert (due.oldest_due(session), due.count_due(session, bulk=True)) == (None, 1)
        due.mark_due(session, [first, second], "click", later)
        due.mark_due_in_bulk(session, [second], "upgrade", later)
    found = [(row["cause"], row["bulk"], row["since"]) for row in world.all(AttributionDue)]
    assert found == [("click", False, later)] * 2


def test_a_turn_that_was_not_seen_stays_due(world: World) -> None:
    order = world.order()
    with world.ledger.writing() as session:
        (claim,) = due.claim_due(session, 10)
        due.mark_due(session, [order], "meanwhile", NOON)
        due.settle(session, [claim])
        assert due.count_due(session) == 1
        due.settle(session, due.claim_due(session, 10))
        assert due.count_due(session) == 0


def test_a_settled_turn_is_never_given_again(world: World) -> None:
    order = world.order()
    seen = turn(world, order)
    world.attribute()
    with world.ledger.writing() as session:
        due.mark_due(session, [order], "again", NOON)
    assert turn(world, order) != seen


def test_a_fact_that_is_rolled_back_marks_nothing(world: World) -> None:
    order = world.order()
    world.attribute()
    with world.ledger.writing() as session:
        due.mark_due(session, [order], "again", NOON)
        session.rollback()
    assert world.due() == 0


def test_marking_orders_that_are_not_there_marks_nothing(world: World) -> None:
    with world.ledger.writing() as session:
        due.mark_due(session, ["0" * 32], "order", NOON)
        due.mark_due(session, [], "order", NOON)
        due.mark_due_for_clicks(session, ["0" * 32], NOON)
        due.mark_due_for_clicks(session, [], NOON)
        due.mark_due_for_code(session, world.brand, "nobody", NOON)
        assert due.count_due(session) == 0
    assert not pipeline.attribute_order(world.ledger.session, "0" * 32, NOON)


def test_the_longest_due_comes_first(world: World) -> None:
    orders = [world.order() for _ in range(3)]
    with world.ledger.writing() as session:
        due.postpone(session, orders[0], NOON + timedelta(hours=2))
        due.postpone(session, orders[1], NOON + timedelta(hours=1))
    with world.ledger.writing() as session:
        assert due.longest_due(session, 10) == [orders[2], orders[1], orders[0]]
        assert [claim.order_id for claim in due.claim_due(session, 2)] == [orders[2], orders[1]]


def test_an_order_in_another_hand_is_left_to_it(postgresql_url: str) -> None:
    engine = open_database(postgresql_url)
    world = World(Ledger(postgresql_url, engine, sessions(engine)))
    held, free = world.order(), world.order()
    with world.ledger.session() as other:
        other.execute(select(OrderRow.id).where(OrderRow.id == held).with_for_update())
        with world.ledger.writing() as session:
            assert [claim.order_id for claim in due.claim_due(session, 10)] == [free]
        other.rollback()
    engine.dispose()


def test_many_drainers_credit_each_order_once(world: World) -> None:
    click = world.click(world.alice_link, days=1)
    orders = [world.order(clicks=[click]) for _ in range(60)]

    def drain(_: int) -> int:
        drained = 0
        while world.due():
            drained += pipeline.attribute_due(world.ledger.session, 5, NOON)
        return drained

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(drain, range(3))) == len(orders)
    assert all(world.credits(order) == {"Alice": "100.00"} for order in orders)


def test_a_click_and_its_order_that_cannot_see_each_other_still_find_each_other(world: World) -> None:
    """The click is written first and looks for its order; the order comes and is drained; then the click commits."""
    click = world.future_click()
    orders: list[str] = []

    def order_and_drain() -> None:
        orders.append(world.order(clicks=[click]))
        world.attribute()

    _while_in_flight(world, lambda: world.click(world.alice_link, click_id=click, days=1), order_and_drain)
    assert world.credits(orders[0]) == {"Alice": "100.00"}


def test_two_orders_of_a_customer_that_cannot_see_each_other_still_find_each_other(world: World) -> None:
    click = world.click(world.alice_link, days=9)
    orders: list[str] = []

    def order_and_drain() -> None:
        orders.append(world.order(clicks=[click], customer="c"))
        world.attribute()

    _while_in_flight(world, lambda: world.order(clicks=[click], customer="c", at=before(days=2)), order_and_drain)
    world.attribute()
    assert world.lost(orders[0]) == {click: "before_previous_order"}


def test_a_code_given_while_its_order_arrives_is_not_missed(world: World) -> None:
    orders: list[str] = []

    def order_and_drain() -> None:
        orders.append(world.order(codes=["LEA"]))
        world.attribute()

    _while_in_flight(world, lambda: world.code("LEA", world.alice), order_and_drain)
    assert world.credits(orders[0]) == {"Alice": "100.00"}


def _while_in_flight(world: World, fact: Callable[[], object], meanwhile: Callable[[], None]) -> None:
    """Run `meanwhile` between the last statement of the transaction of `fact` and its commit."""
    written, commit = threading.Event(), threading.Event()
    writer, reader = threading.Thread(target=fact), threading.Thread(target=meanwhile)

    def hold(_: Connection) -> None:
        if threading.current_thread() is writer:
            written.set()
            commit.wait(10)

    event.listen(world.ledger.engine, "commit", hold)
    writer.start()
    assert written.wait(10)
    reader.start()
    reader.join(1.0 if world.ledger.engine.dialect.name == "postgresql" else 0.1)  # SQLite keeps it waiting
    commit.set()
    writer.join(10)
    reader.join(10)
    assert not writer.is_alive()
    assert not reader.is_alive()


# --- the worker -------------------------------------------------------------------------------------------------------


def test_the_worker_drains_everything(world: World, hands: Wiring) -> None:
    orders = [world.order(clicks=[world.click(world.alice_link, days=1)]) for _ in range(3)]
    assert workers.attribution.attribute_due() == 3
    assert workers.attribution.attribute_due() == 0
    assert [world.credits(order) for order in orders] == [{"Alice": "100.00"}] * 3


def test_an_order_that_cannot_be_credited_holds_up_nobody_and_stays_due(world: World, hands: Wiring) -> None:
    bad = world.order()
    with world.ledger.writing() as session:
        session.execute(update(OrderRow).values(currency="???"))
    good = world.order(clicks=[world.click(world.alice_link, days=1)])
    assert workers.attribution.attribute_due() == 1
    assert world.credits(good) == {"Alice": "100.00"}
    assert turn(world, bad) is not None
    world.change(bad, currency="EUR")
    assert workers.attribution.attribute_due() == 1


def test_a_worker_at_the_end_of_its_shift_rings_for_the_next(
    world: World, hands: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers.attribution, "_SHIFT", 0.0)
    monkeypatch.setattr(workers.attribution, "_BATCH", 1)
    monkeypatch.setattr(workers.attribution, "_SQLITE_BATCH", 1)
    world.order()
    world.order()
    assert workers.attribution.attribute_due() == 1
    assert Queue(queue.ATTRIBUTION, connection=hands.redis).count == 1
    assert world.due() == 1
