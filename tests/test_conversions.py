"""An action that is no purchase is counted once, for the partner whose click or code brought it, and paid to nobody."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from sqlalchemy import func, select

from tests import given
from tests.conftest import Ledger
from tests.sample_books import report_rows
from tracker.catalog import Desk, conversions
from tracker.catalog.conversions import Action, ConversionQuery, NewConversion
from tracker.errors import BadInput, Conflict
from tracker.ledger.tables import Conversion
from tracker.reports._shape import Row, Scope

MARCH = (date(2026, 3, 1), date(2026, 3, 20))


@pytest.fixture
def world(ledger: Ledger) -> given.World:
    return given.World(ledger)


def tell(world: given.World, name: str, kind: Action = Action.LEAD, **by: Any) -> conversions.ConversionView:
    with world.ledger.writing() as session:
        desk = Desk(session, world.brand, world.now, world.now, "https://go.example.com", "0" * 64)
        at = world.now - timedelta(hours=1)
        return conversions.add(desk, NewConversion(kind=kind, external_id=name, at=at, **by))


def rows(world: given.World, **asked: Any) -> list[Row]:
    return report_rows(world.ledger, "conversions", Scope(world.brand, *MARCH, **asked))


def told(found: list[Row]) -> list[tuple[object, ...]]:
    return [(row["kind"], row["partner"], row["actions"], row["by_click"], row["by_code"]) for row in found]


def test_an_action_belongs_to_the_click_else_to_the_owner_of_the_code(world: given.World) -> None:
    world.code("BOB5", world.bob)
    click = world.click(world.alice_link, days=2)
    tell(world, "1", click_id=click)
    tell(world, "2", click_id=click, code="BOB5")
    tell(world, "3", code=" bob5")
    tell(world, "4", Action.DOWNLOAD, code="nobodys")
    assert told(rows(world)) == [
        ("lead", "Alice", 2, 2, 0),
        ("download", None, 1, 0, 0),
        ("lead", "Bob", 1, 0, 1),
    ]
    assert told(rows(world, channel="influence")) == [("lead", "Alice", 2, 2, 0)]


def test_a_late_click_and_a_later_owner_count(world: given.World) -> None:
    late = world.future_click()
    tell(world, "1", click_id=late)
    tell(world, "2", code="ALICE10")
    assert [row["partner"] for row in rows(world)] == [None]
    world.click(world.alice_link, days=2, click_id=late)
    world.code("ALICE10", world.alice)
    assert told(rows(world)) == [("lead", "Alice", 2, 1, 1)]


def test_a_program_that_clicked_brings_nobody(world: given.World) -> None:
    tell(world, "1", click_id=world.click(world.alice_link, days=2, verdict="bot", reason="agent"))
    assert told(rows(world)) == [("lead", None, 1, 0, 0)]


def test_told_twice_it_is_one_and_told_otherwise_it_is_refused(world: given.World) -> None:
    click = world.click(world.alice_link, days=2)
    first, again = (tell(world, "1", click_id=click) for _ in range(2))
    assert first == again
    with pytest.raises(Conflict, match="already"):
        tell(world, "1", code="OTHER")
    with world.ledger.session() as session:
        assert session.execute(select(func.count(Conversion.id))).scalar() == 1


@pytest.mark.parametrize(
    ("by", "why"), [({}, "give click_id, code or both"), ({"click_id": "nonsense"}, "32 hexadecimal digits")]
)
def test_an_action_of_nobody_says_what_is_missing(world: given.World, by: dict[str, Any], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        tell(world, "1", **by)


def test_the_rate_is_of_clicks_and_another_brand_sees_nothing(world: given.World) -> None:
    tell(world, "1", click_id=world.click(world.alice_link, days=2))
    other = given.World(world.ledger, name="Other")
    assert rows(other) == []
    (row,) = rows(world)
    assert row["rate"] in (None, Fraction(1))  # clicks are rolled up by the worker, which this world does without
    with world.ledger.session() as session:
        desk = Desk(session, other.brand, world.now, world.now, "https://go.example.com", "0" * 64)
        assert conversions.page(desk, ConversionQuery()).data == []
