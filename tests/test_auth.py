"""Signing in: who may, for how long, how often one may try, and that a form proves where it comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from redis import Redis
from sqlalchemy import select, update

from tests.conftest import NOW, Ledger
from tests.desk import EMAIL, PASSWORD, Desk, opened_desk, settings_of
from tracker.clock import Clock
from tracker.errors import BadInput, Conflict, NotFound
from tracker.ledger import accounts
from tracker.ledger.tables import Account
from tracker.web import auth
from tracker.web.throttle import TRIES, TRIES_OF_ADDRESS, Throttle


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened_desk(settings_of(sqlite_url, redis_url, tmp_path)) as opened:
        yield opened


class Waiting(Clock):
    """A wall clock that a test moves on."""

    ahead = timedelta(0)

    def wall(self) -> datetime:
        return datetime.now(UTC) + Waiting.ahead


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Waiting]]:
    monkeypatch.setattr(Clock, "wall", Waiting.wall)
    Waiting.ahead = timedelta(0)
    yield Waiting
    Waiting.ahead = timedelta(0)


# --- accounts --------------------------------------------------------------------------------------------------------


def made(ledger: Ledger) -> str:
    with ledger.writing() as session:
        return accounts.create_account(session, f" {EMAIL.upper()} ", PASSWORD, NOW)


def hash_of(ledger: Ledger) -> str:
    with ledger.session() as session:
        return session.execute(select(Account.password_hash)).scalar_one()


def test_an_account_is_verified_by_its_password_whatever_the_case_of_the_address(ledger: Ledger) -> None:
    account = made(ledger)
    found = accounts.verify_password(ledger.session, EMAIL.title(), PASSWORD)
    assert found is not None
    assert (found.id, found.email) == (account, EMAIL)
    assert accounts.verify_password(ledger.session, EMAIL, PASSWORD + "x") is None
    assert accounts.verify_password(ledger.session, "nobody@example.com", PASSWORD) is None


def test_a_password_is_kept_as_argon2id_only(ledger: Ledger) -> None:
    made(ledger)
    assert hash_of(ledger).startswith("$argon2id$")


def test_an_unknown_address_has_a_hash_computed_too(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []

    def look(known: str, _password: str) -> bool:
        looked_at.append(known)
        return False

    monkeypatch.setattr(accounts, "_matches", look)
    made(ledger)
    for email in (EMAIL, "nobody@example.com"):
        accounts.verify_password(ledger.session, email, "wrong")
    assert len(looked_at) == 2
    assert all(known.startswith("$argon2id$") for known in looked_at)


def test_one_address_has_one_account(ledger: Ledger) -> None:
    made(ledger)
    with pytest.raises(Conflict):
        made(ledger)


def test_a_hash_made_with_weaker_parameters_is_replaced_at_the_next_sign_in(ledger: Ledger) -> None:
    made(ledger)
    weak = PasswordHasher(time_cost=1, memory_cost=8 * 1024).hash(PASSWORD)
    with ledger.writing() as session:
        session.execute(update(Account).values(password_hash=weak))
    assert accounts.verify_password(ledger.session, EMAIL, PASSWORD)
    assert hash_of(ledger) != weak
    assert accounts.verify_password(ledger.session, EMAIL, PASSWORD)


def test_another_password_ends_every_session(ledger: Ledger) -> None:
    account = made(ledger)
    with ledger.writing() as session:
        accounts.set_password(session, EMAIL, "another long password", NOW)
    with ledger.session() as session:
        assert accounts.person(session, account, 0) is None
        assert accounts.person(session, account, 1) is not None
    assert accounts.verify_password(ledger.session, EMAIL, PASSWORD) is None
    assert accounts.verify_password(ledger.session, EMAIL, "another long password")


def test_what_cannot_be_an_account_is_refused(sqlite_ledger: Ledger) -> None:
    for email, password in (("marie", PASSWORD), ("a b@c", PASSWORD), ("@c", PASSWORD), (EMAIL, "short")):
        with pytest.raises(BadInput), sqlite_ledger.writing() as session:
            accounts.create_account(session, email, password, NOW)
    with pytest.raises(NotFound), sqlite_ledger.writing() as session:
        accounts.set_password(session, EMAIL, PASSWORD, NOW)


# --- sessions --------------------------------------------------------------------------------------------------------


def test_whoever_is_not_signed_in_is_asked_to_and_comes_back(desk: Desk) -> None:
    asked = desk.get("/reports/channels?model=linear")
    assert (asked.status_code, asked.location) == (302, "/sign-in?next=/reports/channels?model%3Dlinear")
    entered = desk.sign_in(next_page="/reports/channels?model=linear")
    assert (entered.status_code, entered.location) == (302, "/reports/channels?model=linear")
    assert desk.get("/reports/channels").status_code == 200


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/a\r\nb", "x"]
)
def test_the_sign_in_never_leads_to_another_site(desk: Desk, elsewhere: str) -> None:
    assert desk.sign_in(next_page=elsewhere).location == "/"


def test_the_cookie_is_for_this_host_over_https_and_no_script(desk: Desk) -> None:
    cookie = desk.sign_in().headers["Set-Cookie"]
    assert cookie.startswith("__Host-tracker=")
    for term in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"):
        assert term in cookie
    assert "Domain" not in cookie


def test_without_https_the_cookie_works_on_a_plain_host(sqlite_url: str, redis_url: str, tmp_path: Path) -> None:
    settings = settings_of(sqlite_url, redis_url, tmp_path, PUBLIC_URL="http://127.0.0.1:8000")
    with opened_desk(settings) as desk:
        token = desk.client.get("/sign-in").text.split('csrf_token" value="')[1].split('"')[0]
        answer = desk.client.post("/sign-in", data={"csrf_token": token, "email": EMAIL, "password": PASSWORD})
    assert "Secure" not in answer.headers["Set-Cookie"]
    assert "Strict-Transport-Security" not in answer.headers


def test_the_session_is_a_new_one_after_signing_in(desk: Desk) -> None:
    token = desk.token()
    planted = desk.client.get_cookie("__Host-tracker", domain="go.example.com")
    desk.post("/sign-in", token, email=EMAIL, password=PASSWORD)
    fresh = desk.client.get_cookie("__Host-tracker", domain="go.example.com")
    assert planted is not None
    assert fresh is not None
    assert planted.value != fresh.value
    assert desk.post("/sign-out", token).status_code == 400


def test_signing_out_ends_the_session_for_a_copied_cookie_too(desk: Desk) -> None:
    desk.sign_in()
    copied = desk.client.get_cookie("__Host-tracker", domain="go.example.com")
    assert copied is not None
    thief = desk.another_browser()
    thief.client.set_cookie("__Host-tracker", copied.value, domain="go.example.com", secure=True)
    assert thief.get("/").status_code == 200
    assert desk.post("/sign-out", desk.token("/")).status_code == 302
    assert thief.get("/").status_code == desk.get("/").status_code == 302


def test_an_idle_session_ends_and_a_busy_one_goes_on(desk: Desk, later: type[Waiting]) -> None:
    desk.sign_in()
    for _ in range(3):
        later.ahead += auth.IDLE - timedelta(minutes=1)
        assert desk.get("/").status_code == 200
    later.ahead += auth.IDLE + timedelta(minutes=1)
    assert desk.get("/").status_code == 302


def test_no_session_is_longer_than_a_week(desk: Desk, later: type[Waiting]) -> None:
    desk.sign_in()
    while later.ahead < auth.LONGEST - timedelta(hours=7):
        later.ahead += timedelta(hours=7)
        assert desk.get("/").status_code == 200
    later.ahead = auth.LONGEST + timedelta(minutes=1)
    assert desk.get("/").status_code == 302


def test_a_forged_cookie_is_nobody_s(desk: Desk) -> None:
    desk.sign_in()
    cookie = desk.client.get_cookie("__Host-tracker", domain="go.example.com")
    assert cookie is not None
    desk.client.set_cookie("__Host-tracker", cookie.value[:-1] + "_", domain="go.example.com", secure=True)
    assert desk.get("/").status_code == 302


def test_a_wrong_password_says_nothing_about_the_account(desk: Desk) -> None:
    known = desk.sign_in(password="wrong wrong wrong")
    unknown = desk.sign_in(email="nobody@example.com", password="wrong wrong wrong")
    assert known.status_code == unknown.status_code == 403
    before_form = [answer.text.split("<form")[0] for answer in (known, unknown)]
    assert before_form[0] == before_form[1]


# --- throttling ------------------------------------------------------------------------------------------------------


def test_after_ten_wrong_passwords_even_the_right_one_waits(desk: Desk) -> None:
    throttle = Throttle(desk.wiring.hasty_redis, desk.wiring.settings.secret_key)
    for _ in range(TRIES):
        assert throttle.allows(EMAIL, "127.0.0.0/24")
    assert desk.sign_in().status_code == 429
    assert not any(b"marie" in key or b"127" in key for key in desk.wiring.hasty_redis.scan_iter("*"))


def test_attempts_are_counted_for_account_and_address_and_forgiven_by_the_right_password(redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        throttle = Throttle(redis, "k" * 32)
        assert [throttle.allows(EMAIL, "a") for _ in range(TRIES + 1)] == [True] * TRIES + [False]
        assert throttle.allows(EMAIL, "b")
        throttle.forgive(EMAIL, "a")
        assert throttle.allows(EMAIL, "a")


def test_one_address_cannot_try_one_password_on_everybody(redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        throttle = Throttle(redis, "k" * 32)
        tries = [throttle.allows(f"{number}@example.com", "a") for number in range(TRIES_OF_ADDRESS + 1)]
    assert tries == [True] * TRIES_OF_ADDRESS + [False]


def test_without_redis_attempts_are_counted_here_and_nobody_is_locked_out() -> None:
    with Redis.from_url("unix:///nowhere/redis.sock") as redis:
        throttle = Throttle(redis, "k" * 32)
        assert [throttle.allows(EMAIL, "a") for _ in range(TRIES + 1)] == [True] * TRIES + [False]
        throttle.forgive(EMAIL, "a")
        assert throttle.allows(EMAIL, "a")


# --- forms -----------------------------------------------------------------------------------------------------------


def test_a_form_without_its_token_changes_nothing(desk: Desk) -> None:
    assert desk.post("/sign-in", None, email=EMAIL, password=PASSWORD).status_code == 400
    assert desk.get("/").status_code == 302


def test_a_form_sent_from_another_site_is_refused(desk: Desk) -> None:
    token = desk.token()
    crossed = desk.client.post(
        "/sign-in",
        base_url="https://go.example.com",
        data={"csrf_token": token, "email": EMAIL, "password": PASSWORD},
        headers={"Sec-Fetch-Site": "cross-site", "Referer": "https://go.example.com/"},
    )
    assert crossed.status_code == 403
    assert desk.post("/sign-in", token, origin="https://evil.example", email=EMAIL).status_code == 400


def test_every_form_that_writes_asks_for_a_token(desk: Desk) -> None:
    desk.sign_in()
    writing = [
        rule
        for rule in desk.app.url_map.iter_rules()
        if {"POST", "PUT", "PATCH", "DELETE"} & set(rule.methods or ())
        and not rule.rule.startswith(("/api/", "/webhooks/"))
    ]
    assert writing
    for rule in writing:
        path = re.sub("<[^>]*>", "f" * 32, rule.rule)
        assert desk.post(path).status_code == 400, path
