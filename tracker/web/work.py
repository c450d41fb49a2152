"""Long work as pages: what waits, runs and ended, how far it is, and what came of it. It can be stopped from there.

A page of work that runs loads itself anew every two seconds, by its own markup: it needs no script.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker import jobs
from tracker.domain.roles import Right
from tracker.jobs import JobView, rebuilds, replays
from tracker.ledger import due
from tracker.web import _forms, auth, guard
from tracker.web._forms import Problems
from tracker.web._view import Names, View
from tracker.wiring import Wiring

STATES = {
    "draft": "Draft",
    "asked": "Waits",
    "running": "Runs",
    "done": "Ended",
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
        with _forms.desk_for(wiring, Right.PLAN) as desk:
            jobs.cancel(desk, job_id)
        return to_job(job_id)

    @blueprint.post("/rebuild")
    def rebuild() -> ResponseReturnValue:
        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.PLAN) as desk:
                job = rebuilds.ask(desk, rebuilds.NewRebuild.model_validate(_forms.typed()), auth.account_id())
            return to_job(job.id)

        return _forms.answered(act, lambda refused: _list(wiring, refused))

    @blueprint.post("/replay")
    def replay() -> ResponseReturnValue:
        """Of a draft, over the days and the partner of the URL."""
        asked = {name: request.args[name] for name in ("draft", "from", "to", "partner") if request.args.get(name)}

        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.PLAN) as desk:
                job = replays.ask(desk, replays.NewReplay.model_validate(asked), auth.account_id())
            return to_job(job.id)

        return _forms.answered(act, lambda refused: _list(wiring, refused))

    app.register_blueprint(blueprint)


def to_job(job_id: str) -> ResponseReturnValue:
    """On to the page of a job."""
    return redirect(url_for("work.show", job_id=job_id, brand=request.args.get("brand")), code=303)


def shown(wiring: Wiring, job_id: str, refused: Problems) -> Response:
    """The page of a job. Raises NotFound."""
    with wiring.sessions() as session:
        view = View.required(session, wiring)
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
