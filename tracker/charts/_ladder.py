"""Orders by the words of a report's first column, in its order: how they are spread."""

from __future__ import annotations

from tracker.charts._spec import Rows, Spec, Words, framed, of_first_currency


def ladder(rows: Rows, words: Words, key: str, title: str) -> Spec | None:
    """A column a word; None where no order is there."""
    kept = [row for row in of_first_currency(rows) if row[key] not in ("total", "∑")]
    whole = sum(row["orders"] for row in kept)
    if not whole:
        return None
    values = [
        {"step": words.word(str(row[key])), "value": row["orders"], "share": row["orders"] / whole} for row in kept
    ]
    step = {"field": "step", "type": "nominal", "sort": None, "title": words.say(title)}
    orders = {"field": "value", "type": "quantitative", "title": words.say("Orders")}
    share = {"field": "share", "type": "quantitative", "format": ".1%", "title": words.say("Share")}
    return framed(values, 190, mark={"type": "bar", "cornerRadiusEnd": 3}, encoding={
        "x": {**step, "axis": {"labelAngle": 0, "labelLimit": 90, "labelOverlap": True, "grid": False}},
        "y": {**orders, "axis": {"tickCount": 4, "format": ",~f", "tickMinStep": 1}},
        "tooltip": [step, {**orders, "format": ","}, share],
    })  # fmt: skip
