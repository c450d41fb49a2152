"""A journey is a walk over grams, runs of up to `order` names; what a name is worth is what is lost without it.

The chain is the one of Anderl, Becker, v. Wangenheim and Schumann, "Mapping the customer journey", IJRM 33(3), 2016:
states are the grams that were seen, a path of L touches walks max(1, L − order + 1) of them (equal ones in a row are
one), and from its last gram it goes to an order or to nothing. Without a name, whoever would come to a gram that holds
it goes to nothing. All of it is solved, none of it simulated.

It is solved looking back. From a gram that journeys came to w times, the step before was another gram or the start,
each with its part of w; so the probability to have come there without ever meeting a name is linear in those of the
grams before. What the name loses us is its complement, weighed by what journeys brought that ended there: conversions
and value from one solution, and one of the same form as the walk forward, since as many leave a gram as came.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import linalg

from tracker.attribution import _columns
from tracker.attribution._columns import Figures, Indices
from tracker.attribution._paths import Paths, Shares

# A dense inverse of so many names is a matter of seconds; more of them want grouping.
MOST_NAMES = 3000

# What is lost without a name is right to this part of the whole, or better: the bound that is tested is a true one.
_PRECISION = 1e-9

# How often to sweep before the bound is looked at again.
_BETWEEN_BOUNDS = 3

# Chains that need more sweeps than this (their journeys hardly ever end) are solved by factorisation.
_MOST_SWEEPS = 600

# How many figures of a block of names are worked on at once: few enough for a processor's cache.
_BLOCK = 1 << 18


@dataclass(frozen=True)
class Chain:
    """A chain of g grams over c names, in counts. Grams ascend by their newest name.

    Journeys came to a gram `came` (g) times; the part `opened` of these began there, and `back[t, s]` of those to t
    came from s. Those that ended at a gram `brought` (g × 2) conversions and value. `newest` (g) is the last name of a
    gram. Gram `held_grams[j]` holds the name `held_names[j]`, which ascend.
    """

    names: int
    back: sparse.csr_array
    opened: Figures
    came: Figures
    brought: Figures
    newest: Indices
    held_grams: Indices
    held_names: Indices

    @cached_property
    def reach(self) -> Figures:
        """The part of all conversions and of all value, signs left out, that is still to come after a gram, summed over
        the journeys that come by: how much an error there can matter at most (g × 2)."""
        ahead = self.back.T.tocsr()
        now: Figures = np.abs(self.brought) / np.maximum(np.abs(self.brought).sum(axis=0), np.finfo(float).tiny)
        reach = now.copy()
        while now.max() > 1e-12:
            now = ahead @ now
            reach += now
        return reach


def shares(paths: Paths, order: int) -> Shares:
    """The removal effect of each name, and what the paths brought in proportion to it. Raises ValueError."""
    _refuse(paths)
    conversions, value = _columns.baseline(paths)
    lost = lost_without(chain(paths, order), order)
    total = paths.conversions.sum() - conversions
    return Shares(
        conversions=_in_proportion(lost[:, 0], total),
        value=_in_proportion(lost[:, 1], paths.value.sum() - value),
        removal_effect=lost[:, 0] / total if total else np.zeros(len(paths.names)),
        baseline_conversions=conversions,
        baseline_value=value,
    )


def chain(paths: Paths, order: int) -> Chain:
    """The chain of the journeys along these paths, those without touches left out.

    Raises ValueError for value on a path that ends where no journey came by.
    """
    keys, rows, final = _grams(paths, order)
    grams, at = np.unique(keys, return_inverse=True)
    walked = (paths.conversions + paths.nulls)[rows]
    came = _sums(at, walked, len(grams))
    ends = [_sums(at[final], figures[rows[final]], len(grams)) for figures in (paths.conversions, paths.value)]
    brought, seen = np.stack(ends, 1), came > 0
    if brought[~seen].any():
        raise ValueError("markov: there is value on a path along which no journey is counted")
    first = np.roll(final, 1)
    base = len(paths.names) + 1
    held_grams, held_names = _held(grams[seen], order, base)
    return Chain(
        names=len(paths.names),
        back=_steps(at, walked, final, came),
        opened=(_sums(at[first], walked[first], len(grams))[seen] / came[seen]),
        came=came[seen],
        brought=brought[seen],
        newest=grams[seen] // base ** (order - 1) - 1,
        held_grams=held_grams,
        held_names=held_names,
    )


def lost_without(walked: Chain, order: int) -> Figures:
    """How much less there would be without a name: conversions and value for each (c × 2)."""
    if order == 1:
        return _lost_at_once(walked)
    coarse = Coarse.of(walked)
    lost = np.zeros((walked.names, 2))
    frequent = np.argsort(-coarse.mass, kind="stable")
    held = frequent[np.isin(frequent, walked.held_names)]
    width = max(1, min(64, _BLOCK // max(1, len(walked.came))))
    for begin in range(0, len(held), width):
        names = held[begin : begin + width]
        lost[names] = walked.brought.sum(axis=0) - _unmet(walked, coarse, names).T @ walked.brought
    return lost


def _lost_at_once(walked: Chain) -> Figures:
    """With N the inverse of I − back, N_ti / N_ii is the probability to have met i before t: grams are names here."""
    inverse = np.linalg.inv(np.eye(len(walked.came)) - walked.back.toarray())
    lost = np.zeros((walked.names, 2))
    lost[walked.newest] = (inverse / inverse.diagonal()).T @ walked.brought
    return lost


@dataclass(frozen=True)
class Coarse:
    """The chain with grams merged by their newest name, which nearly knows the answer: a first guess, and a hand to
    the sweeps. `inverse` is of I − its `back` (c × c), `mass` (c) how often journeys came by a name, and `mean`
    (c × g) takes the mean of a figure over the grams of a name."""

    inverse: Figures
    mass: Figures
    mean: sparse.csr_array

    @classmethod
    def of(cls, walked: Chain) -> Coarse:
        grams = np.arange(len(walked.came))
        mass = _sums(walked.newest, walked.came, walked.names)
        shape = (walked.names, len(grams))
        mean = sparse.csr_array((walked.came / mass[walked.newest], (walked.newest, grams)), shape=shape)
        members = sparse.csr_array((np.ones(len(grams)), (grams, walked.newest)), shape=shape[::-1])
        return cls(np.linalg.inv(np.eye(walked.names) - (mean @ walked.back @ members).toarray()), mass, mean)

    def unmet(self, names: Indices) -> Figures:
        """The probability never to have met the name of the column (c × b)."""
        return 1 - self.inverse[:, names] / self.inverse[names, names]

    def beyond(self, rest: Figures, names: Indices) -> Figures:
        """What `rest` (c × b) leads to beyond itself, where the name of the column is never met (c × b)."""
        led = self.inverse @ rest
        led -= self.inverse[:, names] * (led[names, np.arange(len(names))] / self.inverse[names, names])
        return led - rest


def _unmet(walked: Chain, coarse: Coarse, names: Indices) -> Figures:
    """The probability to have come to a gram without ever having met the name of the column (g × b).

    Sweeps u ← opened + back u over the grams without the name, each followed by the coarse chain's answer to the change
    as long as that helps.
    """
    met, by_newest = _met(walked, names), np.bincount(walked.newest, minlength=walked.names)
    unmet = np.repeat(coarse.unmet(names), by_newest, axis=0)
    unmet[met] = 0
    swept: Figures
    bound, helps = np.inf, True
    for sweep in range(_MOST_SWEEPS):
        swept = walked.back @ unmet
        swept += walked.opened[:, None]
        swept[met] = 0
        unmet -= swept
        if sweep % _BETWEEN_BOUNDS == 0:
            former, bound = bound, _bound(walked, unmet)
            if bound < _PRECISION:
                return swept
            helps = helps and bound < former
        if helps:
            change = coarse.beyond(coarse.mean @ unmet, names)
            swept -= np.repeat(change, by_newest, axis=0)
            swept[met] = 0
        unmet = swept
    return np.stack([_unmet_solved(walked, name) for name in names], 1)


def _bound(walked: Chain, change: Figures) -> float:
    """Which part of the whole the change of a sweep can at most be wrong by, for the worst name."""
    return float((walked.reach.T @ np.abs(change)).max())


def _unmet_solved(walked: Chain, name: int) -> Figures:
    """The same for one name, by factorisation."""
    kept = np.ones(len(walked.came), bool)
    kept[walked.held_grams[walked.held_names == name]] = False
    unmet = np.zeros(len(kept))
    if kept.any():
        system = sparse.eye_array(int(kept.sum())) - walked.back[kept][:, kept]
        unmet[kept] = linalg.splu(system.tocsc()).solve(walked.opened[kept])
    return unmet


def _met(walked: Chain, names: Indices) -> tuple[Indices, Indices]:
    """Where in a block (g × b) a gram holds the name of the column."""
    begins, ends = (np.searchsorted(walked.held_names, names, side) for side in ("left", "right"))
    grams = [walked.held_grams[begin:end] for begin, end in zip(begins, ends, strict=True)]
    return np.concatenate(grams), np.repeat(np.arange(len(names)), ends - begins)


def _grams(paths: Paths, order: int) -> tuple[Indices, Indices, NDArray[np.bool_]]:
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
    fresh = np.ones(len(rows), bool)
    fresh[1:] = (keys[1:] != keys[:-1]) | (rows[1:] != rows[:-1])
    keys, rows = keys[fresh], rows[fresh]
    final = np.ones(len(rows), bool)
    final[:-1] = rows[1:] != rows[:-1]
    return keys, rows, final


def _steps(at: Indices, walked: Figures, final: NDArray[np.bool_], came: Figures) -> sparse.csr_array:
    """Of those who came to a gram (row), the part that came from another (column); grams nobody came to left out."""
    before = np.flatnonzero(~final & (walked > 0))
    number = np.cumsum(came > 0) - 1
    parts = walked[before] / came[at[before + 1]]
    grams = int((came > 0).sum())
    return sparse.csr_array((parts, (number[at[before + 1]], number[at[before]])), shape=(grams, grams))


def _held(grams: Indices, order: int, base: int) -> tuple[Indices, Indices]:
    """Every gram with every name that it holds, names ascending."""
    digits = np.stack([grams // base**back % base for back in range(order)])
    _, held = np.nonzero(digits)
    names = digits[digits > 0] - 1
    ascending = np.argsort(names, kind="stable")
    return held[ascending], names[ascending]


def _sums(at: NDArray[Any], figures: Figures, count: int) -> Figures:
    return np.bincount(at, figures, count).astype(np.float64, copy=False)


def _refuse(paths: Paths) -> None:
    if (paths.conversions < 0).any() or (paths.nulls < 0).any():
        raise ValueError("markov: journeys cannot be fewer than none; a refund is a negative value")
    if len(paths.names) > MOST_NAMES:
        raise ValueError(f"markov: {len(paths.names)} names are too many, want at most {MOST_NAMES}: group them")


def _in_proportion(lost: Figures, total: float) -> Figures:
    """The total in proportion to what is lost without each name. Raises ValueError where refunds leave none."""
    whole = float(lost.sum())
    if not total:
        return np.zeros_like(lost)
    if whole * total <= 0:
        raise ValueError("markov: refunds outweigh the sales around them, so that value has no proportion")
    return lost / whole * total
