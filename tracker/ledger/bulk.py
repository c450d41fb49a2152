"""Many rows of one table go to the database in one go: new ones for certain by COPY, others ON CONFLICT DO NOTHING."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

import msgspec
import psycopg
from psycopg import sql
from sqlalchemy import Connection, Insert, Table, exc, insert, types
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session

from tracker.ledger.database import is_postgresql
from tracker.ledger.tables import Base


def insert_rows(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that are new for certain and name the same columns; a conflict fails the transaction.

    COPY costs a third of the time of as many INSERTs, on both sides of the wire.
    """
    if rows and is_postgresql(session):
        _copy(session.connection(), table, rows)
    elif rows:
        session.connection().execute(insert(cast(Table, table.__table__)), list(rows))


def insert_ignore(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows whose keys are not there yet; how many there were."""
    if not rows:
        return 0
    statement = _insertion(table, postgresql=is_postgresql(session))
    result = session.connection().execute(statement, list(rows), execution_options={"preserve_rowcount": True})
    return result.rowcount


@cache
def _insertion(table: type[Base], *, postgresql: bool) -> Insert:
    """Built once a table: building a statement costs ten times what running it does."""
    insert = insert_postgresql if postgresql else insert_sqlite
    return insert(cast(Table, table.__table__)).on_conflict_do_nothing()


def _copy(connection: Connection, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    columns = list(rows[0])
    of_json = [place for place, column in enumerate(columns) if _is_json(table, column)]
    command = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.__tablename__), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with driver_errors(), driver.cursor() as cursor, cursor.copy(command) as copy:
        for row in rows:
            values = [row[column] for column in columns]
            for place in of_json:
                values[place] = _spelled(values[place])
            copy.write_row(values)


@contextmanager
def driver_errors() -> Iterator[None]:
    """Errors of the bare driver as SQLAlchemy's, which `writing` and its callers know."""
    try:
        yield
    except psycopg.Error as error:
        kind = next((ours for theirs, ours in _KINDS if isinstance(error, theirs)), exc.DBAPIError)
        raise kind("COPY", None, error) from error


_KINDS = (
    (psycopg.OperationalError, exc.OperationalError),
    (psycopg.IntegrityError, exc.IntegrityError),
    (psycopg.DataError, exc.DataError),
)


@cache
def _is_json(table: type[Base], column: str) -> bool:
    """Whether COPY, which knows only PostgreSQL's own spellings, has to be given the column's values as text."""
    return isinstance(cast(Table, table.__table__).c[column].type, types.JSON)


def _spelled(value: Any) -> str | None:
    return None if value is None else _spell(value).decode()


_spell = msgspec.json.Encoder().encode
