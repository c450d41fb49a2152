"""The database makes of journeys the unique paths that a slow look at each journey finds, on every engine alike."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any, cast

import duckdb
import pytest
from sqlalchemy import select

from tests.conftest import Ledger
from tests.given import NOON, World, before
from tests.path_books import BRAND, END, Rows, fill
from tracker.errors import NotFound
from tracker.ledger import path_sql
from tracker.ledger.paths import Answer, Level, Question, answer, ask, coverage, gathered, in_columns, titles
from tracker.ledger.tables import Click, Link, OrderClick, OrderRow, Partner, Placement, Touch
from tracker.reports import paths as report
from tracker.reports._shape import Scope

FIRST, LAST = date(2026, 1, 20), date(2026, 3, 31)
MONTH = timedelta(days=30)
_READ = (OrderRow, Touch, Click, Link, Partner, Placement, OrderClick)

Walked = dict[tuple[str, ...], tuple[int, int, int, int]]  # path: conversions, nulls, value, lag


# --- the slow look ----------------------------------------------------------------------------------------------------


class Slow:
    """Journey by journey, in plain Python, from the rows themselves."""

    def __init__(self, rows: Rows, question: Question) -> None:
        self.question = question
        self.partners = {row["id"]: row for row in rows[Partner]}
        self.links = {row["id"]: row for row in rows[Link]}
        self.networks = {row["id"]: row["network"] for row in rows[Placement]}
        self.orders = {row["id"]: row for row in rows[OrderRow]}
        self.clicks = {row["id"]: row for row in rows[Click]}
        self.touches: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for touch in sorted(rows[Touch], key=lambda row: row["position"]):
            if touch["click_id"]:
                self.touches[touch["order_id"]].append(touch)
        self.carried: dict[str, list[str]] = defaultdict(list)
        for row in rows[OrderClick]:
            self.carried[row["order_id"]].append(row["click_id"])
        self.bought = self._bought()

    def _bought(self) -> dict[str, set[str]]:
        """The orders that cut each visitor's journeys."""
        found: dict[str, set[str]] = defaultdict(set)
        for order in self.orders.values():
            if not order["test"] and order["status"] in ("paid", "pending"):
                clicks = [touch["click_id"] for touch in self.touches[order["id"]]] + self.carried[order["id"]]
                for visitor in filter(None, (self.clicks[click]["visitor_id"] for click in clicks)):
                    found[visitor].add(order["id"])
        return found

    def name(self, touch: dict[str, Any]) -> str:
        partner, placement = self.partners[touch["partner_id"]], touch["placement_id"]
        channel = touch["channel"] or partner["channel"]
        match self.question.level:
            case Level.CHANNEL:
                return str(channel)
            case Level.GROUP:
                return f"{channel}/{partner['kind']}"
            case Level.NETWORK:
                return str(self.networks.get(placement, ""))
            case _:
                return str(touch["campaign_id" if self.question.level is Level.CAMPAIGN else "placement_id"] or "")

    def wanted(self, touches: list[dict[str, Any]]) -> bool:
        asked = self.question
        return any(
            (not asked.channel or (touch["channel"] or self.partners[touch["partner_id"]]["channel"]) == asked.channel)
            and (not asked.partner_id or touch["partner_id"] == asked.partner_id)
            and (not asked.campaign_id or touch["campaign_id"] == asked.campaign_id)
            for touch in touches
        )

    def journeys(self) -> Iterator[tuple[str, tuple[str, ...], bool, int, int]]:
        """Whose, which path, whether to an order, net value, seconds from the first touch to the order."""
        asked = self.question
        for order in self.orders.values():
            touches = self.touches[order["id"]]
            counts = order["status"] == "paid" and not order["test"] and order["currency"] == asked.currency
            if counts and touches and asked.first <= order["placed_day"] <= asked.last and self.wanted(touches):
                lag = max(_second(order["placed_at"]) - min(_second(touch["at"]) for touch in touches), 0)
                yield self.buyer(order), tuple(map(self.name, touches)), True, order["net"], lag
        for visitor, clicks in self.lost():
            if self.wanted(clicks):
                customers = [self.orders[order]["customer"] for order in self.bought[visitor]]
                known = sorted(filter(None, customers))
                yield known[0] if known else visitor, tuple(map(self.name, clicks)), False, 0, 0

    def buyer(self, order: dict[str, Any]) -> str:
        visitors = [self.clicks[touch["click_id"]]["visitor_id"] for touch in self.touches[order["id"]]]
        return str(order["customer"] or min(filter(None, visitors), default=order["id"]))

    def lost(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """The closed journeys of known visitors that led to no order."""
        led = {
            touch["click_id"]
            for order, touches in self.touches.items()
            if self.orders[order]["test"] or self.orders[order]["status"] in ("paid", "pending")
            for touch in touches
        }
        theirs: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for click in sorted(self.clicks.values(), key=lambda row: (row["at"], row["id"])):
            if click["visitor_id"] and click["verdict"] == "human" and click["id"] not in led:
                theirs[click["visitor_id"]].append({**self.links[click["link_id"]], "at": click["at"]})
        for visitor, clicks in theirs.items():
            yield from ((visitor, run) for run in self.runs(visitor, clicks))

    def runs(self, visitor: str, clicks: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
        runs: list[list[dict[str, Any]]] = []
        for click in clicks:
            last = runs[-1] if runs else []
            if last and click["at"] < self.question.until and self._same(visitor, last, click):
                last.append(click)
            elif click["at"] < self.question.until:
                runs.append([click])
        for run in runs:
            closes = max(_second(click["at"]) for click in run) + int(MONTH.total_seconds())
            if _second(self.question.since) <= closes < _second(self.question.until):
                yield [click for click in run if _second(click["at"]) >= closes - 2 * int(MONTH.total_seconds())]

    def _same(self, visitor: str, run: list[dict[str, Any]], click: dict[str, Any]) -> bool:
        """Whether a click still belongs to the journey: no order between, a window still open."""
        orders = [self.orders[order]["placed_at"] for order in self.bought[visitor]] if self.question.cut else []
        cut = any(run[-1]["at"] <= placed < click["at"] for placed in orders)
        return not cut and _second(click["at"]) - _second(run[-1]["at"]) <= MONTH.total_seconds()


def _second(at: datetime) -> int:
    return int(at.timestamp())


def paths_of(slow: Slow) -> Walked:
    found: Walked = {}
    for _, path, sale, value, lag in slow.journeys():
        sales, nulls, revenue, lags = found.get(path, (0, 0, 0, 0))
        found[path] = (sales + sale, nulls + (not sale), revenue + value, lags + lag)
    return found


def customers_of(slow: Slow) -> Counter[frozenset[tuple[tuple[str, ...], int, int]]]:
    each: dict[str, dict[tuple[str, ...], list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for who, path, sale, *_ in slow.journeys():
        each[who][path][not sale] += 1
    return Counter(
        frozenset((path, sales, nulls) for path, (sales, nulls) in walked.items()) for walked in each.values()
    )


# --- what the database says, in the same form -------------------------------------------------------------------------


def spelled(found: Answer) -> list[tuple[str, ...]]:
    return [tuple(found.names[int(code)] for code in path.codes.split(",")[1:]) for path in found.paths]


def walked(found: Answer) -> Walked:
    return {
        names: (path.conversions, path.nulls, path.value, path.lag)
        for names, path in zip(spelled(found), found.paths, strict=True)
    }


def habits(found: Answer) -> Counter[frozenset[tuple[tuple[str, ...], int, int]]]:
    names = spelled(found)
    counted: Counter[frozenset[tuple[tuple[str, ...], int, int]]] = Counter()
    for count, bundle in found.bundles:
        figures = [int(figure) for figure in bundle.split(",")[1:]]
        entries = [figures[at : at + 3] for at in range(0, len(figures), 3)]
        counted[frozenset((names[path], conversions, nulls) for path, conversions, nulls in entries)] += count
    return counted


@contextmanager
def duck(ledger: Ledger) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB in process, with the tables as PostgreSQL or SQLite has them."""
    with duckdb.connect() as engine, ledger.session() as session:
        engine.execute("SET TimeZone = 'UTC'")
        for table in _READ:
            _copy(engine, table.__tablename__, session.execute(select(*table.__table__.c)).mappings().all())
        yield engine


_DUCK = {bool: "BOOLEAN", int: "BIGINT", datetime: "TIMESTAMPTZ", date: "DATE"}


def _copy(engine: duckdb.DuckDBPyConnection, table: str, rows: Any) -> None:
    kinds = {
        name: next((_DUCK.get(type(row[name]), "VARCHAR") for row in rows if row[name] is not None), "VARCHAR")
        for name in rows[0]
    }
    columns = ", ".join(f'"{name}" {kind}' for name, kind in kinds.items())
    engine.execute(f"CREATE TABLE {table} ({columns})")
    values = [[str(cell) if isinstance(cell, list | dict) else cell for cell in row.values()] for row in rows]
    engine.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(kinds))})", values)


def ask_duck(engine: duckdb.DuckDBPyConnection, question: Question) -> Answer:
    words, parameters = path_sql.statement("duckdb", customers=True), question.parameters()
    used = {name: parameters[name] for name in path_sql.PARAMETER.findall(words)}
    return gathered(engine.execute(path_sql.PARAMETER.sub(r"$\1", words), used).fetchall())


# --- the same on every engine -----------------------------------------------------------------------------------------


def test_the_database_finds_the_paths_and_customers_that_a_slow_look_finds(ledger: Ledger) -> None:
    with ledger.writing() as session:
        rows = fill(session, 120)
    for level in Level:
        with ledger.session() as session:
            question = ask(session, BRAND, FIRST, LAST, END, level=level)
            found = answer(session, question, customers=True)
        slow = Slow(rows, question)
        assert walked(found) == paths_of(slow), level
        assert habits(found) == customers_of(slow), level


def test_a_columnar_engine_gives_the_same_answer_to_the_same_text(ledger: Ledger) -> None:
    with ledger.writing() as session:
        fill(session, 50, seed=2)
    with ledger.session() as session, duck(ledger) as engine:
        for level in (Level.CHANNEL, Level.PLACEMENT):
            question = ask(session, BRAND, FIRST, LAST, END, level=level)
            assert ask_duck(engine, question) == answer(session, question, customers=True)


def test_the_text_is_the_same_to_the_letter_but_for_the_seconds_of_a_moment() -> None:
    postgresql, sqlite = (path_sql.statement(engine, customers=True) for engine in ("postgresql", "sqlite"))
    assert path_sql.statement("duckdb", customers=True) == postgresql
    for column in ("o.placed_at", 't."at"', 'k."at"'):
        known = path_sql.SECONDS["postgresql"].format(moment=column), path_sql.SECONDS["sqlite"].format(moment=column)
        postgresql = postgresql.replace(*known)
    assert postgresql == sqlite


def test_a_scope_keeps_the_whole_journeys_that_touch_it(sqlite_ledger: Ledger) -> None:
    with sqlite_ledger.writing() as session:
        rows = fill(session, 200, seed=3)
    partner, campaign = rows[Partner][2]["id"], rows[Link][4]["campaign_id"]
    for only in ({"channel": "influence"}, {"partner_id": partner}, {"campaign_id": campaign}):
        with sqlite_ledger.session() as session:
            question = ask(session, BRAND, FIRST, LAST, END, **only)
            found = answer(session, question)
        assert walked(found) == paths_of(Slow(rows, question))
        assert found.bundles == ()


def test_columns_say_what_the_answer_says(sqlite_ledger: Ledger) -> None:
    with sqlite_ledger.writing() as session:
        rows = fill(session, 200, seed=4)
    with sqlite_ledger.session() as session:
        question = ask(session, BRAND, FIRST, LAST, END)
        paths, customers = in_columns(answer(session, question, customers=True))
    slow = list(Slow(rows, question).journeys())
    assert paths.conversions.sum() == sum(sale for _, _, sale, _, _ in slow)
    assert paths.squares is not None
    assert paths.squares.sum() == sum(value**2 for *_, value, _ in slow)
    assert customers.counts.sum() == len({who for who, *_ in slow})
    entries = customers.offsets[1:] - customers.offsets[:-1]
    walked_by_all = customers.counts.repeat(entries) * customers.nulls
    assert walked_by_all.sum() == paths.nulls.sum()


def test_a_brand_without_anything_has_no_paths(ledger: Ledger) -> None:
    world = World(ledger)
    with ledger.session() as session:
        question = ask(session, world.brand, FIRST, LAST, NOON)
        found = answer(session, question, customers=True)
        paths, customers = in_columns(found)
        assert found == Answer((), (), ())
        assert (len(paths), len(customers.counts)) == (0, 0)
        assert coverage(session, question).identity is None
        with pytest.raises(NotFound):
            ask(session, BRAND, FIRST, LAST, NOON)


# --- stories ----------------------------------------------------------------------------------------------------------


def told(world: World, first: date = date(2026, 3, 1), last: date = date(2026, 3, 31)) -> Walked:
    with world.ledger.session() as session:
        return walked(answer(session, ask(session, world.brand, first, last, world.now)))


def test_an_open_journey_is_no_null_before_its_window_has_passed(sqlite_ledger: Ledger) -> None:
    world = World(sqlite_ledger)
    world.click(world.alice_link, days=31, visitor="closed")
    world.click(world.alice_link, days=29, visitor="open")
    assert told(world) == {("influence",): (0, 1, 0, 0)}


def test_a_journey_belongs_to_the_day_on_which_its_window_closed(sqlite_ledger: Ledger) -> None:
    world = World(sqlite_ledger)
    world.click(world.alice_link, at=before(days=40), visitor="v")  # 8 February, closed on 10 March
    assert told(world, date(2026, 3, 10), date(2026, 3, 10)) == {("influence",): (0, 1, 0, 0)}
    assert told(world, date(2026, 2, 1), date(2026, 3, 9)) == {}


def test_an_order_cuts_what_its_visitor_does_afterwards_from_what_went_before(sqlite_ledger: Ledger) -> None:
    world = World(sqlite_ledger)
    bought = world.click(world.alice_link, days=50, visitor="v")
    world.order(clicks=[bought], days=49)
    world.click(world.bob_link, days=45, visitor="v")
    world.attribute()
    early = date(2026, 1, 1)
    assert told(world, early) == {
        ("influence",): (1, 0, 10_000, 86_400),
        ("affiliate",): (0, 1, 0, 0),
    }


def test_codes_are_left_out_of_paths_and_an_order_of_a_code_alone_counts_as_not_joined(ledger: Ledger) -> None:
    world = World(ledger)
    world.code("BOB5", world.bob)
    click = world.click(world.alice_link, days=2)
    world.order(clicks=[click], codes=["BOB5"])
    world.order(codes=["BOB5"])
    world.order(currency="USD", clicks=[world.click(world.alice_link, days=3)])
    world.click(None, days=1)
    world.attribute()
    assert told(world) == {("influence",): (1, 0, 10_000, 172_800)}
    with ledger.session() as session:
        found = coverage(session, ask(session, world.brand, date(2026, 3, 1), date(2026, 3, 31), world.now))
    assert (found.orders, found.joined, found.other_currency) == (3, 2, 1)
    assert (found.clicks, found.followed) == (2, 0)
    assert found.identity == 2 / 3


def test_placements_and_campaigns_are_called_by_their_names(sqlite_ledger: Ledger) -> None:
    with sqlite_ledger.writing() as session:
        rows = fill(session, 1)
    with sqlite_ledger.session() as session:
        assert titles(session, BRAND, Level.CAMPAIGN)[rows[Link][1]["campaign_id"]] == "Campaign 1"
        assert titles(session, BRAND, Level.PLACEMENT)[rows[Link][1]["placement_id"]] == "Partner 1, youtube video"
        assert titles(session, BRAND, Level.CHANNEL) == {}


# --- the report -------------------------------------------------------------------------------------------------------


def reported(ledger: Ledger, brand: str, **only: Any) -> list[dict[str, object]]:
    with ledger.session() as session:
        return report.rows(session, Scope(brand, date(2026, 3, 1), date(2026, 3, 31), **only))


def test_the_report_names_paths_with_their_rate_revenue_and_time_lag(ledger: Ledger) -> None:
    world = World(ledger)
    for net in ("30.00", "50.01"):
        clicks = [world.click(world.alice_link, days=2, visitor=net), world.click(world.bob_link, hours=1, visitor=net)]
        world.order(net=net, clicks=clicks)
    world.click(world.alice_link, days=33, minutes=1, visitor="nobody")
    world.click(world.bob_link, days=33, visitor="nobody")
    world.click(world.bob_link, days=32, minutes=5)
    world.attribute()
    (row,) = reported(ledger, world.brand)
    assert row == {
        "path": "Influence › Affiliate",
        "touches": 2,
        "journeys": 3,
        "orders": 2,
        "cvr": Fraction(2, 3),
        "revenue": 8001,
        "aov": 4001,
        "lag_hours": 48,
        "currency": "EUR",
    }
    assert reported(ledger, world.brand, partner_id=world.alice) == [row]
    assert reported(ledger, world.brand, campaign_id=world.brand) == []


def test_the_report_shows_the_most_valuable_and_the_most_frequent_paths(sqlite_ledger: Ledger) -> None:
    with sqlite_ledger.writing() as session:
        fill(session, 400, seed=6)
    found = reported(sqlite_ledger, BRAND)
    revenues = [cast(int, row["revenue"]) for row in found]
    assert revenues == sorted(revenues, reverse=True)
    assert len(found) == len({row["path"] for row in found})
