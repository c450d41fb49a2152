"""`tracker account`: a password is made up, shown once, and opens the door."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from tests.conftest import Ledger
from tracker.cli.account import account
from tracker.errors import Conflict, NotFound
from tracker.ledger import accounts


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
