"""Column types: an id is 32 hex digits to Python and as small as the database can make it; a time is aware UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import CHAR, Dialect, String, Text, types
from sqlalchemy.dialects import postgresql

from tracker.domain.chain import canonical


class Id(types.TypeDecorator[str]):
    """A native uuid on PostgreSQL, CHAR(32) elsewhere; always 32 lower-case hex digits in Python."""

    impl = CHAR(32)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> types.TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.UUID(as_uuid=True))
        return dialect.type_descriptor(CHAR(32))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "postgresql":
            return value
        return UUID(value)

    def result_processor(self, dialect: Dialect, coltype: Any) -> None:
        """What the driver returns is an id already: see `database.open_database`."""
        return


class Moment(types.TypeDecorator[datetime]):
    """Aware UTC in Python; `timestamptz` on PostgreSQL, an ISO text that sorts on SQLite. A naive time is refused."""

    impl = String(32)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> types.TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(String(32))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive time cannot be stored")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else moment_text(utc)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.fromisoformat(value)
        moment: datetime = value
        return moment.astimezone(UTC)


def moment_text(moment: datetime) -> str:
    """How SQLite keeps a time: always the same length, so that text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


Json = types.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


_read = msgspec.json.Decoder(dict[str, Any]).decode


class Canonical(types.TypeDecorator[dict[str, Any]]):
    """A JSON value kept as its canonical text, over which its digest is; a text is taken as it is.

    For what is written often and searched by nobody: PostgreSQL's `jsonb` takes three times as long to write.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: dict[str, Any] | str | None, dialect: Dialect) -> str | None:
        return value if value is None or isinstance(value, str) else canonical(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> dict[str, Any] | None:
        return None if value is None else _read(value)
