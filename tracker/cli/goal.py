"""`tracker goal`: what a campaign is to reach, and by when."""

from __future__ import annotations

import click

from tracker.catalog import goals
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option
from tracker.domain.objectives import Metric

_COLUMNS = ("id", "campaign", "metric", "target", "unit", "currency", "starts_on", "ends_on")


def register(root: click.Group) -> None:
    """Add the `goal` commands."""
    root.add_command(goal)


@click.group()
def goal() -> None:
    """What campaigns are to reach of a metric between two days."""


@goal.command()
@brand_option
@click.option("--campaign", required=True, help="Of this campaign, by id or name.")
@click.option("--metric", required=True, help=f"{', '.join(Metric)}.")
@click.option("--target", required=True, help="5000, 2500.00, 2.5 (percent) or 5:1, as the metric is counted.")
@click.option("--starts-on", "--from", "starts_on", help="Its first day.  [default: the campaign's]")
@click.option("--ends-on", "--to", "ends_on", help="Its last day.  [default: the campaign's]")
@json_option
def add(brand: str | None, campaign: str, as_json: bool, **options: object) -> None:
    """Set a goal."""
    with _shared.writing(brand, campaign) as desk:
        view = goals.add(desk, _shared.filled(goals.NewGoal, desk, campaign=campaign, **options))
    _shared.show(view, as_json=as_json)


@goal.command("list")
@brand_option
@click.option("--campaign", help="Of one campaign, by id or name.")
@json_option
def list_(brand: str | None, campaign: str | None, as_json: bool) -> None:
    """List goals."""
    with _shared.reading(brand, campaign) as desk:
        query = _shared.filled(goals.GoalQuery, desk, campaign=campaign)
        views, names = _shared.all_pages(goals.page, desk, query), _shared.names_at(desk)
    _shared.show_all(views, _COLUMNS, as_json=as_json, names=names)


@goal.command()
@click.argument("goal")
@brand_option
@json_option
def show(goal: str, brand: str | None, as_json: bool) -> None:
    """Show a goal, by id."""
    with _shared.reading(brand, goal) as desk:
        view = goals.one(desk, goal)
    _shared.show(view, as_json=as_json)


@goal.command()
@click.argument("goal")
@brand_option
@click.option("--target", help="What is to be reached.")
@click.option("--starts-on", "--from", "starts_on", help="Its first day.")
@click.option("--ends-on", "--to", "ends_on", help="Its last day.")
@json_option
def edit(goal: str, brand: str | None, as_json: bool, **options: object) -> None:
    """Change a goal, by id."""
    with _shared.writing(brand, goal) as desk:
        view = goals.edit(desk, goal, _shared.filled(goals.GoalChange, **options))
    _shared.show(view, as_json=as_json)


@goal.command()
@click.argument("goal")
@brand_option
@json_option
def remove(goal: str, brand: str | None, as_json: bool) -> None:
    """Take a goal back, by id, with its alerts."""
    with _shared.writing(brand, goal) as desk:
        view = goals.remove(desk, goal)
    _shared.show(view, as_json=as_json)
