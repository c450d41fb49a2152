"""`tracker up`: from an empty folder to pages that answer, and back to nothing running."""

from __future__ import annotations

import http.client
import json
import logging
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from redis import Redis

from tests.conftest import server_folder
from tracker import catalog, jobs, stream
from tracker.catalog import brands
from tracker.catalog.brands import NewBrand
from tracker.cli.up import WORKERS, only_one, prepare_ledger
from tracker.cli.web import require_free_port, warn_of_redis
from tracker.errors import BadSetting, Conflict
from tracker.jobs import rebuilds
from tracker.jobs.rebuilds import NewRebuild
from tracker.ledger import accounts
from tracker.ledger.database import open_database, sessions
from tracker.settings import Settings
from tracker.wiring import Wiring


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def short_path() -> Path:
    """A folder short enough for a unix socket in it."""
    path = server_folder() / f"up-{os.urandom(3).hex()}"
    path.mkdir()
    return path


def environment(state: Path, port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "PYTHONPATH")}
    return kept | {"TRACKER_STATE": str(state), "PORT": str(port), "LOG_LEVEL": "warning"}


class Up:
    """A running `tracker up` and what it has printed."""

    def __init__(self, state: Path, port: int) -> None:
        self.log = state.parent / f"{state.name}.log"
        self.port = port
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tracker", "up"], env=environment(state, port), stdout=output, stderr=output
            )

    @property
    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def waits_for(self, text: str, seconds: float = 90.0) -> str:
        end = time.monotonic() + seconds
        while text not in self.text and time.monotonic() < end and self.process.poll() is None:
            time.sleep(0.05)
        assert text in self.text, self.text
        return self.text


@contextmanager
def running(state: Path, port: int) -> Iterator[Up]:
    up = Up(state, port)
    try:
        yield up
    finally:
        if up.process.poll() is None:
            up.process.kill()
        up.process.wait()


def what_became_of_a_job(state: Path) -> str:
    """Ask a running installation for long work, and wait for it."""
    made = Wiring(Settings.from_env({"TRACKER_STATE": str(state)}))
    try:
        now = made.clock.now()
        with catalog.changing(made.sessions, made.redis) as session:
            brand = brands.add(session, NewBrand(name="Maison"), now=now, public_url=made.settings.public_url)
            job = rebuilds.ask(made.desk(session, brand.id), NewRebuild())
        end = time.monotonic() + 60
        while job.open and time.monotonic() < end:
            time.sleep(0.05)
            with made.sessions() as session:
                job = jobs.one(made.desk(session, brand.id), job.id)
        return job.state
    finally:
        made.engine.dispose()
        made.redis.close()


@pytest.mark.e2e
def test_an_empty_folder_becomes_an_installation_that_answers_and_dies_with_its_supervisor(
    short_path: Path, free_port: int
) -> None:
    with running(short_path / "s", free_port) as up:
        said = up.waits_for("tracker is up at")
        assert f"http://127.0.0.1:{free_port}" in said
        assert re.search(r"sign in +admin@localhost, password \S{12,} ", said)
        connection = http.client.HTTPConnection("127.0.0.1", free_port, timeout=10)
        connection.request("GET", "/health/ready")
        assert json.load(connection.getresponse())["status"] == "ok"
        connection.close()
        family = psutil.Process(up.process.pid).children(recursive=True)
        assert len(family) == 4 + len(WORKERS)  # Redis, web with its own child, shipper
        commands = [" ".join(one.cmdline()) for one in family]
        assert all(any(command.endswith(f"workers.{name}") for command in commands) for name in WORKERS)
        assert what_became_of_a_job(short_path / "s") == "done"
        assert "ended with" not in up.text
        up.process.kill()
        _, alive = psutil.wait_procs(family, timeout=10)
        assert not alive


def test_the_first_account_is_made_once(tmp_path: Path) -> None:
    settings = Settings.from_env({"TRACKER_STATE": str(tmp_path)})
    password = prepare_ledger(settings, "alice@example.com", None)
    assert password is not None
    assert prepare_ledger(settings, "alice@example.com", None) is None
    assert prepare_ledger(settings, "bob@example.com", "another password") is None
    engine = open_database(settings.database_url)
    assert accounts.verify_password(sessions(engine), "alice@example.com", password) is not None
    engine.dispose()


def test_a_state_folder_has_one_installation(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(Conflict, match="already runs"), only_one(tmp_path, patience=0):
        pass
    with only_one(tmp_path, patience=0):
        pass


def test_the_folder_stays_locked_while_a_process_that_must_not_run_twice_lives(tmp_path: Path) -> None:
    with only_one(tmp_path) as lock:
        heir = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=-1, pass_fds=[lock])
    with pytest.raises(Conflict), only_one(tmp_path, patience=0):
        pass
    assert heir.stdin is not None
    heir.stdin.close()
    heir.wait()
    with only_one(tmp_path, patience=0):
        pass


def test_a_port_that_somebody_has_is_named_at_start(tmp_path: Path, free_port: int) -> None:
    settings = Settings.from_env({"TRACKER_STATE": str(tmp_path), "PORT": str(free_port)})
    require_free_port(settings)
    with socket.socket() as somebody:
        somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        somebody.bind(("127.0.0.1", free_port))
        somebody.listen()
        with pytest.raises(BadSetting, match=f"PORT: cannot listen on 127.0.0.1:{free_port}"):
            require_free_port(settings)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    """What our log says, whoever has configured it before."""
    monkeypatch.setattr(logging.getLogger("tracker"), "propagate", True)
    caplog.set_level("WARNING", logger="tracker")
    return caplog


def test_a_redis_that_evicts_or_forgets_is_warned_about(
    redis_url: str, tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    with Redis.from_url(redis_url) as redis:
        assert stream.keeping(redis).concerns == []
        redis.config_set("maxmemory-policy", "allkeys-lru")
        redis.config_set("appendonly", "no")
        try:
            assert stream.keeping(redis).concerns == ["redis_evicts", "redis_forgets"]
            warn_of_redis(Settings.from_env({"TRACKER_STATE": str(tmp_path), "REDIS_URL": redis_url}))
        finally:
            redis.config_set("maxmemory-policy", "noeviction")
            redis.config_set("appendonly", "yes")
    assert "noeviction" in said.text
    assert "appendonly" in said.text


def test_a_web_server_starts_without_redis(tmp_path: Path, said: pytest.LogCaptureFixture) -> None:
    warn_of_redis(Settings.from_env({"TRACKER_STATE": str(tmp_path), "REDIS_URL": f"unix://{tmp_path}/none.sock"}))
    assert "redis_not_checked" in said.text
