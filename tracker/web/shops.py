"""The pages of shops: how each is connected and whether it still talks. A secret that we made is shown once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from tracker.catalog import Desk, shop_counts, shops
from tracker.domain.roles import Right
from tracker.errors import NotFound
from tracker.reports import _completeness
from tracker.reports._completeness import ShopHealth
from tracker.reports._shape import Scope
from tracker.web import _forms, auth, guard
from tracker.web._forms import Problems
from tracker.web._view import View, to
from tracker.wiring import Wiring

DAYS = 30
SENTENCES = tuple(
    text for name in shops.platforms() for guide in [shops.guide(name)] for text in (*guide.steps, guide.snippet)
)


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the pages, behind the sign-in."""
    blueprint = Blueprint("shops", __name__, url_prefix="/shops")
    blueprint.before_request(auth.required(wiring))
    guard.show_errors_of(blueprint)
    _add_views(blueprint, wiring)
    _add_changes(blueprint, wiring)
    _add_secrets(blueprint, wiring)
    app.register_blueprint(blueprint)


def _add_views(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.get("")
    def show() -> ResponseReturnValue:
        return _every(wiring, [])

    @blueprint.post("")
    def add() -> ResponseReturnValue:
        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.MANAGE) as desk:
                shop = shops.add(desk, shops.NewShop.model_validate(_forms.typed()))
            if isinstance(shop, shops.AddedShop):
                return _one(wiring, shop.id, [], shop.secret)
            return redirect(to("shops.one", shop_id=shop.id), code=303)

        return _forms.answered(act, lambda refused: _every(wiring, refused))

    @blueprint.get("/<shop_id>")
    def one(shop_id: str) -> ResponseReturnValue:
        return _one(wiring, shop_id, [])


def _add_changes(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.post("/<shop_id>")
    def edit(shop_id: str) -> ResponseReturnValue:
        form = _forms.typed()
        change = {name: form[name] for name in ("name", "disabled") if name in form}
        return _changed(
            wiring, shop_id, lambda desk: shops.edit(desk, shop_id, shops.ShopChange.model_validate(change))
        )

    @blueprint.post("/<shop_id>/counts")
    def count(shop_id: str) -> ResponseReturnValue:
        def tell(desk: Desk) -> None:
            typed = _forms.typed()
            one = shop_counts.DayCount.model_validate({name: typed.get(name, "") for name in shop_counts.FIELDS})
            shop_counts.tell(desk, shop_id, shop_counts.NewCounts(counts=(one,)))

        return _changed(wiring, shop_id, tell)


def _add_secrets(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.post("/<shop_id>/secrets")
    def add_secret(shop_id: str) -> ResponseReturnValue:
        return _changed(
            wiring,
            shop_id,
            lambda desk: shops.add_secret(desk, shop_id, shops.NewSecret.model_validate(_forms.typed())),
        )

    @blueprint.post("/<shop_id>/secrets/<secret_id>/remove")
    def remove_secret(shop_id: str, secret_id: str) -> ResponseReturnValue:
        return _changed(wiring, shop_id, lambda desk: shops.remove_secret(desk, shop_id, secret_id))


def _changed(wiring: Wiring, shop_id: str, work: Callable[[Desk], object]) -> ResponseReturnValue:
    """Do it and show the shop; where it is refused, the shop with the reasons and what was typed."""

    def act() -> ResponseReturnValue:
        with _forms.desk_for(wiring, Right.MANAGE) as desk:
            shops.one(desk, shop_id)
            work(desk)
        return redirect(to("shops.one", shop_id=shop_id), code=303)

    return _forms.answered(act, lambda refused: _one(wiring, shop_id, refused))


def _every(wiring: Wiring, refused: Problems) -> ResponseReturnValue:
    with wiring.sessions() as ledger:
        view = View.of_request(ledger, wiring)
        if view is None:
            return redirect(to("pages.overview"))
        health, recent = _health(ledger, view)
    page = render_template(
        "shops.html", view=view, shops=health, recent=recent, platforms=shops.platforms(), refused=refused,
        typed=_typed(refused), wall=wiring.clock.now(), days=DAYS, enough=_completeness.ENOUGH,
    )  # fmt: skip
    return Response(page, status=422 if refused else 200)


def _one(wiring: Wiring, shop_id: str, refused: Problems, fresh: str | None = None) -> ResponseReturnValue:
    """The page of a shop; `fresh` is the secret that was made for it just now."""
    with wiring.sessions() as ledger:
        view = View.of_request(ledger, wiring)
        if view is None:
            raise NotFound("there is no brand yet")
        desk = wiring.desk(ledger, view.brand.id)
        shop, (health, recent) = shops.one(desk, shop_id), _health(ledger, view)
        snippet = shops.snippet(desk)
    page = render_template(
        "shop.html", view=view, shop=shop, guide=shops.guide(shop.platform), snippet=snippet,
        health=next(found for found in health if found.shop.id == shop_id), recent=recent.get(shop_id, (0, 0)),
        fresh=fresh, refused=refused, typed=_typed(refused), wall=wiring.clock.now(), days=DAYS,
    )  # fmt: skip
    return Response(page, status=_forms.status(refused, fresh))


def _health(ledger: Session, view: View) -> tuple[list[ShopHealth], dict[str, tuple[int, int]]]:
    scope = Scope(view.brand.id, view.today - timedelta(days=DAYS - 1), view.today)
    return _completeness.of_shops(ledger, scope), _completeness.recent(ledger, view.brand.id, view.today)


def _typed(refused: Problems) -> dict[str, str]:
    """What was typed, but a secret: that is typed again."""
    return {name: value for name, value in _forms.typed().items() if name != "secret"} if refused else {}
