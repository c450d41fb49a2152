"""Views against sales of each placement: who is seen much and sells little lies low on the right."""

from __future__ import annotations

from tracker.charts._spec import Rows, Spec, Words, framed, major, of_first_currency, shown

LABEL = "Views and net revenue of each placement"
_FORMATS = 6  # colours


def spec(rows: Rows, words: Words) -> Spec | None:
    """A point a placement whose views and sales are both known; None for fewer than two."""
    kept = [row for row in of_first_currency(rows) if row["views"] is not None and row["revenue"] is not None]
    if len(kept) < 2:
        return None
    currency = str(kept[0]["currency"])
    values = [
        {
            "name": row["partner"],
            "where": f"{row['network']}, {words.word(row['format'])}",
            "format": words.word(row["format"]),
            "views": row["views"],
            "value": major(row["revenue"], currency),
            "shown": words.money(row["revenue"], currency),
            "hollow": words.word(row["hollow"]) if row["hollow"] else "–",
        }
        for row in kept
    ]
    views = {"field": "views", "type": "quantitative", "title": words.say("Views")}
    formats = list(dict.fromkeys(value["format"] for value in values))[:_FORMATS]
    return framed(values, 260, mark={"type": "point", "filled": True}, encoding={
        "x": {**views, "scale": {"type": "sqrt"}, "axis": {"tickCount": 5, "format": ",~f"}},
        "y": {"field": "value", "type": "quantitative", "title": f"{words.say('Net revenue')} ({currency})",
              "axis": {"tickCount": 5, "format": ",~f"}},
        "color": {"field": "format", "type": "nominal", "scale": {"domain": formats}},
        "tooltip": [shown(words.say("Partner"), "name"), shown(words.say("Format"), "where"), {**views, "format": ","},
                    shown(words.say("Net revenue")), shown(words.say("Hollow"), "hollow")],
    })  # fmt: skip
