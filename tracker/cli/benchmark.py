"""`tracker benchmark`: figures of the market, entered by hand with their source."""

from __future__ import annotations

import click

from tracker.catalog import benchmarks
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option
from tracker.domain.objectives import Metric
from tracker.domain.tiers import Tier

_COLUMNS = ("id", "metric", "value", "unit", "currency", "network", "tier", "source")


def register(root: click.Group) -> None:
    """Add the `benchmark` commands."""
    root.add_command(benchmark)


@click.group()
def benchmark() -> None:
    """Figures that a brand holds itself against, with who published them."""


@benchmark.command()
@brand_option
@click.option("--metric", required=True, help=f"{', '.join(Metric)}.")
@click.option("--value", required=True, help="5000, 2.50, 2.5 (percent) or 5:1, as the metric is counted.")
@click.option("--source", required=True, help="Who published it, where and when.")
@click.option("--network", help="On one network, such as tiktok.")
@click.option("--tier", help=f"Of one tier: {', '.join(Tier)}.")
@json_option
def add(brand: str | None, as_json: bool, **options: object) -> None:
    """Enter a benchmark."""
    with _shared.writing(brand) as desk:
        view = benchmarks.add(desk, _shared.filled(benchmarks.NewBenchmark, desk, **options))
    _shared.show(view, as_json=as_json)


@benchmark.command("list")
@brand_option
@click.option("--metric", help="Of one metric.")
@json_option
def list_(brand: str | None, metric: str | None, as_json: bool) -> None:
    """List benchmarks."""
    with _shared.reading(brand) as desk:
        query = _shared.filled(benchmarks.BenchmarkQuery, desk, metric=metric)
        views = _shared.all_pages(benchmarks.page, desk, query)
    _shared.show_all(views, _COLUMNS, as_json=as_json)


@benchmark.command()
@click.argument("benchmark")
@brand_option
@json_option
def remove(benchmark: str, brand: str | None, as_json: bool) -> None:
    """Take a benchmark back, by id."""
    with _shared.writing(brand, benchmark) as desk:
        view = benchmarks.remove(desk, benchmark)
    _shared.show(view, as_json=as_json)
