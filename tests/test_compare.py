"""A report beside an earlier period: every figure gains what it was, and what was not there is not called zero."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from tests import given
from tests.conftest import Ledger
from tests.desk import Desk, opened_desk, settings_of
from tests.sample_books import MARCH, write_books
from tracker.reports import _compare, _shape
from tracker.reports._shape import Column, Kind, Result, Scope

COLUMNS = (
    Column("partner", "Partner"),
    Column("currency", "Currency"),
    Column("revenue", "Revenue", Kind.MONEY),
    Column("cvr", "CVR", Kind.PERCENT),
    Column("standing", "Standing", Kind.WORD),
)
SCOPE = Scope("b" * 32, date(2026, 3, 1), date(2026, 3, 31))


def result(*rows: tuple[str, str, int, Fraction | None, str]) -> Result:
    keys = [column.key for column in COLUMNS]
    return Result("r", "R", "", COLUMNS, [dict(zip(keys, row, strict=True)) for row in rows], SCOPE)


def test_the_days_before_are_as_many_and_end_where_these_begin() -> None:
    then = _compare.earlier(SCOPE, "before")
    assert (then.start, then.end) == (date(2026, 1, 29), date(2026, 2, 28))


def test_a_year_ago_has_the_same_weekdays() -> None:
    then = _compare.earlier(SCOPE, "year")
    assert (then.start, then.end) == (date(2025, 3, 2), date(2025, 4, 1))
    assert then.start.weekday() == SCOPE.start.weekday()


def test_each_figure_has_what_it_was_and_a_newcomer_has_nothing() -> None:
    now = result(("Alice", "EUR", 500, Fraction(1, 10), "above"), ("Bob", "EUR", 70, None, "below"))
    then = result(("Alice", "EUR", 400, Fraction(1, 8), "below"))
    both = _compare.beside(now, then)
    assert [column.key for column in both.columns] == [
        *("partner", "currency", "revenue", "revenue_before", "cvr", "cvr_before", "standing")
    ]
    assert [(row["revenue_before"], row["cvr_before"]) for row in both.rows] == [(400, Fraction(1, 8)), (None, None)]


def test_amounts_of_another_currency_are_not_compared() -> None:
    both = _compare.beside(result(("Alice", "EUR", 500, None, "")), result(("Alice", "USD", 400, None, "")))
    assert both.rows[0]["revenue_before"] is None


def test_every_report_can_stand_beside_an_earlier_period_or_says_that_it_cannot(sqlite_ledger: Ledger) -> None:
    with sqlite_ledger.writing() as session:
        books = write_books(session)
    scope = Scope(books.brand, *MARCH)
    for name, report in _shape.reports().items():
        with sqlite_ledger.session() as session:
            both = _compare.run(session, name, scope, "before")
        assert (both.then is not None) == getattr(report, "COMPARES", True), name
        assert all({column.key for column in both.columns} == set(row) for row in both.rows), name
        _shape.as_csv(both)


def test_a_filter_that_a_report_does_not_heed_changes_nothing(sqlite_ledger: Ledger) -> None:
    with sqlite_ledger.writing() as session:
        books = write_books(session)
    whole = Scope(books.brand, *MARCH)
    asked = {
        "model": replace(whole, model="linear"),
        "channel": replace(whole, channel="affiliate"),
        "partner": replace(whole, partner_id=books["Bob"]),
        "network": replace(whole, network="TikTok"),
    }
    for name, report in _shape.reports().items():
        for heard in set(asked) - set(_shape.filters_of(report)):
            with sqlite_ledger.session() as session:
                rows = _shape.run(session, name, whole).rows
                kept = _shape.run(session, name, asked[heard]).rows
            assert kept == rows, (name, heard)


def test_a_page_says_what_a_figure_was_and_by_how_much_it_changed(
    sqlite_ledger: Ledger, redis_url: str, tmp_path: object
) -> None:
    world = given.World(sqlite_ledger)
    for days, net in ((1, "120.00"), (40, "100.00")):
        world.order(net=net, days=days, clicks=[world.click(world.alice_link, days=days + 1)])
    world.attribute()
    with opened_desk(settings_of(sqlite_ledger.url, redis_url, tmp_path)) as desk:
        desk.sign_in()
        text = told(desk, "compare=before")
        plain = told(desk, "")
        refused = desk.get("/reports/partners?compare=never")
    assert "was €100.00" in text
    assert "+20%" in text
    assert "was " not in plain
    assert refused.status_code == 422


def told(desk: Desk, query: str) -> str:
    return desk.get(f"/reports/partners?from=2026-02-19&to=2026-03-20&{query}").text


@pytest.mark.parametrize("network", ["TikTok", "YouTube"])
def test_a_network_keeps_what_belongs_to_its_placements(ledger: Ledger, network: str) -> None:
    world = given.World(ledger)
    link = world.link(world.alice)
    world.place(link, "TikTok")
    world.order(net="90.00", days=1, clicks=[world.click(link, days=2)])
    world.order(net="30.00", days=1, clicks=[world.click(world.bob_link, days=2)])
    world.attribute()
    scope = Scope(world.brand, date(2026, 3, 1), date(2026, 3, 20), network=network)
    with ledger.session() as session:
        revenue = [
            row["revenue"] for row in _shape.run(session, "channels", scope).rows if row["channel"] == "influence"
        ]
    assert revenue == [9000 if network == "TikTok" else 0]
