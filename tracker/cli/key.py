"""`tracker key`: the bearer keys of the REST API."""

from __future__ import annotations

import click

from tracker.catalog import keys
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option


def register(root: click.Group) -> None:
    """Add the `key` commands."""
    root.add_command(key)


@click.group()
def key() -> None:
    """Keys to the REST API. Each opens one brand."""


@key.command()
@click.argument("name_", metavar="[NAME]", required=False)
@brand_option
@click.option("--name", help="What it is for.")
@json_option
def add(name_: str | None, brand: str | None, name: str | None, as_json: bool) -> None:
    """Make a key. It is shown now and never again."""
    name = _shared.either("name", name_, name) if name_ or name else None
    with _shared.writing(brand) as desk:
        view = keys.add(desk, _shared.filled(keys.NewKey, name=name))
    _shared.show(view, as_json=as_json)
    if not as_json:
        click.echo("Keep the key now: it cannot be shown again.", err=True)


@key.command("list")
@brand_option
@json_option
def list_(brand: str | None, as_json: bool) -> None:
    """List a brand's keys by their beginnings."""
    with _shared.reading(brand) as desk:
        views = keys.every(desk)
    _shared.show_all(views, ("id", "name", "prefix", "created_at", "last_used_at", "revoked_at"), as_json=as_json)


@key.command()
@click.argument("key")
@brand_option
@json_option
def revoke(key: str, brand: str | None, as_json: bool) -> None:
    """End a key, by id, name or beginning."""
    with _shared.writing(brand, key) as desk:
        view = keys.revoke(desk, key)
    _shared.show(view, as_json=as_json)
