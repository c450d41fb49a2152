"""What an estimate consists of: plain values that become JSON for storage, pages and the API.

Conversions are journeys with an order, values are minor units; neither is rounded to whole ones, since both are
estimates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tracker.attribution._doubts import SENTENCES, Doubt
from tracker.attribution._refusals import Refusal


@dataclass(frozen=True, slots=True)
class Stability:
    """The share of replicates in which the same name comes first, and in which the whole sequence is the same."""

    top: float
    sequence: float


@dataclass(frozen=True, slots=True)
class Figure:
    """An estimate and the bounds of its 95 % interval."""

    estimate: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        return {"estimate": _plain(self.estimate), "low": _plain(self.low), "high": _plain(self.high)}


@dataclass(frozen=True, slots=True)
class NameEstimate:
    """What a model gives to a name, and whether the name has orders enough to be ranked."""

    name: str
    conversions: Figure
    value: Figure | None
    removal_effect: float | None
    ranked: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "conversions": self.conversions.to_json(),
            "value": _json(self.value),
            "removal_effect": None if self.removal_effect is None else _plain(self.removal_effect),
            "ranked": self.ranked,
        }


@dataclass(frozen=True, slots=True)
class ModelEstimate:
    """A model's answer: a refusal and nothing else, or an estimate for each name and for the baseline."""

    model: str
    title: str
    version: int
    additive: bool
    may_pay: bool
    refusal: Refusal | None = None
    names: tuple[NameEstimate, ...] = ()
    baseline_conversions: Figure | None = None
    baseline_value: Figure | None = None
    stability: Stability | None = None
    warnings: tuple[Doubt, ...] = ()
    caveat: str | None = None

    def to_json(self) -> dict[str, Any]:
        stability = self.stability
        return {
            "model": self.model,
            "title": self.title,
            "version": self.version,
            "additive": self.additive,
            "may_pay": self.may_pay,
            "refusal": None if self.refusal is None else self.refusal.to_json(),
            "names": [one.to_json() for one in self.names],
            "baseline": {"conversions": _json(self.baseline_conversions), "value": _json(self.baseline_value)},
            "stability": stability and {"top": _plain(stability.top), "sequence": _plain(stability.sequence)},
            "warnings": [{"warning": one.value, "sentence": SENTENCES[one]} for one in self.warnings],
            "caveat": self.caveat,
        }


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the most that any additive model that answered gives to a name."""

    name: str
    conversions: tuple[float, float]
    value: tuple[float, float] | None

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "conversions": [_plain(bound) for bound in self.conversions],
            "value": None if self.value is None else [_plain(bound) for bound in self.value],
        }


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the models make of a period: `journeys` and `conversions` it had, by name whatever the names stand for."""

    journeys: float
    conversions: float
    value: float
    coverage: float | None
    replicates: int
    by_customer: bool
    models: tuple[ModelEstimate, ...]
    ranges: tuple[Range, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values, in the sequence in which the models were asked."""
        return {
            "journeys": _plain(self.journeys),
            "conversions": _plain(self.conversions),
            "value": _plain(self.value),
            "coverage": None if self.coverage is None else _plain(self.coverage),
            "replicates": self.replicates,
            "by_customer": self.by_customer,
            "models": [one.to_json() for one in self.models],
            "ranges": [one.to_json() for one in self.ranges],
        }


def _json(figure: Figure | None) -> dict[str, float] | None:
    return None if figure is None else figure.to_json()


def _plain(figure: float) -> float:
    """Six decimals: JSON knows no infinity, and nobody an estimate to the last bit."""
    return round(figure, 6) if math.isfinite(figure) else 0.0
