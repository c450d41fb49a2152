"""A benchmark is a figure of the market that a brand holds itself against, entered by hand with its source."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, StringConstraints
from sqlalchemy import ColumnElement

from tracker.catalog import Desk
from tracker.catalog.fields import Input, ListQuery, Name, Output, Page, ShortText, lower
from tracker.catalog.goals import MetricField, Target
from tracker.domain.ids import new_id
from tracker.domain.objectives import MEASURES, Metric, Unit, amount_of, text_of
from tracker.domain.tiers import Tier
from tracker.errors import BadInput
from tracker.ledger import catalog
from tracker.ledger.tables import Benchmark, Brand

TierField = Annotated[Tier, BeforeValidator(lower)]
Source = Annotated[Name, StringConstraints(max_length=200)]


class NewBenchmark(Input):
    """A benchmark to be. `value` is in the metric's unit; `source` says who published it, where and when."""

    metric: MetricField
    value: Target
    source: Source
    network: ShortText | None = None
    tier: TierField | None = None


class BenchmarkQuery(ListQuery):
    """Which benchmarks."""

    metric: MetricField | None = None


class BenchmarkView(Output):
    """A benchmark. `value` is a decimal string in `unit`; of an amount of money in `currency`."""

    id: str
    metric: Metric
    unit: Unit
    value: str
    currency: str | None
    network: str | None
    tier: Tier | None
    source: str
    created_at: datetime


class RemovedBenchmark(Output):
    """A benchmark that was taken back."""

    id: str
    removed: bool = True


def add(desk: Desk, wanted: NewBenchmark) -> BenchmarkView:
    """Enter a benchmark. Raises BadInput for a value that is none of the metric's unit."""
    brand = catalog.brand_by_id(desk.session, desk.brand_id)
    benchmark = Benchmark(
        id=new_id(),
        brand_id=desk.brand_id,
        metric=wanted.metric,
        value=_value(wanted, brand),
        network=wanted.network,
        tier=wanted.tier,
        source=wanted.source,
        created_at=desk.now,
    )
    desk.session.add(benchmark)
    desk.session.flush()
    return _view(benchmark, brand)


def remove(desk: Desk, benchmark_id: str) -> RemovedBenchmark:
    """Take a benchmark back. Raises NotFound."""
    benchmark = catalog.one(desk.session, Benchmark, desk.brand_id, benchmark_id, lock=True)
    desk.session.delete(benchmark)
    desk.session.flush()
    return RemovedBenchmark(id=benchmark.id)


def one(desk: Desk, benchmark_id: str) -> BenchmarkView:
    """The brand's benchmark of that id. Raises NotFound."""
    benchmark = catalog.one(desk.session, Benchmark, desk.brand_id, benchmark_id)
    return _view(benchmark, catalog.brand_by_id(desk.session, desk.brand_id))


def page(desk: Desk, query: BenchmarkQuery) -> Page[BenchmarkView]:
    """A page of the brand's benchmarks."""
    conditions: list[ColumnElement[bool]] = [Benchmark.metric == query.metric] if query.metric else []
    rows, further = catalog.page(
        desk.session, Benchmark, desk.brand_id, after=query.cursor, limit=query.limit, conditions=conditions
    )
    brand = catalog.brand_by_id(desk.session, desk.brand_id)
    return Page[BenchmarkView](data=[_view(row, brand) for row in rows], next_cursor=further)


def _value(wanted: NewBenchmark, brand: Brand) -> str:
    try:
        return text_of(amount_of(wanted.value, wanted.metric, brand.currency), wanted.metric, brand.currency)
    except ValueError as error:
        raise BadInput("value", str(error)) from None


def _view(benchmark: Benchmark, brand: Brand) -> BenchmarkView:
    metric = Metric(benchmark.metric)
    unit = MEASURES[metric].unit
    return BenchmarkView(
        id=benchmark.id,
        metric=metric,
        unit=unit,
        value=benchmark.value,
        currency=brand.currency if unit is Unit.MONEY else None,
        network=benchmark.network,
        tier=Tier(benchmark.tier) if benchmark.tier else None,
        source=benchmark.source,
        created_at=benchmark.created_at,
    )
