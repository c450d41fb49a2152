"""An order is a fold of its events: the same order comes out whatever the sequence and however often each arrives.

An event is one thing a shop told us, in our words and without personal data. Events are facts and are only added.
`fold` is a function of the *set* of events: it sorts before it looks, keeps one event per key, and lets each figure be
decided by the version (the shop's own time of the state it describes), never by the time of arrival.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fractions import Fraction

from tracker.domain.money import round_half_up


class Status(StrEnum):
    """Where an order stands. Only a paid one earns; a pending one shows what it would."""

    PENDING = "pending"
    PAID = "paid"
    CANCELLED = "cancelled"
    DELETED = "deleted"


# Two states with the same version: the later step of an order's life wins.
_RANK = {Status.PENDING: 0, Status.PAID: 1, Status.CANCELLED: 2, Status.DELETED: 3}


class RefundStatus(StrEnum):
    """Whether the money of a refund moved."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Amounts:
    """What an order was worth before refunds, in minor units of its currency.

    `goods` is what the buyer paid for the goods after discounts, without tax and shipping; `total` is all that the
    buyer paid. They need not add up with `tax` and `shipping`: shops round, and publish samples that do not.
    """

    total: int
    goods: int
    tax: int = 0
    shipping: int = 0
    discount: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole order as the shop described it at `version`.

    `refunded` is a cumulative figure where the shop gives one (None where it does not): everything refunded up to
    `version`. `codes` is None where this body cannot know the codes. Click ids are collected over all bodies.
    """

    status: Status
    currency: str
    amounts: Amounts
    placed_at: datetime
    number: str = ""
    test: bool = False
    refunded: int | None = None
    codes: tuple[str, ...] | None = None
    click_ids: tuple[str, ...] = ()
    customer: str | None = None
    source: str = ""
    landing: str = ""


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund. `amount` is in minor units of the order's currency, taxes and shipping included."""

    refund_id: str
    amount: int
    status: RefundStatus = RefundStatus.DONE


@dataclass(frozen=True, slots=True)
class RefundTotal:
    """Everything refunded up to the event's version, where a shop says it outside a snapshot."""

    amount: int


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A change of status told without the rest of the order: paid, cancelled, deleted, restored (pending or paid)."""

    status: Status
    restored: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """Click ids or codes that reached us apart from the order itself."""

    click_ids: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


Change = Snapshot | Refund | RefundTotal | StatusChange | Evidence


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One change to one order of one shop.

    `key` identifies the event within the shop, so that a second arrival is no second event. `version` is the shop's
    own time of the state described, aware UTC.
    """

    external_id: str
    key: str
    version: datetime
    change: Change


@dataclass(frozen=True, slots=True)
class Order:
    """What the events say together. Amounts are minor units of `currency`; `net` is what may be credited."""

    status: Status
    test: bool
    currency: str
    total: int
    goods: int
    tax: int
    shipping: int
    discount: int
    refunded: int
    net: int
    placed_at: datetime
    version: datetime
    number: str = ""
    codes: tuple[str, ...] = ()
    click_ids: tuple[str, ...] = ()
    customer: str | None = None
    source: str = ""
    landing: str = ""
    flags: tuple[str, ...] = field(default=())

    @property
    def earns(self) -> bool:
        """Whether credits of this order are due: paid, and not a test."""
        return self.status is Status.PAID and not self.test


NET_FORMULA = "goods_less_refunds_v1"


def net_of(goods: int, total: int, refunded: int) -> int:
    """Formula `goods_less_refunds_v1`: goods × (total − refunded) / total, rounded half up once, never below zero.

    A refund covers tax and shipping too, so it takes the same proportion of the goods as of the whole. An order of
    total zero has nothing to give.
    """
    if total <= 0 or goods <= 0:
        return 0
    return round_half_up(Fraction(goods * max(total - refunded, 0), total))


def fold(events: Iterable[OrderEvent]) -> Order | None:
    """The order that these events of one external id describe, or None while no snapshot has arrived."""
    unique = {event.key: event for event in sorted(events, key=_stable)}
    ordered = sorted(unique.values(), key=_stable)
    snapshots = [(event, event.change) for event in ordered if isinstance(event.change, Snapshot)]
    if not snapshots:
        return None
    latest_event, latest = max(snapshots, key=lambda pair: (pair[0].version, _RANK[pair[1].status], pair[0].key))
    refunded = _refunded(ordered)
    amounts = latest.amounts
    flags = []
    if refunded > amounts.total:
        flags.append("refunded_over_total")
    if latest.source:
        flags.append(f"source:{latest.source}")
    return Order(
        status=_status(ordered),
        test=any(change.test for _, change in snapshots),
        currency=latest.currency,
        total=amounts.total,
        goods=amounts.goods,
        tax=amounts.tax,
        shipping=amounts.shipping,
        discount=amounts.discount,
        refunded=refunded,
        net=net_of(amounts.goods, amounts.total, refunded),
        placed_at=min(change.placed_at for _, change in snapshots),
        version=latest_event.version,
        number=_latest_known(snapshots, "number") or "",
        codes=_codes(ordered, snapshots),
        click_ids=_click_ids(ordered),
        customer=_latest_known(snapshots, "customer"),
        source=latest.source,
        landing=_latest_known(snapshots, "landing") or "",
        flags=tuple(flags),
    )


def _stable(event: OrderEvent) -> tuple[datetime, str]:
    return (event.version, event.key)


def _latest_known(snapshots: list[tuple[OrderEvent, Snapshot]], name: str) -> str | None:
    known = [value for _, change in snapshots if (value := getattr(change, name))]
    return known[-1] if known else None


def _status(ordered: list[OrderEvent]) -> Status:
    """The latest word on the status; a deletion holds until the shop says that the order was restored."""
    words: list[tuple[datetime, int, str, Status, bool]] = []
    for event in ordered:
        change = event.change
        if isinstance(change, Snapshot | StatusChange):
            restored = isinstance(change, StatusChange) and change.restored
            words.append((event.version, _RANK[change.status], event.key, change.status, restored))
    deleted = [word for word in words if word[3] is Status.DELETED]
    if deleted:
        restorations = [word for word in words if word[4] and word[0] >= deleted[-1][0]]
        if not restorations:
            return Status.DELETED
        words = [word for word in words if word[3] is not Status.DELETED]
    return max(words)[3]


def _refunded(ordered: list[OrderEvent]) -> int:
    """Cumulative figures replace, single refunds add, and the later of both kinds completes the earlier.

    The base is the latest cumulative figure. A refund that the base cannot have seen (its version is later) is added;
    one that failed after the base counted it is taken away again.
    """
    totals: list[tuple[datetime, int, str]] = []
    history: dict[str, list[tuple[datetime, str, Refund]]] = {}
    for event in ordered:
        change = event.change
        if isinstance(change, Snapshot) and change.refunded is not None:
            totals.append((event.version, change.refunded, event.key))
        elif isinstance(change, RefundTotal):
            totals.append((event.version, change.amount, event.key))
        elif isinstance(change, Refund):
            history.setdefault(change.refund_id, []).append((event.version, event.key, change))
    since, base, _ = max(totals) if totals else (None, 0, "")
    refunded = base
    for states in history.values():
        before = [state for state in states if since is not None and state[0] <= since]
        counted = before[-1][2] if before and before[-1][2].status is RefundStatus.DONE else None
        _, _, now = states[-1]
        now_amount = now.amount if now.status is RefundStatus.DONE else 0
        refunded += now_amount - (counted.amount if counted else 0)
    return max(refunded, 0)


def _codes(ordered: list[OrderEvent], snapshots: list[tuple[OrderEvent, Snapshot]]) -> tuple[str, ...]:
    known = [change.codes for _, change in snapshots if change.codes is not None]
    told = list(known[-1]) if known else []
    for event in ordered:
        if isinstance(event.change, Evidence):
            told.extend(event.change.codes)
    return tuple(dict.fromkeys(told))


def _click_ids(ordered: list[OrderEvent]) -> tuple[str, ...]:
    told: list[str] = []
    for event in ordered:
        if isinstance(event.change, Snapshot | Evidence):
            told.extend(event.change.click_ids)
    return tuple(dict.fromkeys(told))
