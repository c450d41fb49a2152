"""A marketer brings the brand's customer file on a page: its columns are named, it is tried, then applied."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update
from werkzeug.test import TestResponse

from tests.conftest import NOW, Ledger
from tests.desk import ORIGIN, PASSWORD, Desk, desk_with_books, settings_of
from tests.intake import all_text
from tests.sample_books import Books
from tracker.domain.roles import Role
from tracker.ledger import accounts
from tracker.ledger.database import writing
from tracker.ledger.tables import OrderRow, Segment
from tracker.sealing import hash_customer

BOOKS = Books("b" * 32)
REPORT = "/reports/segments?from=2026-03-01&to=2026-03-31"
FILE = b"E-mail;Groupe\nLea@Example.com;VIP\nmax@example.com;VIP\nlea@example.com;Newsletter\nnobody;VIP\n"
SAID = {"column.email": "E-mail", "column.segment": "Groupe"}
LIST = "/segments"


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    """The books' orders are all Léa's."""
    with desk_with_books(settings_of(sqlite_url, redis_url, tmp_path)) as opened:
        with writing(opened.wiring.sessions) as session:
            lea = hash_customer(opened.wiring.settings.secret_key, BOOKS.brand)("lea@example.com")
            session.execute(update(OrderRow).values(customer=lea))
        yield opened


def upload(desk: Desk, content: bytes) -> TestResponse:
    fields = {"csrf_token": desk.token(LIST), "file": (io.BytesIO(content), "crm.csv")}
    return desk.client.post(LIST, base_url=ORIGIN, data=fields, headers={"Referer": f"{ORIGIN}/"}, buffered=True)


def carried_on(desk: Desk, content: bytes, action: str, **said: str) -> TestResponse:
    """The form that the file's page shows, sent."""
    fields = {"content": b64encode(content).decode(), "action": action, **said}
    return desk.post(LIST, desk.token(LIST), **fields)


def held(desk: Desk) -> str:
    return all_text(Ledger("", desk.wiring.engine, desk.wiring.sessions), [Segment])


def test_a_file_is_mapped_tried_and_applied_and_the_report_tells_its_segments(desk: Desk) -> None:
    opened = upload(desk, FILE).text
    for field, column in (("email", "E-mail"), ("segment", "Groupe")):
        choice = opened[opened.index(f'name="column.{field}"') :]
        assert f'value="{column}" selected' in choice[: choice.index("</select>")]
    tried = carried_on(desk, FILE, "check", **SAID)
    for told in ("3 customers to add", "1 refused", "Line 5", "Add 3 customers", ">Newsletter<"):
        assert told in tried.text, told
    assert "VIP" not in desk.get(REPORT).text
    done = carried_on(desk, FILE, "apply", **SAID)
    assert (done.status_code, done.headers["Location"]) == (303, "/segments?added=3")
    assert "3 customers added" in desk.get(done.headers["Location"]).text
    assert "VIP" in desk.get(REPORT).text
    assert "3 there already" in carried_on(desk, FILE, "check", **SAID).text


def test_lines_that_name_no_segment_take_the_one_of_the_form(desk: Desk) -> None:
    said = {"column.email": "mail", "segment": "Sleepers"}
    assert carried_on(desk, b"mail\nlea@example.com\n", "apply", **said).status_code == 303
    assert "Sleepers" in desk.get(LIST).text
    assert carried_on(desk, b"mail\nlea@example.com\n", "check", **{"column.email": "mail"}).status_code == 200


def test_addresses_are_hashes_in_the_ledger_and_in_no_list(desk: Desk) -> None:
    carried_on(desk, FILE, "apply", **SAID)
    for text in (held(desk), desk.get(LIST).text.partition("<h2>Segments")[2], desk.get(REPORT).text):
        assert "lea@" not in text.lower()


def test_a_file_that_will_not_do_is_refused_with_what_would(desk: Desk) -> None:
    answer = carried_on(desk, FILE, "check", **{"column.segment": "Groupe"})
    assert (answer.status_code, "say which column holds the e-mail address" in answer.text) == (422, True)
    answer = carried_on(desk, b"mail\nnobody\n", "apply", **{"column.email": "mail", "segment": "VIP"})
    assert (answer.status_code, "nothing was added" in answer.text) == (422, True)
    assert upload(desk, b"PK\x03\x04nonsense").status_code == 422


def test_a_segment_is_removed_and_an_unknown_one_is_refused(desk: Desk) -> None:
    carried_on(desk, FILE, "apply", **SAID)
    assert desk.post(f"{LIST}/remove", desk.token(LIST), name="VIP").status_code == 303
    page = desk.get(LIST).text
    assert ">Newsletter<" in page
    assert ">VIP<" not in page
    assert desk.post(f"{LIST}/remove", desk.token(LIST), name="VIP").status_code == 422


def test_who_only_looks_sees_the_segments_and_brings_none(desk: Desk) -> None:
    carried_on(desk, FILE, "apply", **SAID)
    with writing(desk.wiring.sessions) as session:
        vera = accounts.create_account(session, "vera@example.com", PASSWORD, NOW)
        accounts.join(session, vera, BOOKS.brand, Role.VIEWER, NOW)
    vera_s = desk.another_browser()
    vera_s.sign_in("vera@example.com")
    page = vera_s.get(LIST).text
    assert ">VIP<" in page
    assert 'type="file"' not in page
    assert "Your customer file</a></p>" not in vera_s.get(REPORT).text
    for path in (LIST, f"{LIST}/remove"):
        assert vera_s.post(path, vera_s.token(LIST), name="VIP").status_code == 403
