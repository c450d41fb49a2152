"""A replay says what past orders would have come to, by the code that credits them, and writes nothing."""

from __future__ import annotations

import random
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tests.conftest import Ledger
from tests.given import NOON, World, before
from tracker import replay
from tracker.domain import differences
from tracker.domain.differences import Comparison
from tracker.domain.presets import PRESETS
from tracker.domain.rules import Rules
from tracker.ledger import due
from tracker.ledger.rules import Book, first_rules
from tracker.ledger.tables import Base, OrderRow

EVER = (date(2020, 1, 1), date(2030, 1, 1))


def replayed(world: World, rules: Rules | None = None, most: int | None = None, **wanted: Any) -> Comparison:
    """The brand's orders under these rules, or under those in force."""
    with world.ledger.session() as session:
        live = Book(session, [world.brand]).at(world.brand, NOON)
    comparison = Comparison(**wanted)
    return replay.replay(world.ledger.session, replay.Range(world.brand, *EVER, most), rules or live, comparison)


def with_settings(**settings: object) -> Rules:
    return Rules.from_json(0, {**first_rules().to_json(), **settings})


@dataclass(frozen=True)
class OneTransaction:
    """A ledger all of whose writing is one transaction: a hundred flushes to disk cost seconds."""

    open: Session

    def writing(self) -> AbstractContextManager[Session]:
        return nullcontext(self.open)


def busy_month(ledger: Ledger, orders: int = 40) -> World:
    """Influencers and affiliates, clicks, codes, returning customers, two currencies: drawn, and always the same."""
    with ledger.writing() as session:
        world = World(cast(Ledger, OneTransaction(session)))
        _fill(world, random.Random(7), orders)
    world.ledger = ledger
    return world


def _fill(world: World, dice: random.Random, orders: int) -> None:
    partners = [world.alice, world.bob, world.partner("Carol"), world.partner("Dan", channel="affiliate")]
    links = [world.alice_link, world.bob_link, *(world.link(partner) for partner in partners[2:])]
    for partner in partners:
        world.code(world.names[partner].upper(), partner)
    for number in range(orders):
        days = dice.uniform(0, 40)
        customer = f"{dice.randrange(40):064d}"
        clicks = [
            world.click(dice.choice(links), days=days + dice.expovariate(1 / 10), visitor=f"v{number % 30}")
            for _ in range(dice.randrange(4))
        ]
        codes = [world.names[partner] for partner in dice.sample(partners, dice.choice([0, 0, 1, 2]))]
        world.order(
            net=f"{dice.randrange(20_000) / 100:.2f}", days=days, clicks=clicks, codes=codes, customer=customer,
            currency=dice.choice(["EUR", "EUR", "USD"]), source=dice.choice(["", "", "pos"]),
        )  # fmt: skip


def test_replaying_the_live_version_gives_no_difference_at_all_under_any_policy(sqlite_ledger: Ledger) -> None:
    world = busy_month(sqlite_ledger)
    for preset in PRESETS.values():
        world.rules(**preset.over(first_rules().to_json()))
        with world.ledger.writing() as session:
            due.mark_due_in_bulk(session, session.execute(select(OrderRow.id)).scalars(), "rules", NOON)
        world.attribute()
        found = replayed(world)
        assert (preset.name, found.orders, found.changed, found.differences()) == (preset.name, 40, 0, [])
        assert {tally.difference for tally in found.partners.values()} == {0}
        assert sum(tally.orders_before for tally in found.partners.values()) > 10


def test_a_busy_month_comes_to_the_same_on_both_databases_and_nothing_is_written(ledger: Ledger) -> None:
    world = busy_month(ledger)
    world.attribute()
    kept = {table: world.all(table) for table in Base.__subclasses__()}
    live = replayed(world)
    assert (live.orders, live.changed) == (40, 0)
    rules = with_settings(between_partners="click_wins", paying_model="linear", windows={"click": 7 * 86400})
    found = replayed(world, rules)
    figures = {currency: (one.orders, one.changed, one.moved) for currency, one in found.totals.items()}
    assert figures == {"EUR": (31, 9, 60246), "USD": (9, 3, 33420)}
    for total in found.totals.values():
        assert 0 <= total.after <= total.net
    assert {table: world.all(table) for table in Base.__subclasses__()} == kept


def test_a_draft_says_who_gains_and_who_loses_with_the_orders_and_the_reason(ledger: Ledger) -> None:
    world = World(ledger)
    world.code("BOB10", world.bob)
    clicks = [world.click(world.alice_link, days=1)]
    contested = world.order(net="90.00", clicks=clicks, codes=["BOB10"])
    calm = world.order(net="50.00", clicks=[world.click(world.bob_link, days=2)])
    dollars = world.order(net="10.00", currency="USD", clicks=[world.click(world.alice_link, days=10)])
    world.attribute()
    found = replayed(world, with_settings(between_partners="click_wins", windows={"click": 5 * 86400}))
    said = differences.as_json(found)
    assert [(row["currency"], row["orders"], row["changed"], row["before"], row["after"], row["moved"],
             row["newly_attributed"], row["no_longer_attributed"]) for row in said["totals"]] == [
        ("EUR", 2, 1, "140.00", "140.00", "90.00", 0, 0),
        ("USD", 1, 1, "10.00", "0.00", "10.00", 0, 1),
    ]  # fmt: skip
    assert [(world.names[row["partner"]], row["currency"], row["before"], row["after"], row["difference"],
             row["orders_gained"], row["orders_lost"]) for row in said["partners"]] == [
        ("Alice", "EUR", "0.00", "90.00", "90.00", 1, 0),
        ("Bob", "EUR", "140.00", "50.00", "-90.00", 0, 1),
        ("Alice", "USD", "10.00", "0.00", "-10.00", 0, 1),
    ]  # fmt: skip
    assert [(row["channel"], row["currency"], row["difference"]) for row in said["channels"]] == [
        *(("influence", "EUR", "90.00"), ("affiliate", "EUR", "-90.00"), ("influence", "USD", "-10.00")),
    ]
    first, second = found.differences()
    assert (first.order_id, second.order_id) == (contested, dollars)
    assert (first.rule_before, first.rule_after) == ("code_owner_wins", "click_wins")
    reasons = {world.names[move.partner_id]: move.reason for move in first.moves}
    assert reasons == {"Alice": "code_of_another_partner", "Bob": "click_of_another_partner"}
    assert [move.reason for move in second.moves] == ["outside_window"]
    assert calm not in {one.order_id for one in found.differences()}
    assert [one.order_id for one in replayed(world, with_settings(windows={"click": 86400 * 5}), about=world.alice)
            .differences()] == [dollars]  # fmt: skip


def test_another_paying_model_shares_otherwise_and_says_so(sqlite_ledger: Ledger) -> None:
    world = World(sqlite_ledger)
    clicks = [world.click(world.alice_link, days=2), world.click(world.bob_link, days=1)]
    world.order(net="90.00", clicks=clicks)
    world.attribute()
    (one,) = replayed(world, with_settings(paying_model="linear")).differences()
    assert (one.model_before, one.model_after, one.moved) == ("last_click", "linear", 4500)
    assert {move.why for move in one.moves} == {differences.WEIGHS_OTHERWISE}
    assert [(move.before, move.after) for move in sorted(one.moves, key=lambda move: move.channel)] == [
        (9000, 4500), (None, 4500),
    ]  # fmt: skip


def test_what_is_no_paid_order_is_not_replayed_and_what_waits_is_counted(sqlite_ledger: Ledger) -> None:
    world = World(sqlite_ledger)
    for extra in ({"test": True}, {"status": "pending"}, {"status": "cancelled"}, {}):
        world.order(clicks=[world.click(world.alice_link, days=1)], **extra)
    world.attribute()
    waiting = world.order(clicks=[world.click(world.alice_link, days=3)])
    found = replayed(world)
    assert (found.orders, found.waiting) == (1, 1)
    assert waiting not in {one.order_id for one in replayed(world, with_settings(windows={"click": 60})).differences()}


def test_only_so_many_of_the_latest_are_read_a_batch_at_a_time_and_it_may_be_broken_off(
    sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "BATCH", 4)
    world = World(sqlite_ledger)
    orders = [world.order(days=day, clicks=[world.click(world.alice_link, days=day + 1)]) for day in range(10)]
    world.attribute()
    batches: list[int] = []
    nothing = with_settings(windows={"click": 60})
    comparison = Comparison()
    wanted = replay.Range(world.brand, *EVER, most=6)
    replay.replay(sqlite_ledger.session, wanted, nothing, comparison, batches.append)
    assert batches == [4, 2]
    assert {one.order_id for one in comparison.differences()} == set(orders[:6])
    with sqlite_ledger.session() as session:
        assert replay.count(session, wanted) == 6
    assert replayed(world, nothing, keep=3).changed == 10

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay.replay(sqlite_ledger.session, wanted, nothing, Comparison(), stop)
    assert sqlite_ledger.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_the_orders_with_the_most_money_moved_are_kept(sqlite_ledger: Ledger) -> None:
    world = World(sqlite_ledger)
    for net in ("10.00", "30.00", "20.00"):
        world.order(net=net, clicks=[world.click(world.alice_link, days=1)])
    world.attribute()
    found = replayed(world, with_settings(windows={"click": 60}), keep=2)
    assert [one.moved for one in found.differences()] == [3000, 2000]
    assert (found.changed, found.totals["EUR"].moved) == (3, 6000)


def test_orders_of_earlier_versions_are_compared_with_how_they_stand(sqlite_ledger: Ledger) -> None:
    world = World(sqlite_ledger)
    order = world.order(days=1, clicks=[world.click(world.alice_link, days=20)])
    world.attribute()
    with sqlite_ledger.writing() as session:
        session.execute(update(OrderRow).values(placed_at=before(days=1)))
    assert replayed(world).changed == 0
    (one,) = replayed(world, with_settings(windows={"click": 86400})).differences()
    assert (one.order_id, one.moves[0].after) == (order, None)
    with sqlite_ledger.session() as session:
        assert session.execute(select(func.count()).where(OrderRow.rule_set == 1)).scalar() == 1
    assert one.placed_at == NOON - timedelta(days=1)
