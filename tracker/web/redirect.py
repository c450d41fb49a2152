"""The redirect answers before Flask sees the request, and it answers whatever fails behind it.

A GET is written to the journal and then sent on with 302; nothing is waited for but this host's disk. A HEAD is sent on
and never counts; a prefetch is refused and never counts. What tells people apart is kept as little as the law and the
brand allow: a truncated address, the name of the referring host, a hash that dies at midnight, and a cookie only where
the brand has turned it on and the visitor has said yes.

Consent is told by `consent=1` or `consent=0` in the query, or else by a first-party cookie `tracker_consent` of the
same values, which the brand's consent banner may set on the domain it shares with the tracking host. Sub-ids are the
query's `s1`-`s5`, `sub1`-`sub5`, `subid1`-`subid5`, `subid` and `sub_id`: the first six, kept under their names.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from redis import RedisError

from tracker import log, stream
from tracker.domain.addresses import client_address, truncated
from tracker.domain.clicks import (
    CONSENT_GIVEN,
    CONSENT_REFUSED,
    LONGEST_AGENT,
    LONGEST_HINT,
    LONGEST_HOST,
    LONGEST_SLUG,
    LONGEST_SUB_ID,
    MOST_SUB_IDS,
    NULL,
    assemble,
    clean,
    hints_json,
    microseconds,
    moment,
    place_json,
    sub_ids_json,
    text_json,
    will_json,
)
from tracker.domain.ids import is_id, new_id
from tracker.journal import Journal
from tracker.links import PREFIX, Links, Route, slug_of
from tracker.pipeline import CLICKS
from tracker.salt import Salt
from tracker.wiring import Wiring

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

VISITOR_COOKIE = "__Host-visitor"
CONSENT_COOKIE = "tracker_consent"
COOKIE_SECONDS = 30 * 24 * 3600

_PREFETCH_HEADERS = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")
_PREFETCH = re.compile("prefetch|prerender|preview", re.IGNORECASE)
_SUB_ID = re.compile(r"s[1-5]|sub[1-5]|subid[1-5]?|sub_id", re.IGNORECASE)
_CONSENT = {"1": CONSENT_GIVEN, "0": CONSENT_REFUSED}
_LONGEST_QUERY = 4096
_LONGEST_COOKIE = 8192
_LONGEST_HEADER = 1024
_REDIS_SILENCE = 1.0
_DAY = 24 * 3600 * 1_000_000

_NO_STORE = ("Cache-Control", "no-store")
_REFERRER = ("Referrer-Policy", "no-referrer-when-downgrade")
_EMPTY = ("Content-Length", "0")
_NOT_FOUND = (
    b"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    b"<title>No such link</title><h1>This link does not exist</h1>"
    b"<p>It may have been mistyped, or it is no longer in use.</p></html>"
)
_PAGE_HEADERS = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Length", str(len(_NOT_FOUND))),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    _NO_STORE,
]

# Status, headers, body.
_Answer = tuple[str, list[tuple[str, str]], tuple[bytes, ...]]


@dataclass(slots=True)
class _Said:
    """What a request tells of its visitor's will, and the sub-ids in its query."""

    consent: str | None = None
    visitor_id: str | None = None
    sub_ids: dict[str, str] | None = None


# A request that says nothing of all this: will, visitor id, sub-ids, cookie to set.
_SILENT = (will_json(None, gpc=False, dnt=False), NULL, NULL, None)


class Redirect:
    """Answers `/r/<slug>` before Flask sees it. Files, threads and connections open with the first such request."""

    def __init__(self, app: WSGIApplication, wiring: Wiring) -> None:
        settings = wiring.settings
        self.app = app
        self._wiring = wiring
        self._clock = settings.clock if settings.clock.origin else None
        self._trusted = settings.trusted_proxies
        self._keeps_address = settings.store_ip == "truncated"
        self._salt = Salt(wiring.hasty_redis, settings.clock)
        self._links = Links(
            wiring.hasty_sessions,
            wiring.hasty_redis,
            settings.links_snapshot,
            urlsplit(settings.public_url).hostname or "",
            settings.click_parameter,
        )
        self._keeper = Keeper(wiring)
        self._append = self._keeper.append

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path: str = environ.get("PATH_INFO", "")
        if not path.startswith(PREFIX):
            return self.app(environ, start_response)
        try:
            status, headers, body = self._answer(environ, path)
        except Exception as error:
            log.error("redirect_failed", exc=error)
            status, headers, body = self._bare_answer(environ, path)
        start_response(status, headers)
        return body

    def close(self) -> None:
        """Close the journal and end the threads."""
        self._links.close()
        self._salt.close()
        self._keeper.close()

    def _answer(self, environ: WSGIEnvironment, path: str) -> _Answer:
        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "HEAD"):
            return "405 Method Not Allowed", [("Allow", "GET, HEAD"), _NO_STORE, _EMPTY], ()
        if (
            "HTTP_SEC_PURPOSE" in environ
            or "HTTP_PURPOSE" in environ
            or "HTTP_X_PURPOSE" in environ
            or "HTTP_X_MOZ" in environ
        ) and _is_prefetch(environ):
            return "503 Service Unavailable", [_NO_STORE, _EMPTY], ()
        # Microseconds since 1970. A live clock is the system's; a date object would cost more than it tells here.
        now = time.time_ns() // 1000 if self._clock is None else microseconds(self._clock.now())
        route = self._links.route(environ.get("HTTP_HOST", ""), path)
        if route.expires_at is not None and moment(now) >= route.expires_at:
            route = Route(route.host, route.brand_id, fallback=route.fallback)
        if method == "HEAD":
            return _redirect(route.plain or route.fallback)
        click_id = new_id()
        line, set_cookie = self._line(environ, path, route, click_id, now)
        try:
            self._append(line)
        except OSError as error:
            self._keeper.refused(line, error)
        answer = _redirect(route.before + click_id + route.after if route.before else route.fallback)
        if set_cookie is not None:
            answer[1].append(("Set-Cookie", set_cookie))
        return answer

    def _bare_answer(self, environ: WSGIEnvironment, path: str) -> _Answer:
        """When our own code fails: the visitor still gets where the link leads, uncounted but for the loss."""
        try:
            self._keeper.lost()
            route = self._links.route(environ.get("HTTP_HOST", ""), path)
            return _redirect(route.plain or route.fallback)
        except Exception as error:
            log.error("redirect_failed_twice", exc=error)
            return _missing()

    def _line(
        self, environ: WSGIEnvironment, path: str, route: Route, click_id: str, now: int
    ) -> tuple[bytes, str | None]:
        """The click, ready for the journal, and the cookie to set, if any."""
        get = environ.get
        agent_json, agent = _agent(get("HTTP_USER_AGENT", "")[:_LONGEST_HEADER])
        address: str = get("REMOTE_ADDR", "")
        if self._trusted:
            address = client_address(address, get("HTTP_X_FORWARDED_FOR", ""), self._trusted)
        will, visitor_id, sub_ids, set_cookie = _SILENT
        if "HTTP_COOKIE" in environ or "HTTP_SEC_GPC" in environ or "HTTP_DNT" in environ or get("QUERY_STRING"):
            will, visitor_id, sub_ids, set_cookie = _heard(environ, route)
        traits = f"{route.brand_id}|{address}|".encode("utf-8", "replace") + agent
        line = assemble(
            click_id,
            now,
            route.place or _orphan_place(route, path),
            _prefix(address) if self._keeps_address else NULL,
            agent_json,
            _referrer(get("HTTP_REFERER", "")[:_LONGEST_HEADER]),
            _hints(get("HTTP_SEC_FETCH_MODE"), get("HTTP_SEC_FETCH_DEST"), "HTTP_ACCEPT_LANGUAGE" in environ),
            will,
            f'"{self._salt.visitor_hash(now // _DAY, traits)}"',
            visitor_id,
            sub_ids,
        )
        return line, set_cookie


class Keeper:
    """Keeps clicks: in the journal, else straight in Redis, else as a number that says how many were lost."""

    def __init__(self, wiring: Wiring) -> None:
        self._journal = Journal(wiring.settings.journal_folder, CLICKS)
        self._redis = wiring.hasty_redis
        self._silent_until = 0.0
        self._complained = 0.0
        self.append = self._journal.append

    def refused(self, line: bytes, error: OSError) -> None:
        """The disk did not take a line. Never raises."""
        self._complain("journal_refused", error)
        if not self._ship(line):
            self.lost()

    def lost(self) -> None:
        """Count a click that nothing will bring back."""
        self._journal.lost()

    def close(self) -> None:
        """Sync and close the files."""
        self._journal.close()

    def _ship(self, line: bytes) -> bool:
        """Try Redis, which may forget it; after a failure not again for a second, for a visitor waits."""
        if time.monotonic() < self._silent_until:
            return False
        try:
            stream.ship(self._redis, [line])
        except (RedisError, OSError) as error:
            self._silent_until = time.monotonic() + _REDIS_SILENCE
            self._complain("click_not_kept", error)
            return False
        return True

    def _complain(self, event: str, error: Exception) -> None:
        """Log at most once a second: a full disk is not emptier for a million lines about it."""
        if time.monotonic() - self._complained >= 1.0:
            self._complained = time.monotonic()
            log.error(event, exc=error)


def _redirect(location: str | None) -> _Answer:
    if not location:
        return _missing()
    return "302 Found", [("Location", location), _NO_STORE, _REFERRER, _EMPTY], ()


def _missing() -> _Answer:
    return "404 Not Found", list(_PAGE_HEADERS), (_NOT_FOUND,)


def _is_prefetch(environ: WSGIEnvironment) -> bool:
    """Whether nobody has acted on the link yet. Refused, not redirected: the real navigation must reach us."""
    return any(_PREFETCH.search(environ.get(name, "")) is not None for name in _PREFETCH_HEADERS)


# --- parts of a click that come again and again -----------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _agent(value: str) -> tuple[str, bytes]:
    text = _text(value, LONGEST_AGENT)
    return text_json(text), text.encode()


@lru_cache(maxsize=1024)
def _referrer(url: str) -> str:
    """The host of a referrer in lower case (an Android application's package counts), without user and port."""
    authority = re.split("[/?#]", url.partition("://")[2], maxsplit=1)[0]
    host = authority.rpartition("@")[2].partition(":")[0].lower()
    return text_json(_text(host, LONGEST_HOST) or None)


@lru_cache(maxsize=256)
def _hints(mode: str | None, dest: str | None, has_language: bool) -> str:
    mode, dest = (value and _text(value, LONGEST_HINT) for value in (mode, dest))
    return hints_json(mode, dest, has_language)


@lru_cache(maxsize=4096)
def _prefix(address: str) -> str:
    return text_json(truncated(address))


def _orphan_place(route: Route, path: str) -> str:
    return place_json(route.brand_id, None, _text(route.host, LONGEST_HOST), _text(slug_of(path), LONGEST_SLUG))


# --- what the visitor says --------------------------------------------------------------------------------------------


def _heard(environ: WSGIEnvironment, route: Route) -> tuple[str, str, str, str | None]:
    """The click's parts `will`, `visitor_id` and `sub_ids`, and the cookie to set."""
    said = _said(environ.get("QUERY_STRING", ""), environ.get("HTTP_COOKIE", ""))
    gpc, dnt = environ.get("HTTP_SEC_GPC") == "1", environ.get("HTTP_DNT") == "1"
    visitor_id, set_cookie = None, None
    if route.visitor_cookie:
        visitor_id, set_cookie = _visitor(said, opposed=gpc or dnt)
    return will_json(said.consent, gpc, dnt), text_json(visitor_id), sub_ids_json(said.sub_ids), set_cookie


def _said(query: str, cookies: str) -> _Said:
    said = _Said()
    if cookies:
        _hear_cookies(said, cookies[:_LONGEST_COOKIE])
    if query:
        _hear_query(said, query[:_LONGEST_QUERY])
    return said


def _hear_cookies(said: _Said, header: str) -> None:
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name == VISITOR_COOKIE and is_id(value):
            said.visitor_id = value
        elif name == CONSENT_COOKIE:
            said.consent = _CONSENT.get(value, said.consent)


def _hear_query(said: _Said, query: str) -> None:
    for name, value in parse_qsl(_utf8(query), errors="replace", max_num_fields=None):
        if name == "consent":
            said.consent = _CONSENT.get(value, said.consent)
        elif value and _SUB_ID.fullmatch(name):
            said.sub_ids = said.sub_ids or {}
            if len(said.sub_ids) < MOST_SUB_IDS:
                said.sub_ids.setdefault(name.lower(), clean(value, LONGEST_SUB_ID))


def _visitor(said: _Said, *, opposed: bool) -> tuple[str | None, str | None]:
    """The visitor's id and the cookie to set, of a brand that asks for consent.

    Our cookie is only there because consent was given, and it lasts until it is refused; its life is never extended.
    """
    if said.consent == CONSENT_REFUSED:
        return None, _cookie("", 0) if said.visitor_id else None
    if opposed:
        return None, None
    if said.visitor_id is not None:
        return said.visitor_id, None
    if said.consent != CONSENT_GIVEN:
        return None, None
    visitor_id = secrets.token_hex(16)
    return visitor_id, _cookie(visitor_id, COOKIE_SECONDS)


def _cookie(value: str, seconds: int) -> str:
    return f"{VISITOR_COOKIE}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax"


def _text(value: str, longest: int) -> str:
    """A header's or path's text: UTF-8 where it is, cleaned and cut."""
    return clean(value if value.isascii() else _utf8(value), longest)


def _utf8(value: str) -> str:
    """WSGI hands over bytes dressed as Latin-1; some of them are."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value
