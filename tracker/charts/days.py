"""Net revenue a day, stacked by channel."""

from __future__ import annotations

from tracker.charts._spec import Rows, Spec, Words, days_axis, framed, major, of_first_currency, shown

LABEL = "Net revenue a day, by channel"
_CHANNELS = ("influence", "affiliate", "unattributed")


def spec(rows: Rows, words: Words) -> Spec | None:
    """A column a day of the first currency; None where nothing was sold."""
    kept = of_first_currency(rows)
    if not any(row["revenue"] for row in kept):
        return None
    currency, names = str(kept[0]["currency"]), [words.word(channel) for channel in _CHANNELS]
    values = [
        {
            "day": day,
            "channel": name,
            "place": place,
            "value": major(row[channel] or 0, currency),
            "shown": words.money(row[channel] or 0, currency),
            "whole": whole,
        }
        for row in kept
        for day, whole in [(row["day"].isoformat(), words.money(row["revenue"], currency))]
        for place, (channel, name) in enumerate(zip(_CHANNELS, names, strict=True))
    ]
    day = {"field": "day", "type": "temporal", "timeUnit": "utcyearmonthdate", "format": "%-d %B %Y",
           "title": words.say("Day")}  # fmt: skip
    return framed(values, 200, mark={"type": "bar", "width": {"band": 0.8}}, encoding={
        "x": days_axis(kept),
        "y": {"field": "value", "type": "quantitative", "title": f"{words.say('Net revenue')} ({currency})",
              "axis": {"tickCount": 4, "format": ",~f"}},
        "color": {"field": "channel", "type": "nominal", "scale": {"domain": names}},
        "order": {"field": "place", "type": "quantitative"},
        "tooltip": [day, shown(words.say("Channel"), "channel"), shown(words.say("Net revenue")),
                    shown(words.word("total"), "whole")],
    })  # fmt: skip
