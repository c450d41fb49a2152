"""`tracker report`: every report, as a table, JSON, CSV, workbook or PDF."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import click

from tracker.catalog import Desk, campaigns, partners
from tracker.cli import _shared
from tracker.cli._shared import brand_option
from tracker.reports import _compare, _pdf, _shape, _xlsx
from tracker.reports._compare import HOW
from tracker.reports._reader import LANGUAGES, reader_of
from tracker.reports._shape import Column, Kind, Result, Row

_FIGURES = (Kind.INTEGER, Kind.NUMBER, Kind.MONEY, Kind.PERCENT)


def register(root: click.Group) -> None:
    """Add the `report` command."""
    root.add_command(report)


@click.command(short_help="Run a report; without a name, list them.")
@click.argument("name", required=False)
@brand_option
@click.option("--format", "format_", type=click.Choice(["table", "json", "csv"]), help="[default: table]")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--xlsx", "workbook", type=click.Path(dir_okay=False, path_type=Path), help="Write a workbook there.")
@click.option("--pdf", "paper", type=click.Path(dir_okay=False, path_type=Path), help="Write a PDF there.")
@click.option("--language", type=click.Choice(LANGUAGES), default="en", help="Of the PDF.  [default: en]")
@click.option("--from", "start", help="Its first day, such as 2026-03-01.  [default: thirty days ago]")
@click.option("--to", "end", help="Its last day.  [default: today]")
@click.option("--model", help="How credit is shared, such as linear.  [default: as partners are paid]")
@click.option("--partner", help="Of one partner, by id or name.")
@click.option("--campaign", help="Of one campaign, by id or name.")
@click.option("--channel", help="Of one channel: influence or affiliate.")
@click.option("--network", help="Of placements on one network, such as TikTok.")
@click.option("--compare", type=click.Choice(list(HOW)), help="Beside the days just before, or those of a year ago.")
def report(
    name: str | None,
    brand: str | None,
    *,
    format_: str | None,
    as_json: bool,
    workbook: Path | None,
    paper: Path | None,
    language: str,
    **options: str | None,
) -> None:
    """Run the report called NAME; without a name, list the reports that there are."""
    wanted = "json" if as_json else format_ or "table"
    if name is None:
        _print_names(wanted)
        return
    with _shared.reading(brand, options["partner"], options["campaign"]) as desk:
        result = _run(desk, name, **options)
        told = _xlsx.about(desk.session, result.scope)
    if workbook is not None:
        _shared.write("xlsx", workbook, _xlsx.as_xlsx(result, told))
        click.echo(f"wrote {workbook}")
    elif paper is not None:
        _shared.write("pdf", paper, _pdf.as_pdf(result, told, reader_of(language), desk.now))
        click.echo(f"wrote {paper}")
    elif wanted == "json":
        _shared.print_json(_shape.as_json(result))
    elif wanted == "csv":
        click.echo(_shape.as_csv(result), nl=False)
    else:
        _print(result)


def _run(desk: Desk, name: str, *, start: str | None, end: str | None, **options: str | None) -> Result:
    asked = {
        "from": start or "",
        "to": end or "",
        "model": options["model"] or "",
        "channel": options["channel"] or "",
        "network": options["network"] or "",
        "partner": partners.named(desk, options["partner"]) if options["partner"] else "",
        "campaign": campaigns.named(desk, options["campaign"]) if options["campaign"] else "",
    }
    scope = _shape.scope_from(desk.session, desk.brand_id, asked, desk.now)
    return _compare.run(desk.session, name, scope, options["compare"])


def _print_names(wanted: str) -> None:
    found = [
        {"name": name, "title": one.TITLE, "description": one.DESCRIPTION} for name, one in _shape.reports().items()
    ]
    if wanted == "json":
        _shared.print_json(found)
    else:
        _shared.print_table(["name", "title", "description"], [list(one.values()) for one in found])


def _print(result: Result) -> None:
    figures = [index for index, column in enumerate(result.columns) if column.kind in _FIGURES]
    title = f"{result.title}, {result.scope.start} – {result.scope.end}, model: {result.scope.model}"
    cells = [[_cell(row, column) for column in result.columns] for row in result.rows]
    _shared.print_table([column.title for column in result.columns], cells, title=title, right=figures)


def _cell(row: Row, column: Column) -> str:
    value: Any = row[column.key]
    if value is None:
        return "–"
    if column.kind is Kind.PERCENT:
        return f"{float(cast(Fraction, value)):.1%}"
    if column.kind is Kind.MONEY:
        return f"{_shape.plain(row, column)} {row['currency']}"
    return _shared.text(_shape.plain(row, column))
