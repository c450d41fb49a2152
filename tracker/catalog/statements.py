"""A statement is a month of the ledger: what was carried over, each commission and payout, and what is carried on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from tracker.catalog import Desk, brands
from tracker.catalog.fields import Output
from tracker.domain.money import decimal_string
from tracker.domain.spreadsheets import formula_safe
from tracker.errors import BadInput
from tracker.ledger import catalog
from tracker.ledger import statements as ledger
from tracker.ledger.tables import Partner

PAYOUT = "payout"
COLUMNS = ("at", "kind", "order", "reference", "amount", "currency", "balance")


class Line(Output):
    """A change of what is owed: a commission (accrual, reversal, adjustment) or, taking away, a payout.

    `balance` is what is owed after it; amounts are decimal strings.
    """

    at: datetime
    kind: str
    order_id: str | None
    order: str
    reference: str
    amount: str
    balance: str


class Statement(Output):
    """A month of a partner in one currency: `opening` and `closing` are what was owed and not paid at its ends."""

    currency: str
    opening: str
    earned: str
    reversed: str
    adjusted: str
    paid: str
    closing: str
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the brand's calendar."""

    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @property
    def first(self) -> date:
        """Its first day."""
        return date(self.year, self.number, 1)

    @property
    def next(self) -> Month:
        """The month after it."""
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    @property
    def before(self) -> Month:
        """The month before it."""
        return Month(self.year - (self.number == 1), (self.number - 2) % 12 + 1)

    def span(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Its first moment and the first one after it, UTC."""
        return _midnight(self.first, zone), _midnight(self.next.first, zone)


def month_of(text: str) -> Month:
    """The month that is written like 2026-03. Raises BadInput."""
    try:
        day = date.fromisoformat(f"{text}-01") if len(text) == 7 else None
    except ValueError:
        day = None
    if day is None or not 1970 < day.year < 9000:
        raise BadInput("month", "want a month such as 2026-03")
    return Month(day.year, day.month)


def this_month(desk: Desk) -> Month:
    """The month of the brand's calendar that is now."""
    today = desk.now.astimezone(brands.zone_of(desk))
    return Month(today.year, today.month)


def months(desk: Desk, partner_id: str) -> list[Month]:
    """Every month since something was first owed or paid, the present one first."""
    first, zone = ledger.first_change(desk.session, desk.brand_id, partner_id), brands.zone_of(desk)
    month = this_month(desk)
    found = [month]
    while first is not None and first < month.span(zone)[0]:
        month = month.before
        found.append(month)
    return found


def of_month(desk: Desk, partner_id: str, month: Month) -> list[Statement]:
    """The partner's statements of the month, one a currency; none where nothing was ever owed. Raises NotFound."""
    partner = catalog.one(desk.session, Partner, desk.brand_id, partner_id)
    start, end = month.span(brands.zone_of(desk))
    opening = ledger.owed_before(desk.session, desk.brand_id, partner.id, start)
    changes = ledger.changes(desk.session, desk.brand_id, partner.id, start, end)
    currencies = sorted(opening.keys() | {one.currency for one in changes})
    return [
        _statement(currency, opening.get(currency, 0), [one for one in changes if one.currency == currency])
        for currency in currencies
    ]


def as_table(statements: Sequence[Statement]) -> list[list[str]]:
    """The lines of the statements under `COLUMNS`, each with what was carried over and on."""
    rows: list[list[str]] = []
    for one in statements:
        rows.append(["", "opening", "", "", "", one.currency, one.opening])
        for line in one.lines:
            at = line.at.isoformat(timespec="seconds")
            named = (formula_safe(line.order), formula_safe(line.reference))
            rows.append([at, line.kind, *named, line.amount, one.currency, line.balance])
        rows.append(["", "closing", "", "", "", one.currency, one.closing])
    return rows


def _statement(currency: str, opening: int, changes: Sequence[ledger.Change]) -> Statement:
    balance, lines = opening, []
    sums: dict[str, int] = {}
    for one in changes:
        balance += one.amount
        sums[one.kind] = sums.get(one.kind, 0) + one.amount
        lines.append(_line(one, balance))
    total = {
        kind: decimal_string(sums.get(kind, 0), currency) for kind in ("accrual", "reversal", "adjustment", PAYOUT)
    }
    return Statement(
        currency=currency,
        opening=decimal_string(opening, currency),
        earned=total["accrual"],
        reversed=total["reversal"],
        adjusted=total["adjustment"],
        paid=total[PAYOUT],
        closing=decimal_string(balance, currency),
        lines=lines,
    )


def _line(one: ledger.Change, balance: int) -> Line:
    return Line(
        at=one.at,
        kind=one.kind,
        order_id=one.order_id,
        order=one.order,
        reference=one.reference,
        amount=decimal_string(one.amount, one.currency),
        balance=decimal_string(balance, one.currency),
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
