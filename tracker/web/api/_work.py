"""Long work over HTTP: a file of orders, a rebuild, a replay, and how far each is."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Annotated

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from tracker import jobs
from tracker.catalog import Desk
from tracker.catalog.fields import Page
from tracker.errors import BadInput
from tracker.jobs import JobView, imports, rebuilds, replays
from tracker.outgoing import schedules
from tracker.outgoing.schedules import ScheduleView
from tracker.web.api import _doors
from tracker.web.api._doors import Door

_LONGEST = imports.LARGEST * 4 // 3 + 8


class Upload(imports.NewImport):
    """A file of orders: as text in `csv`, or any in `base64`. Without `apply` it says what importing would do."""

    csv: Annotated[str, Field(max_length=imports.LARGEST)] | None = None
    base64: Annotated[str, Field(max_length=_LONGEST)] | None = None

    def content(self) -> bytes:
        """The file. Raises BadInput."""
        if (self.csv is None) == (self.base64 is None):
            raise BadInput("csv", "want the file in csv or in base64, and in one of them")
        if self.csv is not None:
            return self.csv.encode()
        try:
            return b64decode(self.base64 or "", validate=True)
        except binascii.Error:
            raise BadInput("base64", "want the bytes of the file in Base64") from None

    def wanted(self) -> imports.NewImport:
        """How it is to be read."""
        return imports.NewImport(**self.model_dump(exclude={"csv", "base64"}))


def register(blueprint: APIBlueprint, door: Door) -> None:
    """Add the routes of long work."""
    _asking(blueprint, door)
    _jobs(blueprint, door)
    _schedules(blueprint, door)


def _asking(blueprint: APIBlueprint, door: Door) -> None:
    location = f"{blueprint.url_prefix}/jobs"

    @blueprint.post("/imports")
    @blueprint.input(Upload)
    @blueprint.output(JobView, status_code=202)
    @blueprint.doc(summary="Have a file of orders looked at or imported, as a job", tags=["jobs"])
    def add_import(json_data: Upload) -> Response:
        content = json_data.content()
        ask = lambda desk: imports.ask(desk, json_data.wanted(), content)  # noqa: E731
        return door.write(ask, status=202, location=location)

    @blueprint.post("/rebuilds")
    @blueprint.input(rebuilds.NewRebuild)
    @blueprint.output(JobView, status_code=202)
    @blueprint.doc(summary="Have orders credited anew, as a job", tags=["jobs"])
    def add_rebuild(json_data: rebuilds.NewRebuild) -> Response:
        return door.write(lambda desk: rebuilds.ask(desk, json_data), status=202, location=location)

    @blueprint.post("/replays")
    @blueprint.input(replays.NewReplay)
    @blueprint.output(JobView, status_code=202)
    @blueprint.doc(summary="Have any number of orders replayed under a draft, as a job", tags=["jobs"])
    def add_replay(json_data: replays.NewReplay) -> Response:
        return door.write(lambda desk: replays.ask(desk, json_data), status=202, location=location)


def _jobs(blueprint: APIBlueprint, door: Door) -> None:
    @blueprint.get("/jobs")
    @blueprint.input(jobs.JobQuery, location="query")
    @blueprint.output(Page[JobView])
    @blueprint.doc(summary="A page of the brand's jobs", tags=["jobs"])
    def list_jobs(query_data: jobs.JobQuery) -> Response:
        return _doors.json(door.read(lambda desk: jobs.page(desk, query_data)))

    @blueprint.get("/jobs/<job_id>")
    @blueprint.output(JobView)
    @blueprint.doc(summary="How far a job is, and what came of it", tags=["jobs"])
    def read_job(job_id: str) -> Response:
        return _doors.json(door.read(lambda desk: jobs.one(desk, job_id)))

    @blueprint.post("/jobs/<job_id>/apply")
    @blueprint.output(JobView, status_code=202)
    @blueprint.doc(summary="Import a file that was looked at", tags=["jobs"], responses=[409])
    def apply_import(job_id: str) -> Response:
        return door.write(lambda desk: imports.ask_again(desk, job_id, apply=True), status=202)

    @blueprint.post("/jobs/<job_id>/cancel")
    @blueprint.output(JobView, status_code=202)
    @blueprint.doc(summary="Have a job stop", tags=["jobs"])
    def cancel_job(job_id: str) -> Response:
        return door.write(lambda desk: jobs.cancel(desk, job_id), status=202)


def _schedules(blueprint: APIBlueprint, door: Door) -> None:
    @blueprint.post("/schedules/<schedule_id>/run")
    @blueprint.output(ScheduleView, status_code=202)
    @blueprint.doc(summary="Send a scheduled report now, beside its timetable", tags=["schedules"], responses=[409])
    def run_schedule(schedule_id: str) -> Response:
        def run(desk: Desk) -> ScheduleView:
            return schedules.run(desk, schedule_id)

        return door.write(run, status=202)
