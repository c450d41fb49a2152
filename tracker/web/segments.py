"""The brand's groups of customers: what there are, and its customer file, whose columns are named, tried, then applied.

Addresses become keyed hashes while the file is read; no page says who is in a group.
"""

from __future__ import annotations

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from tracker.catalog import Desk, _csv_lines, segments
from tracker.catalog.segments import SegmentImport
from tracker.domain.roles import Right
from tracker.errors import BadInput, Conflict
from tracker.web import _forms, _mapped_file, auth, guard
from tracker.web._forms import Problems
from tracker.web._mapped_file import APPLY, SHOWN, MappedFile
from tracker.web._view import View, to
from tracker.wiring import Wiring

FIELD_TITLES = {"email": "E-mail address", "customer": "Customer (as an order shows it)", "segment": "Segment"}
SENTENCES = tuple(FIELD_TITLES.values())
_COLUMNS = {
    "email": ("e_mail", "mail", "email_address", "adresse_e_mail", "adresse_mail", "adresse_email", "courriel"),
    "customer": ("client", "customer_hash"),
    "segment": ("segments", "group", "groupe", "tag", "tags", "list", "liste", "tier", "niveau", "statut"),
}


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the pages, behind the sign-in."""
    blueprint = Blueprint("segments", __name__, url_prefix="/segments")
    blueprint.before_request(auth.required(wiring))
    guard.show_errors_of(blueprint)

    @blueprint.get("")
    def show() -> ResponseReturnValue:
        return _page(wiring, [])

    @blueprint.post("")
    def bring() -> ResponseReturnValue:
        """First its columns are asked about, then it is tried, then applied: each is this form again."""
        file: list[MappedFile] = []

        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.PLAN) as desk:
                file.append(_mapped_file.opened(_COLUMNS, alone=True))
                done = _brought(desk, file[0])
            if done and done.applied:
                return redirect(to("segments.show", query={"added": str(sum(done.added.values()))}), code=303)
            return _page(wiring, [], file[0], done)

        return _forms.answered(act, lambda refused: _page(wiring, refused, file[0] if file else None))

    @blueprint.post("/remove")
    def remove() -> ResponseReturnValue:
        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.PLAN) as desk:
                segments.remove(desk, request.form.get("name", ""))
            return redirect(to("segments.show"), code=303)

        return _forms.answered(act, lambda refused: _page(wiring, refused))

    app.register_blueprint(blueprint)


def _brought(desk: Desk, file: MappedFile) -> SegmentImport | None:
    """What the file comes to, where its columns were said. Raises BadInput and Conflict."""
    action = _mapped_file.action()
    if action is None:
        return None
    if not {"email", "customer"} & set(file.mapping):
        raise BadInput("column", "say which column holds the e-mail address")
    lines = _csv_lines.read(file.data, file.mapping, list(file.mapping), alone=True)
    defaults = _forms.kept({"segment": request.form.get("segment", "").strip()})
    done = segments.bring(desk, lines, defaults=defaults, apply=action == APPLY)
    if done.applied and not done.added and done.refused:
        raise Conflict("nothing was added: every line is refused or there already")
    return done


def _page(
    wiring: Wiring, refused: Problems, file: MappedFile | None = None, done: SegmentImport | None = None
) -> ResponseReturnValue:
    with wiring.sessions() as session:
        view = View.of_request(session, wiring)
        if view is None:
            return redirect(to("pages.overview"))
        known = segments.every(wiring.desk(session, view.brand.id)).data
    page = render_template(
        "segments.html",
        view=view,
        known=known,
        file=file,
        done=done,
        count=sum(done.added.values()) if done else 0,
        shown=SHOWN,
        titles=FIELD_TITLES,
        refused=refused,
        typed=_forms.typed(),
        added=request.args.get("added", type=int),
    )
    return Response(page, status=422 if refused else 200)
