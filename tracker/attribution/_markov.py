"""What a name is worth is what is lost without it: the removal effect, solved, never simulated.

The chain is the one of Anderl, Becker, v. Wangenheim and Schumann, "Mapping the customer journey", IJRM 33(3), 2016:
states are the grams that journeys walk (`_grams`), and from the last one a journey goes to an order or to nothing.
Without a name, whoever would come to a gram that holds it goes to nothing.

It is solved looking back. From a gram that journeys came to w times, the step before was another gram or the start,
each with its part of w; so the probability to have come there without ever meeting a name is linear in those of the
grams before. What the name loses us is its complement, weighed by what journeys brought that ended there: conversions
and value from one solution, the same figures as from the walk forward, since as many leave a gram as came.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from tracker.attribution import _columns, _grams
from tracker.attribution._columns import Figures, Indices
from tracker.attribution._grams import Chain
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


def prepared(paths: Paths, order: int) -> Callable[[Paths], Shares]:
    """The model for any counts along these paths: the removal effect of each name, and what the paths brought in
    proportion to it. Both raise ValueError."""
    if len(paths.names) > MOST_NAMES:
        raise ValueError(f"markov: {len(paths.names)} names are too many, want at most {MOST_NAMES}: group them")
    walks = _grams.walks(paths, order)
    return lambda counted: _shares(walks, counted, order)


def _shares(walks: _grams.Walks, paths: Paths, order: int) -> Shares:
    if (paths.conversions < 0).any() or (paths.nulls < 0).any():
        raise ValueError("markov: journeys cannot be fewer than none; a refund is a negative value")
    conversions, value = _columns.baseline(paths)
    lost = lost_without(_grams.chain(walks, paths), order)
    total = paths.conversions.sum() - conversions
    return Shares(
        conversions=_in_proportion(lost[:, 0], total),
        value=_in_proportion(lost[:, 1], paths.value.sum() - value),
        removal_effect=lost[:, 0] / total if total else np.zeros(len(paths.names)),
        baseline_conversions=conversions,
        baseline_value=value,
    )


def lost_without(walked: Chain, order: int) -> Figures:
    """How much less there would be without a name: conversions and value for each (c × 2)."""
    if order == 1:
        return _lost_at_once(walked)
    coarse = Coarse.of(walked)
    lost = np.zeros((walked.walks.names, 2))
    frequent = np.argsort(-coarse.mass, kind="stable")
    held = frequent[np.isin(frequent, walked.walks.held_names)]
    width = max(1, min(64, _BLOCK // max(1, len(walked.came))))
    for begin in range(0, len(held), width):
        names = held[begin : begin + width]
        lost[names] = walked.brought.sum(axis=0) - _unmet(walked, coarse, names).T @ walked.brought
    return lost


def _lost_at_once(walked: Chain) -> Figures:
    """With N the inverse of I − back, N_ti / N_ii is the probability to have met i before t: grams are names here."""
    inverse = np.linalg.inv(np.eye(len(walked.came)) - walked.back.toarray())
    lost = np.zeros((walked.walks.names, 2))
    lost[walked.walks.newest] = (inverse / inverse.diagonal()).T @ walked.brought
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
        mass = np.bincount(walked.walks.newest, walked.came, walked.walks.names).astype(np.float64)
        shape = (walked.walks.names, len(grams))
        mean = sparse.csr_array(
            (walked.came / np.maximum(mass, np.finfo(float).tiny)[walked.walks.newest], (walked.walks.newest, grams)),
            shape=shape,
        )
        members = sparse.csr_array((np.ones(len(grams)), (grams, walked.walks.newest)), shape=shape[::-1])
        return cls(np.linalg.inv(np.eye(walked.walks.names) - (mean @ walked.back @ members).toarray()), mass, mean)

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
    met, by_newest = _met(walked, names), np.bincount(walked.walks.newest, minlength=walked.walks.names)
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
    kept[walked.walks.held_grams[walked.walks.held_names == name]] = False
    unmet = np.zeros(len(kept))
    if kept.any():
        system = sparse.eye_array(int(kept.sum())) - walked.back[kept][:, kept]
        unmet[kept] = linalg.splu(system.tocsc()).solve(walked.opened[kept])
    return unmet


def _met(walked: Chain, names: Indices) -> tuple[Indices, Indices]:
    """Where in a block (g × b) a gram holds the name of the column."""
    begins, ends = (np.searchsorted(walked.walks.held_names, names, side) for side in ("left", "right"))
    grams = [walked.walks.held_grams[begin:end] for begin, end in zip(begins, ends, strict=True)]
    return np.concatenate(grams), np.repeat(np.arange(len(names)), ends - begins)


def _in_proportion(lost: Figures, total: float) -> Figures:
    """The total in proportion to what is lost without each name. Raises ValueError where refunds leave none."""
    whole = float(lost.sum())
    if not total:
        return np.zeros_like(lost)
    if whole * total <= 0:
        raise ValueError("markov: refunds outweigh the sales around them, so that value has no proportion")
    return lost / whole * total
