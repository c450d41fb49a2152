"""One way to open the ledger on SQLite and PostgreSQL: same isolation, same failures, times in UTC."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import psycopg
from psycopg.abc import Buffer
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Engine,
    any_,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy import cast as cast_in_sql
from sqlalchemy.dialects.postgresql import ARRAY, UUID
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import InstrumentedAttribute, Session, SessionTransaction, sessionmaker

from tracker.errors import Unavailable

_HASTY = 1.0  # seconds of patience below which somebody waits for the writer
_ASK_EVERY, _LET_PASS = 0.0005, 0.002
# Disks seek as fast as they read on today, and what is read often is in memory. PostgreSQL thinks of turning platters,
# and would read whole tables for the orders of a day.
_PLANS = "-c random_page_cost=1.1 -c jit=off"

_WRITES, _ASKED = "writes", "asked"  # what a session remembers

Answer = TypeVar("Answer")


def open_database(url: str, *, wait: float = 10.0, pool_size: int = 5) -> Engine:
    """An engine for `url`. `wait` is how many seconds a statement may wait for a lock or a connection.

    SQLite runs in WAL with `synchronous=FULL`: what is committed survives a power cut. Every transaction that writes
    begins IMMEDIATE (see `writing`), so that two writers queue instead of failing halfway. The text of an error never
    holds a statement's parameters: bodies and addresses would end in logs.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, connect_args={"timeout": wait}, pool_size=pool_size, hide_parameters=True)
        _prepare_sqlite(engine, wait)
        return engine
    engine = create_engine(
        parsed,
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=wait,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": max(1, round(wait)),
            "options": f"-c timezone=UTC {_PLANS} -c lock_timeout={int(wait * 1000)}",
        },
    )
    _prepare_postgresql(engine)
    return engine


class _IdLoader(psycopg.adapt.Loader):
    """A uuid as the id that it is: by way of a UUID it would take four times as long."""

    def load(self, data: Buffer) -> str:
        return str(data, "ascii").replace("-", "")


def _prepare_postgresql(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.adapters.register_loader("uuid", _IdLoader)


def _prepare_sqlite(engine: Engine, wait: float) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we begin transactions ourselves
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-20000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        if connection.get_execution_options().get("writes", False):
            _become_the_writer(connection, wait)
        else:
            connection.exec_driver_sql("BEGIN")


def _become_the_writer(connection: Connection, wait: float) -> None:
    """BEGIN IMMEDIATE, asking for the lock again and again for up to `wait` seconds.

    SQLite's own waiting sleeps for up to a tenth of a second at a time: under load a shop would wait that long for a
    lock that came free at once. Workers, who would take it again as soon as they gave it back, let others pass first.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.execute("PRAGMA busy_timeout=0")
    deadline = time.monotonic() + wait
    pause = _ASK_EVERY if wait < _HASTY else _LET_PASS
    time.sleep(0 if wait < _HASTY else _LET_PASS)
    try:
        while time.monotonic() < deadline:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    break
                time.sleep(pause)
            else:
                return
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        driver.execute(f"PRAGMA busy_timeout={int(wait * 1000)}")


def sessions(engine: Engine) -> sessionmaker[Session]:
    """Sessions whose objects stay readable after the commit. Who reads sees one moment, from the first question on.

    What writes begins with `writing`, and sees what others have committed meanwhile.
    """
    reading = engine.execution_options(isolation_level="REPEATABLE READ") if _is_postgresql(engine) else engine
    factory = sessionmaker(reading, expire_on_commit=False)
    event.listen(factory, "after_transaction_end", _forget)
    return factory


def _forget(session: Session, transaction: SessionTransaction) -> None:
    """What `once` keeps goes with its moment: a session is freed by the collector alone, much later."""
    if transaction.parent is None:
        session.info.pop(_ASKED, None)


@contextmanager
def writing(factory: sessionmaker[Session], *, snapshot: bool = False) -> Iterator[Session]:
    """A transaction that writes: committed at the end, rolled back on any error.

    With `snapshot` it sees one moment throughout, and fails where others changed what it changes. Raises Unavailable
    where the database is down, full or locked beyond our patience, or after such a failure: trying again can help.
    """
    try:
        with factory() as session, session.begin():
            session.info[_WRITES] = True
            level = {"isolation_level": "READ COMMITTED"} if is_postgresql(session) and not snapshot else {}
            session.connection(execution_options={"writes": True, **level})
            yield session
    except (OperationalError, InterfaceError) as error:
        raise Unavailable("the ledger does not answer") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Unavailable("the ledger does not answer") from error
        raise


def sees_one_moment(session: Session) -> bool:
    """Whether nothing that it asks can change until its transaction ends: of a session that reads alone."""
    return not session.info.get(_WRITES)


def once(session: Session, question: Hashable, ask: Callable[[], Answer]) -> Answer:
    """The answer to `question`, asked the first time only where the session sees one moment. Not to be changed."""
    if not sees_one_moment(session):
        return ask()
    answers = session.info.setdefault(_ASKED, {})
    if question not in answers:
        answers[question] = ask()
    return cast("Answer", answers[question])


def is_postgresql(connection: Connection | Session) -> bool:
    """Whether the bound database is PostgreSQL; the alternative is SQLite."""
    return _is_postgresql(connection.get_bind() if isinstance(connection, Session) else connection)


def _is_postgresql(bind: Connection | Engine) -> bool:
    return bind.dialect.name == "postgresql"


def among(
    bound: Connection | Session, column: ColumnElement[Any] | InstrumentedAttribute[Any], ids: Iterable[str]
) -> ColumnElement[bool]:
    """Whether an id column holds one of `ids`, as a single parameter: thousands of them cost more than the search."""
    return among_bound(column, packed(bound, ids), postgresql=is_postgresql(bound))


def among_bound(
    column: ColumnElement[Any] | InstrumentedAttribute[Any], ids: str | BindParameter[str], *, postgresql: bool
) -> ColumnElement[bool]:
    """The same for a statement that is built once: `ids` is a parameter, to be given as `packed` makes it."""
    if postgresql:
        return column == any_(cast_in_sql(func.string_to_array(ids, ","), ARRAY(UUID)))
    return column.in_(select(func.json_each(ids).table_valued("value").c.value))


def packed(bound: Connection | Session, ids: Iterable[str]) -> str:
    """Ids as the one parameter of `among_bound`."""
    return ",".join(ids) if is_postgresql(bound) else json.dumps(list(ids))
