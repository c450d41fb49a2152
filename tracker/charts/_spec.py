"""What every picture is made of: amounts as plain numbers beside the texts that tooltips say, and who reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Protocol

from babel import Locale

from tracker.domain.money import EXPONENTS

Rows = Sequence[Mapping[str, Any]]
Spec = dict[str, Any]

MOST = 12  # bars that may be named side by side


class Words(Protocol):
    """Who reads: sentences and words in their language, amounts in their locale's form."""

    @property
    def say(self) -> Callable[[str], str]:
        """A sentence."""

    @property
    def word(self) -> Callable[[str], str]:
        """A word of a closed set."""

    @property
    def locale(self) -> Locale:
        """The form of figures."""

    def money(self, amount: int | None, currency: str) -> str:
        """Minor units as an amount."""


class Chart(Protocol):
    """The shape of a public module in `tracker.charts`."""

    LABEL: str  # and SAID, a tuple, where it says what no report does

    def spec(self, rows: Rows, words: Words) -> Spec | None:
        """The specification, without its theme."""


def of_first_currency(rows: Rows) -> Rows:
    """The rows of the currency that stands first: amounts of several never meet in a picture."""
    return [row for row in rows if row.get("currency") == rows[0].get("currency")]


def major(amount: int, currency: str) -> float:
    """Minor units as a plain number: for lengths only."""
    return float(amount / 10 ** EXPONENTS[currency])


def days_axis(rows: Rows) -> Spec:
    """Days along the bottom, the same in every reader's own time zone."""
    days = {row["day"] for row in rows if isinstance(row["day"], date)}
    axis = {"format": "%-d %b", "labelOverlap": True, "grid": False, "tickCount": min(len(days), 8)}
    return {"field": "day", "type": "temporal", "timeUnit": "utcyearmonthdate", "title": None, "axis": axis}


def shown(title: str, field: str = "shown") -> Spec:
    """A line of a tooltip: a text as it stands."""
    return {"field": field, "type": "nominal", "title": title}


def framed(values: Sequence[Mapping[str, Any]], height: int, **drawn: Any) -> Spec:
    """A specification over these values, as wide as its place."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"values": list(values)},
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        **drawn,
    }
