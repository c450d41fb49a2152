"""The page that issues links and codes of many partners from a CSV file: checked first, then issued."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import cast

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from tracker import catalog
from tracker.catalog import issuing
from tracker.catalog.issuing import Issued
from tracker.errors import BadInput, NotFound
from tracker.web import auth, guard
from tracker.web.pages import Names, View
from tracker.wiring import Wiring

_CHECK, _ISSUE, _CSV = "check", "issue", "csv"


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the page, behind the sign-in."""
    blueprint = Blueprint("issuing", __name__)
    blueprint.before_request(auth.required(wiring))
    guard.show_errors_of(blueprint)

    @blueprint.get("/issue")
    def show() -> ResponseReturnValue:
        return _page(wiring)

    @blueprint.post("/issue")
    def issue() -> ResponseReturnValue:
        """Answers with the page: what became of each row, or why the file will not do."""
        content = _content()
        try:
            with catalog.changing(wiring.sessions, wiring.hasty_redis) as session:
                issued = _issued(wiring, session, content)
        except (BadInput, NotFound) as error:
            return _page(wiring, content=content, refused=str(error))
        return _file(issued) if _wanted() == _CSV else _page(wiring, content=content, issued=issued)

    app.register_blueprint(blueprint)


def _issued(wiring: Wiring, session: Session, content: bytes) -> list[Issued]:
    view = View.of_request(session, wiring)
    if view is None:
        raise NotFound("there is no brand yet")
    desk = wiring.desk(session, view.brand.id)
    campaign = request.form.get("campaign") or None
    return issuing.issue(desk, issuing.read(content), campaign=campaign, apply=_wanted() == _ISSUE)


def _page(
    wiring: Wiring, *, content: bytes = b"", issued: Sequence[Issued] = (), refused: str = ""
) -> ResponseReturnValue:
    with wiring.sessions() as session:
        view = View.of_request(session, wiring)
        if view is None:
            return cast("Response", redirect(url_for("pages.overview")))
        names = Names.of(session, view.brand.id)
    page = render_template(
        "issue.html",
        view=view,
        names=names,
        content=content.decode("utf-8-sig", "replace"),
        campaign=request.form.get("campaign"),
        issued=issued,
        counted=Counter(str(one.outcome) for one in issued),
        done=_wanted() == _ISSUE,
        refused=refused,
        columns=issuing.COLUMNS,
    )
    return Response(page, status=422 if refused else 200)


def _wanted() -> str:
    """What is to be done: checked unless it is said otherwise."""
    return request.form.get("action", _CHECK)


def _content() -> bytes:
    """The file that was sent, else the text of the form."""
    sent = request.files.get("file")
    return (sent.read() if sent else b"") or request.form.get("rows", "").encode()


def _file(issued: Sequence[Issued]) -> Response:
    return Response(
        "\ufeff" + issuing.as_csv(issued),  # the mark tells a spreadsheet that it is UTF-8
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="links_and_codes.csv"'},
    )
