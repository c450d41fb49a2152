"""`tracker dispute`: what partners do not agree with, and the brand's answers."""

from __future__ import annotations

import click

from tracker.catalog import disputes
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option
from tracker.domain.disputes import DisputeState

_COLUMNS = ("id", "order_number", "partner", "state", "due_on", "opened_at", "closed_at")


def register(root: click.Group) -> None:
    """Add the `dispute` commands."""
    root.add_command(dispute)


@click.group()
def dispute() -> None:
    """Orders that a partner does not see credited as they should be."""


@dispute.command("list")
@brand_option
@click.option("--partner", help="Of one partner, by id or name.")
@click.option("--state", help=f"{', '.join(DisputeState)}.")
@json_option
def list_(brand: str | None, partner: str | None, state: str | None, as_json: bool) -> None:
    """List disputes."""
    with _shared.reading(brand, partner) as desk:
        query = _shared.filled(disputes.DisputeQuery, desk, partner=partner, state=state)
        views, names = _shared.all_pages(disputes.page, desk, query), _shared.names_at(desk)
    _shared.show_all(views, _COLUMNS, as_json=as_json, names=names)


@dispute.command()
@click.argument("dispute")
@brand_option
@json_option
def show(dispute: str, brand: str | None, as_json: bool) -> None:
    """Show a dispute, by id."""
    with _shared.reading(brand, dispute) as desk:
        view = disputes.one(desk, dispute)
    _shared.show(view, as_json=as_json)


@dispute.command()
@click.argument("dispute")
@brand_option
@click.option("--state", required=True, help="accepted or refused.")
@click.option("--answer", "text", required=True, help="What the partner is told.")
@json_option
def answer(dispute: str, brand: str | None, state: str, text: str, as_json: bool) -> None:
    """Answer a dispute, once. Words only: what changes credit is a fact, such as a code's owner."""
    wanted = _shared.filled(disputes.DisputeChange, state=state, answer=text)
    with _shared.writing(brand, dispute) as desk:
        view = disputes.answer(desk, dispute, wanted)
    _shared.show(view, as_json=as_json)
