"""The partner's page: links, codes, sales, money and words of one partner, on a phone, and nothing of anybody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from tests.conftest import Ledger
from tests.desk import ORIGIN, Desk, opened_desk, settings_of
from tests.given import NOON, World
from tracker import pipeline
from tracker.catalog import Desk as CatalogDesk
from tracker.catalog import documents, messages, payouts, terms
from tracker.domain.ids import new_id
from tracker.domain.roles import Role
from tracker.ledger import accounts
from tracker.ledger.database import open_database, sessions, writing
from tracker.ledger.tables import Brand, Campaign, Link, LinkHour, Mail, OrderRow, Partner

ALICE, PASSWORD = "alice@example.com", "correct horse battery"
STAFF = "paul@example.com"


@dataclass
class Stage:
    """A brand with two partners and an order of both; Alice is signed in."""

    desk: Desk
    world: World
    other: World
    order: str
    lost: str

    def get(self, path: str, status: int = 200) -> str:
        answer = self.desk.get(path)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.headers.get('Location')}"
        return answer.text

    def send(self, path: str, page: str, **form: str) -> int:
        return self.desk.post(path, self.desk.token(page), **form).status_code

    def as_staff(self) -> Desk:
        staff = self.desk.another_browser()
        staff.sign_in(STAFF, PASSWORD)
        return staff


@pytest.fixture
def stage(sqlite_ledger: Ledger, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    world, other = World(sqlite_ledger), World(sqlite_ledger, "Zeste")
    order, lost = an_order_of_two(world), a_sale_of_bob(world)
    an_order_of_two(other)
    with opened_desk(settings_of(sqlite_ledger.url, redis_url, tmp_path, TRACKER_NOW=NOON.isoformat())) as desk:
        people(desk, world)
        agree(desk, world)
        assert desk.sign_in(ALICE, PASSWORD).status_code == 302
        yield Stage(desk, world, other, order, lost)


def an_order_of_two(world: World) -> str:
    """Bob clicks first, then Alice: she closes the order and has it all."""
    clicks = [world.click(world.bob_link, days=3), world.click(world.alice_link, days=2)]
    order = world.order(net="90.00", clicks=clicks, customer="marie.buyer", days=1)
    world.attribute()
    return order


def a_sale_of_bob(world: World) -> str:
    """Alice clicks long ago, Bob at last: hers is older than the window allows."""
    clicks = [world.click(world.alice_link, days=200), world.click(world.bob_link, days=2)]
    order = world.order(net="40.00", clicks=clicks, days=1)
    world.attribute()
    return order


def people(desk: Desk, world: World) -> None:
    with writing(desk.wiring.sessions) as session:
        alice = accounts.create_account(session, ALICE, PASSWORD, NOON)
        accounts.join(session, alice, world.brand, Role.PARTNER, NOON, partner=world.alice)
        staff = accounts.create_account(session, STAFF, PASSWORD, NOON)
        accounts.join(session, staff, world.brand, Role.MARKETER, NOON)


def agree(desk: Desk, world: World) -> None:
    with at_desk(desk, world) as found:
        terms.add(found, terms.NewTerms(percent="10", hold_days=30, valid_from="2026-01-01"))
    pipeline.accrue_commissions(desk.wiring.sessions, 100, NOON)


class at_desk:  # noqa: N801  (a context manager that reads as a phrase)
    """A transaction on the brand."""

    def __init__(self, desk: Desk, world: World) -> None:
        self.desk, self.world = desk, world

    def __enter__(self) -> CatalogDesk:
        self.opened = writing(self.desk.wiring.sessions)
        return self.desk.wiring.desk(self.opened.__enter__(), self.world.brand)

    def __exit__(self, *error: object) -> None:
        self.opened.__exit__(*error)  # type: ignore[arg-type]


def test_home_tells_clicks_sales_and_money(stage: Stage) -> None:
    text = stage.get("/partner")
    for told in ("Hello Alice", "€9.00", "€90.00", "On hold"):
        assert told in text
