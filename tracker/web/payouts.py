"""The page of payouts: what is approved of each partner, a form to note that it was paid, and what was paid so far."""

from __future__ import annotations

from typing import cast

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from tracker.catalog import Desk, payouts
from tracker.domain.roles import Right
from tracker.errors import Conflict, say
from tracker.reports import _owed
from tracker.web import _forms, auth, guard
from tracker.web._forms import Problems
from tracker.web._view import Names, View, to
from tracker.wiring import Wiring

_LATEST = 100


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the page, behind the sign-in."""
    blueprint = Blueprint("payouts", __name__)
    blueprint.before_request(auth.required(wiring))
    guard.show_errors_of(blueprint)

    @blueprint.get("/payouts")
    def show() -> ResponseReturnValue:
        return _page(wiring, [])

    @blueprint.post("/payouts")
    def add() -> ResponseReturnValue:
        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.PAY) as desk:
                _pay(desk)
            return redirect(to("payouts.show"), code=303)

        return _forms.answered(act, lambda refused: _page(wiring, refused))

    app.register_blueprint(blueprint)


def _pay(desk: Desk) -> None:
    """Note a payout of exactly the sum that was shown. Raises Conflict where it is another one by now."""
    form = request.form
    asked = {name: form.get(name, "") for name in ("partner", "currency", "reference")}
    paid = payouts.add(desk, payouts.NewPayout.model_validate(asked))
    if paid.amount != form.get("amount"):
        raise Conflict(
            say(
                "nothing was noted: by now %(amount)s %(currency)s are to be paid",
                amount=paid.amount,
                currency=paid.currency,
            )
        )


def _page(wiring: Wiring, refused: Problems) -> Response:
    with wiring.sessions() as session:
        view = View.of_request(session, wiring)
        if view is None:
            return cast("Response", redirect(to("pages.overview")))
        desk = wiring.desk(session, view.brand.id)
        waiting = payouts.waiting(_owed.payable(session, view.brand.id, view.today))
        paid = payouts.newest(desk, _LATEST)
        names = Names.of(session, view.brand.id)
    page = render_template("payouts.html", view=view, names=names, waiting=waiting, paid=paid, refused=refused)
    return Response(page, status=422 if refused else 200)
