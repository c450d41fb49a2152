"""Where a goal stands day by day: what there is, and what was expected."""

from __future__ import annotations

from tracker.charts._lines import lines
from tracker.charts._spec import Rows, Spec, Words

LABEL = "What there is and what was expected, day by day"


def spec(rows: Rows, words: Words) -> Spec | None:
    """Rows of `day`, `actual` and `expected`, in the unit of the goal; what is not known yet is None."""
    return lines(rows, words, (("actual", "Actual"), ("expected", "Expected")), dashed="expected")
