"""Late truth: exactly the orders concerned get a new receipt, with before, after and cause; no other one changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.conftest import Ledger
from tests.given import NOON, World, before
from tracker.domain.agents import RULES_VERSION, Taken, Verdict, agent_verdict
from tracker.ledger import verdicts
from tracker.ledger.rules import first_rules
from tracker.ledger.tables import (
    Agent,
    Click,
    CodeOwner,
    CommissionsDue,
    LinkDay,
    LinkHour,
    LinkVisitor,
    Receipt,
    RuleSet,
)


@pytest.fixture
def world(ledger: Ledger) -> World:
    """Orders of other people stand beside the one of each story, on each database."""
    world = World(ledger)
    world.code("ALICE10", world.alice)
    world.order(clicks=[world.click(world.alice_link, days=5)], days=4, customer="another")
    world.order(codes=["ALICE10"], days=4)
    world.order(codes=["NOBODYS"], days=4)
    world.attribute()
    return world


def receipts(world: World) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in world.all(Receipt):
        found.setdefault(row["order_id"], []).append(row)
    return found


def told(world: World, happens: Callable[[], object]) -> dict[str, list[dict[str, Any]]]:
    """What happens after everything was credited, and the new versions that came of it, by order."""
    world.attribute()
    were = receipts(world)
    happens()
    world.attribute()
    now = receipts(world)
    for order, versions in were.items():
        kept = [{**row, "current": None} for row in now[order][: len(versions)]]
        assert kept == [{**row, "current": None} for row in versions]
        assert [row["current"] for row in now[order]] == [False] * (len(now[order]) - 1) + [True]
    return {
        order: rows[len(were.get(order, [])) :] for order, rows in now.items() if len(rows) > len(were.get(order, []))
    }


def the_only(news: dict[str, list[dict[str, Any]]], order: str) -> dict[str, Any]:
    assert list(news) == [order]
    (row,) = news[order]
    return row


def moved(world: World, row: dict[str, Any]) -> dict[str, tuple[str | None, str | None]]:
    return {world.names[one["partner"]]: (one["before"], one["after"]) for one in row["changes"]}


def test_a_first_receipt_replaces_nothing(world: World) -> None:
    rows = [row for found in receipts(world).values() for row in found]
    assert {(row["version"], row["cause"], row["replaces"]) for row in rows} == {(1, "order", None)}
    assert all(row["changes"] == [] for row in rows)


def test_a_click_drained_late(world: World) -> None:
    late = world.future_click()
    order = world.order(clicks=[world.click(world.bob_link, days=2), late])
    news = told(world, lambda: world.click(world.alice_link, click_id=late, days=1))
    row = the_only(news, order)
    assert (row["version"], row["cause"]) == (2, "click")
    assert row["replaces"] == receipts(world)[order][0]["digest"]
    assert moved(world, row) == {"Alice": (None, "100.00"), "Bob": ("100.00", None)}


def test_a_code_registered_after_the_sale(world: World) -> None:
    order = world.order(codes=["SPRING"])
    row = the_only(told(world, lambda: world.code("spring", world.bob)), order)
    assert (row["cause"], moved(world, row)) == ("code", {"Bob": (None, "100.00")})


def test_a_code_reassigned_after_the_sale(world: World) -> None:
    world.code("SPRING", world.bob)
    order = world.order(codes=["SPRING"])

    def reassign() -> None:
        with world.ledger.writing() as session:
            session.execute(update(CodeOwner).where(CodeOwner.partner_id == world.bob).values(valid_to=before(days=1)))
        world.code("SPRING", world.alice, since=before(days=1))

    row = the_only(told(world, reassign), order)
    assert moved(world, row) == {"Alice": (None, "100.00"), "Bob": ("100.00", None)}


def test_a_merged_customer(world: World) -> None:
    carrying = world.order(clicks=[world.click(world.alice_link, days=6)], days=5, status="cancelled")
    order = world.order(customer="c")
    news = told(world, lambda: world.change(carrying, customer="c"))
    row = the_only(news, order)
    assert moved(world, row) == {"Alice": (None, "100.00")}


def test_an_order_edited(world: World) -> None:
    order = world.order(clicks=[world.click(world.alice_link, days=6)])
    row = the_only(told(world, lambda: world.change(order, net=8000, goods=8000, total=8000)), order)
    assert (row["cause"], moved(world, row)) == ("order", {"Alice": ("100.00", "80.00")})


def test_an_order_refunded_in_full(world: World) -> None:
    order = world.order(clicks=[world.click(world.alice_link, days=6)])
    row = the_only(told(world, lambda: world.change(order, net=0, refunded=10000)), order)
    assert moved(world, row) == {"Alice": ("100.00", "0.00")}


def test_a_cancelled_order(world: World) -> None:
    order = world.order(clicks=[world.click(world.alice_link, days=6)])
    row = the_only(told(world, lambda: world.change(order, status="cancelled")), order)
    assert moved(world, row) == {"Alice": ("100.00", None)}
    assert world.credits(order) == {}


def test_what_is_marked_and_comes_out_the_same_is_not_written_again(world: World) -> None:
    order = world.order(clicks=[world.click(world.alice_link, days=6)], customer="c")
    assert told(world, lambda: world.change(order, customer="d")) == {}


def test_only_what_is_owed_otherwise_is_reckoned_anew(world: World) -> None:
    order, click = world.order(clicks=[world.click(world.alice_link, days=6)]), world.future_click()
    shown = world.order(clicks=[world.click(world.alice_link, days=3), click], days=1)
    world.attribute()
    owing = {row["order_id"]: row["turn"] for row in world.all(CommissionsDue)}
    assert {order, shown} <= owing.keys()
    world.click(world.bob_link, click_id=click, days=60)
    world.change(order, net=8000, goods=8000, total=8000)
    world.attribute()
    turns = {row["order_id"]: row["turn"] for row in world.all(CommissionsDue)}
    assert [name for name in turns if turns[name] != owing[name]] == [order]
    assert len(receipts(world)[shown]) == 2


def test_credits_thrown_away_come_back_without_a_new_receipt(world: World) -> None:
    order = world.order(clicks=[world.click(world.alice_link, days=6)])
    world.attribute()
    with world.ledger.writing() as session:
        for table in ("credits", "credit_sets", "touches"):
            session.connection().exec_driver_sql(f"DELETE FROM {table}")
    assert told(world, lambda: world.change(order, customer="x")) == {}
    assert world.credits(order) == {"Alice": "100.00"}


def test_a_change_of_the_paying_model_keeps_the_credits_and_says_who_gained(world: World) -> None:
    clicks = [world.click(world.alice_link, days=6), world.click(world.bob_link, days=3)]
    order = world.order(clicks=clicks)
    world.attribute()

    def change() -> None:
        settings = {**first_rules().to_json(), "paying_model": "linear"}
        with world.ledger.writing() as session:
            session.execute(update(RuleSet).values(settings=settings))
        world.change(order, customer="x")

    row = the_only(told(world, change), order)
    assert moved(world, row) == {"Alice": (None, "50.00"), "Bob": ("100.00", "50.00")}


# --- a changed verdict ------------------------------------------------------------------------------------------------

_PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Safari/604.1"
_NEW = RULES_VERSION + 1


def agent(world: World, text: str) -> str:
    with world.ledger.writing() as session:
        session.add(
            Agent(id=f"{len(text):032x}", text=text, browser=None, system=None, device=None, first_seen_at=NOON)
        )
    return f"{len(text):032x}"


def seen(world: World, agent_id: str, *visits: tuple[str, str]) -> None:
    """The clicks were made with this agent by these visitors; the roll-ups count them as the intake does."""
    with world.ledger.writing() as session:
        for click_id, visitor in visits:
            session.execute(update(Click).where(Click.id == click_id).values(agent_id=agent_id, visitor_hash=visitor))
            row = session.execute(select(Click).where(Click.id == click_id)).scalar_one()
            hour = session.get(LinkHour, (row.link_id, row.at)) or LinkHour(
                link_id=row.link_id, hour=row.at, gross=0, human=0
            )
            session.add(hour)
            hour.gross, hour.human = hour.gross + 1, hour.human + 1
            if session.get(LinkVisitor, (row.link_id, row.at.date(), visitor)) is None:
                session.add(LinkVisitor(link_id=row.link_id, day=row.at.date(), visitor_hash=visitor))
                day = session.get(LinkDay, (row.link_id, row.at.date())) or LinkDay(
                    link_id=row.link_id, day=row.at.date(), uniques=0
                )
                session.add(day)
                day.uniques += 1
            session.flush()


def harsher(text: str) -> Verdict:
    return Verdict(Taken.BOT, "purpose") if "iPhone" in text else agent_verdict(text)


def rejudge(world: World, judge: Any, version: int = _NEW, limit: int = 100) -> list[int]:
    """Judge everything anew in batches; how many clicks were taken for something else in each."""
    last, changed = verdicts.FROM_THE_START, []
    while True:
        with world.ledger.writing() as session:
            done = verdicts.rejudge(session, last, limit, NOON, judge=judge, version=version)
        last = done.last
        changed.append(done.changed)
        if done.looked_at < limit:
            return changed


def test_a_click_taken_for_a_bot_after_all_and_for_a_person_again(world: World) -> None:
    phone, desk = (
        agent(world, _PHONE),
        agent(world, "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"),
    )
    bad, good = world.click(world.alice_link, days=2), world.click(world.alice_link, days=2)
    other = world.click(world.bob_link, days=3)
    seen(world, phone, (bad, "a" * 32))
    seen(world, desk, (good, "b" * 32), (other, "a" * 32))
    order, untouched = world.order(clicks=[other, bad]), world.order(clicks=[good], customer="q")
    with world.ledger.writing() as session:
        session.execute(update(Click).where(Click.agent_id.is_(None)).values(rules=99))
    row = the_only(told(world, lambda: rejudge(world, harsher)), order)
    assert (row["cause"], moved(world, row)) == ("verdict", {"Alice": ("100.00", None), "Bob": (None, "100.00")})
    assert _counts(world) == {"Alice": (2, 1, 1), "Bob": (1, 1, 1)}
    assert len(receipts(world)[untouched]) == 1
    row = the_only(told(world, lambda: rejudge(world, agent_verdict, version=_NEW + 1)), order)
    assert moved(world, row) == {"Alice": (None, "100.00"), "Bob": ("100.00", None)}
    assert _counts(world) == {"Alice": (2, 2, 2), "Bob": (1, 1, 1)}


def _counts(world: World) -> dict[str, tuple[int, int, int]]:
    """By whose link: requests, people, unique visitors."""
    days = {row["link_id"]: row["uniques"] for row in world.all(LinkDay)}
    whose = {world.alice_link: "Alice", world.bob_link: "Bob"}
    return {whose[row["link_id"]]: (row["gross"], row["human"], days[row["link_id"]]) for row in world.all(LinkHour)}


def test_judging_anew_in_batches_is_the_same_and_goes_on_where_it_was_stopped(world: World) -> None:
    phone = agent(world, _PHONE)
    for number in range(5):
        seen(world, phone, (world.click(world.alice_link, days=2), f"{number:032x}"))
    with world.ledger.writing() as session:
        session.execute(update(Click).where(Click.agent_id.is_(None)).values(rules=_NEW))
        verdicts.rejudge(session, verdicts.FROM_THE_START, 2, NOON, judge=harsher, version=_NEW)
    assert rejudge(world, harsher, limit=2) == [2, 1]
    assert rejudge(world, harsher) == [0]
    assert _counts(world) == {"Alice": (5, 0, 0)}
    assert {row["rules"] for row in world.all(Click)} == {_NEW}


def test_what_was_loaded_out_of_sight_stays_a_bot(world: World) -> None:
    phone = agent(world, _PHONE)
    hidden = world.click(world.alice_link, days=2, verdict="bot", reason="hidden_load")
    with world.ledger.writing() as session:
        session.execute(update(Click).where(Click.id == hidden).values(agent_id=phone))
        session.execute(update(Click).where(Click.id != hidden).values(rules=_NEW))
    assert rejudge(world, agent_verdict) == [0]
    (row,) = [row for row in world.all(Click) if row["id"] == hidden]
    assert (row["verdict"], row["rules"]) == ("bot", _NEW)
