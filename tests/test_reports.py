"""Reports add up, in the brand's own days, without mixing currencies, from sealed credits alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from tests.conftest import NOW, Ledger
from tests.sample_books import ALICE_LINK, MARCH, Books, drawn_receipt, report_rows, write_books, write_order
from tracker.domain import metrics
from tracker.domain.reasons import RULE_SENTENCES, Rule
from tracker.errors import BadInput, NotFound
from tracker.reports import _shape, orders
from tracker.reports._orders import OrderFilter, one_order, orders_page, receipt
from tracker.reports._shape import Column, Kind, Part, Result, Row, Scope

Run = Callable[..., list[Row]]


@pytest.fixture
def books(ledger: Ledger) -> Books:
    with ledger.writing() as session:
        return write_books(session)


@pytest.fixture
def run(ledger: Ledger, books: Books) -> Run:
    """Rows of a report over March, under filters."""

    def rows(name: str, **asked: Any) -> list[Row]:
        scope = Scope(**{"brand_id": books.brand, "start": MARCH[0], "end": MARCH[1], **asked})
        return report_rows(ledger, name, scope)

    return rows


def one(rows: list[Row], **where: object) -> Row:
    (found,) = [row for row in rows if all(row[key] == value for key, value in where.items())]
    return found


def figures(row: Row, *keys: str) -> tuple[object, ...]:
    return tuple(row[key] for key in keys)


# --- overview and channels -------------------------------------------------------------------------------------------


def test_the_overview_counts_paid_orders_and_shows_pending_ones_apart(run: Run) -> None:
    euros = one(run("overview"), currency="EUR")
    assert figures(euros, "revenue", "orders", "pending_revenue", "pending_orders") == (18335, 3, 2000, 1)
    assert figures(euros, "attributed_revenue", "attributed_orders") == (13335, 2)
    assert figures(euros, "attributed_share", "coverage") == (Fraction(13335, 18335), Fraction(2, 3))


def test_currencies_stand_in_rows_of_their_own_and_the_brand_s_comes_first(run: Run) -> None:
    assert [row["currency"] for row in run("overview")] == ["EUR", "USD"]
    assert figures(one(run("overview"), currency="USD"), "revenue", "orders", "clicks") == (1000, 1, None)


def test_clicks_are_counted_in_the_days_of_the_brand_over_the_change_to_summer_time(run: Run) -> None:
    euros = run("overview")[0]
    assert figures(euros, "gross_clicks", "clicks", "unique_clicks") == (15, 12, 10)
    assert run("overview", start=date(2026, 3, 31))[0]["clicks"] == 5
    assert run("overview", end=date(2026, 3, 1))[0]["clicks"] == 3


def test_influence_affiliate_and_unattributed_add_up_to_all_orders(run: Run) -> None:
    rows = [row for row in run("channels") if row["currency"] == "EUR"]
    assert [row["channel"] for row in rows] == ["influence", "affiliate", "unattributed", "total"]
    assert [row["revenue"] for row in rows] == [3335, 10000, 5000, 18335]
    assert [row["orders"] for row in rows] == [1, 1, 1, 3]
    assert [row["pending"] for row in rows] == [2000, 0, 0, 2000]
    assert [row["both"] for row in rows] == [1, 1, None, 1]
    assert rows[-1]["both_revenue"] == 10000


def test_a_shared_order_counts_in_each_channel_and_once_in_the_total(run: Run) -> None:
    rows = [row for row in run("channels", model="linear") if row["currency"] == "EUR"]
    assert [row["revenue"] for row in rows] == [8335, 5000, 5000, 18335]
    assert [row["orders"] for row in rows] == [2, 1, 1, 3]


def test_a_channel_closes_opens_and_assists_journeys_whoever_is_credited(run: Run) -> None:
    rows = run("channels")
    assert figures(one(rows, channel="influence", currency="EUR"), "opened", "closed", "assisted") == (2, 1, 1)
    assert figures(one(rows, channel="affiliate", currency="EUR"), "opened", "closed", "assisted") == (0, 1, 0)


def test_under_a_filter_the_rest_is_called_other_and_the_rows_still_add_up(run: Run, books: Books) -> None:
    rows = [row for row in run("channels", partner_id=books["Alice"]) if row["currency"] == "EUR"]
    assert [(row["channel"], row["revenue"]) for row in rows] == [
        ("influence", 3335),
        ("affiliate", 0),
        ("other", 15000),
        ("total", 18335),
    ]


# --- partners, links, codes, orders, models --------------------------------------------------------------------------


def test_a_partner_s_row_says_what_they_brought(run: Run) -> None:
    alice = one(run("partners"), partner="Alice", currency="EUR")
    assert figures(alice, "revenue", "orders", "pending", "clicks", "unique") == (3335, 1, 2000, 8, 6)
    assert figures(alice, "opened", "closed", "assisted") == (2, 1, 1)
    assert figures(alice, "cvr", "aov", "epc") == (Fraction(2, 8), 3335, 417)
    dollars = one(run("partners"), partner="Alice", currency="USD")
    assert figures(dollars, "revenue", "clicks", "cvr", "epc") == (1000, None, None, 125)


def test_a_partner_who_brought_nothing_has_a_row_and_no_ratio(run: Run) -> None:
    carol = one(run("partners"), partner="Carol")
    assert figures(carol, "revenue", "orders", "clicks") == (0, 0, 0)
    assert figures(carol, "cvr", "aov", "epc") == (None, None, None)


def test_partners_stand_by_revenue(run: Run) -> None:
    assert [row["partner"] for row in run("partners") if row["currency"] == "EUR"] == ["Bob", "Alice", "Carol"]
    assert [row["partner"] for row in run("partners", channel="affiliate")] == ["Bob"]


def test_a_campaign_keeps_what_its_links_brought(run: Run, books: Books) -> None:
    alice = one(run("partners", campaign_id=books["spring"]), currency="EUR")
    assert figures(alice, "partner", "revenue", "clicks") == ("Alice", 3335, 8)


def test_a_link_s_row_counts_all_requests_and_those_by_people(run: Run) -> None:
    alice = one(run("links"), partner="Alice", currency="EUR")
    assert figures(alice, "gross_clicks", "clicks", "revenue", "campaign", "state") == (10, 8, 3335, "Spring", "active")


def test_a_code_that_nobody_owns_is_listed_with_what_its_orders_are_worth(run: Run) -> None:
    rows = run("codes")
    nobody, alices = one(rows, code="NOBODY"), one(rows, code="ALICE10")
    assert figures(nobody, "partner", "orders", "revenue", "credited") == (None, 1, 5000, 0)
    assert figures(alices, "partner", "orders", "revenue", "credited") == ("Alice", 1, 3335, 3335)
    assert nobody["first_day"] == nobody["last_day"] == date(2026, 3, 5)


def test_a_filter_on_a_partner_keeps_the_codes_they_own(run: Run, books: Books) -> None:
    assert [row["code"] for row in run("codes", partner_id=books["Alice"])] == ["ALICE10"]


def test_the_orders_report_lists_every_status_latest_first(run: Run) -> None:
    rows = run("orders")
    assert [row["number"] for row in rows] == ["A7", "A6", "A5", "A4", "A3", "A2", "A1"]
    assert one(rows, number="A4")["credited"] == 0
    assert one(rows, number="A1")["partners"] == ["Bob"]
    assert [row["number"] for row in run("orders", channel="affiliate")] == ["A1"]


def test_the_models_report_shows_what_each_partner_gains_or_loses(run: Run) -> None:
    rows = run("models")
    alice, bob = one(rows, partner="Alice", currency="EUR"), one(rows, partner="Bob")
    assert figures(alice, "revenue", "linear", "linear_change") == (3335, 8335, 5000)
    assert figures(bob, "revenue", "linear", "linear_change") == (10000, 5000, -5000)


def test_every_report_of_an_empty_brand_has_no_revenue_and_does_not_fail(run: Run) -> None:
    for name in _shape.reports():
        for row in run(name, start=date(2025, 1, 1), end=date(2025, 1, 31)):
            assert not row.get("revenue")


def test_the_last_day_of_a_month_belongs_to_the_brand_s_zone(ledger: Ledger, books: Books, run: Run) -> None:
    with ledger.writing() as session:
        write_order(session, books, "late", datetime(2026, 3, 31, 21, 59, tzinfo=UTC), net=1)
        write_order(session, books, "next", datetime(2026, 3, 31, 22, 0, tzinfo=UTC), net=1)
    assert "late" in [row["number"] for row in run("orders")]
    assert "next" not in [row["number"] for row in run("orders")]


# --- the shape -------------------------------------------------------------------------------------------------------


def test_json_speaks_decimal_strings_and_csv_plain_numbers(ledger: Ledger, books: Books) -> None:
    with ledger.session() as session:
        result = _shape.run(session, "partners", Scope(books.brand, *MARCH))
    bob = _shape.as_json(result)["rows"][0]  # type: ignore[index]
    assert (bob["partner"], bob["revenue"], bob["orders"], bob["cvr"]) == ("Bob", "100.00", 1, 0.25)
    first = next(csv.DictReader(io.StringIO(_shape.as_csv(result))))
    assert (first["partner"], first["revenue"], first["orders"], first["cvr"]) == ("Bob", "100.00", "1", "0.250000")


def rendered(text: object, kind: Kind) -> str:
    column = Column("cell", "Cell", kind)
    row: Row = {"cell": text, "currency": "EUR"}
    result = Result("sample", "", "", (column,), [row], Scope("b" * 32, *MARCH))
    return list(csv.reader(io.StringIO(_shape.as_csv(result), newline="")))[1][0]


@pytest.mark.parametrize("lead", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\0=1", "＝1"])
def test_text_that_a_spreadsheet_would_run_is_quoted(lead: str) -> None:
    assert rendered(lead, Kind.TEXT).startswith("'")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_cell_ever_begins_like_a_formula(text: str) -> None:
    assert not rendered(text, Kind.TEXT).lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))


def test_negative_money_stays_a_number() -> None:
    assert rendered(-1050, Kind.MONEY) == "-10.50"


def test_an_unknown_report_is_not_found_and_says_what_there_is(ledger: Ledger, books: Books) -> None:
    with ledger.session() as session, pytest.raises(NotFound, match="channels"):
        _shape.run(session, "nonsense", Scope(books.brand, *MARCH))


def scope_of(ledger: Ledger, books: Books, **asked: str) -> Scope:
    with ledger.session() as session:
        return _shape.scope_from(session, books.brand, asked, NOW)


def test_without_dates_a_scope_is_the_thirty_days_that_end_today(ledger: Ledger, books: Books) -> None:
    scope = scope_of(ledger, books)
    assert (scope.start, scope.end, scope.model) == (date(2026, 2, 1), date(2026, 3, 2), "paying")
    assert scope_of(ledger, books, to="2026-01-31").start == date(2026, 1, 2)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("from", "yesterday"),
        ("from", "2026-02-30"),
        ("from", "2026-03-03"),
        ("to", "0001-01-01"),
        ("model", "nonsense"),
        ("partner", "../1"),
        ("channel", "paid"),
    ],
)
def test_a_scope_that_cannot_be_is_refused_by_the_name_of_the_field(
    ledger: Ledger, books: Books, field: str, text: str
) -> None:
    with pytest.raises(BadInput) as refused:
        scope_of(ledger, books, **{field: text})
    assert refused.value.field == field


def test_a_ratio_with_a_zero_denominator_is_unknown() -> None:
    assert metrics.conversion_rate(3, 0) is None
    assert metrics.whole_units(metrics.average_order_value(5, 2)) == 3


# --- pages of orders -------------------------------------------------------------------------------------------------


def test_an_order_has_the_documented_shape(ledger: Ledger, books: Books) -> None:
    with ledger.session() as session:
        order = one_order(session, books.brand, books["A2"])
    assert order == {
        "id": books["A2"],
        "shop": books["shop"],
        "external_id": "x-A2",
        "number": "A2",
        "status": "paid",
        "test": False,
        "currency": "EUR",
        "total": "40.02",
        "refunded": "0.00",
        "net": "33.35",
        "codes": ["Alice10"],
        "click_ids": [],
        "placed_at": "2026-03-03T12:00:00+00:00",
        "credits": [
            {
                "partner": books["Alice"],
                "channel": "influence",
                "link": books["alice"],
                "code": "ALICE10",
                "evidence": ["click"],
                "model": "last_click",
                "weight": "1",
                "amount": "33.35",
            }
        ],
    }


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "1050"), ("KWD", "1.050"), ("EUR", "10.50")])
def test_amounts_have_the_exponent_of_their_currency(ledger: Ledger, books: Books, currency: str, amount: str) -> None:
    with ledger.writing() as session:
        write_order(session, books, "n", NOW, net=1050, currency=currency, journey=[ALICE_LINK])
    with ledger.session() as session:
        order = one_order(session, books.brand, books["n"])
    assert order["net"] == order["credits"][0]["amount"] == amount  # type: ignore[index]


def models_of(order: Row) -> set[str]:
    return {credit["model"] for credit in order["credits"]}  # type: ignore[attr-defined]


def test_credits_are_the_paying_model_s_or_one_model_s_or_all(ledger: Ledger, books: Books) -> None:
    with ledger.session() as session:
        asked = {
            model: models_of(one_order(session, books.brand, books["A1"], model=model))
            for model in (None, "paying", "linear", "all", "first_click")
        }
    assert asked == {
        None: {"last_click"},
        "paying": {"last_click"},
        "linear": {"linear"},
        "all": {"last_click", "linear"},
        "first_click": set(),
    }


def test_an_unsealed_set_is_invisible(ledger: Ledger, books: Books) -> None:
    with ledger.session() as session:
        assert one_order(session, books.brand, books["A4"], model="all")["credits"] == []


def all_numbers(ledger: Ledger, books: Books, limit: int) -> Iterator[str]:
    after: str | None = None
    while True:
        with ledger.session() as session:
            page, after = orders_page(session, books.brand, after=after, limit=limit)
        yield from (str(order["number"]) for order in page)
        if after is None:
            return


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
def test_pages_give_every_order_once_even_where_moments_are_equal(ledger: Ledger, books: Books, limit: int) -> None:
    with ledger.writing() as session:
        for index in range(3):
            write_order(session, books, f"same{index}", NOW, net=1)
    numbers = list(all_numbers(ledger, books, limit))
    assert len(numbers) == 10
    assert len(set(numbers)) == 10


@pytest.mark.parametrize("cursor", ["nonsense", "////", "MjAyNg", "é", "MjAyNi0wMS0wMSBhYmM"])
def test_a_cursor_that_is_not_ours_is_refused(ledger: Ledger, books: Books, cursor: str) -> None:
    with ledger.session() as session, pytest.raises(BadInput):
        orders_page(session, books.brand, after=cursor)


@pytest.mark.parametrize(
    ("where", "numbers"),
    [
        (OrderFilter(status="cancelled"), ["A7"]),
        (OrderFilter(channel="affiliate"), ["A1"]),
        (OrderFilter(code="alice10 "), ["A3", "A2"]),
        (OrderFilter(attributed=False), ["A7", "A4"]),
        (OrderFilter(test=True), ["A5"]),
        (OrderFilter(start=date(2026, 3, 7)), ["A7", "A6"]),
        (OrderFilter(end=date(2026, 3, 2)), ["A1"]),
        (OrderFilter(attributed=True, status="paid", test=False), ["A6", "A2", "A1"]),
    ],
)
def test_orders_are_found_by_what_they_are(
    ledger: Ledger, books: Books, where: OrderFilter, numbers: list[str]
) -> None:
    with ledger.session() as session:
        page, further = orders_page(session, books.brand, where=where)
    assert ([order["number"] for order in page], further) == (numbers, None)


def count_queries(engine: Engine, act: Callable[[], object]) -> int:
    counted: list[str] = []

    def note(_c: object, _cur: object, statement: str, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            counted.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    act()
    event.remove(engine, "before_cursor_execute", note)
    return len(counted)


def test_a_page_of_many_orders_costs_as_many_queries_as_a_page_of_one(ledger: Ledger, books: Books) -> None:
    def page(limit: int) -> Callable[[], object]:
        def read() -> object:
            with ledger.session() as session:
                return orders_page(session, books.brand, limit=limit)

        return read

    assert count_queries(ledger.engine, page(1)) == count_queries(ledger.engine, page(7)) == 2


def test_another_brand_s_order_is_not_found(ledger: Ledger, books: Books) -> None:
    with ledger.writing() as session:
        other = write_books(session, "c" * 32, "Other")
    with ledger.session() as session:
        for ask in (one_order, receipt):
            with pytest.raises(NotFound):
                ask(session, books.brand, other["A1"])
            with pytest.raises(NotFound):
                ask(session, books.brand, "nonsense")


def test_brands_do_not_see_each_other_in_any_report(ledger: Ledger, books: Books, run: Run) -> None:
    before = {name: run(name) for name in _shape.reports()}
    with ledger.writing() as session:
        write_books(session, "c" * 32, "Other")
    assert {name: run(name) for name in _shape.reports()} == before


def test_a_receipt_comes_with_its_order_and_all_models(ledger: Ledger, books: Books) -> None:
    with ledger.writing() as session:
        session.add(drawn_receipt(books.brand, books["A1"], {"rule": {"name": "no_touchpoint"}}, NOW))
    with ledger.session() as session:
        found, none = receipt(session, books.brand, books["A1"]), receipt(session, books.brand, books["A4"])
    assert found["receipt"] == {"rule": {"name": "no_touchpoint", "why": RULE_SENTENCES[Rule.NO_TOUCHPOINT]}}
    assert models_of(found["order"]) == {"last_click", "linear"}  # type: ignore[arg-type]
    assert none["receipt"] is None


def test_the_days_add_up_to_the_overview_and_empty_ones_are_there(run: Run) -> None:
    days, whole = [row for row in run("days") if row["currency"] == "EUR"], run("overview")[0]
    assert len(days) == 31
    for key in ("revenue", "orders", "clicks"):
        assert sum(int(str(row[key])) for row in days) == whole[key]
    third = one(days, day=date(2026, 3, 3))
    assert figures(third, "revenue", "influence", "affiliate", "unattributed") == (3335, 3335, 0, 0)
    assert figures(one(days, day=date(2026, 3, 31)), "revenue", "clicks") == (0, 5)


@pytest.mark.parametrize("channel", [None, "influence"])
def test_a_page_shows_the_first_rows_of_the_report_of_orders(ledger: Ledger, books: Books, channel: str | None) -> None:
    scope = Scope(books.brand, *MARCH, channel=channel)
    with ledger.session() as session:
        whole = orders.rows(session, scope)
        assert len(whole) > 2
        assert orders.some(session, scope, Part(1)) == whole[:2]
        assert orders.some(session, scope, Part(len(whole))) == whole
        assert orders.some(session, scope, Part(1, skip=1)) == whole[1:3]
        for number, row in enumerate(whole):
            rest = orders.some(session, scope, Part(len(whole), after=orders.cursor(row)))
            assert rest == whole[number + 1 :]
