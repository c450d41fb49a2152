"""A report as a workbook: the first sheet is its rows in typed cells, the second says what they are about.

The values are those of the JSON; only how they look is the spreadsheet's. Money is a number with the decimals of its
own currency, a day a day, a moment one in the brand's time zone (a sheet knows no zones; the second one names it).
Days and moments are shown in the form of whoever opens the file. No text is ever a formula.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.money import EXPONENTS
from tracker.domain.spreadsheets import formula_safe
from tracker.errors import BadInput, say
from tracker.ledger.catalog import brand_by_id
from tracker.ledger.tables import Campaign, Partner
from tracker.reports._reader import Reader
from tracker.reports._shape import PAYING, Column, Kind, Result, Row, Scope, model_titles, plain

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_ABOUT, _REPORT, _DESCRIPTION, _BRAND, _FROM, _TO, _ZONE, _MODEL, _CAMPAIGN, _CHANNEL, _PARTNER, _NETWORK, _ALL = (
    *("About", "Report", "Description", "Brand", "From", "To", "Time zone", "Model", "Campaign", "Channel", "Partner"),
    *("Network", "All"),
)
_COLUMN, _MEANING, _KEY = "Column", "What it means", "Name in CSV and JSON"
# What the second sheet says by itself; the rest is the report's own.
SENTENCES = (
    *(_ABOUT, _REPORT, _DESCRIPTION, _BRAND, _FROM, _TO, _ZONE, _MODEL, _CAMPAIGN, _CHANNEL, _PARTNER, _NETWORK, _ALL),
    *(_COLUMN, _MEANING, _KEY),
)

LARGEST = 1_048_575  # rows of a sheet below its header
_MANY = 20_000  # rows from which on they are kept on disk while the file is made
_LONGEST_TEXT = 32_767  # characters of a cell
_PRECISE = 10**15  # a spreadsheet keeps fifteen digits
_NARROWEST, _WIDEST = 9, 60  # characters of a column
_SHEET_NAME = re.compile(r"[\[\]:*?/\\]")

# Built-in formats: a spreadsheet shows them in its reader's own form.
_DAY, _MOMENT, _INTEGER = 14, 22, 3
_LOOKS: dict[object, dict[str, Any]] = {
    "header": {"bold": True, "text_wrap": True, "valign": "top", "bottom": 1},
    Kind.PERCENT: {"num_format": "0.0%"},
    Kind.NUMBER: {"num_format": "#,##0.0"},
    Kind.INTEGER: {"num_format": _INTEGER},
    Kind.DATE: {"num_format": _DAY},
    Kind.MOMENT: {"num_format": _MOMENT},
}


@dataclass(frozen=True, slots=True)
class About:
    """What the ids of a scope are called, and the zone of its days; None where all are meant."""

    brand: str
    zone: ZoneInfo
    campaign: str | None
    partner: str | None


def about(session: Session, scope: Scope) -> About:
    """The names of a scope's things. Raises NotFound for an unknown brand; another brand's thing stays an id."""
    brand = brand_by_id(session, scope.brand_id)
    return About(
        brand=brand.name,
        zone=ZoneInfo(brand.time_zone),
        campaign=_name(session, Campaign, scope.brand_id, scope.campaign_id),
        partner=_name(session, Partner, scope.brand_id, scope.partner_id),
    )


def _name(session: Session, table: type[Campaign] | type[Partner], brand_id: str, row_id: str | None) -> str | None:
    query = select(table.name).where(table.id == row_id, table.brand_id == brand_id)
    return (session.execute(query).scalar() or row_id) if row_id else None


def as_xlsx(result: Result, told: About, reader: Reader | None = None, remark: str = "") -> bytes:
    """The result as an XLSX file. `remark` is said beside the description, in the reader's language.

    Raises BadInput where there are more rows than a sheet holds.
    """
    from xlsxwriter import Workbook  # noqa: PLC0415  (a twentieth of a second that only downloads need)

    if len(result.rows) > LARGEST:
        raise BadInput(
            "from",
            say(
                "a sheet holds %(largest)s rows and these are %(rows)s: ask for fewer days",
                largest=LARGEST,
                rows=len(result.rows),
            ),
        )
    reader, out, many = reader or Reader(), io.BytesIO(), len(result.rows) > _MANY
    with Workbook(out, {"in_memory": not many, "constant_memory": many}) as book:
        book.set_properties({"title": reader.say(result.title), "company": told.brand})
        _Sheet(book, reader, told.zone).write(result)
        _write_about(book, result, told, reader, remark)
    return out.getvalue()


def file_name(result: Result) -> str:
    """What the file is called when it is downloaded."""
    return f"{result.name}_{result.scope.start.isoformat()}_{result.scope.end.isoformat()}.xlsx"


class _Sheet:
    """The sheet of the rows. Holds the formats, which a workbook wants to be made once each."""

    def __init__(self, book: Workbook, reader: Reader, zone: ZoneInfo) -> None:
        self._book, self._reader, self._zone = book, reader, zone
        self._formats: dict[object, Format] = {}

    def write(self, result: Result) -> None:
        """The header and every row, under a frozen header that filters."""
        sheet = self._book.add_worksheet(_sheet_name(self._reader.say(result.title)))
        titles = [self._reader.say(column.title) for column in result.columns]
        widths = [_NARROWEST + 2 if len(title) < _NARROWEST else len(title) + 3 for title in titles]
        for index, title in enumerate(titles):
            sheet.write_string(0, index, _text(title), self._format("header"))
        for line, row in enumerate(result.rows, start=1):
            for index, column in enumerate(result.columns):
                widths[index] = max(widths[index], self._write(sheet, (line, index), row, column))
        self._lay_out(sheet, result, widths)

    def _lay_out(self, sheet: Worksheet, result: Result, widths: Sequence[int]) -> None:
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, len(result.rows), len(result.columns) - 1)
        for index, (column, width) in enumerate(zip(result.columns, widths, strict=True)):
            sheet.set_column(index, index, min(width, _WIDEST), None, {"hidden": column.kind is Kind.ID})

    def _write(self, sheet: Worksheet, place: tuple[int, int], row: Row, column: Column) -> int:
        """Write a cell, and answer how many characters it shows."""
        value: Any = plain(row, column)
        if value is None:
            return 0
        match column.kind:
            case Kind.MONEY:
                return self._write_money(sheet, place, value, str(row["currency"]))
            case Kind.PERCENT | Kind.NUMBER | Kind.INTEGER:
                sheet.write_number(*place, value, self._format(column.kind))
                return len(f"{value:,.1f}")
            case Kind.DATE:
                sheet.write_datetime(*place, cast("date", row[column.key]), self._format(column.kind))
                return 11
            case Kind.MOMENT:
                local = cast("datetime", row[column.key]).astimezone(self._zone).replace(tzinfo=None)
                sheet.write_datetime(*place, local, self._format(column.kind))
                return 17
        said = ", ".join(value) if column.kind is Kind.LIST else str(value)
        said = _text(self._reader.word(said) if column.kind is Kind.WORD else said)
        if said:
            sheet.write_string(*place, said)
        return len(said) + 1

    def _write_money(self, sheet: Worksheet, place: tuple[int, int], amount: str, currency: str) -> int:
        """A number, or the decimal as text where a spreadsheet would round it."""
        value, shown = Decimal(amount), len(f"{Decimal(amount):,} {currency}") + 1
        if abs(value).scaleb(EXPONENTS[currency]) >= _PRECISE:
            sheet.write_string(*place, amount)
        else:
            sheet.write_number(*place, cast("float", value), self._format(currency))
        return shown

    def _format(self, what: object) -> Format:
        if what not in self._formats:
            self._formats[what] = self._book.add_format(_looks(what))
        return self._formats[what]


def _looks(what: object) -> dict[str, Any]:
    """The properties of a format: of the header, of a kind, or of a currency's amounts."""
    return _LOOKS.get(what) or {"num_format": money_format(str(what))}


def money_format(currency: str) -> str:
    """How amounts of a currency look: its own decimals and its code, such as `#,##0.00 "EUR"`."""
    exponent = EXPONENTS[currency]
    return f'#,##0{"." if exponent else ""}{"0" * exponent} "{currency}"'


def _write_about(book: Workbook, result: Result, told: About, reader: Reader, remark: str) -> None:
    say = reader.say
    sheet = book.add_worksheet(_sheet_name(say(_ABOUT)))
    sheet.set_column(0, 0, 28)
    sheet.set_column(1, 1, 100)
    sheet.set_column(2, 2, 24)
    bold, day = book.add_format({"bold": True, "valign": "top"}), book.add_format({"num_format": _DAY, "align": "left"})
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    facts = _facts(result, told, reader, remark)
    for line, (label, value) in enumerate(facts):
        sheet.write_string(line, 0, _text(say(label)), bold)
        if isinstance(value, date):
            sheet.write_datetime(line, 1, value, day)
        else:
            sheet.write_string(line, 1, _text(value), wrapped)
    first = len(facts) + 1
    for index, heading in enumerate((_COLUMN, _MEANING, _KEY)):
        sheet.write_string(first, index, _text(say(heading)), bold)
    for line, column in enumerate(result.columns, start=first + 1):
        meaning = say(column.help) if column.help else ""
        for index, text in enumerate((say(column.title), meaning, column.key)):
            sheet.write_string(line, index, _text(text), wrapped)


def _facts(result: Result, told: About, reader: Reader, remark: str) -> list[tuple[str, str | date]]:
    """What is said of the scope: a label and a text or a day."""
    say, scope = reader.say, result.scope
    model = "Paying model" if scope.model == PAYING else model_titles().get(scope.model, scope.model)
    described = say(result.description)
    return [
        (_REPORT, say(result.title)),
        (_DESCRIPTION, f"{described} {remark}" if remark else described),
        (_BRAND, told.brand),
        (_FROM, scope.start),
        (_TO, scope.end),
        (_ZONE, str(told.zone)),
        (_MODEL, say(model)),
        (_CAMPAIGN, told.campaign or say(_ALL)),
        (_CHANNEL, reader.word(scope.channel) if scope.channel else say(_ALL)),
        (_PARTNER, told.partner or say(_ALL)),
        (_NETWORK, scope.network or say(_ALL)),
    ]


def _text(text: str) -> str:
    return formula_safe(text)[:_LONGEST_TEXT]


def _sheet_name(text: str) -> str:
    """`text` as a sheet may be called: at most 31 characters, without those that references need."""
    return _SHEET_NAME.sub(" ", text)[:31].strip(" '") or "1"
