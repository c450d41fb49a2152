"""The rate game: exact over all coalitions while they are few, over seeded permutations when they are not.

Small cells are noise, and a difference of noisy rates is worse. So every rate is drawn towards the overall one, by the
credibility that the spread between the sets deserves (Bühlmann and Straub 1970, "Glaubwürdigkeit für Schadensätze").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.attribution import _sets
from tracker.attribution._paths import Paths, Shares

Figures = NDArray[np.float64]
Indices = NDArray[np.int64]

# 2^24 coalitions are 128 MB for each array, and there are three at a time.
_MOST_EXACT = 24


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """The shares, κ of conversions in journeys, and the standard error of each share of conversions if sampled."""

    shares: Shares
    shrinkage: float
    standard_errors: Figures | None


@dataclass(frozen=True, slots=True, eq=False)
class _Worth:
    """φ and v(∅) as rates, and the standard errors of φ if sampled."""

    gains: Figures
    nobody: float
    errors: Figures | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Stake:
    """What journeys brought, by set, and κ: conversions are one stake, their value is another."""

    sums: Figures
    shrinkage: float


# Both stakes at once: who is within which coalition is the same for them. Journeys by set come first.
_Game = Callable[[Figures, Sequence[_Stake]], list[_Worth]]


def play(paths: Paths, settings: Mapping[str, str]) -> Played:
    """The rate game over these paths. Raises ValueError for settings that it cannot work with."""
    return prepare(paths, settings)(paths)


def prepare(paths: Paths, settings: Mapping[str, str]) -> Callable[[Paths], Played]:
    """The game for any counts along these paths: what depends on the paths alone is done once. Raises ValueError."""
    shrinkage = None if settings["shrinkage"] == "auto" else float(settings["shrinkage"])
    if shrinkage is not None and not shrinkage >= 0:
        raise ValueError("rate_shapley: want a shrinkage of 0 journeys or more, or auto")
    sets = _sets.collect(paths)
    players, members = np.unique(sets.codes, return_inverse=True)
    game = _game(sets, members, len(players), settings)

    def played(replica: Paths) -> Played:
        journeys, conversions, value = _sets.summed(replica, sets.labels, len(sets))
        squares = None if replica.squares is None else _sets.totals(sets.labels, replica.squares, len(sets))
        drawn = credibility(journeys, conversions, conversions) if shrinkage is None else shrinkage
        drawn_value = drawn
        if squares is not None and shrinkage is None:
            drawn_value = credibility(journeys, value, squares)
        orders, money = game(journeys, [_Stake(conversions, drawn), _Stake(value, drawn_value)])
        return _played(replica, players, orders, money, drawn)

    return played


def credibility(journeys: Figures, sums: Figures, squares: Figures) -> float:
    """Bühlmann and Straub's κ = σ²/τ² in journeys: from n journeys a rate is worth n/(n + κ) of itself.

    `journeys`, `sums` and `squares` (of the single journeys' values) are given for each set. σ² is the variance within
    sets, τ² that of the sets' true rates, both by their unbiased estimators. ∞ where the sets show no differences
    beyond chance: then every coalition has the overall rate.
    """
    seen = journeys > 0
    journeys, sums, squares = journeys[seen], sums[seen], squares[seen]
    total, groups = float(journeys.sum()), len(journeys)
    if total <= groups or groups < 2:
        return math.inf
    within = float((squares - sums**2 / journeys).sum()) / (total - groups)
    between = float((journeys * (sums / journeys - sums.sum() / total) ** 2).sum()) - (groups - 1) * within
    spread = total - float((journeys**2).sum()) / total
    return within * spread / between if between > 0 else math.inf


def rates(within: Figures, sums: Figures, journeys: Figures, stake: _Stake) -> Figures:
    """(y + κ ȳ)/(n + κ) for coalitions of n journeys that brought y, 0 for those that no journey is within."""
    overall = float(stake.sums.sum()) / max(float(journeys.sum()), 1.0)
    seen = within > 0
    counted = np.where(seen, within, 1.0)
    trust = 1 / (1 + stake.shrinkage / counted)
    return np.where(seen, trust * sums / counted + (1 - trust) * overall, 0.0)


def _played(paths: Paths, players: Indices, orders: _Worth, money: _Worth, drawn: float) -> Played:
    journeys = float(paths.conversions.sum() + paths.nulls.sum())
    shares = Shares(
        conversions=_spread(paths, players, orders.gains * journeys),
        value=_spread(paths, players, money.gains * journeys),
        baseline_conversions=orders.nobody * journeys,
        baseline_value=money.nobody * journeys,
    )
    errors = None if orders.errors is None else _spread(paths, players, orders.errors * journeys)
    return Played(shares, drawn, errors)


def _spread(paths: Paths, players: Indices, figures: Figures) -> Figures:
    """Figures of the players as figures of all names: a name that occurs nowhere gets nothing."""
    spread = np.zeros(len(paths.names))
    spread[players] = figures
    return spread


def _game(sets: _sets.Sets, members: Indices, players: int, settings: Mapping[str, str]) -> _Game:
    if players <= min(int(settings["exact_up_to"]), _MOST_EXACT):
        return _exact(sets, members, players)
    pairs = int(settings["permutations"]) // 2
    if pairs < 2:
        raise ValueError("rate_shapley: want at least 4 permutations")
    return _sampled(sets, members, players, pairs, int(settings["seed"]))


# --- exact ------------------------------------------------------------------------------------------------------------


def _exact(sets: _sets.Sets, members: Indices, players: int) -> _Game:
    coalitions = _sets.totals(sets.rows, np.ldexp(1.0, members), len(sets)).astype(np.int64)

    def game(journeys: Figures, stakes: Sequence[_Stake]) -> list[_Worth]:
        within = zeta(_sets.totals(coalitions, journeys, 1 << players))
        found = []
        for stake in stakes:
            worths = rates(within, zeta(_sets.totals(coalitions, stake.sums, 1 << players)), journeys, stake)
            found.append(_Worth(shapley(worths), float(worths[0])))
        return found

    return game


def zeta(figures: Figures) -> Figures:
    """For each coalition the sum over its subsets, in place; bit i of the index is player i. n 2^n additions."""
    for player in range(len(figures).bit_length() - 1):
        halves = figures.reshape(-1, 2, 1 << player)
        halves[:, 1] += halves[:, 0]
    return figures


def shapley(worths: Figures) -> Figures:
    """The Shapley value of each player for v given by coalition, bit i of the index being player i.

    With w(s) = s!(N−s−1)!/N! and w(N) = 0: φ_i = Σ_{S∋i} (w(|S|−1) + w(|S|)) v(S) − Σ_S w(|S|) v(S).
    """
    players = len(worths).bit_length() - 1
    joins = np.zeros(players + 2)
    joins[1:-1] = [1 / (players * math.comb(players - 1, size)) for size in range(players)]
    members = np.bitwise_count(np.arange(len(worths), dtype=np.uint32))
    stays = float((joins[1:][members] * worths).sum())
    both = (joins[:-1] + joins[1:])[members] * worths
    with_each = [both.reshape(-1, 2, 1 << player)[:, 1].sum() for player in range(players)]
    return np.array(with_each, dtype=np.float64) - stays


# --- sampled ----------------------------------------------------------------------------------------------------------


def _sampled(sets: _sets.Sets, members: Indices, players: int, pairs: int, seed: int) -> _Game:
    """φ as the mean gain on joining over random sequences; each is also gone through backwards.

    The two of a pair err in opposite directions (antithetic: Mitchell, Cooper, Frank and Holmes 2022, "Sampling
    permutations for Shapley value estimation", JMLR 23), and the pairs' spread gives the standard error.
    """
    some = np.bincount(sets.rows, minlength=len(sets)) > 0
    starts = np.searchsorted(sets.rows, np.flatnonzero(some))

    def completed(ranks: NDArray[Any]) -> Indices:
        """After how many players each set is complete: with the last of its members."""
        complete = np.zeros(len(sets), dtype=np.int64)
        complete[some] = np.maximum.reduceat(ranks[members], starts) + 1
        return complete

    def gained(complete: Indices, journeys: Figures, stake: _Stake) -> Figures:
        """v of nobody, then what each player adds on joining (N + 1)."""
        within = _sets.totals(complete, journeys, players + 1).cumsum()
        sums = _sets.totals(complete, stake.sums, players + 1).cumsum()
        return np.diff(rates(within, sums, journeys, stake), prepend=0.0)

    def game(journeys: Figures, stakes: Sequence[_Stake]) -> list[_Worth]:
        dice = np.random.default_rng(seed)
        gains = np.zeros((len(stakes), pairs, players + 1))
        for pair in range(pairs):
            forth = dice.permutation(players)
            for ranks in (forth, players - 1 - forth):
                complete, places = completed(ranks), np.concatenate(([0], ranks + 1))
                for number, stake in enumerate(stakes):
                    gains[number, pair] += gained(complete, journeys, stake)[places] / 2
        means, errors = gains.mean(axis=1), gains.std(axis=1, ddof=1) / math.sqrt(pairs)
        return [_Worth(mean[1:], float(mean[0]), error[1:]) for mean, error in zip(means, errors, strict=True)]

    return game
