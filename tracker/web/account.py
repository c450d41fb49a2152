"""My account: the language, the password, the second step of signing in, and where one is signed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from tracker.domain import totp
from tracker.errors import BadInput, Conflict
from tracker.ledger import accounts, second_factor, sign_ins
from tracker.ledger.accounts import Person
from tracker.ledger.database import writing
from tracker.web import auth, filters, guard
from tracker.web.throttle import Throttle
from tracker.wiring import Wiring

ISSUER = "Tracker"
NOT_YOURS = "this is not your password"
TOO_MANY = "too many attempts: wait a quarter of an hour, then try again"
_NOT_GOOD = "this code is not good: it was used, or is not the one of now"
SENTENCES = (
    NOT_YOURS,
    TOO_MANY,
    _NOT_GOOD,
    accounts.PASSWORD_LENGTH.template,
)
DONE = {
    "password": "Your password is changed. Every other session was ended.",
    "language": "Your language is changed.",
    "ended": "The session was ended.",
    "others": "Every other session was ended.",
    "off": "The second step is off: your password alone opens your account.",
}


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the page, for everybody who is signed in."""
    blueprint = Blueprint("account", __name__, url_prefix="/account")
    blueprint.before_request(auth.required(wiring, anyone=True))
    guard.show_errors_of(blueprint)
    throttle = auth.throttle_of(wiring)
    _add_account(blueprint, wiring, throttle)
    _add_second_step(blueprint, wiring, throttle)
    _add_sessions(blueprint, wiring)
    app.register_blueprint(blueprint)


def _add_account(blueprint: Blueprint, wiring: Wiring, throttle: Throttle) -> None:
    @blueprint.get("")
    def show() -> ResponseReturnValue:
        return _page(wiring)

    @blueprint.post("/language")
    def speak() -> ResponseReturnValue:
        chosen = request.form.get("language", "")
        with writing(wiring.sessions) as ledger:
            accounts.choose_language(ledger, _me(wiring).id, chosen if chosen in filters.LANGUAGES else None)
        session.pop("lang", None)
        return _done("language")

    @blueprint.post("/password")
    def change_password() -> ResponseReturnValue:
        try:
            _check_password(wiring, throttle, "current")
            fresh = accounts.hashed(request.form.get("password", ""))
        except BadInput as error:
            return _page(wiring, {error.field: str(error)})
        here = auth.this_session()
        with writing(wiring.sessions) as ledger:
            wall = wiring.clock.wall()
            session["epoch"] = accounts.change_password(ledger, _me(wiring).id, fresh, wall, staying=here)
        return _done("password")


def _add_second_step(blueprint: Blueprint, wiring: Wiring, throttle: Throttle) -> None:
    key = wiring.settings.secret_key

    @blueprint.post("/second-step")
    def begin() -> ResponseReturnValue:
        with writing(wiring.sessions) as ledger:
            second_factor.begin(ledger, key, _me(wiring).id)
        return redirect(url_for("account.second_step"), code=303)

    @blueprint.get("/second-step")
    def second_step() -> ResponseReturnValue:
        return _offer(wiring)

    @blueprint.post("/second-step/confirm")
    def confirm() -> ResponseReturnValue:
        """The recovery codes are the answer itself: they are shown this once and kept nowhere."""
        try:
            _check_tries(wiring, throttle)
            with writing(wiring.sessions) as ledger:
                said = request.form.get("code", "")[:100]
                codes = second_factor.confirm(ledger, key, _me(wiring).id, said, wiring.clock.wall())
        except BadInput as error:
            return _offer(wiring, str(error))
        return render_template("recovery.html", codes=codes)

    @blueprint.post("/second-step/off")
    def switch_off() -> ResponseReturnValue:
        try:
            _check_password(wiring, throttle, "off_password")
            _check_tries(wiring, throttle)
            if not auth.spends_code(wiring, _me(wiring).id):
                raise BadInput("code", _NOT_GOOD)
        except BadInput as error:
            return _page(wiring, {error.field: str(error)})
        with writing(wiring.sessions) as ledger:
            second_factor.switch_off(ledger, _me(wiring).id)
        return _done("off")


def _add_sessions(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.post("/sessions/<sign_in>/end")
    def end(sign_in: str) -> ResponseReturnValue:
        with writing(wiring.sessions) as ledger:
            sign_ins.end(ledger, _me(wiring).id, sign_in, wiring.clock.wall())
        return _done("ended")

    @blueprint.post("/sessions/end")
    def end_others() -> ResponseReturnValue:
        with writing(wiring.sessions) as ledger:
            sign_ins.end_all(ledger, _me(wiring).id, wiring.clock.wall(), but=auth.this_session())
        return _done("others")


def _me(wiring: Wiring) -> Person:
    return cast("Person", auth.signed_in(wiring))


def _done(what: str) -> Response:
    return cast("Response", redirect(url_for("account.show", done=what), code=303))


def _check_password(wiring: Wiring, throttle: Throttle, field: str) -> None:
    """Raises BadInput by the field's name unless it holds the password of who is signed in."""
    email, address = _me(wiring).email, auth.network(wiring)
    if not throttle.allows(email, address):
        raise BadInput(field, TOO_MANY)
    if accounts.verify_password(wiring.sessions, email, request.form.get(field, "")) is None:
        raise BadInput(field, NOT_YOURS)
    throttle.forgive(email, address)


def _check_tries(wiring: Wiring, throttle: Throttle) -> None:
    if not auth.allows_code(throttle, _me(wiring).id, auth.network(wiring)):
        raise BadInput("code", TOO_MANY)


def _page(wiring: Wiring, refused: Mapping[str, str] | None = None) -> Response:
    me, wall = _me(wiring), wiring.clock.wall()
    with wiring.sessions() as ledger:
        found: dict[str, Any] = {
            "signed": sign_ins.every(ledger, me.id, wall, auth.this_session()),
            "second_step_on": second_factor.is_on(ledger, me.id),
            "recovery_left": second_factor.recovery_left(ledger, me.id),
        }
    done = DONE.get(request.args.get("done", ""))
    page = render_template("account.html", refused=refused or {}, done=done, now=wall, **found)
    return Response(page, status=422 if refused else 200)


def _offer(wiring: Wiring, refused: str = "") -> ResponseReturnValue:
    me = _me(wiring)
    with wiring.sessions() as ledger:
        secret = second_factor.waiting(ledger, wiring.settings.secret_key, me.id)
    if secret is None:
        if refused:
            raise Conflict(refused)
        return redirect(url_for("account.show"))
    code = _drawn(totp.address(secret, me.email, ISSUER))
    parts = [secret[start : start + 4] for start in range(0, len(secret), 4)]
    page = render_template("second_step.html", code=code, parts=parts, refused=refused)
    return Response(page, status=422 if refused else 200)


def _drawn(address: str) -> str:
    """A QR code as an address that an image takes: the page may load pictures from itself only."""
    import segno  # noqa: PLC0415  (only those who switch the second step on need it)

    code: str = segno.make_qr(address, error="m").svg_data_uri(scale=5, border=4, dark="black", light="white")
    return code
