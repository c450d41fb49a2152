"""The page of API keys: each opens one brand, is shown once, and can be revoked."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template, session
from flask.typing import ResponseReturnValue

from tracker.catalog import Desk, keys
from tracker.domain.roles import Right
from tracker.web import _forms, auth, guard
from tracker.web._forms import Problems
from tracker.web.pages import View, to
from tracker.wiring import Wiring

_FRESH = "fresh_key"


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the page, for those who manage a brand."""
    blueprint = Blueprint("keys", __name__, url_prefix="/keys")
    blueprint.before_request(auth.required(wiring))
    guard.show_errors_of(blueprint)

    @blueprint.get("")
    def show() -> ResponseReturnValue:
        return _page(wiring, [])

    @blueprint.post("")
    def add() -> ResponseReturnValue:
        def work(desk: Desk) -> None:
            made = keys.add(desk, keys.NewKey.model_validate(_forms.typed()))
            session[_FRESH] = {"brand": desk.brand_id, "name": made.name, "key": made.key}

        return _changed(wiring, work)

    @blueprint.post("/<key_id>/revoke")
    def revoke(key_id: str) -> ResponseReturnValue:
        return _changed(wiring, lambda desk: keys.revoke(desk, key_id))

    app.register_blueprint(blueprint)


def _changed(wiring: Wiring, work: Callable[[Desk], object]) -> ResponseReturnValue:
    def act() -> ResponseReturnValue:
        with _forms.desk_for(wiring, Right.MANAGE) as desk:
            work(desk)
        return redirect(to("keys.show"), code=303)

    return _forms.answered(act, lambda refused: _page(wiring, refused))


def _page(wiring: Wiring, refused: Problems) -> ResponseReturnValue:
    with wiring.sessions() as ledger:
        view = View.of_request(ledger, wiring)
        if view is None:
            return redirect(to("pages.overview"))
        auth.demand(Right.MANAGE, view.brand.id)
        found = keys.every(wiring.desk(ledger, view.brand.id))
    page = render_template(
        "keys.html", view=view, keys=found, fresh=_fresh(view.brand.id), refused=refused,
        typed=_forms.typed() if refused else {},
    )  # fmt: skip
    return Response(page, status=422 if refused else 200)


def _fresh(brand_id: str) -> dict[str, str] | None:
    """The key that was made a moment ago; it rides in the cookie of who asked, once."""
    kept = cast("dict[str, str] | None", session.get(_FRESH))
    if kept is None or kept.get("brand") != brand_id:
        return None
    session.pop(_FRESH)
    return kept
