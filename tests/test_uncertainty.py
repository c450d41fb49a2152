"""Intervals say how much chance there is in a figure, and a model that would only guess gives nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import pytest

from tests.markets import DEVIATION, MEAN_VALUE, Market, market, paths_of
from tracker.attribution import (
    _uncertainty,
    first_click,
    incremental,
    last_click,
    linear,
    markov,
    ordered_shapley,
    participation,
    rate_shapley,
    shapley,
)
from tracker.attribution._answers import Estimate, ModelEstimate
from tracker.attribution._doubts import SENTENCES, Doubt
from tracker.attribution._estimate import estimate
from tracker.attribution._paths import Paths
from tracker.attribution._refusals import REFUSALS, Minimum, Reason
from tracker.attribution._shape import Model

MODELS = cast("Sequence[Model]", [last_click, shapley, markov, rate_shapley, incremental])
WORLD = market([0.0, 0.8, 1.0])


def asked(paths: Paths, *, models: Sequence[Model] = MODELS, coverage: float | None = None) -> dict[str, ModelEstimate]:
    found = estimate(paths, None, models=models, coverage=coverage, replicates=20)
    return {one.model: one for one in found.models}


# --- resampling -------------------------------------------------------------------------------------------------------


def test_a_resample_varies_as_journeys_and_their_values_do() -> None:
    paths = paths_of([(0,), (1,)], [400, 100], [1000, 0], names="AB", value=[400 * MEAN_VALUE, 100 * MEAN_VALUE])
    squares = paths.conversions * (MEAN_VALUE**2 + DEVIATION**2)
    drawn = list(_uncertainty.replicas(replace(paths, squares=squares), None, 2000, 1))
    orders, value = np.array([one.conversions for one in drawn]), np.array([one.value for one in drawn])
    assert orders.mean(axis=0) == pytest.approx([400, 100], rel=0.01)
    assert orders.var(axis=0) == pytest.approx([400, 100], rel=0.1)
    assert value.mean(axis=0) == pytest.approx(paths.value, rel=0.01)
    assert value.var(axis=0) == pytest.approx(squares, rel=0.1)
    assert [one.nulls[1] for one in drawn[:5]] == [0] * 5


def test_the_same_seed_draws_the_same_and_another_one_other_journeys() -> None:
    paths = WORLD.drawn(2000, 1)
    one, same, other = (next(_uncertainty.replicas(paths, None, 1, seed)) for seed in (1, 1, 2))
    assert one.conversions.tolist() == same.conversions.tolist()
    assert one.conversions.tolist() != other.conversions.tolist()


def test_customers_with_several_journeys_are_drawn_with_all_of_them() -> None:
    paths, customers = WORLD.of_customers(3000, 4, 1)
    alone, together = (
        _uncertainty.bootstrap(cast("Model", linear), paths, {}, customers=whose, replicates=300)
        for whose in (None, customers)
    )
    # Four journeys that end alike are worth one: the interval is twice as wide as if they were four.
    assert together.conversions.std(axis=0) / alone.conversions.std(axis=0) == pytest.approx([2] * 3, rel=0.15)
    assert set(np.unique(together.baseline_conversions % 4)) == {0}


@pytest.mark.parametrize("model", [participation, shapley, ordered_shapley, markov, rate_shapley, incremental])
def test_what_is_prepared_for_many_runs_is_the_model(model: Model) -> None:
    paths = WORLD.drawn(3000, 1)
    other = next(_uncertainty.replicas(paths, None, 1, 1))
    settings = {**model.SETTINGS, **({"ridge": "1"} if model.NAME == "incremental" else {})}
    again = _uncertainty.prepare(model, paths, settings)
    for some in (paths, other):
        quick, plain = again(some), model.over(some, settings)
        assert quick.conversions == pytest.approx(plain.conversions, rel=1e-4)
        assert quick.value == pytest.approx(plain.value, rel=1e-4)
        assert quick.baseline_value == pytest.approx(plain.baseline_value, rel=1e-4)


def test_a_markov_chain_of_higher_order_is_prepared_as_itself() -> None:
    paths = WORLD.drawn(3000, 1)
    settings = {"order": "2"}
    again = _uncertainty.prepare(cast("Model", markov), paths, settings)
    assert again(paths).conversions.tolist() == markov.over(paths, settings).conversions.tolist()


def test_stability_is_how_often_the_sequence_holds() -> None:
    shares = [replace(shapley.over(paths_of([(0,)], [1], [0], names="ABC"), {}), conversions=np.array(figures))
              for figures in ([3.0, 2.0, 1.0], [3.0, 1.0, 2.0], [1.0, 3.0, 2.0], [3.0, 2.0, 1.0])]  # fmt: skip
    drawn = _uncertainty.stacked(shares)
    firm = drawn.stability(shares[0], np.array([True, True, True]))
    assert firm is not None
    assert (firm.top, firm.sequence) == (0.75, 0.5)
    pair = drawn.stability(shares[0], np.array([True, False, True]))
    assert pair is not None
    assert (pair.top, pair.sequence) == (0.75, 0.75)
    assert drawn.stability(shares[0], np.array([True, False, False])) is None


def test_the_models_range_from_the_least_to_the_most_of_them() -> None:
    paths = paths_of([(0, 1), (1, 0)], [6, 2], [0, 0], names="AB")
    conversions, value = _uncertainty.disagreement([model.over(paths, {}) for model in (first_click, last_click)])
    assert (conversions.low.tolist(), conversions.high.tolist()) == ([2, 2], [6, 6])
    assert value is not None
    assert value.high.tolist() == [600, 600]


# --- the estimate -----------------------------------------------------------------------------------------------------


def test_an_estimate_holds_every_model_with_its_interval_and_the_range_over_them() -> None:
    paths = WORLD.drawn(20_000, 1)
    found = estimate(paths, None, models=MODELS, coverage=0.9, replicates=40)
    by_name = {one.model: one for one in found.models}
    assert list(by_name) == [model.NAME for model in MODELS]
    for one in found.models:
        assert one.refusal is None
        assert one.stability is not None
        for name in one.names:
            assert name.conversions.low <= name.conversions.estimate <= name.conversions.high
            assert name.value is not None
            assert name.value.low < name.value.high
    assert [one.name for one in found.ranges] == ["A", "B", "C"]
    # What is not additive is no share of the orders, and stays out of the range.
    additive = [
        by_name[name].names[0].conversions.estimate for name in ("last_click", "shapley", "markov", "incremental")
    ]
    assert found.ranges[0].conversions == pytest.approx((min(additive), max(additive)))
    assert by_name["markov"].names[0].removal_effect is not None
    assert by_name["last_click"].names[0].removal_effect is None


def test_an_estimate_is_plain_json_and_the_same_every_time() -> None:
    def run() -> Estimate:
        return estimate(WORLD.drawn(3000, 1), None, models=MODELS, coverage=0.9, replicates=10)

    text = json.dumps(run().to_json(), allow_nan=False)
    assert text == json.dumps(run().to_json(), allow_nan=False)
    read = json.loads(text)
    assert [one["model"] for one in read["models"]] == [model.NAME for model in MODELS]
    assert set(read["models"][0]["names"][0]["conversions"]) == {"estimate", "low", "high"}


def test_incremental_is_never_shown_without_its_caveat() -> None:
    found = asked(WORLD.drawn(3000, 1))
    assert found["incremental"].caveat == incremental.CAVEAT
    assert Doubt.CONFOUNDING in found["incremental"].warnings
    assert found["shapley"].caveat is None
    assert found["incremental"].to_json()["warnings"][0]["sentence"] == SENTENCES[Doubt.CONFOUNDING]


def test_a_name_in_few_orders_is_shown_but_not_ranked() -> None:
    paths = paths_of([(0,), (1,), (2,)], [100, 9, 10], [900, 90, 100], names="ABC")
    assert [one.ranked for one in asked(paths)["shapley"].names] == [True, False, True]


def counted(orders: float, others: float) -> Paths:
    return paths_of([(), (0,), (0, 1)], [500, orders - 1, 1], [500, others, 0], names="AB")


@pytest.mark.parametrize(
    ("orders", "others", "reason"),
    [
        (29, 500, Reason.TOO_FEW_CONVERSIONS),
        (100, 99, Reason.TOO_FEW_JOURNEYS),
        (30, 170, None),
    ],
)
def test_learned_models_say_so_when_there_is_too_little(orders: float, others: float, reason: Reason | None) -> None:
    """Journeys without touches teach nothing about touches, however many they are."""
    found = asked(counted(orders, others))
    refusals = {name: one.refusal.reason if one.refusal else None for name, one in found.items()}
    assert refusals == {
        **dict.fromkeys(["shapley", "markov", "rate_shapley", "incremental"], reason),
        "last_click": None,
    }
    assert all(one.names == () for one in found.values() if one.refusal)


def test_a_game_that_is_sampled_has_the_intervals_of_the_exact_one_about_its_own_shares() -> None:
    paths = market([0.2, 0.9, 0.0, 1.2, 0.5, 0.7]).drawn(20_000, 1)
    models = cast("Sequence[Model]", [rate_shapley])
    exact = estimate(paths, None, models=models, replicates=100).models[0]
    rough = {"rate_shapley": {"exact_up_to": "2"}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rate_shapley, "QUICK", {"permutations": "60"})
        sampled = estimate(paths, None, models=models, settings=rough, replicates=100).models[0]
    for fine, quick in zip(exact.names, sampled.names, strict=True):
        width = fine.conversions.high - fine.conversions.low
        assert quick.conversions.low < quick.conversions.estimate < quick.conversions.high
        assert quick.conversions.high - quick.conversions.low == pytest.approx(width, rel=0.35)


def test_models_that_learn_from_a_difference_want_journeys_without_an_order() -> None:
    paths = paths_of([(0,), (1,)], [300, 200], [0, 0], names="AB")
    refused = {name for name, one in asked(paths).items() if one.refusal and one.refusal.reason is Reason.NO_NULLS}
    assert refused == {"markov", "rate_shapley", "incremental"}


def test_below_a_stated_coverage_learned_models_refuse_and_say_how_far() -> None:
    found = asked(counted(300, 500), coverage=0.34)["markov"]
    assert found.refusal is not None
    assert "34%" in found.refusal.sentence
    assert "50%" in found.refusal.sentence
    assert found.to_json()["refusal"]["reason"] == "low_coverage"
    assert asked(counted(300, 500), coverage=0.34)["last_click"].refusal is None


def test_minimums_are_settings() -> None:
    found = estimate(counted(5, 20), None, models=MODELS, minimum=Minimum(journeys=20, conversions=5), replicates=5)
    assert all(one.refusal is None for one in found.models)


def test_a_model_that_cannot_work_with_the_paths_says_why_and_the_others_answer() -> None:
    settings = {"incremental": {"features": "decayed"}}
    paths = replace(WORLD.drawn(3000, 1), ages=None)
    found = {one.model: one for one in estimate(paths, None, models=MODELS, settings=settings, replicates=5).models}
    refusal = found["incremental"].refusal
    assert refusal is not None
    assert refusal.reason is Reason.CANNOT
    assert "ages" in refusal.sentence
    assert found["markov"].refusal is None


def test_every_reason_and_every_doubt_has_its_sentence() -> None:
    assert set(REFUSALS) == set(Reason)
    assert set(SENTENCES) == set(Doubt)


def test_two_names_are_a_market_too() -> None:
    small: Market = market([0.5, 0.5])
    assert asked(small.drawn(2000, 1))["rate_shapley"].refusal is None
