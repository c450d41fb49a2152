"""A receipt is known by the digest of its canonical form, and a brand's receipts hang together in a chain of hashes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, check_circular=False)
_FAST = msgspec.json.Encoder(order="deterministic")
_DELETE = b"\x7f"

GENESIS = ""
"""What stands in the place of a hash before the first link of a chain."""


def canonical(body: Any) -> str:
    """The one text of a JSON value: keys sorted, no spaces, ASCII only. The value holds no floats.

    Where nothing has to be escaped to be ASCII, msgspec writes the same in a seventh of the time.
    """
    try:
        text = _FAST.encode(body)
    except UnicodeEncodeError:  # half of a surrogate pair
        return _ENCODER.encode(body)
    return text.decode("ascii") if text.isascii() and _DELETE not in text else _ENCODER.encode(body)


def digest(text: str) -> str:
    """The SHA-256 of a canonical text, 64 hexadecimal digits."""
    return hashlib.sha256(text.encode("ascii")).hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """What a link of a chain covers besides the hash before it."""

    brand_id: str
    number: int
    order_id: str
    version: int
    digest: str
    cause: str
    drawn_at: datetime


def link(previous: str, entry: Entry) -> str:
    """The hash of a link: SHA-256 of the hash before it and all of the entry, as a canonical JSON array."""
    drawn_at = entry.drawn_at.astimezone(UTC).isoformat(timespec="microseconds")
    parts = [previous, entry.brand_id, entry.number, entry.order_id, entry.version, entry.digest, entry.cause, drawn_at]
    return digest(canonical(parts))
