"""Every answer carries the headers that keep a browser from being turned against its user."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.desk import Desk, opened_desk, settings_of
from tests.sample_books import write_books
from tracker.ledger.database import writing


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened_desk(settings_of(sqlite_url, redis_url, tmp_path)) as opened:
        with writing(opened.wiring.sessions) as session:
            write_books(session)
        yield opened


PATHS = [
    "/",
    "/sign-in",
    "/orders",
    "/orders/nothing",
    "/reports/channels",
    "/reports/channels.csv",
    "/reports/nothing",
    "/system",
    "/health/live",
    "/health/ready",
    "/static/style.css",
    "/nothing/here",
    "/api/v1/orders",
]


@pytest.mark.parametrize("signed_in", [True, False])
def test_the_headers_stand_on_every_answer(desk: Desk, signed_in: bool) -> None:
    if signed_in:
        desk.sign_in()
    for path in PATHS:
        headers = desk.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "unsafe" not in policy, path
        assert "default-src 'none'" in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Referrer-Policy"] in ("same-origin", "no-referrer"), path
        assert headers["Strict-Transport-Security"].startswith("max-age="), path


def test_pages_are_not_kept_by_caches_and_static_files_may_be(desk: Desk) -> None:
    desk.sign_in()
    assert desk.get("/").headers["Cache-Control"] == "no-store"
    assert desk.get("/static/style.css").headers["Cache-Control"] != "no-store"


def test_no_page_needs_what_the_policy_forbids(desk: Desk) -> None:
    desk.sign_in()
    for path in ("/", "/sign-in", "/orders", "/reports/channels", "/reports/models", "/system"):
        text = desk.get(path).text
        assert not re.search(r"<script|\sstyle=|\son\w+=|javascript:|<style", text), path
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', text), path


def test_no_get_request_changes_the_ledger(desk: Desk) -> None:
    desk.sign_in()
    before = list(_dump(desk))
    for path in PATHS:
        desk.get(path)
    assert list(_dump(desk)) == before


def _dump(desk: Desk) -> Iterator[str]:
    connection = desk.wiring.engine.raw_connection()
    try:
        yield from connection.driver_connection.iterdump()  # type: ignore[union-attr]
    finally:
        connection.close()
