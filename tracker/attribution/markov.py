"""Markov: what a touchpoint is worth is the part of the orders that would be lost if nobody could pass by it.

Order 1 looks at the name a journey is at, order 2 and 3 at the last two or three. It is learned from all journeys,
those without an order included: leaving them out changes the result. A learned model has no weight for a single order,
so it reports and cannot pay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracker.attribution._paths import Paths, Shares

NAME = "markov"
TITLE = "Markov removal effect"
VERSION = 1
ADDITIVE = True
MAY_PAY = False
NEEDS_NULLS = True
SETTINGS: Mapping[str, str] = {"order": "1"}

ORDERS = ("1", "2", "3")


def over(paths: Paths, settings: Mapping[str, str]) -> Shares:
    """Orders and value in proportion to the removal effects, which for value are those of the value.

    Raises ValueError for another order than 1 to 3, for fewer than no journeys, for more names than can be solved, and
    where refunds leave value without a proportion.
    """
    return prepared(paths, settings)(paths)


def prepared(paths: Paths, settings: Mapping[str, str]) -> Callable[[Paths], Shares]:
    """The model for other counts along the same paths. Raises ValueError."""
    from tracker.attribution import _markov  # noqa: PLC0415  (arrays are for those who learn)

    order = {**SETTINGS, **settings}["order"]
    if order not in ORDERS:
        raise ValueError(f"markov: the order is one of {', '.join(ORDERS)}, not {order}")
    return _markov.prepared(paths, int(order))
