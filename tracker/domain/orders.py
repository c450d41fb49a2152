"""An order is a fold of its events: the same order comes out whatever the sequence and however often each arrives.

An event is one thing a shop told us, in our words and without personal data. Events are facts and are only added.
`fold` is a function of the *set* of events: it sorts before it looks, and lets each figure be decided by the version
(the shop's own time of the state it describes), never by the time of arrival.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from fractions import Fraction
from typing import Any

from tracker.domain.ids import derived_id
from tracker.domain.money import EXPONENTS, round_half_up
from tracker.errors import say


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


_REFUND_RANK = {RefundStatus.PENDING: 0, RefundStatus.DONE: 1, RefundStatus.FAILED: 2}


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
    """The whole order as the shop described it at the event's version.

    `refunded` is a cumulative figure where the shop gives one (None where it does not): everything refunded up to the
    version. `codes` is None where this body cannot know the codes. Click ids are collected over all bodies, and so are
    `marks`, the traces of other marketing (see `domain.marks`). `source` is empty for the shop's own web checkout, else
    pos, draft, marketplace, or the shop's own word. `region` is where the goods went (see `regions`). `flags` are
    remarks of the reader, such as a field it could not use.
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
    flags: tuple[str, ...] = ()
    region: str | None = None
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund, taxes and shipping included, in minor units of `currency`.

    Some bodies do not name the currency: then `currency` is empty and the order's own is meant; where even the scale is
    not known, `digits` is the number of decimal digits that `amount` was written with. `apart` marks what no cumulative
    figure of the shop includes, such as a chargeback.
    """

    refund_id: str
    amount: int
    status: RefundStatus = RefundStatus.DONE
    currency: str = ""
    digits: int | None = None
    apart: bool = False


@dataclass(frozen=True, slots=True)
class RefundTotal:
    """Everything refunded up to the event's version, where a shop says it outside a snapshot."""

    amount: int
    currency: str = ""


@dataclass(frozen=True, slots=True)
class RefundFloor:
    """At least so much was refunded, at a moment nobody told: a lower bound, never added to what is known."""

    amount: int
    currency: str = ""


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A change of status told without the rest of the order: paid, cancelled, deleted."""

    status: Status


@dataclass(frozen=True, slots=True)
class Restored:
    """A deleted order is there again; its status is what its other events say."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Click ids or codes that reached us apart from the order itself."""

    click_ids: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


Change = Snapshot | Refund | RefundTotal | RefundFloor | StatusChange | Restored | Evidence


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One change to one order of one shop; made by `order_event`.

    `key` identifies the event within the order, so that a second arrival is no second event. `version` is the shop's
    own time of the state described, aware UTC.
    """

    external_id: str
    key: str
    version: datetime
    change: Change


def order_event(external_id: str, version: datetime, change: Change) -> OrderEvent:
    """The event, under a key that is a digest of all it says: what says the same is the same, by whatever delivery."""
    utc = version.astimezone(UTC)
    stored = change_to_json(change)
    text = json.dumps(stored, sort_keys=True, separators=(",", ":"))
    return OrderEvent(external_id, f"{stored['kind']}:{derived_id(utc.isoformat(), text)}", utc, change)


# --- how a change is kept --------------------------------------------------------------------------------------------

_KINDS: dict[str, type[Any]] = {
    "snapshot": Snapshot,
    "refund": Refund,
    "refund_total": RefundTotal,
    "refund_floor": RefundFloor,
    "status": StatusChange,
    "restored": Restored,
    "evidence": Evidence,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def change_to_json(change: Change) -> dict[str, Any]:
    """`change` as JSON values under its `kind`; what has its default is left out, so that fields may be added later."""
    stored: dict[str, Any] = {"kind": _NAMES[type(change)]}
    for field in fields(change):
        value = getattr(change, field.name)
        if field.default is MISSING or value != field.default:
            stored[field.name] = _plain(value)
    return stored


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Amounts):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return list(value) if isinstance(value, tuple) else value


def _maybe_tuple(value: list[Any] | None) -> tuple[Any, ...] | None:
    return None if value is None else tuple(value)


_READ: dict[tuple[type[Any], str], Callable[[Any], Any]] = {
    (Snapshot, "status"): Status,
    (Snapshot, "amounts"): lambda value: Amounts(**value),
    (Snapshot, "placed_at"): datetime.fromisoformat,
    (Snapshot, "codes"): _maybe_tuple,
    (Snapshot, "click_ids"): tuple,
    (Snapshot, "flags"): tuple,
    (Snapshot, "marks"): tuple,
    (Refund, "status"): RefundStatus,
    (StatusChange, "status"): Status,
    (Evidence, "click_ids"): tuple,
    (Evidence, "codes"): tuple,
}


def change_from_json(stored: Mapping[str, Any]) -> Change:
    """The change that `change_to_json` kept. Raises ValueError for a kind or field that this version does not know."""
    kind = _KINDS.get(str(stored.get("kind")))
    if kind is None:
        raise ValueError(say("unknown kind of change: %(value)s", value=repr(stored.get("kind"))))
    values = {name: value for name, value in stored.items() if name != "kind"}
    if unknown := set(values) - {field.name for field in fields(kind)}:
        raise ValueError(
            say("unknown fields of %(stored)s: %(unknown)s", stored=stored["kind"], unknown=sorted(unknown))
        )
    read = {name: _READ.get((kind, name), _same)(value) for name, value in values.items()}
    change: Change = kind(**read)
    return change


def _same(value: Any) -> Any:
    return value


# --- the fold --------------------------------------------------------------------------------------------------------


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
    flags: tuple[str, ...] = ()
    region: str | None = None
    marks: tuple[str, ...] = ()

    @property
    def earns(self) -> bool:
        """Whether credits of this order are due: paid, and not a test. Sources are the rule set's business."""
        return self.status is Status.PAID and not self.test


def goods_less_refunds(goods: int, total: int, refunded: int) -> int:
    """Formula `goods_less_refunds_v1`: goods × (total − refunded) / total, rounded half up once, never below zero.

    A refund covers tax and shipping too, so it takes the same proportion of the goods as of the whole. An order of
    total zero has nothing to give.
    """
    if total <= 0 or goods <= 0:
        return 0
    return round_half_up(Fraction(goods * max(total - refunded, 0), total))


def total_less_refunds(goods: int, total: int, refunded: int) -> int:
    """Formula `total_less_refunds_v1`: all that the buyer paid, tax and shipping included, less refunds, never < 0."""
    return max(total - refunded, 0)


class NetFormula(StrEnum):
    """What of an order may be credited: what its brand's and its own `net_formula` name."""

    GOODS_LESS_REFUNDS = "goods_less_refunds_v1"
    TOTAL_LESS_REFUNDS = "total_less_refunds_v1"


# In minor units, from what the goods cost, what the buyer paid in all and what was given back. A formula never changes
# under its name: a better one is a new version.
FORMULAS: Mapping[str, Callable[[int, int, int], int]] = {
    NetFormula.GOODS_LESS_REFUNDS: goods_less_refunds,
    NetFormula.TOTAL_LESS_REFUNDS: total_less_refunds,
}
NET_FORMULA = NetFormula.GOODS_LESS_REFUNDS


_Told = tuple[OrderEvent, Snapshot]


def fold(events: Iterable[OrderEvent], formula: str = NET_FORMULA) -> Order | None:
    """The order that these events of one external id describe, or None while no snapshot has arrived.

    `formula` is the name in FORMULAS of what its net value is.
    """
    ordered = sorted({event.key: event for event in events}.values(), key=lambda event: (event.version, event.key))
    snapshots = [(event, event.change) for event in ordered if isinstance(event.change, Snapshot)]
    if not snapshots:
        return None
    event, latest = max(snapshots, key=_lateness)
    order = Order(
        status=_status(ordered),
        test=any(told.test for _, told in snapshots),
        currency=latest.currency,
        total=latest.amounts.total,
        goods=latest.amounts.goods,
        tax=latest.amounts.tax,
        shipping=latest.amounts.shipping,
        discount=latest.amounts.discount,
        refunded=0,
        net=0,
        placed_at=min(told.placed_at for _, told in snapshots),
        version=event.version,
        number=_latest_known(snapshots, "number") or "",
        codes=_codes(ordered, snapshots),
        click_ids=_click_ids(ordered),
        customer=_latest_known(snapshots, "customer"),
        source=latest.source,
        landing=_latest_known(snapshots, "landing") or "",
        region=_latest_known(snapshots, "region"),
        flags=latest.flags,
        marks=tuple(dict.fromkeys(mark for _, told in snapshots for mark in told.marks)),
    )
    return _less_refunds(order, _Refunds.among(ordered, latest.currency), formula)


def _lateness(told: _Told) -> tuple[datetime, int, int, str]:
    """Of two states at the same moment: the later step of an order's life, then the one that knows more refunds."""
    event, snapshot = told
    return (event.version, _RANK[snapshot.status], snapshot.refunded or 0, event.key)


def _latest_known(snapshots: Sequence[_Told], name: str) -> str | None:
    known = [value for _, told in snapshots if (value := getattr(told, name))]
    return known[-1] if known else None


def _status(ordered: Sequence[OrderEvent]) -> Status:
    """The latest word on the status; a deletion holds until the shop says that the order was restored."""
    words = [
        (event.version, _RANK[event.change.status], event.change.status)
        for event in ordered
        if isinstance(event.change, Snapshot | StatusChange)
    ]
    deleted = [version for version, _, status in words if status is Status.DELETED]
    restored = [event.version for event in ordered if isinstance(event.change, Restored)]
    if deleted and not (restored and max(restored) >= max(deleted)):
        return Status.DELETED
    living = [word for word in words if word[2] is not Status.DELETED]
    return max(living)[2] if living else Status.PENDING


def _codes(ordered: Sequence[OrderEvent], snapshots: Sequence[_Told]) -> tuple[str, ...]:
    known = [told.codes for _, told in snapshots if told.codes is not None]
    told = list(known[-1]) if known else []
    for event in ordered:
        if isinstance(event.change, Evidence):
            told.extend(event.change.codes)
    return tuple(dict.fromkeys(told))


def _click_ids(ordered: Sequence[OrderEvent]) -> tuple[str, ...]:
    told: list[str] = []
    for event in ordered:
        if isinstance(event.change, Snapshot | Evidence):
            told.extend(event.change.click_ids)
    return tuple(dict.fromkeys(told))


def _less_refunds(order: Order, refunds: _Refunds, formula: str) -> Order:
    refunded = refunds.total()
    flags = list(order.flags)
    if order.source:
        flags.append(f"source:{order.source}")
    if refunded > order.total:
        flags.append("refunded_over_total")
    if refunds.foreign:
        flags.append("refund_in_other_currency")
    net = FORMULAS[formula](order.goods, order.total, refunded)
    return replace(order, refunded=refunded, net=net, flags=tuple(dict.fromkeys(flags)))


@dataclass(frozen=True, slots=True)
class _RefundState:
    """One word about one refund, in minor units of the order's currency."""

    version: datetime
    status: RefundStatus
    amount: int
    apart: bool

    @property
    def rank(self) -> tuple[datetime, int, int]:
        return (self.version, _REFUND_RANK[self.status], self.amount)

    @property
    def moved(self) -> int:
        return self.amount if self.status is RefundStatus.DONE else 0


@dataclass(frozen=True, slots=True)
class _Refunds:
    """All that is known of an order's refunds: the cumulative figures, and the states of each single one."""

    totals: list[tuple[datetime, int]]
    states: dict[str, list[_RefundState]]
    foreign: bool
    floor: int = 0

    @classmethod
    def among(cls, ordered: Sequence[OrderEvent], currency: str) -> _Refunds:
        totals: list[tuple[datetime, int]] = []
        states: dict[str, list[_RefundState]] = {}
        foreign = set()
        floor = 0
        for event in ordered:
            change = event.change
            if isinstance(change, Snapshot):
                if change.refunded is not None and change.currency == currency:
                    totals.append((event.version, change.refunded))
            elif isinstance(change, RefundFloor):
                floor = max(floor, change.amount if change.currency in ("", currency) else 0)
            elif not isinstance(change, Refund | RefundTotal):
                continue
            elif change.currency not in ("", currency):
                foreign.add(change.refund_id if isinstance(change, Refund) else "")
            elif isinstance(change, RefundTotal):
                totals.append((event.version, change.amount))
            else:
                state = _RefundState(event.version, change.status, _in_minor_units(change, currency), change.apart)
                states.setdefault(change.refund_id, []).append(state)
        return cls(totals, states, bool(foreign - states.keys()), floor)

    def total(self) -> int:
        """Cumulative figures replace, single refunds add, and the later of both kinds completes the earlier.

        The base is the latest cumulative figure. A refund that the base cannot have seen (its version is later) is
        added; one that failed after the base counted it is taken away again. What is known to have moved refund by
        refund is never undercut, nor is a floor, and what stands apart is added in any case.
        """
        since, base = max(self.totals, default=(None, 0))
        moved = apart = 0
        for states in self.states.values():
            now = max(states, key=lambda state: state.rank)
            if now.apart:
                apart += now.moved
                continue
            seen = [state for state in states if since is not None and state.version <= since]
            counted = max(seen, key=lambda state: state.rank).moved if seen else 0
            base += now.moved - counted
            moved += now.moved
        return max(base, moved, self.floor) + apart


def _in_minor_units(refund: Refund, currency: str) -> int:
    if refund.digits is None:
        return refund.amount
    return round_half_up(Fraction(refund.amount * 10 ** EXPONENTS[currency], 10**refund.digits))
