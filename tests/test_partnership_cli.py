"""Disputes, messages and statements at the command line."""

from __future__ import annotations

import pytest

from tests.conftest import NOW, Ledger
from tests.given import World
from tests.test_cli import Tracker, environment, tracker
from tests.test_portal import an_order_of_two
from tracker import pipeline
from tracker.catalog import Desk, disputes, terms
from tracker.ledger.database import open_database, sessions

__all__ = ["environment", "tracker"]


@pytest.fixture
def world(sqlite_url: str) -> World:
    engine = open_database(sqlite_url)
    made = World(Ledger(sqlite_url, engine, sessions(engine)))
    order = an_order_of_two(made)
    with made.ledger.writing() as session:
        desk = Desk(session, made.brand, made.now, made.now, "https://go.example.com", "0" * 64)
        terms.add(desk, terms.NewTerms(percent="10", valid_from=NOW.date()))
        disputes.add(desk, made.alice, disputes.NewDispute(order=order, text="All of it was mine."), account=None)
    pipeline.accrue_commissions(made.ledger.session, 10, made.now)
    engine.dispose()
    return made


def test_a_dispute_is_listed_and_answered(world: World, tracker: Tracker) -> None:
    (found,) = tracker("dispute", "list", "--state", "open", "--json").json
    assert found["partner"] == world.alice
    answered = tracker(
        "dispute", "answer", found["id"], "--state", "refused", "--answer", "Bob came too.", "--json"
    ).json
    assert answered["state"] == "refused"
    assert tracker("dispute", "answer", found["id"], "--state", "accepted", "--answer", "Or not.").code == 2
    assert tracker("dispute", "list", "--state", "open", "--json").json == []


def test_a_message_is_sent_and_listed(world: World, tracker: Tracker) -> None:
    assert tracker("message", "send", "Alice", "The bags leave on Monday.", "--json").json["from_partner"] is False
    texts = [one["text"] for one in tracker("message", "list", "--partner", "Alice", "--json").json]
    assert texts == ["All of it was mine.", "The bags leave on Monday."]


def test_a_statement_is_a_table(world: World, tracker: Tracker) -> None:
    lines = tracker("statement", "Alice", "--month", "2026-03").out.splitlines()
    assert lines[0] == "at,kind,order,reference,amount,currency,balance"
    assert lines[-1] == ",closing,,,,EUR,9.00"
    assert tracker("statement", "Alice", "--month", "March").code == 2
