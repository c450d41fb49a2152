"""`tracker placement`: published things."""

from __future__ import annotations

from typing import Any

import click

from tracker.catalog import placements
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option
from tracker.domain.catalog import Format

_FORMATS = ", ".join(Format)


def register(root: click.Group) -> None:
    """Add the `placement` commands."""
    root.add_command(placement)


@click.group()
def placement() -> None:
    """Videos, photos, stories, lives, articles, newsletter slots."""


@placement.command()
@click.argument("url_", metavar="[URL]", required=False)
@brand_option
@click.option("--partner", required=True, help="Whose, by id or name.")
@click.option("--network", required=True, help="TikTok, Instagram, YouTube, a blog …")
@click.option("--format", help=f"{_FORMATS}.  [default: video]")
@click.option("--campaign", help="For which campaign, by id or name.")
@click.option("--url", help="Where it can be seen.")
@click.option("--published-at", "--published", "published_at", help="Since when, such as 2026-03-01T18:00.")
@click.option("--reused/--not-reused", default=None, help="Shown again by the brand, or not.")
@click.option("--title", help="What it is called.")
@click.option("--message", help="What it says in a word or two: placements of one message are compared.")
@json_option
def add(brand: str | None, url_: str | None, url: str | None, as_json: bool, **options: Any) -> None:
    """Add a placement."""
    seen = _shared.either("url", url_, url) if url_ or url else None
    with _shared.writing(brand, options["partner"], options["campaign"]) as desk:
        view = placements.add(desk, _shared.filled(placements.NewPlacement, desk, url=seen, **options))
    _shared.show(view, as_json=as_json)


@placement.command("list")
@brand_option
@click.option("--partner", help="Of one partner, by id or name.")
@click.option("--campaign", help="Of one campaign, by id or name.")
@json_option
def list_(brand: str | None, as_json: bool, **options: str | None) -> None:
    """List a brand's placements."""
    with _shared.reading(brand, *options.values()) as desk:
        query = _shared.filled(placements.PlacementQuery, desk, **options)
        views = _shared.all_pages(placements.page, desk, query)
        names = _shared.names_at(desk)
    columns = ("id", "partner", "campaign", "network", "format", "url", "published_at", "reused")
    _shared.show_all(views, columns, as_json=as_json, names=names)


@placement.command()
@click.argument("placement")
@brand_option
@json_option
def show(placement: str, brand: str | None, as_json: bool) -> None:
    """Show a placement, by id or web address."""
    with _shared.reading(brand, placement) as desk:
        view = placements.one(desk, placements.named(desk, placement))
    _shared.show(view, as_json=as_json)


@placement.command()
@click.argument("placement")
@brand_option
@click.option("--network", help="TikTok, Instagram, YouTube, a blog …")
@click.option("--format", help=f"{_FORMATS}.")
@click.option("--campaign", help='For which campaign, by id or name; "" for none.')
@click.option("--url", help="Where it can be seen.")
@click.option("--published-at", "--published", "published_at", help="Since when, such as 2026-03-01T18:00.")
@click.option("--reused/--not-reused", default=None, help="Shown again by the brand, or not.")
@click.option("--title", help="What it is called.")
@click.option("--message", help="What it says in a word or two: placements of one message are compared.")
@json_option
def edit(placement: str, brand: str | None, as_json: bool, **options: Any) -> None:
    """Change a placement, by id or web address."""
    with _shared.writing(brand, placement) as desk:
        change = _shared.filled(placements.PlacementChange, desk, **options)
        view = placements.edit(desk, placements.named(desk, placement), change)
    _shared.show(view, as_json=as_json)
