"""Whoever may not write is refused on every form of the application, read from the application itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import NOW
from tests.desk import Desk, opened_desk, settings_of
from tests.sample_books import Books, write_books
from tracker.domain.roles import Role
from tracker.ledger import accounts
from tracker.ledger.database import writing

BRAND, OTHER = "b" * 32, "c" * 32
PASSWORD = "a long enough password"
# What everybody may send: those who are not signed in, and each for their own account.
PUBLIC = ("auth.", "forgotten.", "invitation.", "account.")


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened_desk(settings_of(sqlite_url, redis_url, tmp_path)) as opened:
        with writing(opened.wiring.sessions) as session:
            write_books(session)
            write_books(session, OTHER, "Bazar Bleu")
        yield opened


def member(desk: Desk, email: str, brand: str, role: Role) -> Desk:
    """A browser signed in as somebody who is `role` of the brand."""
    with writing(desk.wiring.sessions) as session:
        account = accounts.create_account(session, email, PASSWORD, NOW)
        accounts.join(session, account, brand, role, NOW)
    browser = desk.another_browser()
    assert browser.sign_in(email, PASSWORD).status_code == 302
    return browser


def forms(desk: Desk) -> list[tuple[str, str]]:
    """The endpoint and path of everything that a page may send, but what everybody may."""
    return [
        (rule.endpoint, re.sub("<[^>]*>", "f" * 32, rule.rule))
        for rule in desk.app.url_map.iter_rules()
        if {"POST", "PUT", "PATCH", "DELETE"} & set(rule.methods or ())
        and not rule.rule.startswith(("/api/", "/webhooks/"))
        and not rule.endpoint.startswith(PUBLIC)
    ]


def test_a_viewer_and_another_brand_s_owner_can_send_no_form(desk: Desk) -> None:
    viewer = member(desk, "viewer@example.com", BRAND, Role.VIEWER)
    stranger = member(desk, "stranger@example.com", OTHER, Role.OWNER)
    found = forms(desk)
    assert {"terms.add", "payouts.add", "rules.begin", "people.invite"} <= {endpoint for endpoint, _path in found}
    for browser in (viewer, stranger):
        token = browser.token("/account")
        answers = {endpoint: browser.post(f"{path}?brand={BRAND}", token).status_code for endpoint, path in found}
        assert {endpoint: status for endpoint, status in answers.items() if status not in (403, 404)} == {}


def test_a_viewer_reads_every_page_without_a_form_that_would_be_refused(desk: Desk) -> None:
    viewer = member(desk, "viewer@example.com", BRAND, Role.VIEWER)
    for page in ("/", "/terms", "/payouts", "/rules/", "/estimates", "/issue"):
        answer = viewer.get(page)
        assert answer.status_code == 200, page
        main = answer.text.split("<main")[1]
        assert 'method="post"' not in main, page
    assert "People" not in viewer.get("/").text
    assert viewer.get("/people").status_code == 403


@pytest.mark.parametrize(
    ("role", "terms", "issue", "people"),
    [(Role.OWNER, 422, 422, 200), (Role.MARKETER, 403, 422, 403), (Role.FINANCE, 422, 403, 403)],
)
def test_each_role_does_its_own_work(desk: Desk, role: Role, terms: int, issue: int, people: int) -> None:
    browser = member(desk, "somebody@example.com", BRAND, role)
    token = browser.token("/account")
    assert browser.post("/terms", token).status_code == terms
    assert browser.post("/issue", token).status_code == issue
    assert browser.get("/people").status_code == people


def test_whoever_is_only_a_partner_never_sees_a_staff_page(desk: Desk) -> None:
    with writing(desk.wiring.sessions) as session:
        account = accounts.create_account(session, "alice@example.com", PASSWORD, NOW)
        accounts.join(session, account, BRAND, Role.PARTNER, NOW, partner=Books(BRAND)["Alice"])
    partner = desk.another_browser()
    partner.sign_in("alice@example.com", PASSWORD)
    for page in ("/", "/reports/partners", "/terms", "/people", "/system"):
        answer = partner.get(page)
        assert answer.status_code == 403 or answer.location == "/partner", page
        assert "<nav" not in answer.text
    assert partner.get("/account").status_code == 200


def test_whoever_was_removed_sees_nothing_from_the_next_request_on(desk: Desk) -> None:
    viewer = member(desk, "viewer@example.com", BRAND, Role.VIEWER)
    desk.sign_in()
    page = f"/people?brand={BRAND}"
    account = re.search(r"/people/([0-9a-f]{32})/remove", desk.get(page).text)
    assert account is not None
    assert desk.post(f"/people/{account.group(1)}/remove?brand={BRAND}", desk.token(page)).status_code == 303
    assert viewer.get("/reports/partners").status_code == 403
