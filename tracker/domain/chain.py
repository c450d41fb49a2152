"""A receipt is known by the digest of its canonical form, and a brand's receipts hang together in a chain of hashes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, check_circular=False)

GENESIS = ""
"""What stands in the place of a hash before the first link of a chain."""


def canonical(body: Any) -> str:
    """The one text of a JSON value: keys sorted, no spaces, ASCII only. The value holds no floats."""
    return _ENCODER.encode(body)


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
