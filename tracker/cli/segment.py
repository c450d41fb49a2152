"""`tracker segment`: which customers the brand's own file puts in which group."""

from __future__ import annotations

from collections.abc import Iterable

import click

from tracker.catalog import _csv_lines, segments
from tracker.cli import _files, _shared
from tracker.cli._shared import brand_option, json_option


def register(root: click.Group) -> None:
    """Add the `segment` commands."""
    root.add_command(segment)


@click.group()
def segment() -> None:
    """Groups of customers, from your own customer file, for the report segments."""


@segment.command("import")
@click.argument("file")
@brand_option
@click.option(
    *("--column", "columns"), multiple=True, help="Which column holds a field: email=E-mail. Once a field: email, "
    "customer, segment.",
)  # fmt: skip
@click.option("--segment", help="Of all lines that name none.")
@click.option("--apply", is_flag=True, help="Write them. Without it nothing is written.")
@json_option
def import_(
    file: str, brand: str | None, columns: Iterable[str], segment: str | None, *, apply: bool, as_json: bool
) -> None:
    """Put the customers of a CSV or XLSX file in segments; "-" reads standard input.

    E-mail addresses become keyed hashes while they are read, and are kept nowhere.
    """
    lines = _csv_lines.read(_files.content(file), _files.mapping(columns), segments.FIELDS, alone=True)
    opened = _shared.writing if apply else _shared.reading
    with opened(brand) as desk:
        found = segments.bring(desk, lines, defaults={"segment": segment} if segment else {}, apply=apply)
    if as_json:
        _shared.print_json(found.model_dump(mode="json"))
    else:
        _print(found)


@segment.command("list")
@brand_option
@json_option
def list_(brand: str | None, as_json: bool) -> None:
    """List the segments, with how many customers are in each."""
    with _shared.reading(brand) as desk:
        views = segments.every(desk).data
    _shared.show_all(views, ("name", "customers"), as_json=as_json)


@segment.command()
@click.argument("name")
@brand_option
@json_option
def remove(name: str, brand: str | None, as_json: bool) -> None:
    """Take a segment away. No order changes."""
    with _shared.writing(brand) as desk:
        view = segments.remove(desk, name)
    _shared.show(view, as_json=as_json)


def _print(found: segments.SegmentImport) -> None:
    for name, count in found.added.items():
        click.echo(f"{name}: {count} {'customer' if count == 1 else 'customers'}")
    for refused in found.refused:
        click.echo(f"line {refused.line}: {refused.reason}")
    done = "added" if found.applied else "would be added"
    total = sum(found.added.values())
    click.echo(f"{total} {done}, {found.there_already} there already, {len(found.refused)} refused")
    if total and not found.applied:
        click.echo("Nothing was written: say --apply to write them.")
