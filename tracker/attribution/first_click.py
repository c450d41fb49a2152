"""First click: the touchpoint that opened the journey earns it all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from tracker.domain.journeys import Touchpoint
from tracker.domain.rules import Rules

if TYPE_CHECKING:
    from tracker.attribution._paths import Paths, Shares

NAME = "first_click"
TITLE = "First click"
VERSION = 1
ADDITIVE = True
MAY_PAY = True
SETTINGS: Mapping[str, str] = {}


def weights(touches: Sequence[Touchpoint], rules: Rules) -> list[Fraction]:
    """1 for the first touch. Touches at the same time are ordered by id."""
    return [Fraction(1)] + [Fraction(0)] * (len(touches) - 1)


def over(paths: Paths, settings: Mapping[str, str]) -> Shares:
    """What each path brought goes to its first touch."""
    from tracker.attribution import _columns  # noqa: PLC0415  (crediting an order needs no arrays)

    return _columns.credited(paths, paths.codes[_columns.firsts(paths)], _columns.touched(paths))
