"""`tracker work`: long work of the background, how far it is, and how it is stopped."""

from __future__ import annotations

import time

import click

from tracker import jobs
from tracker.cli import _shared
from tracker.cli._replay import progress
from tracker.cli._shared import brand_option, json_option
from tracker.jobs import JobQuery, JobView
from tracker.wiring import Wiring

_COLUMNS = ("id", "kind", "state", "done", "total", "error", "asked_at", "finished_at")
_LOOK_EVERY = 0.5


def register(root: click.Group) -> None:
    """Add the `work` commands."""
    root.add_command(work)


@click.group()
def work() -> None:
    """Imports, rebuilds and replays that run in the background."""


@work.command("list")
@brand_option
@json_option
def list_(brand: str | None, as_json: bool) -> None:
    """List a brand's jobs."""
    with _shared.reading(brand) as desk:
        found = _shared.all_pages(jobs.page, desk, JobQuery())
    _shared.show_all(found, _COLUMNS, as_json=as_json)


@work.command()
@click.argument("job")
@brand_option
@click.option("--wait", is_flag=True, help="Show a bar until it has ended.")
@json_option
def show(job: str, brand: str | None, wait: bool, as_json: bool) -> None:
    """Show a job, by id."""
    with _shared.installation() as built:
        with built.sessions() as session:
            desk = _shared.desk(built, session, brand)
            view, brand_id = jobs.one(desk, job), desk.brand_id
        if wait:
            view = watch(built, brand_id, view)
    _shared.show(view, as_json=as_json)


@work.command()
@click.argument("job")
@brand_option
@json_option
def cancel(job: str, brand: str | None, as_json: bool) -> None:
    """Have a job stop, by id. What it did stays done."""
    with _shared.writing(brand) as desk:
        view = jobs.cancel(desk, job)
    _shared.show(view, as_json=as_json)


def watch(built: Wiring, brand_id: str, job: JobView) -> JobView:
    """The job once it has ended, under a bar. Raises click's Abort at Ctrl-C; the work goes on."""
    while job.open and job.total is None:
        job = _again(built, brand_id, job)
    with progress(jobs.TITLES[job.kind], job.total or 0) as advance:
        done = 0
        while True:
            advance(max(job.done - done, 0))
            done = job.done
            if not job.open:
                return job
            job = _again(built, brand_id, job)


def _again(built: Wiring, brand_id: str, job: JobView) -> JobView:
    time.sleep(_LOOK_EVERY)
    with built.sessions() as session:
        return jobs.one(built.desk(session, brand_id), job.id)
