"""What the installation's key protects: webhook secrets are sealed, customers are known by a keyed hash alone.

Each purpose has a key of its own, derived from SECRET_KEY, so that what one purpose signs or seals means nothing to
another. Whoever changes SECRET_KEY makes the sealed secrets unreadable and every customer a stranger.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b

from cryptography.fernet import Fernet, InvalidToken

from tracker.errors import BadSetting


@dataclass(frozen=True, slots=True)
class Seal:
    """Seals and opens texts for one purpose. Neither the key nor a text is ever shown by `repr`."""

    fernet: Fernet = field(repr=False)

    def close(self, text: str) -> bytes:
        """`text` sealed: authenticated and unreadable without the key; never the same twice."""
        return self.fernet.encrypt(text.encode())

    def open(self, sealed: bytes) -> str:
        """The text that was sealed. Raises BadSetting where it was sealed under another SECRET_KEY."""
        try:
            return self.fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise BadSetting("SECRET_KEY: what was sealed with another key cannot be opened") from None


def seal(secret_key: str, purpose: str = "webhook secrets") -> Seal:
    """The seal of an installation for one purpose."""
    return Seal(Fernet(urlsafe_b64encode(_derived(secret_key, f"seal:{purpose}"))))


def hash_customer(secret_key: str, brand_id: str) -> Callable[[str], str]:
    """The function that turns an e-mail address into 64 hexadecimal digits, the only trace of it that is kept.

    The address is trimmed and lower-cased, nothing else: dots and +tags stay. The same address is another customer
    to another brand.
    """
    key = _derived(secret_key, f"customer:{brand_id}")

    def hashed(email: str) -> str:
        return blake2b(email.strip().lower().encode("utf-8", "replace"), key=key, digest_size=32).hexdigest()

    return hashed


def _derived(secret_key: str, purpose: str) -> bytes:
    return blake2b(purpose.encode(), key=blake2b(secret_key.encode()).digest(), digest_size=32).digest()
