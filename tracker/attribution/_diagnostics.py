"""Where the incremental model's assumptions break, as far as the journeys can show it; what they cannot is said too.

A richer model is held against the plain one on journeys that neither has seen. If it predicts them better by more than
chance explains, the plain one leaves something out, and its reader is told.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tracker.attribution import _columns, _logit, _sets
from tracker.attribution._doubts import Doubt
from tracker.attribution._paths import Paths, Shares

Figures = NDArray[np.float64]
Indices = NDArray[np.int64]

# Standard errors of the held-out gain. Under the plain model the gain is below 0 on average: false alarms stay rare.
_CLEAR = 2.0

# Enough to keep columns of a few journeys from running away, in both designs alike.
_RIDGE = 3.0

# How many pairs may be added at once: the likeliest ones, chosen on the journeys that are learned from.
_PAIRS = 8


def doubts(paths: Paths, shares: Shares) -> list[Doubt]:
    """What is to be said beside these incremental shares, in a fixed sequence. Confounding always is."""
    found, paths = [Doubt.CONFOUNDING], _columns.by_spelling(paths)  # so that the same journeys are held out together
    if not (paths.conversions + paths.nulls)[~_columns.touched(paths)].any():
        found.append(Doubt.EXTRAPOLATED_BASELINE)
    if synergy(paths) > _CLEAR:
        found.append(Doubt.SYNERGY)
    if recency(paths) > _CLEAR:
        found.append(Doubt.RECENCY)
    if (shares.conversions < 0).any():
        found.append(Doubt.NEGATIVE_SHARE)
    return found


def synergy(paths: Paths) -> float:
    """The held-out gain of adding terms for pairs of names, in standard errors."""
    sets = _sets.collect(paths)
    counts = _logit.Counts(sets.journeys, sets.conversions)
    names = len(paths.names)
    plain = _logit.Design.of(sets.rows, sets.codes, np.ones(len(sets.rows)), (len(sets), names))
    return _gain(plain, counts, lambda train, model: _with_pairs(plain, train, model))


def recency(paths: Paths) -> float:
    """The held-out gain of knowing which name was touched last, in standard errors."""
    names = len(paths.names)
    touched = np.flatnonzero(_columns.touched(paths))
    last = names + paths.codes[_columns.lasts(paths)]
    rows, codes = _columns.distinct(paths)
    rows, codes = np.concatenate((rows, touched)), np.concatenate((codes, last))
    sequence = np.argsort(rows, kind="stable")
    rows, codes = rows[sequence], codes[sequence]
    labels, first = _sets.labelled(rows, codes, len(paths))
    at, features = _sets.members_of(rows, codes, first)
    journeys, conversions, _value = _sets.summed(paths, labels, len(first))
    plain, richer = (
        _logit.Design.of(at[taken], features[taken], np.ones(int(taken.sum())), (len(first), width))
        for taken, width in ((features < names, names), (features >= 0, 2 * names))
    )
    return _gain(plain, _logit.Counts(journeys, conversions), lambda _train, _model: richer)


def _gain(
    plain: _logit.Design,
    counts: _logit.Counts,
    enrich: Callable[[_logit.Counts, _logit.Logit], _logit.Design],
) -> float:
    """How much less log loss the richer design has than the plain one on held-out journeys, in standard errors.

    Each journey is held out once; its gain is the difference of two log likelihoods, and the gains of all journeys are
    summed and divided by the root of their sum of squares about the mean (Vuong 1989, "Likelihood ratio tests for model
    selection and non-nested hypotheses", Econometrica 57(2), on held-out data).
    """
    gained, squared, journeys = 0.0, 0.0, 0.0
    for held in _logit.folds(counts):
        train = _logit.counts_without(counts, held)
        if not _logit.learnable(train):
            continue
        model = _logit.fit(plain, train, _RIDGE, None, _logit.ROUGH)
        richer = enrich(train, model)
        better = _logit.fit(richer, train, _RIDGE, None, _logit.ROUGH)
        before, after = _logit.losses(plain, model), _logit.losses(richer, better)
        for amounts, old, new in zip((held.conversions, held.journeys - held.conversions), before, after, strict=True):
            gained += float((amounts * (old - new)).sum())
            squared += float((amounts * (old - new) ** 2).sum())
        journeys += float(held.journeys.sum())
    spread = squared - gained**2 / max(journeys, 1.0)
    return gained / math.sqrt(spread) if spread > 0 else 0.0


def _with_pairs(plain: _logit.Design, train: _logit.Counts, model: _logit.Logit) -> _logit.Design:
    """The design with columns for the pairs whose conversions the plain model misses most, by their score statistic."""
    expected = train.journeys * _logit.probabilities(plain, model)
    variance = expected * (1 - expected / np.maximum(train.journeys, 1.0))
    missed, noise = plain.products @ (train.conversions - expected), plain.products @ variance
    off_diagonal = plain.at // plain.width != plain.at % plain.width
    score = np.where(off_diagonal & (noise > 0), missed**2 / np.where(noise > 0, noise, 1.0), -1.0)
    likeliest = np.argsort(-score, kind="stable")[: min(_PAIRS, int((score >= 0).sum()))]
    pairs, main = plain.products[likeliest].tocoo(), plain.features.tocoo()
    rows, columns = np.concatenate((main.row, pairs.col)), np.concatenate((main.col, pairs.row + plain.width))
    values = np.concatenate((main.data, pairs.data))
    return _logit.Design.of(rows, columns, values, (main.shape[0], plain.width + len(likeliest)))
