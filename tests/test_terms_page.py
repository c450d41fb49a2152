"""The page of terms: a marketer agrees on a percentage by a form, and sees who is paid nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.desk import Desk, desk_with_books, settings_of
from tests.sample_books import Books


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    with desk_with_books(settings_of(sqlite_url, redis_url, tmp_path)) as opened:
        yield opened


def agree(desk: Desk, **form: str) -> int:
    return desk.post("/terms", desk.token("/terms"), **form).status_code


def test_terms_are_agreed_by_a_form_and_then_shown(desk: Desk) -> None:
    assert "No terms yet" in desk.get("/terms").text
    alice = Books("b" * 32)["Alice"]
    assert agree(desk, partner=alice, percent="7.5", returning_flat="2", hold_days="14", valid_from="2026-03-01") == 303
    text = desk.get("/terms").text
    for told in ("Alice", "7.5%", "€2.00", "14"):
        assert told in text
    assert "No terms yet" not in text


def test_a_decimal_comma_is_a_point_and_a_comma_of_thousands_is_asked_about(desk: Desk) -> None:
    assert agree(desk, percent="7,5", valid_from="2026-03-01") == 303
    assert "7.5%" in desk.get("/terms").text
    assert agree(desk, flat="1,500", valid_from="2026-03-02") == 422


def test_an_order_that_nobody_is_paid_for_is_listed_with_the_reason(desk: Desk) -> None:
    text = desk.get("/terms").text
    assert "Orders without terms" in text
    assert "no terms were in force" in text


def test_what_is_refused_is_said_and_what_was_typed_stays(desk: Desk) -> None:
    answer = desk.post("/terms", desk.token("/terms"), percent="120", hold_days="14")
    assert answer.status_code == 422
    assert "Percent: want a percentage from 0 to 100" in answer.text
    assert 'value="120"' in answer.text
    assert agree(desk, hold_days="14") == 422
    assert agree(desk, percent="5", valid_from="2026-03-01") == 303
    assert agree(desk, percent="6", valid_from="2026-03-01") == 422
    assert agree(desk, percent="6", partner=Books("c" * 32)["Alice"]) == 422


def test_a_form_without_its_token_and_a_stranger_change_nothing(desk: Desk) -> None:
    assert desk.post("/terms", percent="5").status_code == 400
    assert desk.another_browser().get("/terms").status_code == 302
    assert "No terms yet" in desk.get("/terms").text
