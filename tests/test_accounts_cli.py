"""`tracker account`: a password is made up, shown once, and opens the door."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from tests.conftest import NOW, Ledger
from tests.sample_books import write_books
from tracker.cli.account import account
from tracker.cli.invite import invite
from tracker.domain.roles import Role
from tracker.errors import Conflict, NotFound
from tracker.ledger import accounts, invitations, sign_ins


@pytest.fixture
def tracker(sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A command line on an installation whose Redis is not there: an account needs none."""
    monkeypatch.setenv("DATABASE_URL", sqlite_ledger.url)
    monkeypatch.setenv("SECRET_KEY", "0" * 64)
    return CliRunner(catch_exceptions=False)


def asked(runner: CliRunner, *arguments: str) -> dict[str, str]:
    answer: dict[str, str] = json.loads(runner.invoke(account, [*arguments, "--json"]).stdout)
    return answer


def test_an_account_opens_with_the_password_that_was_shown(tracker: CliRunner, sqlite_ledger: Ledger) -> None:
    made = asked(tracker, "add", "alice@example.com")
    assert accounts.verify_password(sqlite_ledger.session, made["email"], made["password"]) is not None
    with pytest.raises(Conflict):
        tracker.invoke(account, ["add", "alice@example.com"])


def test_a_new_password_replaces_the_old_one(tracker: CliRunner, sqlite_ledger: Ledger) -> None:
    old = asked(tracker, "add", "alice@example.com")
    new = asked(tracker, "password", "alice@example.com")
    assert accounts.verify_password(sqlite_ledger.session, old["email"], old["password"]) is None
    assert accounts.verify_password(sqlite_ledger.session, new["email"], new["password"]) is not None
    with pytest.raises(NotFound):
        tracker.invoke(account, ["password", "bob@example.com"])


def brand_of(ledger: Ledger) -> str:
    with ledger.writing() as session:
        write_books(session)
    return "b" * 32


def role_of(ledger: Ledger, email: str) -> tuple[bool, dict[str, Role]]:
    with ledger.session() as session:
        account = accounts.by_email(session, email)
        found = accounts.person(session, account.id, account.epoch)
    assert found is not None
    return found.operator, dict(found.roles)


def test_without_a_brand_somebody_runs_the_installation_and_with_a_role_they_do_not(
    tracker: CliRunner, sqlite_ledger: Ledger
) -> None:
    brand = brand_of(sqlite_ledger)
    asked(tracker, "add", "root@example.com")
    asked(tracker, "add", "jean@example.com", "--brand", brand, "--role", "finance")
    asked(tracker, "add", "alice@example.com", "--partner", "Alice")
    assert role_of(sqlite_ledger, "root@example.com") == (True, {})
    assert role_of(sqlite_ledger, "jean@example.com") == (False, {brand: Role.FINANCE})
    assert role_of(sqlite_ledger, "alice@example.com") == (False, {brand: Role.PARTNER})
    listed = json.loads(tracker.invoke(account, ["list", "--json"]).stdout)
    assert [(one["email"], one["operator"], one["roles"]) for one in listed] == [
        ("alice@example.com", False, ["partner of Maison Violette"]),
        ("jean@example.com", False, ["finance of Maison Violette"]),
        ("root@example.com", True, []),
    ]


def test_a_role_is_changed_and_taken_away_but_not_from_the_last_owner(
    tracker: CliRunner, sqlite_ledger: Ledger
) -> None:
    brand = brand_of(sqlite_ledger)
    asked(tracker, "add", "jean@example.com", "--role", "owner")
    with pytest.raises(Conflict):
        tracker.invoke(account, ["remove", "jean@example.com"])
    asked(tracker, "add", "root@example.com")
    asked(tracker, "role", "root@example.com", "owner")
    asked(tracker, "role", "jean@example.com", "viewer")
    assert role_of(sqlite_ledger, "jean@example.com") == (False, {brand: Role.VIEWER})
    tracker.invoke(account, ["remove", "jean@example.com"])
    assert role_of(sqlite_ledger, "jean@example.com") == (False, {})


def test_somebody_is_signed_out_everywhere(tracker: CliRunner, sqlite_ledger: Ledger) -> None:
    asked(tracker, "add", "alice@example.com")
    with sqlite_ledger.writing() as session:
        found = accounts.by_email(session, "alice@example.com").id
        sign_in = sign_ins.add(session, found, "", None, NOW)
    tracker.invoke(account, ["sign-out", "alice@example.com"])
    with sqlite_ledger.session() as session:
        assert sign_ins.is_open(session, found, sign_in, NOW) is None
        assert accounts.person(session, found, 0) is None


def test_an_invitation_prints_its_link_for_those_who_send_no_letters(tracker: CliRunner, sqlite_ledger: Ledger) -> None:
    brand_of(sqlite_ledger)
    answer = tracker.invoke(invite, ["alice@example.com", "--partner", "Alice", "--json"])
    link = json.loads(answer.stdout)["link"]
    with sqlite_ledger.session() as session:
        found = invitations.by_token(session, link.rpartition("/")[2], NOW)
    assert (found.email, found.role) == ("alice@example.com", Role.PARTNER)
