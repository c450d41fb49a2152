"""A click travels as one line of ASCII: written once where it happened, read the same everywhere after.

The line holds no raw address: what is not in a `RawClick` is not on any disk of ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from json.encoder import encode_basestring_ascii as _quoted
from typing import NamedTuple

# Bumped when the order or the meaning of the fields changes; `decode` knows every format that was ever written.
FORMAT = 1
LONGEST_LINE = 32_768
LONGEST_AGENT = 512
LONGEST_SLUG = 100
LONGEST_HOST = 253
LONGEST_HINT = 20
LONGEST_SUB_ID = 100
MOST_SUB_IDS = 6

CONSENT_GIVEN = "given"
CONSENT_REFUSED = "refused"

NULL = "null"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# host, slug, ip_prefix, user_agent, referrer_host, fetch_mode, fetch_dest
_LONGEST = (LONGEST_HOST, LONGEST_SLUG, 45, LONGEST_AGENT, LONGEST_HOST, LONGEST_HINT, LONGEST_HINT)

# Reads JSON without looking at what is around it: the grammar below has.
_read = json.JSONDecoder().raw_decode

# A line's grammar, field by field: what it matches, JSON reads, and every field has the kind it should.
_ID = '"[0-9a-f]{32}"'
_TEXT = r'"[ !#-\[\]-\x7f]*+(?:\\.[ !#-\[\]-\x7f]*+)*+"'
_FLAG = "(?:true|false)"
_PAIR = f"{_TEXT}: {_TEXT}"
_LINE = re.compile(
    rf"\[{FORMAT},{_ID},(?:0|[1-9][0-9]{{0,16}}),(?:null|{_ID}),(?:null|{_ID}),{_TEXT},{_TEXT},"
    rf"(?:null|{_TEXT}),{_TEXT},(?:null|{_TEXT}),(?:null|{_TEXT}),(?:null|{_TEXT}),{_FLAG},"
    rf'(?:null|"{CONSENT_GIVEN}"|"{CONSENT_REFUSED}"),{_FLAG},{_FLAG},(?:null|{_ID}),(?:null|{_ID}),'
    rf"(?:null|\{{{_PAIR}(?:, {_PAIR}){{0,{MOST_SUB_IDS - 1}}}\}})\]"
)


class RawClick(NamedTuple):
    """One request for a link as the redirect saw it, before anyone judged it.

    A tuple, not a dataclass: making one costs a microsecond instead of five, on the path a visitor waits for.
    `link_id` is None on an orphan click; `brand_id` too where the host is nobody's. `ip_prefix` is a /24 or /48, or
    None. `referrer_host` is a host name alone. `fetch_mode`, `fetch_dest` and `has_language` are what the browser said
    of the request (`Sec-Fetch-Mode`, `Sec-Fetch-Dest`, whether there was an `Accept-Language`): hints for the bot
    rules. `visitor_hash` lasts a day and is for uniques; `visitor_id` comes from a cookie that was consented to.
    """

    id: str
    at: datetime
    brand_id: str | None
    link_id: str | None
    host: str
    slug: str
    ip_prefix: str | None = None
    user_agent: str = ""
    referrer_host: str | None = None
    fetch_mode: str | None = None
    fetch_dest: str | None = None
    has_language: bool = False
    consent: str | None = None
    gpc: bool = False
    dnt: bool = False
    visitor_hash: str | None = None
    visitor_id: str | None = None
    sub_ids: Mapping[str, str] | None = None


def encode(click: RawClick) -> bytes:
    """The click as one line of JSON in ASCII, without the line's end. Its time must be aware, and after 1970."""
    return assemble(
        click.id,
        microseconds(click.at),
        place_json(click.brand_id, click.link_id, click.host, click.slug),
        text_json(click.ip_prefix),
        _quoted(click.user_agent),
        text_json(click.referrer_host),
        hints_json(click.fetch_mode, click.fetch_dest, click.has_language),
        will_json(click.consent, click.gpc, click.dnt),
        text_json(click.visitor_hash),
        text_json(click.visitor_id),
        sub_ids_json(click.sub_ids),
    )


def assemble(  # noqa: PLR0917
    id_: str,
    at: int,
    place: str,
    ip_prefix: str,
    agent: str,
    referrer: str,
    hints: str,
    will: str,
    visitor_hash: str,
    visitor_id: str,
    sub_ids: str,
) -> bytes:
    """A click's line. But for the id its parts are JSON already, and most of them come again and again.

    `at` is in microseconds since 1970: to write a date costs as much as all the rest.
    """
    return (
        f'[{FORMAT},"{id_}",{at},{place},{ip_prefix},{agent},{referrer},{hints},{will},'
        f"{visitor_hash},{visitor_id},{sub_ids}]"
    ).encode()


def microseconds(moment: datetime) -> int:
    """An aware moment as microseconds since 1970, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(at: int) -> datetime:
    """The aware UTC moment of microseconds since 1970. Raises OverflowError."""
    return _EPOCH + timedelta(microseconds=at)


def place_json(brand_id: str | None, link_id: str | None, host: str, slug: str) -> str:
    """Whose click, on what: the part that a link knows."""
    return f"{text_json(brand_id)},{text_json(link_id)},{_quoted(host)},{_quoted(slug)}"


def hints_json(fetch_mode: str | None, fetch_dest: str | None, has_language: bool) -> str:
    """What the browser said of the request."""
    return f"{text_json(fetch_mode)},{text_json(fetch_dest)},{_flag(has_language)}"


def will_json(consent: str | None, gpc: bool, dnt: bool) -> str:
    """What the visitor wants."""
    return f"{text_json(consent)},{_flag(gpc)},{_flag(dnt)}"


def sub_ids_json(sub_ids: Mapping[str, str] | None) -> str:
    """Sub-ids, or null where there are none."""
    return json.dumps(sub_ids) if sub_ids else NULL


def text_json(value: str | None) -> str:
    """A text or null."""
    return _quoted(value) if value is not None else NULL


def decode(line: bytes) -> RawClick:
    """The click of one line. Raises ValueError, and nothing else, for whatever `encode` cannot have written."""
    text = line.decode("ascii")
    if len(text) > LONGEST_LINE or not _LINE.fullmatch(text):
        raise ValueError("not a click of a known format")
    fields, _ = _read(text)
    fields[2] = moment(fields[2])
    click = RawClick._make(fields[1:])
    _check_lengths(click)
    if "\\u" in text:
        _check_characters(click)
    return click


def clean(text: str, longest: int) -> str:
    """`text` without control characters and lone surrogates, at most `longest` characters: what any database takes."""
    if text.isprintable():
        return text[:longest]
    kept = "".join(character if character.isprintable() else " " for character in text[: 2 * longest])
    return kept[:longest]


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _check_lengths(click: RawClick) -> None:
    for text, longest in zip(click[4:11], _LONGEST):  # noqa: B905  (both are seven; saying so costs as much as the rest)
        if text and len(text) > longest:
            raise ValueError("a text of a click is too long")
    for pair in (click.sub_ids or {}).items():
        if max(map(len, pair)) > LONGEST_SUB_ID:
            raise ValueError("a sub-id is too long")


def _check_characters(click: RawClick) -> None:
    """No NUL (PostgreSQL refuses it) and no lone surrogate (no encoding takes it). Raises ValueError."""
    sub_ids = click.sub_ids or {}
    texts = "".join([text or "" for text in click[4:11]] + [*sub_ids, *sub_ids.values()])
    texts.encode()
    if "\0" in texts:
        raise ValueError("a click holds a NUL character")
