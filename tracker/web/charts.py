"""The geometry of the small charts: shares become widths and heights of plain SVG rectangles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from tracker.reports._shape import Result, Row

CHANNELS = ("influence", "affiliate", "unattributed")
BAR_WIDTH = 1000
DAY_WIDTH, DAY_HEIGHT = 1000, 200
_GAP = 0.25  # of a day's width
_MOST_POINTED_AT = 92  # days


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
class Day:
    """A day's column."""

    day: date
    revenue: int
    x: float


@dataclass(frozen=True, slots=True)
class DayChart:
    """The days of the brand's own currency. `shapes` are the path of each channel over all days."""

    currency: str
    highest: int
    bars: Sequence[Day]
    bar_width: float = 0
    shapes: Sequence[tuple[str, str]] = ()
    width: int = DAY_WIDTH
    height: int = DAY_HEIGHT

    @property
    def pointed_at(self) -> Sequence[Day]:
        """The columns that say their day where they are pointed at: of a year a pointer hits none."""
        return self.bars if len(self.bars) <= _MOST_POINTED_AT else ()


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
    step = DAY_WIDTH / len(rows)
    width, bars = round(step * (1 - _GAP), 2), []
    shapes: dict[str, list[str]] = {channel: [] for channel in CHANNELS}
    for index, row in enumerate(rows):
        assert isinstance(row["day"], date)
        x, top = round(step * (index + _GAP / 2), 2), float(DAY_HEIGHT)
        bars.append(Day(row["day"], _amount(row["revenue"]), x))
        for channel, drawn in shapes.items():
            height = max(_amount(row[channel]), 0) * DAY_HEIGHT / highest
            top -= height
            if height:
                drawn.append(f"M{x} {top:.2f}h{width}v{height:.2f}h-{width}z")
    return DayChart(first, highest, bars, width, [(channel, "".join(drawn)) for channel, drawn in shapes.items()])


@dataclass(frozen=True, slots=True)
class Cell:
    """Where an opener and a closer meet; `shade` grows with the revenue, from 0 to 5."""

    orders: int
    revenue: int
    shade: int


@dataclass(frozen=True, slots=True)
class Grid:
    """The openers of one currency, each with a cell for every closer."""

    currency: str
    closers: Sequence[str]
    lines: Sequence[tuple[str, Sequence[Cell]]]


def of_crossing(result: Result) -> list[Grid]:
    """A grid a currency of the report `crossing`, without its totals."""
    rows = [row for row in result.rows if row["opener"] != "total"]
    currencies = dict.fromkeys(str(row["currency"]) for row in rows)
    return [_grid(currency, [row for row in rows if row["currency"] == currency]) for currency in currencies]


def _grid(currency: str, rows: Sequence[Row]) -> Grid:
    met = {(str(row["opener"]), str(row["closer"])): row for row in rows}
    highest = max(_amount(row["revenue"]) for row in rows)
    openers, closers = dict.fromkeys(opener for opener, _ in met), dict.fromkeys(closer for _, closer in met)
    lines = [(opener, [_cell(met.get((opener, closer)), highest) for closer in closers]) for opener in openers]
    return Grid(currency, list(closers), lines)


def _cell(row: Row | None, highest: int) -> Cell:
    if row is None:
        return Cell(0, 0, 0)
    revenue = _amount(row["revenue"])
    return Cell(_amount(row["orders"]), revenue, -(-5 * revenue // highest) if highest > 0 else 0)


@dataclass(frozen=True, slots=True)
class Opened:
    """How much of what affiliates closed influence had opened, in one currency."""

    currency: str
    orders: int
    revenue: int
    closed_orders: int
    closed_revenue: int

    @property
    def share(self) -> Fraction | None:
        """The share of the net revenue; None where it is not positive."""
        return Fraction(self.revenue, self.closed_revenue) if self.closed_revenue > 0 else None


def of_opened(result: Result) -> list[Opened]:
    """The answer of the report `crossing` to its main question, by currency; none where affiliates closed nothing."""
    closed = [row for row in result.rows if row["closer"] == "affiliate"]
    found = []
    for currency in dict.fromkeys(str(row["currency"]) for row in closed):
        sold = [row for row in closed if row["currency"] == currency]
        opened = [row for row in sold if row["opener"] == "influence"]
        found.append(Opened(currency, *_summed(opened), *_summed(sold)))
    return found


def _summed(rows: Sequence[Row]) -> tuple[int, int]:
    return sum(_amount(row["orders"]) for row in rows), sum(_amount(row["revenue"]) for row in rows)


def of_steps(result: Result) -> list[tuple[Row, int]]:
    """The rows of the first currency without its total, and how wide the bar of each one's orders is, of BAR_WIDTH."""
    first = result.columns[0].key
    rows = [row for row in result.rows if row["currency"] == result.rows[0]["currency"] and row[first] != "total"]
    highest = max((_amount(row["orders"]) for row in rows), default=0)
    return [(row, BAR_WIDTH * _amount(row["orders"]) // highest) for row in rows if highest]


def _amount(value: object) -> int:
    return value if isinstance(value, int) else 0
