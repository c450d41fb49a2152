"""`tracker account`: who may sign in to the pages."""

from __future__ import annotations

import secrets

import click

from tracker.cli import _shared
from tracker.cli._shared import json_option
from tracker.ledger import accounts
from tracker.ledger.database import writing


def register(root: click.Group) -> None:
    """Add the `account` commands."""
    root.add_command(account)


@click.group()
def account() -> None:
    """Those who may sign in to the pages."""


@account.command()
@click.argument("email")
@json_option
def add(email: str, as_json: bool) -> None:
    """Let somebody sign in. The password is made up and shown this once."""
    password = secrets.token_urlsafe(12)
    with _shared.installation() as built, writing(built.sessions) as session:
        accounts.create_account(session, email, password, built.clock.now(), operator=True)
    _show(email, password, as_json=as_json)


@account.command()
@click.argument("email")
@json_option
def password(email: str, as_json: bool) -> None:
    """Give somebody a new password, shown this once, and end all their sessions."""
    fresh = secrets.token_urlsafe(12)
    with _shared.installation() as built, writing(built.sessions) as session:
        accounts.set_password(session, email, fresh)
    _show(email, fresh, as_json=as_json)


def _show(email: str, fresh: str, *, as_json: bool) -> None:
    if as_json:
        _shared.print_json({"email": email, "password": fresh})
    else:
        click.echo(f"{email}, password {fresh} (shown this once)")
