"""Time decay: a touchpoint weighs half as much for every half-life that it lies further from the order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Context, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from tracker.domain.journeys import Touchpoint
from tracker.domain.rules import Rules

if TYPE_CHECKING:
    from tracker.attribution._paths import Paths, Shares

NAME = "time_decay"
TITLE = "Time decay"
VERSION = 1
ADDITIVE = True
MAY_PAY = True
SETTINGS: Mapping[str, str] = {"half_life_days": "7"}

_CONTEXT, _WIDE = Context(prec=20), Context(prec=30)
_LN_2 = _WIDE.ln(Decimal(2))
_BITS = 48


def weights(touches: Sequence[Touchpoint], rules: Rules) -> list[Fraction]:
    """2^(−a/H) normalised, a the age to the order and H the half-life.

    The youngest age is taken off first, which changes no share and keeps ten-year-old touches from vanishing all at
    once. Each power is a multiple of 2^−48 computed in decimal, so that the shares are exact fractions and the same on
    every machine. Raises ValueError for a half-life that is not positive.
    """
    half_life = _half_life(rules.of_model(NAME, SETTINGS))
    youngest = min(touch.age for touch in touches)
    parts = [_part(touch.age - youngest, half_life) for touch in touches]
    return [Fraction(part, sum(parts)) for part in parts]


def _half_life(settings: Mapping[str, str]) -> timedelta:
    half_life = timedelta(days=float(settings["half_life_days"]))
    if half_life <= timedelta(0):
        raise ValueError("time_decay: want a half-life of more than nothing")
    return half_life


def _part(age: timedelta, half_life: timedelta) -> int:
    """2^(48 − age/half_life), rounded down. By way of e, whose powers Decimal finds three times as fast."""
    if not age:
        return 1 << _BITS
    microsecond = timedelta(microseconds=1)
    halvings = _CONTEXT.divide(Decimal(age // microsecond), Decimal(half_life // microsecond))
    exponent = _CONTEXT.subtract(Decimal(_BITS), halvings)
    return int(_CONTEXT.plus(_WIDE.exp(_WIDE.multiply(exponent, _LN_2))))


def over(paths: Paths, settings: Mapping[str, str]) -> Shares:
    """As `weights`, for every path, in floating point. Raises ValueError where the ages of touches are not known."""
    import numpy as np  # noqa: PLC0415  (crediting an order needs no arrays)

    from tracker.attribution import _columns  # noqa: PLC0415

    half_life = _half_life({**SETTINGS, **settings})
    paths = _columns.bringing(paths)
    if paths.ages is None:
        raise ValueError("time_decay: needs to know how long before the end of its journey each touch lies")
    youngest = _columns.per_touch(paths, _columns.least(paths, paths.ages))
    parts = np.exp2((youngest - paths.ages) / (half_life / timedelta(days=1)))
    return _columns.weighed(paths, parts / _columns.per_touch(paths, _columns.sums(paths, parts)))
