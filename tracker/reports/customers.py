"""New customers and returning ones: what they bought, who opened and closed their journeys, what a new one costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, aliased

from tracker.domain import metrics
from tracker.domain.catalog import Channel
from tracker.ledger.figures import Line, added_up
from tracker.ledger.tables import OrderRow, Touch
from tracker.reports import _returns, _rolled
from tracker.reports._crossing import for_each, standing, standing_by
from tracker.reports._parts import in_order, orders_of
from tracker.reports._performance import CURRENCY
from tracker.reports._returns import Books
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 26
GROUP = "Performance"
FILTERS = ("channel", "partner", "campaign")
TITLE = "New and returning customers"
DESCRIPTION = (
    "Paid orders of customers who bought for the first time and of those who came back, by who opened their journeys"
    " and who closed them. Each order counts whole, whoever is credited."
)
EMPTY = "No order was paid."
TOTAL, CLOSED_CHANNEL, OPENED_CHANNEL, CLOSED, OPENED = (
    *("total", "closed_by_channel", "opened_by_channel", "closed_by", "opened_by"),
)
WORDS = {
    CLOSED_CHANNEL: "Closed by channel",
    OPENED_CHANNEL: "Opened by channel",
    CLOSED: "Closed by partner",
    OPENED: "Opened by partner",
}
COLUMNS = (
    Column("what", "What", Kind.WORD, "Openers add up to the orders with a touchpoint, and so do closers."),
    Column("channel", "Channel", Kind.WORD),
    Column("partner_id", "Partner id", Kind.ID),
    Column("partner", "Partner"),
    CURRENCY,
    Column("orders", "Orders", Kind.INTEGER, "Paid orders."),
    Column("new", "New", Kind.INTEGER, "Those that were the customer's first, as far as the brand knows."),
    Column("returning", "Returning", Kind.INTEGER, "Those of a customer who had bought before."),
    Column("unknown", "Unknown", Kind.INTEGER, "Those of which nobody can say: the shop told no customer."),
    Column("share", "Share new", Kind.PERCENT, "New / (new + returning)."),
    Column("new_revenue", "Net, new", Kind.MONEY, "Net value of the orders of new customers."),
    Column("new_aov", "AOV, new", Kind.MONEY, "Their net value / their number."),
    Column("returning_revenue", "Net, returning", Kind.MONEY, "Net value of the orders of returning customers."),
    Column("returning_aov", "AOV, returning", Kind.MONEY, "Their net value / their number."),
    Column("spent", "Spent", Kind.MONEY, "Everything, on whom the row names: money, people, goods and commissions."),
    Column("cpa_new", "CPA, new customers", Kind.MONEY, "Spent / new customers whom the row opened, or closed."),
)

Seat = tuple[str, str | None, str | None]  # what, channel, partner
_TOTAL_SEAT: Seat = (TOTAL, None, None)
_NEWNESS = (True, False, None)
_BY_CHANNEL = {CLOSED: CLOSED_CHANNEL, OPENED: OPENED_CHANNEL}


@dataclass(slots=True)
class Bought:
    """Orders and their net value in minor units, by whether the customer is new: True, False, or None for unknown."""

    orders: dict[bool | None, int]
    net: dict[bool | None, int]

    @classmethod
    def nothing(cls) -> Bought:
        """Before the first order."""
        return cls(dict.fromkeys(_NEWNESS, 0), dict.fromkeys(_NEWNESS, 0))

    def add(self, figures: Sequence[int]) -> None:
        """More orders: their number and net value, of new customers first."""
        for place, is_new in enumerate(_NEWNESS):
            self.orders[is_new] += figures[2 * place]
            self.net[is_new] += figures[2 * place + 1]


def rows(session: Session, scope: Scope) -> list[Row]:
    """By currency, the brand's in front: the total, channels and partners that closed, then those that opened."""
    scope = replace(scope, network=None)  # what is spent has none
    found: dict[tuple[Seat, str], Bought] = {}
    for what, channel, partner, currency, *figures in _rolled.asked(session, scope, _lines):
        for seat in _with_channel(what, channel, partner):
            found.setdefault((seat, currency), Bought.nothing()).add(figures)
    if not found:
        return []
    books = _returns.spending(session, scope)
    currencies, spending = in_order((currency for _, currency in found), books.brand.currency), _spending(books)
    return [
        _row(books, seat, currency, found[seat, currency], spending if currency == books.brand.currency else {})
        for currency in currencies
        for seat in _in_order([seat for seat, other in found if other == currency], found, currency)
    ]


def _with_channel(what: str, channel: str | None, partner: str | None) -> Iterable[Seat]:
    """A kept seat, and the row of its channel in which it counts too."""
    yield what, channel, partner
    if what in _BY_CHANNEL:
        yield _BY_CHANNEL[what], channel, None


def _by_grain(session: Session, scope: Scope, grain: str) -> Iterable[Line]:
    each = standing_by(scope, grain)
    query = _query(scope).join(each, each.c.order_id == OrderRow.id)
    return added_up(
        (
            (only, *seat)
            for only, *line in for_each(session, query, each.c.only)
            for seat in _seated(replace(scope, partner_id=only) if grain == "partner" else scope, line)
        ),
        5,
    )


@_rolled.additive("bought-by-seat", 4, by_grain=_by_grain, grains=("campaign", "partner"))
def _lines(session: Session, scope: Scope) -> Iterable[Line]:
    """By seat and currency: openers with closers would be every pair of partners."""
    return added_up((seat for line in session.execute(_query(scope)) for seat in _seated(scope, line)), 4)


def _query(scope: Scope) -> Select[*tuple[Any, ...]]:
    opener, closer = aliased(Touch), aliased(Touch)
    named = (opener.channel, opener.partner_id, closer.channel, closer.partner_id)
    keys = (*named, OrderRow.currency, OrderRow.customer_is_new)
    return (
        select(*keys, func.count(), func.sum(OrderRow.net))
        .select_from(OrderRow)
        .join(opener, (opener.order_id == OrderRow.id) & opener.opener.is_(True), isouter=True)
        .join(closer, (closer.order_id == OrderRow.id) & closer.closer.is_(True), isouter=True)
        .where(*orders_of(scope), *standing(scope))
        .group_by(*keys)
    )


def _seated(scope: Scope, line: Sequence[Any]) -> Iterable[Line]:
    """Orders alike, in the seats in which they count; a filter on a partner or a channel keeps the seats of theirs."""
    opener, opened_by, closer, closed_by, currency, is_new, orders, net = line
    figures = [number if is_new is one else 0 for one in _NEWNESS for number in (orders, net)]
    yield (*_TOTAL_SEAT, currency, *figures)
    for what, channel, partner in ((CLOSED, closer, closed_by), (OPENED, opener, opened_by)):
        if channel is not None and scope.channel in (None, channel) and scope.partner_id in (None, partner):
            yield (what, channel, partner, currency, *figures)


def _in_order(seats: Sequence[Seat], found: Mapping[tuple[Seat, str], Bought], currency: str) -> list[Seat]:
    """The total, then each kind of row, those with the most new customers first."""
    kinds, channels = (TOTAL, *WORDS), [str(channel) for channel in Channel]

    def rank(seat: Seat) -> tuple[Any, ...]:
        what, channel, partner = seat
        bought = found[seat, currency]
        place = channels.index(channel) if channel in channels else len(channels)
        most = (-bought.orders[True], -bought.net[True], -bought.net[False]) if partner else (place,)
        return (kinds.index(what), *most, str(channel), str(partner))

    return sorted(seats, key=rank)


def _row(books: Books, seat: Seat, currency: str, bought: Bought, spending: Mapping[Seat, int]) -> Row:
    what, channel, partner_id = seat
    partner = books.partners.get(partner_id or "")
    spent = _spent(spending, seat)
    new, returning = bought.orders[True], bought.orders[False]
    return {
        "what": what,
        "channel": channel,
        "partner_id": partner_id,
        "partner": partner.name if partner else None,
        "currency": currency,
        "orders": sum(bought.orders.values()),
        "new": new,
        "returning": returning,
        "unknown": bought.orders[None],
        "share": metrics.share(new, new + returning),
        "new_revenue": bought.net[True],
        "new_aov": metrics.whole_units(metrics.average_order_value(bought.net[True], new)),
        "returning_revenue": bought.net[False],
        "returning_aov": metrics.whole_units(metrics.average_order_value(bought.net[False], returning)),
        "spent": spent,
        "cpa_new": metrics.whole_units(metrics.cost_per_order(spent, new) if spent else None),
    }


def _spending(books: Books) -> dict[Seat, int]:
    """What was spent in all, on each partner and on the partners of each channel, whoever opened or closed."""
    found: dict[Seat, int] = {}
    for (_, partner_id), spent in books.cells.items():
        partner = books.partners.get(partner_id or "")
        for seat in _seats_of(partner_id, partner.channel if partner else None):
            found[seat] = found.get(seat, 0) + spent.total
    return found


def _seats_of(partner_id: str | None, channel: str | None) -> Iterable[Seat]:
    yield _TOTAL_SEAT
    if channel is not None:
        yield "", channel, None
    if partner_id is not None:
        yield "", None, partner_id


def _spent(spending: Mapping[Seat, int], seat: Seat) -> int | None:
    """What was spent on a row's partner, or on the partners of its channel, or in all; None where nothing was."""
    what, channel, partner_id = seat
    if what == TOTAL:
        return spending.get(_TOTAL_SEAT) or None
    return spending.get(("", None, partner_id) if partner_id is not None else ("", channel, None)) or None
