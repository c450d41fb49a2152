"""`tracker conversion`: downloads, leads and sign-ups that partners brought."""

from __future__ import annotations

import click

from tracker.catalog import conversions
from tracker.catalog.conversions import Action
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option


def register(root: click.Group) -> None:
    """Add the `conversion` commands."""
    root.add_command(conversion)


@click.group()
def conversion() -> None:
    """What visitors did that is no purchase."""


@conversion.command()
@click.argument("external_id")
@brand_option
@click.option("--kind", required=True, help=f"{', '.join(Action)}.")
@click.option("--click-id", help="The id that the landing page got.")
@click.option("--code", help="The promo code that was named.")
@click.option("--at", help="When, such as 2026-03-01T18:00.  [default: now]")
@json_option
def add(external_id: str, brand: str | None, as_json: bool, **options: str | None) -> None:
    """Record a conversion under EXTERNAL_ID, your own name for it: told twice it is still one."""
    with _shared.writing(brand) as desk:
        wanted = _shared.filled(conversions.NewConversion, desk, external_id=external_id, **options)
        view = conversions.add(desk, wanted)
    _shared.show(view, as_json=as_json)


@conversion.command("list")
@brand_option
@click.option("--kind", help=f"{', '.join(Action)}.")
@json_option
def list_(brand: str | None, kind: str | None, as_json: bool) -> None:
    """List conversions."""
    with _shared.reading(brand) as desk:
        query = _shared.filled(conversions.ConversionQuery, desk, kind=kind)
        views = _shared.all_pages(conversions.page, desk, query)
    _shared.show_all(views, ("id", "kind", "external_id", "at", "click_id", "code"), as_json=as_json)
