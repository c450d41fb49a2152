"""A cost is money, people's time or goods. A shared one is divided to the last minor unit, and no part of it is lost.

What sits on a campaign is divided over its partners. What sits on the brand, or on a partner without a campaign, is
first divided over the campaigns that ran on its day: all of them, or those that the partner takes part in. In equal
parts, or by the revenue credited where that is asked and there is any. What finds nobody stays where it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

from tracker.domain.money import allot, round_half_up

MINUTES_AN_HOUR = 60

Cell = tuple[str | None, str | None]
"""A campaign and a partner, by id; None where a figure belongs to none."""


class Kind(StrEnum):
    """What was paid for."""

    FEE = "fee"
    GIFT = "gift"
    HOURS = "hours"
    PRODUCTION = "production"
    AGENCY = "agency"
    AMPLIFICATION = "amplification"
    OTHER = "other"


class Resource(StrEnum):
    """What was spent: money, people's time, goods, or commissions, which come in by themselves."""

    MONEY = "money"
    PEOPLE = "people"
    GOODS = "goods"
    COMMISSIONS = "commissions"


class Spread(StrEnum):
    """How a shared cost is divided."""

    EQUAL = "equal"
    REVENUE = "revenue"


@dataclass(frozen=True, slots=True)
class Cost:
    """Something spent on a day, in minor units of the brand's currency, on whatever is not None."""

    id: str
    kind: Kind
    amount: int
    spent_on: date
    campaign_id: str | None = None
    partner_id: str | None = None
    spread: Spread = Spread.EQUAL


@dataclass(frozen=True, slots=True)
class Push:
    """A campaign as far as costs know it: its days, both included and open where None, and who takes part."""

    id: str
    starts_on: date | None
    ends_on: date | None
    partners: tuple[str, ...]

    def runs_on(self, day: date) -> bool:
        """Whether the day is one of its own."""
        return (self.starts_on is None or self.starts_on <= day) and (self.ends_on is None or day <= self.ends_on)


def resource_of(kind: Kind) -> Resource:
    """What a cost of that kind consumes."""
    return {Kind.HOURS: Resource.PEOPLE, Kind.GIFT: Resource.GOODS}.get(kind, Resource.MONEY)


def price_of_time(minutes: int, rate: int) -> int:
    """What the time cost in minor units, at `rate` minor units an hour: minutes / 60 × rate, rounded half up, once."""
    return round_half_up(Fraction(minutes * rate, MINUTES_AN_HOUR))


def placed(cost: Cost, pushes: Sequence[Push], credited: Mapping[Cell, int]) -> dict[Cell, int]:
    """Where the parts of `cost` lie; their sum is its amount. `credited` is the net revenue by which some are divided.

    Parts left over go by largest remainder, ties to the campaign and the partner that stand first.
    """
    found: dict[Cell, int] = {}
    for campaign, amount in _over_campaigns(cost, pushes, credited).items():
        for partner, part in _over_partners(cost, campaign, amount, pushes, credited).items():
            found[campaign, partner] = part
    return found


def _over_campaigns(cost: Cost, pushes: Sequence[Push], credited: Mapping[Cell, int]) -> dict[str | None, int]:
    if cost.campaign_id is not None:
        return {cost.campaign_id: cost.amount}
    running = [push.id for push in pushes if push.runs_on(cost.spent_on) and cost.partner_id in (None, *push.partners)]
    earned = {
        campaign: sum(
            amount
            for (of, partner), amount in credited.items()
            if of == campaign and cost.partner_id in (None, partner)
        )
        for campaign in running
    }
    return _divided(cost.amount, running, earned, cost.spread) or {None: cost.amount}


def _over_partners(
    cost: Cost, campaign: str | None, amount: int, pushes: Sequence[Push], credited: Mapping[Cell, int]
) -> dict[str | None, int]:
    if cost.partner_id is not None:
        return {cost.partner_id: amount}
    partners = next((push.partners for push in pushes if push.id == campaign), ())
    earned = {partner: credited.get((campaign, partner), 0) for partner in partners}
    return _divided(amount, partners, earned, cost.spread) or {None: amount}


def _divided(amount: int, among: Sequence[str], earned: Mapping[str, int], spread: Spread) -> dict[str | None, int]:
    """`amount` in parts, one for each of `among`; nothing where there is nobody."""
    total = sum(earned.values())
    if spread is Spread.REVENUE and total > 0:
        weights = [Fraction(earned[one], total) for one in among]
    else:
        weights = [Fraction(1, len(among)) for _ in among]
    return dict(zip(among, allot(amount, weights), strict=True)) if among else {}
