"""Ordered Shapley: the set Shapley shares, told apart by the position in the journey at which they were earned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tracker.attribution._paths import Paths, Shares

NAME = "ordered_shapley"
TITLE = "Ordered Shapley"
VERSION = 1
ADDITIVE = True
MAY_PAY = False  # it has no weight for the touches of a single order
SETTINGS: Mapping[str, str] = {}


def over(paths: Paths, settings: Mapping[str, str]) -> Shares:
    """Each touch of name i gets R/(|S| m_i) of what its journey brought: the totals are those of set Shapley.

    S are the distinct names of the journey, m_i is how often it touches i. Source as in `shapley`.
    """
    return prepared(paths, settings)(paths)


def prepared(paths: Paths, settings: Mapping[str, str]) -> Callable[[Paths], Shares]:
    """The model for other counts along the same paths."""
    from tracker.attribution import _columns, _sets  # noqa: PLC0415  (crediting an order needs no arrays)

    weights = _sets.within(paths)
    return lambda replica: _columns.weighed(replica, weights)


def profile(paths: Paths) -> NDArray[np.float64]:
    """Conversions by name and position (c × longest path, float64): position 1 is column 0.

    φ_{i,p} = Σ_{S∋i} (1/|S|) Σ_{journeys with S and i at p} 1/m_i. A row sums to the name's set Shapley conversions.
    """
    import numpy as np  # noqa: PLC0415  (crediting an order needs no arrays)

    from tracker.attribution import _columns, _sets  # noqa: PLC0415

    longest = int(paths.lengths.max(initial=0))
    positions = np.arange(len(paths.codes)) - _columns.per_touch(paths, paths.offsets[:-1])
    earned = _columns.per_touch(paths, paths.conversions) * _sets.within(paths)
    cells = _sets.totals(paths.codes * longest + positions, earned, len(paths.names) * longest)
    return cells.reshape(len(paths.names), longest)
