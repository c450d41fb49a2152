"""`tracker code`: promo codes and whose they are, since when."""

from __future__ import annotations

import click

from tracker.catalog import codes
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option
from tracker.domain.catalog import Channel

_CHANNELS = " or ".join(Channel)


def register(root: click.Group) -> None:
    """Add the `code` commands."""
    root.add_command(code)


@click.group()
def code() -> None:
    """Promo codes. Each belongs to one partner at a time."""


@code.command()
@click.argument("code_", metavar="[CODE]", required=False)
@brand_option
@click.option("--code", help="What shoppers type; upper and lower case are the same.")
@click.option("--partner", required=True, help="Whose, by id or name.")
@click.option("--from", "--valid-from", "valid_from", help="Since when.  [default: always]")
@click.option("--campaign", help="For which campaign, by id or name.")
@click.option("--placement", help="In which placement, by id or web address.")
@click.option("--channel", help=f"{_CHANNELS}.  [default: the partner's]")
@json_option
def add(brand: str | None, code_: str | None, code: str | None, as_json: bool, **options: str | None) -> None:
    """Add a code. Orders that carried it already are credited anew."""
    text = _shared.either("code", code_, code)
    with _shared.writing(brand, options["partner"], options["campaign"], options["placement"]) as desk:
        view = codes.add(desk, _shared.filled(codes.NewCode, desk, code=text, **options))
    _shared.show(view, as_json=as_json)


@code.command("list")
@brand_option
@click.option("--partner", help="That are or were one partner's, by id or name.")
@json_option
def list_(brand: str | None, as_json: bool, **options: str | None) -> None:
    """List a brand's codes."""
    with _shared.reading(brand, *options.values()) as desk:
        views = _shared.all_pages(codes.page, desk, _shared.filled(codes.CodeQuery, desk, **options))
        names = _shared.names_at(desk)
    _shared.show_all(views, ("id", "code", "partner", "created_at"), as_json=as_json, names=names)


@code.command()
@click.argument("code")
@brand_option
@json_option
def show(code: str, brand: str | None, as_json: bool) -> None:
    """Show a code and all its owners."""
    with _shared.reading(brand, code) as desk:
        view = codes.one(desk, codes.named(desk, code))
    _shared.show(view, as_json=as_json)


@code.command()
@click.argument("code")
@brand_option
@click.option("--to", "--partner", "partner", required=True, help="Who has it from then on, by id or name.")
@click.option("--from", "--valid-from", "valid_from", help="From which day or time on.  [default: now]")
@click.option("--campaign", help="For which campaign, by id or name.")
@click.option("--placement", help="In which placement, by id or web address.")
@click.option("--channel", help=f"{_CHANNELS}.  [default: the partner's]")
@json_option
def give(code: str, brand: str | None, as_json: bool, **options: str | None) -> None:
    """Give a code to another partner from a date on."""
    with _shared.writing(brand, code, options["partner"]) as desk:
        view = codes.give(desk, codes.named(desk, code), _shared.filled(codes.NewOwner, desk, **options))
    _shared.show(view, as_json=as_json)


@code.command()
@click.argument("code")
@brand_option
@click.option("--from", "--on", "valid_from", help="From which day or time on.  [default: now]")
@json_option
def retire(code: str, brand: str | None, as_json: bool, **options: str | None) -> None:
    """Let a code be nobody's from a date on."""
    with _shared.writing(brand, code) as desk:
        view = codes.give(desk, codes.named(desk, code), _shared.filled(codes.NewOwner, **options))
    _shared.show(view, as_json=as_json)
