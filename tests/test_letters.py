"""Letters reach a real mail server: each once, later where it is down, and never with a header made up."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

import workers.letters
from tests.conftest import NOW, Ledger
from tests.desk import settings_of
from tests.post_office import PASSWORD, USER, PostOffice, opened_post_office
from tracker.domain.shortfalls import RATES, Rate
from tracker.errors import BadInput, BadSetting, NotFound
from tracker.ledger import mails
from tracker.ledger.mails import Letter
from tracker.ledger.tables import Mail
from tracker.outgoing import composing
from tracker.settings import Settings
from tracker.wiring import Wiring

HOME = "https://go.example.com"
LEA = "lea@example.com"


@contextmanager
def post_room(
    ledger: Ledger, redis_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, port: int, **more: str
) -> Iterator[Wiring]:
    url = more.pop("url", f"smtp://127.0.0.1:{port}")
    told = {"SMTP_URL": url, "MAIL_FROM": "Maison <tracker@maison.example>", **more} if port else {}
    made = Wiring(settings_of(ledger.url, redis_url, folder, **told))
    monkeypatch.setattr(workers.letters, "wiring", lambda: made)
    yield made
    made.engine.dispose()
    made.redis.close()


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with opened_post_office(auth_require_tls=False) as opened:
        yield opened


def put(made: Wiring, key: str = "k", recipient: str = LEA, language: str = "en", kind: str = "test") -> None:
    with mails_transaction(made) as session:
        letter = Letter(key, kind, recipient, language, {"url": f"{HOME}/system"})
        mails.put(session, made.settings.secret_key, letter, NOW, made.clock.wall())


@contextmanager
def mails_transaction(made: Wiring) -> Iterator[Any]:
    with made.sessions() as session, session.begin():
        session.connection(execution_options={"writes": True})
        yield session


def row(made: Wiring) -> Mail:
    with made.sessions() as session:
        return session.execute(select(Mail)).scalar_one()


def make_due(made: Wiring) -> None:
    with mails_transaction(made) as session:
        session.execute(update(Mail).values(due_at=made.clock.wall() - timedelta(seconds=1)))


# --- composing -------------------------------------------------------------------------------------------------------


_TALK = {"from": "Alice", "order": "#1042", "text": "> 100% mine\n>  really", "url": f"{HOME}/disputes/1?brand=2"}
_GOAL: dict[str, Any] = {"campaign": "Spring 10%", "title": "Net revenue", "brand": "Maison", "days_left": 1,
                         "compared": RATES[Rate.ORDERS_PER_CLICK], "url": f"{HOME}/campaigns/1", "target": "€100",
                         "expected": "€50", "actual": "€12", "forecast": "€24"}  # fmt: skip
_SAMPLE = {"hits": "3", "of": "1,000", "rate": "0.3%"}
_FINDING = {"what": "Influencer", "name": "Bob 100%", "translated": False, "advice": "Talk to them.",
            "own": _SAMPLE, "peers": _SAMPLE}  # fmt: skip
VALUES: dict[str, list[dict[str, Any]]] = {
    "dispute_answered": [{**_TALK, "verdict": verdict} for verdict in ("accepted", "refused")],
    "dispute_opened": [{**_TALK, "due_on": "2026-03-02"}],
    "goal_alert": [
        {**_GOAL, "findings": [{**_FINDING, "verdict": verdict} for verdict in ("short", "level", "few")]},
        {**_GOAL, "expected": None, "forecast": None, "findings": []},
    ],
    "invitation": [
        {"brand": "Maison", "partner": partner, "role": role, "url": f"{HOME}/invitation/x"}
        for role, partner in (("partner", "Alice"), ("viewer", None))
    ],
    "message": [_TALK],
    "password_reset": [{"url": f"{HOME}/reset/x"}],
    "report": [
        {"title": "Partners", "brand": "Maison", "first": "1 Mar 2026", "last": "31 Mar 2026", "figures": figures,
         "url": f"{HOME}/reports/partners"} for figures in ([("Revenue", "100%")], [])
    ],
    "test": [{"url": f"{HOME}/system"}],
}  # fmt: skip


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("kind", composing.kinds())
def test_every_kind_of_letter_says_itself_in_both_languages(kind: str, language: str) -> None:
    for values in VALUES[kind]:
        written = composing.write(kind, language, json.loads(json.dumps(values)), HOME)
        assert written.subject
        assert values["url"] in written.text
        assert "%(" not in written.subject + written.text
        for name in ("from", "campaign"):
            assert values.get(name, "") in written.subject + written.text
    if kind == "dispute_opened":
        assert ("2 mars 2026" if language == "fr" else "Mar 2, 2026") in written.text


def test_a_letter_has_a_subject_a_text_and_an_html_part_made_from_it() -> None:
    written = composing.write("test", "en", {"url": f"{HOME}/system?a=1&b=2"}, HOME)
    assert written.subject == "A letter from your tracker"
    assert written.text.endswith(f"they work.\n\n{HOME}/system?a=1&b=2\n")
    assert f'href="{HOME}/system?a=1&amp;b=2"' in written.html
    assert '<html lang="en">' in written.html


def test_an_address_that_is_not_ours_is_no_button_and_no_value_is_markup() -> None:
    values = {"title": "<b>Days</b>", "brand": "Maison\nhttps://evil.example/", "first": "1", "last": "2",
              "figures": [("Net", "<i>")], "url": f"{HOME}/reports/days"}  # fmt: skip
    written = composing.write("report", "en", values, HOME)
    assert written.html.count("href=") == 1
    assert "<b>" not in written.html
    assert "<i>" not in written.html
    assert "&lt;b&gt;Days&lt;/b&gt;" in written.html


@pytest.mark.parametrize("recipient", ["a@x.example, b@x.example", "a@x.example\nBcc: b@x.example", "nobody", "é@x.y"])
def test_a_recipient_is_one_address_and_nothing_else(recipient: str) -> None:
    written = composing.write("test", "en", {"url": HOME}, HOME)
    with pytest.raises(BadInput):
        composing.compose(written, mail_id="1", recipient=recipient, sender="t@x.example", language="en", at=NOW)


def test_a_subject_cannot_become_a_second_header() -> None:
    written = composing.Written("Hello\r\nBcc: eve@example.com", "text", "<p>")
    subject = composing._one_line(written.subject)
    assert subject == "Hello Bcc: eve@example.com"
    values = {"title": "Days\r\nBcc: eve@example.com", "brand": "M", "first": "", "last": "", "figures": [], "url": ""}
    made = composing.write("report", "en", values, HOME)
    message = composing.compose(made, mail_id="1", recipient=LEA, sender="t@x.example", language="en", at=NOW)
    assert message["Bcc"] is None
    assert len(message.get_all("Subject", [])) == 1


def test_a_letter_of_no_kind_is_refused() -> None:
    with pytest.raises(BadInput, match="no letter is called"):
        composing.write("../base", "en", {}, HOME)


# --- sending ---------------------------------------------------------------------------------------------------------


def test_a_letter_is_sent_once_and_what_it_said_is_blanked(
    ledger: Ledger, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, office: PostOffice
) -> None:
    with post_room(ledger, redis_url, tmp_path, monkeypatch, office.port) as made:
        put(made)
        put(made)  # the same key: the same letter
        assert workers.letters.send_due() == 1
        assert workers.letters.send_due() == 0
        found = row(made)
    (message,) = office.messages
    assert (found.state, found.sealed, found.attempts) == ("sent", None, 1)
    assert message["To"] == LEA
    assert message["From"] == "Maison <tracker@maison.example>"
    assert message["Message-ID"] == f"<{found.id}@maison.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert [part.get_content_type() for part in message.walk()][1:] == ["text/plain", "text/html"]


def test_without_a_server_letters_wait(
    sqlite_ledger: Ledger, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with post_room(sqlite_ledger, redis_url, tmp_path, monkeypatch, 0) as made:
        put(made)
        assert workers.letters.send_due() == 0
        assert (row(made).state, row(made).attempts) == ("pending", 0)


def test_while_the_server_is_down_a_letter_waits_and_goes_later_under_the_same_id(
    sqlite_ledger: Ledger, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, office: PostOffice
) -> None:
    with post_room(sqlite_ledger, redis_url, tmp_path, monkeypatch, 1) as made:
        put(made)
        assert workers.letters.send_due() == 0
        waiting = row(made)
        assert (waiting.state, waiting.attempts) == ("pending", 1)
        assert "does not answer" in (waiting.error or "")
        assert waiting.due_at > made.clock.wall()
        make_due(made)
    with post_room(sqlite_ledger, redis_url, tmp_path, monkeypatch, office.port) as made:
        assert workers.letters.send_due() == 1
    assert office.messages[0]["Message-ID"] == f"<{waiting.id}@maison.example>"


def test_a_worker_that_dies_with_a_letter_in_hand_leaves_it_to_the_next_one(
    ledger: Ledger, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, office: PostOffice
) -> None:
    with post_room(ledger, redis_url, tmp_path, monkeypatch, office.port) as made:
        put(made)
        wall = made.clock.wall()
        with mails_transaction(made) as session:
            taken = mails.take(session, wall)
        assert taken is not None
        assert workers.letters.send_due() == 0
        with mails_transaction(made) as session:
            assert mails.take(session, wall + timedelta(minutes=4)) is None
            again = mails.take(session, wall + mails.LEASE + timedelta(seconds=1))
        assert again is not None
        assert (again.id, again.attempt) == (taken.id, 2)


def test_a_recipient_refused_for_good_fails_the_letter_and_another_is_tried_later(
    sqlite_ledger: Ledger,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    office: PostOffice,
    capfd: pytest.CaptureFixture[str],
) -> None:
    office.answers = {LEA: "550 no lea@example.com here", "tom@example.com": "451 greylisted"}
    with post_room(sqlite_ledger, redis_url, tmp_path, monkeypatch, office.port) as made:
        put(made)
        put(made, "k2", "tom@example.com")
        put(made, "k3", "ann@example.com")
        assert workers.letters.send_due() == 1
        with made.sessions() as session:
            states = {one.recipient: (one.state, one.error) for one in mails.newest(session)}
            assert mails.count(session).failed == mails.count(session).waiting == 1
        assert states[LEA] == ("failed", "the mail server refused the recipient (550)")
        assert states["tom@example.com"] == ("pending", "the mail server refused the recipient (451)")
        office.answers.clear()
        with mails_transaction(made) as session:
            assert mails.retry(session, None, made.clock.wall()) == 1
        assert workers.letters.send_due() == 1
        with mails_transaction(made) as session, pytest.raises(NotFound):
            mails.retry(session, "0" * 32, made.clock.wall())
    assert "example.com" not in "".join(capfd.readouterr())


def test_after_about_a_day_of_trying_a_letter_has_failed() -> None:
    tried = sum((mails.pause(attempt) for attempt in range(1, mails.MOST_ATTEMPTS)), timedelta())
    assert timedelta(hours=20) < tried < timedelta(hours=28)
    assert mails.pause(1) == timedelta(minutes=1)


def test_a_letter_sealed_under_another_key_fails_and_holds_up_no_other(
    sqlite_ledger: Ledger, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, office: PostOffice
) -> None:
    with post_room(sqlite_ledger, redis_url, tmp_path, monkeypatch, office.port) as made:
        other = Wiring(dataclasses.replace(made.settings, secret_key="1" * 64))
        put(other)
        other.engine.dispose()
        put(made, "k2", "ann@example.com")
        assert workers.letters.send_due() == 1
        with made.sessions() as session:
            assert {one.recipient: one.state for one in mails.newest(session)}[LEA] == "failed"


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # on the loopback
def test_a_user_and_a_password_open_the_server(
    sqlite_ledger: Ledger, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened_post_office(auth_require_tls=False, auth_required=True) as office:
        for word, taken in (("s3cret%20p%40ss", 1), ("wrong", 0)):
            url = f"smtp://{USER}:{word}@127.0.0.1:{office.port}?starttls=none"
            with post_room(sqlite_ledger, redis_url, tmp_path, monkeypatch, office.port, url=url) as made:
                put(made, word)
                assert workers.letters.send_due() == taken
        assert (office.logins[0], any(office.logins[1:])) == (True, False)
        assert PASSWORD not in repr(made.settings)


def test_a_server_without_starttls_gets_nothing_where_it_is_required(
    sqlite_ledger: Ledger, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, office: PostOffice
) -> None:
    url = f"smtp://127.0.0.1:{office.port}?starttls=required"
    with post_room(sqlite_ledger, redis_url, tmp_path, monkeypatch, office.port, url=url) as made:
        put(made)
        assert workers.letters.send_due() == 0
        assert row(made).state == "pending"
    assert office.messages == []


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "encryption", "port"),
    [
        ("smtp://mail.example.com", "none", 587),
        ("smtp://u:p@mail.example.com", "starttls", 587),
        ("smtp://mail.example.com:25?starttls=required", "starttls", 25),
        ("smtps://u:p@mail.example.com", "tls", 465),
    ],
)
def test_the_address_of_the_server_says_how_it_is_spoken_to(url: str, encryption: str, port: int) -> None:
    smtp = Settings.from_env({"SECRET_KEY": "0" * 64, "SMTP_URL": url, "MAIL_FROM": "t@example.com"}).smtp
    assert smtp is not None
    assert (smtp.encryption, smtp.port) == (encryption, port)


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"SMTP_URL": "http://x", "MAIL_FROM": "t@example.com"}, "SMTP_URL"),
        ({"SMTP_URL": "smtp://hunter2@x:port", "MAIL_FROM": "t@example.com"}, "SMTP_URL"),
        ({"SMTP_URL": "smtp://x?starttls=perhaps", "MAIL_FROM": "t@example.com"}, "SMTP_URL"),
        ({"SMTP_URL": "smtp://x"}, "MAIL_FROM"),
        ({"SMTP_URL": "smtp://x", "MAIL_FROM": "nobody"}, "MAIL_FROM"),
    ],
)
def test_a_setting_that_cannot_work_is_named_without_its_password(told: dict[str, str], name: str) -> None:
    with pytest.raises(BadSetting, match=name) as refused:
        Settings.from_env({"SECRET_KEY": "0" * 64, **told})
    assert "hunter2" not in str(refused.value)


def test_the_date_of_a_letter_is_that_of_its_writing() -> None:
    written = composing.write("test", "fr", {"url": HOME}, HOME)
    at = datetime(2026, 3, 2, tzinfo=UTC)
    message = composing.compose(written, mail_id="1", recipient=LEA, sender="t@x.example", language="fr", at=at)
    assert message["Date"] == "Mon, 02 Mar 2026 00:00:00 +0000"
