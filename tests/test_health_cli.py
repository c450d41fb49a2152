"""Counts of a shop, its snippet and customer segments at the command line, and over the API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.api_world import ApiWorld
from tests.test_cli import Tracker, environment, maison, refused, tracker
from tracker.settings import Settings

__all__ = ["environment", "maison", "tracker"]


@pytest.fixture
def shop(maison: Any, tracker: Tracker) -> str:
    return str(
        tracker("shop", "add", "Boutique", "--platform", "woocommerce", "--secret", "x" * 30, "--json").json["id"]
    )


def test_a_shop_s_counts_are_told_and_read_from_a_file(shop: str, tracker: Tracker, tmp_path: Path) -> None:
    assert tracker("shop", "count", "Boutique", "2026-03-01", "12", "--json").json["orders"] == 12
    file = tmp_path / "counts.csv"
    file.write_text("Date;Commandes\n01/03/2026;14\n02/03/2026;3\n")
    asked = ("shop", "import-counts", shop, str(file), "--column", "day=Date", "--column", "orders=Commandes")
    looked = tracker(*asked, "--day-first")
    assert "2 days would be written" in looked.out
    assert tracker(*asked, "--day-first", "--apply", "--json").json["days"] == 2
    told = [(one["day"], one["orders"], one["source"]) for one in tracker("shop", "counts", shop, "--json").json]
    assert told == [("2026-03-02", 3, "csv"), ("2026-03-01", 14, "csv")]
    refused(tracker("shop", "count", "Boutique", "2999-01-01", "12"), "--day")


def test_a_shop_s_steps_and_its_snippet_are_printed(shop: str, maison: Any, tracker: Tracker) -> None:
    said = tracker("shop", "snippet", "Boutique").out
    assert f'<script async src="https://go.example.com/s.js?brand={maison["id"]}"></script>' in said
    assert "header.php" in said
    assert "1. In Shopify" in tracker("shop", "add", "--platform", "shopify").out


def test_segments_are_looked_at_applied_listed_and_removed(maison: Any, tracker: Tracker, tmp_path: Path) -> None:
    file = tmp_path / "crm.csv"
    file.write_text("Adresse;Groupe\nlea@example.com;VIP\nmax@example.com;\nnobody;VIP\n")
    asked = ("segment", "import", str(file), "--column", "email=Adresse", "--column", "segment=Groupe")
    looked = tracker(*asked, "--segment", "Newsletter")
    assert looked.out.splitlines() == [
        "Newsletter: 1 customer",
        "VIP: 1 customer",
        "line 4: email: is not an e-mail address",
        "2 would be added, 0 there already, 1 refused",
        "Nothing was written: say --apply to write them.",
    ]
    assert tracker(*asked, "--segment", "Newsletter", "--apply", "--json").json["applied"] is True
    assert [one["name"] for one in tracker("segment", "list", "--json").json] == ["Newsletter", "VIP"]
    assert tracker("segment", "remove", "VIP", "--json").json["customers"] == 1
    refused(tracker("segment", "remove", "VIP"), "no such segment")


@pytest.fixture
def world(settings: Settings) -> Iterator[ApiWorld]:
    made = ApiWorld(settings)
    yield made
    made.close()


def answered(response: TestResponse) -> Any:
    return response.json


def test_counts_and_segments_are_told_over_the_api(world: ApiWorld) -> None:
    path = f"/shops/{world.alice.ids['shop']}/counts"
    for orders in (4, 5):
        told = world.alice.send("PUT", path, {"counts": [{"day": "2026-03-01", "orders": orders}]})
        assert told.status_code == 200, told.text
    data = answered(world.alice.get(path))["data"]
    assert [(one["day"], one["orders"], one["source"]) for one in data] == [("2026-03-01", 5, "api")]
    body = {"segment": "VIP", "members": [{"email": "lea@example.com"}, {"email": "nobody"}]}
    looked = world.alice.post("/segments", body)
    assert (looked.status_code, answered(looked)["added"], answered(looked)["refused"][0]["line"]) == (
        201,
        {"VIP": 1},
        2,
    )
    assert world.alice.get("/segments").json == {"data": []}
    applied = world.alice.post("/segments", {**body, "apply": True})
    assert "example.com" not in applied.text
    assert world.alice.get("/segments").json == {"data": [{"name": "VIP", "customers": 1}]}
    assert world.bob.get("/segments").json == {"data": []}
