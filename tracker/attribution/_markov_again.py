"""The first-order chain for other counts along the same paths: flows are one sparse product, the solution one inverse.

Formulas as in `_markov`; only the counting is done ahead, because resampling changes nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from tracker.attribution import _columns, _markov
from tracker.attribution._columns import Figures, Indices
from tracker.attribution._paths import Paths, Shares


def again(paths: Paths) -> Callable[[Paths], Shares]:
    """Markov of order 1 for any counts along these paths. The function raises ValueError as the model does."""
    _markov._refuse(paths)
    count = len(paths.names)
    keys, rows, final = _markov._grams(paths, 1)
    codes = keys - 1
    before = np.flatnonzero(~final)
    arcs, arc = np.unique(codes[before] * count + codes[before + 1], return_inverse=True)
    flow = _counted(arc, rows[before], (len(arcs), len(paths)))
    came = _counted(codes, rows, (count, len(paths)))
    ends = _counted(codes[final], rows[final], (count, len(paths)))

    def shares(one: Paths) -> Shares:
        _markov._refuse(one)
        walked = one.conversions + one.nulls
        visits = came @ walked
        leaving = np.where(visits > 0, visits, 1.0)
        chances = np.zeros(count * count)
        chances[arcs] = flow @ walked
        brought = ends @ np.stack((one.conversions, one.value), axis=1)
        inverse = np.linalg.inv(np.eye(count) - chances.reshape(count, count) / leaving[:, None])
        lost = (visits / inverse.diagonal())[:, None] * (inverse @ (brought / leaving[:, None]))
        return _shares(one, lost, brought.sum(axis=0))

    return shares


def _shares(paths: Paths, lost: Figures, totals: Figures) -> Shares:
    conversions, value = _columns.baseline(paths)
    return Shares(
        conversions=_markov._in_proportion(lost[:, 0], float(totals[0])),
        value=_markov._in_proportion(lost[:, 1], float(totals[1])),
        removal_effect=lost[:, 0] / totals[0] if totals[0] else np.zeros(len(paths.names)),
        baseline_conversions=conversions,
        baseline_value=value,
    )


def _counted(at: Indices, rows: Indices, shape: tuple[int, int]) -> sparse.csr_array:
    """How often each thing occurs in each path: times the paths' counts it is how often it occurred."""
    return sparse.coo_array((np.ones(len(at)), (at, rows)), shape=shape).tocsr()
