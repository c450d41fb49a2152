"""A file of past orders by a form: upload it, say what its columns are where that is not plain, look, then apply."""

from __future__ import annotations

from typing import Any, cast

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from tracker import jobs
from tracker.domain.roles import Right
from tracker.errors import BadInput, Conflict, NotFound
from tracker.importing import _file, _table
from tracker.jobs import imports
from tracker.jobs.imports import NewImport, ReadingInput
from tracker.ledger.tables import Job
from tracker.web import _forms, auth, guard
from tracker.web._forms import Problems
from tracker.web._view import Names, View
from tracker.web.work import STATES, about, to_job
from tracker.wiring import Wiring

FORMATS = {
    "shopify": "Shopify’s export",
    "woocommerce": "WooCommerce’s export",
    "mapped": "Another table: I say what its columns are",
}
"""What the formats are called, in English."""

FIELDS = {
    "id": "Order id",
    "number": "Order number",
    "placed_at": "Placed at",
    "updated_at": "Changed at",
    "paid_at": "Paid at",
    "cancelled_at": "Cancelled at",
    "status": "Status",
    "currency": "Currency",
    "total": "Total",
    "goods": "Goods",
    "tax": "Tax",
    "shipping": "Shipping",
    "discount": "Discount",
    "refunded": "Refunded",
    "codes": "Promo codes",
    "click_ids": "Click ids",
    "landing_url": "Landing page",
    "email": "Buyer’s e-mail",
    "country": "Country",
    "province": "Region",
    "postcode": "Postcode",
    "source": "Sales channel",
    "test": "Test order",
}
"""What our fields are called, in English."""

_FORM_ROOM = 64 * 1024  # bytes of the form around the file
_RECENT = 20


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the pages, behind the sign-in."""
    make_room(app)
    blueprint = Blueprint("imports", __name__, url_prefix="/imports")
    blueprint.before_request(auth.required(wiring))
    guard.show_errors_of(blueprint)

    @blueprint.get("")
    def show() -> ResponseReturnValue:
        return _page(wiring, [])

    @blueprint.post("")
    def upload() -> ResponseReturnValue:
        return _forms.answered(lambda: _uploaded(wiring), lambda refused: _page(wiring, refused))

    @blueprint.get("/<job_id>")
    def mapping(job_id: str) -> ResponseReturnValue:
        return _mapping(wiring, job_id, [])

    @blueprint.post("/<job_id>/look")
    def look(job_id: str) -> ResponseReturnValue:
        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.PLAN) as desk:
                imports.ask_again(desk, job_id, reading=ReadingInput.model_validate(_reading()), apply=False)
            return to_job(job_id)

        return _forms.answered(act, lambda refused: _mapping(wiring, job_id, refused))

    @blueprint.post("/<job_id>/apply")
    def apply(job_id: str) -> ResponseReturnValue:
        with _forms.desk_for(wiring, Right.PLAN) as desk:
            imports.ask_again(desk, job_id, apply=True)
        return to_job(job_id)

    app.register_blueprint(blueprint)


def make_room(app: APIFlask) -> None:
    """Let a file come in here, and from whoever is signed in: before the guard reads the form for its token."""

    def widen() -> None:
        if request.path == "/imports" and request.method == "POST" and "account" in cookie:
            request.max_content_length = imports.LARGEST + _FORM_ROOM

    app.before_request_funcs.setdefault(None, []).insert(0, widen)


def _uploaded(wiring: Wiring) -> ResponseReturnValue:
    """The file is looked at at once where its columns speak for themselves. It is read before the transaction."""
    with wiring.sessions() as session:
        view = View.required(session, wiring)
        auth.demand(Right.PLAN, view.brand.id)
        wanted = _wanted()
        read_as = imports.format_of(wiring.desk(session, view.brand.id), wanted)
    content = _forms.sent_file()
    draft = imports.needs_mapping(content, read_as)
    with _forms.desk_for(wiring, Right.PLAN) as desk:
        job = imports.ask(desk, wanted, content, auth.account_id(), draft=draft)
    if draft:
        return redirect(url_for("imports.mapping", job_id=job.id, brand=request.args.get("brand")), code=303)
    return to_job(job.id)


def _wanted() -> NewImport:
    """What the form says of the file. Raises BadInput."""
    file = request.files.get("file")
    if file is None or not file.filename:
        raise BadInput("file", "choose a file: the orders that your shop exported, as CSV or XLSX")
    name = "".join(letter for letter in file.filename[-200:] if letter.isprintable())
    said = {"shop": request.form.get("shop", ""), "format": request.form.get("format") or None, "name": name}
    return NewImport.model_validate(said)


def _page(wiring: Wiring, refused: Problems) -> Response:
    with wiring.sessions() as session:
        view = View.of_request(session, wiring)
        if view is None:
            return cast("Response", redirect(url_for("pages.overview")))
        found = jobs.newest(wiring.desk(session, view.brand.id), _RECENT, jobs.IMPORT)
        names = Names.of(session, view.brand.id)
    page = render_template(
        "imports.html", view=view, names=names, jobs=[(job, about(job, names)) for job in found], formats=FORMATS,
        states=STATES, refused=refused, typed=request.form if refused else {}, largest=imports.LARGEST,
    )  # fmt: skip
    return Response(page, status=422 if refused else 200)


def _mapping(wiring: Wiring, job_id: str, refused: Problems) -> Response:
    """The columns of a file beside our fields. Raises NotFound, Forbidden, and Conflict where the file is gone."""
    with wiring.sessions() as session:
        view = View.required(session, wiring)
        auth.demand(Right.PLAN, view.brand.id)
        job = jobs.one(wiring.desk(session, view.brand.id), job_id)
        content = session.execute(
            select(Job.input).where(Job.id == job_id, Job.brand_id == view.brand.id)
        ).scalar_one_or_none()
    if job.kind != jobs.IMPORT or not content or job.open:
        raise Conflict("its file was forgotten, or is being worked on: upload the file again")
    said = {**job.settings, **(_reading() if refused else {})}
    if said["format"] not in _file.formats():
        raise NotFound("no such format")
    table = _table.read(content)
    page = render_template(
        "import_mapping.html", view=view, job=job, said=said, formats=FORMATS, fields=FIELDS, refused=refused,
        columns=imports.columns(table, said["format"], said["mapping"]), written=list(table.columns.values()),
    )  # fmt: skip
    return Response(page, status=422 if refused else 200)


def _reading() -> dict[str, Any]:
    """The form: a select for each field, what no column says, how days are written."""
    form = request.form
    mapping = {name.removeprefix("column-"): value for name, value in form.items() if name.startswith("column-")}
    plain = {name: form.get(name) or None for name in ("format", "dates", "currency", "status")}
    return {**plain, "mapping": {name: value for name, value in mapping.items() if value}}
