"""A picture of a report: its specification for browsers, the same as SVG for paper and for pages without script.

Drawing an SVG starts a JavaScript engine in the process, once: 0.2 seconds and 130 MB, then 50 ms a picture. Pages do
not draw; only who asks for a picture or a paper pays.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from babel import Locale

from tracker import plugins
from tracker.charts._spec import Chart, Rows, Spec, Words
from tracker.charts._themes import PRINT, THEMES, Theme, config

WIDE = 760  # units of an SVG


@dataclass(frozen=True, slots=True)
class Picture:
    """A specification without its theme, and what it shows, in the reader's language."""

    label: str
    spec: Spec
    locale: Locale

    def themed(self, theme: Theme) -> Spec:
        """The specification as it is seen in a theme, with a width of its own."""
        return {**self.spec, "width": WIDE, "config": config(theme, self.locale)}

    def for_browsers(self) -> Spec:
        """The specification and the themes between which a browser chooses."""
        return {"spec": self.spec, "themes": {name: config(theme, self.locale) for name, theme in THEMES.items()}}


def picture(name: str, rows: Rows, words: Words) -> Picture | None:
    """The picture of the report called `name` over `rows`; None where it has none, or there is nothing to see."""
    chart = cast("Chart | None", plugins.discover("tracker.charts").get(name))
    spec = chart.spec(rows, words) if chart and rows else None
    return None if chart is None or spec is None else Picture(words.say(chart.LABEL), spec, words.locale)


def sentences() -> list[str]:
    """What pictures show and say, in English."""
    found = plugins.discover("tracker.charts").values()
    return [said for chart in found for said in (str(chart.LABEL), *getattr(chart, "SAID", ()))]


def svg(found: Picture, theme: Theme = PRINT) -> str:
    """The picture as SVG."""
    return _rendered(json.dumps(found.themed(theme), sort_keys=True))


@lru_cache(maxsize=64)
def _rendered(spec: str) -> str:
    import vl_convert  # noqa: PLC0415  (a JavaScript engine that pages do not need)

    return str(vl_convert.vegalite_to_svg(json.loads(spec)))
