"""Position based: the opener and the closer take fixed shares, those between them the rest in equal parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from tracker.domain.journeys import Touchpoint
from tracker.domain.rules import Rules

if TYPE_CHECKING:
    from tracker.attribution._paths import Paths, Shares

NAME = "position_based"
TITLE = "Position based"
VERSION = 1
ADDITIVE = True
MAY_PAY = True
SETTINGS: Mapping[str, str] = {"first": "2/5", "last": "2/5"}


def weights(touches: Sequence[Touchpoint], rules: Rules) -> list[Fraction]:
    """f, l and (1 − f − l)/(n − 2) for each between. Two touches take f/(f + l) and l/(f + l), a single one takes all.

    Raises ValueError for shares that are negative or sum to more than 1.
    """
    settings = rules.of_model(NAME, SETTINGS)
    return list(_weights(len(touches), settings["first"], settings["last"]))


@lru_cache(maxsize=1000)
def _weights(count: int, first_share: str, last_share: str) -> tuple[Fraction, ...]:
    first, last = _ends({"first": first_share, "last": last_share})
    between = count - 2
    if between < 0:
        return (Fraction(1),)
    if between == 0:
        ends = first + last
        return (first / ends, last / ends) if ends else (Fraction(1, 2), Fraction(1, 2))
    return (first, *[(1 - first - last) / between] * between, last)


def _ends(settings: Mapping[str, str]) -> tuple[Fraction, Fraction]:
    first, last = Fraction(settings["first"]), Fraction(settings["last"])
    if first < 0 or last < 0 or first + last > 1:
        raise ValueError("position_based: the shares of first and last must be ≥ 0 and sum to at most 1")
    return first, last


def over(paths: Paths, settings: Mapping[str, str]) -> Shares:
    """As `weights`, for every path, in floating point. Raises ValueError as it does."""
    from tracker.attribution import _columns  # noqa: PLC0415  (crediting an order needs no arrays)

    first, last = _ends({**SETTINGS, **settings})
    paths = _columns.bringing(paths)
    lengths = _columns.per_touch(paths, paths.lengths)
    parts = float(1 - first - last) / (lengths - 2).clip(1)
    parts[_columns.firsts(paths)] = first
    parts[_columns.lasts(paths)] = last
    parts[lengths == 1] = 1
    pair = lengths == 2
    parts[pair] = parts[pair] / float(first + last) if first + last else 1 / 2
    return _columns.weighed(paths, parts)
