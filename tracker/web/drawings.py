"""Pictures on pages: a specification that the browser draws by a script of our own origin, a picture where it cannot.

The script interprets what a specification computes, so no page needs `unsafe-eval`; it sets no inline style sheet.
"""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from subprocess import SubprocessError

from apiflask import APIFlask
from flask import Blueprint, Response, g, request, url_for

from tracker import log
from tracker.charts import _bundle, _draw, _themes
from tracker.charts._draw import Picture
from tracker.charts._spec import Rows
from tracker.errors import BadInput, NotFound, Unavailable, say
from tracker.web import auth, filters, guard
from tracker.web._view import View
from tracker.wiring import Wiring

_SOURCE = Path(__file__).with_name("static") / "charts.js"
_KEPT = "public, max-age=31536000, immutable"


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the script, the pictures, and what templates draw by."""
    _add_script(app, wiring)
    _add_pictures(app, wiring)
    app.jinja_env.globals.update({"drawing": drawing, "charts_script": charts_script})


def drawing(name: str, rows: Rows) -> Picture | None:
    """The picture of the report called `name` over `rows`, for this page's reader; None where there is none."""
    return _draw.picture(name, rows, filters.reader())


def charts_script() -> str:
    """The address of the script, the first time that a page asks for it; then nothing."""
    if g.get("charts_script_named"):
        return ""
    g.charts_script_named = True
    return url_for("charts.script", key=_key())


@cache
def _key() -> str:
    return _bundle.key(_SOURCE.read_text())


def _add_script(app: APIFlask, wiring: Wiring) -> None:
    blueprint = Blueprint("charts", __name__)
    guard.show_errors_of(blueprint)

    @blueprint.get("/charts/<key>.js")
    def script(key: str) -> Response:
        """Its address changes with its content: whoever has it need never ask again."""
        if key != _key():
            raise NotFound("no such script")
        packed = _packed(wiring.settings.state)
        accepted = bool(request.accept_encodings["gzip"])
        answer = Response(
            packed if accepted else gzip.decompress(packed), content_type="text/javascript; charset=utf-8"
        )
        if accepted:
            answer.headers["Content-Encoding"] = "gzip"
        answer.headers["Cache-Control"] = _KEPT
        answer.vary.add("Accept-Encoding")
        return answer

    app.register_blueprint(blueprint)


@cache
def _packed(state: Path) -> bytes:
    try:
        return _bundle.packed(_SOURCE, state / "charts")
    except (OSError, SubprocessError) as error:
        log.error("charts_not_bundled", error=type(error).__name__)
        raise Unavailable("the script of the charts cannot be made now; the tables have the same figures") from None


def _add_pictures(app: APIFlask, wiring: Wiring) -> None:
    blueprint = Blueprint("pictures", __name__)
    blueprint.before_request(auth.required(wiring))
    guard.show_errors_of(blueprint)

    @blueprint.get("/reports/<name>.svg")
    def show(name: str) -> Response:
        """What a page without script shows, in the theme that is asked for."""
        theme = _themes.THEMES.get(request.args.get("theme", "light"))
        if theme is None:
            raise BadInput("theme", say("want one of %(choices)s", choices=", ".join(_themes.THEMES)))
        with wiring.sessions() as session:
            view = View.required(session, wiring)
            found = drawing(name, view.run(session, name).rows)
        if found is None:
            raise NotFound("there is nothing to see")
        return Response(_draw.svg(found, theme), content_type="image/svg+xml; charset=utf-8")

    app.register_blueprint(blueprint)
