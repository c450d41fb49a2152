"""`tracker terms`: what partners are paid."""

from __future__ import annotations

import click

from tracker.catalog import terms as catalog_terms
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option

_COLUMNS = (
    *("id", "partner", "campaign", "percent", "flat", "returning_percent", "returning_flat", "assist_percent"),
    *("currency", "hold_days", "valid_from"),
)


def register(root: click.Group) -> None:
    """Add the `terms` commands."""
    root.add_command(terms)


@click.group()
def terms() -> None:
    """What partners are paid, and from when on."""


@terms.command()
@brand_option
@click.option("--partner", help="For one partner, by id or name.  [default: all]")
@click.option("--campaign", help="For one campaign, by id or name.  [default: all]")
@click.option("--percent", help="Percent of the partner's credit, such as 7.5.")
@click.option("--flat", help="Or a flat amount an order, such as 5.00.")
@click.option("--returning-percent", help="The same for customers who have bought before, where it differs.")
@click.option("--returning-flat", help="The same for customers who have bought before, where it differs.")
@click.option("--assist-percent", help="Percent of the order for partners in its journey without a credit.")
@click.option("--currency", help="Of the flat amounts.  [default: the brand's]")
@click.option(
    "--hold-days", help=f"Days after the sale before it may be paid.  [default: {catalog_terms.DEFAULT_HOLD_DAYS}]"
)
@click.option("--from", "valid_from", help="For orders placed from this day or time on.  [default: now]")
@json_option
def add(brand: str | None, partner: str | None, campaign: str | None, as_json: bool, **options: object) -> None:
    """Agree on terms. Orders that have terms already keep them."""
    with _shared.writing(brand, partner, campaign) as desk:
        wanted = _shared.filled(catalog_terms.NewTerms, desk, partner=partner, campaign=campaign, **options)
        view = catalog_terms.add(desk, wanted)
    _shared.show(view, as_json=as_json)


@terms.command("list")
@brand_option
@click.option("--partner", help="Of one partner, by id or name.")
@click.option("--campaign", help="Of one campaign, by id or name.")
@json_option
def list_(brand: str | None, partner: str | None, campaign: str | None, as_json: bool) -> None:
    """List all terms, every version."""
    with _shared.reading(brand, partner, campaign) as desk:
        query = _shared.filled(catalog_terms.TermsQuery, desk, partner=partner, campaign=campaign)
        views, names = _shared.all_pages(catalog_terms.page, desk, query), _shared.names_at(desk)
    _shared.show_all(views, _COLUMNS, as_json=as_json, names=names)


@terms.command()
@click.argument("terms")
@brand_option
@json_option
def show(terms: str, brand: str | None, as_json: bool) -> None:
    """Show terms, by id."""
    with _shared.reading(brand, terms) as desk:
        view = catalog_terms.one(desk, terms)
    _shared.show(view, as_json=as_json)
