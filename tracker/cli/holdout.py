"""`tracker holdout`: what campaigns leave out on purpose, so that what they add can be measured."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import click

from tracker.catalog import holdouts
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option
from tracker.domain import experiments
from tracker.errors import BadInput


def register(root: click.Group) -> None:
    """Add the `holdout` commands."""
    root.add_command(holdout)


@click.group()
def holdout() -> None:
    """Regions or days that a campaign leaves out on purpose."""


@holdout.command()
@click.option("--regions", help="Draw among these regions, such as FR-75,FR-13,FR-69.")
@click.option("--from", "starts_on", help="Draw among days: the first one, such as 2026-03-01.")
@click.option("--to", "ends_on", help="The last one.")
@click.option("--share", default="0.5", show_default=True, help="How much to leave out, such as 0.3.")
@click.option("--seed", default=1, show_default=True, help="The same seed draws the same again.")
@json_option
def draw(share: str, seed: int, as_json: bool, **among: str | None) -> None:
    """Draw at random what to leave out, for `tracker holdout add`."""
    units = _units(**among)
    try:
        held_out = experiments.drawn(units, Fraction(share), seed)
    except (ValueError, ZeroDivisionError):
        raise BadInput("share", "want a share between 0 and 1, and at least two to draw among") from None
    compared = [unit for unit in units if unit not in held_out]
    if as_json:
        _shared.print_json({"held_out": held_out, "compared": compared, "seed": seed})
        return
    click.echo(f"held out  {','.join(held_out)}")
    click.echo(f"compared  {','.join(compared)}")


@holdout.command()
@click.argument("name")
@brand_option
@click.option("--campaign", required=True, help="Of which campaign, by id or name.")
@click.option("--kind", default="regions", show_default=True, help="regions or days.")
@click.option("--starts-on", "--from", "starts_on", required=True, help="Its first day, such as 2026-03-01.")
@click.option("--ends-on", "--to", "ends_on", required=True, help="Its last day.")
@click.option("--held-out", "held_out", required=True, help="What is left out, with commas: FR-13,FR-69.")
@click.option("--compared", help="In which regions the campaign runs; for days leave it out: all the others.")
@json_option
def add(brand: str | None, held_out: str, compared: str | None, as_json: bool, **options: str) -> None:
    """Add a holdout before it begins. It never changes."""
    with _shared.writing(brand, options["campaign"]) as desk:
        wanted = _shared.filled(
            holdouts.NewHoldout, desk, held_out=_listed(held_out), compared=_listed(compared or ""), **options
        )
        view = holdouts.add(desk, wanted)
    _shared.show(view, as_json=as_json)


@holdout.command("list")
@brand_option
@click.option("--campaign", help="Of one campaign, by id or name.")
@json_option
def list_(brand: str | None, as_json: bool, campaign: str | None) -> None:
    """List a brand's holdouts."""
    with _shared.reading(brand, campaign) as desk:
        query = _shared.filled(holdouts.HoldoutQuery, desk, campaign=campaign)
        views = _shared.all_pages(holdouts.page, desk, query)
        names = _shared.names_at(desk)
    columns = ("id", "campaign", "name", "kind", "starts_on", "ends_on", "held_out")
    _shared.show_all(views, columns, as_json=as_json, names=names)


@holdout.command()
@click.argument("holdout")
@brand_option
@json_option
def show(holdout: str, brand: str | None, as_json: bool) -> None:
    """Show a holdout, by id or name."""
    with _shared.reading(brand, holdout) as desk:
        view = holdouts.one(desk, holdouts.named(desk, holdout))
    _shared.show(view, as_json=as_json)


def _units(regions: str | None, starts_on: str | None, ends_on: str | None) -> list[str]:
    if regions and not (starts_on or ends_on):
        return holdouts.regions_of("regions", _listed(regions))
    if regions or not (starts_on and ends_on):
        raise BadInput("regions", "say either --regions, or --from and --to to draw among days")
    return holdouts.days_between(_day("from", starts_on), _day("to", ends_on))


def _day(field: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(field, "want a day such as 2026-03-31") from None


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
