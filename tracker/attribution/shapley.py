"""Set Shapley: what a journey brought is shared in equal parts by the distinct names that it touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracker.attribution._paths import Paths, Shares

NAME = "shapley"
TITLE = "Shapley"
VERSION = 1
ADDITIVE = True
MAY_PAY = False  # it has no weight for the touches of a single order
SETTINGS: Mapping[str, str] = {}


def over(paths: Paths, settings: Mapping[str, str]) -> Shares:
    """φ_i = Σ_{S∋i} R(S)/|S|, R(S) what journeys brought that touched exactly the names S.

    The Shapley value of the game v(S) = Σ_{T⊆S} R(T), in closed form: Zhao, Mahboobi and Bagheri 2018, "Shapley value
    methods for attribution modeling in online advertising", arXiv:1804.05327. Journeys without an order play no part.
    """
    return prepared(paths, settings)(paths)


def prepared(paths: Paths, settings: Mapping[str, str]) -> Callable[[Paths], Shares]:
    """The model for other counts along the same paths."""
    from tracker.attribution import _columns, _sets  # noqa: PLC0415  (crediting an order needs no arrays)

    rows, codes = _columns.distinct(paths)
    weights = 1 / _sets.sizes(paths, rows)[rows]
    return lambda replica: _columns.credited(replica, codes, rows, weights)
