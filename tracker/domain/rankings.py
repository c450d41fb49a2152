"""Who converts best: a winner is named only where chance is an unlikely reason, and never from a small sample.

The first must lie with the whole of its interval above the interval of each rival with enough to go by, and above that
of all the others taken together. Where intervals overlap, nobody has won.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TypeVar

from tracker.domain.metrics import Interval, wilson_interval

LEAST_CLICKS = 100
LEAST_ORDERS = 10

Subject = TypeVar("Subject", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Converted:
    """Orders that came through links, and the human clicks on them."""

    orders: int
    clicks: int

    @property
    def is_enough(self) -> bool:
        """Whether the sample is large enough to compare."""
        return self.clicks >= LEAST_CLICKS and LEAST_ORDERS <= self.orders <= self.clicks

    @property
    def rate(self) -> Fraction:
        """CVR; 0 without a click."""
        return Fraction(self.orders, self.clicks) if self.clicks else Fraction(0)

    @property
    def interval(self) -> Interval | None:
        """Where the true rate lies 95 times of 100."""
        return wilson_interval(self.orders, self.clicks)


class Verdict(StrEnum):
    """What may be said of one among several."""

    BEST = "best"
    LEVEL = "level"
    BEHIND = "behind"
    TOO_FEW = "too_few_to_win"


def verdicts(found: Mapping[Subject, Converted]) -> dict[Subject, Verdict | None]:
    """What may be said of each; None for one that has enough and nobody to be compared with."""
    enough = {subject: one for subject, one in found.items() if one.is_enough}
    said: dict[Subject, Verdict | None] = dict.fromkeys(found, Verdict.TOO_FEW)
    if not enough:
        return said
    leader = max(enough, key=lambda subject: enough[subject].rate)
    if not any(one.clicks for subject, one in found.items() if subject != leader):
        return {**said, leader: None}
    best = enough[leader].interval
    behind = {subject for subject, one in enough.items() if _above(best, one.interval)}
    others = (one for subject, one in found.items() if subject != leader)
    won = len(behind) == len(enough) - 1 and _above(best, _pooled(others).interval)
    return {
        **said,
        **{subject: Verdict.BEHIND if subject in behind else Verdict.LEVEL for subject in enough},
        leader: Verdict.BEST if won else Verdict.LEVEL,
    }


def _pooled(found: Iterable[Converted]) -> Converted:
    orders, clicks = zip(*((one.orders, one.clicks) for one in found), strict=True)
    return Converted(sum(orders), sum(clicks))


def _above(mine: Interval | None, theirs: Interval | None) -> bool:
    return mine is not None and theirs is not None and mine.low > theirs.high
