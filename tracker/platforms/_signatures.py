"""Signatures are compared as bytes, in constant time, against every active secret; an empty secret signs nothing."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256

from tracker.errors import BadSignature

TOLERANCE = 300  # seconds, past and future

_UNIX = re.compile(r"[0-9]{1,12}", re.ASCII)


def header(headers: Mapping[str, str], *names: str) -> bytes:
    """The first of the headers that is there, as bytes. Raises BadSignature where none is, or for a non-ASCII one."""
    value = next((headers[name] for name in names if headers.get(name)), "")
    try:
        text = value.encode("ascii")
    except UnicodeEncodeError:
        raise BadSignature("the signature is not ASCII") from None
    if not text:
        raise BadSignature("the signature is missing")
    return text


def hmac_hex(key: bytes, content: bytes) -> bytes:
    """HMAC-SHA256 as lower-case hexadecimal digits."""
    return hmac.new(key, content, sha256).hexdigest().encode()


def hmac_base64(key: bytes, content: bytes) -> bytes:
    """HMAC-SHA256 as canonical base64 text."""
    return base64.b64encode(hmac.digest(key, content, sha256))


def signer(secrets: tuple[str, ...], given: list[bytes], signature: Callable[[str], bytes]) -> int:
    """The index of the secret whose `signature(secret)` is among `given`, the texts the sender offers.

    An empty secret is passed over, and so is one that `signature` cannot use (ValueError). Raises BadSignature.
    """
    for index, secret in enumerate(secrets):
        if not secret.strip():
            continue
        try:
            expected = signature(secret)
        except ValueError:
            continue
        if any([hmac.compare_digest(expected, text) for text in given]):  # noqa: C419  (no early exit)
            return index
    raise BadSignature("no active secret signed this")


def check_fresh(timestamp: bytes, wall: datetime) -> None:
    """Raises BadSignature unless `timestamp` is plain Unix seconds within 300 s of `wall`, on either side."""
    text = timestamp.decode("ascii")
    if not _UNIX.fullmatch(text):
        raise BadSignature("the timestamp is not in Unix seconds")
    if abs(int(wall.timestamp()) - int(text)) > TOLERANCE:
        raise BadSignature("the timestamp is too far from our clock")


def unix_seconds(moment: datetime) -> str:
    """`moment` as the text that Stripe and Standard Webhooks sign."""
    return str(int(moment.astimezone(UTC).timestamp()))


def refuse_blank(secret: str) -> None:
    """Raises ValueError for a secret that is empty or has been copied with the space around it."""
    if not secret.strip():
        raise ValueError("the secret is empty: paste the one that the shop shows")
    if secret != secret.strip() or not secret.isprintable():
        raise ValueError("the secret has spaces or control characters around it: paste it again without them")


def dedupe_text(*parts: str) -> str:
    """`parts` as one key of at most 200 characters; what does not fit or is not plain is told by its digest."""
    text = ":".join(parts)
    if len(text) <= 200 and text.isascii() and text.isprintable():
        return text
    return "sha256:" + sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
