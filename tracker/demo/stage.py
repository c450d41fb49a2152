"""The demo's installation: its own folder, emptied at every start, and everything started as `tracker up` starts it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tracker.clock import Clock
from tracker.demo import cast, plans
from tracker.demo.story import DAYS
from tracker.errors import Conflict, Unavailable
from tracker.settings import Settings, demo_clock
from tracker.supervise import die_with_parent, python

SIGN_IN = "demo@example.com"
PASSWORD = "fern-and-ember"  # noqa: S105 (of a demo on the loopback, printed on the screen)

# Everything together starts in about as many times what the first process takes, on two cores, whatever their speed:
# so long after the start the clock begins, that the four weeks begin about when the service answers.
_STARTS = 8
_START_DEADLINE = 120.0
_IDLE = 10.0  # seconds; the server waits half a minute
_MARK = "this-is-a-demo"
# What would lead the demo away from its own folder.
_NOT_OURS = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "TRACKER_FAILPOINTS", "PUBLIC_URL", "HOST")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    location: str
    body: bytes
    cookie: str = ""


class Wire:
    """One keep-alive connection, opened anew after it has been idle: the server hangs up on those."""

    def __init__(self, host: str, port: int) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=30)
        self._used = 0.0

    def ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Send a request and read the whole answer. Raises OSError and HTTPException."""
        if time.monotonic() - self._used > _IDLE:
            self._connection.close()
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        cookie = response.headers.get("Set-Cookie", "").partition(";")[0]
        answer = Answer(response.status, response.headers.get("Location", ""), response.read(), cookie)
        self._used = time.monotonic()
        return answer

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


@dataclass(frozen=True)
class Stage:
    """A running demo installation and the key to its API."""

    settings: Settings
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def clock(self) -> Clock:
        """The clock that all processes of the demo share."""
        return self.settings.clock

    def cli(self, *arguments: str) -> Any:
        """What `tracker … --json` answers."""
        command = python("-m", "tracker", *arguments, "--json")
        done = subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, check=True)  # noqa: S603
        return json.loads(done.stdout)

    def ledger(self) -> sqlite3.Connection:
        """The demo's ledger, to read only."""
        return sqlite3.connect(f"file:{self.settings.state / 'tracker.db'}?mode=ro", uri=True, timeout=30)

    def wire(self) -> Wire:
        """A connection to the web server, as a visitor or a shop has one."""
        return Wire(self.settings.host, self.settings.port)


@dataclass(frozen=True)
class Api:
    """The REST API under one brand's key."""

    wire: Wire
    key: str

    def get(self, path: str) -> Any:
        """The answer to a GET. Raises Unavailable for anything but 200."""
        return self._ask("GET", path, None)

    def add(self, noun: str, **values: object) -> Any:
        """What a new thing looks like. Raises Unavailable where it is refused."""
        return self._ask(
            "POST", f"/api/v1/{noun}", {name: value for name, value in values.items() if value is not None}
        )

    def _ask(self, method: str, path: str, values: dict[str, object] | None) -> Any:
        body = json.dumps(values).encode() if values is not None else None
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        answer = self.wire.ask(method, path, body, headers)
        if answer.status not in (200, 201):
            raise Unavailable(f"{method} {path} answered {answer.status}: {answer.body[:300].decode(errors='replace')}")
        return json.loads(answer.body)


@contextmanager
def stage(folder: Path, play_seconds: float) -> Iterator[Stage]:
    """A fresh demo in `folder`, its clock four weeks behind; it catches up while `play_seconds` pass. Ends with it.

    Raises Conflict where `folder` is something else, or a demo is running in it.
    """
    log = _empty(folder.absolute())
    environment = _environment(folder)
    environment["TRACKER_DEMO_CLOCK"] = _clock(environment, play_seconds)
    settings = Settings.from_env(environment)
    with log.open("wb") as output:
        ours = os.getpid()
        process = subprocess.Popen(  # noqa: S603 (our own command)
            python("-m", "tracker", "up", "--admin", SIGN_IN),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
            preexec_fn=lambda: die_with_parent(ours),  # noqa: PLW1509 (we have no second thread yet)
        )
    try:
        _wait_until_ready(settings, process, log)
        yield Stage(settings, environment, process, log)
    finally:
        _stop(process)


def _clock(environment: Mapping[str, str], play_seconds: float) -> str:
    """The clock that all processes are to share, after the ledger was made, which takes as long as a process takes."""
    began = datetime.now(UTC)
    wait = demo_clock(began, DAYS * 86400, play_seconds)
    command = python("-m", "tracker", "db", "upgrade")
    subprocess.run(  # noqa: S603 (our own command)
        command, env={**environment, "TRACKER_DEMO_CLOCK": str(wait)}, stdout=subprocess.DEVNULL, check=True
    )
    took = datetime.now(UTC) - began
    return str(demo_clock(began + _STARTS * took, DAYS * 86400, play_seconds))


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
    port = kept.get("PORT", "0")
    port = _free_port() if port == "0" else port
    return {
        **kept,
        "TRACKER_STATE": str(folder.absolute()),
        "TRACKER_DEMO": "1",
        "HOST": "127.0.0.1",
        "PORT": port,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "TRUSTED_PROXIES": "127.0.0.1/32",  # the player stands for the proxy and says whose request it is
        "ADMIN_PASSWORD": PASSWORD,
        "LOG_LEVEL": kept.get("LOG_LEVEL", "warning"),
    }


def _free_port() -> str:
    """8000, or another one where somebody has that."""
    for port in (8000, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return str(probe.getsockname()[1])
    raise Unavailable("no port is free on 127.0.0.1")


def _empty(state: Path) -> Path:
    """Empty the folder of the last demo, and of nothing else; the new log's path."""
    if state.exists() and any(state.iterdir()) and not (state / _MARK).exists():
        raise Conflict(f"{state} holds something that is not a demo: it will not be emptied; give another --state")
    if _is_in_use(state):
        raise Conflict(f"a demo is running in {state}: stop it first, or give another --state")
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    (state / _MARK).touch()
    return state / "log"


def _is_in_use(state: Path) -> bool:
    """Whether the embedded Redis of an earlier demo still answers on its socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(state / "redis" / "redis.sock")) == 0


def _wait_until_ready(settings: Settings, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_DEADLINE
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection(settings.host, settings.port, timeout=2)
        try:
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    _stop(process)
    last_words = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    raise Unavailable(f"the demo does not start; the end of {log}:\n{last_words}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
    if process.poll() is None:
        process.kill()
        process.wait()


@dataclass(frozen=True, slots=True)
class Calendar:
    """When a day of the four weeks is. Where the demo began late its days are shorter; those to come are whole."""

    began: datetime
    ends: datetime

    @classmethod
    def of(cls, clock: Clock) -> Calendar:
        """From now until the demo's clock has caught up with the wall's."""
        return cls(clock.now(), caught_up(clock))

    def at(self, day: float) -> datetime:
        """The moment of a day, 0 for the beginning."""
        if day > DAYS:
            return self.ends + timedelta(days=day - DAYS)
        return self.began + (self.ends - self.began) * (day / DAYS)

    def day(self, day: float) -> date:
        """The date of a day."""
        return self.at(day).date()


def caught_up(clock: Clock) -> datetime:
    """The moment at which the demo's clock has caught up with the wall's."""
    assert clock.origin is not None
    return clock.origin + timedelta(seconds=clock.behind.total_seconds() / (clock.speed - 1))


@dataclass(frozen=True)
class Scenery:
    """What was put into the catalog: where each store posts, by its place in the cast, and campaigns' ids by name."""

    brand_id: str
    webhook_paths: tuple[str, ...]
    campaigns: Mapping[str, str]
    calendar: Calendar


def furnish(stage: Stage, api: Api, brand_id: str) -> Scenery:
    """Put the cast into the catalog, through the REST API."""
    api.add("rules", windows={"click": cast.CLICK_DAYS})
    calendar = Calendar.of(stage.clock)
    campaigns = {plan.name: api.add("campaigns", **plan.fields(calendar.day))["id"] for plan in plans.CAMPAIGNS}
    for promoter in cast.PROMOTERS:
        _engage(calendar, api, promoter, campaigns)
    return Scenery(brand_id, tuple(_connect(api, store) for store in cast.STORES), campaigns, calendar)


def open_brand(stage: Stage) -> tuple[str, str]:
    """Add the brand and a key to its API; the brand's id and the key."""
    brand = stage.cli(
        "brand", "add", "--name", cast.BRAND, "--landing-domain", cast.LANDING_DOMAIN, "--visitor-cookie"
    )["id"]
    return brand, stage.cli("key", "add", "--brand", brand, "--name", "demo")["key"]


def _engage(calendar: Calendar, api: Api, promoter: cast.Promoter, campaigns: Mapping[str, str]) -> None:
    name = promoter.email.partition("@")[0]
    partner = api.add(
        "partners", name=promoter.name, kind=promoter.kind, followers=promoter.followers, email=promoter.email,
        language="fr",
    )["id"]  # fmt: skip
    percent, returning = ("0", "0") if promoter.kind == "own" else cast.TERMS[promoter.influences]
    api.add(
        "terms", partner=partner, percent=percent, returning_percent=returning, hold_days=cast.HOLD_DAYS,
        valid_from=str(calendar.day(0) - timedelta(days=1)),
    )  # fmt: skip
    for spot in promoter.spots:
        placement = None
        if spot.network is not None:
            published = calendar.at(spot.day)
            placement = api.add(
                "placements",
                partner=partner,
                campaign=campaigns[spot.campaign],
                network=spot.network,
                format=spot.format,
                title=spot.title,
                message=spot.message,
                url=f"https://{spot.network}.example.com/{name}/{spot.slug}",
                published_at=published.isoformat(),
            )["id"]
        api.add(
            "links",
            partner=partner,
            campaign=campaigns[spot.campaign],
            placement=placement,
            slug=spot.slug,
            landing_url=f"https://{cast.LANDING_DOMAIN}{spot.path}",
        )
    if promoter.code:
        api.add("codes", partner=partner, code=promoter.code, campaign=campaigns[promoter.spots[0].campaign])


def _connect(api: Api, store: cast.Store) -> str:
    shop = api.add("shops", platform=store.platform, name=store.name, secret=store.secret)
    return urlsplit(str(shop["webhook_url"])).path
