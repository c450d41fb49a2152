"""When a model gives nothing, and why: an estimate that chance could turn round is worse than none.

A learned model wants enough journeys to learn from. Rules only divide what is there, and always answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tracker.attribution._shape import Model, Rule

if TYPE_CHECKING:  # pages show these sentences without loading numpy
    from tracker.attribution._paths import Paths


class Reason(StrEnum):
    """Why a model gives nothing."""

    LOW_COVERAGE = "low_coverage"
    TOO_FEW_JOURNEYS = "too_few_journeys"
    TOO_FEW_CONVERSIONS = "too_few_conversions"
    NO_NULLS = "no_nulls"
    CANNOT = "cannot"


REFUSALS: Mapping[Reason, str] = {
    Reason.LOW_COVERAGE: (
        "Of too few orders is the journey known: %(have)s of them, and this model wants %(need)s. Orders with a code "
        "alone have none."
    ),
    Reason.TOO_FEW_JOURNEYS: "There are too few journeys to learn from: %(have)s, and this model wants %(need)s.",
    Reason.TOO_FEW_CONVERSIONS: (
        "There are too few journeys with an order to learn from: %(have)s, and this model wants %(need)s."
    ),
    Reason.NO_NULLS: "No journey without an order is known, and this model learns from the difference.",
    Reason.CANNOT: "The model cannot work with these journeys: %(why)s.",
}


@dataclass(frozen=True, slots=True)
class Minimum:
    """Below which a learned model is silent: journeys with a touch, those of them with an order, and the share of
    orders whose journey is known. A name in fewer than `of_a_name` journeys with an order is shown, but not ranked."""

    journeys: float = 200
    conversions: float = 30
    of_a_name: float = 10
    coverage: float = 0.5


@dataclass(frozen=True, slots=True)
class Refusal:
    """A model gives nothing, and why: `values` are what its sentence in REFUSALS names."""

    reason: Reason
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The reason in English."""
        return REFUSALS[self.reason] % self.values

    def to_json(self) -> dict[str, Any]:
        return {"reason": self.reason.value, "sentence": self.sentence, "values": dict(self.values)}


def refusal(model: Model, paths: Paths, coverage: float | None, minimum: Minimum) -> Refusal | None:
    """Why this model gives nothing for these paths; None where it does. A rule never refuses."""
    if isinstance(model, Rule):
        return None
    touched = paths.lengths > 0
    conversions, nulls = float(paths.conversions[touched].sum()), float(paths.nulls[touched].sum())
    if coverage is not None and coverage < minimum.coverage:
        return Refusal(Reason.LOW_COVERAGE, {"have": f"{coverage:.0%}", "need": f"{minimum.coverage:.0%}"})
    if conversions + nulls < minimum.journeys:
        return _few(Reason.TOO_FEW_JOURNEYS, conversions + nulls, minimum.journeys)
    if conversions < minimum.conversions:
        return _few(Reason.TOO_FEW_CONVERSIONS, conversions, minimum.conversions)
    if getattr(model, "NEEDS_NULLS", False) and not nulls:
        return Refusal(Reason.NO_NULLS)
    return None


def _few(reason: Reason, have: float, need: float) -> Refusal:
    return Refusal(reason, {"have": f"{have:.0f}", "need": f"{need:.0f}"})
