"""`tracker inbox`: deliveries that wait for a person, and a second chance for them."""

from __future__ import annotations

from dataclasses import asdict

import click
from pydantic_core import to_jsonable_python

from tracker import queue
from tracker.catalog import brands
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option
from tracker.errors import BadInput
from tracker.ledger import inbox as deliveries
from tracker.ledger.database import writing

_COLUMNS = ("id", "shop", "topic", "state", "error", "attempts", "received_at")
_ASIDE = (deliveries.State.QUARANTINED, deliveries.State.FAILED, deliveries.State.ANOMALY)


def register(root: click.Group) -> None:
    """Add the `inbox` commands."""
    root.add_command(inbox)


@click.group()
def inbox() -> None:
    """The shops' deliveries, as they came."""


@inbox.command("list")
@brand_option
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in deliveries.State]),
    help="(repeatable)",
)
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many.")
@json_option
def list_(brand: str | None, states: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List deliveries, the newest first; without --state those that wait for a person."""
    with _shared.installation() as built, built.sessions() as session:
        brand_id = brands.named(session, brand) if brand else None
        found = deliveries.list_inbox(session, brand_id=brand_id, states=states or _ASIDE, limit=limit)
    _shared.show_rows([to_jsonable_python(asdict(entry)) for entry in found], _COLUMNS, as_json=as_json)


@inbox.command()
@click.argument("ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that wait for a person.")
@brand_option
@json_option
def retry(ids: tuple[str, ...], everything: bool, brand: str | None, as_json: bool) -> None:
    """Have deliveries, named by id, worked on once more."""
    if bool(ids) == everything:
        raise BadInput("all", "name deliveries by id, or say --all")
    if ids and brand:
        raise BadInput("brand", "goes with --all: an id needs no brand")
    with _shared.installation() as built:
        with writing(built.sessions) as session:
            brand_id = brands.named(session, brand) if brand else None
            known = deliveries.list_inbox(session, brand_id=brand_id, states=_ASIDE, limit=10**6) if everything else ()
            count = deliveries.retry(session, ids or [entry.id for entry in known], built.clock.wall())
        queue.Doorbell(built.hasty_redis).ring(queue.ORDERS, queue.INGEST)
    if as_json:
        _shared.print_json({"retried": count})
    else:
        click.echo(f"{count} deliveries will be worked on again")
