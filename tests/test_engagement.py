"""Counters that nobody gave stay unknown, tiers turn where they say, and hollow is said of enough peers only."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tracker.domain import metrics
from tracker.domain.engagement import RATE_CARD, Counters, Kind, earned_media_value, falls, known_sum
from tracker.domain.tiers import Tier, place_of, tier_of


@pytest.mark.parametrize(
    ("followers", "tier"),
    [
        (0, Tier.NANO),
        (9_999, Tier.NANO),
        (10_000, Tier.MICRO),
        (99_999, Tier.MICRO),
        (100_000, Tier.MACRO),
        (1_000_000, Tier.MACRO),
        (1_000_001, Tier.MEGA),
        (None, None),
    ],
)
def test_a_tier_begins_where_it_says(followers: int | None, tier: Tier | None) -> None:
    assert tier_of(followers) is tier


def test_tiers_are_listed_from_the_smallest_and_the_unknown_one_last() -> None:
    tiers = [None, Tier.MEGA, Tier.NANO, Tier.MACRO, Tier.MICRO]
    assert sorted(tiers, key=place_of) == [Tier.NANO, Tier.MICRO, Tier.MACRO, Tier.MEGA, None]


def test_engagement_is_the_sum_of_what_is_known_and_unknown_where_nothing_is() -> None:
    assert Counters(views=1000, likes=40, comments=5, shares=3, saves=2).engagement == 50
    assert Counters(likes=40, shares=0).engagement == 40
    assert Counters(likes=0).engagement == 0
    assert Counters(views=1000, hashtag_uses=9).engagement is None
    assert known_sum([]) is None


def test_a_counter_that_is_lower_than_last_known_has_fallen() -> None:
    history = [
        Counters(views=100, likes=10),
        Counters(views=90),  # views fell, likes are not known
        Counters(views=95, likes=9),  # likes fell since the first
        Counters(views=95, likes=9, saves=1),
    ]
    assert falls(history) == [[], ["views"], ["likes"], []]


def test_rates_are_exact_and_unknown_without_a_denominator() -> None:
    assert metrics.click_through_rate(3, 1000) == Fraction(3, 1000)
    assert metrics.engagement_rate(50, 1000) == Fraction(1, 20)
    assert metrics.cost_per_mille(25_000, 40_000) == 625  # 250.00 for 40 000 views: 6.25 a thousand
    assert metrics.cost_per_view(25_000, 40_000) == Fraction(5, 8)
    assert metrics.cost_per_engagement(25_000, 500) == 50
    for unknown in (
        metrics.click_through_rate(3, None),
        metrics.click_through_rate(None, 1000),
        metrics.engagement_rate(None, 1000),
        metrics.engagement_rate(50, 0),
        metrics.cost_per_mille(None, 1000),
        metrics.cost_per_mille(100, 0),
        metrics.cost_per_view(100, None),
        metrics.cost_per_engagement(100, 0),
    ):
        assert unknown is None


def test_earned_media_value_is_the_card_s_rates_and_says_which_card() -> None:
    counters = Counters(views=10_001, likes=100, comments=10, shares=4, saves=2)
    # 10 001 × 0.005 + 100 × 0.05 + 10 × 0.25 + 4 × 0.50 + 2 × 0.25 = 60.005
    assert earned_media_value(counters) == Fraction("6000.5")
    assert earned_media_value(Counters(likes=2)) == 10
    assert earned_media_value(Counters(hashtag_uses=5)) is None
    assert (RATE_CARD.version, RATE_CARD.currency) == ("emv-1", "EUR")


def test_hollow_is_much_engagement_and_few_sales_among_eight_others() -> None:
    others = [(10 * number, 100 * number) for number in range(1, 9)]
    kind = Kind.of([*others, (75, 250)])
    assert kind.is_hollow(75, 250)  # seven engage less; six of eight sell more
    assert not Kind.of([*others, (75, 350)]).is_hollow(75, 350)  # five sell more
    assert not Kind.of([*others, (55, 50)]).is_hollow(55, 50)  # five engage less
    assert Kind.of([*others[1:], (75, 50)]).is_hollow(75, 50) is None  # seven others are too few


def test_where_nobody_sells_nobody_is_hollow() -> None:
    kind = Kind.of([(number, 0) for number in range(20)])
    assert not any(kind.is_hollow(number, 0) for number in range(20))
