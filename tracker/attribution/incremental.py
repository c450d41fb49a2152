"""Incremental: what the touches added to the probability of an order, beside what would have sold without any.

The baseline takes a share, and so the model never pays: it tells what the money brought, not who is owed it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from tracker.attribution._doubts import Doubt

if TYPE_CHECKING:
    from tracker.attribution._incremental import Fitted
    from tracker.attribution._paths import Paths, Shares

NAME = "incremental"
TITLE = "Incremental"
VERSION = 1
ADDITIVE = True
MAY_PAY = False
NEEDS_NULLS = True
SETTINGS: Mapping[str, str] = {"features": "distinct", "half_life_days": "7", "ridge": "auto"}

# Shown beside every figure of this model.
CAVEAT = (
    "People choose what they see: fans and deal hunters might have bought anyway, and the data cannot tell them from "
    "buyers who were won. Read these figures as an upper guess and let an experiment be the judge."
)


def over(paths: Paths, settings: Mapping[str, str]) -> Shares:
    """A ridge logit on the touches, and its probability split between the baseline and the names touched.

    p = σ(η), η = b + Σ s_i z_i, fitted on all journeys. The baseline of a journey is σ(b), and name i gets
    φ_i = (s_i z_i / Σ_k s_k z_k)(σ(η) − σ(b)): the Aumann–Shapley value (Aumann and Shapley 1974, "Values of non-atomic
    games"; Sundararajan, Taly and Yan 2017, "Axiomatic attribution for deep networks", arXiv:1703.01365, call it
    integrated gradients from the journey without touches), in closed form because η is linear. Summed over all
    journeys and scaled, credits and baseline are the conversions observed. An order's value is split as its own
    journey's probability is, by φ_i/σ(η) and σ(b)/σ(η).

    A name that goes with fewer orders has a negative slope and a negative share: it is reported as it is, since to hide
    it would give its loss to the others.

    `features` are what z counts: "distinct" (touched or not), "counts" (touches), "decayed" (Σ 2^(−age/half-life), for
    paths with ages). `ridge` is λ, or "auto": by held-out log loss. Raises ValueError for settings that it cannot work
    with, and for paths where all journeys converted.
    """
    return fitted(paths, settings).shares(paths)


def prepared(paths: Paths, settings: Mapping[str, str]) -> Callable[[Paths], Shares]:
    """The model for other counts along the same paths: fitted anew, with the λ of these. Raises ValueError."""
    return fitted(paths, settings).refitted


def doubts(paths: Paths, shares: Shares) -> list[Doubt]:
    """What speaks against these shares of the paths."""
    from tracker.attribution import _diagnostics  # noqa: PLC0415  (crediting an order needs no arrays)

    return _diagnostics.doubts(paths, shares)


def fitted(paths: Paths, settings: Mapping[str, str]) -> Fitted:
    """The model behind the shares: its slopes, its λ, and the shares of other counts along the same paths."""
    from tracker.attribution import _incremental  # noqa: PLC0415  (crediting an order needs no arrays)

    return _incremental.fitted(paths, {**SETTINGS, **settings})
