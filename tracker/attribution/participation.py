"""Participation: every touchpoint counts the whole order, so the sums say who had a hand in it and exceed the total."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from tracker.domain.journeys import Touchpoint
from tracker.domain.rules import Rules

if TYPE_CHECKING:
    from tracker.attribution._paths import Paths, Shares

NAME = "participation"
TITLE = "Participation"
VERSION = 1
ADDITIVE = False
MAY_PAY = False
SETTINGS: Mapping[str, str] = {}


def weights(touches: Sequence[Touchpoint], rules: Rules) -> list[Fraction]:
    """1 for each touch: whoever sums them counts an order once for each partner, not once for each touch."""
    return [Fraction(1)] * len(touches)


def over(paths: Paths, settings: Mapping[str, str]) -> Shares:
    """What each path brought goes whole to every name on it, once however often it stands there."""
    from tracker.attribution import _columns  # noqa: PLC0415  (crediting an order needs no arrays)

    paths = _columns.bringing(paths)
    owners, names = _columns.distinct(paths)
    return _columns.credited(paths, names, owners)


def prepared(paths: Paths, settings: Mapping[str, str]) -> Callable[[Paths], Shares]:
    """The model for other counts along the same paths."""
    from tracker.attribution import _columns  # noqa: PLC0415  (crediting an order needs no arrays)

    owners, names = _columns.distinct(paths)
    return lambda replica: _columns.credited(replica, names, owners)
