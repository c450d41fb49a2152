"""What all models make of a period: each with its interval, its doubts and its firmness, or why it is silent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tracker.attribution import _columns, _sets
from tracker.attribution import _uncertainty as uncertainty
from tracker.attribution._answers import Estimate, Figure, ModelEstimate, NameEstimate, Range
from tracker.attribution._doubts import Doubt
from tracker.attribution._paths import Customers, Paths, Shares
from tracker.attribution._refusals import Minimum, Reason, Refusal, refusal
from tracker.attribution._shape import Model


@runtime_checkable
class Doubtful(Protocol):
    """What a model may have that speaks against its own shares."""

    def doubts(self, paths: Paths, shares: Shares) -> list[Doubt]:
        """What is to be said beside these shares."""


def estimate(
    paths: Paths,
    customers: Customers | None,
    *,
    models: Sequence[Model],
    coverage: float | None = None,
    minimum: Minimum | None = None,
    settings: Mapping[str, Mapping[str, str]] | None = None,
    replicates: int = 200,
    seed: int = 1,
) -> Estimate:
    """Every model on these paths, in the sequence of `models`, all on the same resamples.

    `coverage` is the share (of 1) of the period's orders whose journey is known, None where that is not asked;
    `settings` are those of single models where they differ from the model's own. Without `customers` journeys are
    resampled one by one, which makes intervals too narrow where customers have several.
    """
    least = minimum or Minimum()
    refusals = {model.NAME: refusal(model, paths, coverage, least) for model in models}
    answers = _answers([model for model in models if refusals[model.NAME] is None], paths, settings or {}, refusals)
    drawn: dict[str, list[Shares]] = {name: [] for name in answers}
    for replica in uncertainty.replicas(paths, customers, replicates, seed):
        for name, again in [(name, again) for name, (_shares, again) in answers.items()]:
            try:
                drawn[name].append(again(replica))
            except ValueError as error:  # where chance decides whether there is an answer, there is none
                refusals[name] = _cannot(name, error)
                del answers[name]
    ranked = _ranked(paths, least)
    results = tuple(
        _result(model, paths, answers[model.NAME][0], uncertainty.stacked(drawn[model.NAME]), ranked)
        if model.NAME in answers
        else _named(model, refusal=refusals[model.NAME])
        for model in models
    )
    return Estimate(
        journeys=float(paths.conversions.sum() + paths.nulls.sum()),
        conversions=float(paths.conversions.sum()),
        value=float(paths.value.sum()),
        coverage=coverage,
        replicates=replicates,
        by_customer=customers is not None,
        models=results,
        ranges=_ranges(paths, [answers[model.NAME][0] for model in models if model.ADDITIVE and model.NAME in answers]),
    )


_Answer = tuple[Shares, uncertainty.Again]


def _answers(
    models: Sequence[Model],
    paths: Paths,
    settings: Mapping[str, Mapping[str, str]],
    refusals: dict[str, Refusal | None],
) -> dict[str, _Answer]:
    """The shares of each model, and the model for other counts. One that cannot work with these paths is refused."""
    answers = {}
    for model in models:
        asked = {**model.SETTINGS, **settings.get(model.NAME, {})}
        quick = getattr(model, "QUICK", {})
        try:
            again = uncertainty.prepare(model, paths, {**asked, **quick})
            shares = model.over(paths, asked) if quick else again(paths)
            answers[model.NAME] = shares, (_about(shares, again(paths), again) if quick else again)
        except ValueError as error:
            refusals[model.NAME] = _cannot(model.NAME, error)
    return answers


def _about(shares: Shares, rough: Shares, again: uncertainty.Again) -> uncertainty.Again:
    """A rough model that varies about the shares of the fine one: what it misses, it misses in every replicate."""

    def corrected(replica: Paths) -> Shares:
        found = again(replica)
        known = found.value is not None and shares.value is not None and rough.value is not None
        return replace(
            found,
            conversions=found.conversions + (shares.conversions - rough.conversions),
            value=found.value + (shares.value - rough.value) if known else None,  # type: ignore[operator]
            baseline_conversions=found.baseline_conversions
            + (shares.baseline_conversions - rough.baseline_conversions),
            baseline_value=found.baseline_value + (shares.baseline_value - rough.baseline_value),
        )

    return corrected


def _cannot(name: str, error: ValueError) -> Refusal:
    return Refusal(Reason.CANNOT, {"why": str(error).removeprefix(f"{name}: ")})


def _ranked(paths: Paths, minimum: Minimum) -> NDArray[np.bool_]:
    """For each name whether it stands in orders enough to be ranked (c)."""
    rows, codes = _columns.distinct(paths)
    ranked: NDArray[np.bool_] = _sets.totals(codes, paths.conversions[rows], len(paths.names)) >= minimum.of_a_name
    return ranked


def _named(model: Model, **rest: Any) -> ModelEstimate:
    return ModelEstimate(model.NAME, model.TITLE, model.VERSION, model.ADDITIVE, model.MAY_PAY, **rest)


def _result(
    model: Model, paths: Paths, shares: Shares, drawn: uncertainty.Bootstrap, ranked: NDArray[np.bool_]
) -> ModelEstimate:
    return _named(
        model,
        names=_names(paths, shares, drawn, ranked),
        baseline_conversions=_figure(shares.baseline_conversions, drawn.baseline_conversions),
        baseline_value=_figure(shares.baseline_value, drawn.baseline_value),
        stability=drawn.stability(shares, ranked),
        warnings=tuple(model.doubts(paths, shares)) if isinstance(model, Doubtful) else (),
        caveat=getattr(model, "CAVEAT", None),
    )


def _names(
    paths: Paths, shares: Shares, drawn: uncertainty.Bootstrap, ranked: NDArray[np.bool_]
) -> tuple[NameEstimate, ...]:
    conversions = _figures(shares.conversions, drawn.conversions)
    value = None if shares.value is None or drawn.value is None else _figures(shares.value, drawn.value)
    return tuple(
        NameEstimate(
            name=name,
            conversions=conversions[index],
            value=None if value is None else value[index],
            removal_effect=None if shares.removal_effect is None else float(shares.removal_effect[index]),
            ranked=bool(ranked[index]),
        )
        for index, name in enumerate(paths.names)
    )


def _figure(estimate: float, draws: NDArray[np.float64]) -> Figure:
    bounds = uncertainty.interval(draws)
    return Figure(estimate, float(bounds.low), float(bounds.high))


def _figures(estimates: NDArray[np.float64], draws: NDArray[np.float64]) -> list[Figure]:
    bounds = uncertainty.interval(draws)
    return [Figure(*map(float, row)) for row in zip(estimates, bounds.low, bounds.high, strict=True)]


def _ranges(paths: Paths, shares: Sequence[Shares]) -> tuple[Range, ...]:
    if not shares:
        return ()
    conversions, value = uncertainty.disagreement(shares)
    return tuple(
        Range(
            name=name,
            conversions=(float(conversions.low[index]), float(conversions.high[index])),
            value=None if value is None else (float(value.low[index]), float(value.high[index])),
        )
        for index, name in enumerate(paths.names)
    )
