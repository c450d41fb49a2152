"""The colours, letters and locale that a picture is seen in: on light or dark screens, or in print."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from babel import Locale

from tracker.charts._spec import Spec

_SANS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'


@dataclass(frozen=True, slots=True)
class Theme:
    """The same tokens as the style sheet's; a test holds the two together."""

    ink: str
    soft: str
    line: str
    influence: str
    affiliate: str
    rest: str
    warn: str
    good: str
    bad: str
    font: str = _SANS


LIGHT = Theme("#1e1b24", "#625d6b", "#e2dfd8", "#7440e6", "#0d8a80", "#b9b4ab", "#8a5300", "#1d6f42", "#a62a2a")
DARK = Theme("#ece9f2", "#a8a2b5", "#33303c", "#a585ff", "#45c4b8", "#5c5866", "#f0c06a", "#7fd6a2", "#ff9b93")
PRINT = replace(LIGHT, font="Libertinus Serif")
THEMES = {"light": LIGHT, "dark": DARK}


def config(theme: Theme, locale: Locale) -> Spec:
    """What a specification is seen with; its colours by the order of a scale's domain."""
    text = {"labelColor": theme.soft, "titleColor": theme.soft, "labelFontSize": 11, "titleFontSize": 11}
    return {
        "aria": False,
        "background": None,
        "font": theme.font,
        "view": {"stroke": None},
        "axis": {
            **text,
            "domain": False,
            "ticks": False,
            "gridColor": theme.line,
            "titleFontWeight": "normal",
            "labelPadding": 6,
        },
        "legend": {**text, "orient": "top", "title": None, "symbolType": "square", "labelLimit": 200},
        "text": {"color": theme.ink, "fontSize": 11},
        "bar": {"color": theme.influence},
        "line": {"strokeWidth": 2},
        "point": {"size": 70, "opacity": 0.85},
        "style": {"target": {"stroke": theme.ink, "color": theme.ink, "fill": theme.ink}},
        "range": {
            "category": [theme.influence, theme.affiliate, theme.rest, theme.warn, theme.good, theme.bad],
            "ordinal": [theme.rest, theme.influence],
        },
        "locale": _locale(locale),
    }


def _locale(locale: Locale) -> dict[str, Any]:
    symbols = locale.number_symbols["latn"]
    months, days = locale.months["format"], locale.days["format"]

    def from_sunday(names: Any) -> list[str]:
        return [names[(index - 1) % 7] for index in range(7)]

    return {
        "number": {"decimal": symbols["decimal"], "thousands": symbols["group"], "grouping": [3], "currency": ["", ""]},
        "time": {
            "dateTime": "%x %X",
            "date": "%Y-%m-%d",
            "time": "%H:%M:%S",
            "periods": ["AM", "PM"],
            "days": from_sunday(days["wide"]),
            "shortDays": from_sunday(days["abbreviated"]),
            "months": [months["wide"][number] for number in range(1, 13)],
            "shortMonths": [months["abbreviated"][number] for number in range(1, 13)],
        },
    }
