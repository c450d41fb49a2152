"""`tracker partner`: who promotes."""

from __future__ import annotations

import click

from tracker.catalog import partners
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option
from tracker.domain.catalog import Channel, PartnerKind

_KINDS, _CHANNELS = ", ".join(PartnerKind), " or ".join(Channel)


def register(root: click.Group) -> None:
    """Add the `partner` commands."""
    root.add_command(partner)


@click.group()
def partner() -> None:
    """Influencers and affiliates."""


@partner.command()
@click.argument("name_", metavar="[NAME]", required=False)
@brand_option
@click.option("--name", help="The partner's name.")
@click.option("--kind", help=f"{_KINDS}.  [default: creator]")
@click.option("--channel", help=f"{_CHANNELS}.  [default: the kind's]")
@click.option("--followers", help="How many follow them.")
@click.option("--email", help="How to reach them.")
@click.option("--language", help="en or fr: of letters to them.")
@click.option("--notes", help="The brand's own notes on production, tone and style.")
@json_option
def add(brand: str | None, name_: str | None, name: str | None, as_json: bool, **options: object) -> None:
    """Add a partner."""
    wanted = _shared.filled(partners.NewPartner, name=_shared.either("name", name_, name), **options)
    with _shared.writing(brand) as desk:
        view = partners.add(desk, wanted)
    _shared.show(view, as_json=as_json)


@partner.command("list")
@brand_option
@click.option("--channel", help=f"{_CHANNELS}.")
@click.option("--kind", help=f"{_KINDS}.")
@json_option
def list_(brand: str | None, as_json: bool, **options: object) -> None:
    """List a brand's partners."""
    query = _shared.filled(partners.PartnerQuery, **options)
    with _shared.reading(brand) as desk:
        views = _shared.all_pages(partners.page, desk, query)
    _shared.show_all(views, ("id", "name", "kind", "channel", "followers", "email"), as_json=as_json)


@partner.command()
@click.argument("partner")
@brand_option
@json_option
def show(partner: str, brand: str | None, as_json: bool) -> None:
    """Show a partner, by id or name."""
    with _shared.reading(brand, partner) as desk:
        view = partners.one(desk, partners.named(desk, partner))
    _shared.show(view, as_json=as_json)


@partner.command()
@click.argument("partner")
@brand_option
@click.option("--name", help="Its new name.")
@click.option("--kind", help=f"{_KINDS}.")
@click.option("--channel", help=f"{_CHANNELS}.")
@click.option("--followers", help="How many follow them now.")
@click.option("--email", help="How to reach them.")
@click.option("--language", help="en or fr: of letters to them.")
@click.option("--notes", help="The brand's own notes on production, tone and style.")
@json_option
def edit(partner: str, brand: str | None, as_json: bool, **options: object) -> None:
    """Change a partner, by id or name."""
    change = _shared.filled(partners.PartnerChange, **options)
    with _shared.writing(brand, partner) as desk:
        view = partners.edit(desk, partners.named(desk, partner), change)
    _shared.show(view, as_json=as_json)
