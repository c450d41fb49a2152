"""`tracker up`: a whole installation on one machine, from an empty folder to a page that answers."""

from __future__ import annotations

import fcntl
import http.client
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from tracker import embedded, log, stream, wiring
from tracker.cli.web import environment, programs, require_free_port
from tracker.errors import Conflict, Unavailable
from tracker.ledger import accounts, schema
from tracker.ledger.database import sessions, writing
from tracker.settings import Settings
from tracker.supervise import Program, Supervisor, python

# A predecessor that was killed takes its Redis along within milliseconds; give it that long to let go of the folder.
_PATIENCE_WITH_PREDECESSOR = 3.0
_START_DEADLINE = 120.0

WORKERS = ("clicks", "orders", "attribution", "commissions", "housekeeping", "letters", "jobs", "schedule")


def register(root: click.Group) -> None:
    """Add the `up` command."""
    root.add_command(up)


@click.command(short_help="Run a whole installation on this machine.")
@click.option("--admin", default="admin@localhost", show_default=True, help="Who may sign in to the pages.")
@click.option(
    "--admin-password", envvar="ADMIN_PASSWORD", show_envvar=True, help="Made up and shown once if not given."
)
def up(admin: str, admin_password: str | None) -> None:
    """Run an installation on this machine: Redis, workers, scheduler, web. Stop it with Ctrl-C.

    Everything it keeps lies in the folder TRACKER_STATE (default: tracker-state). REDIS_URL and DATABASE_URL replace
    the Redis and the database that it brings along.
    """
    settings = Settings.from_env()
    log.configure(settings.log_level)
    require_free_port(settings)
    supervisor = Supervisor()
    with only_one(settings.state) as lock:
        try:
            _start_redis(supervisor, settings, lock)
            password = prepare_ledger(settings, admin, admin_password)
            _start_everything_else(supervisor, settings)
            supervisor.run(_Welcome(settings, admin, password))
        finally:
            supervisor.stop()


@contextmanager
def only_one(state: Path, *, patience: float = _PATIENCE_WITH_PREDECESSOR) -> Iterator[int]:
    """Hold the lock of a state folder; yields its descriptor. Raises Conflict while somebody else holds it.

    The lock goes with the last process that has the descriptor open, so whoever must not run twice inherits it.
    """
    state.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(state / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(descriptor, state, time.monotonic() + patience)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, state: Path, deadline: float) -> None:
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Conflict(f"an installation already runs on {state}") from None
            time.sleep(0.05)


def _start_redis(supervisor: Supervisor, settings: Settings, lock: int) -> None:
    if settings.embedded_redis:
        socket = Path(settings.redis_url.removeprefix("unix://"))
        folder = embedded.prepare_redis_folder(socket)
        command = tuple(embedded.redis_command(folder, socket))
        supervisor.start(Program("redis", command, keep_open=(lock,)))
        embedded.wait_for_redis(settings.redis_url)
        return
    with closing(wiring.Wiring(settings).redis) as redis:
        embedded.wait_for_redis(settings.redis_url)
        for concern in stream.keeping(redis).concerns:
            click.echo(f"warning: {stream.CONCERNS[concern]}", err=True)


def prepare_ledger(settings: Settings, admin: str, password: str | None) -> str | None:
    """Migrate; the first account's password where this start made that account, else None."""
    engine = wiring.engine(settings)
    try:
        schema.upgrade(engine, demo=settings.demo, now=settings.clock.now())
        schema.check(engine, demo=settings.demo)
        with writing(sessions(engine)) as session:
            if accounts.any_account(session):
                return None
            password = password or secrets.token_urlsafe(12)
            accounts.create_account(session, admin, password, settings.clock.now(), operator=True)
            return password
    finally:
        engine.dispose()


def _start_everything_else(supervisor: Supervisor, settings: Settings) -> None:
    for name in WORKERS:
        supervisor.start(Program(name, python("-m", f"workers.{name}"), environment(settings), stage=1))
    for program in programs(settings, stage=2):
        supervisor.start(program)


class _Welcome:
    """Called once a turn: says where everything is as soon as the web answers, then nothing more."""

    def __init__(self, settings: Settings, admin: str, password: str | None) -> None:
        self._settings, self._admin, self._password = settings, admin, password
        self._deadline = time.monotonic() + _START_DEADLINE
        self._said = False

    def __call__(self) -> None:
        if self._said:
            return
        if is_ready(self._settings):
            self._said = True
            click.echo(self._text())
        elif time.monotonic() > self._deadline:
            raise Unavailable(f"not ready after {_START_DEADLINE:.0f} s; what the processes said is above")

    def _text(self) -> str:
        url = self._settings.public_url
        sign_in = f"  sign in    {self._admin}"
        if self._password is not None:
            sign_in += f", password {self._password} (shown this once)"
        return "\n".join(
            [
                "",
                f"  tracker is up at {url}",
                sign_in,
                f"  state      {self._settings.state}",
                "",
                "  next       in a second terminal, in the same folder:",
                '             tracker brand add "Your brand" --landing-domain shop.example.com',
                "             tracker shop add --platform shopify",
                "             tracker --help",
                "",
            ]
        )


def is_ready(settings: Settings) -> bool:
    """Whether /health/ready answers 200, within a second."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    connection = http.client.HTTPConnection(host, settings.port, timeout=1)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
