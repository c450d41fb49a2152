"""`tracker db`: the ledger's tables."""

from __future__ import annotations

import click

from tracker import wiring
from tracker.ledger import schema
from tracker.settings import Settings


def register(root: click.Group) -> None:
    """Add the `db` commands."""
    root.add_command(db)


@click.group()
def db() -> None:
    """Make and update the ledger's tables."""


@db.command()
def upgrade() -> None:
    """Bring the ledger to the newest revision; makes it where there is none. Safe to repeat."""
    settings = Settings.from_env()
    engine = wiring.engine(settings)
    schema.upgrade(engine, demo=settings.demo, now=settings.clock.now())
    click.echo("the ledger is up to date")
