"""`tracker schedule`: reports that go out by e-mail on a timetable."""

from __future__ import annotations

import click

from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option
from tracker.outgoing import schedules
from tracker.outgoing.schedules import NewSchedule, ScheduleChange, ScheduleQuery

_COLUMNS = ("id", "report", "every", "hour", "last_days", "format", "language", "recipients", "next_at", "sent_at")


def register(root: click.Group) -> None:
    """Add the `schedule` commands."""
    root.add_command(schedule)


@click.group()
def schedule() -> None:
    """Reports by e-mail: every day, every Monday or every first of a month."""


@schedule.command()
@click.argument("report")
@brand_option
@click.option("--to", "recipients", multiple=True, required=True, help="An e-mail address; repeatable.")
@click.option("--every", help="day, week or month.  [default: week]")
@click.option("--hour", type=int, help="Of the brand's day, 0 to 23.  [default: 7]")
@click.option("--last-days", type=int, help="How many days it is about.  [default: the calendar month before]")
@click.option("--format", help="pdf, xlsx or csv.  [default: pdf]")
@click.option("--language", help="en or fr.  [default: en]")
@click.option("--model", help="Whose credits.")
@click.option("--campaign", help="Of one campaign, by id or name.")
@click.option("--channel", help="Of one channel.")
@click.option("--partner", help="Of one partner, by id or name.")
@click.option("--network", help="Of one network.")
@json_option
def add(report: str, brand: str | None, *, as_json: bool, **options: object) -> None:
    """Send REPORT from now on, such as partners."""
    with _shared.writing(brand) as desk:
        view = schedules.add(desk, _shared.filled(NewSchedule, desk, report=report, **options))
    _shared.show(view, as_json=as_json)


@schedule.command("list")
@brand_option
@click.option("--ended/--running", default=None, help="Only those that ended, or that run.")
@json_option
def list_(brand: str | None, ended: bool | None, as_json: bool) -> None:
    """List a brand's schedules."""
    with _shared.reading(brand) as desk:
        found = _shared.all_pages(schedules.page, desk, ScheduleQuery(ended=ended))
    _shared.show_all(found, _COLUMNS, as_json=as_json)


@schedule.command()
@click.argument("schedule")
@brand_option
@json_option
def end(schedule: str, brand: str | None, as_json: bool) -> None:
    """Send it no more, by id."""
    with _shared.writing(brand) as desk:
        view = schedules.edit(desk, schedule, ScheduleChange(ended=True))
    _shared.show(view, as_json=as_json)


@schedule.command()
@click.argument("schedule")
@brand_option
@json_option
def run(schedule: str, brand: str | None, as_json: bool) -> None:
    """Send it now, beside its timetable, by id."""
    with _shared.writing(brand) as desk:
        view = schedules.run(desk, schedule)
    _shared.show(view, as_json=as_json)
