"""Linear: every touchpoint weighs the same; a partner touched twice weighs twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from tracker.domain.journeys import Touchpoint
from tracker.domain.rules import Rules

NAME = "linear"
TITLE = "Linear"
VERSION = 1
ADDITIVE = True
MAY_PAY = True
SETTINGS: Mapping[str, str] = {}


def weights(touches: Sequence[Touchpoint], rules: Rules) -> list[Fraction]:
    """1/n for each of n touches."""
    return [Fraction(1, len(touches))] * len(touches)
