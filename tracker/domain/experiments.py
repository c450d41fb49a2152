"""What a randomised holdout says: the difference between what ran and what was left out, judged by the draw itself.

Nothing is assumed of how orders are spread. Were there no effect, any other draw would have been as likely as the real
one: the p-value is the share of draws with at least as large a difference, and the interval holds every constant effect
that the draws do not refute (Fisher's randomisation test and its inversion).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import comb, inf

from tracker.errors import say

CONFIDENCE = Fraction(95, 100)
DRAWS = 2000  # of the possible draws, where there are more
LEAST_DRAWS = 40  # possible draws below which no interval of CONFIDENCE exists
_CLOSE = 1e-9  # differences that floats tell apart and sums do not


@dataclass(frozen=True, slots=True)
class Outcome:
    """The effect of running, per unit (a region, a day), its interval of CONFIDENCE, and the two-sided p-value."""

    effect: float
    low: float
    high: float
    p: float


def possible_draws(running: int, held_out: int) -> int:
    """In how many ways these units could have been drawn."""
    return comb(running + held_out, held_out)


def compared(running: Sequence[float], held_out: Sequence[float], *, seed: int) -> Outcome:
    """The mean of `running` less that of `held_out`, and what the other possible draws say of it.

    The values are of one unit each: of a region its change from before to during (which makes the difference one in
    differences), of a day what was sold on it. Raises ValueError below LEAST_DRAWS.
    """
    number = len(running)
    if not running or not held_out or possible_draws(number, len(held_out)) < LEAST_DRAWS:
        raise ValueError(say("too few units: fewer than %(least_draws)s draws were possible", least_draws=LEAST_DRAWS))
    values = [*running, *held_out]
    whole = sum(values)
    effect = _difference(values, whole, range(number))
    drawn = [
        (_difference(values, whole, draw), _overlap(draw, number, len(values)))
        for draw in _draws(len(values), number, seed)
    ]
    as_large = sum(abs(difference) >= abs(effect) - _CLOSE for difference, _ in drawn)
    lows, highs = zip(*(_not_refuting(effect, *found) for found in drawn), strict=True)
    place = int((1 - CONFIDENCE) * len(drawn))
    return Outcome(effect, sorted(lows)[place], sorted(highs, reverse=True)[place], as_large / len(drawn))


def _draws(every: int, number: int, seed: int) -> Iterator[Sequence[int]]:
    """Every possible choice of the units that run, or DRAWS of them at random with the real one in front."""
    units = range(every)
    if possible_draws(number, every - number) <= DRAWS:
        yield from combinations(units, number)
        return
    rng = random.Random(seed)  # noqa: S311  (a draw that anybody may repeat)
    yield units[:number]
    for _ in range(DRAWS - 1):
        yield rng.sample(units, number)


def _difference(values: Sequence[float], whole: float, draw: Sequence[int]) -> float:
    chosen = sum(values[unit] for unit in draw)
    return chosen / len(draw) - (whole - chosen) / (len(values) - len(draw))


def _overlap(draw: Iterable[int], number: int, units: int) -> float:
    """The difference that an effect of 1 of the real draw makes under another one: 1 for the same, else less."""
    both = sum(unit < number for unit in draw)
    return both / number - (number - both) / (units - number)


def _not_refuting(effect: float, difference: float, overlap: float) -> tuple[float, float]:
    """The effects d that leave a draw at least as large a difference: |difference - d overlap| >= |effect - d|.

    The set is an interval around `effect`, as no overlap exceeds 1; of the same draw and its mirror it is everything.
    """
    ends = []
    for sign in (1, -1):
        room = 1 - sign * overlap
        ends.append((effect - sign * difference) / room if room > _CLOSE else None)
    known = [end for end in ends if end is not None]
    return (min(known), max(known)) if len(known) == len(ends) else (-inf, inf)


def drawn(units: Sequence[str], share: Fraction, seed: int) -> list[str]:
    """A random `share` of the units to hold out, at least one and never all, in their order; always the same by seed.

    Raises ValueError for units named twice, fewer than two of them, or a share that is not between 0 and 1.
    """
    if len(set(units)) != len(units) or len(units) < 2:
        raise ValueError("want at least two different units")
    if not 0 < share < 1:
        raise ValueError("want a share between 0 and 1")
    number = min(max(round(share * len(units)), 1), len(units) - 1)
    chosen = set(random.Random(seed).sample(sorted(units), number))  # noqa: S311  (that anybody may repeat)
    return [unit for unit in units if unit in chosen]
