"""Where a goal stands on a day: what was expected by then, what there is, and where it leads. Unknown stays None.

Expected grows by the same part of the target every day, both days included. Today counts as a whole day in what is
expected, and is not over: whoever has what was expected by yesterday is not under pace. A tenth more or less is on
pace. What does not add up over days, a rate or a price, has no pace: it is held against its target as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction

TOLERANCE = Fraction(1, 10)
RECENT_DAYS = 7

# An alarm waits for this many days, or this part of them where that is less; of a rate for half of them, since what is
# spent at the beginning comes back later.
ALARM_DAYS, ALARM_SHARE = 3, Fraction(1, 10)
ALARM_SHARE_OF_A_RATE = Fraction(1, 2)


class Status(StrEnum):
    """How a goal stands."""

    NOT_BEGUN = "not_begun"
    UNKNOWN = "unknown"
    UNDER_PACE = "under_pace"
    ON_PACE = "on_pace"
    AHEAD = "ahead"
    SHORT = "short"  # not where it is to be: a rate as it stands, or anything once the days are over
    REACHED = "reached"


@dataclass(frozen=True, slots=True)
class Aim:
    """What is to be reached, in the metric's base unit, from the first to the last day, both included."""

    target: Fraction
    starts_on: date
    ends_on: date
    adds: bool = True
    less_is_better: bool = False

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.ends_on - self.starts_on).days + 1

    def elapsed(self, today: date) -> int:
        """How many of its days have begun, today included."""
        return max(0, min(self.days, (today - self.starts_on).days + 1))

    def left(self, today: date) -> int:
        """How many days come after today."""
        return self.days - self.elapsed(today)

    def is_over(self, today: date) -> bool:
        """Whether its last day has passed."""
        return today > self.ends_on

    def is_live(self, today: date) -> bool:
        """Whether today is one of its days."""
        return self.starts_on <= today <= self.ends_on

    def counted(self, today: date) -> list[date]:
        """Its days up to today."""
        return [self.starts_on + timedelta(days=index) for index in range(self.elapsed(today))]

    def expected_after(self, days: int) -> Fraction:
        """What is expected once so many of its days are over."""
        return self.target * days / self.days


@dataclass(frozen=True, slots=True)
class Pace:
    """How a goal stands. `forecast` is by the pace from the first day on, `recent` by that of the last seven days."""

    status: Status
    actual: Fraction | None
    expected: Fraction | None
    forecast: Fraction | None
    recent: Fraction | None


def pace(aim: Aim, totals: Sequence[int | None], today: date) -> Pace:
    """The standing of what adds up. `totals` are what there was at the end of each counted day, since the first one."""
    elapsed = aim.elapsed(today)
    actual = Fraction(totals[-1]) if totals and totals[-1] is not None else None
    return Pace(
        status=_status(aim, actual, today),
        actual=actual,
        expected=aim.expected_after(elapsed) if elapsed else None,
        forecast=actual * aim.days / elapsed if actual is not None else None,
        recent=_recent(totals, aim.left(today)),
    )


def held(aim: Aim, actual: Fraction | None, today: date) -> Pace:
    """The standing of a rate or a price, against its target as it stands."""
    if today < aim.starts_on:
        return Pace(Status.NOT_BEGUN, None, None, None, None)
    status = Status.UNKNOWN if actual is None else Status.REACHED if _is_reached(aim, actual) else Status.SHORT
    return Pace(status, actual, None, None, None)


def is_alarming(aim: Aim, found: Pace, today: date) -> bool:
    """Whether a live goal is so far behind, and so far on, that somebody is to be told."""
    if not aim.is_live(today):
        return False
    over = aim.elapsed(today) - 1  # whole days
    if aim.adds:
        return found.status is Status.UNDER_PACE and over >= min(Fraction(ALARM_DAYS), ALARM_SHARE * aim.days)
    return found.status is Status.SHORT and over >= ALARM_SHARE_OF_A_RATE * aim.days


def _status(aim: Aim, actual: Fraction | None, today: date) -> Status:
    elapsed = aim.elapsed(today)
    if not elapsed:
        return Status.NOT_BEGUN
    if actual is None:
        return Status.UNKNOWN
    if actual >= aim.target:
        return Status.REACHED
    if aim.is_over(today):
        return Status.SHORT
    if actual < (1 - TOLERANCE) * aim.expected_after(elapsed - 1):
        return Status.UNDER_PACE
    return Status.AHEAD if actual > (1 + TOLERANCE) * aim.expected_after(elapsed) else Status.ON_PACE


def _is_reached(aim: Aim, actual: Fraction) -> bool:
    return actual <= aim.target if aim.less_is_better else actual >= aim.target


def _recent(totals: Sequence[int | None], left: int) -> Fraction | None:
    """What it comes to if every day left brings what one of the last seven days, or of all there were, brought."""
    if not totals or totals[-1] is None:
        return None
    days = min(RECENT_DAYS, len(totals))
    before = totals[-days - 1] if len(totals) > days else 0
    return None if before is None else totals[-1] + Fraction(totals[-1] - before, days) * left
