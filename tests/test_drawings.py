"""Pictures: they show the figures of their reports, in the style sheet's colours, and cost a page nothing but text."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.desk import Desk, desk_with_books, settings_of
from tests.sample_books import MARCH
from tracker.charts import _bundle, _draw
from tracker.charts._themes import DARK, LIGHT, Theme
from tracker.reports import _shape
from tracker.reports._reader import reader_of
from tracker.reports._shape import Scope

DAYS = "from=2026-03-01&to=2026-03-31"
STATIC = Path(__file__).parent.parent / "tracker" / "web" / "static"
FIRST = date(2026, 3, 1)
EN = reader_of("en")


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    with desk_with_books(settings_of(sqlite_url, redis_url, tmp_path)) as opened:
        yield opened


def values(name: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = _draw.picture(name, rows, EN)
    assert found is not None
    drawn: list[dict[str, Any]] = found.spec["data"]["values"]
    return drawn


# --- what they show --------------------------------------------------------------------------------------------------


def test_a_day_is_stacked_to_the_cent_and_other_currencies_stay_out() -> None:
    row = {"day": FIRST, "currency": "EUR", "revenue": 12345, "influence": 10001, "affiliate": 0, "unattributed": 2344}
    drawn = values("days", [row, {**row, "currency": "USD", "influence": 99}])
    assert [(one["channel"], one["value"], one["shown"]) for one in drawn] == [
        ("Influence", 100.01, "€100.01"),
        ("Affiliate", 0.0, "€0.00"),
        ("Unattributed", 23.44, "€23.44"),
    ]


def test_returns_show_twelve_partners_at_most_with_their_target() -> None:
    rows = [
        {"what": "partner", "partner": f"P{n:02}", "campaign": None, "spent": 100 * n, "revenue": 250, "target": 5,
         "currency": "EUR"}
        for n in range(1, 15)
    ]  # fmt: skip
    drawn = values("returns", rows)
    assert len(drawn) == 24
    assert (drawn[0]["name"], drawn[0]["value"], drawn[0]["target"], drawn[0]["aimed"]) == ("P14", 14.0, 70.0, "€70.00")


def test_a_placement_whose_views_nobody_counted_is_no_point_at_zero() -> None:
    row = {"partner": "A", "network": "tiktok", "format": "video", "views": 900, "revenue": 100, "hollow": None,
           "currency": "EUR"}  # fmt: skip
    assert len(values("placements", [row, row, {**row, "views": None}, {**row, "revenue": None}])) == 2
    assert _draw.picture("placements", [row], EN) is None


def test_steps_and_lines_leave_out_what_is_unknown() -> None:
    whole = {"what": "total", "views": 1000, "likes": None, "clicks": 20, "orders": 3}
    assert [one["step"] for one in values("funnel", [whole])] == ["Views", "Clicks", "Orders"]
    counted = [
        {"day": FIRST + timedelta(n), "likes": 2 * n, "comments": n if n < 2 else None, "shares": None, "saves": None}
        for n in range(3)
    ]
    assert [one["value"] for one in values("growth", counted)] == [0, 0, 2, 1, 4]
    assert _draw.picture("growth", counted[:1], EN) is None


def test_nothing_is_drawn_of_nothing_nor_of_what_has_no_picture() -> None:
    assert _draw.picture("days", [], EN) is None
    assert _draw.picture("channels", [{"channel": "total"}], EN) is None


# --- how they look ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_the_colours_are_those_of_the_style_sheet(theme: Theme) -> None:
    blocks = re.findall(r":root \{(.*?)\}", (STATIC / "style.css").read_text(), re.DOTALL)[:2]
    tokens = dict(re.findall(r"--(\w+): (#\w+)", blocks[0 if theme is LIGHT else 1]))
    assert {one.name: getattr(theme, one.name) for one in fields(theme) if one.name != "font"} == {
        one.name: tokens[one.name] for one in fields(theme) if one.name != "font"
    }


def test_a_picture_speaks_the_readers_language() -> None:
    row = {"day": FIRST, "currency": "EUR", "revenue": 5, "influence": 5, "affiliate": 0, "unattributed": 0}
    found = _draw.picture("days", [row, {**row, "day": FIRST + timedelta(1)}], reader_of("fr"))
    assert found is not None
    assert found.spec["data"]["values"][0]["shown"] == "0,05\xa0€"
    drawn = _draw.svg(found)
    assert "Libertinus Serif" in drawn
    assert "mars" in drawn


# --- on pages --------------------------------------------------------------------------------------------------------


def test_a_page_carries_what_is_drawn_the_script_once_and_a_picture_for_who_has_none(desk: Desk) -> None:
    page = desk.get(f"/reports/days?{DAYS}").text
    (said,) = re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    with desk.wiring.sessions() as session:
        rows = _shape.run(session, "days", Scope("b" * 32, *MARCH)).rows
    assert json.loads(said)["spec"]["data"]["values"] == values("days", list(rows))
    assert page.count("<script src=") == 1
    assert "<noscript>" in page
    assert "<script src=" not in desk.get(f"/reports/partners?{DAYS}").text
    assert "unsafe" not in desk.get(f"/reports/days?{DAYS}").headers["Content-Security-Policy"]


def test_a_picture_is_asked_for_in_either_theme(desk: Desk) -> None:
    light, dark = (desk.get(f"/reports/days.svg?{DAYS}&theme={theme}") for theme in ("light", "dark"))
    assert light.content_type.startswith("image/svg+xml")
    assert LIGHT.influence in light.text
    assert DARK.influence in dark.text
    assert desk.get(f"/reports/days.svg?{DAYS}&theme=blue").status_code == 422
    assert desk.get(f"/reports/partners.svg?{DAYS}").status_code == 404
    assert desk.another_browser().get(f"/reports/days.svg?{DAYS}").status_code == 302


def test_the_script_is_made_once_kept_for_ever_and_named_by_what_it_is_made_of(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[list[str]] = []

    def make(command: list[str], **_: object) -> None:
        made.append(command)
        Path(command[-1]).write_bytes(gzip.compress(b"drawAll()"))

    monkeypatch.setattr("tracker.charts._bundle.subprocess.run", make)
    source = (STATIC / "charts.js").read_text()
    address = f"/charts/{_bundle.key(source)}.js"
    assert address in desk.get(f"/reports/days?{DAYS}").text
    for _ in range(2):
        packed = desk.another_browser().get(address, **{"Accept-Encoding": "gzip"})
        assert (packed.headers["Content-Encoding"], gzip.decompress(packed.data)) == ("gzip", b"drawAll()")
    plain = desk.another_browser().get(address)
    assert plain.data == b"drawAll()"
    assert "immutable" in plain.headers["Cache-Control"]
    assert len(made) == 1
    assert desk.get("/charts/0.js").status_code == 404
    assert _bundle.key(source + " ") != _bundle.key(source)
