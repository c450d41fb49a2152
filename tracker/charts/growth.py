"""How likes, comments, shares and saves grow from one count to the next."""

from __future__ import annotations

from tracker.charts._lines import lines
from tracker.charts._spec import Rows, Spec, Words

LABEL = "Likes, comments, shares and saves as they were counted"
_COUNTERS = (("likes", "Likes"), ("comments", "Comments"), ("shares", "Shares"), ("saves", "Saves"))


def spec(rows: Rows, words: Words) -> Spec | None:
    """A line a counter; views, which are a hundred times as many, are in the table."""
    return lines(rows, words, _COUNTERS)
