"""How many orders of a day a shop counts itself: what came in is held against it. What is told later replaces."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated

from pydantic import Field, ValidationError
from sqlalchemy import delete, select

from tracker.catalog import Desk, brands
from tracker.catalog._csv_lines import Line
from tracker.catalog.fields import Count, Input, Output, When, problems
from tracker.errors import BadInput, say
from tracker.ledger import bulk, catalog
from tracker.ledger.tables import Shop, ShopCount

FIELDS = ("day", "orders")
BY_HAND, FROM_FILE, BY_PROGRAM = "manual", "csv", "api"
MOST = 1000


class DayCount(Input):
    """A day of the brand's time zone, and how many orders the shop counts on it: all, cancelled ones too, no tests."""

    day: When
    orders: Annotated[Count, Field(le=10**7)]


class NewCounts(Input):
    """What a shop counts, day by day."""

    counts: Annotated[tuple[DayCount, ...], Field(min_length=1, max_length=MOST)]


class CountView(Output):
    """What a shop counted on a day, who told it (manual, csv, api) and when."""

    day: date
    orders: int
    source: str
    told_at: datetime


class CountList(Output):
    """A shop's counts, the latest day first."""

    data: list[CountView]


class RefusedCount(Output):
    """A line that is not taken, and why. The header is line 1."""

    line: int
    reason: str


class CountImport(Output):
    """What a file comes to."""

    applied: bool
    days: int
    refused: list[RefusedCount]


def tell(desk: Desk, shop_id: str, wanted: NewCounts, source: str = BY_HAND) -> CountList:
    """Note what a shop counts; of a day told before, what is told now holds. Raises NotFound, BadInput for a day to
    come.
    """
    shop = catalog.one(desk.session, Shop, desk.brand_id, shop_id, lock=True)
    found = {day: one.orders for one in wanted.counts for day in [_day(desk, one)]}
    _write(desk, shop.id, found, source)
    return every(desk, shop_id)


def bring(desk: Desk, shop_id: str, lines: Sequence[Line], *, apply: bool) -> CountImport:
    """The same of the lines of a file that are good; without `apply` only say what that would do."""
    shop = catalog.one(desk.session, Shop, desk.brand_id, shop_id, lock=apply)
    found: dict[date, int] = {}
    refused = []
    for line in lines:
        try:
            one = _wanted(line)
            found[_day(desk, one)] = one.orders
        except BadInput as error:
            refused.append(RefusedCount(line=line.number, reason=f"{error.field}: {error}"))
    if apply:
        _write(desk, shop.id, found, FROM_FILE)
    return CountImport(applied=apply, days=len(found), refused=refused)


def every(desk: Desk, shop_id: str) -> CountList:
    """What a shop counted, the latest day first. Raises NotFound."""
    shop = catalog.one(desk.session, Shop, desk.brand_id, shop_id)
    query = select(ShopCount).where(ShopCount.shop_id == shop.id).order_by(ShopCount.day.desc()).limit(MOST)
    rows = desk.session.execute(query).scalars()
    return CountList(
        data=[CountView(day=row.day, orders=row.orders, source=row.source, told_at=row.told_at) for row in rows]
    )


def _wanted(line: Line) -> DayCount:
    try:
        return DayCount.model_validate(dict(line.cells))
    except ValidationError as error:
        raise BadInput(*problems(error)[0]) from None


def _day(desk: Desk, one: DayCount) -> date:
    if isinstance(one.day, datetime):
        raise BadInput("day", "want a day such as 2026-03-31")
    today = desk.now.astimezone(brands.zone_of(desk)).date()
    if one.day > today:
        raise BadInput("day", say("%(day)s is still to come", day=one.day.isoformat()))
    return one.day


def _write(desk: Desk, shop_id: str, found: dict[date, int], source: str) -> None:
    """The shop's row is locked, so that nobody tells the same day meanwhile."""
    days = sorted(found)
    for start in range(0, len(days), 500):
        desk.session.execute(
            delete(ShopCount).where(ShopCount.shop_id == shop_id, ShopCount.day.in_(days[start : start + 500])),
            execution_options={"synchronize_session": False},
        )
    rows = [
        {"shop_id": shop_id, "day": day, "orders": found[day], "source": source, "told_at": desk.now} for day in days
    ]
    bulk.insert_rows(desk.session, ShopCount, rows)
