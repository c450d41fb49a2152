"""`tracker decision`: what was changed during a campaign, and when."""

from __future__ import annotations

import click

from tracker.catalog import decisions
from tracker.catalog.decisions import About
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option

_COLUMNS = ("id", "made_on", "campaign", "about", "text", "partner", "placement", "withdrawn_at")


def register(root: click.Group) -> None:
    """Add the `decision` commands."""
    root.add_command(decision)


@click.group()
def decision() -> None:
    """What was changed during a campaign; the report of decisions compares the days before and after."""


@decision.command()
@brand_option
@click.option("--campaign", required=True, help="During this campaign, by id or name.")
@click.option("--about", required=True, help=f"{', '.join(About)}.")
@click.option("--text", required=True, help="What was changed, in a sentence.")
@click.option("--partner", help="Of one partner, by id or name.")
@click.option("--placement", help="Of one placement, by id or web address.")
@click.option("--made-on", "--on", "made_on", help="The day, such as 2026-03-10.  [default: today]")
@json_option
def add(
    brand: str | None,
    campaign: str,
    partner: str | None,
    placement: str | None,
    *,
    as_json: bool,
    **options: object,
) -> None:
    """Note a decision."""
    about = {"campaign": campaign, "partner": partner, "placement": placement}
    with _shared.writing(brand, *about.values()) as desk:
        view = decisions.add(desk, _shared.filled(decisions.NewDecision, desk, **about, **options))
    _shared.show(view, as_json=as_json)


@decision.command("list")
@brand_option
@click.option("--campaign", help="During one campaign, by id or name.")
@click.option("--withdrawn", is_flag=True, help="With those that were withdrawn.")
@json_option
def list_(brand: str | None, campaign: str | None, withdrawn: bool, as_json: bool) -> None:
    """List decisions."""
    with _shared.reading(brand, campaign) as desk:
        query = _shared.filled(decisions.DecisionQuery, desk, campaign=campaign, withdrawn=withdrawn)
        views, names = _shared.all_pages(decisions.page, desk, query), _shared.names_at(desk)
    _shared.show_all(views, _COLUMNS, as_json=as_json, names=names)


@decision.command()
@click.argument("decision")
@brand_option
@json_option
def show(decision: str, brand: str | None, as_json: bool) -> None:
    """Show a decision, by id."""
    with _shared.reading(brand, decision) as desk:
        view = decisions.one(desk, decision)
    _shared.show(view, as_json=as_json)


@decision.command()
@click.argument("decision")
@brand_option
@json_option
def withdraw(decision: str, brand: str | None, as_json: bool) -> None:
    """Count a decision no more, by id. It stays in the books."""
    with _shared.writing(brand, decision) as desk:
        view = decisions.withdraw(desk, decision)
    _shared.show(view, as_json=as_json)
