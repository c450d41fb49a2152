"""The only reader of the environment. A value that cannot work stops the start, and the message names it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parseaddr
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from tracker.clock import Clock
from tracker.errors import BadSetting

T = TypeVar("T")
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Smtp:
    """The server that takes our letters. `encryption` is tls from the start, starttls after the greeting, or none."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    encryption: str = "starttls"


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation is told from outside. Sizes in bytes, times in seconds.

    `stream_pause_length` is how many clicks may wait in the Redis stream, at the most an entry can hold of them.
    """

    state: Path
    database_url: str
    redis_url: str
    secret_key: str
    public_url: str
    host: str
    port: int
    web_workers: int
    web_threads: int
    trusted_proxies: tuple[Network, ...]
    click_parameter: str
    store_ip: str
    demo: bool
    clock: Clock
    journal_grace: float
    stream_pause_length: int
    log_level: str
    failpoints: str
    smtp: Smtp | None = None
    mail_from: str = ""

    @property
    def journal_folder(self) -> Path:
        """Where this host's clicks wait until they are verified in SQL."""
        return self.state / "journal"

    @property
    def links_snapshot(self) -> Path:
        """What this host's redirects serve while SQL is down."""
        return self.state / "links.json"

    @property
    def shipper_status(self) -> Path:
        """Where this host's shipper tells how far it is."""
        return self.state / "shipper.json"

    @property
    def embedded_redis(self) -> bool:
        """Whether Redis is the one that we start ourselves."""
        return self.redis_url == embedded_redis_url(self.state)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read every setting. Raises BadSetting with the name of the first value that cannot work."""
        env = os.environ if environ is None else environ
        state = Path(env.get("TRACKER_STATE", "tracker-state")).absolute()
        demo = _read(env, "TRACKER_DEMO", "0", _flag)
        clock = _read(env, "TRACKER_DEMO_CLOCK", "", Clock.parse)
        if clock.origin is not None and not demo:
            raise BadSetting("TRACKER_DEMO_CLOCK: only a demo installation (TRACKER_DEMO=1) may bend time")
        port = _read(env, "PORT", "8000", _between(0, 65535))
        host = env.get("HOST", "127.0.0.1")
        smtp, mail_from = _read(env, "SMTP_URL", "", _smtp), _read(env, "MAIL_FROM", "", _sender)
        if smtp is not None and not mail_from:
            raise BadSetting("MAIL_FROM: want the address that letters come from, such as tracker@example.com")
        return cls(
            state=state,
            database_url=_read(env, "DATABASE_URL", f"sqlite:///{state / 'tracker.db'}", _database_url),
            redis_url=_read(env, "REDIS_URL", embedded_redis_url(state), _redis_url),
            secret_key=_secret_key(env, state),
            public_url=_read(env, "PUBLIC_URL", f"http://{host}:{port}", _public_url),
            host=host,
            port=port,
            web_workers=_read(env, "WEB_WORKERS", "1", _between(1, 256)),
            web_threads=_read(env, "WEB_THREADS", "4", _between(1, 256)),
            trusted_proxies=_read(env, "TRUSTED_PROXIES", "", _networks),
            click_parameter=_read(env, "CLICK_PARAMETER", "rk", _parameter_name),
            store_ip=_read(env, "STORE_IP", "truncated", _one_of("truncated", "none")),
            demo=demo,
            clock=clock,
            journal_grace=_read(env, "JOURNAL_GRACE", "60", float),
            stream_pause_length=_read(env, "STREAM_PAUSE_LENGTH", "500000", _between(1000, 10**9)),
            log_level=_read(env, "LOG_LEVEL", "info", _one_of("debug", "info", "warning", "error")),
            failpoints=env.get("TRACKER_FAILPOINTS", ""),
            smtp=smtp,
            mail_from=mail_from,
        )


def embedded_redis_url(state: Path) -> str:
    """The socket of the Redis-compatible server that `tracker up` starts for the installation in `state`."""
    return f"unix://{state / 'redis' / 'redis.sock'}"


def _read(env: Mapping[str, str], name: str, default: str, parse: Callable[[str], T]) -> T:
    text = env.get(name, default)
    try:
        return parse(text)
    except ValueError as error:
        raise BadSetting(f"{name}: {error}") from None


def _flag(text: str) -> bool:
    if text not in ("0", "1", ""):
        raise ValueError("want 0 or 1")
    return text == "1"


def _between(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdigit() or not low <= int(text) <= high:
            raise ValueError(f"want a whole number from {low} to {high}")
        return int(text)

    return parse


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"want one of {', '.join(choices)}")
        return text

    return parse


def _database_url(text: str) -> str:
    scheme = text.partition(":")[0]
    if scheme in ("postgres", "postgresql"):
        return "postgresql+psycopg" + text[len(scheme) :]
    if scheme not in ("sqlite", "postgresql+psycopg"):
        raise ValueError("want sqlite:///… or postgresql://…")
    return text


def _redis_url(text: str) -> str:
    if text.partition(":")[0] not in ("redis", "rediss", "unix"):
        raise ValueError("want redis://…, rediss://… or unix://…")
    return text


def _public_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("want the address people reach this service at, such as https://go.example.com")
    return text.rstrip("/")


def _smtp(text: str) -> Smtp | None:
    """smtps://… is encrypted from the start; smtp://… by STARTTLS where a password or `starttls=required` asks for it.

    Errors never repeat the value: it holds a password.
    """
    if not text:
        return None
    wanted = "want smtp://user:password@host:587?starttls=required or smtps://user:password@host:465"
    try:
        parts = urlsplit(text)
        port, host, asked = parts.port, parts.hostname, dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        raise ValueError(wanted) from None
    starttls = asked.pop("starttls", "required" if parts.username else "none")
    tls = parts.scheme == "smtps"
    if parts.scheme not in ("smtp", "smtps") or not host or asked or parts.path.strip("/") or parts.fragment:
        raise ValueError(wanted)
    if starttls not in ("required", "none"):
        raise ValueError("starttls: want required or none")
    encryption = "tls" if tls else ("starttls" if starttls == "required" else "none")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Smtp(host, port or (465 if tls else 587), user, password, encryption)


def _sender(text: str) -> str:
    """An address, or a name with one: Maison <tracker@example.com>."""
    if not text:
        return ""
    _name, address = parseaddr(text)
    local, at, domain = address.rpartition("@")
    if not (local and at and domain) or not text.isprintable() or not address.isascii() or " " in address:
        raise ValueError("want an address such as tracker@example.com or Maison <tracker@example.com>")
    return text


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def _parameter_name(text: str) -> str:
    if not text.isascii() or not text.replace("_", "").isalnum() or len(text) > 32:
        raise ValueError("want a short name of letters, digits and _")
    return text


def _secret_key(env: Mapping[str, str], state: Path) -> str:
    """SECRET_KEY, or a key made once and kept beside the state, readable by its owner alone."""
    if key := env.get("SECRET_KEY"):
        if len(key) < 32:
            raise BadSetting("SECRET_KEY: want at least 32 random characters")
        return key
    path = state / "secret.key"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    state.mkdir(parents=True, exist_ok=True)
    fresh = state / f".secret.{os.getpid()}.{secrets.token_hex(4)}"
    fresh.touch(mode=0o600)
    fresh.write_text(secrets.token_hex(32))
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return path.read_text().strip()


def demo_clock(origin: datetime, seconds_behind: float, seconds_of_play: float) -> Clock:
    """The clock of a demo that plays `seconds_behind` of the past within `seconds_of_play` of real time."""
    return Clock.parse(f"{origin.isoformat()},{seconds_behind},{(seconds_behind + seconds_of_play) / seconds_of_play}")
