"""Shops and their opened secrets live in memory: a delivery can be verified while SQL is down.

They are read again every few seconds, and one of them at once where what we know does not fit. A sealed copy in the
state folder serves a process that starts while SQL is down. Secrets are in the clear nowhere but in memory.
"""

from __future__ import annotations

import json
import os
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tracker import log
from tracker.errors import BadSetting, Unavailable
from tracker.ledger.inbox import KnownShop
from tracker.sealing import seal

_FRESH = 3.0


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret in the clear; its text is never shown by `repr`."""

    id: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OpenShop:
    """A shop as the door knows it, with the secrets in force, the oldest first."""

    id: str
    brand_id: str
    platform: str
    token: str = field(repr=False)
    disabled: bool
    secrets: tuple[Secret, ...]


class Shops:
    """Shops by the token of their webhook URL. Safe to share between threads.

    `read(token)` gives the shop of a token, `read(None)` all of them; it raises Unavailable.
    """

    def __init__(self, read: Callable[[str | None], Sequence[KnownShop]], state: Path, secret_key: str) -> None:
        self._read = read
        self._copy = state / "shops.sealed"
        self._secrets = seal(secret_key)
        self._cover = seal(secret_key, "copy of the shops")
        self._lock = threading.Lock()
        self._shops: dict[str, OpenShop] = {}
        self._rows: Sequence[KnownShop] | None = None
        self._read_at = -_FRESH

    def find(self, token: str) -> OpenShop | None:
        """The shop of that token. Raises Unavailable for one we do not know while we cannot ask."""
        self._renew()
        shop = self._shops.get(token)
        return shop if shop is not None else self.again(token)

    def again(self, token: str) -> OpenShop | None:
        """The shop as it is at this moment. Raises Unavailable while we cannot ask."""
        rows = self._read(token)
        return self._opened(rows[0]) if rows else None

    def _renew(self) -> None:
        """Read all of them again after a few seconds. While SQL is down what we have must do."""
        if time.monotonic() - self._read_at < _FRESH:
            return
        with self._lock:
            if time.monotonic() - self._read_at < _FRESH:
                return
            try:
                self._take(self._read(None), to_copy=True)
            except Unavailable as error:
                log.warning("shops_not_read", error=type(error).__name__)
                if self._rows is None:
                    self._take(self._from_copy(), to_copy=False)
            self._read_at = time.monotonic()

    def _take(self, rows: Sequence[KnownShop], *, to_copy: bool) -> None:
        if rows == self._rows:
            return
        self._shops = {row.token: self._opened(row) for row in rows}
        self._rows = rows
        if to_copy:
            self._to_copy(rows)

    def _opened(self, row: KnownShop) -> OpenShop:
        secrets = []
        for secret_id, sealed in row.secrets:
            try:
                secrets.append(Secret(secret_id, self._secrets.open(sealed)))
            except BadSetting as error:
                log.error("secret_not_opened", exc=error, shop=row.id)
        return OpenShop(row.id, row.brand_id, row.platform, row.token, row.disabled, tuple(secrets))

    def _to_copy(self, rows: Sequence[KnownShop]) -> None:
        """Keep a copy for a process that starts while SQL is down. Without one it would answer 503, no more."""
        text = json.dumps([_to_json(row) for row in rows])
        fresh = self._copy.with_name(f".shops.{os.getpid()}")
        try:
            self._copy.parent.mkdir(parents=True, exist_ok=True)
            fresh.touch(mode=0o600)
            fresh.write_bytes(self._cover.close(text))
            fresh.replace(self._copy)
        except OSError as error:
            log.warning("shops_not_copied", error=type(error).__name__)

    def _from_copy(self) -> Sequence[KnownShop]:
        with suppress(OSError, BadSetting, ValueError, KeyError, TypeError):
            return [_from_json(row) for row in json.loads(self._cover.open(self._copy.read_bytes()))]
        return []


def _to_json(row: KnownShop) -> dict[str, object]:
    return {
        "id": row.id,
        "brand_id": row.brand_id,
        "platform": row.platform,
        "token": row.token,
        "disabled": row.disabled,
        "secrets": [[secret_id, b64encode(sealed).decode()] for secret_id, sealed in row.secrets],
    }


def _from_json(stored: dict[str, object]) -> KnownShop:
    secrets = stored["secrets"]
    if not isinstance(secrets, list):
        raise TypeError("secrets")
    return KnownShop(
        id=str(stored["id"]),
        brand_id=str(stored["brand_id"]),
        platform=str(stored["platform"]),
        token=str(stored["token"]),
        disabled=bool(stored["disabled"]),
        secrets=tuple((str(secret_id), b64decode(sealed)) for secret_id, sealed in secrets),
    )
