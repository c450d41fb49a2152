"""How sure a figure is: the same model on the same journeys, had other customers come by (the Poisson bootstrap).

Each customer, with all journeys, is drawn Poisson(1) times, which for more than a few hundred customers is the
bootstrap of Efron 1979 without its fixed sum (Hanley and MacGibbon 2006, "Creating non-parametric bootstrap samples
using Poisson frequencies"). Customers with the same journeys are drawn together, Poisson(count), so a replicate costs
no more than the aggregate is long. Intervals are percentiles of the replicates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tracker.attribution._answers import Stability
from tracker.attribution._paths import Customers, Paths, Shares
from tracker.attribution._shape import Model

Figures = NDArray[np.float64]
Again = Callable[[Paths], Shares]

LEVEL = 0.95


@runtime_checkable
class Prepared(Protocol):
    """What a model may have that is run many times: what the paths alone decide is done once."""

    def prepared(self, paths: Paths, settings: Mapping[str, str]) -> Again:
        """The model for other counts along the same paths. Raises ValueError as `over` does."""


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """The bounds between which a figure lies, for each name (c), or for the baseline (a single one)."""

    low: Figures
    high: Figures


@dataclass(frozen=True, slots=True, eq=False)
class Bootstrap:
    """What a model made of every replicate: figures by replicate and name (r × c), the baseline's by replicate (r)."""

    conversions: Figures
    value: Figures | None
    baseline_conversions: Figures
    baseline_value: Figures

    def stability(self, shares: Shares, ranked: NDArray[np.bool_]) -> Stability | None:
        """How firmly the ranked names (c) stand in their sequence by conversions; None for fewer than two."""
        if ranked.sum() < 2:
            return None
        here = np.argsort(-shares.conversions[ranked], kind="stable")
        there = np.argsort(-self.conversions[:, ranked], axis=1, kind="stable")
        return Stability(float((there[:, 0] == here[0]).mean()), float((there == here).all(axis=1).mean()))


def bootstrap(
    model: Model,
    paths: Paths,
    settings: Mapping[str, str],
    *,
    customers: Customers | None,
    replicates: int = 200,
    seed: int = 1,
) -> Bootstrap:
    """The model on resampled customers, or on resampled journeys where it is not known whose they were.

    Settings that are chosen by the data (the ridge of `incremental`) are those of the data, not chosen again. Raises
    ValueError as the model does.
    """
    again = prepare(model, paths, settings)
    return stacked([again(one) for one in replicas(paths, customers, replicates, seed)])


def prepare(model: Model, paths: Paths, settings: Mapping[str, str]) -> Again:
    """The model as a function of the counts along these paths. Raises ValueError as the model does."""
    if isinstance(model, Prepared):
        return model.prepared(paths, settings)
    return lambda one: model.over(one, settings)


def stacked(shares: Sequence[Shares]) -> Bootstrap:
    """The replicates' shares as arrays."""
    values = [one.value for one in shares]
    return Bootstrap(
        conversions=np.array([one.conversions for one in shares]),
        value=None if any(value is None for value in values) else np.array(values, dtype=np.float64),
        baseline_conversions=np.array([one.baseline_conversions for one in shares]),
        baseline_value=np.array([one.baseline_value for one in shares]),
    )


def interval(draws: Figures, level: float = LEVEL) -> Interval:
    """The middle `level` of the replicates (the first axis)."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Interval(low, high)


def disagreement(shares: Sequence[Shares]) -> tuple[Interval, Interval | None]:
    """For each name the least and the most that any of the models gives it: conversions, and value where all have it.

    At least one model.
    """
    conversions = np.array([one.conversions for one in shares])
    value = stacked(shares).value
    return (
        Interval(conversions.min(axis=0), conversions.max(axis=0)),
        None if value is None else Interval(value.min(axis=0), value.max(axis=0)),
    )


def replicas(paths: Paths, customers: Customers | None, replicates: int, seed: int) -> Iterator[Paths]:
    """The paths with the counts of so many resamples, one at a time; the same for the same seed.

    An order's value is resampled with it. Where the sum of squares is known the value of k orders of a path is drawn
    about k times their mean with the variance that they have: over many paths, as good as drawing the orders.
    """
    dice = np.random.default_rng(seed)
    drawn = _by_journey(paths, dice) if customers is None else _by_customer(paths, customers, dice)
    orders = np.where(paths.conversions > 0, paths.conversions, 1.0)
    mean = paths.value / orders
    squares = None if paths.squares is None else paths.squares / orders
    deviation = None if squares is None else np.sqrt(np.maximum(squares - mean**2, 0.0))
    for _ in range(replicates):
        conversions, nulls = drawn()
        value = conversions * mean
        if deviation is not None:
            value += deviation * np.sqrt(conversions) * dice.standard_normal(len(paths))
        yield replace(
            paths,
            conversions=conversions,
            nulls=nulls,
            value=value,
            squares=None if squares is None else conversions * squares,
        )


def _by_journey(paths: Paths, dice: np.random.Generator) -> Callable[[], tuple[Figures, Figures]]:
    counts = np.concatenate((paths.conversions, paths.nulls))
    some = np.flatnonzero(counts)
    rates = counts[some]

    def drawn() -> tuple[Figures, Figures]:
        resampled = np.zeros(len(counts))
        resampled[some] = dice.poisson(rates)
        return resampled[: len(paths)], resampled[len(paths) :]

    return drawn


def _by_customer(
    paths: Paths, customers: Customers, dice: np.random.Generator
) -> Callable[[], tuple[Figures, Figures]]:
    shape = (len(customers.counts), len(paths))
    conversions, nulls = (
        sparse.csr_array((figures, customers.paths, customers.offsets), shape=shape).T.tocsr()
        for figures in (customers.conversions, customers.nulls)
    )

    def drawn() -> tuple[Figures, Figures]:
        weights = dice.poisson(customers.counts).astype(np.float64)
        return cast("Figures", conversions @ weights), cast("Figures", nulls @ weights)

    return drawn
