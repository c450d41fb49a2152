"""`tracker model`: what the models make of a file of paths. Needs no installation."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from tracker.attribution._shape import Model
from tracker.cli import _shared
from tracker.cli._shared import json_option
from tracker.errors import BadInput
from tracker.plugins import discover

if TYPE_CHECKING:  # only `run` needs arrays
    from tracker.attribution._csv import PathFile
    from tracker.attribution._paths import Shares

BASELINE = "(baseline)"


def register(root: click.Group) -> None:
    """Add the `model` commands."""
    root.add_command(model)


@click.group()
def model() -> None:
    """Attribution models, on any export of paths."""


@model.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the models and their settings."""
    rows = [
        {
            "name": name,
            "title": one.TITLE,
            "version": one.VERSION,
            "additive": one.ADDITIVE,
            "may_pay": one.MAY_PAY,
            "settings": dict(one.SETTINGS),
        }
        for name, one in discover("tracker.attribution").items()
    ]
    _shared.show_rows(rows, ["name", "title", "additive", "may_pay", "settings"], as_json=as_json)


@model.command()
@click.argument("name")
@click.option("--paths", "file", required=True, help='A CSV file of paths; "-" for standard input.')
@click.option("--order", help="How many touches back a Markov chain looks: 1 to 3.")
@click.option("--setting", "said", multiple=True, help="A setting of the model: half_life_days=14 (repeatable).")
@click.option("--separator", default=" > ", show_default=True, help="What stands between touches in the file.")
@json_option
def run(name: str, *, file: str, order: str | None, said: tuple[str, ...], separator: str, as_json: bool) -> None:
    """What the model NAME makes of paths.

    The file has the columns path, total_conversions and, where known, total_conversion_value and total_null. Value is
    in the unit of the file: only summed and shared out, never rounded.
    """
    chosen = _named(name)
    settings = _settings(chosen, [*said, f"order={order}"] if order is not None else said)
    read = _read(file, separator)
    try:
        shares = chosen.over(read.paths, settings)
    except ValueError as error:
        raise BadInput("paths", str(error)) from None
    rows = _rows(read, shares)
    if as_json:
        _shared.print_json(rows)
    else:
        _print(chosen, read, rows)


def _named(name: str) -> Model:
    models = discover("tracker.attribution")
    if name not in models:
        raise BadInput("name", f"there is no model {name}; there are {', '.join(models)}")
    return cast(Model, models[name])


def _settings(chosen: Model, said: Sequence[str]) -> dict[str, str]:
    """The settings that were said. Raises BadInput for one that the model does not have."""
    settings = {}
    for text in said:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadInput("setting", f"want a name and a value such as half_life_days=14, not {text}")
        if name not in chosen.SETTINGS:
            has = ", ".join(chosen.SETTINGS) or "none"
            raise BadInput("setting", f"{chosen.NAME} has no setting {name}; its settings: {has}")
        settings[name] = value
    return settings


def _read(file: str, separator: str) -> PathFile:
    from tracker.attribution import _csv  # noqa: PLC0415  (arrays are for those who learn)

    if file == "-":
        return _csv.read(sys.stdin.buffer.read(), separator)
    if not Path(file).is_file():
        raise BadInput("paths", f"there is no file {file}")
    return _csv.read(Path(file), separator)


def _rows(read: PathFile, shares: Shares) -> list[dict[str, Any]]:
    """A row a channel, the most conversions first, and one for the baseline where there is one."""
    rows = [_row(channel, read, shares, number) for number, channel in enumerate(read.paths.names)]
    rows.sort(key=lambda row: (-row["conversions"], row["channel"]))
    if shares.baseline_conversions or shares.baseline_value:
        row = {"channel": BASELINE, "baseline": True, "conversions": shares.baseline_conversions}
        rows.append(row | ({"value": shares.baseline_value} if read.has_value and shares.value is not None else {}))
    return rows


def _row(channel: str, read: PathFile, shares: Shares, number: int) -> dict[str, Any]:
    row: dict[str, Any] = {"channel": channel, "conversions": float(shares.conversions[number])}
    if read.has_value and shares.value is not None:
        row["value"] = float(shares.value[number])
    if shares.removal_effect is not None:
        row["removal_effect"] = float(shares.removal_effect[number])
    return row


def _print(chosen: Model, read: PathFile, rows: Sequence[Mapping[str, Any]]) -> None:
    places = {"conversions": 2, "value": 2, "removal_effect": 4}
    columns = [name for name in places if rows and name in rows[0]]
    cells = [
        [row["channel"], *(f"{row[name]:,.{places[name]}f}" if name in row else "–" for name in columns)]
        for row in rows
    ]
    _shared.print_table(["channel", *columns], cells, title=chosen.TITLE, right=range(1, len(columns) + 1))
    if not chosen.ADDITIVE:
        click.echo("These figures do not sum to the conversions.")
    if not read.has_nulls and not hasattr(chosen, "weights"):
        click.echo("The file has no total_null: journeys without an order would change these figures.")
