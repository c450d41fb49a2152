"""A second factor is a code of six digits that a phone derives from a shared secret and the time (RFC 6238, RFC 4226).

The parameters are those that every authenticator assumes: SHA-1, six digits, steps of thirty seconds since 1970.
"""

from __future__ import annotations

import hmac
from base64 import b32decode
from datetime import datetime
from urllib.parse import quote, urlencode

STEP = 30  # seconds
DIGITS = 6
_AROUND = (0, -1, 1)  # steps: clocks differ, people take their time


def code_at(secret: str, step: int) -> str:
    """The code of a time step; `secret` is base32 without padding. RFC 4226, section 5.3."""
    key = b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def step_of(moment: datetime) -> int:
    """The time step that a moment lies in. RFC 6238, section 4.2."""
    return int(moment.timestamp()) // STEP


def matching_step(secret: str, code: str, moment: datetime) -> int | None:
    """The time step around `moment` whose code this is, or None. It takes as long for any code of the right form."""
    said, now = "".join(code.split()), step_of(moment)
    if len(said) != DIGITS or not (said.isascii() and said.isdigit()):
        return None
    found = [now + around for around in _AROUND if hmac.compare_digest(code_at(secret, now + around), said)]
    return found[0] if found else None


def address(secret: str, account: str, issuer: str) -> str:
    """What an authenticator reads from a QR code: the key URI that they have agreed on."""
    values = {"secret": secret, "issuer": issuer, "algorithm": "SHA1", "digits": DIGITS, "period": STEP}
    return f"otpauth://totp/{quote(issuer)}:{quote(account)}?{urlencode(values, quote_via=quote)}"
