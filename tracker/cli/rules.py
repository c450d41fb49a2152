"""`tracker rules`: under which rules a brand's orders are credited."""

from __future__ import annotations

import click

from tracker.catalog import rules as catalog_rules
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option
from tracker.domain.rules import BetweenPartners, SeveralCodes
from tracker.errors import BadInput


def register(root: click.Group) -> None:
    """Add the `rules` commands."""
    root.add_command(rules)


@click.group()
def rules() -> None:
    """Who earns where several partners led to an order."""


@rules.command()
@brand_option
@json_option
def show(brand: str | None, as_json: bool) -> None:
    """Show the rules in force."""
    with _shared.reading(brand) as desk:
        view = catalog_rules.current(desk)
    _shared.show(view, as_json=as_json)


@rules.command("set")
@brand_option
@click.option("--between-partners", help=f"Code against click: {', '.join(BetweenPartners)}.")
@click.option("--several-codes", help=f"Codes of several partners: {', '.join(SeveralCodes)}.")
@click.option("--paying-model", help="The model by which partners are paid.")
@click.option("--window", "windows", multiple=True, help="Lookback days: click=30, click.influence=14 (repeatable).")
@click.option("--since-previous-order/--across-orders", default=None, help="Whether an order ends a journey.")
@click.option(
    "--excluded-source", "sources", multiple=True, help='All whose orders earn nothing (repeatable); "" for none.'
)
@json_option
def set_(
    brand: str | None, windows: tuple[str, ...], sources: tuple[str, ...], as_json: bool, **options: object
) -> None:
    """Put other rules in force, for orders placed from now on."""
    wanted = _shared.filled(
        catalog_rules.NewRules,
        windows=dict(_window(text) for text in windows) or None,
        excluded_sources=[source for source in sources if source] if sources else None,
        **options,
    )
    with _shared.writing(brand) as desk:
        view = catalog_rules.change(desk, wanted)
    _shared.show(view, as_json=as_json)


def _window(text: str) -> tuple[str, str | None]:
    """The window's name and days, None to take it away: `click.influence=`."""
    name, said, days = text.partition("=")
    if not said:
        raise BadInput("window", f"want a name and days such as click.influence=30, not {text}")
    return name, days.strip() or None
