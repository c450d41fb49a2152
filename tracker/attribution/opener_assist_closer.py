"""Opener, assist, closer: who opened and who closed take a share each, those who assisted between share the third."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from tracker.domain.journeys import Touchpoint
from tracker.domain.rules import Rules

if TYPE_CHECKING:
    from tracker.attribution._paths import Paths, Shares

NAME = "opener_assist_closer"
TITLE = "Opener, assist, closer"
VERSION = 1
ADDITIVE = True
MAY_PAY = True
SETTINGS: Mapping[str, str] = {"opener": "3/10", "assist": "3/10", "closer": "2/5", "on_top": "no"}


class _Parts(NamedTuple):
    opener: Fraction
    assist: Fraction
    closer: Fraction
    on_top: bool


def weights(touches: Sequence[Touchpoint], rules: Rules) -> list[Fraction]:
    """o, a/(n − 2) for each between, c. Two touches take o/(o + c) and c/(o + c), halves where both are 0; one all.

    With `on_top` the shares of the ends are a bonus: each of n touches, the ends too, takes a/n, the first o and the
    last c besides (Post Affiliate Pro: o = 1/4, c = 1/2, so that five touches take 30, 5, 5, 5 and 55 %). Raises
    ValueError for shares that are negative or do not sum to 1, and for `on_top` that is neither yes nor no.
    """
    settings = rules.of_model(NAME, SETTINGS)
    return list(_weights(len(touches), *(settings[name] for name in SETTINGS)))


@lru_cache(maxsize=1000)
def _weights(count: int, *settings: str) -> tuple[Fraction, ...]:
    parts = _parts(dict(zip(SETTINGS, settings, strict=True)))
    if count == 1:
        return (Fraction(1),)
    if parts.on_top:
        each = parts.assist / count
        return (parts.opener + each, *[each] * (count - 2), parts.closer + each)
    if count == 2:
        return _pair(parts)
    return (parts.opener, *[parts.assist / (count - 2)] * (count - 2), parts.closer)


def _pair(parts: _Parts) -> tuple[Fraction, Fraction]:
    ends = parts.opener + parts.closer
    return (parts.opener / ends, parts.closer / ends) if ends else (Fraction(1, 2), Fraction(1, 2))


def _parts(settings: Mapping[str, str]) -> _Parts:
    try:
        opener, assist, closer = (Fraction(settings[name]) for name in ("opener", "assist", "closer"))
    except (ValueError, ZeroDivisionError):
        raise ValueError("opener_assist_closer: want shares such as 3/10 or 0.3") from None
    if min(opener, assist, closer) < 0 or opener + assist + closer != 1:
        raise ValueError("opener_assist_closer: the shares of opener, assist and closer must be ≥ 0 and sum to 1")
    if settings["on_top"] not in ("yes", "no"):
        raise ValueError("opener_assist_closer: on_top is yes or no")
    return _Parts(opener, assist, closer, settings["on_top"] == "yes")


def over(paths: Paths, settings: Mapping[str, str]) -> Shares:
    """As `weights`, for every path, in floating point. Raises ValueError as it does."""
    from tracker.attribution import _columns  # noqa: PLC0415  (crediting an order needs no arrays)

    parts = _parts({**SETTINGS, **settings})
    paths = _columns.bringing(paths)
    lengths = _columns.per_touch(paths, paths.lengths)
    firsts, lasts = _columns.firsts(paths), _columns.lasts(paths)
    if parts.on_top:
        shares = float(parts.assist) / lengths
        shares[firsts] += float(parts.opener)
        shares[lasts] += float(parts.closer)
    else:
        shares = float(parts.assist) / (lengths - 2).clip(1)
        pairs = lengths[firsts] == 2
        shares[firsts], shares[lasts] = float(parts.opener), float(parts.closer)
        shares[firsts[pairs]], shares[lasts[pairs]] = (float(share) for share in _pair(parts))
    shares[lengths == 1] = 1
    return _columns.weighed(paths, shares)
