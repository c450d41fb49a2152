"""A click is read from its line as it was written, and nothing else is taken for one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.clicks import (
    CONSENT_GIVEN,
    CONSENT_REFUSED,
    LONGEST_AGENT,
    LONGEST_HINT,
    LONGEST_HOST,
    LONGEST_SLUG,
    LONGEST_SUB_ID,
    MOST_SUB_IDS,
    RawClick,
    clean,
    decode,
    encode,
)
from tracker.domain.ids import new_id

_IDS = st.from_regex(r"[0-9a-f]{32}", fullmatch=True)


def _texts(longest: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=longest)


_CLICKS = st.builds(
    RawClick,
    id=_IDS,
    at=st.datetimes(datetime(1970, 1, 1), datetime(3000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    brand_id=st.none() | _IDS,
    link_id=st.none() | _IDS,
    host=_texts(LONGEST_HOST),
    slug=_texts(LONGEST_SLUG),
    ip_prefix=st.none() | st.sampled_from(["203.0.113.0/24", "2001:db8:1::/48"]),
    user_agent=_texts(LONGEST_AGENT),
    referrer_host=st.none() | _texts(LONGEST_HOST),
    fetch_mode=st.none() | _texts(LONGEST_HINT),
    fetch_dest=st.none() | _texts(LONGEST_HINT),
    has_language=st.booleans(),
    consent=st.sampled_from([None, CONSENT_GIVEN, CONSENT_REFUSED]),
    gpc=st.booleans(),
    dnt=st.booleans(),
    visitor_hash=st.none() | _IDS,
    visitor_id=st.none() | _IDS,
    sub_ids=st.none() | st.dictionaries(_texts(20), _texts(LONGEST_SUB_ID), min_size=1, max_size=MOST_SUB_IDS),
)

CLICK = RawClick(new_id(), datetime(2026, 3, 2, 9, 30, 0, 7, tzinfo=UTC), new_id(), None, "go.example.com", "abc")


@given(_CLICKS)
def test_a_click_survives_its_line(click: RawClick) -> None:
    line = encode(click)
    assert b"\n" not in line
    assert line.isascii()
    assert decode(line) == click


@given(st.binary(max_size=200))
def test_junk_is_a_value_error_and_nothing_worse(junk: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(junk)


@given(st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_a_spoilt_line_is_a_click_or_a_value_error(position: int, spoilt: bytes) -> None:
    line = encode(CLICK)
    try:
        decode(line[:position] + spoilt + line[position + len(spoilt) :])
    except ValueError:
        return


def _with(index: int, value: object) -> bytes:
    fields = json.loads(encode(CLICK))
    fields[index] = value
    return json.dumps(fields, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"null",
        b"[" * 100_000,
        b"x" * 1_000_000,
        encode(CLICK)[:-1],
        encode(CLICK) + b" ",
        b" " + encode(CLICK),
        _with(0, 2),
        _with(1, "short"),
        _with(1, None),
        _with(2, "2026-03-02T09:30:00+00:00"),
        _with(2, -1),
        _with(2, 1.5),
        _with(2, 10**17),
        _with(3, "x"),
        _with(5, "a" * (LONGEST_HOST + 1)),
        _with(6, "a" * (LONGEST_SLUG + 1)),
        _with(6, "a\0b"),
        _with(6, "\ud800"),
        _with(8, None),
        _with(8, "a" * (LONGEST_AGENT + 1)),
        _with(12, 1),
        _with(13, "maybe"),
        _with(18, {}),
        _with(18, {"s1": 1}),
        _with(18, {f"s{number}": "x" for number in range(MOST_SUB_IDS + 1)}),
    ],
)
def test_what_was_never_a_click_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(line)


def test_a_moment_is_the_same_in_any_time_zone() -> None:
    paris = timezone(timedelta(hours=1))
    assert encode(CLICK._replace(at=CLICK.at.astimezone(paris))) == encode(CLICK)


def test_clean_text_is_what_every_database_takes() -> None:
    assert clean("a\0b\nc\ud800d", 10) == "a b c d"
    assert clean("x" * 50, 10) == "x" * 10
