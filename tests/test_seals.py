"""The chain of receipts: sealed once and in order, and whatever is changed afterwards is found and named."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update

import workers.sealing
from tests.conftest import Ledger
from tests.given import NOON, World
from tracker import cli
from tracker.domain.chain import canonical, digest
from tracker.domain.orders import NET_FORMULA
from tracker.ledger import due, orders, seals
from tracker.ledger.tables import Credit, CreditSet, OrderRow, Receipt, Seal, Touch
from tracker.settings import Settings
from tracker.wiring import Wiring


@pytest.fixture
def world(ledger: Ledger) -> World:
    """Six credited orders, of which one had a refund, all sealed."""
    return _sealed_world(ledger)


@pytest.fixture
def small(sqlite_ledger: Ledger) -> World:
    """The same where the database does not matter."""
    return _sealed_world(sqlite_ledger)


def _sealed_world(ledger: Ledger) -> World:
    world = World(ledger)
    for days in range(1, 7):
        clicks = [world.click(world.alice_link, days=days + 2), world.click(world.bob_link, days=days + 1)]
        last = world.order(net="10.01", clicks=clicks, days=days, customer="c")
    world.attribute()
    world.change(last, refunded=500, net=501, goods=1001, total=1001)
    world.attribute()
    seal(world)
    return world


def seal(world: World, limit: int = 1000) -> int:
    sealed = 0
    while True:
        with world.ledger.writing() as session:
            count = seals.seal(session, world.brand, limit, NOON)
        sealed += count
        if count < limit:
            return sealed


def audit(world: World, noted: str | None = None) -> seals.Audit:
    with world.ledger.session() as session:
        return seals.audit(session, world.brand, noted=noted)


def fault(world: World, noted: str | None = None) -> tuple[int, str]:
    found = audit(world, noted).fault
    assert found is not None
    return found.number, found.what


def change(world: World, *statements: Any) -> None:
    with world.ledger.writing() as session:
        for statement in statements:
            session.execute(statement, execution_options={"synchronize_session": False})


def link(world: World, number: int) -> dict[str, Any]:
    return next(row for row in world.all(Seal) if row["number"] == number)


def receipt_of(world: World, number: int) -> Any:
    row = link(world, number)
    return (Receipt.order_id == row["order_id"], Receipt.version == row["version"])


# --- sealing ----------------------------------------------------------------------------------------------------------


def test_every_version_is_sealed_once_and_the_whole_adds_up(world: World) -> None:
    assert len(world.all(Seal)) == len(world.all(Receipt)) == 7
    assert seal(world) == 0
    found = audit(world)
    assert (found.sealed, found.unsealed, found.fault) == (7, 0, None)


def test_what_is_not_sealed_yet_is_counted_and_no_fault(world: World) -> None:
    order = world.order(clicks=[world.click(world.alice_link, days=1)])
    world.attribute()
    assert (audit(world).unsealed, audit(world).fault) == (1, None)
    assert seal(world) == 1
    assert link(world, 8)["order_id"] == order


def test_the_size_of_the_batch_changes_no_hash(small: World) -> None:
    at_once = [row["hash"] for row in small.all(Seal)]
    change(small, delete(Seal))
    assert seal(small, limit=2) == 7
    assert [row["hash"] for row in small.all(Seal)] == at_once


def test_two_sealers_at_once_make_one_chain(world: World) -> None:
    change(world, delete(Seal))
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: seal(world, limit=2), range(4))) == 7
    assert audit(world).fault is None


def test_each_brand_has_a_chain_of_its_own(small: World) -> None:
    rival = World(small.ledger, "Rival")
    rival.order(clicks=[rival.click(rival.alice_link, days=1)])
    rival.attribute()
    assert seal(rival) == 1
    assert (audit(rival).head.number, audit(small).head.number) == (1, 7)


def test_a_receipt_that_became_visible_very_late_is_sealed_when_all_are_looked_at(small: World) -> None:
    order = small.order(days=9)
    small.attribute()
    change(small, update(Receipt).where(Receipt.order_id == order).values(drawn_at=NOON.replace(year=2025)))
    assert seal(small) == 0
    with small.ledger.writing() as session:
        assert seals.seal(session, small.brand, 10, NOON, all_of_them=True) == 1


# --- tampering --------------------------------------------------------------------------------------------------------


def test_a_changed_body_is_named(world: World) -> None:
    body = world.all(Receipt)[0]["body"]
    order = link(world, 3)["order_id"]
    change(world, update(Receipt).where(*receipt_of(world, 3)).values(body={**body, "outcome": "credited "}))
    found = audit(world).fault
    assert found is not None
    assert (found.number, found.order_id) == (3, order)
    assert "body" in found.what


def test_a_changed_body_with_a_digest_to_match_is_named(small: World) -> None:
    body = {**small.all(Receipt)[0]["body"], "outcome": "unattributed"}
    forged = {"body": body, "digest": digest(canonical(body))}
    change(small, update(Receipt).where(*receipt_of(small, 3)).values(forged))
    assert fault(small) == (3, "version 1 is not the one that was sealed")
    row = link(small, 3)
    change(small, update(Seal).where(Seal.number == row["number"]).values(digest=forged["digest"]))
    number, what = fault(small)
    assert (number, "does not follow" in what) == (3, True)


@pytest.mark.parametrize("values", [{"cause": "rules"}, {"drawn_at": NOON.replace(year=2025)}])
def test_a_changed_cause_or_date_is_named(small: World, values: dict[str, Any]) -> None:
    change(small, update(Receipt).where(*receipt_of(small, 2)).values(values))
    assert fault(small)[0] == 2


def test_who_gained_or_lost_cannot_be_told_otherwise(small: World) -> None:
    (second,) = [row for row in small.all(Seal) if row["version"] == 2]
    forged = [{"partner": small.alice, "channel": "influence", "before": None, "after": "1.00"}]
    change(small, update(Receipt).where(*receipt_of(small, second["number"])).values(changes=forged))
    assert fault(small) == (second["number"], "version 2 does not say rightly who gained or lost by it")


def test_a_receipt_that_was_deleted_is_named(world: World) -> None:
    change(world, delete(Receipt).where(*receipt_of(world, 4)))
    assert fault(world) == (4, "version 1 of the receipt is gone")


def test_a_link_that_was_deleted_is_named(world: World) -> None:
    change(world, delete(Seal).where(Seal.number == 4))
    assert fault(world) == (4, "link 4 is missing")


def test_links_that_changed_places_are_named(small: World) -> None:
    change(
        small, *(update(Seal).where(Seal.number == old).values(number=new) for old, new in ((2, 99), (3, 2), (99, 3)))
    )
    assert fault(small)[0] == 2


def test_an_end_that_was_cut_off_is_told_by_the_head_that_was_noted(world: World) -> None:
    order = world.order(clicks=[world.click(world.alice_link, days=1)])
    world.attribute()
    seal(world)
    noted = audit(world).head.hash
    assert audit(world, noted).fault is None
    change(
        world, *(delete(table).where(table.order_id == order) for table in (Seal, Receipt, Credit, CreditSet, Touch))
    )
    assert audit(world).fault is None
    assert fault(world, noted) == (8, "the hash noted is not in the chain: links are missing from its end")


def test_a_noted_head_is_still_found_when_the_chain_has_grown(small: World) -> None:
    noted = audit(small).head.hash
    small.order()
    small.attribute()
    seal(small)
    assert audit(small, noted).fault is None


def test_a_credit_that_is_not_its_receipts_is_named(world: World) -> None:
    change(world, update(Credit).where(Credit.position == 1).values(partner_id=world.alice))
    number, what = fault(world)
    assert (number > 0, what) == (True, "the credits are not those of the current receipt")


def test_a_forger_who_seals_anew_is_still_caught_by_the_sum(small: World) -> None:
    drawn = next(row for row in small.all(Receipt) if len(row["body"]["journey"]) > 1)
    body, order = json.loads(json.dumps(drawn["body"])), drawn["order_id"]
    body["journey"][1]["credits"]["last_click"]["amount"] = "9.99"
    forged = {"body": body, "digest": digest(canonical(body))}
    change(small, delete(Seal), update(Receipt).where(Receipt.order_id == order, Receipt.version == 1).values(forged))
    seal(small)
    assert fault(small)[1] == "the amounts do not follow from the weights"


# --- erasure ----------------------------------------------------------------------------------------------------------


def forget(world: World, *customers: str) -> None:
    """As a shop asks for it: the customer's orders lose their customer, and nothing is marked due."""
    home = orders.Home(world.shop, world.brand, "Europe/Paris", NET_FORMULA)
    with world.ledger.writing() as session:
        orders.forget(session, home, external_ids=(), customers=customers, traces=(), now=NOON)


def rebuild(world: World, orders: Iterable[str]) -> None:
    with world.ledger.writing() as session:
        due.mark_due_in_bulk(session, orders, "upgrade", NOON)
    world.attribute()


def test_an_erasure_never_breaks_the_chain(world: World) -> None:
    forget(world, "c")
    assert {row["customer"] for row in world.all(OrderRow)} == {None}
    assert audit(world).fault is None
    rebuild(world, [row["id"] for row in world.all(OrderRow)])
    assert seal(world) == 0
    assert audit(world).fault is None


def test_what_the_customer_led_to_stays_credited_when_he_is_forgotten(world: World) -> None:
    """Found through his other orders' clicks, cut off at his previous order: later reckonings give the same."""
    world.rules(customers={"affiliate": "returning"})
    first = world.order(clicks=[world.click(world.alice_link, days=9, visitor="v")], days=8, customer="d")
    world.click(world.bob_link, days=5, visitor="v")
    joined, cut = world.order(customer="d", days=4), world.order(customer="d", days=3)
    own = world.order(customer="d", clicks=[world.click(world.bob_link, days=5, visitor="w")], days=2)
    for order in (joined, cut, own):
        world.change(order, customer_is_new=False)
    world.attribute()
    were = {order: world.credits(order) for order in (first, joined, cut, own)}
    assert were == {first: {"Alice": "100.00"}, joined: {"Bob": "100.00"}, cut: {}, own: {}}
    versions = len(world.all(Receipt))
    forget(world, "d")
    rebuild(world, were)
    assert {order: world.credits(order) for order in were} == were
    assert len(world.all(Receipt)) == versions
    world.change(joined, refunded=5000, net=5000)
    world.attribute()
    assert world.credits(joined) == {"Bob": "50.00"}


def test_a_click_that_comes_late_still_counts_for_a_forgotten_customer(small: World) -> None:
    late = small.future_click()
    order = small.order(clicks=[late], customer="d")
    small.attribute()
    forget(small, "d")
    small.click(small.alice_link, click_id=late, days=1)
    small.attribute()
    assert small.credits(order) == {"Alice": "100.00"}


# --- the worker and the command ---------------------------------------------------------------------------------------


@pytest.fixture
def hands(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wiring]:
    wiring = Wiring(settings)
    monkeypatch.setattr(workers.sealing, "wiring", lambda: wiring)
    yield wiring
    wiring.engine.dispose()
    wiring.redis.close()


def test_the_worker_seals_every_brand(hands: Wiring) -> None:
    ledger = Ledger(hands.settings.database_url, hands.engine, hands.sessions)
    worlds = [_sealed_world(ledger), _sealed_world_of(ledger, "Rival")]
    with ledger.writing() as session:
        session.execute(delete(Seal))
    assert workers.sealing.seal() == 14
    assert workers.sealing.seal() == 0
    assert [audit(world).fault for world in worlds] == [None, None]


def test_a_sealer_that_is_killed_before_its_commit_loses_nothing(
    hands: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = _sealed_world(Ledger(hands.settings.database_url, hands.engine, hands.sessions))
    change(world, delete(Seal))

    def die(name: str) -> None:
        assert name == "sealing.before_commit"
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("tracker.failpoints.reached", die)
        with pytest.raises(KeyboardInterrupt):
            workers.sealing.seal()
    assert (world.all(Seal), audit(world).unsealed) == ([], 7)
    assert workers.sealing.seal() == 7
    assert audit(world).fault is None


def _sealed_world_of(ledger: Ledger, name: str) -> World:
    world = World(ledger, name)
    for days in range(7):
        world.order(clicks=[world.click(world.alice_link, days=days + 2)], days=days)
    world.attribute()
    return world


def test_the_command_names_the_first_broken_one_and_exits_1(
    small: World, redis_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("TRACKER_STATE", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", small.ledger.url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("SECRET_KEY", "0" * 64)

    def verify(*options: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["tracker", "audit", "verify", *options])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        printed = capsys.readouterr()
        return int(stop.value.code or 0), printed.out + printed.err

    code, said = verify()
    assert (code, "7 receipts sealed" in said, audit(small).head.hash in said) == (0, True, True)
    assert verify("--head", "0" * 64)[0] == 1
    order = link(small, 5)["order_id"]
    change(small, update(Receipt).where(*receipt_of(small, 5)).values(body={}))
    code, said = verify("--brand", small.name)
    assert (code, f"broken at link 5 (order {order})" in said) == (1, True)
    assert json.loads(verify("--json")[1])[0]["fault"]["number"] == 5
