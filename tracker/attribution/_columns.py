"""What the models share that work on whole columns of paths: where paths begin and end, and whom their figures go to.

Touches are indices into `paths.codes`, figures are one for each path (n), for each touch (m) or for each name (c).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from tracker.attribution._paths import Paths, Shares

Figures = NDArray[np.float64]
Indices = NDArray[np.int64]


# What a rule looks at of paths that are still in use: every rule looks at the same.
_BRINGING: WeakKeyDictionary[Paths, Paths] = WeakKeyDictionary()


def bringing(paths: Paths) -> Paths:
    """The paths that brought conversions or value: all that a rule need look at, and mostly a small part."""
    known = _BRINGING.get(paths)
    if known is not None:
        return known
    kept = (paths.conversions != 0) | (paths.value != 0)
    if kept.all():
        return paths
    touches = per_touch(paths, kept)
    found = Paths(
        names=paths.names,
        codes=paths.codes[touches],
        offsets=np.concatenate([[0], np.cumsum(paths.lengths[kept])]),
        conversions=paths.conversions[kept],
        value=paths.value[kept],
        nulls=paths.nulls[kept],
        ages=None if paths.ages is None else paths.ages[touches],
    )
    _BRINGING[paths] = found
    return found


def by_spelling(paths: Paths) -> Paths:
    """The same paths with their names in the sequence of the alphabet."""
    sequence = np.argsort(np.array(paths.names, dtype=object), kind="stable")
    places = np.argsort(sequence).astype(paths.codes.dtype)
    return replace(paths, names=tuple(paths.names[one] for one in sequence), codes=places[paths.codes])


def touched(paths: Paths) -> NDArray[np.bool_]:
    """For each path whether it has a touch (n)."""
    return paths.lengths > 0


def firsts(paths: Paths) -> Indices:
    """The first touch of each path that has one."""
    return paths.offsets[:-1][touched(paths)]


def lasts(paths: Paths) -> Indices:
    """The last touch of each path that has one."""
    return paths.offsets[1:][touched(paths)] - 1


def per_touch(paths: Paths, figures: NDArray[Any]) -> NDArray[Any]:
    """The figure of its path for each touch (m)."""
    return np.repeat(figures, paths.lengths)


def by_name(paths: Paths, codes: NDArray[np.integer[Any]], figures: Figures) -> Figures:
    """The sum of the figures for each name (c); `codes` says whose each figure is."""
    return np.bincount(codes, figures, len(paths.names)).astype(np.float64, copy=False)


def sums(paths: Paths, figures: Figures) -> Figures:
    """For each path the sum of its touches' figures (n), 0 for a path without touches."""
    return np.bincount(paths.rows, figures, len(paths)).astype(np.float64, copy=False)


def least(paths: Paths, figures: Figures) -> Figures:
    """For each path the least of its touches' figures (n), 0 for a path without touches."""
    found = np.zeros(len(paths))
    if len(figures):
        found[touched(paths)] = np.minimum.reduceat(figures, firsts(paths))
    return found


def distinct(paths: Paths) -> tuple[Indices, Indices]:
    """Each path with each name that it touches, once: the paths, in order, and the names."""
    names = max(1, len(paths.names))
    pairs = np.sort(paths.rows * names + paths.codes)
    fresh = np.ones(len(pairs), bool)
    fresh[1:] = pairs[1:] != pairs[:-1]
    return np.divmod(pairs[fresh], names)


def baseline(paths: Paths) -> tuple[float, float]:
    """What came without any touch: conversions and value."""
    direct = ~touched(paths)
    return float(paths.conversions[direct].sum()), float(paths.value[direct].sum())


def credited(
    paths: Paths, codes: NDArray[np.integer[Any]], owners: NDArray[Any], weights: Figures | float = 1.0
) -> Shares:
    """Shares where name `codes[j]` gets `weights[j]` of what path `owners[j]` brought; the rest as in `Shares`."""
    conversions, value = baseline(paths)
    return Shares(
        conversions=by_name(paths, codes, paths.conversions[owners] * weights),
        value=by_name(paths, codes, paths.value[owners] * weights),
        baseline_conversions=conversions,
        baseline_value=value,
    )


def weighed(paths: Paths, weights: Figures) -> Shares:
    """Shares where each touch gets `weights` (m) of what its path brought."""
    conversions, value = baseline(paths)
    return Shares(
        conversions=by_name(paths, paths.codes, per_touch(paths, paths.conversions) * weights),
        value=by_name(paths, paths.codes, per_touch(paths, paths.value) * weights),
        baseline_conversions=conversions,
        baseline_value=value,
    )
