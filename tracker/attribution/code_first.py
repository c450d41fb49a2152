"""Code first: touchpoints with a promo code earn it all; where none has one, the last touchpoint does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from tracker.attribution import last_click
from tracker.domain.journeys import Touchpoint
from tracker.domain.rules import Rules

if TYPE_CHECKING:
    from tracker.attribution._paths import Paths, Shares

NAME = "code_first"
TITLE = "Code first"
VERSION = 1
ADDITIVE = True
MAY_PAY = True
SETTINGS: Mapping[str, str] = {}


def weights(touches: Sequence[Touchpoint], rules: Rules) -> list[Fraction]:
    """1/k for each of the k touches with a code; where no touch has one, 1 for the last."""
    coded = sum(touch.code is not None for touch in touches)
    if not coded:
        return last_click.weights(touches, rules)
    return [Fraction(touch.code is not None, coded) for touch in touches]


def over(paths: Paths, settings: Mapping[str, str]) -> Shares:
    """As last click: codes occur only on orders, never on paths, so here no touch has one."""
    return last_click.over(paths, settings)
