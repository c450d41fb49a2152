"""How a replay looks on a terminal: a bar while it runs, tables when it is done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from tracker.cli import _shared
from tracker.domain import differences
from tracker.domain.differences import Comparison
from tracker.domain.money import decimal_string

_TOTALS = ("currency", "orders", "net", "before", "after", "changed", "newly_attributed", "no_longer_attributed")


@contextmanager
def progress(title: str, size: int) -> Iterator[Callable[[int], object]]:
    """A bar on a person's terminal; what advances it."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415  (a tenth of a second that only bars need)
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task(title, total=size)
        yield lambda done: bar.advance(task, done)


def print_comparison(comparison: Comparison, names: Mapping[str, str]) -> None:
    """Who gains and who loses, and the orders behind it, for people."""
    click.echo(f"{comparison.orders} paid orders, of which {comparison.changed} would be credited otherwise")
    if comparison.waiting:
        click.echo(f"{comparison.waiting} orders wait to be credited and were left out")
    said = differences.as_json(comparison)
    for noun in ("channel", "partner"):
        columns = (noun, "currency", "before", "after", "difference", "orders_gained", "orders_lost")
        _print(f"{noun.capitalize()}s", columns, said[f"{noun}s"], names)
    _print("All", _TOTALS, said["totals"], names)
    if found := comparison.differences():
        rows = [row for one in found for row in _moves(one, names)]
        headings = ("order", "partner", "before", "after", "rule before", "rule after", "why")
        _shared.print_table(headings, rows, title="Orders behind it", right=(2, 3))


def _print(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> None:
    cells = [[names.get(str(row[name]), str(row[name])) for name in columns] for row in rows]
    _shared.print_table(columns, cells, title=title, right=range(1, len(columns)))


def _moves(one: differences.Difference, names: Mapping[str, str]) -> Iterator[list[str]]:
    for move in one.moves:
        before, after = (
            "–" if amount is None else f"{decimal_string(amount, one.currency)} {one.currency}"
            for amount in (move.before, move.after)
        )
        name = f"{names.get(move.partner_id, move.partner_id)} ({move.channel})"
        yield [one.number, name, before, after, one.rule_before, one.rule_after, move.why]
