"""My account: where one is signed in, the language, the password, and the way back in for whoever forgot it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.conftest import NOW, Ledger
from tests.desk import EMAIL, PASSWORD, Desk, opened_desk, settings_of
from tracker.clock import Clock
from tracker.ledger import accounts, sign_ins
from tracker.ledger.database import writing
from tracker.ledger.mails import PURPOSE
from tracker.ledger.tables import Mail, PasswordReset, SignIn
from tracker.sealing import seal
from tracker.web import auth
from tracker.web.throttle import TRIES, TRIES_OF_ACCOUNT

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
FRESH = "another long password"


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened_desk(settings_of(sqlite_url, redis_url, tmp_path)) as opened:
        opened.sign_in()
        yield opened


def letters(desk: Desk) -> list[tuple[Mail, dict[str, str]]]:
    """The letters that wait to be sent, and what fills them."""
    with desk.wiring.sessions() as session:
        rows = session.execute(select(Mail).order_by(Mail.id)).scalars().all()
    opened = seal(desk.wiring.settings.secret_key, PURPOSE)
    return [(row, json.loads(opened.open(row.sealed))) for row in rows if row.sealed]


# --- sessions --------------------------------------------------------------------------------------------------------


def test_a_session_is_listed_as_what_it_was_opened_from(ledger: Ledger) -> None:
    with ledger.writing() as session:
        account = accounts.create_account(session, EMAIL, PASSWORD, NOW)
        sign_in = sign_ins.add(session, account, "Firefox, Linux", "203.0.113.0/24", NOW)
        (found,) = sign_ins.every(session, account, NOW, sign_in)
    assert (found.device, found.network) == ("Firefox, Linux", "203.0.113.0/24")
    assert found.here
    assert (found.opened_at, found.seen_at) == (NOW, NOW)


def test_a_session_is_noted_at_most_once_a_minute_and_ends_when_it_is_idle(ledger: Ledger) -> None:
    with ledger.writing() as session:
        account = accounts.create_account(session, EMAIL, PASSWORD, NOW)
        sign_in = sign_ins.add(session, account, "", None, NOW)
        sign_ins.touch(session, sign_in, NOW + timedelta(seconds=59))
        assert sign_ins.is_open(session, account, sign_in, NOW) == NOW
        sign_ins.touch(session, sign_in, NOW + timedelta(minutes=1))
        assert sign_ins.is_open(session, account, sign_in, NOW) == NOW + timedelta(minutes=1)
        assert sign_ins.is_open(session, account, sign_in, NOW + sign_ins.IDLE + timedelta(minutes=2)) is None
        assert sign_ins.is_open(session, "f" * 32, sign_in, NOW) is None
        sign_ins.end(session, account, sign_in, NOW)
        assert sign_ins.is_open(session, account, sign_in, NOW) is None


def test_the_page_tells_browser_system_and_network_and_nothing_else_is_kept(desk: Desk) -> None:
    browser = desk.another_browser()
    browser.client.environ_base.update(HTTP_USER_AGENT=FIREFOX, REMOTE_ADDR="203.0.113.7")
    browser.sign_in()
    assert "Firefox, Linux" in browser.get("/account").text
    assert "203.0.113.0/24" in desk.get("/account").text
    with desk.wiring.sessions() as session:
        kept = session.execute(select(SignIn).where(SignIn.device != "")).scalars().all()
    assert [(row.device, row.ip_prefix) for row in kept] == [("Firefox, Linux", "203.0.113.0/24")]


def test_signing_out_here_leaves_the_other_browser_signed_in(desk: Desk) -> None:
    other = desk.another_browser()
    other.sign_in()
    desk.post("/sign-out", desk.token("/account"))
    assert desk.get("/account").status_code == 302
    assert other.get("/account").status_code == 200


def test_a_session_is_ended_from_the_list_and_opens_nothing_from_then_on(desk: Desk) -> None:
    other = desk.another_browser()
    other.sign_in()
    page = desk.get("/account").text
    assert page.count("this one") == 1
    (path,) = re.findall(r"/account/sessions/[0-9a-f]{32}/end", page)
    assert desk.post(path, desk.token("/account")).status_code == 303
    assert other.get("/account").status_code == 302
    assert desk.get("/account").status_code == 200


def test_nobody_ends_the_session_of_somebody_else(desk: Desk) -> None:
    with writing(desk.wiring.sessions) as session:
        accounts.create_account(session, "bob@example.com", PASSWORD, NOW)
    bob = desk.another_browser()
    bob.sign_in("bob@example.com")
    with desk.wiring.sessions() as session:
        mine = session.execute(select(SignIn.id).order_by(SignIn.id)).scalars().first()
    bob.post(f"/account/sessions/{mine}/end", bob.token("/account"))
    assert desk.get("/account").status_code == 200


def test_all_other_sessions_end_at_once(desk: Desk) -> None:
    others = [desk.another_browser(), desk.another_browser()]
    for other in others:
        other.sign_in()
    desk.post("/account/sessions/end", desk.token("/account"))
    assert [other.get("/account").status_code for other in others] == [302, 302]
    assert desk.get("/account").status_code == 200


# --- the password ----------------------------------------------------------------------------------------------------


def test_another_password_ends_every_session_but_this_one(desk: Desk) -> None:
    other = desk.another_browser()
    other.sign_in()
    token = desk.token("/account")
    assert desk.post("/account/password", token, current="wrong wrong", password=FRESH).status_code == 422
    assert desk.post("/account/password", token, current=PASSWORD, password="short").status_code == 422
    assert desk.post("/account/password", token, current=PASSWORD, password=FRESH).status_code == 303
    assert desk.get("/account").status_code == 200
    assert other.get("/account").status_code == 302
    assert other.sign_in(password=FRESH).location == "/"


def test_whoever_forgot_it_gets_a_letter_and_the_page_says_the_same_to_everybody(desk: Desk) -> None:
    browser = desk.another_browser()
    token = browser.token("/forgotten")
    answers = [browser.post("/forgotten", token, email=email) for email in (EMAIL.upper(), "nobody@example.com")]
    assert [(answer.status_code, answer.location) for answer in answers] == [(303, "/forgotten/sent")] * 2
    ((letter, values),) = letters(desk)
    assert (letter.kind, letter.recipient, letter.language) == ("password_reset", EMAIL, "en")
    path = values["url"].removeprefix("https://go.example.com")
    with desk.wiring.sessions() as session:
        assert path.removeprefix("/reset/") not in session.execute(select(PasswordReset.digest)).scalars().all()
    form = browser.token(path)
    assert browser.post(path, form, password="short").status_code == 422
    assert browser.post(path, form, password=FRESH).location == "/sign-in?done=password"
    assert browser.post(path, form, password=FRESH).status_code == browser.get(path).status_code == 410
    assert desk.get("/account").status_code == 302
    assert browser.sign_in(password=FRESH).location == "/"


def test_the_link_is_good_for_an_hour_and_another_one_dies_with_its_use(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = datetime(2026, 3, 2, 12, tzinfo=UTC)
    monkeypatch.setattr(Clock, "wall", lambda _clock: start)
    for _ in range(2):
        desk.post("/forgotten", desk.token("/forgotten"), email=EMAIL)
    first, second = (values["url"].removeprefix("https://go.example.com") for _letter, values in letters(desk))
    assert desk.get(first).status_code == 200
    assert desk.post(second, desk.token(second), password=FRESH).status_code == 303
    assert desk.get(first).status_code == 410
    desk.post("/forgotten", desk.token("/forgotten"), email=EMAIL)
    third = letters(desk)[-1][1]["url"].removeprefix("https://go.example.com")
    monkeypatch.setattr(Clock, "wall", lambda _clock: start + timedelta(hours=1, seconds=1))
    assert desk.get(third).status_code == 410


def test_another_password_ends_the_links_that_were_asked_for_before_it(desk: Desk) -> None:
    desk.post("/forgotten", desk.token("/forgotten"), email=EMAIL)
    ((_letter, values),) = letters(desk)
    desk.post("/account/password", desk.token("/account"), current=PASSWORD, password=FRESH)
    assert desk.get(values["url"].removeprefix("https://go.example.com")).status_code == 410


def test_letters_cannot_be_asked_for_from_everywhere(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    networks = iter(f"10.0.{number}.0/24" for number in range(TRIES_OF_ACCOUNT + 1))
    monkeypatch.setattr(auth, "network", lambda _wiring: next(networks))
    token = desk.token("/forgotten")
    answers = [desk.post("/forgotten", token, email=EMAIL).status_code for _ in range(TRIES_OF_ACCOUNT + 1)]
    assert answers == [303] * TRIES_OF_ACCOUNT + [429]


def test_letters_cannot_be_asked_for_without_end(desk: Desk) -> None:
    token = desk.token("/forgotten")
    answers = [desk.post("/forgotten", token, email="nobody@example.com").status_code for _ in range(TRIES + 1)]
    assert answers == [303] * TRIES + [429]


# --- languages -------------------------------------------------------------------------------------------------------


def test_the_language_of_an_account_comes_before_the_browser_s(desk: Desk) -> None:
    assert '<html lang="en">' in desk.get("/account").text
    desk.post("/account/language", desk.token("/account"), language="fr")
    assert '<html lang="fr">' in desk.get("/account").text
    desk.post("/account/language", desk.token("/account"), language="tlh")
    assert '<html lang="en">' in desk.get("/account").text


def test_whoever_is_not_signed_in_chooses_a_language_that_stays_with_them(desk: Desk) -> None:
    browser = desk.another_browser()
    assert 'href="/sign-in?lang=fr"' in browser.get("/sign-in").text
    assert '<html lang="fr">' in browser.get("/sign-in?lang=fr").text
    assert '<html lang="fr">' in browser.get("/forgotten").text
    browser.post("/forgotten", browser.token("/forgotten"), email=EMAIL)
    assert letters(desk)[0][0].language == "fr"
    browser.sign_in()
    assert '<html lang="fr">' in browser.get("/account").text
