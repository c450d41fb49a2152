"""Orders are credited anew when a person says so: from the facts, behind whatever is fresh, the same left as it was."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.conftest import Ledger
from tests.given import World
from tracker import cli
from tracker.ledger.rules import first_rules
from tracker.ledger.tables import AttributionDue, Receipt, RuleSet


def test_orders_are_rebuilt_behind_whatever_is_fresh(
    sqlite_ledger: Ledger,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    world = World(sqlite_ledger)
    for days in range(3):
        clicks = [world.click(world.alice_link, days=days + 4), world.click(world.bob_link, days=days + 1)]
        world.order(clicks=clicks[: days + 1], days=days)
    world.attribute()
    fresh = world.order(clicks=[world.click(world.alice_link, days=1)])
    with world.ledger.writing() as session:
        session.execute(update(RuleSet).values(settings={**first_rules().to_json(), "paying_model": "first_click"}))
    for name, value in (("TRACKER_STATE", str(tmp_path)), ("DATABASE_URL", world.ledger.url), ("REDIS_URL", redis_url)):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SECRET_KEY", "0" * 64)
    monkeypatch.setattr(sys, "argv", ["tracker", "orders", "rebuild", "--no-wait", "--to", "2026-03-19"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert (stop.value.code, capsys.readouterr().out) == (0, "2 orders will be credited anew\n")
    assert [(row["order_id"] == fresh, row["bulk"]) for row in world.all(AttributionDue)].count((True, False)) == 1
    world.attribute()
    causes = [(row["version"], row["cause"]) for row in world.all(Receipt)]
    assert sorted(causes) == [(1, "order")] * 4 + [(2, "upgrade")] * 2
