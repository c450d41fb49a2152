"""Raw events in columns become the journeys that a slow look at each user finds, whatever the sequence of the file."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.attribution import _events, last_click, linear
from tracker.attribution._events import Events, journeys, unique
from tracker.attribution._paths import Paths

NAMES = ("affiliate", "email", "influence")
WINDOW, UNTIL = 100, 1000

Event = tuple[int, int, int, int | None]  # user, second, code, the value of an order
Journey = tuple[tuple[int, ...], tuple[int, ...], int | None]  # codes, ages, the value of an order


def events(rows: Sequence[Event]) -> Events:
    users, seconds, codes, values = ([row[field] for row in rows] for field in range(4))
    return Events(
        NAMES,
        np.array(users, dtype=np.int64),
        np.array(seconds, dtype=np.int64),
        np.array(codes, dtype=np.int32),
        np.array([value is not None for value in values], dtype=bool),
        np.array([value or 0 for value in values], dtype=np.int64),
    )


def slow(rows: Iterable[Event]) -> Counter[Journey]:
    """Journey by journey."""
    found: Counter[Journey] = Counter()
    of_user: dict[int, list[Event]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row[0], row[1], row[3] is not None, row[2])):
        of_user[row[0]].append(row)
    for theirs in of_user.values():
        since: list[Event] = []
        ends: list[Event | None] = [*theirs, None]
        for end in ends:
            if end is not None and end[3] is None:
                since.append(end)
                continue
            led = [click for click in since if end is not None and end[1] - click[1] <= WINDOW]
            found.update(lost([click for click in since if click not in led]))
            if led and end is not None:
                found[journey(led, end[1], end[3])] += 1
            since = []
    return found


def lost(clicks: list[Event]) -> Iterable[Journey]:
    runs: list[list[Event]] = []
    for click in clicks:
        if runs and click[1] - runs[-1][-1][1] <= WINDOW:
            runs[-1].append(click)
        else:
            runs.append([click])
    for run in runs:
        end = run[-1][1]
        if end + WINDOW < UNTIL:
            yield journey([click for click in run if end - click[1] <= WINDOW], end, None)


def journey(clicks: list[Event], end: int, value: int | None) -> Journey:
    return tuple(click[2] for click in clicks), tuple(end - click[1] for click in clicks), value


def spelled(paths: Paths) -> Counter[Journey]:
    assert paths.ages is not None
    found: Counter[Journey] = Counter()
    for number in range(len(paths)):
        touches = slice(paths.offsets[number], paths.offsets[number + 1])
        ages = tuple(round(age * 86_400) for age in paths.ages[touches])
        value = int(paths.value[number]) if paths.conversions[number] else None
        found[tuple(paths.codes[touches].tolist()), ages, value] += 1
    return found


rows_strategy = st.lists(
    st.tuples(
        st.integers(0, 3), st.integers(0, UNTIL), st.integers(0, 2), st.one_of(st.none(), st.none(), st.integers(0, 99))
    ),
    max_size=40,
    unique_by=lambda row: (row[0], row[1], row[3] is not None),
)


@settings(max_examples=35)
@given(rows_strategy, st.randoms(use_true_random=False))
def test_columns_find_the_journeys_that_a_slow_look_finds(rows: list[Event], dice: random.Random) -> None:
    expected = slow(rows)
    dice.shuffle(rows)
    assert spelled(journeys(events(rows), window=WINDOW, until=UNTIL)) == expected


@settings(max_examples=35)
@given(rows_strategy)
def test_columns_with_no_room_in_one_number_are_sorted_all_the_same(rows: list[Event]) -> None:
    far = [(user * 2**60, second, code, value) for user, second, code, value in rows]
    assert spelled(journeys(events(far), window=WINDOW, until=UNTIL)) == slow(far)
    assert _events._packed([np.array([0, 3 * 2**60]), np.array([0, 7])]) is None


def test_the_boundary_of_the_window_is_inside_it() -> None:
    rows: list[Event] = [(1, 0, 2, None), (1, 100, 0, 5), (2, 0, 2, None), (2, 101, 0, 5)]
    assert spelled(journeys(events(rows), window=WINDOW, until=UNTIL)) == {((2,), (100,), 5): 1, ((2,), (0,), None): 1}


def test_journeys_along_the_same_path_are_counted_together() -> None:
    dice = random.Random(3)
    rows: list[Event] = [
        (dice.randrange(400), second, dice.randrange(3), 100 + second if dice.random() < 0.2 else None)
        for second in range(900)
    ]
    each = journeys(events(rows), window=WINDOW, until=UNTIL)
    together = unique(each)
    walked = {tuple(path.tolist()) for path in np.split(each.codes, each.offsets[1:-1])}
    assert len(together) == len(walked) < len(each)
    assert (together.conversions.sum(), together.nulls.sum()) == (each.conversions.sum(), each.nulls.sum())
    assert together.squares is not None
    assert together.squares.sum() == (each.value**2).sum()
    for model in (linear, last_click):
        one, other = model.over(each, {}), model.over(together, {})
        assert one.conversions == pytest.approx(other.conversions)
        assert one.value == pytest.approx(other.value)


def test_no_events_are_no_journeys() -> None:
    none = journeys(events([]), window=WINDOW, until=UNTIL)
    assert (len(none), len(unique(none))) == (0, 0)
