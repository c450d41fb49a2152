"""Who reads sees one moment: what they ask twice is asked once, and nothing of it outlives the moment or its page."""

from __future__ import annotations

import gc
import weakref
from fractions import Fraction
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.conftest import NOW, Ledger
from tests.desk import opened_desk, settings_of
from tests.sample_books import write_books
from tracker.domain.ids import new_id
from tracker.ledger.database import once, writing
from tracker.ledger.tables import Account, Brand
from tracker.reports._shape import Result


class Answer:
    """What a reader was told: something that can be freed."""

    def __init__(self, accounts: int) -> None:
        self.accounts = accounts


def ask(session: Session) -> Answer:
    return once(session, "accounts", lambda: Answer(session.execute(select(func.count(Account.id))).scalar_one()))


def add_one(session: Session) -> None:
    session.add(Account(id=new_id(), email=f"{new_id()}@example.com", password_hash="-", epoch=0, created_at=NOW))
    session.flush()


def test_what_is_asked_twice_is_told_once_whatever_others_write(ledger: Ledger) -> None:
    with ledger.session() as session:
        told = ask(session)
        with ledger.writing() as other:
            add_one(other)
        assert ask(session) is told


@pytest.mark.parametrize("end", ["commit", "rollback", "close"])
def test_the_next_moment_is_asked_anew(ledger: Ledger, end: str) -> None:
    with ledger.session() as session:
        before = ask(session).accounts
        with ledger.writing() as other:
            add_one(other)
        getattr(session, end)()
        assert ask(session).accounts == before + 1


def test_who_writes_asks_every_time(ledger: Ledger) -> None:
    with ledger.writing() as session:
        before = ask(session).accounts
        add_one(session)
        assert ask(session).accounts == before + 1


def test_what_was_told_is_freed_with_its_moment_and_not_by_the_collector(ledger: Ledger) -> None:
    gc.disable()
    try:
        with ledger.session() as session:
            told = weakref.ref(ask(session))
        assert told() is None
    finally:
        gc.enable()


def test_what_a_page_showed_is_freed_with_it_and_not_by_the_collector(
    sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    with opened_desk(settings_of(sqlite_url, redis_url, tmp_path)) as desk:
        with writing(desk.wiring.sessions) as session:
            write_books(session)
        desk.sign_in()
        for path in ("/?", "/reports/links?"):
            desk.get(f"{path}from=2026-03-01&to=2026-03-31")
            gc.collect()
            gc.disable()
            try:
                assert desk.get(f"{path}from=2026-03-01&to=2026-03-31").status_code == 200
                gc.set_debug(gc.DEBUG_SAVEALL)
                gc.collect()
                assert not [left for left in gc.garbage if isinstance(left, Result | Fraction | Brand)]
            finally:
                gc.set_debug(0)
                gc.garbage.clear()
                gc.enable()
