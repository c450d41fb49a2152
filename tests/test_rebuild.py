"""Orders are credited anew when a person says so: from the facts, behind whatever is fresh, the same left as it was."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.conftest import Ledger
from tests.given import NOON, World
from tracker import cli
from tracker.cli import _rebuild
from tracker.domain.agents import agent_verdict
from tracker.domain.orders import NET_FORMULA, Amounts, OrderEvent, Snapshot, Status
from tracker.ledger import due, orders
from tracker.ledger.rules import first_rules
from tracker.ledger.tables import (
    Agent,
    AttributionDue,
    Click,
    LinkDay,
    LinkHour,
    LinkVisitor,
    OrderRow,
    Receipt,
    RuleSet,
)

Tell = Callable[..., str]


@pytest.fixture
def world(sqlite_ledger: Ledger) -> World:
    return World(sqlite_ledger)


@pytest.fixture
def tell(
    world: World,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Tell:
    """Say something to `tracker` on this installation; what it prints."""
    for name, value in (("TRACKER_STATE", str(tmp_path)), ("DATABASE_URL", world.ledger.url), ("REDIS_URL", redis_url)):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SECRET_KEY", "0" * 64)

    def said(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["tracker", *words])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        printed = capsys.readouterr()
        assert stop.value.code == 0, printed
        return printed.out

    return said


def test_orders_are_rebuilt_behind_whatever_is_fresh(world: World, tell: Tell) -> None:
    for days in range(3):
        clicks = [world.click(world.alice_link, days=days + 4), world.click(world.bob_link, days=days + 1)]
        world.order(clicks=clicks[: days + 1], days=days)
    world.attribute()
    fresh = world.order(clicks=[world.click(world.alice_link, days=1)])
    with world.ledger.writing() as session:
        session.execute(update(RuleSet).values(settings={**first_rules().to_json(), "paying_model": "first_click"}))
    assert tell("orders", "rebuild", "--no-wait", "--to", "2026-03-19") == "2 orders will be credited anew\n"
    assert [(row["order_id"] == fresh, row["bulk"]) for row in world.all(AttributionDue)].count((True, False)) == 1
    world.attribute()
    causes = [(row["version"], row["cause"]) for row in world.all(Receipt)]
    assert sorted(causes) == [(1, "order")] * 4 + [(2, "upgrade")] * 2


def test_only_the_brands_own_orders_are_waited_for(world: World, tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rival's orders stay due, and so does one of ours that became due later: neither holds up who waits."""
    monkeypatch.setattr(_rebuild, "_LOOK_EVERY", 0.05)
    mine = [world.order(days=days) for days in range(3)]
    world.attribute()
    World(world.ledger, "Rival").order()

    def work() -> None:
        later = datetime(2099, 1, 1, tzinfo=UTC)
        with world.ledger.writing() as session:
            due.mark_due(session, [mine[0]], "order", later)
        while any(row["bulk"] for row in world.all(AttributionDue)):
            with world.ledger.writing() as session:
                due.settle(session, [one for one in due.claim_due(session, 9) if one.order_id in mine[1:]])

    monkeypatch.setattr("tracker.queue.Doorbell.ring", lambda *_: threading.Thread(target=work).start())
    assert tell("orders", "rebuild", "--brand", world.brand) == "3 orders will be credited anew\ndone\n"
    assert len(world.all(AttributionDue)) == 2


def test_orders_are_folded_anew_from_what_the_shop_told(world: World, tell: Tell) -> None:
    home = orders.Home(world.shop, world.brand, "Europe/Paris", NET_FORMULA)
    bought = Snapshot(Status.PAID, "EUR", Amounts(total=5000, goods=5000), NOON, customer="c",
                      click_ids=(world.click(world.alice_link, days=1),))  # fmt: skip
    told = [OrderEvent("1001", "a", NOON, bought)]
    with world.ledger.writing() as session:
        orders.record(session, home, told, delivery_id=None, now=NOON, wall=NOON)
    world.attribute()
    (was,) = world.all(OrderRow)
    assert world.credits(was["id"]) == {"Alice": "50.00"}
    with world.ledger.writing() as session:
        session.execute(update(OrderRow).values(net=1, goods=1, click_ids=[], customer=None, customer_is_new=None))
    tell("orders", "rebuild", "--no-wait", "--refold")
    world.attribute()
    (row,) = world.all(OrderRow)
    assert {name: row[name] for name in ("net", "click_ids", "customer", "customer_is_new")} == {
        name: was[name] for name in ("net", "click_ids", "customer", "customer_is_new")
    }
    assert world.credits(was["id"]) == {"Alice": "50.00"}


def test_clicks_judged_anew_and_their_roll_ups_agree(world: World, tell: Tell) -> None:
    """Old rules took every second program for a person and every second person for a program."""
    texts = ["curl/8.5.0", "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"]
    counted = {True: Counter[str](), False: Counter[str]()}
    for number in range(12):
        text, link = texts[number % 2], (world.alice_link, world.bob_link)[number % 3 == 0]
        human, wrong = agent_verdict(text).verdict == "human", number % 4 < 2
        click = world.click(link, days=2, visitor=None, verdict="human" if human != wrong else "bot")
        visitor = f"{number // 4:032x}"
        with world.ledger.writing() as session:
            session.merge(Agent(id=f"{number % 2:032x}", text=text, browser=None, system=None, device=None,
                                first_seen_at=NOON))  # fmt: skip
            session.flush()
            session.execute(
                update(Click)
                .where(Click.id == click)
                .values(agent_id=f"{number % 2:032x}", visitor_hash=visitor, rules=0)
            )
        counted[human][link] += 1
    _count(world)
    assert tell("clicks", "rejudge").startswith("12 clicks judged anew, ")
    hours = {row["link_id"]: (row["gross"], row["human"]) for row in world.all(LinkHour)}
    uniques = {row["link_id"]: row["uniques"] for row in world.all(LinkDay)}
    rolled = (hours, uniques, world.all(LinkVisitor))
    _count(world)
    assert rolled == (
        {row["link_id"]: (row["gross"], row["human"]) for row in world.all(LinkHour)},
        {row["link_id"]: row["uniques"] for row in world.all(LinkDay)},
        world.all(LinkVisitor),
    )
    assert {link: human for link, (_, human) in hours.items()} == counted[True]
    assert tell("clicks", "rejudge") == "0 clicks judged anew, 0 of them taken for something else\n"


def _count(world: World) -> None:
    """Write the roll-ups as the clicks stand."""
    clicks = world.all(Click)
    with world.ledger.writing() as session:
        for table in (LinkHour, LinkDay, LinkVisitor):
            session.query(table).delete()
        people = [row for row in clicks if row["verdict"] == "human"]
        visits = {(row["link_id"], row["at"].date(), row["visitor_hash"]) for row in people}
        gross = Counter((row["link_id"], row["at"].replace(minute=0, second=0)) for row in clicks)
        human = Counter((row["link_id"], row["at"].replace(minute=0, second=0)) for row in people)
        session.add_all(LinkHour(link_id=link, hour=hour, gross=count, human=human[link, hour])
                        for (link, hour), count in gross.items())  # fmt: skip
        session.add_all(LinkVisitor(link_id=link, day=day, visitor_hash=who) for link, day, who in visits)
        days = Counter((link, day) for link, day, _ in visits)
        for link, day in {(row["link_id"], row["at"].date()) for row in clicks}:
            session.add(LinkDay(link_id=link, day=day, uniques=days[link, day]))
