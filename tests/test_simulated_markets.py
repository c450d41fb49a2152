"""Markets with a planted truth: it is found, intervals cover it, and where an assumption is broken that is told."""

from __future__ import annotations

from types import ModuleType
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.markets import Market, market, mixed, total_variation
from tracker.attribution import (
    _diagnostics,
    _uncertainty,
    incremental,
    linear,
    markov,
    position_based,
    rate_shapley,
    shapley,
)
from tracker.attribution._doubts import Doubt
from tracker.attribution._estimate import estimate
from tracker.attribution._paths import Paths, Shares
from tracker.attribution._shape import Model
from tracker.plugins import discover

LOGIT = market([0.2, 0.9, 0.0, 1.2, 0.5, 0.7], longest=4)
JOURNEYS = 200_000
SMALL = market([0.0, 0.8, 1.0])

OTHERS = [model for name, model in discover("tracker.attribution").items() if name != "incremental"]


@pytest.fixture(scope="module")
def logit_market() -> Paths:
    return LOGIT.drawn(JOURNEYS, 1)


def test_what_the_touches_added_and_what_would_have_sold_anyway_are_found(logit_market: Paths) -> None:
    found = incremental.over(logit_market, {})
    assert total_variation(found.conversions, LOGIT.increments) < 0.05
    assert found.baseline_conversions == pytest.approx(LOGIT.baseline * JOURNEYS, rel=0.05)
    assert found.value is not None
    assert total_variation(found.value, LOGIT.increments) < 0.05


@pytest.mark.parametrize("model", OTHERS, ids=lambda model: model.NAME)
def test_every_other_model_misses_the_incremental_share_by_more(model: ModuleType, logit_market: Paths) -> None:
    found: Shares = model.over(logit_market, model.SETTINGS)
    ours = incremental.over(logit_market, {})
    missed, missed_by_us = (total_variation(one.conversions, LOGIT.increments) for one in (found, ours))
    assert missed > 2 * missed_by_us
    assert missed > 0.05


# --- intervals --------------------------------------------------------------------------------------------------------


def covered(model: Model, market: Market, journeys: int, *, datasets: int, replicates: int) -> NDArray[np.float64]:
    """How often the intervals of orders, value and the baseline hold what the model says of the whole market.

    For the incremental model's orders that is the planted truth itself.
    """
    settings = dict(model.SETTINGS)
    truth = model.over(market.expected(journeys), settings)
    assert truth.value is not None
    aim = np.array([*truth.conversions, truth.baseline_conversions, *truth.value])
    if model.NAME == "incremental":
        aim[: len(market.increments) + 1] = [*(market.increments * journeys), market.baseline * journeys]
    held = []
    for seed in range(datasets):
        drawn = market.drawn(journeys, seed)
        again = _uncertainty.bootstrap(model, drawn, settings, customers=None, replicates=replicates, seed=seed)
        assert again.value is not None
        draws = np.hstack([again.conversions, again.baseline_conversions[:, None], again.value])
        bounds = _uncertainty.interval(draws)
        held.append((bounds.low <= aim) & (aim <= bounds.high))
    return np.asarray(np.mean(held, axis=0), dtype=np.float64)


@pytest.mark.parametrize("model", [position_based, shapley, markov, rate_shapley, incremental])
def test_intervals_cover_at_their_nominal_rate(model: ModuleType) -> None:
    """The bands are what so few datasets leave of 0.95. A does nothing: zero is covered like any other truth."""
    rates = covered(cast("Model", model), SMALL, 5000, datasets=30, replicates=80)
    assert 0.9 <= rates.mean() <= 0.985
    assert rates.min() >= 0.8


def test_an_interval_that_is_too_narrow_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_uncertainty.interval, "__defaults__", (0.8,))
    assert covered(cast("Model", position_based), SMALL, 5000, datasets=30, replicates=80).mean() < 0.88


def test_intervals_cover_where_customers_have_several_journeys() -> None:
    truth = linear.over(SMALL.expected(3000 * 4), {}).conversions
    held = {True: 0, False: 0}
    for seed in range(20):
        paths, customers = SMALL.of_customers(3000, 4, seed)
        for by_customer in held:
            whose = customers if by_customer else None
            again = _uncertainty.bootstrap(cast("Model", linear), paths, {}, customers=whose, replicates=100, seed=seed)
            bounds = _uncertainty.interval(again.conversions)
            held[by_customer] += int(((bounds.low <= truth) & (truth <= bounds.high)).sum())
    assert 0.9 <= held[True] / 60 <= 0.985
    assert held[False] / 60 < 0.8


# --- nothing is found where nothing is --------------------------------------------------------------------------------


def test_a_lift_of_nothing_is_found_to_be_nothing() -> None:
    nothing = market([0.0, 0.0, 0.0]).drawn(50_000, 1)
    found = {one.model: one for one in estimate(nothing, None, models=[incremental, markov], replicates=100).models}
    assert all(name.conversions.low < 0 < name.conversions.high for name in found["incremental"].names)
    assert sum(name.conversions.estimate for name in found["incremental"].names) < 0.03 * nothing.conversions.sum()
    # The others hand out every order of the journeys with touches, whoever caused them.
    assert sum(name.conversions.estimate for name in found["markov"].names) > 0.7 * nothing.conversions.sum()


# --- broken assumptions -----------------------------------------------------------------------------------------------

SYNERGY = market([0.2, 0.4, 0.4, 0.4], extra=lambda path: 0.9 if {0, 1} <= set(path) else 0.0)
RECENCY = market([0.2, 0.4, 0.4, 0.4], extra=lambda path: 0.9 if path[-1:] == (1,) else 0.0)
PLAIN = market([0.2, 0.4, 0.4, 0.4])


def doubts(world: Market, seed: int) -> set[Doubt]:
    paths = world.drawn(30_000, seed)
    return set(incremental.doubts(paths, incremental.over(paths, {})))


def test_where_the_model_holds_only_what_no_journey_can_show_is_in_doubt() -> None:
    found = [doubts(PLAIN, seed) for seed in range(20)]
    assert sum(one == {Doubt.CONFOUNDING} for one in found) >= 19


@pytest.mark.parametrize(("world", "doubt"), [(SYNERGY, Doubt.SYNERGY), (RECENCY, Doubt.RECENCY)])
def test_a_broken_assumption_is_reported(world: Market, doubt: Doubt) -> None:
    assert all(doubt in doubts(world, seed) for seed in range(5))


def test_confounded_exposure_deceives_the_model_and_is_always_warned_of() -> None:
    """Half the people want to buy anyway, and it is they who see A, which does nothing."""
    eager = market([0.0, 0.5], intercept=-1.5, longest=2, untouched=0.1)
    idle = market([0.0, 0.5], intercept=-4.0, longest=2, untouched=0.5)
    without_a = np.array([0.0 if 0 in path else one for path, one in zip(idle.walked, idle.frequency, strict=True)])
    idle = Market(idle.names, idle.walked, without_a / without_a.sum(), idle.chance, np.zeros(2), idle.baseline)
    paths = mixed(idle, eager, 0.5).drawn(50_000, 1)
    found = incremental.over(paths, {})
    assert found.conversions[0] > 0.1 * paths.conversions.sum()  # in truth nothing
    assert Doubt.CONFOUNDING in incremental.doubts(paths, found)


def test_a_baseline_that_nobody_saw_is_said_to_be_extrapolated() -> None:
    unseen = market([0.5, 0.5], untouched=0.0).drawn(5000, 1)
    seen = market([0.5, 0.5], untouched=0.1).drawn(5000, 1)
    assert Doubt.EXTRAPOLATED_BASELINE in incremental.doubts(unseen, incremental.over(unseen, {}))
    assert Doubt.EXTRAPOLATED_BASELINE not in incremental.doubts(seen, incremental.over(seen, {}))


def test_a_share_below_zero_is_pointed_out() -> None:
    harmful = market([-0.8, 0.8]).drawn(20_000, 1)
    assert Doubt.NEGATIVE_SHARE in incremental.doubts(harmful, incremental.over(harmful, {}))


def test_the_search_for_pairs_works_where_there_are_none() -> None:
    alone = market([0.5]).drawn(2000, 1)
    assert _diagnostics.synergy(alone) == 0.0
