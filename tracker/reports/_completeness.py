"""How much of what each shop sold has arrived: its own count of a day against the orders received of that day.

Every order counts by the day it was placed, whatever became of it; tests do not. A day on which more arrived than the
shop counted makes good for no other. A day of which the shop told nothing is in no figure of completeness.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.ledger.figures import Line
from tracker.ledger.inbox import State
from tracker.ledger.tables import InboxRow, OrderRow, Shop, ShopCount
from tracker.reports import _rolled
from tracker.reports._shape import Scope

ENOUGH = Fraction(98, 100)
"""Below this completeness the overview says so."""


@dataclass(frozen=True, slots=True)
class Day:
    """What the shop counted on a day, and what was received of it."""

    day: date
    told: int
    received: int

    @property
    def missing(self) -> int:
        """Orders that the shop counted and that did not arrive."""
        return max(0, self.told - self.received)


@dataclass(frozen=True, slots=True)
class ShopHealth:
    """A shop's days. `received` is of all days, told or not; `states` counts its deliveries that are not done."""

    shop: Shop
    received: int
    days: Sequence[Day]
    last_delivery: datetime | None
    states: Mapping[str, int]

    @property
    def told(self) -> int | None:
        """What the shop counted itself; None where it never told."""
        return sum(day.told for day in self.days) if self.days else None

    @property
    def missing(self) -> int | None:
        """Orders that did not arrive, of the days that the shop told."""
        return sum(day.missing for day in self.days) if self.days else None

    @property
    def completeness(self) -> Fraction | None:
        """The share of the shop's own count that arrived; None where it never told, or counted nothing."""
        return completeness([self])

    @property
    def gaps(self) -> list[Day]:
        """The days of which orders are missing."""
        return [day for day in self.days if day.missing]


def completeness(shops: Iterable[ShopHealth]) -> Fraction | None:
    """(Told − missing) / told, of all the days that these shops told."""
    days = [day for shop in shops for day in shop.days]
    told = sum(day.told for day in days)
    return metrics.share(told - sum(day.missing for day in days), told)


def of_shops(session: Session, scope: Scope) -> list[ShopHealth]:
    """The brand's shops by name, over the scope's days."""
    shops = session.execute(select(Shop).where(Shop.brand_id == scope.brand_id).order_by(Shop.name, Shop.id)).scalars()
    received, told, states = _received(session, scope), _told(session, scope), _states(session, scope.brand_id)
    return [
        ShopHealth(
            shop=shop,
            received=sum(count for (of, _), count in received.items() if of == shop.id),
            days=[Day(day, count, received.get((of, day), 0)) for (of, day), count in told.items() if of == shop.id],
            last_delivery=_last_delivery(session, shop.id),
            states=states.get(shop.id, {}),
        )
        for shop in shops
    ]


def recent(session: Session, brand_id: str, today: date) -> dict[str, tuple[int, int]]:
    """By shop, the orders placed today and within the seven days that end today; tests are left out."""
    query = (
        select(OrderRow.shop_id, func.sum(case((OrderRow.placed_day == today, 1), else_=0)), func.count())
        .where(OrderRow.brand_id == brand_id, OrderRow.placed_day > today - timedelta(days=7))
        .where(OrderRow.placed_day <= today, OrderRow.test.is_(False), OrderRow.status.is_not(None))
        .group_by(OrderRow.shop_id)
    )
    return {row[0]: (int(row[1]), int(row[2])) for row in session.execute(query)}


def _received(session: Session, scope: Scope) -> dict[tuple[str, date], int]:
    lines = _rolled.asked(session, _rolled.whole(scope), _arrived)
    return {(shop_id, date.fromisoformat(day)): count for shop_id, day, count in lines}


@_rolled.additive("arrived", 2, by_channel=False)
def _arrived(session: Session, scope: Scope) -> Iterable[Line]:
    query = (
        select(OrderRow.shop_id, OrderRow.placed_day, func.count())
        .where(OrderRow.brand_id == scope.brand_id, OrderRow.status.is_not(None), OrderRow.test.is_(False))
        .where(OrderRow.placed_day >= scope.start, OrderRow.placed_day <= scope.end)
        .group_by(OrderRow.shop_id, OrderRow.placed_day)
    )
    return [(shop_id, day.isoformat(), int(count)) for shop_id, day, count in session.execute(query) if day is not None]


def _told(session: Session, scope: Scope) -> dict[tuple[str, date], int]:
    query = (
        select(ShopCount.shop_id, ShopCount.day, ShopCount.orders)
        .join(Shop, Shop.id == ShopCount.shop_id)
        .where(Shop.brand_id == scope.brand_id, ShopCount.day >= scope.start, ShopCount.day <= scope.end)
        .order_by(ShopCount.day)
    )
    return {(row[0], row[1]): int(row[2]) for row in session.execute(query)}


def _states(session: Session, brand_id: str) -> dict[str, dict[str, int]]:
    open_ones = (State.PENDING, State.QUARANTINED, State.ANOMALY, State.FAILED)
    query = (
        select(InboxRow.shop_id, InboxRow.state, func.count())
        .join(Shop, Shop.id == InboxRow.shop_id)
        .where(Shop.brand_id == brand_id, InboxRow.state.in_(open_ones))
        .group_by(InboxRow.shop_id, InboxRow.state)
    )
    found: dict[str, dict[str, int]] = {}
    for shop_id, state, count in session.execute(query):
        found.setdefault(shop_id, {})[state] = int(count)
    return found


def _last_delivery(session: Session, shop_id: str) -> datetime | None:
    """When the last delivery came in; ids are in the order of their making."""
    query = select(InboxRow.received_at).where(InboxRow.shop_id == shop_id).order_by(InboxRow.id.desc()).limit(1)
    return session.execute(query).scalar_one_or_none()
