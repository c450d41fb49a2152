"""`tracker clicks`: what clicks are taken for."""

from __future__ import annotations

import click
from sqlalchemy import func, select

from tracker import queue
from tracker.cli import _shared
from tracker.cli._replay import progress
from tracker.cli._shared import json_option
from tracker.domain.agents import RULES_VERSION
from tracker.ledger import verdicts
from tracker.ledger.database import writing
from tracker.ledger.tables import Click

_BATCH = 1000


def register(root: click.Group) -> None:
    """Add the `clicks` commands."""
    root.add_command(clicks)


@click.group()
def clicks() -> None:
    """The recorded clicks."""


@clicks.command()
@json_option
def rejudge(as_json: bool) -> None:
    """Judge clicks anew that older rules told from bots; the orders that this concerns are credited anew.

    What is done stays done: stopped in the middle, say it again.
    """
    looked_at = changed = 0
    with _shared.installation() as built:
        with built.sessions() as session:
            query = select(func.count()).select_from(Click).where(Click.rules < RULES_VERSION)
            waiting = session.execute(query).scalar_one()
        last = verdicts.FROM_THE_START
        with progress("Judging anew", waiting) as advance:
            while waiting:
                with writing(built.sessions) as session:
                    done = verdicts.rejudge(session, last, _BATCH, built.clock.wall())
                looked_at, changed, last = looked_at + done.looked_at, changed + done.changed, done.last
                advance(done.looked_at)
                if done.looked_at < _BATCH:
                    break
        queue.Doorbell(built.hasty_redis).ring(queue.ATTRIBUTION, queue.ATTRIBUTE)
    if as_json:
        _shared.print_json({"looked_at": looked_at, "changed": changed})
    else:
        click.echo(f"{looked_at} clicks judged anew, {changed} of them taken for something else")
