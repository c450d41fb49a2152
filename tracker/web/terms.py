"""The page of terms: what partners are paid, a form for a new version, and the orders that nobody is paid for."""

from __future__ import annotations

import re
from typing import cast

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import ValidationError

from tracker import catalog
from tracker.catalog import commissions, terms
from tracker.catalog.fields import problems
from tracker.domain.roles import Right
from tracker.errors import BadInput, Conflict, NotFound
from tracker.web import auth, guard
from tracker.web.pages import Names, View
from tracker.wiring import Wiring

_NEWEST = 500
_FORGOTTEN = 50

# With three digits behind it the comma may be one of thousands: then the form asks.
_DECIMAL_COMMA = re.compile(r"^\s*([0-9]+),([0-9]{1,2})\s*$")

Problems = list[tuple[str, str]]


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
        """Answers with the page again where something is refused: with the reasons, and what was typed."""
        try:
            with catalog.changing(wiring.sessions, wiring.hasty_redis) as session:
                view = View.of_request(session, wiring)
                if view is not None:
                    auth.demand(Right.PAY, view.brand.id)
                    terms.add(wiring.desk(session, view.brand.id), terms.NewTerms.model_validate(_typed()))
        except ValidationError as error:
            return _page(wiring, problems(error))
        except (BadInput, Conflict, NotFound) as error:
            return _page(wiring, [(getattr(error, "field", ""), str(error))])
        return redirect(url_for("terms.show", brand=request.args.get("brand")), code=303)

    app.register_blueprint(blueprint)


def _page(wiring: Wiring, refused: Problems) -> Response:
    with wiring.sessions() as session:
        view = View.of_request(session, wiring)
        if view is None:
            return cast("Response", redirect(url_for("pages.overview")))
        desk = wiring.desk(session, view.brand.id)
        agreed = terms.newest(desk, _NEWEST)
        forgotten = commissions.without_terms(desk, _FORGOTTEN)
        names = Names.of(session, view.brand.id)
    page = render_template(
        "terms.html",
        view=view,
        names=names,
        agreed=agreed,
        forgotten=forgotten,
        refused=refused,
        typed=_typed() if refused else {},
        hold_days=terms.DEFAULT_HOLD_DAYS,
    )
    return Response(page, status=422 if refused else 200)


def _typed() -> dict[str, str]:
    """The fields of the form that were filled in; a decimal comma is a point."""
    filled = {name: value for name, value in request.form.items() if name != "csrf_token" and value.strip()}
    return {name: _DECIMAL_COMMA.sub(r"\1.\2", value) for name, value in filled.items()}
