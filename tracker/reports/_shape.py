"""A report is columns and rows; what a cell means is said by its column, and rendered in one place for every medium.

A money cell is an integer of minor units of the currency that the row's own `currency` key names. It becomes a decimal
string in JSON ("10.50"), a plain number in CSV (10.50) and an amount in the reader's locale on a page. So amounts of
several currencies never meet in one row, and no report adds them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from functools import cache
from typing import Any, Protocol, cast
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from tracker import plugins
from tracker.domain import ids
from tracker.domain.catalog import Channel
from tracker.domain.money import decimal_string
from tracker.domain.spreadsheets import formula_safe
from tracker.errors import BadInput, NotFound, say
from tracker.ledger import catalog

# The model by which partners are paid, whichever it is for each order.
PAYING = "paying"

DEFAULT_DAYS = 30
PAGE = 100  # rows of a report that can be endless, on a page
FILTERS = ("model", "channel", "partner", "campaign", "network")
_LONGEST_NETWORK = 40
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

Row = dict[str, object]


class Kind(StrEnum):
    """What the cells of a column hold. Any cell may be None: unknown, or a zero denominator; never shown as zero."""

    ID = "id"  # str, for machines: pages leave it out
    TEXT = "text"  # str
    LIST = "list"  # list of str
    WORD = "word"  # str of a closed set, shown translated
    INTEGER = "integer"  # int
    NUMBER = "number"  # Fraction or float: an estimate, shown to one decimal
    MONEY = "money"  # int, minor units of row["currency"]
    PERCENT = "percent"  # Fraction of 1
    DATE = "date"  # date
    MOMENT = "moment"  # aware datetime


@dataclass(frozen=True, slots=True)
class Column:
    """`key` is the name in JSON and CSV, `title` the English heading that pages translate, `help` its definition."""

    key: str
    title: str
    kind: Kind = Kind.TEXT
    help: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a report is asked about. `start` and `end` are days of the brand's time zone, both included.

    `model` is a model's name or PAYING. The optional filters keep the credits, touches and clicks of one campaign,
    channel or partner, or what belongs to placements on one network. `today` is the brand's day on which it was asked,
    where a report must tell days that are over from those to come; it is no part of what is asked.
    """

    brand_id: str
    start: date
    end: date
    model: str = PAYING
    campaign_id: str | None = None
    channel: str | None = None
    partner_id: str | None = None
    network: str | None = None
    today: date | None = field(default=None, compare=False)

    def chosen(self) -> list[tuple[str, str]]:
        """The filters that keep a part, by name, each with what it keeps. The model is none of them."""
        filters = (
            ("campaign", self.campaign_id),
            ("channel", self.channel),
            ("partner", self.partner_id),
            ("network", self.network),
        )
        return [(name, value) for name, value in filters if value]


class Report(Protocol):
    """The shape of a public module in `tracker.reports`. Its name is the module's.

    It may also have GROUP (the heading under which menus list it), RANK (its place there), CHART (the macro of
    templates/_macros.html that draws it), EMPTY (what a page says where there are no rows, in English) and WORDS (what
    its own words of a closed set are called, in English), FILTERS (which filters of a scope it heeds; all where it does
    not say) and COMPARES (False where its rows are of single days or orders, which no earlier period has). One that can
    be endless has some(session, scope, part): the rows of a part and one more where there are more; and cursor(row):
    what a part says that comes after that row. One that cannot be added up by day has is_long(session, scope): whether
    it takes so long that a reader is shown what a worker drew; then its rows do not depend on the scope's `today`.
    """

    TITLE: str
    DESCRIPTION: str
    COLUMNS: tuple[Column, ...]

    def rows(self, session: Session, scope: Scope) -> list[Row]:
        """The rows, in the order in which they are read. Every column's key is in every row."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a report that can be endless: `most` of them, after the row of a cursor or after so many."""

    most: int = PAGE
    skip: int = 0
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A report that was run."""

    name: str
    title: str
    description: str
    columns: tuple[Column, ...]
    rows: Sequence[Row]
    scope: Scope
    chart: str = ""
    empty: str = ""
    then: Scope | None = None  # the earlier period that it stands beside
    cut: bool = False  # whether these are the rows of a part alone
    further: str | None = None  # the cursor after them, where there are more
    as_of: datetime | None = None  # the moment that kept rows tell of; None where they were reckoned now
    waits: bool = False  # whether its rows are yet to be worked out
    late: bool = False  # whether they are for longer than they should be


def reports() -> dict[str, Report]:
    """Every report by name."""
    return cast("dict[str, Report]", plugins.discover("tracker.reports"))


def in_menu_order() -> dict[str, Report]:
    """Every report by name, as a menu lists them: by its RANK where it has one, then by name."""
    ranked = sorted(reports().items(), key=lambda named: (getattr(named[1], "RANK", 1000), named[0]))
    return dict(ranked)


def group_of(report: Report) -> str:
    """The heading under which menus list a report, in English."""
    return str(getattr(report, "GROUP", "Performance"))


def filters_of(report: Report) -> tuple[str, ...]:
    """The filters of a scope that a report heeds, besides the days."""
    return tuple(getattr(report, "FILTERS", FILTERS))


def is_endless(report: Report) -> bool:
    """Whether a report can have so many rows that nobody reads them at once."""
    return hasattr(report, "some")


def heard(report: Report, scope: Scope) -> Scope:
    """The scope without the filters that the report does not heed: what it is about is what it says it is about."""
    heeded = filters_of(report)
    return replace(
        scope,
        model=scope.model if "model" in heeded else PAYING,
        channel=scope.channel if "channel" in heeded else None,
        partner_id=scope.partner_id if "partner" in heeded else None,
        campaign_id=scope.campaign_id if "campaign" in heeded else None,
        network=scope.network if "network" in heeded else None,
    )


def words() -> dict[str, str]:
    """What the reports' own words of closed sets are called, in English."""
    return {name: said for report in reports().values() for name, said in getattr(report, "WORDS", {}).items()}


def models() -> list[str]:
    """Every model that credits single orders, by name. Learned models estimate periods, and are asked elsewhere."""
    return list(model_titles())


def model_titles() -> dict[str, str]:
    """What every model that credits single orders is called, by its name."""
    found = plugins.discover("tracker.attribution").items()
    return {name: str(module.TITLE) for name, module in found if hasattr(module, "weights")}


@cache
def wholes() -> frozenset[str]:
    """The models under which each credit is of the whole order: credits of one order do not add up to it."""
    found = plugins.discover("tracker.attribution").items()
    return frozenset(name for name, module in found if hasattr(module, "weights") and not module.ADDITIVE)


def run(session: Session, name: str, scope: Scope, part: Part | None = None) -> Result:
    """The report called `name` over `scope`; of one that can be endless a `part`. Raises NotFound."""
    report = reports().get(name)
    if report is None:
        raise NotFound(
            say("no report is called %(name)s; there are %(reports)s", name=repr(name), reports=", ".join(reports()))
        )
    scope = heard(report, scope)
    if part is None or not is_endless(report):
        return result_of(name, scope, report.rows(session, scope))
    endless = cast("Any", report)
    rows = endless.some(session, scope, part)
    further = endless.cursor(rows[part.most - 1]) if len(rows) > part.most else None
    return replace(result_of(name, scope, rows[: part.most]), cut=True, further=further)


def result_of(name: str, scope: Scope, rows: Sequence[Row]) -> Result:
    """What the report called `name` says of itself, with these rows."""
    report = reports()[name]
    said = name, report.TITLE, report.DESCRIPTION, report.COLUMNS
    return Result(*said, rows, scope, getattr(report, "CHART", ""), getattr(report, "EMPTY", ""))


def scope_from(session: Session, brand_id: str, asked: Mapping[str, str], now: datetime) -> Scope:
    """The scope of a query string or a command line: `from`, `to`, `model` and the other FILTERS.

    Empty means not asked; without dates it is the thirty days that end today in the brand's time zone. Raises BadInput
    with the name of the value that will not do, and NotFound for an unknown brand.
    """
    today = now.astimezone(zone_of(session, brand_id)).date()
    end = _day(asked, "to") or today
    start = _day(asked, "from") or min(end, today) - timedelta(days=DEFAULT_DAYS - 1)
    if start > end:
        raise BadInput("from", "the first day comes after the last")
    return Scope(
        brand_id=brand_id,
        start=start,
        end=end,
        model=model_from(asked.get("model")),
        campaign_id=_id(asked, "campaign"),
        channel=_channel(asked.get("channel")),
        partner_id=_id(asked, "partner"),
        network=(asked.get("network") or "").strip()[:_LONGEST_NETWORK] or None,
        today=today,
    )


def model_from(text: str | None) -> str:
    """A model's name or PAYING. Raises BadInput for a model that we do not have."""
    if not text or text == PAYING:
        return PAYING
    if text not in models():
        raise BadInput("model", say("want %(paying)s or one of %(models)s", paying=PAYING, models=", ".join(models())))
    return text


def zone_of(session: Session, brand_id: str) -> ZoneInfo:
    """The time zone whose days the brand's reports count. Raises NotFound."""
    return ZoneInfo(catalog.brand_by_id(session, brand_id).time_zone)


def span(scope: Scope, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The scope as moments, UTC: the first included, the second excluded. Right on the days when clocks change."""
    return moments_of(scope.start, scope.end, zone)


def moments_of(first: date, last: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Days as moments in the same way."""
    return _midnight(first, zone), _midnight(last + timedelta(days=1), zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _day(asked: Mapping[str, str], name: str) -> date | None:
    text = asked.get(name) or ""
    if not text:
        return None
    try:
        if not _DATE.fullmatch(text):
            raise ValueError
        day = date.fromisoformat(text)
    except ValueError:
        raise BadInput(name, "want a day such as 2026-03-31") from None
    if not 1970 <= day.year <= 9000:
        raise BadInput(name, "want a day from 1970 on")
    return day


def _id(asked: Mapping[str, str], name: str) -> str | None:
    text = asked.get(name) or None
    if text is not None and not ids.is_id(text):
        raise BadInput(name, "want an id of 32 hexadecimal digits")
    return text


def _channel(text: str | None) -> str | None:
    if text and text not in list(Channel):
        raise BadInput("channel", say("want one of %(choices)s", choices=", ".join(Channel)))
    return text or None


# --- machine-readable renderings -------------------------------------------------------------------------------------


def as_json(result: Result) -> dict[str, object]:
    """The result as plain JSON values: money as decimal strings, shares of 1 as numbers, days and times in ISO 8601."""
    scope = result.scope
    return {
        "report": result.name,
        "title": result.title,
        "from": scope.start.isoformat(),
        "to": scope.end.isoformat(),
        "model": scope.model,
        "campaign": scope.campaign_id,
        "channel": scope.channel,
        "partner": scope.partner_id,
        "network": scope.network,
        "columns": [{"key": column.key, "title": column.title, "kind": str(column.kind)} for column in result.columns],
        "rows": [{column.key: plain(row, column) for column in result.columns} for row in result.rows],
    }


def plain(row: Row, column: Column) -> object:
    """The JSON value of the cell of `row` under `column`."""
    value = row[column.key]
    if value is None:
        return None
    match column.kind:
        case Kind.MONEY:
            return decimal_string(cast("int", value), cast("str", row["currency"]))
        case Kind.PERCENT | Kind.NUMBER:
            return round(float(cast("Fraction", value)), 6)
        case Kind.DATE | Kind.MOMENT:
            return cast("date", value).isoformat()
        case Kind.LIST:
            return list(cast("Sequence[str]", value))
        case _:
            return value


def as_csv(result: Result) -> str:
    """The result as CSV (RFC 4180): the keys as header, numbers plain, text that no spreadsheet takes for a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([column.key for column in result.columns])
    for row in result.rows:
        writer.writerow([_csv_cell(row, column) for column in result.columns])
    return out.getvalue()


def _csv_cell(row: Row, column: Column) -> str:
    value = plain(row, column)
    if value is None:
        return ""
    if column.kind in (Kind.MONEY, Kind.INTEGER, Kind.NUMBER, Kind.DATE, Kind.MOMENT):
        return str(value)
    if column.kind is Kind.PERCENT:
        return f"{value:.6f}"
    text = " ".join(cast("list[str]", value)) if column.kind is Kind.LIST else str(value)
    return formula_safe(text)
