"""What the web hands a shop platform, and what the platform hands back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tracker.domain.orders import OrderEvent


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook request as it came: header names in lower case, the body's raw bytes."""

    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Reply:
    """A documented answer to a ping or handshake, given without storing anything."""

    status: int = 200
    body: str = ""


@dataclass(frozen=True, slots=True)
class ShopContext:
    """What a platform may know of the shop while it reads a body.

    `click_parameter` is the name under which click ids travel; `hash_customer` turns an e-mail address into the keyed
    hash that is all we keep of it.
    """

    click_parameter: str
    hash_customer: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Redaction:
    """A person, or a whole shop with all its customers, asked to be forgotten.

    `customers` are keyed hashes, `external_ids` the orders named, `traces` the texts (an e-mail address, a phone
    number) by which raw bodies of that person are found; none of them is kept.
    """

    external_ids: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    traces: tuple[str, ...] = ()
    whole_shop: bool = False


class Platform(Protocol):
    """The shape of a module in `tracker.platforms`: one shop software. Pure functions and constants.

    Some things may be added. `STEPS` say in English how such a shop is connected, one sentence or two a step, and
    `SNIPPET` where the snippet goes there. `new_secret() -> str` makes a secret where the shop lets us choose it.
    `redaction(delivery, shop) -> Redaction | None` reads a privacy request (None for every other body, BadPayload for a
    broken one). `GONE_STATUS` answers deliveries of a shop that was disabled, 410 if not given.
    """

    TITLE: str
    SIGNATURE_HELP: str

    def check_secret(self, secret: str) -> None:
        """Raise ValueError, saying what would do, for a secret that this platform cannot have given."""

    def handshake(self, delivery: Delivery) -> Reply | None:
        """The answer to a documented unsigned ping, or None for everything else."""

    def verify(self, delivery: Delivery, secrets: tuple[str, ...], wall: datetime) -> int:
        """The index of the secret that signed. Raises BadSignature; `wall` judges timestamps, ± 300 s."""

    def dedupe_key(self, delivery: Delivery) -> str:
        """What makes a second arrival of the same delivery the same, at most 200 characters."""

    def topic(self, delivery: Delivery) -> str:
        """A label for people; nothing is decided by it alone, for headers are unsigned."""

    def parse(self, delivery: Delivery, shop: ShopContext) -> list[OrderEvent]:
        """The order events in the body; empty where it concerns no order. Raises BadPayload."""
