"""Who is signed in is said by a signed cookie, and believed only while the account's epoch and the idle time agree."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import cast
from urllib.parse import urlsplit

from apiflask import APIFlask
from flask import Blueprint, Response, current_app, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import InterfaceError, OperationalError

from tracker import agents, log
from tracker.domain.addresses import client_address, truncated
from tracker.domain.roles import Right
from tracker.errors import Forbidden, Unavailable
from tracker.ledger import accounts, second_factor, sign_ins
from tracker.ledger.accounts import Person
from tracker.ledger.database import writing
from tracker.web import filters, guard
from tracker.web.throttle import Throttle
from tracker.wiring import Wiring

IDLE, LONGEST = sign_ins.IDLE, sign_ins.LONGEST
_FRESH = timedelta(minutes=1)  # how stale the cookie's last-seen may be before it is sent anew

NO_BRAND = "no brand knows you yet, or any more; ask its owner for an invitation"
NOT_YOURS = "this is not yours to change"
NOT_ALLOWED = "your role in this brand does not let you do this; ask one of its owners"
SENTENCES = (NO_BRAND, NOT_YOURS, NOT_ALLOWED)

_STEP_WAITS = timedelta(minutes=10)  # how long after the password the second step may take
_KEPT = "lang"  # what of a cookie outlives a session: it says nothing about anybody


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
    blueprint.before_request(keep_language)
    _add_views(blueprint, wiring, throttle_of(wiring))
    _add_second_step(blueprint, wiring, throttle_of(wiring))
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
        address = network(wiring)
        if not throttle.allows(email, address):
            log.warning("sign_in_throttled")
            return _form(email=email, throttled=True), 429
        person = accounts.verify_password(wiring.sessions, email, password)
        if person is None:
            log.info("sign_in_refused")
            return _form(email=email, refused=True), 403
        throttle.forgive(email, address)
        wanted = inside(request.form.get("next", ""))
        with wiring.sessions() as ledger:
            if second_factor.is_on(ledger, person.id):
                return _half_open(person, wanted, wiring.clock.wall())
        open_session(wiring, person)
        return redirect(wanted)

    @blueprint.post("/sign-out")
    def sign_out() -> ResponseReturnValue:
        if person := signed_in(wiring):
            with writing(wiring.sessions) as ledger:
                sign_ins.end(ledger, person.id, this_session(), wiring.clock.wall())
        _forget()
        return redirect(url_for("auth.sign_in"))


def _add_second_step(blueprint: Blueprint, wiring: Wiring, throttle: Throttle) -> None:
    @blueprint.get("/sign-in/code")
    def code() -> ResponseReturnValue:
        if _half(wiring) is None:
            return redirect(url_for("auth.sign_in"))
        return render_template("code.html")

    @blueprint.post("/sign-in/code")
    def enter_code() -> ResponseReturnValue:
        person = _half(wiring)
        if person is None:
            return redirect(url_for("auth.sign_in"), code=303)
        if not allows_code(throttle, person.id, network(wiring)):
            return render_template("code.html", throttled=True), 429
        if not spends_code(wiring, person.id):
            log.info("second_step_refused")
            return render_template("code.html", refused=True), 403
        wanted = inside(session.get("next", ""))
        open_session(wiring, person)
        return redirect(wanted, code=303)


def throttle_of(wiring: Wiring) -> Throttle:
    """What counts the attempts at this installation's secrets."""
    return Throttle(wiring.hasty_redis, wiring.settings.secret_key)


def allows_code(throttle: Throttle, account_id: str, address: str) -> bool:
    """Count an attempt at the account's second factor; whether it may go on."""
    name = f"second step {account_id}"
    return throttle.allows(name, address) and throttle.allows_anywhere(name)


def spends_code(wiring: Wiring, account_id: str) -> bool:
    """Whether the form holds a code that is good now; from here on it is used."""
    said = (request.form.get("code", "").strip() or request.form.get("recovery", ""))[:100]
    with writing(wiring.sessions) as ledger:
        return second_factor.spend(ledger, wiring.settings.secret_key, account_id, said, wiring.clock.wall())


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
        if request.method not in ("GET", "HEAD"):
            raise Forbidden(NOT_YOURS)
        return cast("Response", redirect(home(person)))

    return check


def home(person: Person) -> str:
    """Where somebody's pages begin. Raises Forbidden for whoever has none: no brand knows them any more."""
    if person.is_staff or ("portal.home" in current_app.view_functions and person.partners):
        return home_of(person)
    raise Forbidden(NO_BRAND)


def home_of(person: Person | None) -> str:
    """Where the name of the house leads on every page."""
    if person and person.is_partner_only and "portal.home" in current_app.view_functions:
        return url_for("portal.home")
    return url_for("pages.overview")


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
        raise Forbidden(NOT_ALLOWED)


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
            _forget()
    return cast("Person | None", g.person)


def account_id() -> str:
    """The account that asks, in a view behind the sign-in."""
    return cast("Person", g.person).id


def _who(wiring: Wiring) -> Person | None:
    claimed = _by_cookie(wiring)
    if claimed is None:
        return None
    wall = wiring.clock.wall()
    with wiring.sessions() as ledger:
        person = accounts.person(ledger, claimed.id, claimed.epoch)
        seen = sign_ins.is_open(ledger, claimed.id, this_session(), wall)
    if person is None or seen is None:
        return None
    if sign_ins.is_stale(seen, wall):
        _touch(wiring, wall)
    return person


def _touch(wiring: Wiring, wall: datetime) -> None:
    """Note that the session is used, as far as the ledger has a moment for it."""
    try:
        with writing(wiring.hasty_sessions) as ledger:
            sign_ins.touch(ledger, this_session(), wall)
    except Unavailable as error:
        log.warning("session_use_not_noted", error=type(error).__name__)


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
    if wall - seen > _FRESH:
        session["seen"] = wall.isoformat()
    return Person(account, "", epoch)


def open_session(wiring: Wiring, person: Person) -> None:
    """A new session: nothing that was in the cookie before survives, the CSRF secret included."""
    wall = wiring.clock.wall()
    with writing(wiring.sessions) as ledger:
        sign_in = sign_ins.add(ledger, person.id, _device(), network(wiring) or None, wall)
    _forget()
    session.update(
        account=person.id, epoch=person.epoch, sign_in=sign_in, opened=wall.isoformat(), seen=wall.isoformat()
    )
    g.pop("person", None)
    log.info("signed_in", account=person.id)


def _device() -> str:
    agent = agents.look(request.headers.get("User-Agent", ""))
    return ", ".join(name for name in (agent.browser, agent.system) if name)


def this_session() -> str:
    """The id of the session that asks, empty for nobody's."""
    return str(session.get("sign_in", ""))


def _half_open(person: Person, wanted: str, wall: datetime) -> ResponseReturnValue:
    """The password was right: what is open so far is the second step alone."""
    _forget()
    session.update(half=person.id, half_epoch=person.epoch, half_at=wall.isoformat(), next=wanted)
    return redirect(url_for("auth.code"), code=303)


def _half(wiring: Wiring) -> Person | None:
    """Whose password was right a moment ago."""
    try:
        account, epoch = str(session["half"]), int(session["half_epoch"])
        since = datetime.fromisoformat(session["half_at"])
    except (KeyError, ValueError):
        return None
    if wiring.clock.wall() - since > _STEP_WAITS:
        return None
    with wiring.sessions() as ledger:
        return accounts.person(ledger, account, epoch)


def _forget() -> None:
    """Nothing of the cookie stays but the language that was chosen."""
    language = session.get(_KEPT)
    session.clear()
    if language:
        session[_KEPT] = language


def keep_language() -> None:
    """A before-request function of pages for those who are not signed in: `?lang=` is remembered."""
    asked = request.args.get("lang")
    if request.method == "GET" and asked in filters.LANGUAGES:
        session[_KEPT] = asked


def network(wiring: Wiring) -> str:
    """The network that the request came from: whoever has one address of it may have them all."""
    forwarded = ",".join(request.headers.getlist("X-Forwarded-For"))
    return truncated(client_address(request.remote_addr or "", forwarded, wiring.settings.trusted_proxies)) or ""


def _form(*, email: str = "", refused: bool = False, throttled: bool = False) -> str:
    wanted = request.values.get("next", "")
    return render_template("sign_in.html", email=email, refused=refused, throttled=throttled, next=wanted)


def inside(wanted: str) -> str:
    """`wanted` where it is a path on this site, else the overview: a form must not lead anybody elsewhere."""
    parts = urlsplit(wanted)
    plain = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if plain and not parts.scheme and not parts.netloc else url_for("pages.overview")
