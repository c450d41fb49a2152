"""`tracker estimate`: what all models make of a period's journeys, learned ones with their intervals."""

from __future__ import annotations

from datetime import date
from typing import Any

import click

from tracker import estimates
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option
from tracker.domain.money import decimal_string
from tracker.errors import BadInput
from tracker.ledger.paths import Level


def register(root: click.Group) -> None:
    """Add the `estimate` command."""
    root.add_command(estimate)


@click.command(short_help="Compare all models on a period's journeys.")
@brand_option
@click.option(
    "--level", default="channel", help=f"What touches are grouped by: {', '.join(Level)}.  [default: channel]"
)
@click.option("--from", "start", help=f"The first day, such as 2026-03-01.  [default: {estimates.DAYS} days ago]")
@click.option("--to", "end", help="The last day.  [default: yesterday]")
@json_option
def estimate(brand: str | None, level: str, start: str | None, end: str | None, as_json: bool) -> None:
    """Compare all models on a period's journeys, those without an order included.

    It computes now and stores nothing. Models learned from data report, they pay nobody.
    """
    with _shared.reading(brand) as desk:
        if level not in list(Level):
            raise BadInput("level", f"want one of {', '.join(Level)}")
        days = _day("from", start), _day("to", end)
        wanted = estimates.meant(desk.session, desk.brand_id, Level(level), days, desk.now)
        result = estimates.compute(desk.session, wanted, desk.now)
    if as_json:
        _shared.print_json(result)
        return
    _print(result)


def _day(field: str, text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadInput(field, "want a day such as 2026-03-31") from None


def _print(result: dict[str, Any]) -> None:
    known = result["known"]
    names = [*result["titles"].items()]
    rows = [_row(model, result, [name for name, _ in names]) for model in result["models"]]
    answered = [row for row in rows if row]
    headings = ["model", *(title or "–" for _, title in names), "would have come anyway"]
    title = f"Orders by model, {result['from']} – {result['to']}, with 95 % intervals"
    _shared.print_table(headings, answered, title=title, right=range(1, len(headings)))
    click.echo(
        f"{known['joined']} of {known['orders']} orders have a journey with a click; "
        f"{known['followed']} of {known['clicks']} clicks can be followed."
    )
    _print_credited(result)
    _print_within(result)
    for model in result["models"]:
        for sentence in estimates.sentences(model):
            click.echo(f"{model['title']}: {sentence}")


def _print_credited(result: dict[str, Any]) -> None:
    titles, currency = result["titles"], result["currency"]
    rows = [
        [model["title"], *(decimal_string(model["amounts"].get(name, 0), currency) for name in titles)]
        for model in result["credited"]
    ]
    if rows:
        headings = ["model", *(title or "–" for title in titles.values())]
        title = f"Credited by rule on all paid orders, {currency}: sealed, no estimate"
        _shared.print_table(headings, rows, title=title, right=range(1, len(headings)))


def _print_within(result: dict[str, Any]) -> None:
    """Partners within their group, by the models that answered; only where groups were asked for."""
    within = result["within"]
    models = sorted({model for part in within["partners"] for model in part["models"]}) if within else []
    if not models:
        return
    rows = [
        [part["partner"], part["group"], f"{part['share']:.1%}"]
        + [_value(part["models"].get(model, {}).get("value"), result["currency"]) for model in models]
        for part in within["partners"]
    ]
    headings = ["partner", "group", "part", *models]
    title = f"Partners within their group, estimated net value in {result['currency']}"
    _shared.print_table(headings, rows, title=title, right=range(2, len(headings)))
    click.echo(within["sentence"])


def _value(figure: dict[str, float] | None, currency: str) -> str:
    if figure is None:
        return "–"
    estimate, low, high = (decimal_string(round(figure[bound]), currency) for bound in ("estimate", "low", "high"))
    return f"{estimate} ({low} – {high})"


def _row(model: dict[str, Any], result: dict[str, Any], names: list[str]) -> list[str]:
    """The model's orders for each name, or nothing where it refused."""
    if model["refusal"]:
        return []
    of_name = {one["name"]: one["conversions"] for one in model["names"]}
    paid = "" if model["model"] in result["rules"] else " (reports only)"
    return [
        model["title"] + paid,
        *(_figure(of_name.get(name)) for name in names),
        _figure(model["baseline"]["conversions"]),
    ]


def _figure(figure: dict[str, float] | None) -> str:
    return "–" if figure is None else f"{figure['estimate']:.1f} ({figure['low']:.1f} – {figure['high']:.1f})"
