"""An id is 32 lower-case hexadecimal digits: a uuid7 for what happens, a digest for what can be rebuilt."""

from __future__ import annotations

import re
import secrets
from hashlib import blake2b

import uuid_utils

ID = re.compile(r"[0-9a-f]{32}")

# No 0 O I l: a slug is read aloud in stories and typed from a screen.
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def new_id() -> str:
    """A fresh id, sortable by the moment of its making (uuid7, RFC 9562)."""
    return uuid_utils.uuid7().hex


def is_id(text: str) -> bool:
    """Whether `text` has the form of an id. Says nothing about whether such a thing exists."""
    return ID.fullmatch(text) is not None


def derived_id(*parts: str) -> str:
    """The same id for the same parts, always: rebuilt conclusions keep their ids."""
    return blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


def new_slug(length: int = 8) -> str:
    """A random slug of base58 characters; eight of them are 47 bits."""
    return "".join(secrets.choice(_BASE58) for _ in range(length))


def new_token() -> str:
    """An unguessable token for a URL: 256 bits."""
    return secrets.token_urlsafe(32)
