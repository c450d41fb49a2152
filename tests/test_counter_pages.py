"""Placements and their counters on pages: typed into a grid, or from a file whose columns are named, tried, applied."""

from __future__ import annotations

import io
import re
from base64 import b64encode
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from werkzeug.test import TestResponse

from tests.desk import ORIGIN, Desk, desk_with_books, settings_of
from tests.sample_books import Books
from tracker.errors import BadInput
from tracker.importing import _table

BOOKS = Books("b" * 32)
VIDEO = "https://tiktok.example/v/1"


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    with desk_with_books(settings_of(sqlite_url, redis_url, tmp_path)) as opened:
        yield opened


def place(desk: Desk, **form: str) -> str:
    """A placement of Alice's, added by the form; its id."""
    form = {"partner": BOOKS["Alice"], "network": "TikTok", "format": "video", "title": "Unboxing", **form}
    answer = desk.post("/placements", desk.token("/placements"), **form)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"].rpartition("/")[2]


def workbook(*rows: tuple[Any, ...]) -> bytes:
    book = Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def upload(desk: Desk, content: bytes, name: str = "figures.xlsx") -> TestResponse:
    fields = {"csrf_token": desk.token("/snapshots/import"), "file": (io.BytesIO(content), name)}
    return desk.client.post(
        "/snapshots/import", base_url=ORIGIN, data=fields, headers={"Referer": f"{ORIGIN}/"}, buffered=True
    )


def carried_on(desk: Desk, content: bytes, action: str, **form: str) -> TestResponse:
    said = {"content": b64encode(content).decode(), "action": action, **form}
    return desk.post("/snapshots/import", desk.token("/snapshots/import"), **said)


def test_a_placement_is_added_with_its_own_link_edited_and_marked_as_shown_again(desk: Desk) -> None:
    assert "No placement here yet" in desk.get("/placements").text
    one = place(desk, campaign=BOOKS["spring"], url=VIDEO, landing_url="https://shop.example/cta", message="gift",
                published_at="2026-03-01T10:00")  # fmt: skip
    page = desk.get(f"/placements/{one}").text
    assert "https://shop.example/cta" in page
    assert 'value="2026-03-01T10:00"' in page
    edited = {"network": "tiktok", "format": "story", "title": "Unboxing, again", "message": "", "reused": "1"}
    assert desk.post(f"/placements/{one}", desk.token("/placements"), **edited).status_code == 303
    listed = desk.get("/placements").text
    assert "Unboxing, again" in listed
    assert "reused" in listed
    wrong = desk.post(f"/placements/{one}", desk.token("/placements"), **{**edited, "url": "nowhere"})
    assert (wrong.status_code, 'value="nowhere"' in wrong.text) == (422, True)


def test_a_grid_takes_what_is_known_and_leaves_the_rest_unknown(desk: Desk) -> None:
    one, two = place(desk), place(desk, title="Haul")
    first = {"taken_at": "2026-03-02T12:00", f"{one}.views": "12 000", f"{one}.likes": "300"}
    answer = desk.post("/snapshots", desk.token("/snapshots"), **first)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/snapshots?added=1")
    again = {"taken_at": "2026-03-03T12:00", f"{one}.views": "15000", f"{two}.views": "0"}
    assert desk.post("/snapshots", desk.token("/snapshots"), **again).headers["Location"].endswith("added=2")
    page = desk.get(f"/placements/{one}").text
    assert "+3,000" in page
    assert "15,000" in page
    assert "–" in page
    assert "12,000" in page
    assert ">0<" in desk.get(f"/placements/{two}").text


def test_a_grid_that_holds_nonsense_is_refused_whole_and_says_where(desk: Desk) -> None:
    one, two = place(desk), place(desk, title="Haul")
    wrong = {f"{one}.views": "5", f"{two}.likes": "many"}
    answer = desk.post("/snapshots", desk.token("/snapshots"), **wrong)
    assert answer.status_code == 422
    assert "Haul, Likes" in answer.text
    assert 'value="many"' in answer.text
    assert "Nothing counted yet" in desk.get(f"/placements/{one}").text
    assert desk.post("/snapshots", desk.token("/snapshots")).status_code == 422


def test_a_workbook_is_mapped_tried_and_applied_and_again_it_adds_nothing(desk: Desk) -> None:
    one = place(desk, url=VIDEO)
    content = workbook(
        ("Lien", "Relevé", "Vues", "J'aime", "Remark"),
        (VIDEO, date(2026, 3, 2), 12345.0, 300, "x"),
        ("https://elsewhere.example", date(2026, 3, 2), 1, 1, ""),
    )
    opened = upload(desk, content).text
    for field, column in (("placement", "Lien"), ("taken_at", "Relevé"), ("views", "Vues")):
        choice = opened[opened.index(f'name="column.{field}"') :]
        assert re.search(r'value="([^"]*)" selected', choice[: choice.index("</select>")]), field
        assert f'value="{column}" selected' in choice[: choice.index("</select>")]
    said = {"column.placement": "Lien", "column.taken_at": "Relevé", "column.views": "Vues", "column.likes": "J'aime"}
    tried = carried_on(desk, content, "check", **said)
    assert tried.status_code == 200
    for told in ("1 line to add", "1 refused", "12,345", "elsewhere.example", "Add 1 line"):
        assert told in tried.text, told
    assert "Nothing counted yet" in desk.get(f"/placements/{one}").text
    assert carried_on(desk, content, "apply", **said).headers["Location"] == "/snapshots?added=1"
    assert "12,345" in desk.get(f"/placements/{one}").text
    assert "1 there already" in carried_on(desk, content, "check", **said).text


def test_a_csv_file_without_places_and_days_takes_those_that_the_form_says(desk: Desk) -> None:
    one = place(desk)
    content = b"views;likes\n10;2\n"
    said = {"column.views": "views", "placement": one, "taken_at": "2026-03-05"}
    assert carried_on(desk, content, "apply", **said).status_code == 303
    page = desk.get(f"/placements/{one}").text
    assert ">10<" in page
    assert ">2<" not in page  # its column was not chosen


def test_a_file_that_will_not_do_is_refused_with_what_would(desk: Desk) -> None:
    assert "formula" in upload(desk, workbook(("views",), ("=1+1",))).text
    assert upload(desk, b"PK\x03\x04nonsense").status_code == 422
    assert upload(desk, b"").status_code == 422
    assert "larger than one megabyte" in carried_on(desk, b"views,likes\n" + b"1,1\n" * 255_000, "").text
    answer = carried_on(desk, b"views,likes\n1,2\n", "check")
    assert (answer.status_code, "say which column holds a counter" in answer.text) == (422, True)
    assert carried_on(desk, b"", "check").status_code == 422


def test_a_file_of_almost_a_megabyte_survives_the_form(desk: Desk) -> None:
    content = b"views,likes,placement\n" + b"1,1,x\n" * 150_000
    answer = carried_on(desk, content, "")
    assert answer.status_code == 200
    assert "150,000 rows" in answer.text


def test_the_cells_of_a_workbook_are_read_typed() -> None:
    table = _table.read(
        workbook(
            ("Order ID", "placed_at", "total", "day", "paid"),
            (1234567890123, datetime(2026, 3, 2, 10, 30), 12.5, date(2026, 3, 2), True),  # noqa: DTZ001  (as Excel has it)
            (None, None, None, None, None),
            ("A-1", "2026-03-02", 0.1 + 0.2, None, False),
        )
    )
    first, last = table.rows
    assert dict(first.cells) == {"order_id": "1234567890123", "placed_at": "2026-03-02 10:30:00", "total": "12.5",
                                 "day": "2026-03-02", "paid": "true"}  # fmt: skip
    assert (last.line, last.cells["total"], "day" in last.cells) == (4, "0.3", False)


def test_a_formula_and_an_error_are_named_by_their_cell() -> None:
    for cell, why in (("=A1", "B2 holds a formula"), ("#DIV/0!", "B2 holds the error")):
        with pytest.raises(BadInput, match=why):
            _table.read(workbook(("views", "likes"), (1, cell)))
    with pytest.raises(BadInput, match="empty"):
        _table.read(workbook())
