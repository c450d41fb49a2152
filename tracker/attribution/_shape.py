"""The shape of a model. The file is the registration; nothing else is edited to add one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Protocol

from tracker.domain.journeys import Touchpoint
from tracker.domain.rules import Rules


class Model(Protocol):
    """A module in `tracker.attribution`: constants and one pure function.

    `VERSION` grows when the same touches would get other weights. `ADDITIVE` says that the weights sum to 1, `MAY_PAY`
    that money may be paid by them. `SETTINGS` are the model's settings as text; a rule set may say otherwise.
    """

    NAME: str
    TITLE: str
    VERSION: int
    ADDITIVE: bool
    MAY_PAY: bool
    SETTINGS: Mapping[str, str]

    def weights(self, touches: Sequence[Touchpoint], rules: Rules) -> list[Fraction]:
        """One exact weight for each of the touches that may weigh, which are in time order and at least one."""
