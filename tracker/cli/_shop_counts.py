"""`tracker shop count`, `counts`, `import-counts` and `snippet`: what a shop counts itself, and the line it pastes."""

from __future__ import annotations

from collections.abc import Iterable

import click

from tracker.catalog import _csv_lines, shop_counts, shops
from tracker.cli import _files, _shared
from tracker.cli._shared import brand_option, json_option


def register(shop: click.Group) -> None:
    """Add the commands to `tracker shop`."""
    for command in (count, counts, import_counts, snippet):
        shop.add_command(command)


@click.command()
@click.argument("shop")
@click.argument("day")
@click.argument("orders")
@brand_option
@json_option
def count(shop: str, day: str, orders: str, brand: str | None, as_json: bool) -> None:
    """Tell how many orders the shop itself counts on a day; what is told last holds."""
    one = shop_counts.DayCount.model_validate({"day": day, "orders": orders})
    with _shared.writing(brand, shop) as desk:
        found = shop_counts.tell(desk, shops.named(desk, shop), shop_counts.NewCounts(counts=(one,)))
    told = next(each for each in found.data if each.day == one.day)
    _shared.show(told, as_json=as_json)


@click.command()
@click.argument("shop")
@brand_option
@json_option
def counts(shop: str, brand: str | None, as_json: bool) -> None:
    """List what the shop counted, the latest day first; tracker report completeness holds it against what came in."""
    with _shared.reading(brand, shop) as desk:
        found = shop_counts.every(desk, shops.named(desk, shop))
    _shared.show_all(found.data, ("day", "orders", "source", "told_at"), as_json=as_json)


@click.command("import-counts")
@click.argument("shop")
@click.argument("file")
@brand_option
@click.option(*("--column", "columns"), multiple=True, help="Which column holds a field: day=Date, orders=Commandes.")
@click.option("--day-first", is_flag=True, help="Read 31/03/2026 as the last day of March.")
@click.option("--apply", is_flag=True, help="Write them. Without it nothing is written.")
@json_option
def import_counts(
    shop: str, file: str, brand: str | None, columns: Iterable[str], *, day_first: bool, apply: bool, as_json: bool
) -> None:
    """The same of a CSV or XLSX file with a line a day; "-" reads standard input."""
    table, names = _files.content(file), _files.mapping(columns)
    lines = _csv_lines.read(table, names, shop_counts.FIELDS, days=("day",), day_first=day_first)
    opened = _shared.writing if apply else _shared.reading
    with opened(brand, shop) as desk:
        found = shop_counts.bring(desk, shops.named(desk, shop), lines, apply=apply)
    if as_json:
        _shared.print_json(found.model_dump(mode="json"))
        return
    for refused in found.refused:
        click.echo(f"line {refused.line}: {refused.reason}")
    click.echo(f"{found.days} days {'written' if apply else 'would be written'}, {len(found.refused)} refused")
    if found.days and not apply:
        click.echo("Nothing was written: say --apply to write them.")


@click.command()
@click.argument("shop", required=False)
@brand_option
def snippet(shop: str | None, brand: str | None) -> None:
    """Print the line that the shop's pages carry, with the brand's id, and where it goes."""
    with _shared.reading(brand, shop) as desk:
        line = shops.snippet(desk)
        place = shops.guide(shops.one(desk, shops.named(desk, shop)).platform).snippet if shop else ""
    click.echo(line)
    if place:
        click.echo(f"\n{place}")
