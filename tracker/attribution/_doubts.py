"""What is said beside the incremental shares, so that nobody takes them for more than they are."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Doubt(StrEnum):
    """What speaks against taking the incremental shares at their word."""

    CONFOUNDING = "confounding"
    EXTRAPOLATED_BASELINE = "extrapolated_baseline"
    SYNERGY = "synergy"
    RECENCY = "recency"
    NEGATIVE_SHARE = "negative_share"


SENTENCES: Mapping[Doubt, str] = {
    Doubt.CONFOUNDING: (
        "Whether people who would have bought anyway also saw more cannot be told from journeys. Experiments can."
    ),
    Doubt.EXTRAPOLATED_BASELINE: (
        "No journey without touches was recorded, so the sales without any touch are extrapolated, not observed."
    ),
    Doubt.SYNERGY: (
        "Some touches do more, or less, together than the model adds up. How these shares are split between them is "
        "uncertain."
    ),
    Doubt.RECENCY: (
        "Which touch came last makes a difference that the model does not know. Touches close to the order may be "
        "given too little or too much."
    ),
    Doubt.NEGATIVE_SHARE: (
        "Journeys with some of these touches brought fewer orders than without them: their share is below zero."
    ),
}
