"""Who is signed in is said by a signed cookie, and believed only while the account's epoch and the idle time agree."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import cast
from urllib.parse import urlsplit

from apiflask import APIFlask
from flask import Blueprint, Response, current_app, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from redis import Redis, RedisError
from sqlalchemy.exc import InterfaceError, OperationalError

from tracker import log
from tracker.domain.addresses import client_address, truncated
from tracker.domain.roles import Right
from tracker.errors import Forbidden, Unavailable
from tracker.ledger import accounts
from tracker.ledger.accounts import Person
from tracker.ledger.database import writing
from tracker.web import guard
from tracker.wiring import Wiring

IDLE = timedelta(hours=8)
LONGEST = timedelta(days=7)
_TOUCH = timedelta(minutes=1)  # how stale the cookie's last-seen may be before it is sent anew

WINDOW = 15 * 60  # seconds over which attempts are counted
TRIES = 10  # of one account from one address
TRIES_OF_ADDRESS = 50  # of one address on any account


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add signing in and out, and the cookie's terms."""
    https = wiring.settings.public_url.startswith("https:")
    app.config.update(
        SESSION_COOKIE_NAME="__Host-tracker" if https else "tracker",
        SESSION_COOKIE_SECURE=https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
    )
    blueprint = Blueprint("auth", __name__)
    guard.show_errors_of(blueprint)
    _add_views(blueprint, wiring, Throttle(wiring.hasty_redis, wiring.settings.secret_key))
    app.register_blueprint(blueprint)


def _add_views(blueprint: Blueprint, wiring: Wiring, throttle: Throttle) -> None:
    @blueprint.get("/sign-in")
    def sign_in() -> ResponseReturnValue:
        if signed_in(wiring):
            return redirect(url_for("pages.overview"))
        return _form()

    @blueprint.post("/sign-in")
    def enter() -> ResponseReturnValue:
        email, password = request.form.get("email", "")[:400], request.form.get("password", "")
        address = _address(wiring)
        if not throttle.allows(email, address):
            log.warning("sign_in_throttled")
            return _form(email=email, throttled=True), 429
        person = accounts.verify_password(wiring.sessions, email, password)
        if person is None:
            log.info("sign_in_refused")
            return _form(email=email, refused=True), 403
        throttle.forgive(email, address)
        _open(person, wiring.clock.wall())
        return redirect(_inside(request.form.get("next", "")))

    @blueprint.post("/sign-out")
    def sign_out() -> ResponseReturnValue:
        if person := signed_in(wiring):
            with writing(wiring.sessions) as ledger:
                accounts.end_sessions(ledger, person.id)
        session.clear()
        return redirect(url_for("auth.sign_in"))


def required(
    wiring: Wiring, *, portal: bool = False, anyone: bool = False, without_ledger: Collection[str] = ()
) -> Callable[[], Response | None]:
    """A before-request function: whoever is not signed in is asked to, and comes back where they wanted to go.

    The pages are the staff's; with `portal` they are the partners', with `anyone` everybody's who is signed in. Whoever
    comes to the others' is sent to their own.

    While the ledger does not answer, the endpoints `without_ledger` believe the cookie alone. So they must show nothing
    that the ledger does not hold back by itself.
    """

    def check() -> Response | None:
        try:
            person = signed_in(wiring)
        except Unavailable:
            if request.endpoint not in without_ledger:
                raise
            g.person = _by_cookie(wiring)
            return None if g.person else _asked()
        if person is None:
            return _asked()
        if anyone or (person.partners if portal else person.is_staff):
            return None
        return cast("Response", redirect(home(person)))

    return check


def home(person: Person) -> str:
    """Where somebody's pages begin. Raises Forbidden for whoever has none: no brand knows them any more."""
    if person.is_staff:
        return url_for("pages.overview")
    if person.partners and "portal.home" in current_app.view_functions:
        return url_for("portal.home")
    raise Forbidden("no brand knows you yet, or any more; ask its owner for an invitation")


def partnerships() -> list[tuple[str, str]]:
    """Which partner of which brand is signed in: (brand_id, partner_id), none for staff alone."""
    person = cast("Person | None", g.get("person"))
    return sorted(person.partners.items()) if person else []


def _asked() -> Response:
    """To the sign-in, and back again."""
    wanted = request.full_path.rstrip("?") if request.method == "GET" else ""
    return cast("Response", redirect(url_for("auth.sign_in", next=wanted or None)))


def demand(right: Right, brand_id: str) -> None:
    """Raise Forbidden unless the role of who is signed in lets them do this in the brand.

    A view that writes calls it first. To call it before the view of the brand is opened would be to trust the query.
    """
    person = cast("Person | None", g.get("person"))
    if person is None or not person.may(right, brand_id):
        raise Forbidden("your role in this brand does not let you do this; ask one of its owners")


def signed_in(wiring: Wiring) -> Person | None:
    """Who asks, or None. Read once per request; a session that is over is cleared.

    Raises Unavailable, the first time, where the ledger does not answer: then nobody is known, and nobody signed out.
    """
    if "person" not in g:
        g.person = None
        try:
            g.person = _who(wiring)
        except (OperationalError, InterfaceError) as error:
            raise Unavailable("the ledger does not answer") from error
        if g.person is None and "account" in session:
            session.clear()
    return cast("Person | None", g.person)


def _who(wiring: Wiring) -> Person | None:
    claimed = _by_cookie(wiring)
    if claimed is None:
        return None
    with wiring.sessions() as ledger:
        return accounts.person(ledger, claimed.id, claimed.epoch)


def _by_cookie(wiring: Wiring) -> Person | None:
    """Who the signed cookie says it is, their address unknown, while its times hold; the epoch may be an old one."""
    wall = wiring.clock.wall()
    try:
        account, epoch = str(session["account"]), int(session["epoch"])
        opened, seen = (datetime.fromisoformat(session[name]) for name in ("opened", "seen"))
    except (KeyError, ValueError):
        return None
    if wall - seen > IDLE or wall - opened > LONGEST:
        return None
    if wall - seen > _TOUCH:
        session["seen"] = wall.isoformat()
    return Person(account, "", epoch)


def _open(person: Person, wall: datetime) -> None:
    """A new session: nothing that was in the cookie before survives, the CSRF secret included."""
    session.clear()
    session.update(account=person.id, epoch=person.epoch, opened=wall.isoformat(), seen=wall.isoformat())
    log.info("signed_in", account=person.id)


def _address(wiring: Wiring) -> str:
    """The network that the request came from: whoever has one address of it may have them all."""
    forwarded = ",".join(request.headers.getlist("X-Forwarded-For"))
    return truncated(client_address(request.remote_addr or "", forwarded, wiring.settings.trusted_proxies)) or ""


def _form(*, email: str = "", refused: bool = False, throttled: bool = False) -> str:
    wanted = request.values.get("next", "")
    return render_template("sign_in.html", email=email, refused=refused, throttled=throttled, next=wanted)


def _inside(wanted: str) -> str:
    """`wanted` where it is a path on this site, else the overview: a form must not lead anybody elsewhere."""
    parts = urlsplit(wanted)
    plain = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if plain and not parts.scheme and not parts.netloc else url_for("pages.overview")


@dataclass
class Throttle:
    """Counts attempts in Redis; where Redis does not answer, in this process: nobody is locked out by our failure.

    An attempt is counted before the password is looked at, so that many at once do not slip through. Keys are keyed
    digests: Redis learns neither the address nor the account.
    """

    redis: Redis
    key: str
    _here: dict[str, tuple[int, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def allows(self, email: str, address: str) -> bool:
        """Count an attempt; whether it may go on."""
        limits = {self._name(email.strip().casefold(), address): TRIES, self._name("", address): TRIES_OF_ADDRESS}
        counts = self._count(list(limits))
        return all(count <= limit for count, limit in zip(counts, limits.values(), strict=True))

    def forgive(self, email: str, address: str) -> None:
        """The password was right: the account's own count begins anew."""
        name = self._name(email.strip().casefold(), address)
        with self._lock:
            self._here.pop(name, None)
        try:
            self.redis.delete(name)
        except (RedisError, OSError):
            return

    def _name(self, email: str, address: str) -> str:
        text = f"{email}\n{address}".encode()
        return "sign-in:" + blake2b(text, key=self.key.encode()[:64], digest_size=16).hexdigest()

    def _count(self, names: list[str]) -> list[int]:
        try:
            pipeline = self.redis.pipeline(transaction=True)
            for name in names:
                pipeline.set(name, 0, ex=WINDOW, nx=True)
                pipeline.incr(name)
            return [int(answer) for answer in pipeline.execute()[1::2]]
        except (RedisError, OSError) as error:
            log.warning("throttle_without_redis", error=type(error).__name__)
            return [self._count_here(name) for name in names]

    def _count_here(self, name: str) -> int:
        now = time.monotonic()
        with self._lock:
            if len(self._here) > 10_000:
                self._here.clear()
            count, until = self._here.get(name, (0, now + WINDOW))
            if until <= now:
                count, until = 0, now + WINDOW
            self._here[name] = (count + 1, until)
            return count + 1
