"""A forgotten password: the answer is the same whether an address is known or not; a letter holds the way back in."""

from __future__ import annotations

from apiflask import APIFlask
from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker import log
from tracker.errors import BadInput
from tracker.ledger import accounts, resets
from tracker.ledger.database import writing
from tracker.web import auth, filters, guard
from tracker.wiring import Wiring


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the pages, for those who are not signed in."""
    blueprint = Blueprint("forgotten", __name__)
    blueprint.before_request(auth.keep_language)
    guard.show_errors_of(blueprint)
    _add_asking(blueprint, wiring)
    _add_reset(blueprint, wiring)
    app.register_blueprint(blueprint)


def _add_asking(blueprint: Blueprint, wiring: Wiring) -> None:
    throttle = auth.throttle_of(wiring)

    @blueprint.get("/forgotten")
    def show() -> ResponseReturnValue:
        return render_template("forgotten.html")

    @blueprint.post("/forgotten")
    def ask() -> ResponseReturnValue:
        email = request.form.get("email", "")[:400]
        name = f"forgotten {accounts.folded(email)}"
        if not (throttle.allows(name, auth.network(wiring)) and throttle.allows_anywhere(name)):
            log.warning("reset_throttled")
            return render_template("forgotten.html", throttled=True, email=email), 429
        clock, settings = wiring.clock, wiring.settings
        with writing(wiring.sessions) as ledger:
            asked = resets.Asked(email, filters.language(), clock.now(), clock.wall())
            resets.ask(ledger, settings.secret_key, settings.public_url, asked)
        return redirect(url_for("forgotten.sent"), code=303)

    @blueprint.get("/forgotten/sent")
    def sent() -> ResponseReturnValue:
        return render_template("forgotten.html", sent=True)


def _add_reset(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.get("/reset/<token>")
    def choose(token: str) -> ResponseReturnValue:
        with wiring.sessions() as ledger:
            account = resets.account_of(ledger, token, wiring.clock.wall())
        if account is None:
            return render_template("reset.html", over=True), 410
        return render_template("reset.html", email=account.email)

    @blueprint.post("/reset/<token>")
    def set_password(token: str) -> ResponseReturnValue:
        wall = wiring.clock.wall()
        with wiring.sessions() as ledger:
            account = resets.account_of(ledger, token, wall)
        if account is None:
            return render_template("reset.html", over=True), 410
        try:
            fresh = accounts.hashed(request.form.get("password", ""))
        except BadInput as error:
            return render_template("reset.html", email=account.email, refused=str(error)), 422
        with writing(wiring.sessions) as ledger:
            spent = resets.use(ledger, token, wall)
            if spent is not None:
                accounts.change_password(ledger, spent, fresh, wall)
        if spent is None:
            return render_template("reset.html", over=True), 410
        log.info("password_reset", account=spent)
        return redirect(url_for("auth.sign_in", done="password"), code=303)
