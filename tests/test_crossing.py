"""Where influence meets affiliation: who opened for whom, how long it took, by what evidence, under which model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from tests.conftest import Ledger
from tests.desk import opened_desk, settings_of
from tests.sample_books import (
    ALICE_BOTH,
    ALICE_CODE,
    ALICE_LINK,
    BOB_LINK,
    MARCH,
    Books,
    Stop,
    add,
    report_rows,
    write_books,
    write_order,
    write_set,
)
from tracker.ledger.tables import Holdout, OrderRow, Placement, Touch
from tracker.reports._shape import Row, Scope

Run = Callable[..., list[Row]]


@pytest.fixture
def books(ledger: Ledger) -> Books:
    with ledger.writing() as session:
        return write_books(session)


@pytest.fixture
def run(ledger: Ledger, books: Books) -> Run:
    """Rows of a report over March, under filters, after every rendering has taken them."""

    def rows(name: str, **asked: Any) -> list[Row]:
        scope = Scope(**{"brand_id": books.brand, "start": MARCH[0], "end": MARCH[1], **asked})
        return report_rows(ledger, name, scope)

    return rows


def lines(rows: list[Row], *keys: str, currency: str = "EUR") -> list[tuple[object, ...]]:
    return [tuple(row[key] for key in keys) for row in rows if row["currency"] == currency]


def sold(
    session: Session, books: Books, number: str, *journey: Stop, ago: tuple[timedelta, ...] = (), **more: Any
) -> str:
    """An order of 9 March at noon; `ago` says how long before it each touchpoint was."""
    placed = datetime(2026, 3, 9, 12, tzinfo=UTC)
    order = write_order(session, books, number, placed, journey=journey, **{"net": 1000, **more})
    for position, age in enumerate(ago):
        touched = update(Touch).where(Touch.order_id == order, Touch.position == position)
        session.execute(touched.values(at=placed - age))
    return order


# --- who opens, who closes -------------------------------------------------------------------------------------------


def test_the_matrix_says_which_channel_opened_and_which_closed_and_adds_up_to_all_orders(run: Run) -> None:
    assert lines(run("crossing"), "opener", "closer", "orders", "revenue", "share") == [
        ("influence", "influence", 1, 3335, Fraction(3335, 18335)),
        ("influence", "affiliate", 1, 10000, Fraction(10000, 18335)),
        ("no_touchpoint", "no_touchpoint", 1, 5000, Fraction(5000, 18335)),
        ("total", None, 3, 18335, Fraction(1)),
    ]
    assert lines(run("crossing"), "opener", "orders", currency="USD") == [("influence", 1), ("total", 1)]


def test_the_matrix_counts_the_customers_who_bought_for_the_first_time(ledger: Ledger, books: Books, run: Run) -> None:
    with ledger.writing() as session:
        session.execute(update(OrderRow).where(OrderRow.id == books["A1"]).values(customer_is_new=True))
        session.execute(update(OrderRow).where(OrderRow.id == books["A2"]).values(customer_is_new=False))
    assert lines(run("crossing"), "closer", "new")[:2] == [("influence", 0), ("affiliate", 1)]


def test_a_filter_keeps_the_orders_in_whose_journey_it_stands(run: Run, books: Books) -> None:
    rows = run("crossing", partner_id=books["Bob"])
    assert lines(rows, "opener", "closer", "orders") == [("influence", "affiliate", 1), ("total", None, 1)]
    assert run("crossing", partner_id=books["Carol"]) == []


def test_other_marketing_has_its_own_lines(ledger: Ledger, books: Books, run: Run) -> None:
    with ledger.writing() as session:
        sold(session, books, "E1", Stop("Bob", "email", link="bob", earns=False), ALICE_LINK)
    assert ("email", "influence", 1) in lines(run("crossing"), "opener", "closer", "orders")


# --- assists ---------------------------------------------------------------------------------------------------------


def test_a_partner_opens_assists_closes_or_sells_alone(run: Run) -> None:
    keys = ("partner", "orders", "opened", "assisted", "closed", "solo", "assisted_revenue", "assist_ratio")
    assert lines(run("assists"), *keys) == [
        ("Alice", 2, 2, 1, 1, 1, 10000, Fraction(1)),
        ("Bob", 1, 0, 0, 1, 0, 0, Fraction(0)),
    ]


def test_a_filter_on_assists_keeps_partners_and_still_knows_who_was_alone(run: Run, books: Books) -> None:
    rows = run("assists", partner_id=books["Bob"])
    assert lines(rows, "partner", "orders", "solo") == [("Bob", 1, 0)]


def test_a_partner_touched_twice_in_one_journey_has_one_order(ledger: Ledger, books: Books, run: Run) -> None:
    with ledger.writing() as session:
        sold(session, books, "T1", BOB_LINK, BOB_LINK)
    assert lines(run("assists"), "partner", "orders", "closed", "solo")[1] == ("Bob", 2, 2, 1)


# --- sales opened for affiliates -------------------------------------------------------------------------------------


def test_an_affiliate_s_sales_say_who_opened_them_and_what_part_that_is(ledger: Ledger, books: Books, run: Run) -> None:
    with ledger.writing() as session:
        sold(session, books, "D1", BOB_LINK, net=30000)
    keys = ("influencer", "affiliate", "campaign", "orders", "revenue", "share")
    assert lines(run("opened_for"), *keys) == [
        ("Alice", "Bob", None, 1, 10000, Fraction(1, 4)),
        ("∑", None, None, 1, 10000, Fraction(1, 4)),
    ]


def test_a_credited_affiliate_s_sale_counts_though_somebody_else_closed_it(
    ledger: Ledger, books: Books, run: Run
) -> None:
    carol = Stop("Carol", "influence", link="alice")
    with ledger.writing() as session:
        sold(session, books, "C1", carol, BOB_LINK, replace(ALICE_CODE, earns=False), net=700)
    rows = lines(run("opened_for"), "influencer", "affiliate", "orders", "revenue")
    assert rows == [("Alice", "Bob", 1, 10000), ("Carol", "Bob", 1, 700), ("∑", None, 2, 10700)]


def test_filters_choose_pairs_and_leave_the_affiliate_s_whole_alone(ledger: Ledger, books: Books, run: Run) -> None:
    with ledger.writing() as session:
        sold(session, books, "F1", Stop("Carol", "influence", link="alice"), BOB_LINK, net=10000)
        session.execute(update(Touch).where(Touch.order_id == books["F1"]).values(campaign_id=books["spring"]))
    for asked in ({"partner_id": books["Carol"]}, {"campaign_id": books["spring"]}):
        rows = run("opened_for", **asked)
        assert lines(rows, "influencer", "campaign", "share") == [
            ("Carol", "Spring", Fraction(1, 2)),
            ("∑", None, Fraction(1, 2)),
        ]


# --- time and touches ------------------------------------------------------------------------------------------------


def test_the_time_to_the_order_is_counted_from_the_first_click_of_influence(
    ledger: Ledger, books: Books, run: Run
) -> None:
    hour, day = timedelta(hours=1), timedelta(days=1)
    ages = [59 * timedelta(minutes=1), hour, day, 3 * day, 7 * day, 14 * day, 30 * day, 45 * day]
    with ledger.writing() as session:
        for number, age in enumerate(ages):
            sold(session, books, f"L{number}", BOB_LINK, ALICE_LINK, ALICE_LINK, ago=(50 * day, age, hour / 2))
        sold(session, books, "code", ALICE_CODE)
    rows = run("lag")
    assert lines(rows, "lag", "orders")[1:] == [
        ("day_1", 1),
        ("days_2_3", 1),
        ("days_4_7", 1),
        ("days_8_14", 1),
        ("days_15_30", 1),
        ("days_31_on", 2),
        ("total", 10),
    ]
    assert lines(rows, "lag", "orders")[0] == ("same_hour", 3)  # A1 and A2 clicked when they bought
    assert rows[7]["median"] == Fraction(24 + 72, 2)
    assert rows[0]["median"] is None


def test_with_the_filter_on_affiliates_their_first_click_is_the_beginning(run: Run) -> None:
    assert lines(run("lag", channel="affiliate"), "lag", "orders", "median") == [
        ("same_hour", 1, None),
        ("total", 1, Fraction(0)),
    ]


def test_touchpoints_are_counted_up_to_seven_and_more(ledger: Ledger, books: Books, run: Run) -> None:
    with ledger.writing() as session:
        sold(session, books, "T7", *[ALICE_LINK] * 7)
        sold(session, books, "T9", *[ALICE_LINK] * 9)
    assert lines(run("touches"), "touches", "orders", "revenue") == [
        ("1", 1, 3335),
        ("2", 1, 10000),
        ("seven_and_more", 2, 2000),
        ("total", 4, 15335),
    ]


# --- evidence --------------------------------------------------------------------------------------------------------


def test_tracked_by_code_and_both_are_three_things_and_add_up(ledger: Ledger, books: Books, run: Run) -> None:
    with ledger.writing() as session:
        sold(session, books, "K1", ALICE_CODE, net=500)
    assert lines(run("evidence"), "evidence", "orders", "revenue") == [
        ("tracked", 1, 10000),
        ("both", 1, 3335),
        ("code_alone", 1, 500),
        ("untied", 1, 5000),
        ("total", 4, 18835),
    ]


def test_under_a_filter_evidence_is_that_of_the_partner_alone(ledger: Ledger, books: Books, run: Run) -> None:
    with ledger.writing() as session:
        sold(session, books, "K2", BOB_LINK, ALICE_CODE)
    rows = run("evidence", partner_id=books["Alice"])
    assert lines(rows, "evidence", "orders") == [("tracked", 1), ("both", 1), ("code_alone", 1), ("total", 3)]


def test_a_code_is_used_with_and_without_a_click_of_its_owner(ledger: Ledger, books: Books, run: Run) -> None:
    with ledger.writing() as session:
        sold(session, books, "U1", ALICE_CODE, net=500)
        sold(session, books, "U2", ALICE_LINK, replace(ALICE_CODE, code="Alice10"), net=600)
    keys = ("partner", "uses", "revenue", "without_click", "without_click_revenue", "leaked", "leak_rate")
    assert lines(run("code_use"), *keys) == [("Alice", 3, 4435, 1, 500, 0, Fraction(0))]


@pytest.mark.parametrize(("minutes", "leaked"), [(30, 1), (31, 0)])
def test_a_code_leaks_where_a_coupon_site_was_clicked_right_before(
    ledger: Ledger, books: Books, run: Run, minutes: int, leaked: int
) -> None:
    ages = (timedelta(days=2), timedelta(minutes=minutes), timedelta())
    with ledger.writing() as session:
        sold(session, books, "X1", ALICE_LINK, BOB_LINK, ALICE_CODE, ago=ages, net=500)
    (row,) = run("code_use")
    assert (row["uses"], row["leaked"], row["leaked_revenue"]) == (2, leaked, 500 * leaked)


def test_a_code_does_not_leak_where_its_owner_s_click_came_last(ledger: Ledger, books: Books, run: Run) -> None:
    with ledger.writing() as session:
        sold(session, books, "X2", BOB_LINK, ALICE_BOTH, ago=(timedelta(minutes=9), timedelta(minutes=5)))
    assert [row["leaked"] for row in run("code_use")] == [0]


# --- models side by side ---------------------------------------------------------------------------------------------


def test_every_partner_has_a_range_over_the_models(run: Run) -> None:
    assert lines(run("models"), "partner", "revenue", "lowest", "highest", "spread") == [
        ("Bob", 10000, 5000, 10000, 5000),
        ("Alice", 3335, 3335, 8335, 5000),
    ]


def test_a_model_that_gives_the_whole_to_everyone_is_not_compared(ledger: Ledger, books: Books, run: Run) -> None:
    with ledger.writing() as session:
        write_set(session, books, "A1", "participation", 10000, [(ALICE_LINK, "1", 10000), (BOB_LINK, "1", 10000)])
    assert lines(run("models"), "partner", "highest") == [("Bob", 10000), ("Alice", 8335)]


def test_an_unsealed_set_is_in_no_comparison(run: Run) -> None:
    assert [row["last_click"] for row in run("models") if row["partner"] == "Bob"] == [10000]


def test_a_period_without_orders_has_no_lines(run: Run) -> None:
    for name in ("crossing", "assists", "opened_for", "lag", "touches", "evidence", "code_use", "models"):
        assert run(name, start=date(2025, 1, 1), end=date(2025, 1, 31)) == [], name


# --- the pages -------------------------------------------------------------------------------------------------------

REPORTS = ("crossing", "opened_for", "assists", "lag", "touches", "evidence", "code_use", "models", "lift",
           "incrementality")  # fmt: skip


def test_every_page_on_crossing_renders_in_both_languages_with_what_its_report_says(
    sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    march = "from=2026-03-01&to=2026-03-31"
    with opened_desk(settings_of(sqlite_url, redis_url, tmp_path)) as desk:
        with desk.wiring.sessions.begin() as session:
            books = write_books(session)
            sold(session, books, "P1", ALICE_LINK, BOB_LINK, replace(ALICE_CODE, earns=False))
            add(session, video(books), regions_without(books))
        desk.sign_in()
        for name in REPORTS:
            for language in ("en", "fr"):
                answer = desk.get(f"/reports/{name}?{march}", **{"Accept-Language": language})
                assert answer.status_code == 200, name
                assert "<table" in answer.text, name
        crossing, evidence = (desk.get(f"/reports/{name}?{march}").text for name in ("crossing", "evidence"))
        refusals = [desk.get(f"/reports/{name}?{march}").text for name in ("lift", "incrementality")]
    assert 'class="matrix"' in crossing
    assert "€100.00" in crossing  # A1: opened by influence, closed by an affiliate
    assert "€43.35" in crossing  # A2 and P1: both by influence, P1 closed by the code
    assert 'class="ladder"' in evidence
    assert "Tracked and by code" in evidence
    assert all("Too early" in text for text in refusals)


def video(books: Books) -> Placement:
    at = datetime(2026, 3, 8, tzinfo=UTC)
    return Placement(id=books["video"], brand_id=books.brand, partner_id=books["Alice"], network="tiktok",
                     format="video", published_at=at, created_at=at)  # fmt: skip


def regions_without(books: Books) -> Holdout:
    draw = {"held_out": ["FR-01", "FR-02"], "compared": ["FR-03", "FR-04"]}
    return Holdout(id=books["without"], brand_id=books.brand, campaign_id=books["spring"], name="Without",
                   kind="regions", settings=draw, starts_on=date(2026, 3, 2), ends_on=date(2026, 3, 29),
                   created_at=datetime(2026, 3, 1, tzinfo=UTC))  # fmt: skip
