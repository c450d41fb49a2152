"""`tracker invite`: ask somebody to join a brand; the link is printed, for installations that send no letters."""

from __future__ import annotations

from typing import Any

import click

from tracker.catalog import people
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option
from tracker.cli.account import ROLES, partner_option
from tracker.domain.roles import Role


def register(root: click.Group) -> None:
    """Add the `invite` command."""
    root.add_command(invite)


@click.command()
@click.argument("email")
@brand_option
@click.option(
    "--role", type=ROLES, help="What they will be to the brand.  [default: viewer, or partner with --partner]"
)
@partner_option
@click.option("--language", type=click.Choice(["en", "fr"]), help="Of the letter.  [default: the partner's, or en]")
@json_option
def invite(email: str, brand: str | None, role: str | None, partner: str | None, **options: Any) -> None:
    """Ask somebody to join a brand. A letter goes out where letters are set up; the link is shown this once."""
    as_json = options.pop("as_json")
    with _shared.writing(brand, partner) as desk:
        named = role or (Role.PARTNER if partner else Role.VIEWER)
        wanted = _shared.filled(people.NewInvitation, desk, email=email, role=named, partner=partner, **options)
        view = people.invite(desk, wanted)
    _shared.show(view, as_json=as_json)
    if not as_json:
        click.echo("The link is shown this once: it is good once, for seven days.", err=True)
