"""A year of a brand, the same for the same size: clicks, orders, journeys, credits of every model, commissions, costs.

The rows are those that the pipeline would have written, and keep its laws: credits sum to the order's net value, and
the roll-ups of clicks count the clicks. What no page reads (addresses, bodies of deliveries) is left small.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, cast
from zoneinfo import ZoneInfo

import psycopg
from sqlalchemy import Connection, Engine, Table, inspect, text

from bench import receipts
from tracker.domain.chain import digest
from tracker.domain.credits import Bill
from tracker.domain.ids import derived_id
from tracker.domain.journeys import Touchpoint
from tracker.domain.orders import NET_FORMULA, Status
from tracker.ledger import tables
from tracker.ledger.database import sessions, writing
from tracker.ledger.rules import ensure_rule_set
from tracker.ledger.tables import Base
from tracker.ledger.types import moment_text

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
BORN = NOW - timedelta(days=400)
DAYS = 365
ZONE = ZoneInfo("Europe/Paris")
BRAND, SHOP, HOST, TERMS = derived_id("brand"), derived_id("shop"), "go.example.com", derived_id("terms")
PARTNERS, CAMPAIGNS, PLACEMENTS, LINKS, CODES = 150, 12, 400, 500, 60
NETWORKS = ("instagram", "tiktok", "youtube", "blog")
FORMATS = ("video", "photo", "story", "live", "article")
PAYING = "last_click"
_TERMS = '{"new": {"percent": "10"}, "returning": {"percent": "10"}}'
_BLOCK = 20_000


@dataclass(frozen=True, slots=True)
class Size:
    """How much happened in the year."""

    clicks: int
    orders: int


@dataclass(slots=True)
class Sink:
    """Rows on their way into tables, a block at a time. Values are given as both databases read them from text."""

    connection: Connection
    waiting: dict[type[Base], list[tuple[Any, ...]]] = field(default_factory=dict)
    columns: dict[type[Base], tuple[str, ...]] = field(default_factory=dict)

    def add(self, table: type[Base], **values: Any) -> None:
        """One row; every row of a table names the same columns."""
        self.columns.setdefault(table, tuple(values))
        self.rows(table, self.columns[table], [tuple(values.values())])

    def rows(self, table: type[Base], columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
        """Many rows."""
        self.columns[table] = columns
        waiting = self.waiting.setdefault(table, [])
        waiting.extend(rows)
        if len(waiting) >= _BLOCK:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        for table, rows in self.waiting.items():
            if rows:
                self._write(cast(Table, table.__table__).name, self.columns[table], rows)
                rows.clear()

    def _write(self, table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
        names = ", ".join(columns)
        if self.connection.dialect.name == "sqlite":
            places = ", ".join("?" * len(columns))
            self.connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({places})", rows)
            return
        driver = cast("psycopg.Connection[Any]", self.connection.connection.driver_connection)
        with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def build(engine: Engine, size: Size, say: Callable[[str], None] = print) -> None:
    """Fill an empty, migrated ledger with the year."""
    with writing(sessions(engine)) as session:
        sink = Sink(session.connection())
        _catalog(sink)
        sink.flush()
        ensure_rule_set(session, BRAND, BORN)
        session.flush()
        say("clicks")
        _clicks(sink, size.clicks)
        sink.flush()
        _roll_ups(sink.connection)
        say("orders")
        _Orders(sink, size).write()
        sink.flush()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if engine.dialect.name == "sqlite" else "VACUUM ANALYZE"))


# --- the catalog ------------------------------------------------------------------------------------------------------


@cache
def partner_id(number: int) -> str:
    """The id of a partner, by number."""
    return derived_id("partner", str(number))


@cache
def campaign_id(number: int) -> str:
    """The id of a campaign, by number."""
    return derived_id("campaign", str(number))


@cache
def _link_id(number: int) -> str:
    return derived_id("link", str(number))


@cache
def placement_id(number: int) -> str:
    """The id of a placement, by number."""
    return derived_id("placement", str(number))


def order_id(number: int) -> str:
    """The id of an order, by number."""
    return derived_id("order", str(number))


def channel_of(partner: int) -> str:
    """Two of three partners are influencers."""
    return "affiliate" if partner % 3 == 2 else "influence"


def _link_partner(link: int) -> int:
    return _placement_partner(link % PLACEMENTS)


def _placement_partner(placement: int) -> int:
    return placement * 7 % PARTNERS


def _catalog(sink: Sink) -> None:
    born, dice = moment_text(BORN), random.Random(1)
    sink.add(tables.Brand, id=BRAND, name="Bench", time_zone="Europe/Paris", currency="EUR",
             landing_domains='["shop.example"]', visitor_cookie=True,
             net_formula=NET_FORMULA, created_at=born)  # fmt: skip
    sink.add(tables.TrackingHost, host=HOST, brand_id=BRAND, created_at=born)
    sink.add(tables.Shop, id=SHOP, brand_id=BRAND, name="Shop", platform="shopify", token="t", created_at=born)
    sink.add(tables.Terms, id=TERMS, brand_id=BRAND, scope=BRAND, settings=_TERMS,
             currency="EUR", hold_days=30, valid_from=born, created_at=born)  # fmt: skip
    for number in range(PARTNERS):
        sink.add(tables.Partner, id=partner_id(number), brand_id=BRAND, name=f"Partner {number:03}",
                 channel=channel_of(number), kind="creator" if number % 3 != 2 else ("coupon", "media")[number % 2],
                 followers=dice.choice((2_000, 9_000, 40_000, 90_000, 300_000, 2_000_000)), created_at=born)  # fmt: skip  # noqa: E501
    for number in range(CAMPAIGNS):
        starts = (NOW - timedelta(days=DAYS - number * 30)).date()
        sink.add(tables.Campaign, id=campaign_id(number), brand_id=BRAND, name=f"Campaign {number:02}", utm="{}",
                 starts_on=starts.isoformat(), ends_on=(starts + timedelta(days=60)).isoformat(),
                 budget=5_000_000, created_at=born)  # fmt: skip
    sink.flush()
    for number in range(PLACEMENTS):
        _placement(sink, dice, number, born)
    for number in range(LINKS):
        placement = number % PLACEMENTS
        sink.add(tables.Link, id=_link_id(number), brand_id=BRAND, host=HOST, slug=f"slug{number}",
                 landing_url="https://shop.example/", partner_id=partner_id(_link_partner(number)),
                 campaign_id=campaign_id(placement % CAMPAIGNS), placement_id=placement_id(placement),
                 created_at=born)  # fmt: skip
    for number in range(CODES):
        code = derived_id("code", str(number))
        sink.add(tables.Code, id=code, brand_id=BRAND, text=f"CODE{number}", normal=f"code{number}", created_at=born)
    sink.flush()
    for number in range(CODES):
        code = derived_id("code", str(number))
        sink.add(tables.CodeOwner, id=derived_id("owner", code), code_id=code, partner_id=partner_id(number),
                 campaign_id=campaign_id(number % CAMPAIGNS), valid_from=born, created_at=born)  # fmt: skip


def _placement(sink: Sink, dice: random.Random, number: int, born: str) -> None:
    placement, published = placement_id(number), NOW - timedelta(days=number % 360 + 3)
    sink.add(tables.Placement, id=placement, brand_id=BRAND, partner_id=partner_id(_placement_partner(number)),
             campaign_id=campaign_id(number % CAMPAIGNS), network=NETWORKS[number % 4], format=FORMATS[number % 5],
             published_at=moment_text(published), created_at=born)  # fmt: skip
    views = dice.randrange(1_000, 500_000)
    for week in range(12):
        taken = published + timedelta(days=7 * week + 1)
        if taken < NOW:
            seen = views * (week + 1) // 12
            sink.add(tables.Snapshot, id=derived_id("snapshot", placement, str(week)), brand_id=BRAND,
                     placement_id=placement, taken_at=moment_text(taken), source="form", views=seen, likes=seen // 20,
                     comments=seen // 200, shares=seen // 500, saves=seen // 300, created_at=moment_text(taken))  # fmt: skip  # noqa: E501
    day = published.date().isoformat()
    sink.add(tables.Cost, id=derived_id("cost", placement), brand_id=BRAND,
             campaign_id=campaign_id(number % CAMPAIGNS), partner_id=partner_id(_placement_partner(number)),
             placement_id=placement, kind="fee", amount=dice.randrange(5_000, 200_000), currency="EUR", spent_on=day,
             spread="equal", note="", created_at=born)  # fmt: skip


# --- clicks -----------------------------------------------------------------------------------------------------------

_START = NOW - timedelta(days=DAYS)
_CLICK_COLUMNS = (
    "id", "brand_id", "link_id", "at", "host", "slug", "verdict", "reason", "rules", "gpc", "dnt", "visitor_id",
)  # fmt: skip


def _mixed(number: int) -> int:
    number = (number ^ (number >> 16)) * 0x45D9F3B & 0xFFFFFFFF
    return (number ^ (number >> 16)) * 0x45D9F3B & 0xFFFFFFFF


def _click_link(number: int) -> int:
    """Which link a click is of: few links have most of the clicks."""
    part = _mixed(number) % 1000
    return part * part * LINKS // 1_000_000


def _click_id(number: int) -> str:
    return f"{number:032x}"


def _clicks(sink: Sink, clicks: int) -> None:
    links = [_link_id(number) for number in range(LINKS)]
    step = timedelta(days=DAYS) / clicks
    block: list[tuple[Any, ...]] = []
    for number in range(clicks):
        link, turn = _click_link(number), _mixed(number + 7) % 100
        visitor = f"{_mixed(number // 3):032x}" if turn < 20 else None
        block.append((
            _click_id(number), BRAND, links[link], f"{_at(number, step):%Y-%m-%dT%H:%M:%S.000000+00:00}", HOST, "s",
            "bot" if turn >= 88 else "human", "", 1, False, False, visitor,
        ))  # fmt: skip
        if len(block) == _BLOCK:
            sink.rows(tables.Click, _CLICK_COLUMNS, block)
            block = []
    sink.rows(tables.Click, _CLICK_COLUMNS, block)


def _at(number: int, step: timedelta) -> datetime:
    return _START + step * number


def _roll_ups(connection: Connection) -> None:
    postgresql = connection.dialect.name == "postgresql"
    hour = "date_trunc('hour', at)" if postgresql else "substr(at, 1, 13) || ':00:00.000000+00:00'"
    day = "(hour AT TIME ZONE 'Europe/Paris')::date" if postgresql else "substr(hour, 1, 10)"
    connection.exec_driver_sql(
        f"INSERT INTO link_hours (link_id, hour, gross, human) SELECT link_id, {hour}, count(*),"
        " sum(CASE WHEN verdict = 'human' THEN 1 ELSE 0 END) FROM clicks GROUP BY 1, 2 ORDER BY 2"
    )
    connection.exec_driver_sql(
        f"INSERT INTO link_days (link_id, day, uniques) SELECT link_id, {day}, sum(human) * 4 / 5"
        " FROM link_hours GROUP BY 1, 2 ORDER BY 2"
    )


# --- orders -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Stop:
    """A touchpoint of a journey."""

    kind: str
    at: datetime
    partner: int
    link: int | None
    click: str | None
    code: str | None

    @property
    def placed(self) -> tuple[str | None, str | None]:
        """Campaign and placement."""
        if self.link is None:
            return campaign_id(self.partner % CAMPAIGNS), None
        placement = self.link % PLACEMENTS
        return campaign_id(placement % CAMPAIGNS), placement_id(placement)

    def touchpoint(self, placed: datetime) -> Touchpoint:
        """The same as the receipt of an order shows it."""
        link = None if self.link is None else _link_id(self.link)
        return receipts.touchpoint(self.click, self.code, self.at, placed, partner_id(self.partner),
                                   channel_of(self.partner), link, *self.placed)  # fmt: skip


def weights(model: str, stops: int, code: bool) -> list[int]:
    """How much each of `stops` touchpoints weighs, as whole parts."""
    last = [0] * (stops - 1) + [1]
    if model == "first_click":
        return [1, *[0] * (stops - 1)]
    if model == "time_decay":
        return [2**place for place in range(stops)]
    if model in ("position_based", "opener_assist_closer") and stops > 2:
        return [2 * (stops - 2), *[1] * (stops - 2), 2 * (stops - 2)]
    if model in ("linear", "position_based", "opener_assist_closer"):
        return [1] * stops
    return last


_MODELS = ("code_first", "first_click", "last_click", "linear", "opener_assist_closer", "position_based", "time_decay")
_WHOLE = "participation"


class _Orders:
    """The orders with all that hangs on them."""

    def __init__(self, sink: Sink, size: Size) -> None:
        self.sink, self.size, self.dice = sink, size, random.Random(3)
        self.step = timedelta(days=DAYS) / size.clicks
        self.customers = max(1, size.orders * 2 // 3)
        self.known: set[int] = set()

    def write(self) -> None:
        for number in range(self.size.orders):
            self._order(number)

    def _order(self, number: int) -> None:
        dice, order = self.dice, order_id(number)
        placed = _START + timedelta(days=DAYS) * (number + 1) / (self.size.orders + 1)
        stops = self._stops(placed)
        total = dice.randrange(1000, 30000)
        refunded = total // 4 if dice.random() < 0.03 else 0
        turn = dice.random()
        status = "paid" if turn < 0.94 else "pending" if turn < 0.98 else "cancelled"
        customer = dice.randrange(self.customers)
        currency = "GBP" if number % 33 == 0 else "EUR"
        codes = [stop.code for stop in stops if stop.code]
        self.sink.add(
            tables.OrderRow, id=order, brand_id=BRAND, shop_id=SHOP, external_id=str(number), number=f"#{number}",
            status=status, test=number % 500 == 0, currency=currency, total=total, goods=total, refunded=refunded,
            net=total - refunded, net_formula=NET_FORMULA, placed_at=moment_text(placed),
            placed_day=_day(placed).isoformat(), customer=f"{customer:064x}",
            customer_is_new=customer not in self.known, codes=_json(codes),
            click_ids=_json([stop.click for stop in stops[-1:] if stop.click]), flags="[]", rule_set=1,
            folded_at=moment_text(placed), attributed_at=moment_text(placed),
        )  # fmt: skip
        self.known.add(customer)
        for code in codes:
            self.sink.add(tables.OrderCode, order_id=order, normal=code.lower(), brand_id=BRAND, text=code)
        bill = Bill(order, SHOP, str(number), Status(status), number % 500 == 0, "", currency, total, total, refunded,
                    total - refunded, NET_FORMULA, placed, tuple(codes))  # fmt: skip
        self._conclude(bill, stops)

    def _stops(self, placed: datetime) -> list[_Stop]:
        dice, stops = self.dice, []
        for _ in range(dice.choice((0, 1, 1, 1, 2, 2, 3, 4))):
            at = placed - timedelta(minutes=int(60 * 24 * 25 * dice.random() ** 3) + 1)
            click = max(0, int((at - _START) / self.step))
            link = _click_link(click)
            stops.append(_Stop("click", at, _link_partner(link), link, _click_id(click), None))
        stops.sort(key=lambda stop: stop.at)
        if dice.random() < 0.2:
            code = dice.randrange(CODES)
            stops.append(_Stop("code", placed, code, None, None, f"CODE{code}"))
        return stops

    def _conclude(self, bill: Bill, stops: list[_Stop]) -> None:
        order, placed, net, currency = bill.order_id, bill.placed_at, bill.net, bill.currency
        at, body = moment_text(placed), receipts.body(bill, [stop.touchpoint(placed) for stop in stops])
        self.sink.add(tables.Receipt, order_id=order, version=1, brand_id=BRAND, current=True, cause="order",
                      body=body, digest=digest(body), changes="[]", drawn_at=at)  # fmt: skip
        for place, stop in enumerate(stops):
            self._touch(order, place, stop, place == len(stops) - 1)
        for model in (*_MODELS, _WHOLE) if stops else ():
            parts = _split(net, weights(model, len(stops), False))
            amounts: list[int | None] = [net for _ in stops] if model == _WHOLE else parts
            self._set(order, model, stops, amounts, net, currency)
        if stops and bill.status is Status.PAID:
            self._commission(order, placed, stops[-1], net, currency)

    def _touch(self, order: str, place: int, stop: _Stop, closes: bool) -> None:
        campaign, placement = stop.placed
        self.sink.add(
            tables.Touch, order_id=order, position=place, brand_id=BRAND, kind=stop.kind, at=moment_text(stop.at),
            partner_id=partner_id(stop.partner), channel=channel_of(stop.partner),
            link_id=None if stop.link is None else _link_id(stop.link), click_id=stop.click,
            code=stop.code, campaign_id=campaign, placement_id=placement, evidence='["click_id"]', opener=place == 0,
            closer=closes, earns=True,
        )  # fmt: skip

    def _set(
        self, order: str, model: str, stops: list[_Stop], amounts: list[int | None], net: int, currency: str
    ) -> None:
        set_id = derived_id("credit set", order, model)
        self.sink.add(tables.CreditSet, id=set_id, order_id=order, model=model, model_version=1, rule_set=1,
                      net_formula=NET_FORMULA, net=net, currency=currency, additive=model != _WHOLE,
                      paying=model == PAYING, sealed=True)  # fmt: skip
        for place, (stop, amount) in enumerate(zip(stops, amounts, strict=True)):
            if amount is None:
                continue
            campaign, placement = stop.placed
            self.sink.add(
                tables.Credit, set_id=set_id, position=place, order_id=order, brand_id=BRAND,
                partner_id=partner_id(stop.partner), channel=channel_of(stop.partner),
                link_id=None if stop.link is None else _link_id(stop.link), code=stop.code,
                campaign_id=campaign, placement_id=placement, evidence='["click_id"]', weight="1", amount=amount,
            )  # fmt: skip

    def _commission(self, order: str, placed: datetime, stop: _Stop, net: int, currency: str) -> None:
        at, commission = moment_text(placed), derived_id("commission", order)
        self.sink.add(tables.OrderTerms, order_id=order, partner_id=partner_id(stop.partner), terms_id=TERMS,
                      new_customer=False, frozen_at=at)  # fmt: skip
        self.sink.add(
            tables.Commission, id=commission, brand_id=BRAND, order_id=order, partner_id=partner_id(stop.partner),
            number=1, kind="accrual", amount=net // 10, currency=currency, credit=net, net=net, terms_id=TERMS,
            receipt_version=1, cause="order", at=at, approves_at=moment_text(placed + timedelta(days=30)),
        )  # fmt: skip
        if placed + timedelta(days=30) < NOW:
            self.sink.add(tables.CommissionStep, commission_id=commission, state="approved",
                          at=moment_text(placed + timedelta(days=30)))  # fmt: skip


def _split(net: int, parts: list[int]) -> list[int | None]:
    """`net` by whole parts, exact; None where a touchpoint weighs nothing."""
    whole, given, found = sum(parts), 0, list[int | None]()
    so_far = 0
    for part in parts:
        so_far += part
        until = net * so_far // whole
        found.append(until - given if part else None)
        given = until
    return found


def _json(values: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{value}"' for value in values) + "]"


def _day(moment: datetime) -> date:
    return moment.astimezone(ZONE).date()


def is_empty(engine: Engine) -> bool:
    """Whether there is no brand in the ledger yet, or no ledger at all."""
    if not inspect(engine).has_table("brands"):
        return True
    with engine.connect() as connection:
        return not connection.execute(text("SELECT count(*) FROM brands")).scalar_one()
