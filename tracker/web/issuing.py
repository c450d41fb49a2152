"""The page that issues links and codes of many partners from a CSV file: checked first, then issued."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from tracker.catalog import Desk, issuing
from tracker.catalog.issuing import Issued
from tracker.domain.roles import Right
from tracker.web import _forms, auth, guard
from tracker.web._forms import Problems
from tracker.web._view import Names, View, to
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
        rows = content()

        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.PLAN) as desk:
                done = issued(desk, rows, request.form.get("campaign") or None)
            return as_file(done) if wants_file() else _page(wiring, rows=rows, outcomes=Outcomes.of(done))

        return _forms.answered(act, lambda refused: _page(wiring, rows=rows, refused=refused))

    app.register_blueprint(blueprint)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of the rows of a form, and whether it is done or only looked at."""

    rows: Sequence[Issued]
    counted: Mapping[str, int]
    done: bool

    @classmethod
    def of(cls, rows: Sequence[Issued]) -> Outcomes:
        """Those of the form that was just sent."""
        return cls(rows, Counter(str(one.outcome) for one in rows), _wanted() == _ISSUE)


def issued(desk: Desk, rows: bytes, campaign: str | None) -> list[Issued]:
    """What becomes of the rows: issued where the form says so, else only looked at. Raises BadInput and NotFound."""
    return issuing.issue(desk, issuing.read(rows), campaign=campaign, apply=_wanted() == _ISSUE)


def content() -> bytes:
    """The file that was sent, else the text of the form."""
    return _forms.sent_file() or request.form.get("rows", "").encode()


def wants_file() -> bool:
    """Whether the form asks for what would become of its rows as CSV."""
    return _wanted() == _CSV


def as_file(done: Sequence[Issued]) -> Response:
    """What became of each row, as CSV to download."""
    return Response(
        "\ufeff" + issuing.as_csv(done),  # the mark tells a spreadsheet that it is UTF-8
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="links_and_codes.csv"'},
    )


def _page(
    wiring: Wiring, *, rows: bytes = b"", outcomes: Outcomes | None = None, refused: Problems | None = None
) -> ResponseReturnValue:
    with wiring.sessions() as session:
        view = View.of_request(session, wiring)
        if view is None:
            return redirect(to("pages.overview"))
        names = Names.of(session, view.brand.id)
    page = render_template(
        "issue.html",
        view=view,
        names=names,
        rows=rows.decode("utf-8-sig", "replace"),
        campaign=request.form.get("campaign"),
        outcomes=outcomes,
        refused=refused or [],
        columns=issuing.COLUMNS,
    )
    return Response(page, status=422 if refused else 200)


def _wanted() -> str:
    """What is to be done: checked unless it is said otherwise."""
    return request.form.get("action", _CHECK)
