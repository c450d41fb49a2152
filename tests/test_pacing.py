"""How goals stand, reckoned by hand: what was expected, what there is, where it leads, and what falls short."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest

from tracker.domain.catalog import Objective
from tracker.domain.objectives import MEASURES, Metric, amount_of, headline, suggested, text_of
from tracker.domain.pacing import Aim, Pace, Status, held, is_alarming, pace
from tracker.domain.shortfalls import Case, Dimension, Rate, Sample, Verdict, diagnose

FIRST = date(2026, 3, 1)
AIM = Aim(Fraction(3_000), FIRST, date(2026, 3, 30))  # a hundred a day


def on(day: int) -> date:
    return FIRST + timedelta(days=day - 1)


# --- objectives and targets -------------------------------------------------------------------------------------------


def test_an_objective_picks_its_headline() -> None:
    assert headline(Objective.AWARENESS) == (Metric.CPM, Metric.VIEWS)
    assert headline(Objective.ENGAGEMENT) == (Metric.ENGAGEMENT_RATE, Metric.CPE)
    assert headline(Objective.TRAFFIC) == (Metric.CTR, Metric.CPC)
    assert headline(Objective.SALES) == headline(None) == (Metric.ROI, Metric.CVR, Metric.CPA)
    assert headline(Objective.NEW_CUSTOMERS) == (Metric.CPA_NEW, Metric.CVR)
    for objective in Objective:
        assert sorted(suggested(objective)) == sorted(MEASURES)


@pytest.mark.parametrize(
    ("text", "metric", "amount", "kept"),
    [
        ("5000", Metric.VIEWS, Fraction(5_000), "5000"),
        ("2500.5", Metric.REVENUE, Fraction(250_050), "2500.50"),
        ("2.5 %", Metric.CVR, Fraction(25, 1_000), "2.5"),
        ("400", Metric.ROI, Fraction(4), "400"),
        ("5:1", Metric.RETURN_RATIO, Fraction(5), "5"),
        ("4.5", Metric.RETURN_RATIO, Fraction(9, 2), "4.5"),
    ],
)
def test_a_target_is_said_in_the_unit_of_its_metric(text: str, metric: Metric, amount: Fraction, kept: str) -> None:
    assert amount_of(text, metric, "EUR") == amount
    assert text_of(amount, metric, "EUR") == kept


@pytest.mark.parametrize(
    ("text", "metric"),
    [("2.5", Metric.CLICKS), ("0", Metric.CLICKS), ("-1", Metric.CPA), ("many", Metric.VIEWS), ("5 %", Metric.ORDERS)],
)
def test_a_target_of_another_unit_is_refused(text: str, metric: Metric) -> None:
    with pytest.raises(ValueError, match="want"):
        amount_of(text, metric, "EUR")


# --- pace -------------------------------------------------------------------------------------------------------------


def test_expected_and_forecast_count_both_days() -> None:
    # Ten of thirty days have begun: 1 000 expected. 40 a day for three days, then 120 a day for seven: 960.
    totals = [40, 80, 120, 240, 360, 480, 600, 720, 840, 960]
    found = pace(AIM, totals, on(10))
    assert found.expected == 1_000
    assert found.actual == 960
    assert found.forecast == 2_880  # 960 × 30 / 10
    assert found.recent == 960 + 120 * 20
    assert found.status is Status.ON_PACE
    assert (AIM.elapsed(on(10)), AIM.left(on(10))) == (10, 20)


@pytest.mark.parametrize(
    ("actual", "day", "status"),
    [
        (809, 10, Status.UNDER_PACE),  # yesterday wanted 900, a tenth less is 810
        (810, 10, Status.ON_PACE),
        (1_100, 10, Status.ON_PACE),
        (1_101, 10, Status.AHEAD),
        (0, 1, Status.ON_PACE),  # the first day is not over
        (3_000, 12, Status.REACHED),
        (2_999, 31, Status.SHORT),
        (3_000, 31, Status.REACHED),
    ],
)
def test_a_tenth_more_or_less_is_on_pace(actual: int, day: int, status: Status) -> None:
    totals: list[int | None] = [None] * (min(day, 30) - 1) + [actual]
    assert pace(AIM, totals, on(day)).status is status


def test_what_is_unknown_stays_unknown() -> None:
    assert pace(AIM, [], on(0)) == Pace(Status.NOT_BEGUN, None, None, None, None)
    found = pace(AIM, [None, None], on(2))
    assert (found.status, found.actual, found.forecast, found.recent) == (Status.UNKNOWN, None, None, None)
    assert found.expected == 200
    # Seven days ago nobody had counted: no rate of the last days.
    assert pace(AIM, [None] * 3 + [500] * 7, on(10)).recent is None
    assert pace(AIM, [700, 700], on(2)).recent == 700 + 350 * 28


def test_a_rate_is_held_against_its_target_as_it_stands() -> None:
    cvr = Aim(Fraction(2, 100), FIRST, on(30), adds=False)
    assert held(cvr, Fraction(2, 100), on(5)) == Pace(Status.REACHED, Fraction(2, 100), None, None, None)
    assert held(cvr, Fraction(1, 100), on(5)).status is Status.SHORT
    assert held(cvr, None, on(5)).status is Status.UNKNOWN
    assert held(cvr, None, on(0)).status is Status.NOT_BEGUN
    cpa = Aim(Fraction(2_000), FIRST, on(30), adds=False, less_is_better=True)
    assert held(cpa, Fraction(2_000), on(5)).status is Status.REACHED
    assert held(cpa, Fraction(2_001), on(5)).status is Status.SHORT


def test_an_alarm_waits_for_three_days_or_a_tenth_of_them() -> None:
    behind = Pace(Status.UNDER_PACE, Fraction(0), None, None, None)
    assert [is_alarming(AIM, behind, on(day)) for day in (3, 4, 30, 31)] == [False, True, True, False]
    short = Aim(Fraction(10), FIRST, on(10))
    assert [is_alarming(short, behind, on(day)) for day in (1, 2)] == [False, True]
    assert not is_alarming(AIM, Pace(Status.ON_PACE, Fraction(0), None, None, None), on(10))
    rate = Aim(Fraction(5), FIRST, on(30), adds=False)
    missed = Pace(Status.SHORT, Fraction(4), None, None, None)
    assert [is_alarming(rate, missed, on(day)) for day in (15, 16)] == [False, True]


# --- what falls short -------------------------------------------------------------------------------------------------


def case(name: str, hits: int, of: int, tier: str | None = "micro", placements: int = 1) -> Case:
    return Case(Dimension.INFLUENCER, name, tier, Sample(hits, of, placements))


def verdict(*cases: Case, rate: Rate = Rate.ORDERS_PER_CLICK) -> tuple[Verdict, str | None]:
    (found,) = [one for one in diagnose(cases, rate) if one.dimension is Dimension.INFLUENCER]
    return found.verdict, found.name


def test_what_falls_short_of_its_peers_is_named_with_both_samples() -> None:
    # Léa: 4 of 400, 1 %, her Wilson interval ends at 2.54 %. Her peers: 24 + 16 of 800, 5 %.
    cases = [case("Léa", 4, 400), case("Mia", 24, 400), case("Noé", 16, 400)]
    found = next(one for one in diagnose(cases, Rate.ORDERS_PER_CLICK) if one.dimension is Dimension.INFLUENCER)
    assert (found.verdict, found.name, found.tier, found.compared) == (Verdict.SHORT, "Léa", "micro", 3)
    assert (found.own, found.peers) == (Sample(4, 400, 1), Sample(40, 800, 2))


def test_chance_is_no_shortfall() -> None:
    # 5 of 200 against 8 of 200: 2.5 % against 4 %, but the interval of the first reaches 5.7 %.
    assert verdict(case("Léa", 5, 200), case("Mia", 8, 200)) == (Verdict.LEVEL, None)
    # 4.5 % against 5 %: certain with a million clicks, and a tenth is not worth a change.
    assert verdict(case("Léa", 45_000, 10**6), case("Mia", 50_000, 10**6)) == (Verdict.LEVEL, None)


def test_with_fewer_than_a_hundred_clicks_on_either_side_nobody_is_named() -> None:
    assert verdict(case("Léa", 0, 99), case("Mia", 50, 400)) == (Verdict.TOO_FEW, None)
    assert verdict(case("Léa", 0, 100), case("Mia", 50, 99)) == (Verdict.TOO_FEW, None)
    assert verdict(case("Léa", 0, 100), case("Mia", 50, 100)) == (Verdict.SHORT, "Léa")
    assert verdict() == (Verdict.TOO_FEW, None)


def test_only_the_same_tier_are_peers() -> None:
    assert verdict(case("Léa", 4, 400), case("Mia", 40, 400, tier="mega")) == (Verdict.TOO_FEW, None)
    assert verdict(case("Léa", 4, 400, None), case("Mia", 40, 400, None)) == (Verdict.TOO_FEW, None)


def test_what_is_counted_per_view_needs_three_placements_on_either_side() -> None:
    views = Rate.ENGAGEMENT_PER_VIEW
    few = [case("Léa", 100, 10_000, placements=3), case("Mia", 900, 10_000, placements=2)]
    assert verdict(*few, rate=views) == (Verdict.TOO_FEW, None)
    assert verdict(few[0], case("Mia", 900, 10_000, placements=3), rate=views) == (Verdict.SHORT, "Léa")
