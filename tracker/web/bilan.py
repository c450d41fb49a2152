"""The bilan of a campaign, as a page and as one page of A4, in the language that is asked for."""

from __future__ import annotations

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.reports import _bilan, _bilan_sheet, _pdf, _reader
from tracker.reports._bilan import Bilan
from tracker.reports._reader import Reader
from tracker.web import auth, filters, guard
from tracker.web._view import View
from tracker.wiring import Wiring

_LANGUAGES = (("en", "English"), ("fr", "Français"))


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the page and its paper, behind the sign-in."""
    blueprint = Blueprint("bilan", __name__)
    blueprint.before_request(auth.required(wiring))
    guard.show_errors_of(blueprint)

    @blueprint.get("/campaigns/<campaign_id>/bilan")
    def show(campaign_id: str) -> ResponseReturnValue:
        with wiring.sessions() as session:
            view = View.of_request(session, wiring)
            if view is None:
                return redirect(url_for("pages.overview"))
            told = _bilan.bilan(session, view.brand.id, campaign_id, wiring.clock.now())
        return render_template(
            "bilan.html",
            view=view,
            campaign_id=campaign_id,
            sheet=_bilan_sheet.sheet(told, _asked()),
            reach={"campaign": campaign_id, "from": told.start.isoformat(), "to": told.end.isoformat()},
            languages=_LANGUAGES,
        )

    @blueprint.get("/campaigns/<campaign_id>/bilan.pdf")
    def paper(campaign_id: str) -> ResponseReturnValue:
        with wiring.sessions() as session:
            view = View.required(session, wiring)
            told = _bilan.bilan(session, view.brand.id, campaign_id, wiring.clock.now())
        return _download(told, _asked())

    app.register_blueprint(blueprint)


def _asked() -> Reader:
    """Whoever reads the language that is asked for, else the person's own."""
    asked = request.args.get("lang", "")
    return _reader.reader_of(asked) if asked in _reader.LANGUAGES else filters.reader()


def _download(found: Bilan, reader: Reader) -> Response:
    return Response(
        _bilan_sheet.as_pdf(found, reader),
        content_type=_pdf.CONTENT_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{_bilan_sheet.file_name(found)}"'},
    )
