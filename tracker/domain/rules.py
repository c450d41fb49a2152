"""What decides who earns is data: a rule set is a versioned value, and an order keeps the version of its sale time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from enum import StrEnum
from typing import Any

# Clocks of shops and trackers disagree: a click dated this much after its order may still have led to it.
SKEW = timedelta(seconds=60)

# No touchpoint older than this is ever looked for, whatever a rule set says.
LONGEST_WINDOW = timedelta(days=365)

DEFAULT_WINDOW = timedelta(days=30)


class BetweenPartners(StrEnum):
    """Who may earn where one partner's code meets another partner's click."""

    CODE_WINS = "code_wins"
    CLICK_WINS = "click_wins"
    SHARED = "shared"


class SeveralCodes(StrEnum):
    """Whose codes count where an order carries codes of several partners."""

    FIRST = "first"
    SHARE = "share"


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings in force for an order.

    `windows` are lookback windows by kind ("click") or kind and channel ("click:affiliate"); a code needs none, it is
    used at the order. Orders from `excluded_sources` (a till, a marketplace, a draft made by staff) are recorded and
    credited to nobody. `models` holds the settings of a model where they differ from the model's own, as text.
    """

    version: int = 1
    windows: Mapping[str, timedelta] = field(default_factory=lambda: {"click": DEFAULT_WINDOW})
    between_partners: BetweenPartners = BetweenPartners.CODE_WINS
    several_codes: SeveralCodes = SeveralCodes.FIRST
    since_previous_order: bool = True
    excluded_sources: tuple[str, ...] = ("draft", "marketplace", "pos")
    paying_model: str = "last_click"
    models: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def window(self, kind: str, channel: str) -> timedelta:
        """How long before the order a touchpoint of this kind and channel may lie, boundary included."""
        return self.windows.get(f"{kind}:{channel}", self.windows.get(kind, DEFAULT_WINDOW))

    def of_model(self, name: str, defaults: Mapping[str, str]) -> dict[str, str]:
        """The settings of the model `name`: its defaults, with what this rule set says instead."""
        return {**defaults, **self.models.get(name, {})}

    def to_json(self) -> dict[str, Any]:
        """The settings as they are stored; the version is the row's business. Windows are in seconds."""
        return {
            "windows": {name: int(window.total_seconds()) for name, window in self.windows.items()},
            "between_partners": self.between_partners.value,
            "several_codes": self.several_codes.value,
            "since_previous_order": self.since_previous_order,
            "excluded_sources": sorted(self.excluded_sources),
            "paying_model": self.paying_model,
            "models": {name: dict(settings) for name, settings in self.models.items()},
        }

    @classmethod
    def from_json(cls, version: int, settings: Mapping[str, Any]) -> Rules:
        """The rules a stored row means; what it does not say is as in this class. Raises ValueError."""
        known = dict(settings)
        if "windows" in known:
            known["windows"] = {name: _window(name, seconds) for name, seconds in known["windows"].items()}
        if "excluded_sources" in known:
            known["excluded_sources"] = tuple(known["excluded_sources"])
        if unknown := known.keys() - {one.name for one in fields(cls)}:
            raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
        for name, kind in (("between_partners", BetweenPartners), ("several_codes", SeveralCodes)):
            if name in known:
                known[name] = _one_of(name, kind, known[name])
        return cls(version=version, **known)


def _one_of(name: str, kind: type[StrEnum], value: str) -> StrEnum:
    if value not in set(kind):
        raise ValueError(f"{name}: want {', '.join(kind)}")
    return kind(value)


def _window(name: str, seconds: int) -> timedelta:
    window = timedelta(seconds=seconds)
    if not timedelta(0) < window <= LONGEST_WINDOW:
        raise ValueError(f"window {name}: want from a second to {LONGEST_WINDOW.days} days")
    return window
