"""The page of API keys: each opens one brand, is shown once, in the answer that made it, and can be revoked."""

from __future__ import annotations

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template
from flask.typing import ResponseReturnValue

from tracker.catalog import keys
from tracker.domain.roles import Right
from tracker.web import _forms, auth, guard
from tracker.web._forms import Problems
from tracker.web._view import View, to
from tracker.wiring import Wiring


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
        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.MANAGE) as desk:
                made = keys.add(desk, keys.NewKey.model_validate(_forms.typed()))
            return _page(wiring, [], made)

        return _forms.answered(act, lambda refused: _page(wiring, refused))

    @blueprint.post("/<key_id>/revoke")
    def revoke(key_id: str) -> ResponseReturnValue:
        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.MANAGE) as desk:
                keys.revoke(desk, key_id)
            return redirect(to("keys.show"), code=303)

        return _forms.answered(act, lambda refused: _page(wiring, refused))

    app.register_blueprint(blueprint)


def _page(wiring: Wiring, refused: Problems, fresh: keys.FreshKey | None = None) -> ResponseReturnValue:
    with wiring.sessions() as ledger:
        view = View.of_request(ledger, wiring)
        if view is None:
            return redirect(to("pages.overview"))
        auth.demand(Right.MANAGE, view.brand.id)
        found = keys.every(wiring.desk(ledger, view.brand.id))
    page = render_template(
        "keys.html", view=view, keys=found, fresh=fresh, refused=refused,
        typed=_forms.typed() if refused else {},
    )  # fmt: skip
    return Response(page, status=_forms.status(refused, fresh))
