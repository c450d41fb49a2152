"""The page of terms: what partners are paid, a form for a new version, and the orders that nobody is paid for."""

from __future__ import annotations

from typing import cast

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template
from flask.typing import ResponseReturnValue

from tracker.catalog import commissions, terms
from tracker.domain.roles import Right
from tracker.reports._unagreed import days_without_terms
from tracker.web import _forms, auth, guard
from tracker.web._forms import Problems
from tracker.web._view import Names, View, to
from tracker.wiring import Wiring

_NEWEST = 500
_FORGOTTEN = 50

_DECIMALS = ("percent", "flat", "returning_percent", "returning_flat", "assist_percent")


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the page, behind the sign-in."""
    blueprint = Blueprint("terms", __name__)
    blueprint.before_request(auth.required(wiring))
    guard.show_errors_of(blueprint)

    @blueprint.get("/terms")
    def show() -> ResponseReturnValue:
        return _page(wiring, [])

    @blueprint.post("/terms")
    def add() -> ResponseReturnValue:
        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.PAY) as desk:
                terms.add(desk, terms.NewTerms.model_validate(_forms.typed(_DECIMALS)))
            return redirect(to("terms.show"), code=303)

        return _forms.answered(act, lambda refused: _page(wiring, refused))

    app.register_blueprint(blueprint)


def _page(wiring: Wiring, refused: Problems) -> Response:
    with wiring.sessions() as session:
        view = View.of_request(session, wiring)
        if view is None:
            return cast("Response", redirect(to("pages.overview")))
        desk = wiring.desk(session, view.brand.id)
        agreed = terms.newest(desk, _NEWEST)
        days = days_without_terms(session, view.brand.id, _FORGOTTEN)
        forgotten = commissions.without_terms(desk, _FORGOTTEN, days=days)
        names = Names.of(session, view.brand.id)
    page = render_template(
        "terms.html",
        view=view,
        names=names,
        agreed=agreed,
        forgotten=forgotten,
        refused=refused,
        typed=_forms.typed(_DECIMALS) if refused else {},
        hold_days=terms.DEFAULT_HOLD_DAYS,
    )
    return Response(page, status=422 if refused else 200)
