"""What a learned model looks at: unique paths with how often each was walked, in columns, never journey by journey.

A path is the sequence of channels (or of whatever the touches were grouped by) that journeys have in common. Names are
numbered once; a path is a run of numbers. Nothing here is joined into a string, so no name can be taken for another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Paths:
    """Unique paths and their counts. n paths, m touches in all, c names.

    `names` (c) are what the touches are grouped by, each once. `codes` (m, int32) are indices into `names`, path after
    path, in time order; path p is `codes[offsets[p]:offsets[p + 1]]` (`offsets`: n + 1, int64). Per path (n, float64):
    `conversions`, how many journeys along it ended in an order; `value`, their net value in minor units of one
    currency; `nulls`, how many ended without one. `ages` (m, float64) are days from a touch to the journey's end where
    every row is one journey or its ages are known, else None. `squares` (n), where known, is the sum of the squares of
    the orders' values: how much a resampled `value` would vary.
    """

    names: tuple[str, ...]
    codes: NDArray[np.int32]
    offsets: NDArray[np.int64]
    conversions: NDArray[np.float64]
    value: NDArray[np.float64]
    nulls: NDArray[np.float64]
    ages: NDArray[np.float64] | None = None
    squares: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """How many touches each path has (n)."""
        return np.diff(self.offsets)

    @property
    def rows(self) -> NDArray[np.int64]:
        """For each touch the path that it belongs to (m)."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.lengths)


@dataclass(frozen=True, slots=True, eq=False)
class Customers:
    """Whose journeys the paths were: customers with the same journeys are one bundle. b bundles, k entries.

    `counts` (b) customers share bundle i, and each of them walked the paths `paths[offsets[i]:offsets[i + 1]]` (k,
    indices into Paths), `conversions` (k) times to an order and `nulls` (k) times to none.
    """

    counts: NDArray[np.float64]
    offsets: NDArray[np.int64]
    paths: NDArray[np.int64]
    conversions: NDArray[np.float64]
    nulls: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """What a model makes of paths: one figure for each name (c, float64), and what it gives to no name.

    `conversions` and `value` (minor units) are None where the model does not reckon them. `removal_effect` is each
    name's own probability where the model has one. `baseline_*` is what would have come without any touch; 0 for all
    models but the incremental one. Paths without touches, `(direct)`, go to the baseline.
    """

    conversions: NDArray[np.float64]
    value: NDArray[np.float64] | None = None
    removal_effect: NDArray[np.float64] | None = None
    baseline_conversions: float = 0.0
    baseline_value: float = 0.0
