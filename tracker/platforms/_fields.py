"""What an order needs is read or refused by name; what it can do without is noted and treated as absent.

No message and no note holds a value: bodies are full of people.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from tracker.domain import money
from tracker.domain.codes import shown
from tracker.errors import BadPayload

T = TypeVar("T")
D = TypeVar("D")

_ID = re.compile(r"[!-~]{1,100}")
_MOMENT = re.compile(
    r"(?P<local>[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.(?P<part>[0-9]{1,9}))?"
    r"(?P<offset>Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Fields:
    """One JSON object of a body. `where` is the path to it; `notes` gathers what had to be ignored or rounded."""

    values: dict[str, Any]
    where: str = ""
    notes: list[str] = field(default_factory=list)

    def need(self, name: str, read: Callable[[object], T]) -> T:
        """The field as `read` understands it. Raises BadPayload that names the field and says what would do."""
        if self.values.get(name) is None:
            raise BadPayload(f"{self.where}{name} is missing: want {_wanted(read)}")
        try:
            return read(self.values[name])
        except ValueError:
            raise BadPayload(f"{self.where}{name} cannot be read: want {_wanted(read)}") from None

    def may(self, name: str, read: Callable[[object], T], default: D) -> T | D:
        """The same for a field that may be absent or null, then `default`; but if it is there, it must be readable."""
        return default if self.values.get(name) is None else self.need(name, read)

    def have(self, name: str, read: Callable[[object], T], default: D) -> T | D:
        """The same for a field that may be absent, null or unusable: then `default`, and a note if it was unusable."""
        if self.values.get(name) is None:
            return default
        try:
            return read(self.values[name])
        except ValueError:
            self._note("ignored", name)
            return default

    def inner(self, name: str) -> Fields:
        """The object under `name`; an empty one where there is none."""
        value = self.have(name, mapping, {})
        return Fields(value, f"{self.where}{name}.", self.notes)

    def each(self, name: str) -> Iterator[Fields]:
        """The objects of the list under `name`."""
        for item in self.have(name, sequence, []):
            if isinstance(item, dict):
                yield Fields(item, f"{self.where}{name}[].", self.notes)
            else:
                self._note("ignored", name)

    def minor(self, name: str, amount: Decimal, currency: str) -> int:
        """`amount` in minor units; noted under `name` where it had to be rounded. Raises BadPayload out of range."""
        try:
            units = money.minor_units(amount, currency)
        except ValueError:
            raise BadPayload(f"{self.where}{name} is out of range") from None
        if units != amount.scaleb(money.EXPONENTS[currency]):
            self._note("rounded", name)
        return units

    def flags(self) -> tuple[str, ...]:
        """The notes, each once, as flags of an event."""
        return tuple(dict.fromkeys(self.notes))

    def _note(self, what: str, name: str) -> None:
        self.notes.append(f"{what}:{self.where}{name}")


def _wanted(read: Callable[[object], object]) -> str:
    return (read.__doc__ or "").removesuffix(".")


# Each reader's docstring is what the sender is told.


def mapping(value: object) -> dict[str, Any]:
    """an object."""
    if not isinstance(value, dict):
        raise ValueError
    return value


def sequence(value: object) -> list[Any]:
    """a list."""
    if not isinstance(value, list):
        raise ValueError
    return value


def identifier(value: object) -> str:
    """an id: a whole number, or text of 1 to 100 printable ASCII characters without spaces."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _ID.fullmatch(text):
        raise ValueError
    return text


def text(value: object) -> str:
    """text."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError
    return shown(str(value))


def flag(value: object) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise ValueError
    return value


def count(value: object) -> int:
    """a whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError
    return value


def amount(value: object) -> Decimal:
    """a plain decimal amount, with a point before the cents and nothing else."""
    if not isinstance(value, str | Decimal | int):
        raise ValueError
    return money.exact(value)


def whole_amount(value: object) -> Decimal:
    """an amount that is not negative, as a plain decimal with a point."""
    number = amount(value)
    if number < 0:
        raise ValueError
    return number


def currency(value: object) -> str:
    """an ISO 4217 currency code such as EUR."""
    return money.currency_code(value)


def moment(value: object) -> datetime:
    """a time as RFC 3339 writes it, with its offset: 2026-03-02T09:30:00Z."""
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if found is None or found["offset"] is None:
        raise ValueError
    return _aware(found, found["offset"])


def utc_moment(value: object) -> datetime:
    """a time in UTC: 2026-03-02T09:30:00."""
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError
    return _aware(found, found["offset"] or "Z")


def _aware(found: re.Match[str], offset: str) -> datetime:
    part = (found["part"] or "").ljust(6, "0")[:6]
    parsed = datetime.fromisoformat(f"{found['local']}.{part}{offset}")
    return _in_range(parsed)


def unix_moment(value: object) -> datetime:
    """a time in whole Unix seconds."""
    seconds = count(value)
    if not 0 <= seconds < 10**11:
        raise ValueError
    return _in_range(datetime.fromtimestamp(seconds, UTC))


def _in_range(parsed: datetime) -> datetime:
    if not _EARLIEST <= parsed <= _LATEST:
        raise ValueError
    return parsed.astimezone(UTC)
