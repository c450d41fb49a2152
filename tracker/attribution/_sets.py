"""Journeys as sets: which distinct names each path touched, with paths of equal sets together.

Sets are told apart exactly, by the numbers of their members, however many names there are; nothing is hashed and no
name is compared by its letters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.attribution import _columns
from tracker.attribution._paths import Paths

Figures = NDArray[np.float64]
Indices = NDArray[np.int64]

# Sums of different powers of two below this one are exact in float64, in which bincount adds.
_EXACT_BITS = 50


@dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """g distinct sets with k members in all, and the sums over the journeys of each.

    Member `codes[j]` (a name) is in set `rows[j]`; rows ascend. `labels` (n) is the set of each path. `journeys`,
    `conversions` and `value` (g) are sums over paths. The empty set is among them if a path has no touches.
    """

    rows: Indices
    codes: Indices
    labels: Indices
    journeys: Figures
    conversions: Figures
    value: Figures

    def __len__(self) -> int:
        return len(self.journeys)


def sizes(paths: Paths, rows: Indices) -> Indices:
    """How many distinct names each path has (n), from the rows of `_columns.distinct`."""
    return np.bincount(rows, minlength=len(paths))


def within(paths: Paths) -> Figures:
    """1/(|S| m_i) for each touch (m): the equal share of its name, in equal parts over that name's touches."""
    rows, codes = _columns.distinct(paths)
    names = max(1, len(paths.names))
    pair = np.searchsorted(rows * names + codes, paths.rows * names + paths.codes)
    times = np.bincount(pair, minlength=len(rows))
    return 1 / (sizes(paths, rows)[paths.rows] * times[pair])


def collect(paths: Paths) -> Sets:
    """The distinct sets of these paths."""
    rows, codes = _columns.distinct(paths)
    labels, first = labelled(rows, codes, len(paths))
    return Sets(*members_of(rows, codes, first), labels, *summed(paths, labels, len(first)))


def summed(paths: Paths, labels: Indices, groups: int) -> tuple[Figures, Figures, Figures]:
    """Journeys, conversions and value of each group of paths."""
    conversions = totals(labels, paths.conversions, groups)
    return conversions + totals(labels, paths.nulls, groups), conversions, totals(labels, paths.value, groups)


def totals(labels: NDArray[np.integer[Any]], figures: Figures, count: int) -> Figures:
    """The sum of the figures with each of the labels 0 … count − 1."""
    return np.bincount(labels, figures, count).astype(np.float64, copy=False)


def labelled(rows: Indices, codes: Indices, count: int) -> tuple[Indices, Indices]:
    """For each of `count` rows the number of its set of codes (count), and for each set a row that has it (g).

    Blocks of names are packed into the bits of one integer beside the number of the set so far.
    """
    labels, first = np.zeros(count, dtype=np.int64), np.zeros(min(count, 1), dtype=np.int64)
    width = min(_EXACT_BITS, 62 - count.bit_length())
    for start in range(0, int(codes.max(initial=-1)) + 1, width):
        inside = (codes >= start) & (codes < start + width)
        bits = totals(rows[inside], np.ldexp(1.0, codes[inside] - start), count).astype(np.int64)
        _, first, labels = np.unique(labels << width | bits, return_index=True, return_inverse=True)
    return labels, first


def members_of(rows: Indices, codes: Indices, chosen: Indices) -> tuple[Indices, Indices]:
    """The members of the chosen rows alone, renumbered in the sequence of `chosen`: rows ascending, and codes."""
    starts = np.searchsorted(rows, chosen)
    lengths = np.searchsorted(rows, chosen, side="right") - starts
    offsets = np.cumsum(lengths) - lengths
    taken = np.arange(lengths.sum()) + np.repeat(starts - offsets, lengths)
    return np.repeat(np.arange(len(chosen)), lengths), codes[taken]
