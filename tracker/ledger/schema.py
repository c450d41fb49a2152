"""The ledger's tables come from the migrations, in tests as in production; there is no second way to make them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, insert, inspect, select

from tracker.errors import BadSetting
from tracker.ledger.tables import Base, Installation

_MIGRATIONS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 7201983


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine, *, demo: bool, now: datetime) -> None:
    """Bring the ledger to the newest revision and mark a new one as live or demo. Safe to run from many hosts."""
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
        command.upgrade(_config(connection), "head")
        if connection.execute(select(Installation.id)).first() is None:
            connection.execute(insert(Installation).values(id=1, demo=demo, created_at=now))


def check(engine: Engine, *, demo: bool) -> None:
    """Raise BadSetting, saying what to do, unless the ledger is there, current and of our kind."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            raise BadSetting(
                "no installation in this database yet: run `tracker up` (or `tracker db upgrade`), "
                "or point TRACKER_STATE or DATABASE_URL at the one you mean"
            )
        current = MigrationContext.configure(connection).get_current_revision()
        newest = ScriptDirectory.from_config(_config()).get_current_head()
        if current != newest:
            raise BadSetting(
                f"the database is at revision {current}, this version needs {newest}: run `tracker db upgrade`"
            )
        is_demo = connection.execute(select(Installation.demo)).scalar_one()
    if is_demo != demo:
        kind, other = ("demo", "live") if is_demo else ("live", "demo")
        raise BadSetting(f"this database belongs to a {kind} installation; a {other} process will not touch it")


def differences(engine: Engine) -> list[object]:
    """What the migrations would still have to change to match the tables; empty when they agree."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))


def new_revision(engine: Engine, message: str, revision_id: str) -> None:
    """Write the next migration from the difference between tables and database. For developers."""
    with engine.connect() as connection, connection.begin():
        command.revision(_config(connection), message=message, autogenerate=True, rev_id=revision_id)
