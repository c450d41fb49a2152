"""The logit on touches, its rows, and the split of its probability: the arithmetic of `incremental`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from tracker.attribution import _columns, _logit, _sets
from tracker.attribution._paths import Paths, Shares

Figures = NDArray[np.float64]
Indices = NDArray[np.int64]

# Beyond this each name has too few journeys to be told from the others, and every step would take seconds.
MOST_NAMES = 1000

# Below this difference of log odds the tangent is as exact as the chord, and does not divide by nothing.
_FLAT = 1e-7


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The logit's rows: `labels` (n) is the row of each path, `at`, `codes` and `weights` (k) are the touches z > 0."""

    labels: Indices
    count: int
    at: Indices
    codes: Indices
    weights: Figures

    def counts(self, paths: Paths) -> tuple[_logit.Counts, Figures]:
        """Journeys, conversions and value of each row."""
        journeys, conversions, value = _sets.summed(paths, self.labels, self.count)
        return _logit.Counts(journeys, conversions), value

    def design(self, names: int) -> _logit.Design:
        """What the logit knows of each row."""
        return _logit.Design.of(self.at, self.codes, self.weights, (self.count, names))


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A logit on the paths' rows with its λ; `model` is None where no journey converted at all."""

    rows: Rows
    design: _logit.Design
    ridge: float
    model: _logit.Logit | None

    def refitted(self, paths: Paths) -> Shares:
        """The shares for other counts along the same paths, by a fit of their own with the same λ."""
        counts, _value = self.rows.counts(paths)
        model = (
            _logit.fit(self.design, counts, self.ridge, self.model, _logit.ROUGH) if _logit.learnable(counts) else None
        )
        return Fitted(self.rows, self.design, self.ridge, model).shares(paths)

    def shares(self, paths: Paths) -> Shares:
        """Credits and baseline of these paths under this model."""
        counts, value = self.rows.counts(paths)
        if self.model is None:
            return Shares(np.zeros(len(paths.names)), np.zeros(len(paths.names)), None, 0.0, float(value.sum()))
        model, rows = self.model, self.rows
        linear = model.linear(self.design)
        probability, nobody = expit(linear), float(expit(model.intercept))
        # What one unit of s z adds in each row: the slope of the chord from b to η.
        unit = _chord(linear, probability, model.intercept, nobody)
        gain = model.slopes[rows.codes] * rows.weights * unit[rows.at]

        def split(amounts: Figures) -> tuple[Figures, float]:
            """Each name's part, and the baseline's, of amounts by row, each for a whole journey."""
            return _sets.totals(rows.codes, gain * amounts[rows.at], len(paths.names)), float(amounts.sum()) * nobody

        scale = float(counts.conversions.sum()) / float((counts.journeys * probability).sum())
        credits, baseline = split(counts.journeys * scale)
        worth, worth_anyway = split(value / probability)
        return Shares(credits, worth, None, baseline, worth_anyway)


def fitted(paths: Paths, settings: Mapping[str, str]) -> Fitted:
    """The logit of these paths. Raises ValueError for settings and paths that it cannot work with."""
    if len(paths.names) > MOST_NAMES:
        raise ValueError(f"incremental: {len(paths.names)} names are too many, want at most {MOST_NAMES}: group them")
    rows = rows_of(paths, settings)
    design = rows.design(len(paths.names))
    counts, _value = rows.counts(paths)
    ridge = None if settings["ridge"] == "auto" else float(settings["ridge"])
    if ridge is not None and not ridge > 0:
        raise ValueError("incremental: want a ridge of more than 0, or auto")
    if not counts.conversions.sum():
        return Fitted(rows, design, ridge or _logit.RIDGES[0], None)
    if not _logit.learnable(counts):
        raise ValueError("incremental: want journeys without an order too; from buyers alone nothing can be learned")
    ridge = _logit.choose_ridge(design, counts) if ridge is None else ridge
    return Fitted(rows, design, ridge, _logit.fit(design, counts, ridge))


def rows_of(paths: Paths, settings: Mapping[str, str]) -> Rows:
    """The rows of the features asked for: one for each distinct set, else one for each path. Raises ValueError."""
    kind = settings["features"]
    if kind == "distinct":
        sets = _sets.collect(paths)
        return Rows(sets.labels, len(sets), sets.rows, sets.codes, np.ones(len(sets.rows)))
    if kind == "counts":
        return _by_path(paths, np.ones(len(paths.codes)))
    if kind != "decayed":
        raise ValueError("incremental: want features distinct, counts or decayed")
    half_life = float(settings["half_life_days"])
    if paths.ages is None or not half_life > 0:
        raise ValueError("incremental: decayed features want paths with ages and a half-life of more than nothing")
    return _by_path(paths, np.exp2(-paths.ages / half_life))


def _by_path(paths: Paths, weights: Figures) -> Rows:
    """One row for each path, in which a name weighs the sum of its touches' weights."""
    at, codes = _columns.distinct(paths)
    names = max(1, len(paths.names))
    pair = np.searchsorted(at * names + codes, paths.rows * names + paths.codes)
    return Rows(np.arange(len(paths)), len(paths), at, codes, _sets.totals(pair, weights, len(at)))


def _chord(linear: Figures, probability: Figures, intercept: float, nobody: float) -> Figures:
    """(σ(η) − σ(b))/(η − b), and its limit σ'(b) where η is b."""
    rise = linear - intercept
    flat = np.abs(rise) < _FLAT
    return np.where(flat, nobody * (1 - nobody), (probability - nobody) / np.where(flat, 1.0, rise))
