"""A redirect finds its link in this process's memory; whatever fails behind that, it gets an answer and no error.

One thread of the process talks to SQL: it answers what memory does not hold, sees by the version number that the
catalog changed, and reads again what is held. Visitors wait for it half a second at most. While SQL is down, the last
snapshot on this host's disk answers; the shipper keeps it current.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import threading
import time
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from redis import Redis, RedisError
from sqlalchemy.orm import Session, sessionmaker

from tracker import log
from tracker.domain.clicks import place_json
from tracker.domain.landing import filled, is_allowed, with_parameters
from tracker.ledger.links import (
    HostRecord,
    LinkRecord,
    every_host,
    every_link,
    links_at,
    links_called,
    links_version,
)

PREFIX = "/r/"
CHANNEL = "links"
LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104  (as a name; nothing listens because of it)

_LOOK_EVERY = 0.75  # seconds between two looks at the version when nobody rings
_BELL_TURN = 0.05  # seconds after which the listener looks whether it may end
_PATIENCE = 0.5  # seconds a visitor waits for SQL
_FIRST_PATIENCE = 5.0
_DOWN_FOR = 1.0  # seconds without trying SQL after it failed
_UNKNOWN_FOR = 5.0  # seconds an unknown address is remembered as such
_MOST_KNOWN = 20_000
_MOST_UNKNOWN = 10_000
_LONGEST_HOST = 260
_LONGEST_PATH = 110  # one character over the longest slug matches none

# What a request says (its Host header and its path), and what the catalog calls it (a tracking host and a slug).
Request = tuple[str, str]
Address = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes. Without `link_id` it is for nobody's link: an orphan.

    A click's Location is `before` + its id + `after`; `plain` is the same without an id. All three are empty where the
    link leads nowhere that its brand allows. `fallback` is the brand's, or None; `place` is that part of a click.
    """

    host: str
    brand_id: str | None = None
    link_id: str | None = None
    before: str = ""
    after: str = ""
    plain: str = ""
    expires_at: datetime | None = None
    fallback: str | None = None
    visitor_cookie: bool = False
    place: str = ""


class Links:
    """The links as a redirect needs them. Threads start at the first look-up, so build it after the fork.

    `own_host` is the host of the installation's public URL. A request on it (or on a loopback name) that is no brand's
    tracking host finds a slug on any host, the oldest first: so a one-machine installation works under every name.
    Where the public host is a brand's, it still finds the links that were made before it had a name, on a loopback one.
    """

    def __init__(
        self, sessions: sessionmaker[Session], redis: Redis | None, snapshot: Path, own_host: str, click_parameter: str
    ) -> None:
        self._sessions = sessions
        self._redis = redis
        self._snapshot = Snapshot(snapshot)
        self._own_hosts = {own_host, *LOOPBACK}
        self._public_host = None if own_host in LOOPBACK else own_host
        self._click_parameter = click_parameter
        self._known: dict[Request, Route] = {}
        self._unknown: dict[Request, tuple[float, Route]] = {}
        self._hosts: dict[str, HostRecord] = {}
        self._version = -1
        self._down_until = 0.0
        self._busy_since = math.inf
        self._questions: SimpleQueue[_Question | None] = SimpleQueue()
        self._starting = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._closed = threading.Event()

    def route(self, host: str, path: str) -> Route:
        """Where a request for `/r/<slug>` on `host` goes, both as the request has them. Never raises."""
        return self._known.get((host, path)) or self._route_unheld((host[:_LONGEST_HOST], path[:_LONGEST_PATH]))

    def close(self) -> None:
        """End the threads."""
        self._closed.set()
        self._questions.put(None)
        for thread in self._threads:
            thread.join(timeout=1.0)

    def _route_unheld(self, request: Request) -> Route:
        until, route = self._unknown.get(request, (0.0, None))
        if route is not None and time.monotonic() < until:
            return route
        try:
            return self._asked(request) or self._from_snapshot(request)
        except Exception as error:  # whatever it is, the visitor gets an answer
            log.error("link_not_found_out", exc=error)
            return Route(_bare(request[0]))

    def _asked(self, request: Request) -> Route | None:
        """What SQL says, or None where it does not answer in time."""
        if time.monotonic() < self._down_until or time.monotonic() - self._busy_since > _PATIENCE:
            return None
        self._start()
        question = _Question(request)
        self._questions.put(question)
        # A process that never saw the catalog, on a host without a snapshot, has nothing better than to wait.
        patience = _PATIENCE if self._version >= 0 or self._snapshot.exists() else _FIRST_PATIENCE
        if not question.answered.wait(patience):
            self._down_until = time.monotonic() + _DOWN_FOR
        return question.route

    def _from_snapshot(self, request: Request) -> Route:
        hosts, links = self._snapshot.read()
        found = next((links[address] for address in self._addresses(request, hosts) if address in links), None)
        if found is None and self._is_own(request[0], hosts):
            found = next((link for link in links.values() if link.slug == slug_of(request[1])), None)
        return self._made(request, found, hosts)

    def _start(self) -> None:
        with self._starting:
            if self._threads:
                return
            answering = (_answer, (weakref.ref(self), self._questions, self._closed))
            listening = (_listen, (self._redis, self._questions, self._closed))
            for run, arguments in (answering, listening) if self._redis is not None else (answering,):
                self._threads.append(threading.Thread(target=run, args=arguments, daemon=True, name="links"))
                self._threads[-1].start()

    # --- in the thread that talks to SQL -----------------------------------------------------------------------------

    def _turn(self, questions: Sequence[_Question]) -> None:
        """Answer some questions, after seeing whether the catalog changed."""
        self._busy_since = time.monotonic()
        try:
            if time.monotonic() >= self._down_until:
                with self._sessions() as session:
                    self._refresh(session)
                    self._answer(session, questions)
                self._down_until = 0.0
        except Exception as error:  # SQL may fail in any way; this thread may not
            log.warning("links_without_sql", error=type(error).__name__)
            self._down_until = time.monotonic() + _DOWN_FOR
        self._busy_since = math.inf
        for question in questions:
            question.answered.set()

    def _refresh(self, session: Session) -> None:
        version = links_version(session)
        if version == self._version:
            return
        hosts = {record.host: record for record in every_host(session)}
        held = list(self._known)
        found = self._found(session, held, hosts)
        self._known = {address: self._made(address, link, hosts) for address, link in found.items()}
        self._unknown = {}
        self._hosts = hosts
        self._version = version

    def _answer(self, session: Session, questions: Sequence[_Question]) -> None:
        if not questions:
            return
        found = self._found(session, [question.request for question in questions], self._hosts)
        for question in questions:
            question.route = self._made(question.request, found.get(question.request), self._hosts)
            self._hold(question.request, question.route)

    def _hold(self, request: Request, route: Route) -> None:
        if route.link_id is not None:
            if len(self._known) >= _MOST_KNOWN:
                self._known = dict(list(self._known.items())[_MOST_KNOWN // 2 :])
            self._known[request] = route
            return
        if len(self._unknown) >= _MOST_UNKNOWN:
            self._unknown = {}
        self._unknown[request] = (time.monotonic() + _UNKNOWN_FOR, route)

    def _found(
        self, session: Session, requests: Iterable[Request], hosts: dict[str, HostRecord]
    ) -> dict[Request, LinkRecord]:
        """The link that each request means, if any."""
        wanted = {request: self._addresses(request, hosts) for request in requests}
        rows = links_at(session, {address for addresses in wanted.values() for address in addresses})
        links = {(row.host, row.slug): row for row in rows}
        found = {each: links[a] for each, addresses in wanted.items() for a in reversed(addresses) if a in links}
        elsewhere = {
            request: slug_of(request[1])
            for request in wanted
            if request not in found and self._is_own(request[0], hosts) and _may_be_slug(slug_of(request[1]))
        }
        if elsewhere:
            by_slug = {row.slug: row for row in reversed(links_called(session, set(elsewhere.values())))}
            found |= {request: by_slug[slug] for request, slug in elsewhere.items() if slug in by_slug}
        return found

    # --- what a request means ----------------------------------------------------------------------------------------

    def _addresses(self, request: Request, hosts: dict[str, HostRecord]) -> list[Address]:
        """The addresses of the catalog that a request may mean, the likeliest first."""
        slug, names = slug_of(request[1]), _names(request[0], hosts)
        if _bare(request[0]) == self._public_host:
            names += [name for name in hosts if is_loopback(name) and name not in names]
        return [(name, slug) for name in names] if _may_be_slug(slug) else []

    def _is_own(self, host: str, hosts: dict[str, HostRecord]) -> bool:
        """Whether the host is the installation's own and no brand's."""
        return _bare(host) in self._own_hosts and not _names(host, hosts)

    def _brand(self, host: str, hosts: dict[str, HostRecord]) -> HostRecord | None:
        """The host's brand; on the installation's own host the only brand, if there is only one."""
        for name in _names(host, hosts):
            return hosts[name]
        if self._is_own(host, hosts) and len({each.brand_id for each in hosts.values()}) == 1:
            return next(iter(hosts.values()))
        return None

    def _made(self, request: Request, link: LinkRecord | None, hosts: dict[str, HostRecord]) -> Route:
        brand = hosts.get(link.host) if link else self._brand(request[0], hosts)
        if brand is None:
            return Route(_bare(request[0]))
        fallback = brand.fallback_url
        if fallback is not None and not is_allowed(fallback, brand.landing_domains):
            fallback = None
        if link is None or link.disabled:
            return Route(link.host if link else _bare(request[0]), brand.brand_id, fallback=fallback)
        before, after, plain = self._location(link, brand, fallback)
        return Route(
            host=link.host,
            brand_id=brand.brand_id,
            link_id=link.id,
            before=before,
            after=after,
            plain=plain,
            expires_at=link.expires_at,
            fallback=fallback,
            visitor_cookie=brand.visitor_cookie,
            place=place_json(brand.brand_id, link.id, link.host, link.slug),
        )

    def _location(self, link: LinkRecord, brand: HostRecord, fallback: str | None) -> tuple[str, str, str]:
        """A link whose landing URL is no longer allowed leads to the fallback: its clicks are its partner's still."""
        landing = link.landing_url if is_allowed(link.landing_url, brand.landing_domains) else fallback
        if landing is None:
            return "", "", ""
        names = {"partner": link.partner, "campaign": link.campaign, "placement": link.placement, "slug": link.slug}
        return with_parameters(landing, self._click_parameter, filled(link.utm, names))


class Snapshot:
    """The catalog's last known state on this host's disk, for processes that start while SQL is down."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._hosts: dict[str, HostRecord] = {}
        self._links: dict[Address, LinkRecord] = {}

    def exists(self) -> bool:
        """Whether there is one to read."""
        return self._path.exists()

    def read(self) -> tuple[dict[str, HostRecord], dict[Address, LinkRecord]]:
        """Hosts and links, empty where there is no snapshot that can be read."""
        with self._lock, contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_ino)
            if stamp != self._stamp:
                self._stamp = stamp
                self._load(json.loads(self._path.read_bytes()))
        return self._hosts, self._links

    def write(self, sessions: sessionmaker[Session], *, known: int) -> int:
        """Write the catalog's present state, in one step, unless it is still version `known`; the version.

        Raises what SQL raises, and OSError.
        """
        with sessions() as session:
            version = links_version(session)
            if version == known and self._path.exists():
                return version
            content = {
                "version": version,
                "hosts": [asdict(host) for host in every_host(session)],
                "links": [_as_json(link) for link in every_link(session)],
            }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(content))
        fresh.replace(self._path)
        return version

    def _load(self, content: dict[str, Any]) -> None:
        hosts = {host["host"]: HostRecord(**host) for host in content["hosts"]}
        links = [_from_json(link) for link in content["links"]]
        self._hosts, self._links = hosts, {(link.host, link.slug): link for link in links}


def ring(redis: Redis) -> None:
    """Tell the redirects, after the commit, that the catalog changed. Best effort: they look by themselves too."""
    try:
        redis.publish(CHANNEL, "")
    except (RedisError, OSError) as error:
        log.warning("links_not_rung", error=type(error).__name__)


@dataclass(slots=True)
class _Question:
    """A request that memory does not know, and somebody who waits."""

    request: Request
    route: Route | None = None
    answered: threading.Event = field(default_factory=threading.Event)


def _answer(links: weakref.ref[Links], questions: SimpleQueue[_Question | None], closed: threading.Event) -> None:
    """The loop of the thread that talks to SQL; it ends when the links are closed or gone."""
    while not closed.is_set():
        batch = _gathered(questions)
        alive = links()
        if alive is None:
            return
        alive._turn(batch)
        del alive


def _gathered(questions: SimpleQueue[_Question | None]) -> list[_Question]:
    """What is asked by now, waiting a while for the first; a ring (None) ends the wait."""
    batch: list[_Question] = []
    try:
        asked = questions.get(timeout=_LOOK_EVERY)
        while True:
            if asked is not None:
                batch.append(asked)
            asked = questions.get_nowait()
    except Empty:
        return batch


def _listen(redis: Redis, questions: SimpleQueue[_Question | None], closed: threading.Event) -> None:
    """Pass Redis's rings on. Redis may be away: then only the looks at the version remain."""
    while not closed.is_set():
        try:
            with contextlib.closing(redis.pubsub(ignore_subscribe_messages=True)) as bell:  # type: ignore[no-untyped-call]
                bell.subscribe(CHANNEL)
                questions.put(None)
                while not closed.is_set():
                    if bell.get_message(timeout=_BELL_TURN) is not None:
                        questions.put(None)
        except Exception as error:  # redis-py raises more than its own errors when a connection goes away
            log.debug("links_bell_silent", error=type(error).__name__)
            closed.wait(1.0)


def slug_of(path: str) -> str:
    """The word after `/r/`. Some applications end a pasted address with a slash."""
    return path[len(PREFIX) :].removesuffix("/")


def is_loopback(host: str) -> bool:
    """Whether a host, with or without a port, is one that only its own machine reaches."""
    return _bare(host) in LOOPBACK


def _may_be_slug(text: str) -> bool:
    """Whether SQL may be asked: databases refuse some characters, and one refusal must not cost the others' answers."""
    return text.isascii() and text.isprintable() and text != ""


def _names(host: str, hosts: dict[str, HostRecord]) -> list[str]:
    """The tracking hosts that a Host header may mean: with its port, then without."""
    return [name for name in dict.fromkeys((host.lower(), _bare(host))) if name in hosts]


def _bare(host: str) -> str:
    """A Host header in lower case without its port, an IPv6 address without its brackets."""
    host = host.lower()
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _as_json(link: LinkRecord) -> dict[str, Any]:
    return {**asdict(link), "expires_at": link.expires_at.isoformat() if link.expires_at else None}


def _from_json(link: dict[str, Any]) -> LinkRecord:
    expires_at = link.pop("expires_at")
    return LinkRecord(**link, expires_at=datetime.fromisoformat(expires_at) if expires_at else None)
