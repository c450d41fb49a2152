"""What other rules would have made of past orders: who gains, who loses, in money, and the orders behind it.

Amounts are minor units, kept apart by currency. What is compared is who has a credit and of how much: an order whose
net value is nothing can change hands too.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from tracker.domain.credits import Credit
from tracker.domain.journeys import Journey
from tracker.domain.money import decimal_string
from tracker.domain.reasons import RULE_SENTENCES, SENTENCES, Reason, Rule

Holder = tuple[str, str]
"""A partner and the channel of the credit."""

Shares = Mapping[Holder, int]
"""Who has what of an order, in minor units."""

WEIGHS_OTHERWISE = "The same touchpoints may earn, and weigh otherwise."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What rules make of an order: the model that pays, the judgement, and who has what."""

    model: str
    journey: Journey
    shares: Shares


@dataclass(frozen=True, slots=True)
class Move:
    """What changes for a partner in a channel: minor units before and after, None for no credit at all.

    `reason` says why one who loses may not earn (so much) under the other rules, or why one who gains may not as it
    stands; None where the same touchpoints weigh otherwise.
    """

    partner_id: str
    channel: str
    before: int | None
    after: int | None
    reason: Reason | None

    @property
    def difference(self) -> int:
        """What is gained, negative for what is lost."""
        return (self.after or 0) - (self.before or 0)

    @property
    def gains(self) -> bool:
        """Whether it is a gain: more money, or a credit of nothing where there was none."""
        return (self.difference, self.before is None) > (0, False)

    @property
    def why(self) -> str:
        """The reason in a sentence."""
        return SENTENCES[self.reason] if self.reason else WEIGHS_OTHERWISE


@dataclass(frozen=True, slots=True)
class Difference:
    """An order that would have been credited otherwise: the rule that fired and the paying model, before and after."""

    order_id: str
    number: str
    placed_at: datetime
    currency: str
    net: int
    rule_before: Rule
    rule_after: Rule
    model_before: str
    model_after: str
    moves: tuple[Move, ...]

    @property
    def moved(self) -> int:
        """How much money changes hands, is newly credited or no longer credited, in minor units."""
        return max(
            sum(move.difference for move in self.moves if move.difference > 0),
            -sum(move.difference for move in self.moves if move.difference < 0),
        )


@dataclass(frozen=True, slots=True)
class Order:
    """What a comparison says of an order beside its credits."""

    id: str
    number: str
    placed_at: datetime
    currency: str
    net: int


@dataclass(slots=True)
class Tally:
    """What a partner or a channel has of all orders in one currency. An order counts once, however it is shared."""

    before: int = 0
    after: int = 0
    orders_before: int = 0
    orders_after: int = 0
    gained: int = 0
    lost: int = 0

    @property
    def difference(self) -> int:
        """What is gained, negative for what is lost."""
        return self.after - self.before

    def count(self, before: int | None, after: int | None) -> None:
        """An order of which the subject has so much; None for no credit at all."""
        self.before += before or 0
        self.after += after or 0
        self.orders_before += before is not None
        self.orders_after += after is not None
        self.gained += before is None and after is not None
        self.lost += before is not None and after is None


@dataclass(slots=True)
class Total:
    """All orders of one currency: how many, their net value, how much of it is credited to anybody, what changes."""

    orders: int = 0
    net: int = 0
    before: int = 0
    after: int = 0
    changed: int = 0
    newly_attributed: int = 0
    no_longer_attributed: int = 0
    moved: int = 0

    @property
    def difference(self) -> int:
        """What is credited more, negative for less."""
        return self.after - self.before


Key = tuple[str, str]
"""A partner's id or a channel, and a currency."""


@dataclass(slots=True)
class Comparison:
    """Orders as they stand against other rules, one after the other.

    Of the orders that change, the `keep` with the most money moved are remembered, for each currency; with `about` only
    those in which that partner gains or loses. `waiting` counts orders left out: they are due to be credited anew.
    """

    keep: int = 1000
    about: str | None = None
    waiting: int = 0
    totals: dict[str, Total] = field(default_factory=dict)
    partners: dict[Key, Tally] = field(default_factory=dict)
    channels: dict[Key, Tally] = field(default_factory=dict)
    _kept: dict[str, list[tuple[int, int, Difference]]] = field(default_factory=dict)
    _turn: count[int] = field(default_factory=count)

    @property
    def orders(self) -> int:
        """How many orders were compared."""
        return sum(total.orders for total in self.totals.values())

    @property
    def changed(self) -> int:
        """How many of them would have been credited otherwise."""
        return sum(total.changed for total in self.totals.values())

    def count(self, order: Order, before: Shares, after: Shares) -> None:
        """An order, with who has what of it."""
        total = self.totals.setdefault(order.currency, Total())
        total.orders += 1
        total.net += order.net
        total.before += sum(before.values())
        total.after += sum(after.values())
        total.newly_attributed += not before and bool(after)
        total.no_longer_attributed += bool(before) and not after
        for tallies, part in ((self.partners, 0), (self.channels, 1)):
            was, will = _by(part, before), _by(part, after)
            for subject in was.keys() | will.keys():
                tally = tallies.setdefault((subject, order.currency), Tally())
                tally.count(was.get(subject), will.get(subject))

    def add(self, difference: Difference) -> None:
        """An order that changes, which was counted before."""
        total = self.totals[difference.currency]
        total.changed += 1
        total.moved += difference.moved
        if self.about is not None and all(move.partner_id != self.about for move in difference.moves):
            return
        kept = self._kept.setdefault(difference.currency, [])
        entry = (difference.moved, -next(self._turn), difference)
        if len(kept) < self.keep:
            heapq.heappush(kept, entry)
        elif kept:
            heapq.heappushpop(kept, entry)

    def differences(self) -> list[Difference]:
        """The orders that were remembered, by currency, the most money moved first."""
        return [entry[2] for _, kept in sorted(self._kept.items()) for entry in sorted(kept, reverse=True)]


def shares_of(journey: Journey, credits: Iterable[Credit]) -> dict[Holder, int]:
    """Who has what of an order."""
    shares: dict[Holder, int] = {}
    for credit in credits:
        touch = journey.touches[credit.position]
        holder = (touch.partner_id, touch.channel)
        shares[holder] = shares.get(holder, 0) + credit.amount
    return shares


def difference(order: Order, before: Outcome, after: Outcome) -> Difference:
    """What changes in an order, and for each who gains or loses the reason."""
    holders = sorted(before.shares.keys() | after.shares.keys())
    moves = (_move(holder, before, after) for holder in holders)
    return Difference(
        order.id,
        order.number,
        order.placed_at,
        order.currency,
        order.net,
        before.journey.rule,
        after.journey.rule,
        before.model,
        after.model,
        tuple(move for move in moves if move.before != move.after),
    )


def _move(holder: Holder, before: Outcome, after: Outcome) -> Move:
    was, will = before.shares.get(holder), after.shares.get(holder)
    gains = (will or 0, will is not None) > (was or 0, was is not None)
    return Move(*holder, was, will, _hindrance(before.journey if gains else after.journey, holder))


def _hindrance(journey: Journey, holder: Holder) -> Reason | None:
    """Why the holder may not earn in this journey, the latest touchpoint first; None where one of his may."""
    touches = [touch for touch in journey.touches if (touch.partner_id, touch.channel) == holder]
    if any(touch.earns for touch in touches):
        return journey.reason
    for touch in reversed(touches):
        return touch.reason
    lost = (
        finding.reason
        for finding in reversed(journey.findings)
        if (finding.candidate.partner_id, finding.candidate.channel) == holder and finding.reason
    )
    return next(lost, journey.reason)


def _by(part: int, shares: Shares) -> dict[str, int]:
    """The shares of an order by partner (0) or by channel (1)."""
    found: dict[str, int] = {}
    for holder, amount in shares.items():
        found[holder[part]] = found.get(holder[part], 0) + amount
    return found


# --- plain values ----------------------------------------------------------------------------------------------------


def as_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain JSON values, amounts as decimal strings of their currency."""
    return {
        "orders": comparison.orders,
        "changed": comparison.changed,
        "waiting": comparison.waiting,
        "totals": [_total(currency, total) for currency, total in sorted(comparison.totals.items())],
        "partners": [_tally("partner", *named) for named in ranked(comparison.partners)],
        "channels": [_tally("channel", *named) for named in ranked(comparison.channels)],
        "differences": [_difference(one) for one in comparison.differences()],
    }


def ranked(tallies: Mapping[Key, Tally]) -> list[tuple[str, str, Tally]]:
    """Subject, currency and tally: by currency, who gains most first, who loses most last."""
    rows = [(subject, currency, tally) for (subject, currency), tally in tallies.items()]
    return sorted(rows, key=lambda row: (row[1], -row[2].difference, row[0]))


def _amounts(currency: str, **amounts: int | None) -> dict[str, str | None]:
    return {name: None if value is None else decimal_string(value, currency) for name, value in amounts.items()}


def _total(currency: str, total: Total) -> dict[str, Any]:
    amounts = {name: getattr(total, name) for name in ("net", "before", "after", "difference", "moved")}
    return {
        "currency": currency,
        "orders": total.orders,
        **_amounts(currency, **amounts),
        "changed": total.changed,
        "newly_attributed": total.newly_attributed,
        "no_longer_attributed": total.no_longer_attributed,
    }


def _tally(name: str, subject: str, currency: str, tally: Tally) -> dict[str, Any]:
    return {
        name: subject,
        "currency": currency,
        **_amounts(currency, before=tally.before, after=tally.after, difference=tally.difference),
        "orders_before": tally.orders_before,
        "orders_after": tally.orders_after,
        "orders_gained": tally.gained,
        "orders_lost": tally.lost,
    }


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "order": one.order_id,
        "number": one.number,
        "placed_at": one.placed_at.isoformat(),
        "currency": one.currency,
        **_amounts(one.currency, net=one.net, moved=one.moved),
        "before": {"rule": one.rule_before.value, "why": RULE_SENTENCES[one.rule_before], "model": one.model_before},
        "after": {"rule": one.rule_after.value, "why": RULE_SENTENCES[one.rule_after], "model": one.model_after},
        "moves": [_move_json(one.currency, move) for move in one.moves],
    }


def _move_json(currency: str, move: Move) -> dict[str, Any]:
    return {
        "partner": move.partner_id,
        "channel": move.channel,
        **_amounts(currency, before=move.before, after=move.after, difference=move.difference),
        "reason": move.reason.value if move.reason else None,
        "why": move.why,
    }
