"""Funnel, customers and their value, fees, effort, tiers and winners, added up by hand in small worlds."""

from __future__ import annotations

from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import pytest
from sqlalchemy import update

from tests.conftest import Ledger
from tests.given import NOON, before
from tests.sample_books import BOB_LINK, Books, Stop, report_rows, write_catalog, write_order
from tests.test_placement_reports import MARCH, Studio, figures
from tracker.domain import metrics
from tracker.domain.catalog import Channel, PartnerKind, default_channel
from tracker.domain.rankings import Converted, Verdict, verdicts
from tracker.ledger.tables import Cost, LinkHour, OrderRow, Partner
from tracker.reports._shape import Column, Row, Scope
from tracker.web import _tables


@pytest.fixture
def studio(ledger: Ledger) -> Studio:
    return Studio(ledger)


@pytest.fixture
def small(sqlite_ledger: Ledger) -> Studio:
    return Studio(sqlite_ledger)


def one(rows: list[Row], **wanted: object) -> Row:
    (row,) = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    return row


# --- intervals and winners --------------------------------------------------------------------------------------------


def test_wilsons_interval_is_the_one_of_the_textbook() -> None:
    """10 of 100: (0.1 + z²/200 ± z·√(0.0009 + z²/40000)) / (1 + z²/100) with z = 1.96 is 5.52 % to 17.44 %."""
    found = metrics.wilson_interval(10, 100)
    assert found is not None
    assert (round(float(found.low), 4), round(float(found.high), 4)) == (0.0552, 0.1744)
    nothing = metrics.wilson_interval(0, 10)
    assert nothing is not None
    assert (float(nothing.low), round(float(nothing.high), 4)) == (0.0, 0.2775)


@pytest.mark.parametrize(("orders", "clicks"), [(0, 0), (None, 10), (1, None), (11, 10)])
def test_without_a_rate_there_is_no_interval(orders: int | None, clicks: int | None) -> None:
    assert metrics.wilson_interval(orders, clicks) is None


BEST, LEVEL, BEHIND, TOO_FEW = Verdict


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"a": (60, 400), "b": (20, 400)}, {"a": BEST, "b": BEHIND}),
        ({"a": (60, 400), "b": (50, 400)}, {"a": LEVEL, "b": LEVEL}),
        ({"a": (60, 400), "b": (50, 400), "c": (10, 900)}, {"a": LEVEL, "b": LEVEL, "c": BEHIND}),
        ({"a": (60, 400), "b": (9, 400)}, {"a": BEST, "b": TOO_FEW}),
        ({"a": (60, 400), "b": (9, 20)}, {"a": LEVEL, "b": TOO_FEW}),
        ({"a": (99, 99), "b": (9, 400)}, {"a": TOO_FEW, "b": TOO_FEW}),
        ({"a": (60, 400)}, {"a": None}),
        ({"a": (60, 400), "b": (0, 0)}, {"a": None, "b": TOO_FEW}),
        ({}, {}),
    ],
)
def test_a_winner_is_above_each_rival_and_all_the_others(found: Any, said: Any) -> None:
    assert verdicts({name: Converted(*each) for name, each in found.items()}) == said


def test_an_interval_of_what_was_tracked_is_no_estimate() -> None:
    rate, lift = (
        [Column(f"{stem}{end}", end) for end in ends]
        for stem, ends in (("cvr", ("", "_low", "_high")), ("", ("lift", "low", "high")))
    )
    for columns, estimated in ((rate, False), (lift, True)):
        (place,) = _tables.laid_out(columns, [])
        assert (place.low, place.high, place.is_estimated) == (columns[1], columns[2], estimated)
        assert _tables.is_estimated(columns) is estimated


def test_partners_are_told_apart_by_how_they_convert(small: Studio) -> None:
    carol = small.partner("Carol")
    for link, humans, orders in ((small.alice_link, 150, 12), (small.bob_link, 100, 1), (small.link(carol), 0, 0)):
        for _ in range(orders):
            small.sell(link, "10.00")
        if humans:
            small._insert(LinkHour, link_id=link, hour=before(days=2), gross=humans, human=humans)
    rows = small.report("partners")
    alice, bob, other = (one(rows, partner=name) for name in ("Alice", "Bob", "Carol"))
    assert figures(alice, "cvr", "conversion") == (Fraction(12, 150), "level")  # 4.6 … 13.5 % over 0.2 … 5.4 %
    assert figures(bob, "cvr", "conversion") == (Fraction(1, 100), "too_few_to_win")
    assert figures(other, "cvr", "cvr_low", "cvr_high", "conversion") == (None, None, None, None)
    interval = metrics.wilson_interval(12, 150)
    assert interval is not None
    assert figures(alice, "cvr_low", "cvr_high") == (interval.low, interval.high)


# --- funnel -----------------------------------------------------------------------------------------------------------


def test_the_funnel_counts_down_from_views_to_net_sales(studio: Studio) -> None:
    video, photo = studio.publish(studio.alice), studio.publish(studio.alice, format="photo")
    studio.count(video, views=10_000, likes=400)
    studio.count(photo, likes=100)  # nobody counted its views
    link = studio.tracked(studio.alice, video, humans=200)
    studio._insert(LinkHour, link_id=studio.alice_link, hour=before(days=2), gross=50, human=50)
    studio.sell(link, "60.00")
    studio.sell(studio.alice_link, "15.00")
    studio.sell(studio.bob_link, "500.00")  # an affiliate without a placement is in no funnel
    total, alice = studio.report("funnel")
    counted = ("views", "likes", "clicks", "orders", "revenue", "aov")
    assert figures(alice, "what", "partner", *counted) == ("partner", "Alice", 10_000, 500, 250, 2, 7_500, 3_750)
    assert figures(alice, "like_rate", "click_rate", "order_rate", "each_view") == (
        *(Fraction(400, 10_000), Fraction(250, 500), Fraction(2, 250), 750),
    )
    assert figures(total, "what", "partner", *counted) == ("total", None, 10_000, 500, 250, 2, 7_500, 3_750)
    chosen = studio.report("funnel", partner_id=studio.alice)
    assert [row["what"] for row in chosen] == ["total", "partner", "placement", "placement"]
    drilled, other = one(chosen, placement_id=video), one(chosen, placement_id=photo)
    assert figures(drilled, *counted) == (10_000, 400, 200, 1, 6_000, 6_000)
    assert figures(other, *counted, "like_rate", "click_rate") == (None, 100, None, None, None, None, None, None)


def test_a_funnel_of_two_currencies_counts_views_once(small: Studio) -> None:
    video = small.publish(small.alice)
    small.count(video, views=100, likes=10)
    link = small.tracked(small.alice, video, humans=5)
    small.sell(link, "10.00")
    small.sell(link, "20.00", currency="USD")
    rows = small.report("funnel")
    assert [figures(row, "what", "currency", "views", "clicks", "revenue") for row in rows] == [
        ("total", "EUR", 100, 5, 1_000),
        ("total", "USD", None, None, 2_000),
        ("partner", "EUR", 100, 5, 1_000),
        ("partner", "USD", None, None, 2_000),
    ]
    assert rows[0]["order_rate"] == Fraction(2, 5)


# --- customers --------------------------------------------------------------------------------------------------------


@pytest.fixture
def shop(ledger: Ledger) -> tuple[Ledger, Books]:
    """Three customers: Zoé (opened by Alice), Yan (opened by Bob), and Xav, whom nobody brought.

    Zoé buys for 100.00 on 1 January (Alice opens, Bob closes), 20.00 twenty-nine days later, 30.00 on the 30th day,
    and 5.00 $. Yan buys for 50.00 on 1 March. Xav for 10.00 on 2 January and 40.00 on 20 March.
    """
    books = Books("b" * 32)
    alice = Stop("Alice", "influence", link="alice")
    with ledger.writing() as session:
        write_catalog(session, books, "Maison Violette")
        for number, day, net, who, journey, is_new, extra in (
            ("Z1", date(2026, 1, 1), 10_000, "zoe", (alice, BOB_LINK), True, {}),
            ("Z2", date(2026, 1, 30), 2_000, "zoe", (BOB_LINK,), False, {}),
            ("Z3", date(2026, 1, 31), 3_000, "zoe", (), False, {}),
            ("Z4", date(2026, 1, 3), 500, "zoe", (), False, {"currency": "USD"}),
            ("Z5", date(2026, 1, 4), 9_900, "zoe", (), False, {"status": "cancelled"}),
            ("Z6", date(2026, 1, 4), 9_900, "zoe", (), False, {"test": True}),
            ("Y1", date(2026, 3, 1), 5_000, "yan", (BOB_LINK,), True, {}),
            ("X1", date(2026, 1, 2), 1_000, "xav", (), True, {}),
            ("X2", date(2026, 3, 20), 4_000, "xav", (), False, {}),
            ("N1", date(2026, 3, 31), 700, None, (), None, {}),
        ):
            placed = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
            order = write_order(session, books, number, placed, net=net, journey=journey, **extra)
            session.execute(update(OrderRow).where(OrderRow.id == order).values(customer=who, customer_is_new=is_new))
        for name, amount in (("Alice", 4_000), ("Bob", 1_000)):
            spent = {"kind": "fee", "amount": amount, "currency": "EUR", "spent_on": date(2026, 1, 5)}
            session.add(
                Cost(
                    id=books[f"fee {name}"],
                    brand_id=books.brand,
                    partner_id=books[name],
                    note="",
                    created_at=NOON,
                    **spent,
                )
            )
    return ledger, books


QUARTER = (date(2026, 1, 1), date(2026, 3, 31))


def rows_of(shop: tuple[Ledger, Books], name: str, **asked: Any) -> list[Row]:
    ledger, books = shop
    return report_rows(
        ledger, name, Scope(**{"brand_id": books.brand, "start": QUARTER[0], "end": QUARTER[1], **asked})
    )


def test_new_and_returning_customers_by_who_opened_and_who_closed(shop: tuple[Ledger, Books]) -> None:
    rows = rows_of(shop, "customers")
    counted = ("orders", "new", "returning", "unknown", "new_revenue", "returning_revenue")
    total = one(rows, what="total", currency="EUR")
    assert figures(total, *counted) == (7, 3, 3, 1, 10_000 + 5_000 + 1_000, 2_000 + 3_000 + 4_000)
    assert figures(total, "share", "new_aov", "returning_aov") == (Fraction(1, 2), 5_333, 3_000)
    assert figures(total, "spent", "cpa_new") == (5_000, 1_667)
    opened = one(rows, what="opened_by", partner="Alice")
    assert figures(opened, *counted, "spent", "cpa_new") == (1, 1, 0, 0, 10_000, 0, 4_000, 4_000)
    closed = one(rows, what="closed_by", partner="Bob")
    assert figures(closed, *counted, "spent", "cpa_new") == (3, 2, 1, 0, 15_000, 2_000, 1_000, 500)
    assert one(rows, what="opened_by_channel", channel="affiliate")["new"] == 1
    assert one(rows, what="closed_by_channel", channel="affiliate")["new"] == 2
    assert figures(one(rows, what="total", currency="USD"), "orders", "new", "spent") == (1, 0, None)
    assert [row["partner"] for row in rows if row["what"] == "opened_by"] == ["Alice", "Bob"]


def test_a_filter_keeps_the_seats_of_whom_it_names(shop: tuple[Ledger, Books]) -> None:
    rows = rows_of(shop, "customers", partner_id=shop[1]["Alice"])
    assert [figures(row, "what", "partner", "orders") for row in rows] == [
        ("total", None, 1),
        ("opened_by_channel", None, 1),
        ("opened_by", "Alice", 1),
    ]


# --- what customers are worth -----------------------------------------------------------------------------------------


def test_a_customer_is_worth_what_they_bought_within_the_window(shop: tuple[Ledger, Books]) -> None:
    """The last order known is of 31 March at noon: 89 days after Zoé's first, 88 after Xav's, 30 after Yan's."""
    rows = rows_of(shop, "ltv")
    alice = one(rows, what="opened_by_partner", partner="Alice")
    assert figures(alice, "customers", "ripe_30", "ltv_30") == (1, 1, 12_000)  # the 30th day is outside
    assert figures(alice, "ripe_90", "ltv_90", "ripe_365", "ltv_365") == (0, None, 0, None)
    assert figures(alice, "spent", "cost", "ratio") == (4_000, 4_000, 3)
    bob = one(rows, what="opened_by_partner", partner="Bob")
    assert figures(bob, "customers", "ripe_30", "ltv_30", "cost") == (1, 1, 5_000, 1_000)
    nobody = one(rows, what="opened_by_partner", partner=None)
    assert figures(nobody, "channel", "customers", "ltv_30", "spent", "ratio") == (
        "no_touchpoint",
        1,
        1_000,
        None,
        None,
    )
    everyone = one(rows, what="all_customers")
    assert figures(everyone, "customers", "ltv_30", "spent", "cost") == (3, 6_000, 5_000, 1_667)
    january = one(rows, what="of_a_month", month=date(2026, 1, 1))
    assert figures(january, "customers", "ltv_30", "spent") == (2, 6_500, None)
    assert [figures(row, "month", "channel") for row in rows if row["what"] == "of_a_month_by_channel"] == [
        (date(2026, 1, 1), "influence"),
        (date(2026, 1, 1), "no_touchpoint"),
        (date(2026, 3, 1), "affiliate"),
    ]


def test_a_window_counts_once_it_is_over_for_everyone(shop: tuple[Ledger, Books]) -> None:
    ledger, books = shop
    with ledger.writing() as session:
        write_order(session, books, "late", datetime(2026, 4, 1, 12, tzinfo=UTC), net=1)
    rows = rows_of(shop, "ltv")
    assert figures(one(rows, what="opened_by_partner", partner="Alice"), "ripe_90", "ltv_90") == (1, 15_000)
    assert figures(one(rows, what="all_customers"), "ripe_90", "ltv_90") == (1, None)


def test_value_of_customers_whom_a_partner_opened_alone(shop: tuple[Ledger, Books]) -> None:
    rows = rows_of(shop, "ltv", partner_id=shop[1]["Bob"])
    assert [figures(row, "what", "customers", "ltv_30") for row in rows] == [
        ("all_customers", 1, 5_000),
        ("opened_by_partner", 1, 5_000),
        ("of_a_month", 1, 5_000),
        ("of_a_month_by_channel", 1, 5_000),
        ("of_a_month_by_partner", 1, 5_000),
    ]
    assert rows_of(shop, "ltv", start=date(2026, 2, 1), end=date(2026, 2, 28)) == []


# --- fees, effort and tiers -------------------------------------------------------------------------------------------


def fee(studio: Studio, partner: str, amount: int) -> None:
    studio._insert(Cost, id=studio._id("cost"), brand_id=studio.brand, partner_id=partner, kind="fee", amount=amount,
                   currency="EUR", spent_on=MARCH[0], note="", created_at=NOON)  # fmt: skip


def test_a_fee_stands_beside_the_median_of_its_tier(small: Studio) -> None:
    people = [small.creator(name, followers) for name, followers in (("A", 20_000), ("B", 50_000), ("C", 10_000))]
    for partner, amount in zip(people, (30_000, 50_000, 30_000), strict=True):
        fee(small, partner, amount)
    big = small.creator("D", 2_000_000)
    fee(small, big, 400_000)
    video = small.publish(people[0])
    small.count(video, views=60_000)
    small.spend(video, 30_000, spent=MARCH[0])
    rows = small.report("rates")
    keys = ("partner", "tier", "fee", "per_followers", "followers_median", "followers_beyond", "peers")
    # 600 € for 20 thousand, 500 € for 50 thousand, 300 € for 10 thousand: 30, 10 and 30 euros for one thousand
    assert [figures(row, *keys) for row in rows] == [
        ("A", "micro", 60_000, 3_000, 3_000, Fraction(0), 3),
        ("C", "micro", 30_000, 3_000, 3_000, Fraction(0), 3),
        ("B", "micro", 50_000, 1_000, 3_000, Fraction(-2, 3), 3),
        ("D", "mega", 400_000, 200, None, None, 1),
    ]
    assert figures(rows[0], "placements", "views", "per_views", "views_median") == (1, 60_000, 1_000, None)
    assert figures(rows[2], "views", "per_views") == (None, None)
    assert [row["partner"] for row in small.report("rates", partner_id=people[1])] == ["B"]
    small.count(small.publish(people[0]), likes=5)  # its views are missing
    assert small.report("rates")[0]["per_views"] is None


def test_effort_is_set_against_what_it_brought(studio: Studio) -> None:
    video, photo = studio.publish(studio.alice), studio.publish(studio.alice, format="photo")
    studio.count(video, likes=400)
    studio.count(photo, likes=100)
    studio.sell(studio.tracked(studio.alice, video), "90.00")
    studio.tracked(studio.alice, photo)
    studio.sell(studio.bob_link, "30.00")
    for placement, minutes in ((video, 90), (None, 30)):
        studio._insert(Cost, id=studio._id("cost"), brand_id=studio.brand, placement_id=placement, kind="hours",
                       amount=1, minutes=minutes, currency="EUR", spent_on=MARCH[0], note="",
                       created_at=NOON)  # fmt: skip
    rows = studio.report("effort")
    keys = ("format", "placements", "hours", "engagement", "revenue", "per_hour", "per_thousand", "each")
    assert [figures(row, *keys) for row in rows] == [
        ("total", 2, 2, 500, 12_000, 6_000, 18_000, 4_500),
        ("video", 1, Fraction(3, 2), 400, 9_000, 6_000, 22_500, 9_000),
        ("photo", 1, None, 100, 0, None, 0, 0),
        ("outside_placements", None, Fraction(1, 2), None, 3_000, 6_000, None, None),
    ]
    alone = studio.report("effort", partner_id=studio.alice)
    assert figures(alone[0], "format", "hours") == ("total", Fraction(3, 2))


def test_tiers_stand_beside_the_brands_own_account(small: Studio) -> None:
    lea, own = small.creator("Léa", 20_000), small.partner("Maison", kind="own")
    for partner, likes, humans, net in ((lea, 80, 40, "50.00"), (own, 20, 10, "5.00")):
        video = small.publish(partner)
        small.count(video, views=1_000, likes=likes)
        small.sell(small.tracked(partner, video, humans=humans), net)
    fee(small, lea, 1_000)
    rows = small.report("tiers")
    keys = ("tier", "partners", "measured", "er", "clicks", "cvr", "revenue", "spent", "roi", "conversion")
    assert [figures(row, *keys) for row in rows] == [
        ("micro", 1, 1, Fraction(8, 100), 40, Fraction(1, 40), 5_000, 1_000, 4, "too_few_to_win"),
        ("own", 1, 1, Fraction(2, 100), 10, Fraction(1, 10), 500, 0, None, None),
    ]
    for name in ("placements", "formats"):
        found = {row["tier"]: row["conversion"] for row in small.report(name)}
        assert found == {"micro": "too_few_to_win", "own": None}, name
    assert one(small.report("partners"), partner="Maison")["conversion"] is None
    assert default_channel(PartnerKind.OWN) is Channel.INFLUENCE


# --- amplification ----------------------------------------------------------------------------------------------------


def test_amplification_is_shown_apart_and_the_return_without_it_too(small: Studio) -> None:
    video, plain = small.publish(small.alice, reused=True), small.publish(small.alice)
    small.sell(small.tracked(small.alice, video), "300.00")
    small.spend(video, 10_000, spent=MARCH[0])
    small._insert(Cost, id=small._id("cost"), brand_id=small.brand, placement_id=video, kind="amplification",
                   amount=5_000, currency="EUR", spent_on=MARCH[0], note="", created_at=NOON)  # fmt: skip
    rows = small.report("placements")
    keys = ("state", "cost", "amplification", "roi", "roi_without")
    assert figures(one(rows, placement_id=video), *keys) == ("reused_and_amplified", 15_000, 5_000, 1, 2)
    assert figures(one(rows, placement_id=plain), *keys) == ("organic_only", None, None, None, None)
    total = small.report("returns")[0]
    assert figures(total, "spent", "media", "roi", "roi_without") == (15_000, 5_000, 1, 2)


def test_formats_show_what_an_order_cost_and_how_sure_the_rate_is(small: Studio) -> None:
    for net in ("10.00", "20.00"):
        video = small.publish(small.alice)
        small.sell(small.tracked(small.alice, video, humans=50), net)
        small.spend(video, 1_500)
    (row,) = small.report("formats")
    assert figures(row, "cost", "cpa", "cvr", "conversion") == (3_000, 1_500, Fraction(2, 100), "too_few_to_win")
    interval = metrics.wilson_interval(2, 100)
    assert interval is not None
    assert figures(row, "cvr_low", "cvr_high") == (interval.low, interval.high)


def test_the_followers_of_a_partner_are_read_as_they_stand(small: Studio) -> None:
    with small.ledger.writing() as session:
        session.execute(update(Partner).where(Partner.id == small.alice).values(followers=500))
    assert [figures(row, "tier", "partners", "placements", "er") for row in small.report("tiers")] == [
        ("nano", 1, 0, None)
    ]
