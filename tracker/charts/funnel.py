"""From views to orders, a bar a step; lengths by powers, for a view is a thousand times as frequent as an order."""

from __future__ import annotations

from tracker.charts._spec import Rows, Spec, Words, framed

LABEL = "How many see, like, click and buy"
_HOW_MANY = "How many"
SAID = (_HOW_MANY,)
_STEPS = (("views", "Views"), ("likes", "Likes"), ("clicks", "Clicks"), ("orders", "Orders"))


def spec(rows: Rows, words: Words) -> Spec | None:
    """The steps of the total that are known, or of the only row; None for fewer than two."""
    whole = next((row for row in rows if row["what"] == "total"), rows[0] if len(rows) == 1 else None)
    if whole is None:
        return None
    values = [{"step": words.say(title), "value": whole[key]} for key, title in _STEPS if whole[key] is not None]
    if len(values) < 2:
        return None
    step = {"field": "step", "type": "nominal", "sort": None, "title": None}
    count = {"field": "value", "type": "quantitative"}
    length = {**count, "scale": {"type": "symlog"}, "axis": None, "title": None}
    tooltip = [{**step, "title": " "}, {**count, "format": ",", "title": words.say(_HOW_MANY)}]
    bars = {"mark": {"type": "bar", "cornerRadiusEnd": 3}, "encoding": {"tooltip": tooltip}}
    figures = {
        "mark": {"type": "text", "align": "left", "dx": 6},
        "encoding": {"text": {**count, "format": ","}},
    }
    return framed(values, 38 * len(values), encoding={"y": step, "x": length}, layer=[bars, figures])
