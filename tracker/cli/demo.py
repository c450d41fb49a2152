"""`tracker demo`: four weeks of a brand with influencers and affiliates in a minute, then the pages to look at."""

from __future__ import annotations

import sys
import time
from contextlib import closing, suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tracker.demo import cast, office, plans, stage, story, verdict
from tracker.demo.player import Player, Record
from tracker.demo.stage import Api, Stage
from tracker.errors import TrackerError


def register(root: click.Group) -> None:
    """Add the `demo` command."""
    root.add_command(demo)


class Unreconciled(TrackerError):
    """The service's figures are not the story's."""


@click.command(short_help="Four weeks of sample traffic, in a minute.")
@click.option("--state", type=click.Path(path_type=Path), default=Path("demo-state"), show_default=True,
              help="The demo's own folder, emptied at every start.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(1, 600), default=45.0, show_default=True, help="How long to play.")
@click.option("--size", type=click.FloatRange(0.01, 10), default=1.0, show_default=True, help="How much traffic.")
@click.option("--serve/--no-serve", default=True, show_default=True, help="Leave the pages running afterwards.")
def demo(state: Path, seconds: float, size: float, serve: bool) -> None:
    """Play four weeks of sample traffic through a fresh installation and show what it makes of them.

    Every click is a real request for /r/<slug>, every order a signed webhook; nothing is written behind the service's
    back. Folder, Redis and database are the demo's own; no other installation is touched.
    """
    console = Console(width=None if sys.stdout.isatty() else 110)
    began = time.monotonic()
    console.print(f"[bold]Starting[/] web, workers, scheduler and Redis in {state}")
    with stage.stage(state, seconds) as running, closing(running.wire()) as wire:
        brand_id, key = stage.open_brand(running)
        api = Api(wire, key)
        script = story.write(size=size)
        scenery = stage.furnish(running, api, brand_id)
        office.plan(api, scenery)
        record = _play(console, running, scenery, script)
        _reconcile(console, running, api, script, record)
        office.keep_books(running, scenery, script, record)
        _report(console, running, api, script, record)
        console.print(f"[dim]{time.monotonic() - began:.0f} seconds in all[/]")
        if serve:
            _serve(console, running)


def _play(console: Console, running: Stage, scenery: stage.Scenery, script: story.Story) -> Record:
    until = stage.caught_up(running.clock)
    with _progress(console) as progress:
        task = progress.add_task(f"Four weeks of {cast.BRAND}", total=len(script.acts), unit="visits and webhooks")
        return Player(running, scenery, script, lambda count: progress.advance(task, count)).play(until)


def _reconcile(console: Console, running: Stage, api: Api, script: story.Story, record: Record) -> None:
    orders = len(script.purchases)
    with _progress(console) as progress, closing(running.ledger()) as ledger:
        total = record.answered_clicks + orders
        task = progress.add_task("Reconciling", total=total, unit="clicks and orders")
        reconciled = verdict.wait_until_reconciled(
            ledger,
            record,
            orders,
            lambda now: progress.update(task, completed=max(0, now.clicks + now.orders - now.waiting)),
        )
        progress.update(task, completed=total)
    complaints = verdict.complaints(api, script, record, reconciled)
    for complaint in complaints[:20]:
        console.print(f"[red]✗[/] {complaint}")
    if complaints:
        raise Unreconciled(f"{len(complaints)} things are not as they were played; see {running.log}")


def _report(console: Console, running: Stage, api: Api, script: story.Story, record: Record) -> None:
    """Print what the service made of it: the two channels side by side, then every partner."""
    clock = running.clock
    assert clock.origin is not None
    first_day = (clock.origin - clock.behind - timedelta(days=7)).date()
    console.print(
        f"\n[green]✓[/] {record.answered_clicks:,} clicks answered, each one row; {record.deliveries:,} webhooks sent, "
        f"{len(record.distinct):,} of them distinct, {len(script.purchases):,} orders, every figure as the shops said\n"
    )
    for name in ("channels", "partners"):
        console.print(_table(api.get(f"/api/v1/reports/{name}?from={first_day}")))


_SHOWN = ("channel", "partner", "revenue", "share", "orders", "closed", "opened", "assisted", "both", "clicks", "cvr")


def _table(report: dict[str, Any]) -> Table:
    """A report as a table for the terminal: the columns that fit into a line."""
    table = Table(title=report["title"], title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    shown = [column for column in report["columns"] if column["key"] in _SHOWN]
    for column in shown:
        table.add_column(column["title"], justify="left" if column["kind"] in ("text", "word") else "right")
    for row in report["rows"]:
        table.add_row(*(_cell(row[column["key"]], column["kind"]) for column in shown))
    return table


def _cell(value: Any, kind: str) -> str:
    if value is None:
        return "–"
    if kind == "percent":
        return f"{value:.1%}"
    if kind == "money":
        return f"{Decimal(value):,}"
    return f"{value:,}" if kind == "integer" else str(value)


def _serve(console: Console, running: Stage) -> None:
    """Say where to look and as whom, and leave the pages running until Ctrl-C."""
    url = running.settings.public_url
    console.print(f"\nThe overview:        [bold]{url}/[/]   {stage.SIGN_IN} (owner)", highlight=False)
    for email, role, partner in plans.PEOPLE:
        if partner:
            console.print(f"A partner's page:    [bold]{url}/partner[/]   {email} ({partner})", highlight=False)
        else:
            console.print(f"As somebody else:    {email} ({role})", highlight=False)
    console.print(f"Everybody's password: [bold]{stage.PASSWORD}[/] (of the demo alone)", highlight=False)
    console.print(f"The log:             {running.log}", highlight=False)
    console.print(f"Try also:            TRACKER_STATE={running.settings.state} TRACKER_DEMO=1 tracker orders",
                  highlight=False)  # fmt: skip
    console.print("Ctrl-C stops it all.")
    with suppress(KeyboardInterrupt):
        running.process.wait()
    console.print("\nstopping")


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<28}"),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TimeElapsedColumn(),
        console=console,
    )
