"""What is owed for an order is a function of what is left of it; rows are only added, and their sum is what is owed.

Three kinds of row lead from one sum to the next: the accrual, a reversal (money went back) and an adjustment (late
truth moved the credit). An order that is pending, cancelled, deleted or a test owes nothing; what was accrued before is
reversed. So is all of a whole refund, and an order of net 0 never owed anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Any

from tracker.domain.money import round_half_up


class Kind(StrEnum):
    """Why a row was added."""

    ACCRUAL = "accrual"
    REVERSAL = "reversal"
    ADJUSTMENT = "adjustment"


class State(StrEnum):
    """Where a row stands: in its hold, free to be paid, paid. In the alphabet each step comes after the one before."""

    PENDING = "pending"
    APPROVED = "approved"
    PAID = "paid"


@dataclass(frozen=True, slots=True)
class Rate:
    """What a sale is worth to a partner: a share of the partner's credit, or a flat amount an order in minor units."""

    share: Fraction = Fraction(0)
    flat: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The rate as it is stored: {"percent": "15/2"} or {"flat": 500}."""
        return {"percent": str(self.share * 100)} if self.flat is None else {"flat": self.flat}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Rate:
        """The rate that `to_json` kept."""
        return cls(flat=stored["flat"]) if "flat" in stored else cls(Fraction(stored["percent"]) / 100)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a partner is paid for new and for returning customers, and how long it is held.

    `assist` is a share of the order's net value, paid on top for an order in whose journey the partner stands without
    any credit. `currency` is that of the flat amounts: they are owed for orders in that currency alone, and are never
    converted.
    """

    new: Rate
    returning: Rate
    currency: str
    hold: timedelta = timedelta(0)
    assist: Fraction = Fraction(0)

    def rate(self, *, new_customer: bool) -> Rate:
        """The rate for this kind of customer."""
        return self.new if new_customer else self.returning

    def concern(self, share: Share, currency: str | None, *, new_customer: bool) -> bool:
        """Whether these terms can say what the share is worth: flat amounts cannot, of an order in another currency."""
        if not share.weight:
            return share.assisted and self.assist > 0
        return self.rate(new_customer=new_customer).flat is None or currency == self.currency

    def to_json(self) -> dict[str, Any]:
        """The settings as they are stored; currency and hold are columns of their own."""
        settings = {"new": self.new.to_json(), "returning": self.returning.to_json()}
        return settings | ({"assist": str(self.assist * 100)} if self.assist else {})

    @classmethod
    def from_json(cls, settings: Mapping[str, Any], currency: str, hold_days: int) -> Terms:
        """The terms that a stored row means."""
        return cls(
            new=Rate.from_json(settings["new"]),
            returning=Rate.from_json(settings["returning"]),
            currency=currency,
            hold=timedelta(days=hold_days),
            assist=Fraction(settings.get("assist", "0")) / 100,
        )


@dataclass(frozen=True, slots=True)
class Offer:
    """One version of terms, with whom and what it is for (None: all of them) and since when."""

    id: str
    partner_id: str | None
    campaign_id: str | None
    valid_from: datetime
    terms: Terms


def pick(offers: Iterable[Offer], partner_id: str, campaign_id: str | None, at: datetime) -> Offer | None:
    """The offer in force at `at`: the most specific one, and of that the latest version. None where there is none.

    Partner and campaign go before partner, partner before campaign, campaign before the brand's own.
    """
    fitting = [
        offer
        for offer in offers
        if offer.valid_from <= at
        and offer.partner_id in (None, partner_id)
        and offer.campaign_id in (None, campaign_id)
    ]
    return max(fitting, key=_rank, default=None)


def _rank(offer: Offer) -> tuple[bool, bool, datetime, str]:
    return (offer.partner_id is not None, offer.campaign_id is not None, offer.valid_from, offer.id)


@dataclass(frozen=True, slots=True)
class Sale:
    """What is left of an order: its net value, and what that would be had nothing been given back. Minor units.

    Both are 0 while the order earns nothing.
    """

    currency: str | None = None
    net: int = 0
    whole: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """A partner's part of an order under the paying model: credit in minor units and its weight, a share of 1.

    `assisted` says that the partner stands in the journey.
    """

    credit: int = 0
    weight: Fraction = Fraction(0)
    assisted: bool = False


def due(terms: Terms, share: Share, sale: Sale, *, new_customer: bool) -> int:
    """The commission on what is left, in minor units of the order's currency; rounded half up, once.

    Percent: rate × credit, which is already the partner's part of the net value of now. Flat: amount × weight × net
    value of now / net value before refunds. Assist: rate × net value of now.
    """
    if not sale.net or not sale.whole or not terms.concern(share, sale.currency, new_customer=new_customer):
        return 0
    if not share.weight:
        return round_half_up(terms.assist * sale.net)
    rate = terms.rate(new_customer=new_customer)
    if rate.flat is None:
        return round_half_up(rate.share * share.credit)
    return round_half_up(rate.flat * share.weight * Fraction(sale.net, sale.whole))


@dataclass(frozen=True, slots=True)
class Row:
    """A change of what is owed to one partner for one order, `number` from 1. `credit` and `net` are its grounds."""

    number: int
    kind: Kind
    amount: int
    currency: str
    credit: int = 0
    net: int = 0


def next_row(rows: Sequence[Row], due_now: int, currency: str, credit: int = 0, net: int = 0) -> Row | None:
    """The row that brings the sum of those in `currency` to `due_now`; None where it is that already.

    A lower sum is a reversal where the order is worth less than when it was last reckoned; else the credit moved.
    """
    known = [row for row in rows if row.currency == currency]
    change = due_now - sum(row.amount for row in known)
    if not change:
        return None
    lost = change < 0 and bool(known) and net < known[-1].net
    kind = Kind.REVERSAL if lost else Kind.ADJUSTMENT if known else Kind.ACCRUAL
    return Row(len(rows) + 1, kind, change, currency, credit, net)


def rows_to_add(rows: Sequence[Row], terms: Terms | None, share: Share, sale: Sale, *, new_customer: bool) -> list[Row]:
    """What is to be added so that each currency's rows sum to what is due in it; without terms nothing is due.

    An order whose currency was corrected owes nothing in the old one.
    """
    added: list[Row] = []
    for currency in sorted({row.currency for row in rows} | ({sale.currency} if sale.currency else set())):
        current = currency == sale.currency
        due_now = due(terms, share, sale, new_customer=new_customer) if terms and current else 0
        grounds = (share.credit, sale.net) if current else (0, 0)
        row = next_row([*rows, *added], due_now, currency, *grounds)
        added += [row] if row else []
    return added


def hold_ends(placed_at: datetime, hold: timedelta, now: datetime) -> datetime:
    """When a row of `now` may be paid: the hold begins at the sale, and what comes after it is not held again."""
    return max(placed_at + hold, now)
