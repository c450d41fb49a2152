"""Estimates and experiments on markets whose truth is known: a lift of nothing is nothing, a planted one is found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import exp, inf, sqrt
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert
from sqlalchemy.orm import Session

from tests.conftest import Ledger
from tests.sample_books import ALICE_LINK, EARLY, Books, add, report_rows, write_catalog, write_order
from tests.test_cli import Tracker, environment, maison, refused, tracker
from tracker.domain import experiments, lift
from tracker.domain.ids import derived_id
from tracker.domain.orders import NET_FORMULA
from tracker.ledger.tables import Holdout, OrderRow, Placement
from tracker.reports._shape import Row, Scope

__all__ = ["environment", "maison", "tracker"]  # fixtures

WEEKDAYS = (1.0, 1.0, 1.1, 1.2, 1.4, 1.8, 0.7)
WORLDS = 200


def poisson(random: Random, mean: float) -> int:
    """Knuth's, by multiplying; means here are small."""
    limit, product, count = exp(-mean), random.random(), 0
    while product > limit:
        product *= random.random()
        count += 1
    return count


def market(random: Random, days: int, level: float, moods: float = 0.0) -> list[int]:
    """Orders a day with a rhythm of the week; `moods` make good and bad days come in a row."""
    mood, found = 0.0, []
    for day in range(days):
        mood = 0.5 * mood + sqrt(0.75) * random.gauss(0, 1)
        found.append(poisson(random, level * WEEKDAYS[day % 7] * exp(moods * mood - moods * moods / 2)))
    return found


# --- the lift around a publication -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("weeks", "level", "moods"), [(8, 20, 0.0), (8, 20, 0.2), (8, 3, 0.0), (4, 20, 0.0)])
def test_a_lift_of_nothing_is_found_to_be_nothing_as_often_as_promised(weeks: int, level: float, moods: float) -> None:
    random = Random(7)
    found = [lift.around(days[:-3], days[-3:], seed=world)
             for world in range(WORLDS) if (days := market(random, 7 * weeks + 3, level, moods))]  # fmt: skip
    assert 0.90 <= sum(one.is_nothing for one in found) / WORLDS <= 0.98
    assert abs(sum(one.lift for one in found)) / WORLDS < level / 4


def test_the_interval_covers_a_planted_lift_and_a_large_one_is_told_from_nothing() -> None:
    random, planted = Random(11), 45
    found = []
    for world in range(WORLDS):
        days = market(random, 59, 20)
        found.append(lift.around(days[:-3], [days[-3] + 25, days[-2] + 15, days[-1] + 5], seed=world))
    assert 0.90 <= sum(one.low <= planted <= one.high for one in found) / WORLDS <= 0.98
    assert sum(not one.is_nothing and one.lift > 0 for one in found) / WORLDS > 0.95


def test_days_that_do_not_count_are_left_out_on_both_sides() -> None:
    before: list[float | None] = [10.0] * 56
    before[49] = before[50] = None
    found = lift.around(before, [10, 10, 40], seed=1)
    assert (found.expected, found.lift, found.low, found.high) == (30, 30, 30, 30)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 50), min_size=56, max_size=56), st.lists(st.integers(0, 50), min_size=1, max_size=7))
def test_an_estimate_lies_in_its_interval_and_is_the_same_every_time(before: list[int], after: list[int]) -> None:
    found = lift.around(before, after, seed=3)
    assert found == lift.around(before, after, seed=3)
    assert found.low <= found.high
    assert found.lift == pytest.approx(found.observed - found.expected)


def test_too_little_before_is_too_little() -> None:
    assert lift.enough([1.0] * 28, 3)
    assert not lift.enough([1.0] * 21, 3)
    assert not lift.enough([None] + [1.0] * 27, 3)
    assert not lift.enough([0.1] * 56, 3)
    for before, after in (([1.0] * 21, [1.0]), ([1.0] * 55, [1.0]), ([1.0] * 56, [])):
        with pytest.raises(ValueError, match="want"):
            lift.around(before, after, seed=1)


# --- randomised holdouts ---------------------------------------------------------------------------------------------


def changes(random: Random, regions: int) -> list[float]:
    """How much the orders of regions of very different size changed, without any campaign."""
    sizes = [random.lognormvariate(2, 1) for _ in range(regions)]
    return [random.gauss(size / 20, sqrt(size)) for size in sizes]


def test_without_an_effect_chance_is_taken_for_one_no_more_often_than_promised() -> None:
    random = Random(5)
    values = (changes(random, 12) for _ in range(WORLDS))
    alarms = sum(experiments.compared(found[:8], found[8:], seed=1).p <= 0.05 for found in values)
    assert 0.02 <= alarms / WORLDS <= 0.08


def test_the_interval_of_an_experiment_covers_the_planted_effect_and_tells_a_large_one_from_chance() -> None:
    random, found = Random(6), []
    for _ in range(WORLDS):
        drawn = changes(random, 12)
        found.append(experiments.compared([value + 12 for value in drawn[:8]], drawn[8:], seed=1))
    assert 0.92 <= sum(one.low <= 12 <= one.high for one in found) / WORLDS <= 0.98
    assert sum(one.low > 0 for one in found) / WORLDS > 0.8


def test_interval_and_chance_say_the_same_of_zero() -> None:
    random = Random(9)
    for world in range(60):
        drawn = changes(random, 9)
        found = experiments.compared(drawn[:5], drawn[5:], seed=world)
        assert (found.low <= 0 <= found.high) == (found.p > 0.05)
        assert found.low <= found.effect <= found.high


def test_more_draws_than_can_be_looked_at_are_sampled_the_same_every_time() -> None:
    drawn = changes(Random(1), 40)
    found = experiments.compared(drawn[:28], drawn[28:], seed=4)
    assert found == experiments.compared(drawn[:28], drawn[28:], seed=4)
    assert -inf < found.low < found.effect < found.high < inf


def test_too_few_units_prove_nothing() -> None:
    with pytest.raises(ValueError, match="too few"):
        experiments.compared([9.0, 9.0, 9.0], [0.0, 0.0, 0.0], seed=1)


@given(st.sets(st.text("abcdef", min_size=1, max_size=3), min_size=2), st.fractions("0.01", "0.99"), st.integers())
def test_a_draw_is_a_share_of_the_units_whatever_their_order(names: set[str], share: Fraction, seed: int) -> None:
    units = sorted(names)
    held_out = experiments.drawn(units, share, seed)
    assert 0 < len(held_out) < len(units)
    assert set(held_out) == set(experiments.drawn(units[::-1], share, seed))
    assert abs(len(held_out) - share * len(units)) <= 1


# --- the reports -----------------------------------------------------------------------------------------------------

Sold = Iterable[tuple[datetime, str | None]]
NOON = timedelta(hours=12)


def day(number: int) -> datetime:
    """Noon of a day counted from 1 January 2026, a Thursday."""
    return datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=number)


def sell(session: Session, books: Books, sold: Sold) -> None:
    """Paid orders of 10.00 € that nobody is credited with, each at a moment and in a region."""
    session.execute(
        insert(OrderRow),
        [
            {
                "id": derived_id(books.brand, "sold", str(number)), "brand_id": books.brand, "shop_id": books["shop"],
                "external_id": str(number), "number": "", "status": "paid", "test": False, "currency": "EUR",
                "total": 1000, "goods": 1000, "refunded": 0, "net": 1000, "net_formula": NET_FORMULA,
                "placed_at": at, "placed_day": at.date(), "region": region, "codes": [], "click_ids": [], "flags": [],
                "folded_at": at,
            }
            for number, (at, region) in enumerate(sold)
        ],
    )  # fmt: skip


def published(books: Books, name: str, at: datetime) -> Placement:
    return Placement(id=books[name], brand_id=books.brand, partner_id=books["Alice"], network="tiktok", format="video",
                     campaign_id=books["spring"], published_at=at, created_at=EARLY)  # fmt: skip


def report(ledger: Ledger, books: Books, name: str, start: int, end: int, **asked: Any) -> list[Row]:
    """Rows of a report from a day to a day, after JSON and CSV have taken them."""
    scope = Scope(books.brand, day(start).date(), day(end).date(), **asked)
    return report_rows(ledger, name, scope)


def opened(ledger: Ledger, *stories: Callable[[Session, Books], None]) -> Books:
    books = Books("b" * 32)
    with ledger.writing() as session:
        write_catalog(session, books, "Maison Violette")
        for story in stories:
            story(session, books)
    return books


def steady(days: int, a_day: int = 10, more: Sequence[int] = ()) -> list[tuple[datetime, str | None]]:
    """`a_day` orders on each day, 9 or 11 by turns, and ten more on the days that are named."""
    return [(day(number), None) for number in range(days)
            for _ in range(a_day + (1 if number % 2 else -1) + 10 * (number in more))]  # fmt: skip


def test_a_placement_s_lift_is_what_came_on_top_among_orders_that_nobody_is_credited_with(ledger: Ledger) -> None:
    def story(session: Session, books: Books) -> None:
        sell(session, books, steady(70, more=(60, 61, 62)))
        add(session, published(books, "video", day(60) - timedelta(hours=1)))
        for number in range(40):  # credited orders are no part of it
            write_order(session, books, f"c{number}", day(60), net=1000, journey=[ALICE_LINK])

    books = opened(ledger, story)
    (row,) = report(ledger, books, "lift", 50, 65)
    assert (row["placement"], row["partner"], row["campaign"]) == ("tiktok video", "Alice", "Spring")
    assert (row["observed"], row["expected"], row["verdict"], row["others"]) == (59, 30, "lift_more", 0)
    assert isinstance(row["low"], float)
    assert 0 < row["low"] < 29
    assert row["revenue_lift"] == 29000
    assert report(ledger, books, "lift", 50, 65, partner_id=books["Bob"]) == []


def test_a_placement_that_moved_nothing_says_so_with_its_interval(sqlite_ledger: Ledger) -> None:
    # Nothing random: one world in twenty is a false alarm by design, and the simulations above count those.
    def story(session: Session, books: Books) -> None:
        sell(session, books, steady(70))
        add(session, published(books, "video", day(60) - timedelta(hours=1)))

    (row,) = report(sqlite_ledger, opened(sqlite_ledger, story), "lift", 50, 65)
    assert (row["verdict"], row["observed"], row["expected"]) == ("lift_nothing", 29, 30)
    assert isinstance(row["low"], float)
    assert isinstance(row["high"], float)
    assert row["low"] < 0 < row["high"]


@pytest.mark.parametrize(
    ("days", "more", "verdict"),
    [
        (62, {}, "lift_early"),  # the last known order lies in the three days
        (70, {"first": 40}, "lift_little"),  # three weeks of orders before it
        (70, {"others": range(4, 60, 4)}, "lift_little"),  # another placement every fourth day
    ],
)
def test_an_estimate_that_cannot_be_made_is_refused_with_the_reason(
    sqlite_ledger: Ledger, days: int, more: dict[str, int | Sequence[int]], verdict: str
) -> None:
    def story(session: Session, books: Books) -> None:
        first = more.get("first", 0)
        sell(session, books, [sold for sold in steady(days) if sold[0] >= day(first if isinstance(first, int) else 0)])
        add(session, published(books, "video", day(60)))
        others = more.get("others", ())
        for other in others if isinstance(others, range) else ():
            add(session, published(books, f"other {other}", day(other)))

    rows = report(sqlite_ledger, opened(sqlite_ledger, story), "lift", 60, 60)
    assert [(row["verdict"], row["lift"], row["observed"]) for row in rows] == [(verdict, None, None)]


def test_placements_of_the_same_days_are_told_that_they_share_the_lift(sqlite_ledger: Ledger) -> None:
    def story(session: Session, books: Books) -> None:
        sell(session, books, steady(70))
        add(session, published(books, "one", day(60)), published(books, "two", day(61)))

    rows = report(sqlite_ledger, opened(sqlite_ledger, story), "lift", 58, 64)
    assert [row["others"] for row in rows] == [1, 1]


def held(books: Books, kind: str, held_out: list[str], compared: list[str], start: int, end: int) -> Holdout:
    settings = {"held_out": held_out, "compared": compared}
    first, last = day(start).date(), day(end).date()
    return Holdout(id=books["held"], brand_id=books.brand, campaign_id=books["spring"], name="Without", kind=kind,
                   settings=settings, starts_on=first, ends_on=last, created_at=EARLY)  # fmt: skip


REGIONS = [f"FR-{number:02}" for number in range(1, 13)]


def by_region(lifted: Sequence[str], by: int) -> list[tuple[datetime, str | None]]:
    """Sixty days of one to twelve orders a day in twelve regions, more from day 30 on where lifted."""
    return [
        (day(number), region)
        for number in range(60)
        for size, region in enumerate(REGIONS, 1)
        for _ in range(size + (number * 7 + size) % 2 + (by if number >= 30 and region in lifted else 0))
    ]


def test_regions_say_what_a_campaign_added_with_interval_and_chance(ledger: Ledger) -> None:
    def story(session: Session, books: Books) -> None:
        sell(session, books, by_region(REGIONS[4:], 2))
        add(session, held(books, "regions", REGIONS[:4], REGIONS[4:], 30, 57))

    books = opened(ledger, story)
    (row,) = report(ledger, books, "incrementality", 40, 50, campaign_id=books["spring"])
    assert (row["campaign"], row["running"], row["held_out"], row["verdict"]) == ("Spring", 8, 4, "holdout_proven")
    assert row["lift"] == pytest.approx(2 * 8 * 28)
    assert row["revenue_lift"] == 2 * 8 * 28 * 1000
    assert isinstance(row["chance"], Fraction)
    assert row["chance"] == pytest.approx(Fraction(1, 495), abs=1e-4)
    assert report(ledger, books, "incrementality", 0, 20) == []


def test_days_left_out_say_what_a_campaign_added(sqlite_ledger: Ledger) -> None:
    days = [day(number).date().isoformat() for number in range(60, 88)]
    off = experiments.drawn(days, Fraction(1, 2), 3)
    on = [one for one in days if one not in off]

    def story(session: Session, books: Books) -> None:
        running = [number for number in range(60, 88) if day(number).date().isoformat() in on]
        sell(session, books, steady(90, more=running))
        add(session, held(books, "days", off, on, 60, 87))

    (row,) = report(sqlite_ledger, opened(sqlite_ledger, story), "incrementality", 60, 87)
    assert row["verdict"] == "holdout_proven"
    assert row["lift"] == pytest.approx(10 * 14, rel=0.1)
    assert isinstance(row["running_rate"], float)
    assert isinstance(row["held_out_rate"], float)
    assert row["running_rate"] - row["held_out_rate"] == pytest.approx(10, rel=0.15)


def test_a_holdout_that_is_not_over_or_began_before_there_were_orders_says_nothing(sqlite_ledger: Ledger) -> None:
    def story(session: Session, books: Books) -> None:
        sell(session, books, by_region((), 0))
        add(session, held(books, "regions", REGIONS[:4], REGIONS[4:], 20, 40))
        running = held(books, "regions", REGIONS[:4], REGIONS[4:], 50, 59)
        running.id = books["running"]
        add(session, running)

    rows = report(sqlite_ledger, opened(sqlite_ledger, story), "incrementality", 0, 80)
    assert [(row["verdict"], row["lift"]) for row in rows] == [("holdout_early", None), ("holdout_little", None)]


# --- the command line ------------------------------------------------------------------------------------------------


def test_a_holdout_is_drawn_added_listed_and_shown(tracker: Tracker, maison: object) -> None:
    tracker("campaign", "add", "Printemps")
    drawn = tracker("holdout", "draw", "--regions", ",".join(REGIONS), "--share", "1/3", "--seed", "7", "--json").json
    assert (len(drawn["held_out"]), len(drawn["compared"])) == (4, 8)
    assert (
        drawn
        == tracker(
            *("holdout", "draw", "--regions", ",".join(REGIONS).lower(), "--share", "1/3", "--seed", "7", "--json")
        ).json
    )
    added = tracker(
        *("holdout", "add", "Without", "--campaign", "printemps", "--from", "2026-03-01", "--to", "2026-03-28"),
        *("--held-out", ",".join(drawn["held_out"]), "--compared", ",".join(drawn["compared"]), "--json"),
    ).json
    assert (added["kind"], added["held_out"]) == ("regions", drawn["held_out"])
    assert tracker("holdout", "list", "--campaign", "Printemps", "--json").json == [added]
    assert tracker("holdout", "show", "without", "--json").json == added


def test_days_are_drawn_between_two_and_all_others_are_compared(tracker: Tracker, maison: object) -> None:
    tracker("campaign", "add", "Printemps")
    span = ("--from", "2026-03-01", "--to", "2026-03-14")
    drawn = tracker("holdout", "draw", *span, "--json").json
    assert len(drawn["held_out"]) == 7
    off = ",".join(drawn["held_out"])
    added = tracker(
        "holdout", "add", "Days", "--campaign", "Printemps", "--kind", "days", *span, "--held-out", off, "--json"
    ).json
    assert sorted(added["held_out"] + added["compared"]) == [
        (date(2026, 3, 1) + timedelta(days=number)).isoformat() for number in range(14)
    ]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("--held-out", "FR-01", "--compared", "FR-02"), "--held-out"),
        (("--held-out", "Paris", "--compared", "FR-02"), "FR-75"),
        (("--held-out", "FR-01,FR-02,FR-03,FR-04", "--compared", "FR-04,FR-05,FR-06,FR-07"), "--compared"),
        (("--held-out", "2026-04-01", "--kind", "days"), "--held-out"),
        (("--held-out", "FR-01,FR-01", "--compared", "FR-04"), "twice"),
        (("--held-out", "FR-01", "--ends-on", "2026-02-01"), "--ends-on"),
        (("--held-out", "FR-01", "--kind", "moons"), "--kind"),
    ],
)
def test_a_draw_that_proves_nothing_is_refused(
    tracker: Tracker, maison: object, asked: tuple[str, ...], told: str
) -> None:
    tracker("campaign", "add", "Printemps")
    span = ("--starts-on", "2026-03-01", "--ends-on", "2026-03-14")
    refused(tracker("holdout", "add", "No", "--campaign", "Printemps", *span, *asked), told)


@pytest.mark.parametrize(
    "asked", [(), ("--regions", "FR-01"), ("--from", "2026-03-01"), ("--regions", "FR-01,FR-02", "--share", "2")]
)
def test_a_draw_of_nothing_is_refused(tracker: Tracker, asked: tuple[str, ...]) -> None:
    refused(tracker("holdout", "draw", *asked), "--")
