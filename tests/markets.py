"""Markets whose truth is planted: every path that can be walked, how often it is, and what it does to the buyer.

A small market is enumerated, so that the truth is a sum and not itself a simulation; only its journeys are drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from tracker.attribution._paths import Customers, Paths

Figures = NDArray[np.float64]
Path = tuple[int, ...]

# The value of an order, minor units: its mean, and its standard deviation.
MEAN_VALUE, DEVIATION = 5000.0, 2500.0


def sigmoid(odds: Figures | float) -> Figures:
    return np.asarray(1 / (1 + np.exp(-np.asarray(odds, dtype=np.float64))))


def paths_of(
    walked: Sequence[Path],
    conversions: Sequence[float] | Figures,
    nulls: Sequence[float] | Figures,
    *,
    names: Sequence[str] = "ABCDEFGH",
    value: Sequence[float] | Figures | None = None,
) -> Paths:
    """Paths from tuples of name numbers; each order is worth 100 unless `value` says otherwise."""
    counts = np.asarray(conversions, dtype=np.float64)
    worth = counts * 100 if value is None else np.asarray(value, dtype=np.float64)
    return Paths(
        names=tuple(names),
        codes=np.array([code for path in walked for code in path], dtype=np.int32),
        offsets=np.concatenate(([0], np.cumsum([len(path) for path in walked], dtype=np.int64))).astype(np.int64),
        conversions=counts,
        value=worth,
        nulls=np.asarray(nulls, dtype=np.float64),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """All paths (n) of a market: how likely each is, and how likely an order is after it.

    `increments` (c) and `baseline` are the planted truth for one journey: the Aumann–Shapley parts of the probability
    of an order, None in worlds where there is no such sum.
    """

    names: tuple[str, ...]
    walked: tuple[Path, ...]
    frequency: Figures
    chance: Figures
    increments: Figures
    baseline: float

    def drawn(self, journeys: int, seed: int) -> Paths:
        """So many journeys, with orders of scattered values."""
        dice = np.random.default_rng(seed)
        counts = dice.multinomial(journeys, self.frequency)
        orders = dice.binomial(counts, self.chance).astype(np.float64)
        return self._paths(orders, counts - orders, dice)

    def expected(self, journeys: float) -> Paths:
        """What so many journeys come to on average."""
        orders = journeys * self.frequency * self.chance
        return self._paths(orders, journeys * self.frequency - orders, None)

    def of_customers(self, customers: int, journeys: int, seed: int) -> tuple[Paths, Customers]:
        """Customers who each walk one path, and end it alike, so many times: as clustered as can be."""
        once = self.drawn(customers, seed)
        many = replace(
            once,
            conversions=once.conversions * journeys,
            nulls=once.nulls * journeys,
            value=once.conversions * journeys * MEAN_VALUE,
            squares=once.conversions * journeys * MEAN_VALUE**2,
        )
        paths = np.arange(len(once))
        ends = np.repeat([0.0, float(journeys)], len(once))
        bundles = Customers(
            counts=np.concatenate((once.conversions, once.nulls)),
            offsets=np.arange(2 * len(once) + 1),
            paths=np.concatenate((paths, paths)),
            conversions=ends[::-1].copy(),
            nulls=ends,
        )
        return many, bundles

    def _paths(self, orders: Figures, nulls: Figures, dice: np.random.Generator | None) -> Paths:
        scatter = 0.0 if dice is None else DEVIATION * np.sqrt(orders) * dice.standard_normal(len(orders))
        drawn = paths_of(self.walked, orders, nulls, names=self.names, value=orders * MEAN_VALUE + scatter)
        ages = np.concatenate([np.arange(len(path), 0, -1.0) for path in self.walked])
        return replace(drawn, ages=ages, squares=orders * (MEAN_VALUE**2 + DEVIATION**2))


def market(
    slopes: Sequence[float],
    *,
    intercept: float = -3.0,
    longest: int = 3,
    untouched: float = 0.2,
    extra: Callable[[Path], float] = lambda _path: 0.0,
) -> Market:
    """The logit world: log odds of an order are `intercept`, and a slope for each distinct name touched.

    Paths of every length up to `longest` are as frequent as each other, names by Zipf's law; `untouched` of all
    journeys touch nothing. `extra` is what a path adds to the log odds against the rules of the logit.
    """
    effect = np.asarray(slopes, dtype=np.float64)
    zipf = 1 / np.arange(1, len(effect) + 1)
    zipf /= zipf.sum()
    walked: list[Path] = [()]
    frequency = [untouched]
    for length in range(1, longest + 1):
        for path in product(range(len(effect)), repeat=length):
            walked.append(path)
            frequency.append((1 - untouched) / longest * float(np.prod(zipf[list(path)])))
    touched = np.array([[code in path for code in range(len(effect))] for path in walked], dtype=np.float64)
    odds = intercept + touched @ effect
    likely = np.array(frequency)
    return Market(
        names=tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(effect)]),
        walked=tuple(walked),
        frequency=likely / likely.sum(),
        chance=sigmoid(odds + [extra(path) for path in walked]),
        increments=likely @ _parts(touched * effect, intercept),
        baseline=float(sigmoid(intercept)),
    )


def _parts(terms: Figures, intercept: float) -> Figures:
    """The Aumann–Shapley parts of σ(b + Σ terms) − σ(b), by 200 steps of the integral along the straight line.

    Not the closed form, which is under test.
    """
    steps = (np.arange(200) + 0.5) / 200
    odds = intercept + steps[:, None] * terms.sum(axis=1)
    slope = (sigmoid(odds) * (1 - sigmoid(odds))).mean(axis=0)
    return np.asarray(terms * slope[:, None])


def mixed(first: Market, second: Market, share: float) -> Market:
    """Two kinds of people in one market, whom no journey tells apart; the truth is the sum of theirs."""
    frequency = (1 - share) * first.frequency + share * second.frequency
    orders = (1 - share) * first.frequency * first.chance + share * second.frequency * second.chance
    return replace(
        first,
        frequency=frequency,
        chance=np.where(frequency > 0, orders / np.where(frequency > 0, frequency, 1.0), 0.0),
        increments=(1 - share) * first.increments + share * second.increments,
        baseline=(1 - share) * first.baseline + share * second.baseline,
    )


def total_variation(one: Figures, other: Figures) -> float:
    """Half the sum of the differences of two sets of shares."""
    return float(np.abs(one / one.sum() - other / other.sum()).sum() / 2)
