"""A tier is how many follow a partner: nano < 10 000 ≤ micro < 100 000 ≤ macro ≤ 1 000 000 < mega."""

from __future__ import annotations

from enum import StrEnum

MICRO_FROM = 10_000
MACRO_FROM = 100_000
MACRO_TO = 1_000_000

# A brand can follow so many people one by one; from the next one on we say so, and forbid nothing.
PORTFOLIO = 12


class Tier(StrEnum):
    """The tiers, the smallest first."""

    NANO = "nano"
    MICRO = "micro"
    MACRO = "macro"
    MEGA = "mega"


TITLES = {Tier.NANO: "Nano", Tier.MICRO: "Micro", Tier.MACRO: "Macro", Tier.MEGA: "Mega"}


def tier_of(followers: int | None) -> Tier | None:
    """The tier of a partner with so many followers; None where nobody has said how many."""
    if followers is None:
        return None
    if followers < MICRO_FROM:
        return Tier.NANO
    if followers < MACRO_FROM:
        return Tier.MICRO
    return Tier.MACRO if followers <= MACRO_TO else Tier.MEGA


def place_of(tier: Tier | None) -> int:
    """Where a tier stands in a list: the smallest first, the unknown one last."""
    return len(Tier) if tier is None else list(Tier).index(tier)
