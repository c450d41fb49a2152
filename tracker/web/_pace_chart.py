"""The geometry of a goal's progress: what there is, what was expected, and where it leads, as lines of plain SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from tracker.reports.pacing import Standing

WIDTH, HEIGHT = 1000, 200
_TOP = 12  # room above the highest point


@dataclass(frozen=True, slots=True)
class PaceChart:
    """Points of polylines as SVG writes them; `actual` has a line for each stretch of days that are known."""

    expected: str
    actual: Sequence[str]
    forecast: str
    target: float
    today: float
    last: tuple[float, float] | None
    width: int = WIDTH
    height: int = HEIGHT


def of_standing(one: Standing) -> PaceChart | None:
    """The chart of a goal that has a pace and a day that is known; None for any other."""
    known = [(index + 1, total) for index, total in enumerate(one.totals) if total is not None]
    if not one.aim.adds or not known:
        return None
    highest = max([one.aim.target, *(Fraction(total) for _, total in known), one.pace.forecast or Fraction(0)])
    place = _Places(one.aim.days, highest if highest > 0 else Fraction(1))
    last = known[-1]
    return PaceChart(
        expected=_line([place.of(0, Fraction(0)), place.of(one.aim.days, one.aim.target)]),
        actual=[_line([place.of(day, Fraction(total)) for day, total in run]) for run in _runs(known)],
        forecast=_line([place.of(last[0], Fraction(last[1])), place.of(one.aim.days, one.pace.forecast)])
        if one.pace.forecast is not None and one.days_left
        else "",
        target=place.of(0, one.aim.target)[1],
        today=place.of(len(one.days), Fraction(0))[0],
        last=place.of(last[0], Fraction(last[1])),
    )


@dataclass(frozen=True, slots=True)
class _Places:
    days: int
    highest: Fraction

    def of(self, day: int, value: Fraction) -> tuple[float, float]:
        """Where a value at the end of a day stands; negative ones stand at the bottom."""
        height = (HEIGHT - _TOP) * max(value, Fraction(0)) / self.highest
        return round(float(Fraction(WIDTH * day, self.days)), 2), round(float(HEIGHT - height), 2)


def _runs(known: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Stretches of days that follow one another; the first begins at nothing, on the eve of the first day."""
    runs: list[list[tuple[int, int]]] = [[(0, 0)]] if known[0][0] == 1 else [[]]
    for day, total in known:
        if runs[-1] and day != runs[-1][-1][0] + 1:
            runs.append([])
        runs[-1].append((day, total))
    return runs


def _line(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)
