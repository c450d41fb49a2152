"""Paths written down by hand and at random, for tests of what models make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from tracker.attribution._paths import Paths

# A path's touches, its conversions, their value, and its journeys without an order.
Row = tuple[str, float, float, float]


def paths_of(*rows: Row, names: Sequence[str] = (), ages: Sequence[float] | None = None) -> Paths:
    """Paths of names of one letter: `("ab", 3, 30, 1)` is a, then b; names in alphabetical order unless given."""
    touches = "".join(row[0] for row in rows)
    known = tuple(names) or tuple(sorted(set(touches)))
    return Paths(
        names=known,
        codes=np.array([known.index(touch) for touch in touches], np.int32),
        offsets=np.cumsum([0, *(len(row[0]) for row in rows)]).astype(np.int64),
        conversions=np.array([row[1] for row in rows], float),
        value=np.array([row[2] for row in rows], float),
        nulls=np.array([row[3] for row in rows], float),
        ages=None if ages is None else np.array(ages, float),
    )


def scaled(paths: Paths, factor: float) -> Paths:
    """Every count that many times."""
    return replace(
        paths, conversions=paths.conversions * factor, value=paths.value * factor, nulls=paths.nulls * factor
    )


def _row(touches: str, conversions: int, price: int, nulls: int) -> Row:
    return touches, conversions, conversions * price, nulls


rows = st.lists(
    st.builds(
        _row,
        touches=st.text("abcd", max_size=7),
        conversions=st.integers(0, 5),
        price=st.integers(0, 900),
        nulls=st.integers(0, 9),
    ),
    min_size=1,
    max_size=12,
)
