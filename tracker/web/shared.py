"""What a shared link shows: exactly its report, read-only, to whoever has the link. No menu, no way further in.

Unknown, expired and revoked links have the same answer. The address holds the key, so no page that a reader goes to
from here hears of it, no machine that searches keeps it, and no log of ours has it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from apiflask import APIFlask
from flask import Blueprint, Response, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from sqlalchemy.orm import Session

from tracker import log
from tracker.errors import NotFound, Unavailable
from tracker.ledger.database import writing
from tracker.ledger.tables import SharedLink
from tracker.outgoing import rendering, shared_links
from tracker.outgoing.composing import Attachment
from tracker.outgoing.schedules import BILAN
from tracker.reports import _bilan, _bilan_sheet, _reader, _shape, _xlsx
from tracker.reports._shape import Kind, Part, Result
from tracker.web import _paging, filters, guard
from tracker.web._paging import Leaf
from tracker.wiring import Wiring

_FORMS = ("csv", "xlsx", "pdf")


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the pages, open to whoever has a link."""
    blueprint = Blueprint("shared", __name__, url_prefix="/shared")
    guard.show_errors_of(blueprint)

    @blueprint.after_request
    def keep_to_itself(response: Response) -> Response:
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
        return response

    @blueprint.errorhandler(NotFound)
    def gone(_error: NotFound) -> ResponseReturnValue:
        return render_template("shared_gone.html", person=None, menu=[], view=None), 404

    @blueprint.get("/<token>")
    def show(token: str) -> ResponseReturnValue:
        with wiring.sessions() as session:
            link = shared_links.found(session, token, wiring.clock.now())
            page = _shown(session, wiring, token, link)
        if request.method == "GET":
            _count(wiring, link.id)
        return page

    @blueprint.get(f"/<token>/report.<any({','.join(_FORMS)}):form>")
    def download(token: str, form: str) -> ResponseReturnValue:
        with wiring.sessions() as session:
            link = shared_links.found(session, token, wiring.clock.now())
            file = _file(session, wiring, link, form)
        named = {"Content-Disposition": f'attachment; filename="{file.name}"'}
        return Response(file.content, content_type=file.content_type, headers=named)

    app.register_blueprint(blueprint)


def _run(session: Session, wiring: Wiring, link: SharedLink, part: Part | None = None) -> tuple[Result, _xlsx.About]:
    """The report without the ids that would lead further; of one that can be endless a `part` alone.

    Raises NotFound where there is no such report any more.
    """
    scope = _shape.scope_from(session, link.brand_id, link.settings, wiring.clock.now())
    g.zone = _shape.zone_of(session, link.brand_id)
    result = _shape.run(session, link.report, scope, part)
    columns = tuple(column for column in result.columns if column.kind is not Kind.ID)
    ids = [column.key for column in result.columns if column.kind is Kind.ID]
    rows = [{**row, **dict.fromkeys(ids)} for row in result.rows]
    return replace(result, columns=columns, rows=rows), _xlsx.about(session, scope)


def _file(session: Session, wiring: Wiring, link: SharedLink, form: str) -> Attachment:
    reader, now = _reader.reader_of(_language(link)), wiring.clock.now()
    if link.report != BILAN:
        return rendering.file(*_run(session, wiring, link), form, reader, now)
    if form != "pdf":
        raise NotFound("")
    return rendering.bilan_file(_bilan.bilan(session, link.brand_id, link.settings["campaign"], now), reader)


def _shown(session: Session, wiring: Wiring, token: str, link: SharedLink) -> str:
    if link.report != BILAN:
        part = _paging.asked()
        result, about = _run(session, wiring, link, part)
        return _page(token, link, result, about, _paging.leaf_of(result, part))
    found = _bilan.bilan(session, link.brand_id, link.settings["campaign"], wiring.clock.now())
    g.zone, language = found.zone, _language(link)
    sheet = _bilan_sheet.sheet(found, _reader.reader_of(language))
    with force_locale(language):
        return render_template(
            "shared_bilan.html", sheet=sheet, link=link, token=token, person=None, menu=[], view=None,
            language=lambda: language,
        )  # fmt: skip


def _page(token: str, link: SharedLink, result: Result, about: _xlsx.About, leaf: Leaf) -> str:
    language = _language(link)
    alone: dict[str, Any] = {
        "person": None,
        "menu": [],
        "view": None,
        "href_of": lambda _row, _key: None,
        "opened_of": lambda _result: [],
        "language": lambda: language,
    }
    with force_locale(language):
        return render_template(
            "shared.html", result=result, leaf=leaf, about=about, link=link, token=token, forms=_FORMS, **alone
        )


def _language(link: SharedLink) -> str:
    asked = request.args.get("lang")
    return asked if asked in filters.LANGUAGES else (link.language or filters.language())


def _count(wiring: Wiring, link_id: str) -> None:
    """Note the opening, as far as the ledger has a moment for it."""
    try:
        with writing(wiring.hasty_sessions) as session:
            shared_links.count_opening(session, link_id, wiring.clock.now())
    except Unavailable as error:
        log.warning("opening_not_counted", error=type(error).__name__)
