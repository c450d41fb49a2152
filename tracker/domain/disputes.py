"""A dispute is open until the brand answers it; its answer is words, since credit follows from facts alone."""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum

DAYS_TO_ANSWER = 14


class DisputeState(StrEnum):
    """Where a dispute stands."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REFUSED = "refused"


def due_on(opened_on: date) -> date:
    """The last day on which the brand should answer."""
    return opened_on + timedelta(days=DAYS_TO_ANSWER)
