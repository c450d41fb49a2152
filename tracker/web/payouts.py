"""The page of payouts: what is approved of each partner, a form to note that it was paid, and what was paid so far."""

from __future__ import annotations

from typing import cast

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import ValidationError

from tracker.catalog import Desk, payouts
from tracker.catalog.fields import problems
from tracker.domain.roles import Right
from tracker.errors import BadInput, Conflict, NotFound
from tracker.ledger.database import writing
from tracker.web import auth, guard
from tracker.web.pages import Names, View
from tracker.wiring import Wiring

_LATEST = 100

Problems = list[tuple[str, str]]


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
        """Answers with the page again where something is refused."""
        try:
            with writing(wiring.sessions) as session:
                view = View.of_request(session, wiring)
                if view is not None:
                    auth.demand(Right.PAY, view.brand.id)
                    _pay(wiring.desk(session, view.brand.id))
        except ValidationError as error:
            return _page(wiring, problems(error))
        except (BadInput, Conflict, NotFound) as error:
            return _page(wiring, [(getattr(error, "field", ""), str(error))])
        return redirect(url_for("payouts.show", brand=request.args.get("brand")), code=303)

    app.register_blueprint(blueprint)


def _pay(desk: Desk) -> None:
    """Note a payout of exactly the sum that was shown. Raises Conflict where it is another one by now."""
    form = request.form
    asked = {name: form.get(name, "") for name in ("partner", "currency", "reference")}
    paid = payouts.add(desk, payouts.NewPayout.model_validate(asked))
    if paid.amount != form.get("amount"):
        raise Conflict(f"nothing was noted: by now {paid.amount} {paid.currency} are to be paid")


def _page(wiring: Wiring, refused: Problems) -> Response:
    with wiring.sessions() as session:
        view = View.of_request(session, wiring)
        if view is None:
            return cast("Response", redirect(url_for("pages.overview")))
        desk = wiring.desk(session, view.brand.id)
        waiting, paid = payouts.waiting(desk), payouts.newest(desk, _LATEST)
        names = Names.of(session, view.brand.id)
    page = render_template("payouts.html", view=view, names=names, waiting=waiting, paid=paid, refused=refused)
    return Response(page, status=422 if refused else 200)
