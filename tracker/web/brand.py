"""The page of the brand itself: its name, where its links may live and lead, and what a campaign is to bring back."""

from __future__ import annotations

import re
from typing import Any

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from tracker.catalog import brands
from tracker.domain.roles import Right
from tracker.web import _forms, auth, guard
from tracker.web._forms import Problems
from tracker.web._view import View, to
from tracker.wiring import Wiring

_DECIMALS = ("target_return", "margin")
_LISTS = ("hosts", "landing_domains")
_TEXTS = ("name", "time_zone", "currency", "target_return")
_MAY_BE_EMPTY = ("fallback_url", "margin")


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the page, for those who manage a brand."""
    blueprint = Blueprint("brand", __name__)
    blueprint.before_request(auth.required(wiring))
    guard.show_errors_of(blueprint)

    @blueprint.get("/brand")
    def show() -> ResponseReturnValue:
        return _page(wiring, [])

    @blueprint.post("/brand")
    def edit() -> ResponseReturnValue:
        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.MANAGE) as desk:
                brands.edit(desk, brands.BrandChange.model_validate(_change()))
            return redirect(to("brand.show", query={"saved": "1"}), code=303)

        return _forms.answered(act, lambda refused: _page(wiring, refused))

    app.register_blueprint(blueprint)


def _change() -> dict[str, Any]:
    """What the form says. A field that may not be empty and is, is refused by its name."""
    change: dict[str, Any] = {name: value or "" for name, value in _forms.said(_TEXTS, _DECIMALS).items()}
    change |= _forms.said(_MAY_BE_EMPTY, _DECIMALS)
    change |= {name: _listed(request.form[name]) for name in _LISTS if name in request.form}
    return {**change, "visitor_cookie": "visitor_cookie" in request.form}


def _listed(text: str) -> list[str]:
    """One a line, or with commas between them."""
    return [part for part in re.split(r"[\s,;]+", text) if part]


def _page(wiring: Wiring, refused: Problems) -> ResponseReturnValue:
    with wiring.sessions() as ledger:
        view = View.of_request(ledger, wiring)
        if view is None:
            return redirect(to("pages.overview"))
        auth.demand(Right.MANAGE, view.brand.id)
        brand = brands.one(wiring.desk(ledger, view.brand.id))
    page = render_template(
        "brand.html", view=view, brand=brand, refused=refused, typed=request.form.to_dict() if refused else {},
        saved="saved" in request.args and not refused,
    )  # fmt: skip
    return Response(page, status=422 if refused else 200)
