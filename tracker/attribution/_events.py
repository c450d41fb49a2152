"""Raw events become journeys in columns: sorted once, cut where somebody bought, looked back on for one window.

What the ledger's SQL does for a brand, this does for a file or a test of a million journeys, without a database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tracker.attribution._paths import Paths

_DAY = 86_400.0


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Clicks and orders in any order, one entry each (e).

    `users` and `seconds` are integers: who, and when. `codes` are places in `names`, `values` net values in minor
    units; a click has no value, an order no code. `orders` says which is which.
    """

    names: tuple[str, ...]
    users: NDArray[Any]
    seconds: NDArray[Any]
    codes: NDArray[Any]
    orders: NDArray[np.bool_]
    values: NDArray[Any]


def journeys(events: Events, *, window: int, until: int) -> Paths:
    """One path a journey, with the ages of its touches.

    A click within `window` seconds before its user's next order, that second included, is a touch of the order; one at
    the same second as an order comes before it. The other clicks make journeys without an order: one ends when a
    window has passed without another click, and counts once that was before `until`; it holds the clicks within a
    window before its last one. Orders without a click are no journey.
    """
    users, seconds, orders, codes, values = _sorted(events)
    order = _next_order(users, orders)[~orders]
    who, when = users[~orders], seconds[~orders]
    ends = np.where(order >= 0, seconds[order], 0)
    led = (order >= 0) & (ends - when <= window)
    run, ends[~led], closed = _runs(who[~led], when[~led], order[~led], window=window, until=until)
    order[~led] = len(users) + run
    kept = led
    kept[~led] = closed
    ages = (ends[kept] - when[kept]) / _DAY
    bought = np.cumsum(orders, dtype=np.int32) - 1
    return _columns(events.names, order[kept], codes[~orders][kept], ages, ranks=bought, values=values)


def unique(paths: Paths) -> Paths:
    """The same journeys with those along the same path counted together; ages differ, and are left out."""
    if not len(paths):
        return paths
    found = (
        pl.DataFrame({"row": paths.rows, "code": paths.codes})
        .group_by("row", maintain_order=True)
        .agg("code")
        .with_columns(
            pl.Series("conversions", paths.conversions),
            pl.Series("value", paths.value),
            pl.Series("nulls", paths.nulls),
            pl.Series("squares", paths.value**2 if paths.squares is None else paths.squares),
        )
        .group_by("code", maintain_order=True)
        .agg(pl.col("conversions", "value", "nulls", "squares").sum())
    )
    return Paths(
        names=paths.names,
        codes=found["code"].explode().to_numpy().astype(np.int32),
        offsets=_offsets(found["code"].list.len().to_numpy()),
        conversions=found["conversions"].to_numpy(),
        value=found["value"].to_numpy(),
        nulls=found["nulls"].to_numpy(),
        squares=found["squares"].to_numpy(),
    )


def _sorted(events: Events) -> tuple[NDArray[Any], ...]:
    """Users, seconds, orders, codes by user and time, and the orders' values in that sequence.

    An order stands after the clicks of its second, and clicks of one second in the sequence of their codes: so the
    sequence of the events in the file decides nothing.
    """
    columns = (events.users, events.seconds, events.orders, events.codes)
    packed = _packed(columns)
    if packed is None:
        sequence = np.lexsort(columns[::-1])
        users, seconds, orders, codes = (column[sequence] for column in columns)
        return users, seconds, orders, codes, events.values[sequence][orders]
    keys, lows, spans = packed
    values = events.values[events.orders][np.argsort(keys[events.orders], kind="stable")]
    keys.sort()
    found: list[NDArray[Any]] = []
    for low, span in zip(lows[::-1], spans[::-1], strict=True):
        rest = keys // span
        found.append(((keys - rest * span) + low).astype(np.int32 if span + abs(low) < 2**31 else np.int64))
        keys = rest
    codes, orders, seconds, users = found
    return users, seconds, orders.astype(bool), codes, values


def _packed(columns: Sequence[NDArray[Any]]) -> tuple[NDArray[np.int64], list[int], list[int]] | None:
    """Columns as one number that sorts as they do, ten times as fast; None where they have no room in it."""
    if not len(columns[0]):
        return None
    lows = [int(column.min()) for column in columns]
    spans = [int(column.max()) - low + 1 for column, low in zip(columns, lows, strict=True)]
    if prod(spans) >= 2**63:
        return None
    keys = np.zeros(len(columns[0]), dtype=np.int64)
    for column, low, span in zip(columns, lows, spans, strict=True):
        keys *= span
        keys += column
        keys -= low
    return keys, lows, spans


def _next_order(users: NDArray[Any], orders: NDArray[np.bool_]) -> NDArray[np.int32]:
    """For each event the place of its user's next order, itself included; -1 where none comes."""
    count = len(users)
    places = np.where(orders, np.arange(count, dtype=np.int32), np.int32(count))
    following = np.minimum.accumulate(places[::-1])[::-1]
    theirs = (following < count) & (users[np.minimum(following, max(count - 1, 0))] == users)
    return np.where(theirs, following, np.int32(-1))


def _runs(
    users: NDArray[Any],
    seconds: NDArray[Any],
    orders: NDArray[np.int32],
    *,
    window: int,
    until: int,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    """For clicks that led to no order: the journey of each, its last click's second, whether the click counts."""
    if not len(users):
        return np.zeros(0, dtype=np.int32), seconds, np.zeros(0, dtype=bool)
    starts = np.ones(len(users), dtype=bool)
    same = (users[1:] == users[:-1]) & (orders[1:] == orders[:-1]) & (seconds[1:] - seconds[:-1] <= window)
    starts[1:] = ~same
    run = np.cumsum(starts, dtype=np.int32) - 1
    last = seconds[np.append(np.flatnonzero(starts)[1:], len(users)) - 1][run]
    return run, last, (last + window < until) & (last - seconds <= window)


def _columns(
    names: tuple[str, ...],
    numbers: NDArray[np.int32],
    codes: NDArray[Any],
    ages: NDArray[np.float64],
    *,
    ranks: NDArray[np.int32],
    values: NDArray[Any],
) -> Paths:
    """Touches of a journey stand together and in time order already.

    A journey's number is the place of its order, or higher than any; `ranks` are the orders' places in `values`.
    """
    starts = np.ones(len(numbers), dtype=bool)
    starts[1:] = numbers[1:] != numbers[:-1]
    firsts = np.flatnonzero(starts)
    bought = numbers[firsts] < len(ranks)
    value = np.zeros(len(firsts))
    value[bought] = values[ranks[numbers[firsts[bought]]]]
    return Paths(
        names=names,
        codes=codes.astype(np.int32),
        offsets=np.append(firsts, len(numbers)).astype(np.int64),
        conversions=bought.astype(np.float64),
        value=value,
        nulls=(~bought).astype(np.float64),
        ages=ages,
        squares=value**2,
    )


def _offsets(lengths: NDArray[Any]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
