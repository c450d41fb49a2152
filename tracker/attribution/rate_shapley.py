"""Rate Shapley: a name is worth what it adds, on average over all orders of joining, to the rate of converting.

A share may be negative: with the name, journeys converted less often. So it reports and never pays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracker.attribution._paths import Paths, Shares
    from tracker.attribution._rate_game import Played

NAME = "rate_shapley"
TITLE = "Shapley of conversion rates"
VERSION = 1
ADDITIVE = False
MAY_PAY = False
NEEDS_NULLS = True
SETTINGS: Mapping[str, str] = {"shrinkage": "auto", "exact_up_to": "20", "permutations": "400", "seed": "1"}

# For each of many replicates, which are compared with each other only: fewer sequences of joining vary rather more.
QUICK: Mapping[str, str] = {"exact_up_to": "14", "permutations": "60"}


def over(paths: Paths, settings: Mapping[str, str]) -> Shares:
    """The Shapley value of v(S), the shrunk rate of the journeys that touched nothing outside S.

    v(S) = (y_S + κ ȳ)/(n_S + κ), y_S the conversions (or the value) of the n_S journeys within S, ȳ the rate of all
    journeys. v(S) = 0 where no journey lies within S. φ_i = Σ_{S∌i} |S|!(N−|S|−1)!/N! (v(S∪i) − v(S)), times the number
    of journeys, so that the figures are conversions; the baseline is v(∅), the journeys without touches.

    `shrinkage` is κ in journeys, or "auto": Bühlmann and Straub's credibility constant (see `_rate_game`). Up to
    `exact_up_to` names that occur it is exact, above them the mean over `permutations` with `seed`, in antithetic
    pairs. Rate game: Dalessandro, Perlich, Stitelman and Provost 2012, "Causally motivated attribution for online
    advertising", ADKDD. Raises ValueError for settings that it cannot work with.
    """
    return play(paths, settings).shares


def prepared(paths: Paths, settings: Mapping[str, str]) -> Callable[[Paths], Shares]:
    """The model for other counts along the same paths. Raises ValueError."""
    from tracker.attribution import _rate_game  # noqa: PLC0415  (crediting an order needs no arrays)

    game = _rate_game.prepare(paths, {**SETTINGS, **settings})
    return lambda replica: game(replica).shares


def play(paths: Paths, settings: Mapping[str, str]) -> Played:
    """The same shares with κ and, where permutations were drawn, the standard error of each. Raises ValueError."""
    from tracker.attribution import _rate_game  # noqa: PLC0415  (crediting an order needs no arrays)

    return _rate_game.play(paths, {**SETTINGS, **settings})
