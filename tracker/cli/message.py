"""`tracker message`: what a brand and its partners say to each other."""

from __future__ import annotations

import click

from tracker.catalog import messages
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option


def register(root: click.Group) -> None:
    """Add the `message` commands."""
    root.add_command(message)


@click.group()
def message() -> None:
    """Messages between a brand and its partners."""


@message.command()
@click.argument("partner")
@click.argument("text")
@brand_option
@json_option
def send(partner: str, text: str, brand: str | None, as_json: bool) -> None:
    """Write to a partner, by id or name."""
    with _shared.writing(brand, partner) as desk:
        view = messages.add(desk, _shared.filled(messages.NewMessage, desk, partner=partner, text=text))
    _shared.show(view, as_json=as_json)


@message.command("list")
@brand_option
@click.option("--partner", help="With one partner, by id or name.")
@json_option
def list_(brand: str | None, partner: str | None, as_json: bool) -> None:
    """List messages, the oldest first."""
    with _shared.reading(brand, partner) as desk:
        query = _shared.filled(messages.MessageQuery, desk, partner=partner)
        views, names = _shared.all_pages(messages.page, desk, query), _shared.names_at(desk)
    _shared.show_all(views, ("at", "partner", "from_partner", "text", "read_at"), as_json=as_json, names=names)
