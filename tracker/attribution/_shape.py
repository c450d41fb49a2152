"""The shape of a model. The file is the registration; nothing else is edited to add one.

A model that weighs an order (`weights`) can credit it to the cent. A model that looks at all paths together (`over`)
says what a period came to. Rules do both; a learned model has no weight for a single order, and only does the latter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from tracker.domain.journeys import Touchpoint
from tracker.domain.rules import Rules

if TYPE_CHECKING:  # crediting an order needs no arrays: a worker that only does that never loads numpy
    from tracker.attribution._paths import Paths, Shares


class Model(Protocol):
    """A module in `tracker.attribution`: constants, `over`, and for a rule `weights` as well.

    `VERSION` grows when the same touches would get other weights. `ADDITIVE` says that the weights sum to 1 (for a
    learned model: that its shares sum to what the paths brought), `MAY_PAY` that money may be paid by it. `SETTINGS`
    are the model's settings as text; a rule set may say otherwise.
    """

    NAME: str
    TITLE: str
    VERSION: int
    ADDITIVE: bool
    MAY_PAY: bool
    SETTINGS: Mapping[str, str]

    def over(self, paths: Paths, settings: Mapping[str, str]) -> Shares:
        """What the model makes of these paths. Raises ValueError for settings or paths that it cannot work with."""


@runtime_checkable
class Rule(Protocol):
    """What a model has that weighs single orders."""

    def weights(self, touches: Sequence[Touchpoint], rules: Rules) -> list[Fraction]:
        """One exact weight for each of the touches that may weigh, which are in time order and at least one."""
