"""Linear: every touchpoint weighs the same; a partner touched twice weighs twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from tracker.domain.journeys import Touchpoint
from tracker.domain.rules import Rules

if TYPE_CHECKING:
    from tracker.attribution._paths import Paths, Shares

NAME = "linear"
TITLE = "Linear"
VERSION = 1
ADDITIVE = True
MAY_PAY = True
SETTINGS: Mapping[str, str] = {}


def weights(touches: Sequence[Touchpoint], rules: Rules) -> list[Fraction]:
    """1/n for each of n touches."""
    return [Fraction(1, len(touches))] * len(touches)


def over(paths: Paths, settings: Mapping[str, str]) -> Shares:
    """What each path brought goes to its touches in equal parts; a name touched twice gets two."""
    from tracker.attribution import _columns  # noqa: PLC0415  (crediting an order needs no arrays)

    paths = _columns.bringing(paths)
    return _columns.weighed(paths, 1 / _columns.per_touch(paths, paths.lengths))
