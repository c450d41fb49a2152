"""A journey is a walk over grams, runs of up to `order` names: counted once, with whatever counts its path has.

A path of L touches walks max(1, L − order + 1) grams, and equal ones in a row are one. Grams are numbers, whose digits
are names; nothing is joined into a text.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tracker.attribution._columns import Figures, Indices
from tracker.attribution._paths import Paths

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Walks:
    """The grams along paths, whatever their counts: g grams over c names, ascending by their newest name.

    Step j comes to gram `at[j]` on path `of[j]`, path after path; `final[j]` where the path ends there. `arc` is, for
    each step that is not final, which of the different arcs leads on from it; these are the entries of a sparse
    matrix (g × g), `starts` and `sources` in its compressed form: to a gram (row) from another (column). `newest` (g)
    is the last name of a gram. Gram `held_grams[j]` holds the name `held_names[j]`, which ascend.
    """

    names: int
    at: Indices
    of: Indices
    final: Flags
    arc: Indices
    starts: Indices
    sources: Indices
    newest: Indices
    held_grams: Indices
    held_names: Indices

    @cached_property
    def first(self) -> Flags:
        """Where a path begins."""
        return np.roll(self.final, 1)


@dataclass(frozen=True)
class Chain:
    """What journeys did along walks, in counts.

    Journeys came to a gram `came` (g) times; the part `opened` of these began there, and `back[t, s]` of those to t
    came from s. Those that ended at a gram `brought` (g × 2) conversions and value there.
    """

    walks: Walks
    back: sparse.csr_array
    opened: Figures
    came: Figures
    brought: Figures

    @cached_property
    def reach(self) -> Figures:
        """The part of all conversions and of all value, signs left out, that is still to come after a gram, summed over
        the journeys that come by: how much an error there can matter at most (g × 2)."""
        ahead = self.back.T.tocsr()
        now: Figures = np.abs(self.brought) / np.maximum(np.abs(self.brought).sum(axis=0), np.finfo(float).tiny)
        reach = now.copy()
        while now.max(initial=0) > 1e-12:
            now = ahead @ now
            reach += now
        return reach


def walks(paths: Paths, order: int) -> Walks:
    """The grams of `order` names along the paths; those without touches have none."""
    keys, of, final = _keys(paths, order)
    grams, at = np.unique(keys, return_inverse=True)
    before = np.flatnonzero(~final)
    arcs, arc = np.unique(at[before + 1] * len(grams) + at[before], return_inverse=True)
    rows, sources = np.divmod(arcs, max(1, len(grams)))
    base = len(paths.names) + 1
    held_grams, held_names = _held(grams, order, base)
    return Walks(
        names=len(paths.names),
        at=at,
        of=of,
        final=final,
        arc=arc,
        starts=np.searchsorted(rows, np.arange(len(grams) + 1)),
        sources=sources,
        newest=grams // base ** (order - 1) - 1,
        held_grams=held_grams,
        held_names=held_names,
    )


def chain(walks: Walks, paths: Paths) -> Chain:
    """The chain of the journeys that these paths count. Raises ValueError for value where no journey came by."""
    grams = len(walks.newest)
    journeys = (paths.conversions + paths.nulls)[walks.of]
    came = _sums(walks.at, journeys, grams)
    ends, paths_ended = walks.at[walks.final], walks.of[walks.final]
    brought = [_sums(ends, figures[paths_ended], grams) for figures in (paths.conversions, paths.value)]
    if np.stack(brought)[:, came == 0].any():
        raise ValueError("markov: there is value on a path along which no journey is counted")
    once = np.where(came > 0, came, 1)
    steps = _sums(walks.arc, journeys[~walks.final], len(walks.sources))
    parts = steps / np.repeat(once, np.diff(walks.starts))
    return Chain(
        walks=walks,
        back=sparse.csr_array((parts, walks.sources, walks.starts), shape=(grams, grams)),
        opened=_sums(walks.at[walks.first], journeys[walks.first], grams) / once,
        came=came,
        brought=np.stack(brought, 1),
    )


def _keys(paths: Paths, order: int) -> tuple[Indices, Indices, Flags]:
    """The grams of every path, its path, and whether it is its path's last. A gram is a number whose digits are its
    names' codes + 1, the newest leading; equal ones in a row are one."""
    rows, base = paths.rows, len(paths.names) + 1
    position = np.arange(len(rows)) - paths.offsets[:-1][rows]
    digits = paths.codes + np.int64(1)
    keys = digits * base ** (order - 1)
    for back in range(1, order):
        keys[back:] += np.where(position[back:] >= back, digits[:-back], 0) * base ** (order - 1 - back)
    whole = (position >= order - 1) | (position == paths.lengths[rows] - 1)
    keys, rows = keys[whole], rows[whole]
    fresh = _changes(keys) | _changes(rows)
    keys, rows = keys[fresh], rows[fresh]
    return keys, rows, np.roll(_changes(rows), -1)


def _changes(numbers: Indices) -> Flags:
    """Where a number differs from the one before it; the first does."""
    changes = np.ones(len(numbers), bool)
    changes[1:] = numbers[1:] != numbers[:-1]
    return changes


def _held(grams: Indices, order: int, base: int) -> tuple[Indices, Indices]:
    """Every gram with every name that it holds, names ascending."""
    digits = np.stack([grams // base**back % base for back in range(order)])
    _, held = np.nonzero(digits)
    names = digits[digits > 0] - 1
    ascending = np.argsort(names, kind="stable")
    return held[ascending], names[ascending]


def _sums(at: Indices, figures: Figures, count: int) -> Figures:
    return np.bincount(at, figures, count).astype(np.float64, copy=False)
