"""Counts along the days, a line each."""

from __future__ import annotations

from collections.abc import Sequence

from tracker.charts._spec import Rows, Spec, Words, days_axis, framed


def lines(rows: Rows, words: Words, named: Sequence[tuple[str, str]]) -> Spec | None:
    """A line a key of `named`, with its title. None for fewer than two days."""
    drawn = [(key, words.say(title)) for key, title in named if any(row[key] is not None for row in rows)]
    if len(rows) < 2 or not drawn:
        return None
    values = [
        {"day": row["day"].isoformat(), "what": title, "value": float(row[key])}
        for row in rows
        for key, title in drawn
        if row[key] is not None
    ]
    names = [title for _, title in drawn]
    count = {"field": "value", "type": "quantitative", "title": None}
    day = {"field": "day", "type": "temporal", "timeUnit": "utcyearmonthdate", "format": "%-d %B %Y",
           "title": words.say("Day")}  # fmt: skip
    return framed(values, 200, mark={"type": "line", "point": True}, encoding={
        "x": days_axis(rows),
        "y": {**count, "axis": {"tickCount": 4, "format": ",~f"}},
        "color": {"field": "what", "type": "nominal", "scale": {"domain": names}},
        "tooltip": [day, {"field": "what", "type": "nominal", "title": " "}, {**count, "format": ",", "title": " "}],
    })  # fmt: skip
