"""Orders by the time from the first click."""

from __future__ import annotations

from tracker.charts._ladder import ladder
from tracker.charts._spec import Rows, Spec, Words

LABEL = "Orders by the time from the first click"


def spec(rows: Rows, words: Words) -> Spec | None:
    """A column a row of the first currency; None where there is no order."""
    return ladder(rows, words, "lag", "Time")
