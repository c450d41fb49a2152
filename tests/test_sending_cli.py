"""Schedules, letters and long work at a terminal, and over the API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api_world import ApiWorld
from tests.desk import settings_of
from tests.post_office import opened_post_office
from tests.test_backfill import SHOPIFY, sheet
from tests.test_cli import SECRET, Tracker, environment, maison, tracker

__all__ = ["environment", "maison", "tracker"]


def test_a_schedule_is_added_run_and_ended(tracker: Tracker, maison: Any) -> None:
    added = tracker("schedule", "add", "partners", "--to", "lea@example.com", "--last-days", "7", "--json").json
    assert (added["every"], added["hour"], added["format"]) == ("week", 7, "pdf")
    tracker("schedule", "run", added["id"])
    (letter,) = tracker("mail", "list", "--json").json
    assert (letter["kind"], letter["recipient"], letter["state"]) == ("report", "lea@example.com", "pending")
    assert tracker("schedule", "end", added["id"], "--json").json["ended_at"]
    assert tracker("schedule", "list", "--running", "--json").json == []
    assert "0 letters" in tracker("mail", "retry").out


def test_a_letter_is_sent_to_try_the_server(tracker: Tracker, maison: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened_post_office() as office:
        monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{office.port}")
        monkeypatch.setenv("MAIL_FROM", "tracker@example.com")
        assert "took it" in tracker("mail", "test", "lea@example.com").out
    assert office.messages[0]["To"] == "lea@example.com"


def test_an_import_in_the_background_is_listed_and_cancelled(tracker: Tracker, maison: Any, tmp_path: Path) -> None:
    tracker("shop", "add", "Boutique", "--platform", "shopify", "--secret", SECRET)
    file = tmp_path / "orders.csv"
    file.write_bytes(sheet(SHOPIFY))
    job = tracker("orders", "import", str(file), "--shop", "Boutique", "--in-background", "--no-wait", "--json").json
    assert (job["kind"], job["state"], job["settings"]["apply"]) == ("import_orders", "asked", False)
    assert tracker("work", "cancel", job["id"], "--json").json["state"] == "cancelled"
    assert [one["state"] for one in tracker("work", "list", "--json").json] == ["cancelled"]
    assert tracker("work", "show", job["id"], "--wait", "--json").json["state"] == "cancelled"


@pytest.fixture
def world(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[ApiWorld]:
    made = ApiWorld(settings_of(sqlite_url, redis_url, tmp_path))
    yield made
    made.close()


def test_a_file_comes_over_the_api_as_text_or_base64_and_never_as_both(world: ApiWorld) -> None:
    shop = world.alice.ids["shop"]
    asked = world.alice.post("/imports", {"shop": shop, "csv": sheet(SHOPIFY).decode()})
    assert asked.status_code == 202
    assert world.alice.get(f"/jobs/{asked.json['id']}").json["state"] == "asked"  # type: ignore[index]
    assert world.alice.post("/imports", {"shop": shop, "csv": "a", "base64": "YQ=="}).status_code == 422
    assert world.alice.post("/imports", {"shop": shop, "base64": "?"}).status_code == 422
    assert world.alice.post("/imports", {"shop": shop, "csv": "a;b\n" * 100_000}).status_code == 202


def test_a_shared_links_address_is_told_once(world: ApiWorld) -> None:
    body = {"report": "channels", "days": 7}
    first = world.alice.post("/shared-links", body, idempotency="k1")
    again = world.alice.post("/shared-links", body, idempotency="k1")
    assert "/shared/" in first.json["url"]  # type: ignore[index]
    assert "url" not in again.json or again.json["url"] is None  # type: ignore[operator,index]
