"""`python -m bench.uncertainty`: what intervals cost and cover, and how near the incremental model comes to the truth.

Journeys of one to thirty touches (3.5 on average) over names by Zipf's law; an order is logistic in the distinct names.
CPU seconds of this process. Coverage: how often the interval from a sample holds what the model makes of the whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from tracker.attribution import _sets, _uncertainty, incremental, linear, markov, shapley
from tracker.attribution._paths import Paths
from tracker.attribution._shape import Model

Figures = NDArray[np.float64]
Indices = NDArray[np.int64]

INTERCEPT, LONGEST, MEAN_TOUCHES = -3.2, 30, 3.5
SAMPLES, SAMPLE = 40, 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Planted:
    """Journeys of a market, and what its touches truly added (c) to what would have sold anyway."""

    paths: Paths
    increments: Figures
    baseline: float


def main() -> None:
    """Measure and print."""
    hundred = planted(100_000, 20, seed=1)
    print("200 replicates, 100k journeys x 20 names, goal <= 3 s:")
    for model in (markov, linear, shapley, incremental):
        seconds = measured(lambda model=model: intervals(model, hundred.paths))  # type: ignore[misc]
        print(f"  {model.NAME:12} {seconds:6.2f} s CPU")
    million = planted(1_000_000, 20, seed=2)
    print(f"coverage over {SAMPLES} samples of {SAMPLE} journeys x 20 names, goal 0.92 to 0.97:")
    for model in (markov, shapley):
        print(f"  {model.NAME:12} {coverage(model, million.paths):6.3f}")
    print("incremental on a planted truth, goals: total variation <= 5 %, baseline within 5 %:")
    for name, market in (("100k x 20", hundred), ("1M x 20", million), ("1M x 200", planted(1_000_000, 200, seed=3))):
        print(f"  {name:12} {accuracy(market)}")


def intervals(model: object, paths: Paths, seed: int = 1) -> _uncertainty.Interval:
    """The intervals of the conversions by 200 replicates."""
    able = cast(Model, model)
    again = _uncertainty.bootstrap(able, paths, able.SETTINGS, customers=None, replicates=200, seed=seed)
    return _uncertainty.interval(again.conversions)


def measured(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def coverage(model: object, whole: Paths) -> float:
    """The share of samples and names whose interval holds the figure of the whole, scaled to the sample."""
    able = cast(Model, model)
    journeys = float(whole.conversions.sum() + whole.nulls.sum())
    truth = able.over(whole, able.SETTINGS).conversions * SAMPLE / journeys
    dice = np.random.default_rng(7)
    counts = np.concatenate((whole.conversions, whole.nulls)) / journeys
    held = []
    for seed in range(SAMPLES):
        drawn = dice.multinomial(SAMPLE, counts).astype(np.float64)
        sample = seen(replace(whole, conversions=drawn[: len(whole)], nulls=drawn[len(whole) :], squares=None))
        found = intervals(model, sample, seed)
        held.append((found.low <= truth) & (truth <= found.high))
    return float(np.mean(held))


def accuracy(market: Planted) -> str:
    """How far the incremental model is from the truth, and what it costs."""
    began = time.process_time()
    found = incremental.over(market.paths, {})
    seconds = time.process_time() - began
    missed = np.abs(found.conversions / found.conversions.sum() - market.increments / market.increments.sum()).sum() / 2
    baseline = found.baseline_conversions / market.baseline - 1
    return f"total variation {missed:5.1%}, baseline {baseline:+5.1%}, {seconds:5.2f} s CPU"


# --- the market -------------------------------------------------------------------------------------------------------


def planted(journeys: int, names: int, seed: int) -> Planted:
    """So many journeys drawn one by one, put together by path."""
    dice = np.random.default_rng(seed)
    lengths = np.minimum(dice.geometric(1 / MEAN_TOUCHES, journeys), LONGEST)
    zipf = 1 / np.arange(1, names + 1)
    codes = dice.choice(names, lengths.sum(), p=zipf / zipf.sum())
    slopes = dice.uniform(0.0, 0.8, names)
    rows = np.repeat(np.arange(journeys), lengths)
    pairs = np.unique(rows * names + codes)
    odds = INTERCEPT + np.bincount(pairs // names, slopes[pairs % names], journeys)
    chance, nobody = 1 / (1 + np.exp(-odds)), 1 / (1 + np.exp(-INTERCEPT))
    chord = (chance - nobody) / (odds - INTERCEPT)
    ordered = dice.random(journeys) < chance
    value = np.where(ordered, np.round(dice.lognormal(8, 0.6, journeys)), 0.0)
    return Planted(
        paths=together(rows, codes, lengths, names, ordered, value),
        increments=_sets.totals(pairs % names, slopes[pairs % names] * chord[pairs // names], names),
        baseline=journeys * float(nobody),
    )


def together(
    rows: Indices, codes: Indices, lengths: Indices, names: int, ordered: NDArray[np.bool_], value: Figures
) -> Paths:
    """Journeys by path, compared exactly, a block of positions at a time."""
    starts = np.cumsum(lengths) - lengths
    position = np.arange(len(codes)) - starts[rows]
    bits = names.bit_length()
    block = (62 - len(lengths).bit_length()) // bits
    labels = np.zeros(len(lengths), dtype=np.int64)
    for begin in range(0, LONGEST, block):
        inside = (position >= begin) & (position < begin + block)
        digits = np.ldexp(codes[inside] + 1.0, bits * (position[inside] - begin))
        packed = np.bincount(rows[inside], digits, len(lengths)).astype(np.int64)
        _, first, labels = np.unique(labels << (bits * block) | packed, return_index=True, return_inverse=True)
    count, sizes = len(first), lengths[first]
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    return Paths(
        names=tuple(f"channel {number}" for number in range(names)),
        codes=codes[np.arange(offsets[-1]) + np.repeat(starts[first] - offsets[:-1], sizes)].astype(np.int32),
        offsets=offsets.astype(np.int64),
        conversions=_sets.totals(labels, ordered.astype(np.float64), count),
        value=_sets.totals(labels, value, count),
        nulls=_sets.totals(labels, (~ordered).astype(np.float64), count),
        squares=_sets.totals(labels, value**2, count),
    )


def seen(paths: Paths) -> Paths:
    """The paths that were walked at all."""
    walked = np.flatnonzero(paths.conversions + paths.nulls)
    sizes = paths.lengths[walked]
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    return replace(
        paths,
        codes=paths.codes[np.arange(offsets[-1]) + np.repeat(paths.offsets[walked] - offsets[:-1], sizes)],
        offsets=offsets,
        conversions=paths.conversions[walked],
        value=np.zeros(len(walked)),
        nulls=paths.nulls[walked],
    )


if __name__ == "__main__":
    main()
