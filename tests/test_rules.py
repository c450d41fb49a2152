"""The rules are changed by a new version: what was placed before keeps the old one, what is placed after follows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from tests.conftest import Ledger
from tests.given import NOON, World
from tracker.catalog import Desk, rules
from tracker.catalog.fields import problems
from tracker.catalog.rules import NewRules
from tracker.domain.rules import BetweenPartners, Rules, SeveralCodes
from tracker.errors import Conflict
from tracker.ledger.tables import CreditSet, RuleSet


@contextmanager
def desk(world: World) -> Iterator[Desk]:
    """The brand's desk at NOON."""
    with world.ledger.writing() as session:
        yield Desk(session, world.brand, NOON, NOON, "https://go.example.com", "0" * 64)


def change(world: World, **settings: object) -> rules.RulesView:
    with desk(world) as at:
        return rules.change(at, NewRules.model_validate(settings))


def test_an_order_placed_before_the_change_keeps_its_rules_and_one_placed_after_follows_the_new(ledger: Ledger) -> None:
    world = World(ledger)
    world.code("BOB10", world.bob)
    touches: dict[str, Any] = {"clicks": [world.click(world.alice_link, days=1)], "codes": ["BOB10"]}
    known = world.order(**touches, hours=2)
    world.attribute()
    assert change(world, between_partners="click-wins", paying_model="linear").version == 2
    late = world.order(**touches, hours=1)
    after = world.order(**touches, at=NOON + timedelta(hours=1))
    world.change(known, net=5000)
    world.attribute()
    assert (world.credits(known), world.credits(late)) == ({"Bob": "50.00"}, {"Bob": "100.00"})
    assert world.credits(after) == {"Alice": "100.00"}
    paying = {(row["order_id"], row["rule_set"], row["model"]) for row in world.all(CreditSet) if row["paying"]}
    assert paying == {(known, 1, "last_click"), (late, 1, "last_click"), (after, 2, "linear")}
    assert {row["version"] for row in world.all(RuleSet)} == {1, 2}


def test_a_window_of_a_channel_is_given_in_days_and_taken_away_again(ledger: Ledger) -> None:
    world = World(ledger)
    click = world.click(world.alice_link, days=10)
    assert change(world, windows={"click.influence": 7}).windows == {"click": 30, "click:influence": 7}
    order = world.order(clicks=[click], seconds=-1)
    world.attribute()
    assert world.lost(order) == {click: "outside_window"}
    assert change(world, windows={"click": 20, "click:influence": None}).windows == {"click": 20}


def test_what_is_not_said_stays_and_a_change_that_changes_nothing_is_no_version(sqlite_ledger: Ledger) -> None:
    world = World(sqlite_ledger)
    changed = change(world, several_codes="share", excluded_sources=[], since_previous_order=False)
    with desk(world) as at:
        assert rules.current(at) == changed
    assert (changed.version, changed.effective_from) == (2, NOON)
    assert (changed.several_codes, changed.excluded_sources) == (SeveralCodes.SHARE, [])
    assert changed.between_partners is BetweenPartners.CODE_WINS
    for same in ({}, {"several_codes": "share"}):
        with pytest.raises(Conflict, match="in force already"):
            change(world, **same)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("between_partners", "nobody_wins", "click_wins"),
        ("several_codes", None, "share"),
        ("paying_model", "first_guess", "last_click, linear"),
        ("windows", {"view": 3}, "there is no window view: want click"),
        ("windows", {"click": None}, "cannot go"),
        ("windows", {"click": 366}, "want 365 or less"),
        ("windows", {"click:affiliate": 0}, "want 1 or more"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(field: str, value: object, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        NewRules.model_validate({field: value})
    ((name, message),) = problems(caught.value)
    assert name.partition(".")[0] == field
    assert words in message


@pytest.mark.parametrize("settings", [{"between_partners": "x"}, {"several_codes": "x"}, {"window": {}}])
def test_stored_settings_that_mean_nothing_name_their_field(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Rules.from_json(1, settings)
