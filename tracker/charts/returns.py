"""What was spent and what came back for it, a line where the target is."""

from __future__ import annotations

from typing import Any

from tracker.charts._spec import MOST, Rows, Spec, Words, framed, major, shown

LABEL = "Spent and net revenue, with the target"
_AMOUNT = "Amount"
SAID = (_AMOUNT,)
_KINDS = (("spent", "Spent"), ("revenue", "Net revenue"))


def spec(rows: Rows, words: Words) -> Spec | None:
    """Two bars a partner, those who cost or brought most; by campaign where there is no partner."""
    kept = _kept(rows, "partner") or _kept(rows, "campaign")
    if not kept:
        return None
    currency, names = str(kept[0]["currency"]), [words.say(title) for _, title in _KINDS]
    values = [_value(row, key, words.say(title), words) for row in kept for key, title in _KINDS]
    who = {"field": "name", "type": "nominal", "title": None, "sort": None, "axis": {"labelLimit": 130}}
    x = {"type": "quantitative", "title": currency, "axis": {"tickCount": 4, "format": ",~f"}}
    tooltip = [shown(words.say("Partner"), "name"), shown(words.say(_AMOUNT), "kind"), shown(" "),
               shown(words.say("Target"), "aimed")]  # fmt: skip
    bars = {
        "mark": {"type": "bar", "cornerRadiusEnd": 2},
        "encoding": {
            "y": who,
            "yOffset": {"field": "kind", "type": "nominal", "scale": {"domain": names}},
            "x": {**x, "field": "value"},
            "color": {"field": "kind", "type": "nominal", "scale": {"domain": names, "range": "ordinal"}},
            "tooltip": tooltip,
        },
    }
    aim = {
        "transform": [{"filter": "datum.place == 0"}],
        "mark": {"type": "tick", "style": "target", "thickness": 2, "size": 30},
        "encoding": {"y": who, "x": {**x, "field": "target"}, "tooltip": tooltip},
    }
    return framed(values, 42 * len(kept) + 30, layer=[bars, aim])


def _kept(rows: Rows, what: str) -> Rows:
    found = [row for row in rows if row["what"] == what and (row["spent"] or row["revenue"])]
    return sorted(found, key=lambda row: (-max(row["spent"], row["revenue"]), str(row[what])))[:MOST]


def _value(row: Any, key: str, kind: str, words: Words) -> Spec:
    currency, aimed = row["currency"], int(row["target"] * row["spent"])
    return {
        "name": row["partner"] or row["campaign"],
        "kind": kind,
        "place": 0 if key == "spent" else 1,
        "value": major(row[key], currency),
        "shown": words.money(row[key], currency),
        "target": major(aimed, currency),
        "aimed": words.money(aimed, currency),
    }
