"""`tracker snapshot`: the public counters of placements, by hand and from files."""

from __future__ import annotations

from collections.abc import Iterable

import click

from tracker.catalog import _csv_lines, snapshots
from tracker.catalog.snapshots import ImportView
from tracker.cli import _files, _shared
from tracker.cli._shared import brand_option, json_option
from tracker.domain.engagement import COUNTERS


def register(root: click.Group) -> None:
    """Add the `snapshot` commands."""
    root.add_command(snapshot)


@click.group()
def snapshot() -> None:
    """Views, likes, comments, shares, saves of placements, each with its moment and source."""


@snapshot.command()
@click.argument("placement")
@brand_option
@click.option("--taken-at", "--at", "taken_at", help="When, such as 2026-03-01T18:00.  [default: now]")
@click.option("--source", help=f"Where they come from.  [default: {snapshots.BY_HAND}]")
@click.option("--views", help="Leave out what you do not know.")
@click.option("--likes")
@click.option("--comments")
@click.option("--shares")
@click.option("--saves")
@click.option("--hashtag-uses", "hashtag_uses")
@json_option
def add(placement: str, brand: str | None, as_json: bool, **options: str | None) -> None:
    """Note the counters of a placement, named by id or web address."""
    with _shared.writing(brand, placement) as desk:
        wanted = _shared.filled(snapshots.NewSnapshot, desk, placement=placement, **options)
        view = snapshots.add(desk, wanted)
    _shared.show(view, as_json=as_json)


@snapshot.command("list")
@brand_option
@click.option("--placement", help="Of one placement, by id or web address.")
@json_option
def list_(brand: str | None, placement: str | None, as_json: bool) -> None:
    """List a brand's snapshots; a counter that is lower than before is named under fell."""
    with _shared.reading(brand, placement) as desk:
        query = _shared.filled(snapshots.SnapshotQuery, desk, placement=placement)
        views = _shared.all_pages(snapshots.page, desk, query)
    _shared.show_all(views, ("id", "placement", "taken_at", "source", *COUNTERS, "fell"), as_json=as_json)


@snapshot.command("import")
@click.argument("file")
@brand_option
@click.option(
    *("--column", "columns"), multiple=True, help="Which column of the file holds a field: views=Vues. Once a field."
)
@click.option("--placement", help="Of all lines that name none, by id or web address.")
@click.option("--taken-at", "--at", "taken_at", help="Of all lines that name none, such as 2026-03-01T18:00.")
@click.option("--source", help=f"Of all lines that name none.  [default: {snapshots.FROM_FILE}]")
@click.option("--day-first", is_flag=True, help="Read 31/03/2026 as the last day of March.")
@click.option("--apply", is_flag=True, help="Write them. Without it nothing is written.")
@json_option
def import_(
    file: str,
    brand: str | None,
    columns: Iterable[str],
    *,
    day_first: bool,
    apply: bool,
    as_json: bool,
    **defaults: str | None,
) -> None:
    """Add the snapshots of a CSV file; "-" reads standard input. First look at what it would do, then --apply."""
    lines = _csv_lines.read(
        _files.content(file), _files.mapping(columns), snapshots.FIELDS, days=("taken_at",), day_first=day_first
    )
    given = {name: value for name, value in defaults.items() if value}
    opened = _shared.writing if apply else _shared.reading
    with opened(brand, given.get("placement")) as desk:
        found = snapshots.bring(desk, lines, defaults=given, apply=apply)
    if as_json:
        _shared.print_json(found.model_dump(mode="json"))
    else:
        _print(found)


def _print(found: ImportView) -> None:
    if found.added:
        _shared.show_all(found.added, ("line", "placement", "taken_at", "source", *COUNTERS), as_json=False)
    for refused in found.refused:
        click.echo(f"line {refused.line}: {refused.reason}")
    done = "added" if found.applied else "would be added"
    click.echo(f"{len(found.added)} {done}, {found.there_already} there already, {len(found.refused)} refused")
    if found.added and not found.applied:
        click.echo("Nothing was written: say --apply to write them.")
