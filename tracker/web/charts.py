"""The geometry of the small charts: shares become widths and heights of plain SVG rectangles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from tracker.reports._shape import Result

CHANNELS = ("influence", "affiliate", "unattributed")
BAR_WIDTH = 1000
DAY_WIDTH, DAY_HEIGHT = 1000, 200
_GAP = Fraction(1, 4)  # of a day's width


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a horizontal bar."""

    channel: str
    revenue: int
    share: Fraction
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Bar:
    """What the channels share of one currency's revenue."""

    currency: str
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a day's column."""

    channel: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Day:
    """A day's column."""

    day: date
    revenue: int
    x: float
    width: float
    parts: Sequence[Piece]


@dataclass(frozen=True, slots=True)
class DayChart:
    """The days of the brand's own currency."""

    currency: str
    highest: int
    bars: Sequence[Day]
    width: int = DAY_WIDTH
    height: int = DAY_HEIGHT


def of_channels(result: Result) -> list[Bar]:
    """A bar a currency of the report `channels`; none where nothing was sold."""
    bars = []
    for currency in dict.fromkeys(str(row["currency"]) for row in result.rows):
        rows = [row for row in result.rows if row["currency"] == currency and row["channel"] != "total"]
        amounts = {str(row["channel"]): _amount(row["revenue"]) for row in rows}
        if sum(amounts.values()) > 0:
            bars.append(Bar(currency, _parts(amounts)))
    return bars


def _parts(amounts: dict[str, int]) -> list[Part]:
    whole, start, parts = sum(amounts.values()), Fraction(0), []
    for channel, revenue in amounts.items():
        share = Fraction(revenue, whole)
        parts.append(Part(channel, revenue, share, float(start * BAR_WIDTH), float(share * BAR_WIDTH)))
        start += share
    return parts


def of_days(result: Result) -> DayChart:
    """The columns of the report `days`; no columns where nothing was sold."""
    first = str(result.rows[0]["currency"]) if result.rows else ""
    rows = [row for row in result.rows if row["currency"] == first]
    highest = max((_amount(row["revenue"]) for row in rows), default=0)
    if highest <= 0:
        return DayChart(first, 0, ())
    step = Fraction(DAY_WIDTH, len(rows))
    bars = []
    for index, row in enumerate(rows):
        assert isinstance(row["day"], date)
        pieces = _pieces({channel: _amount(row[channel]) for channel in CHANNELS}, highest)
        x, width = float(step * (index + _GAP / 2)), float(step * (1 - _GAP))
        bars.append(Day(row["day"], _amount(row["revenue"]), x, width, pieces))
    return DayChart(first, highest, bars)


def _pieces(amounts: dict[str, int], highest: int) -> list[Piece]:
    top, pieces = Fraction(DAY_HEIGHT), []
    for channel, revenue in amounts.items():
        height = Fraction(max(revenue, 0) * DAY_HEIGHT, highest)
        top -= height
        if height:
            pieces.append(Piece(channel, round(float(top), 2), round(float(height), 2)))
    return pieces


def _amount(value: object) -> int:
    return value if isinstance(value, int) else 0
