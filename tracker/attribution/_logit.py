"""A ridge logit on rows that stand for many journeys each: Newton's method, and never a loop over journeys.

The model is p = σ(b + Σ s_k z_k); what is minimised is −log likelihood + λ/2 Σ s_k², b left free. So the fitted
conversions sum to the observed ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit

Figures = NDArray[np.float64]
Indices = NDArray[np.int64]

# From almost none to one that leaves a name with a hundred journeys little to say, in units of journeys' information.
RIDGES = (100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1)

FOLDS = 5
_SEED = 7
_STEPS = 60
_HALVINGS = 30
# Nats below the maximum, out of thousands and more: what a fit comes to, and what is enough to tell one λ from another.
_EXACT = 1e-6
ROUGH = 1e-2
# A journey that decides its own probability all but alone has this little left without it.
_LEAST_LEFT = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """How many journeys each row stands for, and how many of them converted."""

    journeys: Figures
    conversions: Figures


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """What is known of each row: `features` (rows × width), and products of features that Newton's method adds up.

    `products` (pairs × rows) holds z_i z_j for each row and each pair i ≤ j of its features, `at` where the pairs lie
    in the width × width matrix: the Hessian of any weights is one sparse product.
    """

    features: sparse.csr_array
    transposed: sparse.csr_array = field(repr=False)
    products: sparse.csr_array = field(repr=False)
    at: Indices = field(repr=False)

    @classmethod
    def of(cls, rows: Indices, columns: Indices, values: Figures, shape: tuple[int, int]) -> Design:
        """The design with `values[k]` in `rows[k]` and `columns[k]`, each pair at most once."""
        features = sparse.csr_array((values, (rows, columns)), shape=shape)
        features.sort_indices()
        left, right = _pairs(features.indptr)
        owners = np.repeat(np.arange(shape[0]), np.diff(features.indptr))[left]
        cells = features.indices[left].astype(np.int64) * shape[1] + features.indices[right]
        at, pair = np.unique(cells, return_inverse=True)
        multiplied = features.data[left] * features.data[right]
        products = sparse.csr_array((multiplied, (pair, owners)), shape=(len(at), shape[0]))
        return cls(features, features.T.tocsr(), products, at)

    @property
    def width(self) -> int:
        return int(self.features.shape[1])

    def curvature(self, weights: Figures) -> Figures:
        """Zᵀ diag(weights) Z (width × width)."""
        flat = np.zeros(self.width**2)
        flat[self.at] = self.products @ weights
        upper = flat.reshape(self.width, self.width)
        return upper + np.triu(upper, 1).T


@dataclass(frozen=True, slots=True, eq=False)
class Logit:
    """A fitted model: b and the slopes s (width)."""

    intercept: float
    slopes: Figures

    def linear(self, design: Design) -> Figures:
        """b + Σ s_k z_k of each row."""
        return np.asarray(design.features @ self.slopes + self.intercept)


def fit(design: Design, counts: Counts, ridge: float, start: Logit | None = None, within: float = _EXACT) -> Logit:
    """The maximum of the penalised likelihood, from `start` on; `within` so many nats of it before the last step.

    Each Newton step is halved until it goes uphill, so it converges from anywhere. Some journey converted and some did
    not; `ridge` > 0.
    """
    begin = start or Logit(_log_odds(counts), np.zeros(design.width))
    guess = np.concatenate(([begin.intercept], begin.slopes))
    linear = begin.linear(design)
    reached = _penalised(counts, ridge, guess, linear)
    for _ in range(_STEPS):
        step, promise = _newton(design, counts, ridge, guess, linear)
        if promise < within:
            return _logit(guess + step)  # the last step costs nothing, and doubles the digits
        for _ in range(_HALVINGS):
            linear = _logit(guess + step).linear(design)
            found = _penalised(counts, ridge, guess + step, linear)
            if found <= reached:
                break
            step = step / 2
        guess, reached = guess + step, found
    return _logit(guess)


def probabilities(design: Design, model: Logit) -> Figures:
    """The probability of a journey of each row to convert."""
    return np.asarray(expit(model.linear(design)))


def losses(design: Design, model: Logit) -> tuple[Figures, Figures]:
    """The log loss of a journey of each row that converts, and of one that does not, in nats."""
    linear = model.linear(design)
    other = _softplus(linear)
    return other - linear, other


def folds(counts: Counts, number: int = FOLDS) -> list[Counts]:
    """The journeys dealt at random, but always alike, into so many hands. Fractional counts are rounded down first.

    Dealing round robin would make the hands more alike than chance does, and hide what a model has learned by heart.
    """
    dice = np.random.default_rng(_SEED)
    conversions = np.floor(counts.conversions).astype(np.int64)
    others = np.floor(counts.journeys - counts.conversions).astype(np.int64)
    dealt = []
    for left in range(number, 0, -1):
        hand, rest = dice.binomial(conversions, 1 / left), dice.binomial(others, 1 / left)
        dealt.append(Counts((hand + rest).astype(np.float64), hand.astype(np.float64)))
        conversions, others = conversions - hand, others - rest
    return dealt


def counts_without(counts: Counts, held: Counts) -> Counts:
    """The journeys that are left to learn from."""
    return Counts(counts.journeys - held.journeys, counts.conversions - held.conversions)


def learnable(counts: Counts) -> bool:
    """Whether there is something to tell apart: journeys that converted, and journeys that did not."""
    converted = float(counts.conversions.sum())
    return 0 < converted < float(counts.journeys.sum())


def choose_ridge(design: Design, counts: Counts) -> float:
    """The λ with the least log loss of each journey under the model of all the others, from the largest of RIDGES down.

    It stops at the first λ that is no better than the one before. Nothing is drawn, so the answer hangs on neither the
    sequence of the rows nor that of the columns.
    """
    model: Logit | None = None
    best, least = RIDGES[0], math.inf
    for ridge in RIDGES:
        model = fit(design, counts, ridge, model, ROUGH)
        lost = _loss_left_out(design, counts, ridge, model)
        if lost > least - _EXACT:
            break
        best, least = ridge, lost
    return best


def _loss_left_out(design: Design, counts: Counts, ridge: float, model: Logit) -> float:
    """The log loss of every journey under the fit without it, by one Newton step away from the fit with it.

    With H = zᵀ(ZᵀWZ + λI)⁻¹z and w = p(1 − p) a journey's η becomes η − (y − p) H/(1 − w H): Rad and Maleki 2020, "A
    scalable estimate of the out-of-sample prediction error via approximate leave-one-out cross-validation", JRSS B 82.
    """
    linear = model.linear(design)
    probability = expit(linear)
    curve = _curve(design, counts, ridge, probability)
    leverage = _leverage(design, np.linalg.inv(curve))
    moved = leverage / np.maximum(1 - probability * (1 - probability) * leverage, _LEAST_LEFT)
    others = counts.journeys - counts.conversions
    with_order = _softplus((1 - probability) * moved - linear)
    without = _softplus(linear + probability * moved)
    return float((counts.conversions * with_order + others * without).sum())


def _leverage(design: Design, inverse: NDArray[np.floating[Any]]) -> Figures:
    """zᵀ A⁻¹ z of each row, with the 1 of the intercept in front of z; `inverse` is A⁻¹."""
    inner = inverse[1:, 1:].ravel()[design.at]
    twice = np.where(design.at // design.width == design.at % design.width, 1.0, 2.0)
    found: Figures = inverse[0, 0] + 2 * (design.features @ inverse[0, 1:]) + design.products.T @ (inner * twice)
    return found


def _newton(design: Design, counts: Counts, ridge: float, guess: Figures, linear: Figures) -> tuple[Figures, float]:
    """The step to the maximum of the parabola here, and twice the gain that it promises."""
    probability = expit(linear)
    residual = counts.conversions - counts.journeys * probability
    slope = np.concatenate(([residual.sum()], design.transposed @ residual - ridge * guess[1:]))
    curve = _curve(design, counts, ridge, probability)
    step = np.linalg.solve(curve, slope)
    return step, float(step @ slope)


def _curve(design: Design, counts: Counts, ridge: float, probability: Figures) -> Figures:
    """The curvature of the penalised likelihood (1 + width, squared): ZᵀWZ + λI, the intercept first and free."""
    weights = counts.journeys * probability * (1 - probability)
    curve = np.empty((design.width + 1, design.width + 1))
    curve[0, 0] = weights.sum()
    curve[0, 1:] = curve[1:, 0] = design.transposed @ weights
    curve[1:, 1:] = design.curvature(weights)
    curve[np.arange(1, len(curve)), np.arange(1, len(curve))] += ridge
    return curve


def _penalised(counts: Counts, ridge: float, guess: Figures, linear: Figures) -> float:
    return _loss(counts, linear) + ridge / 2 * float(guess[1:] @ guess[1:])


def _loss(counts: Counts, linear: Figures) -> float:
    # Not `@`: the threads of a linear algebra library cost more than such a sum.
    return float((counts.journeys * _softplus(linear) - counts.conversions * linear).sum())


def _softplus(linear: Figures) -> Figures:
    """log(1 + exp(η)), without overflow."""
    softened: Figures = np.maximum(linear, 0) + np.log1p(np.exp(-np.abs(linear)))
    return softened


def _log_odds(counts: Counts) -> float:
    converted = float(counts.conversions.sum())
    return math.log(converted / (float(counts.journeys.sum()) - converted))


def _logit(guess: Figures) -> Logit:
    return Logit(float(guess[0]), guess[1:])


def _pairs(offsets: Indices) -> tuple[Indices, Indices]:
    """All pairs i ≤ j of entries of the same row, given where rows begin."""
    lengths = np.diff(offsets)
    ends = np.repeat(offsets[1:], lengths)
    entries = np.arange(len(ends))
    partners = ends - entries
    left = np.repeat(entries, partners)
    starts = np.cumsum(partners) - partners
    return left, left + np.arange(len(left)) - np.repeat(starts, partners)
