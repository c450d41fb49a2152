"""How a spreadsheet writes money and moments: read where it can mean one thing only, else refused by its column's name.

No message holds a value other than a date, an amount or a status: files are full of people.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from tracker.domain import money
from tracker.domain.codes import shown
from tracker.errors import BadPayload, say
from tracker.importing._table import Row

_ID = re.compile(r"[!-~]{1,100}")
_SCIENTIFIC = re.compile(r"[0-9][.,]?[0-9]*[eE]\+?[0-9]+")
_AMOUNT = re.compile(r"-?[0-9][0-9.,]*")
_BLANKS = re.compile(r"[\s\u00a0\u202f'’]")
_AROUND = re.compile(r"^(?:[A-Z]{3}|[€$£¥])|(?:[A-Z]{3}|[€$£¥])$")
_THOUSANDS = {",": re.compile(r"-?[0-9]{1,3}(,[0-9]{3})+"), ".": re.compile(r"-?[0-9]{1,3}(\.[0-9]{3})+")}
_ISO = re.compile(
    r"(?P<year>[0-9]{4})[-/.](?P<month>[0-9]{1,2})[-/.](?P<day>[0-9]{1,2})"
    r"(?:[T ]+(?P<clock>[0-9:.,]+(?: ?[AaPp]\.?[Mm]\.?)?))?(?: ?(?P<offset>Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?"
)
SLASHED = re.compile(
    r"(?P<first>[0-9]{1,2})[-/.](?P<second>[0-9]{1,2})[-/.](?P<year>[0-9]{4})"
    r"(?:,?[T ]+(?:à )?(?P<clock>[0-9:.,]+(?: ?[AaPp]\.?[Mm]\.?)?))?(?: ?(?P<offset>Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?"
)
_CLOCK = re.compile(
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,][0-9]{1,9})?)?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_EARLIEST, _TICK = datetime(1990, 1, 1, tzinfo=UTC), timedelta(microseconds=1)

WANTED_DAY = "want a date such as 2026-03-02 10:30:00 +0100 or 2026-03-02"


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment as exact as it was written: between `first` and `last`, both aware UTC."""

    first: datetime
    last: datetime

    @property
    def exact(self) -> bool:
        """Whether it was written to the second."""
        return self.first == self.last


@dataclass(frozen=True, slots=True)
class Writing:
    """How the file at hand is written.

    `zone` is that of times without an offset, `day_first` whether 02/03/2026 is in March (None: not known), `currency`
    and `status` what orders have where no column says it, `latest` the moment after which nothing can have happened.
    """

    zone: ZoneInfo
    latest: datetime
    day_first: bool | None = None
    currency: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of one order under our names for them. `written` is how the file calls each column."""

    row: Row
    columns: Mapping[str, str]
    written: Mapping[str, str]
    writing: Writing
    notes: list[str] = field(default_factory=list)

    def text(self, name: str) -> str:
        """The cell without characters that do harm; empty where there is none."""
        return shown(self.raw(name))

    def raw(self, name: str) -> str:
        """The cell as it is; empty where there is none."""
        column = self.columns.get(name)
        return self.row.cells.get(column, "") if column else ""

    def identifier(self, name: str) -> str:
        """The order's own id at the shop. Raises BadPayload."""
        text = self.raw(name)
        if not text:
            raise self.refused(name, "is empty: without the shop's own id the order may be one that webhooks brought")
        if _SCIENTIFIC.fullmatch(text):
            raise self.refused(name, "was rounded by a spreadsheet: use the file as the shop exported it")
        if not _ID.fullmatch(text):
            raise self.refused(name, "is no id: want 1 to 100 plain characters without spaces")
        return text

    def currency(self, name: str) -> str:
        """The order's currency. Raises BadPayload."""
        text = self.raw(name) or self.writing.currency or ""
        try:
            return money.currency_code(text)
        except ValueError:
            raise self.refused(name, "is no currency: want an ISO 4217 code such as EUR") from None

    def amount(self, name: str, currency: str) -> Decimal | None:
        """The amount in major units, or None where there is none. Raises BadPayload."""
        text = self.raw(name)
        if not text:
            return None
        try:
            return money.exact(decimal(text, money.EXPONENTS[currency]))
        except ValueError as error:
            raise self.refused(name, f"is “{shown(text, 30)}”: {error}") from None

    def whole(self, name: str, currency: str) -> Decimal | None:
        """The same for an amount that cannot be below zero."""
        found = self.amount(name, currency)
        if found is not None and found < 0:
            raise self.refused(name, "is below zero: want the order before refunds")
        return found

    def minor(self, name: str, amount: Decimal, currency: str) -> int:
        """`amount` in minor units, noted where it had to be rounded. Raises BadPayload."""
        try:
            units = money.minor_units(amount, currency)
        except ValueError:
            raise self.refused(name, "is out of range") from None
        if units != amount.scaleb(money.EXPONENTS[currency]):
            self.notes.append(f"rounded:{name}")
        return units

    def moment(self, name: str) -> Moment | None:
        """The moment, or None where there is none. Raises BadPayload."""
        text = self.raw(name)
        if not text:
            return None
        universal = (self.columns.get(name) or "").endswith(("gmt", "utc"))
        try:
            found = moment(text, ZoneInfo("UTC") if universal else self.writing.zone, self.writing.day_first)
        except ValueError as error:
            raise self.refused(name, f"is “{shown(text, 30)}”: {error}") from None
        if found.first > self.writing.latest:
            raise self.refused(name, f"is “{shown(text, 30)}”: that is still to come")
        return found

    def refused(self, name: str, why: str) -> BadPayload:
        """The error that says what is wrong in the column of that name."""
        return BadPayload(say("%(value)s %(why)s", value=self.written.get(self.columns.get(name) or "", name), why=why))


def decimal(text: str, exponent: int) -> str:
    """`text` as a plain decimal with a point, without the currency's sign and spaces. Raises ValueError."""
    bare = _AROUND.sub("", _BLANKS.sub("", text))
    if not _AMOUNT.fullmatch(bare):
        raise ValueError("want an amount such as 1234.56 or 1 234,56")
    kinds = [mark for mark in ".," if mark in bare]
    if not kinds:
        return bare
    last = max(kinds, key=bare.rfind)
    head, _, tail = bare.rpartition(last)
    if len(kinds) == 2:
        other = ".," if last == "," else ",."
        if last in head or not _THOUSANDS[other[0]].fullmatch(head):
            raise ValueError("want an amount such as 1234.56 or 1 234,56")
        return f"{head.replace(other[0], '')}.{tail}"
    if last in head:
        if not _THOUSANDS[last].fullmatch(bare):
            raise ValueError("want an amount such as 1234.56 or 1 234,56")
        return bare.replace(last, "")
    if len(tail) == 3 and exponent != 3 and head.lstrip("-") not in ("", "0") and len(head.lstrip("-")) <= 3:
        raise ValueError(
            say(
                "that may be thousands or a fraction: want %(head)s%(tail)s.00 or %(head)s.%(tail2)s",
                head=head,
                tail=tail,
                tail2=tail[:2],
            )
        )
    return f"{head}.{tail}" if tail else head


def moment(text: str, zone: ZoneInfo, day_first: bool | None) -> Moment:
    """The moment that `text` names: a day or a minute is all of it. Raises ValueError."""
    found = _ISO.fullmatch(text)
    if found is not None:
        day = (int(found["year"]), int(found["month"]), int(found["day"]))
        return _moment(day, found["clock"], found["offset"], zone)
    found = SLASHED.fullmatch(text)
    if found is None:
        raise ValueError(WANTED_DAY)
    first, second = int(found["first"]), int(found["second"])
    if day_first is None and first <= 12 and second <= 12 and first != second:
        raise ValueError("that may be two days: say --dates dmy or --dates mdy")
    month_last = day_first if day_first is not None else first > 12
    month, date = (second, first) if month_last else (first, second)
    return _moment((int(found["year"]), month, date), found["clock"], found["offset"], zone)


def day_first(texts: Iterable[str]) -> bool | None:
    """Whether dates such as 02/03/2026 begin with the day: what a day above 12 in one of them tells; None: nothing."""
    told = set()
    for text in texts:
        if found := SLASHED.fullmatch(text):
            told |= {True} if int(found["first"]) > 12 else {False} if int(found["second"]) > 12 else set()
    return told.pop() if len(told) == 1 else None


def _moment(day: tuple[int, int, int], clock: str | None, offset: str | None, zone: ZoneInfo) -> Moment:
    try:
        hour, minute, second, length = _clock(clock)
        local = datetime(*day, hour, minute, second)  # noqa: DTZ001  (its zone follows)
        aware = (
            datetime.fromisoformat(f"{local.isoformat()}{_offset(offset)}") if offset else local.replace(tzinfo=zone)
        )
        end = local + length
        last = aware + length if offset else end.replace(tzinfo=zone)
        first, last = aware.astimezone(UTC), last.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(WANTED_DAY) from None
    if first < _EARLIEST:
        raise ValueError(WANTED_DAY)
    return Moment(first, max(last, first))


def _offset(text: str) -> str:
    return "+00:00" if text in ("Z", "UTC", "GMT") else text


def _clock(text: str | None) -> tuple[int, int, int, timedelta]:
    """Hour, minute, second, and how much longer what was written lasts: a day, a minute, nothing."""
    if text is None:
        return 0, 0, 0, timedelta(hours=23, minutes=59, seconds=59)
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise ValueError(WANTED_DAY)
    hour = int(found["hour"])
    if found["half"]:
        hour = hour % 12 + (12 if found["half"].lower() == "p" else 0)
    length = timedelta() if found["second"] else timedelta(seconds=59)
    return hour, int(found["minute"]), int(found["second"] or 0), length


def before(moment: datetime) -> datetime:
    """The last tick before a moment: what a file says of it is older than what a webhook says."""
    return moment - _TICK
