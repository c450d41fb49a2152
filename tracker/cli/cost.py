"""`tracker cost`: what was spent, so that what came back can be held against it."""

from __future__ import annotations

import click

from tracker.catalog import costs
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option
from tracker.domain.costs import Kind, Spread

_COLUMNS = (
    *("id", "spent_on", "kind", "amount", "currency", "hours", "rate", "retail", "campaign", "partner", "placement"),
    *("spread", "note", "withdrawn_at"),
)


def register(root: click.Group) -> None:
    """Add the `cost` commands."""
    root.add_command(cost)


@click.group()
def cost() -> None:
    """Money, time and goods that were spent. Commissions come in by themselves."""


@cost.command()
@brand_option
@click.option("--partner", help="On one partner, by id or name.  [default: shared]")
@click.option("--campaign", help="On one campaign, by id or name.  [default: shared]")
@click.option("--placement", help="On one placement, by id or web address; it tells partner and campaign.")
@click.option("--kind", required=True, help=f"{', '.join(Kind)}.")
@click.option("--amount", help="What it cost, such as 250.00; a gift at its cost.")
@click.option("--hours", help="Of the kind hours: how many, such as 2.5 or 2:30.")
@click.option("--rate", help="Of the kind hours: what one costs, such as 40.00.")
@click.option("--retail", help="What a gift sells for.")
@click.option("--currency", help="ISO 4217 code.  [default: the brand's]")
@click.option("--spent-on", "--on", "spent_on", help="The day, such as 2026-03-01.  [default: today]")
@click.option("--spread", help=f"How a shared cost is divided: {' or '.join(Spread)}.  [default: {Spread.EQUAL}]")
@click.option("--note", help="A few words.")
@json_option
def add(
    brand: str | None,
    partner: str | None,
    campaign: str | None,
    placement: str | None,
    *,
    as_json: bool,
    **options: object,
) -> None:
    """Add a cost. One on a campaign is divided over its partners, one on nothing over the campaigns of its day."""
    about = {"partner": partner, "campaign": campaign, "placement": placement}
    with _shared.writing(brand, *about.values()) as desk:
        view = costs.add(desk, _shared.filled(costs.NewCost, desk, **about, **options))
    _shared.show(view, as_json=as_json)


@cost.command("list")
@brand_option
@click.option("--partner", help="Of one partner, by id or name.")
@click.option("--campaign", help="Of one campaign, by id or name.")
@click.option("--placement", help="Of one placement, by id or web address.")
@click.option("--withdrawn", is_flag=True, help="With those that were withdrawn.")
@json_option
def list_(brand: str | None, as_json: bool, withdrawn: bool, **about: str | None) -> None:
    """List a brand's costs."""
    with _shared.reading(brand, *about.values()) as desk:
        query = _shared.filled(costs.CostQuery, desk, withdrawn=withdrawn, **about)
        views, names = _shared.all_pages(costs.page, desk, query), _shared.names_at(desk)
    _shared.show_all(views, _COLUMNS, as_json=as_json, names=names)


@cost.command()
@click.argument("cost")
@brand_option
@json_option
def show(cost: str, brand: str | None, as_json: bool) -> None:
    """Show a cost, by id."""
    with _shared.reading(brand, cost) as desk:
        view = costs.one(desk, cost)
    _shared.show(view, as_json=as_json)


@cost.command()
@click.argument("cost")
@brand_option
@json_option
def withdraw(cost: str, brand: str | None, as_json: bool) -> None:
    """Count a cost no more, by id. It stays in the books."""
    with _shared.writing(brand, cost) as desk:
        view = costs.withdraw(desk, cost)
    _shared.show(view, as_json=as_json)
