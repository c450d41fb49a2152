"""The second step: codes as RFC 6238 has them, each good once, asked for after the password and never before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import NOW, Ledger
from tests.desk import EMAIL, PASSWORD, Desk, opened_desk, settings_of
from tracker.clock import Clock
from tracker.domain import totp
from tracker.errors import BadInput, Conflict
from tracker.ledger import accounts, second_factor
from tracker.ledger.tables import Account
from tracker.web.throttle import TRIES

KEY = "0" * 64
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # "12345678901234567890"


@pytest.mark.parametrize(
    ("second", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_codes_are_those_of_the_standard(second: int, code: str) -> None:
    """RFC 6238, appendix B, the last six digits of eight."""
    assert totp.code_at(RFC_SECRET, totp.step_of(datetime.fromtimestamp(second, UTC))) == code


def test_a_code_of_the_step_before_and_after_will_do_and_no_other() -> None:
    step = totp.step_of(NOW)
    found = [totp.matching_step(RFC_SECRET, totp.code_at(RFC_SECRET, step + apart), NOW) for apart in range(-2, 3)]
    assert found == [None, step - 1, step, step + 1, None]
    assert totp.matching_step(
        RFC_SECRET, f" {totp.code_at(RFC_SECRET, step)[:3]} {totp.code_at(RFC_SECRET, step)[3:]}", NOW
    )
    for nonsense in ("", "12345", "1234567", "abcdef", "١٢٣٤٥٦"):
        assert totp.matching_step(RFC_SECRET, nonsense, NOW) is None


# --- in the ledger ---------------------------------------------------------------------------------------------------


def switched_on(ledger: Ledger) -> tuple[str, str, list[str]]:
    """An account with a second factor: its id, its secret, its recovery codes."""
    with ledger.writing() as session:
        account = accounts.create_account(session, EMAIL, PASSWORD, NOW)
        second_factor.begin(session, KEY, account)
        secret = second_factor.waiting(session, KEY, account)
        assert secret is not None
        codes = second_factor.confirm(session, KEY, account, totp.code_at(secret, totp.step_of(NOW)), NOW)
    return account, secret, codes


def spends(ledger: Ledger, account: str, code: str, wall: datetime) -> bool:
    with ledger.writing() as session:
        return second_factor.spend(session, KEY, account, code, wall)


def test_a_code_is_good_once_and_an_older_one_never_after_it(ledger: Ledger) -> None:
    account, secret, _codes = switched_on(ledger)
    later = NOW + timedelta(seconds=60)
    step = totp.step_of(later)
    assert not spends(ledger, account, totp.code_at(secret, totp.step_of(NOW)), NOW)
    assert spends(ledger, account, totp.code_at(secret, step), later)
    assert not spends(ledger, account, totp.code_at(secret, step), later)
    assert not spends(ledger, account, totp.code_at(secret, step - 1), later)


def test_a_recovery_code_is_good_once_however_it_is_typed(ledger: Ledger) -> None:
    account, _secret, codes = switched_on(ledger)
    assert len(set(codes)) == second_factor.RECOVERY_CODES
    assert spends(ledger, account, codes[0].upper().replace("-", " "), NOW)
    assert not spends(ledger, account, codes[0], NOW)
    with ledger.session() as session:
        assert second_factor.recovery_left(session, account) == second_factor.RECOVERY_CODES - 1
        kept = session.get_one(Account, account)
        assert secret_is_sealed(kept, codes)


def secret_is_sealed(kept: Account, codes: list[str]) -> bool:
    return bool(kept.totp_secret) and not any(code in str(kept.recovery) for code in codes)


def test_what_was_not_confirmed_is_not_asked_for(sqlite_ledger: Ledger) -> None:
    with sqlite_ledger.writing() as session:
        account = accounts.create_account(session, EMAIL, PASSWORD, NOW)
        with pytest.raises(Conflict):
            second_factor.confirm(session, KEY, account, "000000", NOW)
        second_factor.begin(session, KEY, account)
        with pytest.raises(BadInput):
            second_factor.confirm(session, KEY, account, "000000x", NOW)
        assert not second_factor.is_on(session, account)
        assert not second_factor.spend(session, KEY, account, "000000", NOW)


# --- on the pages ----------------------------------------------------------------------------------------------------


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(Clock, "wall", lambda _clock: NOW)
    with opened_desk(settings_of(sqlite_url, redis_url, tmp_path)) as opened:
        opened.sign_in()
        yield opened


def turn_on(desk: Desk) -> tuple[str, list[str]]:
    """Switch it on as a person does: the secret of the page, and the recovery codes."""
    assert desk.post("/account/second-step", desk.token("/account")).location == "/account/second-step"
    page = desk.get("/account/second-step").text
    assert "data:image/svg+xml" in page
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", page)
    assert secret is not None
    plain = secret.group(1).replace(" ", "")
    token = desk.token("/account/second-step")
    assert desk.post("/account/second-step/confirm", token, code="12345").status_code == 422
    answer = desk.post("/account/second-step/confirm", token, code=totp.code_at(plain, totp.step_of(NOW)))
    assert answer.status_code == 200
    return plain, re.findall(r"<code>([a-z0-9-]{19})</code>", answer.text)


def test_signing_in_takes_the_password_and_then_a_code(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    secret, codes = turn_on(desk)
    assert len(codes) == second_factor.RECOVERY_CODES
    assert codes[0] not in desk.get("/account").text
    elsewhere = desk.another_browser()
    assert elsewhere.sign_in(password="wrong wrong wrong").status_code == 403
    assert elsewhere.get("/sign-in/code").location == "/sign-in"
    assert elsewhere.sign_in(next_page="/terms").location == "/sign-in/code"
    assert elsewhere.get("/").status_code == 302
    token = elsewhere.token("/sign-in/code")
    used = totp.code_at(secret, totp.step_of(NOW))
    assert elsewhere.post("/sign-in/code", token, code=used).status_code == 403
    monkeypatch.setattr(Clock, "wall", lambda _clock: NOW + timedelta(minutes=1))
    fresh = totp.code_at(secret, totp.step_of(NOW) + 2)
    assert elsewhere.post("/sign-in/code", token, code=fresh).location == "/terms"
    assert elsewhere.get("/account").status_code == 200


def test_a_recovery_code_opens_too_and_codes_cannot_be_guessed_at(desk: Desk) -> None:
    _secret, codes = turn_on(desk)
    elsewhere = desk.another_browser()
    elsewhere.sign_in()
    token = elsewhere.token("/sign-in/code")
    answers = [elsewhere.post("/sign-in/code", token, code="000000").status_code for _ in range(TRIES)]
    assert set(answers) <= {403, 429}
    assert answers[-1] == 429
    assert elsewhere.post("/sign-in/code", token, recovery=codes[0]).status_code == 429
    desk.wiring.hasty_redis.flushall()
    assert elsewhere.post("/sign-in/code", token, recovery=codes[0]).status_code == 303


def test_the_second_step_waits_ten_minutes_and_not_for_a_changed_password(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    _secret, codes = turn_on(desk)
    elsewhere = desk.another_browser()
    elsewhere.sign_in()
    token = elsewhere.token("/sign-in/code")
    monkeypatch.setattr(Clock, "wall", lambda _clock: NOW + timedelta(minutes=11))
    assert elsewhere.post("/sign-in/code", token, recovery=codes[0]).location == "/sign-in"


def test_it_is_switched_off_by_password_and_code(desk: Desk) -> None:
    _secret, codes = turn_on(desk)
    token, path = desk.token("/account"), "/account/second-step/off"
    assert desk.post(path, token, off_password="wrong wrong wrong", code=codes[0]).status_code == 422
    assert desk.post(path, token, off_password=PASSWORD, code="000000").status_code == 422
    assert desk.post(path, token, off_password=PASSWORD, code=codes[0]).status_code == 303
    assert desk.another_browser().sign_in().location == "/"
