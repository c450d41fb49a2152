"""How orders that are credited anew are waited for at a terminal."""

from __future__ import annotations

import time

import click

from tracker.cli._replay import progress
from tracker.ledger import due
from tracker.wiring import Wiring

_LOOK_EVERY = 1.0


def watch(built: Wiring, brand_id: str, count: int) -> None:
    """Return once none of the brand's orders that are due now is any more, showing how many are left.

    What becomes due meanwhile, or cannot be credited, is not waited for. Raises click's Abort at Ctrl-C; work goes on.
    """
    left, until = count, built.clock.wall()
    with progress("Crediting anew", count) as advance:
        while left:
            time.sleep(_LOOK_EVERY)
            with built.sessions() as session:
                now_left = due.count_due(session, brand_id, until=until)
            advance(max(left - now_left, 0))
            left = now_left
    click.echo("done")
