"""The migrations and the tables say the same thing, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from tests.conftest import NOW, Ledger
from tracker.errors import BadSetting
from tracker.ledger import schema
from tracker.ledger.database import open_database
from tracker.ledger.tables import Account, Installation


def test_the_migrations_make_exactly_the_tables_of_the_code(ledger: Ledger) -> None:
    assert schema.differences(ledger.engine) == []


def test_upgrading_twice_changes_nothing(ledger: Ledger) -> None:
    schema.upgrade(ledger.engine, demo=True, now=NOW)
    with ledger.session() as session:
        assert session.execute(select(Installation.demo)).scalars().all() == [False]


def test_a_live_database_refuses_a_demo(ledger: Ledger) -> None:
    schema.check(ledger.engine, demo=False)
    with pytest.raises(BadSetting, match="live installation"):
        schema.check(ledger.engine, demo=True)


def test_an_empty_database_says_what_to_do(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(BadSetting, match="tracker up"):
        schema.check(engine, demo=False)
    engine.dispose()


def test_a_failing_statement_does_not_tell_its_parameters(ledger: Ledger) -> None:
    with pytest.raises(DBAPIError) as failed, ledger.session() as session:
        session.execute(text("SELECT * FROM nowhere WHERE email = :email"), {"email": "camille@example.com"})
    assert "nowhere" in str(failed.value)
    assert "camille" not in str(failed.value)


def test_a_time_comes_back_as_the_same_moment_in_utc_and_sorts(ledger: Ledger) -> None:
    paris = timezone(timedelta(hours=1))
    moments = [datetime(2026, 3, 1, 0, 30, tzinfo=paris), datetime(2026, 2, 28, 23, 30, 0, 1, tzinfo=UTC)]
    with ledger.writing() as session:
        for index, moment in enumerate(moments):
            session.add(
                Account(id=f"{index:032x}", email=f"{index}@example.com", password_hash="", epoch=0, created_at=moment)
            )
    with ledger.session() as session:
        found = session.execute(select(Account.created_at).order_by(Account.created_at)).scalars().all()
    assert found == moments
    assert all(moment.tzinfo is UTC for moment in found)


def test_a_naive_time_is_refused(ledger: Ledger) -> None:
    with pytest.raises(Exception, match="naive"), ledger.writing() as session:
        session.add(
            Account(id="0" * 32, email="a@example.com", password_hash="", epoch=0, created_at=datetime(2026, 1, 1))  # noqa: DTZ001
        )
