"""What came on top of the usual after something was published: an estimate with its interval, never a credit.

The days after are compared with the same weekdays before. How far such a difference strays by itself is learned from
the days before: their residuals are drawn again in blocks of consecutive days (a block bootstrap of the prediction
error), so that good and bad days in a row count as what they are. It cannot tell a publication from anything else that
happened at the same time, nor a steady growth from a lift: an experiment can (see `experiments`).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

from tracker.errors import say

WEEK = 7
LEAST_WEEKS = 4  # known days before, for every weekday that is compared
LEAST_TOTAL = 20  # orders among the known days before
REPLICATES = 1000
CONFIDENCE = 0.95
_NORMAL = 1.96  # the normal quantile of CONFIDENCE


@dataclass(frozen=True, slots=True)
class Lift:
    """What was seen, what was to be expected, the difference and its interval of CONFIDENCE."""

    observed: float
    expected: float
    low: float
    high: float

    @property
    def lift(self) -> float:
        """What came on top; negative where less came."""
        return self.observed - self.expected

    @property
    def is_nothing(self) -> bool:
        """Whether it cannot be told from nothing: the interval covers zero."""
        return self.low <= 0 <= self.high


def enough(before: Sequence[float | None], days: int) -> bool:
    """Whether `before` says enough to expect anything of the `days` that follow; None is a day that does not count."""
    known = [value for value in before if value is not None]
    return sum(known) >= LEAST_TOTAL and weeks_enough([value is not None for value in before], days)


def weeks_enough(known: Sequence[bool], days: int) -> bool:
    """Whether enough of the days before are known, whatever came on them, for the `days` that follow."""
    return min(sum(known[place::WEEK]) for place in range(min(days, WEEK))) >= LEAST_WEEKS


def around(before: Sequence[float | None], after: Sequence[float], *, seed: int) -> Lift:
    """The lift of the days `after`, in the unit of the values, against the days `before`.

    `before` are whole weeks that end where `after` begins, the oldest day first; None is a day that does not count.
    Raises ValueError where they are no whole weeks or say too little (see `enough`, which is about counts of orders).
    """
    if len(before) % WEEK or not after:
        raise ValueError("want whole weeks before, and at least a day after")
    weekdays = [_same_weekday(before, place) for place in range(WEEK)]
    if min(len(values) for values in weekdays[: len(after)]) < LEAST_WEEKS:
        raise ValueError(say("want at least %(least_weeks)s of each weekday before", least_weeks=LEAST_WEEKS))
    usual = [sum(values) / len(values) if values else 0.0 for values in weekdays]
    expected = sum(usual[day % WEEK] for day in range(len(after)))
    errors = _errors(_strays(_residuals(before, weekdays, usual), usual, len(after)), weekdays, len(after), seed)
    lift, tail = sum(after) - expected, round((1 - CONFIDENCE) / 2 * len(errors))
    wider = _wider(sum(value is not None for value in before) / len(after))
    return Lift(sum(after), expected, lift - wider * errors[-1 - tail], lift - wider * errors[tail])


def _wider(blocks: float) -> float:
    """By how much a spread that so few blocks tell of falls short: Student's quantile over the normal one, to 1/n."""
    return 1 + (_NORMAL**2 + 1) / (4 * blocks)


def _same_weekday(before: Sequence[float | None], place: int) -> list[float]:
    return [value for value in before[place % WEEK :: WEEK] if value is not None]


def _residuals(
    before: Sequence[float | None], weekdays: Sequence[Sequence[float]], usual: Sequence[float]
) -> list[float]:
    """What the known days stray from their weekday's mean, over its root: counts stray more where there are more.

    A mean of n values lies nearer to them than the truth does, by a factor of n-1 over n in the variance: undone here.
    """
    found = []
    for day, value in enumerate(before):
        mean, number = usual[day % WEEK], len(weekdays[day % WEEK])
        if value is not None and number > 1:
            found.append((value - mean) / sqrt(mean) * sqrt(number / (number - 1)) if mean > 0 else 0.0)
    return found


def _strays(residuals: Sequence[float], usual: Sequence[float], days: int) -> list[float]:
    """How far `days` in a row stray from the usual, for every day at which such a block may begin."""
    scales = [sqrt(max(usual[day % WEEK], 0.0)) for day in range(days)]
    number = len(residuals)
    return [
        sum(residuals[(start + day) % number] * scale for day, scale in enumerate(scales)) for start in range(number)
    ]


def _errors(strays: Sequence[float], weekdays: Sequence[Sequence[float]], days: int, seed: int) -> list[float]:
    """Errors of the expectation, sorted: a block's stray, less the mean of those that an expectation is made from."""
    weeks = min(len(values) for values in weekdays[:days])
    drawn = [strays[start] for start in _draws(seed, len(strays), REPLICATES * (weeks + 1))]
    return sorted(
        drawn[start] - sum(drawn[start + 1 : start + 1 + weeks]) / weeks for start in range(0, len(drawn), weeks + 1)
    )


@lru_cache(maxsize=8)
def _draws(seed: int, number: int, count: int) -> tuple[int, ...]:
    """So many draws among a number of blocks: orders and revenue of all currencies draw the same ones."""
    return tuple(random.Random(seed).choices(range(number), k=count))  # noqa: S311  (the same every time)
