"""Long work as pages: what waits, runs and ended, how far it is, and what came of it. It can be stopped from there.

A page of work that runs loads itself anew every two seconds, by its own markup: it needs no script.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import ValidationError
from sqlalchemy.orm import Session

from tracker import catalog, jobs
from tracker.catalog.fields import problems
from tracker.domain.roles import Right
from tracker.errors import BadInput, NotFound
from tracker.jobs import JobView, rebuilds, replays
from tracker.ledger import due
from tracker.web import auth, guard
from tracker.web.pages import Names, View
from tracker.web.sending import Problems, auth_id
from tracker.wiring import Wiring

STATES = {
    "draft": "Draft",
    "asked": "Waits",
    "running": "Runs",
    "done": "Done",
    "failed": "Failed",
    "cancelled": "Cancelled",
}
"""What the states of a job are called, in English."""

_NEWEST = 100


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the pages, behind the sign-in."""
    blueprint = Blueprint("work", __name__, url_prefix="/work")
    blueprint.before_request(auth.required(wiring))
    guard.show_errors_of(blueprint)

    @blueprint.get("")
    def every() -> ResponseReturnValue:
        return _list(wiring, [])

    @blueprint.get("/<job_id>")
    def show(job_id: str) -> ResponseReturnValue:
        return shown(wiring, job_id, [])

    @blueprint.post("/<job_id>/cancel")
    def cancel(job_id: str) -> ResponseReturnValue:
        with catalog.changing(wiring.sessions, wiring.hasty_redis) as session:
            jobs.cancel(wiring.desk(session, planning(session, wiring).brand.id), job_id)
        return to_job(job_id)

    @blueprint.post("/rebuild")
    def rebuild() -> ResponseReturnValue:
        try:
            with catalog.changing(wiring.sessions, wiring.hasty_redis) as session:
                desk = wiring.desk(session, planning(session, wiring).brand.id)
                job = rebuilds.ask(desk, rebuilds.NewRebuild.model_validate(_typed()), auth_id(wiring))
        except ValidationError as error:
            return _list(wiring, problems(error))
        except BadInput as error:
            return _list(wiring, [(error.field, str(error))])
        return to_job(job.id)

    @blueprint.post("/replay")
    def replay() -> ResponseReturnValue:
        """Of a draft, over the days and the partner of the URL."""
        asked = {name: request.args[name] for name in ("draft", "from", "to", "partner") if request.args.get(name)}
        try:
            with catalog.changing(wiring.sessions, wiring.hasty_redis) as session:
                desk = wiring.desk(session, planning(session, wiring).brand.id)
                job = replays.ask(desk, replays.NewReplay.model_validate(asked), auth_id(wiring))
        except ValidationError as error:
            return _list(wiring, problems(error))
        except BadInput as error:
            return _list(wiring, [(error.field, str(error))])
        return to_job(job.id)

    app.register_blueprint(blueprint)


def planning(session: Session, wiring: Wiring) -> View:
    """The brand of the request, where who asks may plan. Raises NotFound and Forbidden."""
    view = View.of_request(session, wiring)
    if view is None:
        raise NotFound("there is no brand yet")
    auth.demand(Right.PLAN, view.brand.id)
    return view


def to_job(job_id: str) -> ResponseReturnValue:
    """On to the page of a job."""
    return redirect(url_for("work.show", job_id=job_id, brand=request.args.get("brand")), code=303)


def shown(wiring: Wiring, job_id: str, refused: Problems) -> Response:
    """The page of a job. Raises NotFound."""
    with wiring.sessions() as session:
        view = View.of_request(session, wiring)
        if view is None:
            raise NotFound("there is no brand yet")
        desk = wiring.desk(session, view.brand.id)
        job = jobs.one(desk, job_id)
        left = due.count_due(session, view.brand.id) if job.kind == jobs.REBUILD and job.state == "done" else 0
        names = Names.of(session, view.brand.id)
    page = render_template(
        "work_job.html", view=view, job=job, names=names, titles=jobs.TITLES, states=STATES, left=left, refused=refused,
        about=about(job, names),
    )  # fmt: skip
    return Response(page, status=422 if refused else 200)


def about(job: JobView, names: Names) -> str:
    """What a job is about, in the words of those who asked: the file and its shop, the draft."""
    said: Mapping[str, Any] = job.settings
    if job.kind == jobs.IMPORT:
        return " · ".join(part for part in (said.get("name"), names.shops.get(said["shop"])) if part)
    return str(said.get("name", ""))


def _list(wiring: Wiring, refused: Problems) -> Response:
    with wiring.sessions() as session:
        view = View.of_request(session, wiring)
        if view is None:
            return cast("Response", redirect(url_for("pages.overview")))
        found = jobs.newest(wiring.desk(session, view.brand.id), _NEWEST)
        names = Names.of(session, view.brand.id)
    page = render_template(
        "work.html", view=view, jobs=[(job, about(job, names)) for job in found], titles=jobs.TITLES, states=STATES,
        refused=refused, typed=request.form if refused else {},
    )  # fmt: skip
    return Response(page, status=422 if refused else 200)


def _typed() -> dict[str, str]:
    return {name: value for name, value in request.form.items() if name != "csrf_token" and value.strip()}
