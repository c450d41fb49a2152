"""The QR code of a link, to look at and to download."""

from __future__ import annotations

from apiflask import APIFlask
from flask import Blueprint, Response, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from tracker.catalog import links, qr
from tracker.catalog.links import LinkView
from tracker.web import auth, guard
from tracker.web._view import Names, View
from tracker.wiring import Wiring


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the page and its files, behind the sign-in."""
    blueprint = Blueprint("qr", __name__)
    blueprint.before_request(auth.required(wiring))
    guard.show_errors_of(blueprint)

    @blueprint.get("/links/<link_id>/qr")
    def show(link_id: str) -> ResponseReturnValue:
        with wiring.sessions() as session:
            view, link = _link(session, wiring, link_id)
            names = Names.of(session, view.brand.id)
        return render_template("qr.html", view=view, link=link, names=names)

    @blueprint.get("/links/<link_id>/qr.svg")
    def svg(link_id: str) -> ResponseReturnValue:
        with wiring.sessions() as session:
            link = _link(session, wiring, link_id)[1]
        return _file(qr.svg(link.url), qr.SVG, f"{link.slug}.svg")

    @blueprint.get("/links/<link_id>/qr.png")
    def png(link_id: str) -> ResponseReturnValue:
        with wiring.sessions() as session:
            link = _link(session, wiring, link_id)[1]
        return _file(qr.png(link.url), qr.PNG, f"{link.slug}.png")

    app.register_blueprint(blueprint)


def _link(session: Session, wiring: Wiring, link_id: str) -> tuple[View, LinkView]:
    """The link of the page's brand. Raises NotFound."""
    view = View.required(session, wiring)
    return view, links.one(wiring.desk(session, view.brand.id), link_id)


def _file(content: bytes, content_type: str, name: str) -> Response:
    """Shown where it stands in a page, called `name` (a slug is plain ASCII) where it is saved."""
    disposition = f'inline; filename="{name}"'
    return Response(content, content_type=content_type, headers={"Content-Disposition": disposition})
