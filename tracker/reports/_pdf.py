"""A report as a PDF: its figures as its page shows them, on A4 pages with repeated headers and what the columns mean.

The values are those of the JSON, in the reader's own form. What is wider than a page goes on in a further table that
begins with the same first columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tracker.charts import _draw
from tracker.reports import _figures, _typeset
from tracker.reports._reader import Reader
from tracker.reports._shape import PAYING, Column, Kind, Result, Row, model_titles
from tracker.reports._typeset import broken
from tracker.reports._xlsx import About

CONTENT_TYPE = _typeset.CONTENT_TYPE
LARGEST = 1_000  # rows: a second and a half, and more than is read on paper

_PERIOD, _MODEL, _CAMPAIGN, _CHANNEL, _PARTNER, _NETWORK = (
    *("Period", "Model", "Campaign", "Channel", "Partner", "Network"),
)
_PAYING, _MEANING, _NOTHING = "Paying model", "What the columns mean", "Nothing in this period."
_CUT = "The first %(shown)s of %(all)s rows; CSV and XLSX have all of them."
# What a PDF says by itself; the rest is the report's own.
SENTENCES = (_PERIOD, _MODEL, _CAMPAIGN, _CHANNEL, _PARTNER, _NETWORK, _PAYING, _MEANING, _NOTHING, _CUT)

_FIGURES = (Kind.INTEGER, Kind.NUMBER, Kind.MONEY, Kind.PERCENT)
_TOTALS = ("total", "∑")
_PORTRAIT, _LANDSCAPE = 105, 165  # characters of a line of a table
_NARROWEST, _WIDEST = 5, 30  # characters of a column
_LEADING = 3  # columns at most that begin every part of a table


@dataclass(frozen=True, slots=True)
class _Shown:
    """A column as it is printed: its heading and its cells."""

    title: str
    figure: bool
    cells: Sequence[str]

    @property
    def width(self) -> int:
        """How many characters it wants: those of its longest word or amount."""
        words = [word for text in (self.title, *([] if self.figure else self.cells)) for word in text.split()]
        longest = max((len(text) for text in (*words, *(self.cells if self.figure else ()))), default=0)
        return min(max(longest, _NARROWEST), _WIDEST) + 2


def as_pdf(result: Result, about: About, reader: Reader | None = None, now: datetime | None = None) -> bytes:
    """The result as a PDF file in the reader's language, dated `now`, else by the scope's last day.

    Of more rows than anybody reads on paper it holds the first, and says so.
    """
    when = now or datetime(result.scope.end.year, result.scope.end.month, result.scope.end.day, tzinfo=UTC)
    return _typeset.pdf("report.typ", _data(result, about, reader or Reader()), when)


def file_name(result: Result) -> str:
    """What the file is called when it is downloaded."""
    return f"{result.name}_{result.scope.start.isoformat()}_{result.scope.end.isoformat()}.pdf"


def _data(whole: Result, about: About, reader: Reader) -> dict[str, object]:
    result = replace(whole, rows=whole.rows[:LARGEST])
    shown = [_shown(column, result, about, reader) for column in _kept(result)]
    landscape = sum(one.width for one in shown) > _PORTRAIT
    title = reader.say(result.title)
    return {
        "title": title,
        "brand": about.brand,
        "language": reader.locale.language,
        "foot": f"{about.brand} · {title}",
        "description": reader.say(result.description),
        "facts": [[label, value] for label, value in _facts(result, about, reader)],
        "landscape": landscape,
        "chart": _chart(whole, reader),
        "cut": _cut(len(whole.rows), reader),
        "parts": [_part(part, result.rows) for part in _parts(shown, _LANDSCAPE if landscape else _PORTRAIT)],
        "empty": reader.say(_NOTHING),
        "meaning": reader.say(_MEANING),
        "definitions": [[reader.say(one.title), reader.say(one.help)] for one in _kept(result) if one.help],
    }


def _cut(rows: int, reader: Reader) -> str:
    if rows <= LARGEST:
        return ""
    shown, everything = (_figures.integer(count, reader.locale) for count in (LARGEST, rows))
    return reader.told(_CUT, shown=shown, all=everything)


def _chart(result: Result, reader: Reader) -> str | None:
    """The report's picture as SVG."""
    found = _draw.picture(result.name, result.rows, reader)
    return None if found is None else _draw.svg(found)


def _kept(result: Result) -> list[Column]:
    """The columns that people read and that say anything here."""
    rows = result.rows
    one_currency = len({row.get("currency") for row in rows}) <= 1
    return [
        column
        for column in result.columns
        if column.kind is not Kind.ID
        and not (column.key == "currency" and one_currency)
        and any(row[column.key] not in (None, "") for row in rows)
    ]


def _shown(column: Column, result: Result, about: About, reader: Reader) -> _Shown:
    cells = []
    for row in result.rows:
        text = "" if _is_total(row, result) and row[column.key] is None else reader.cell(row, column, about.zone)
        cells.append(reader.word("total") if text == "∑" else broken(text))
    return _Shown(reader.say(column.title), column.kind in _FIGURES, cells)


def _is_total(row: Row, result: Result) -> bool:
    return any(row[column.key] in _TOTALS for column in result.columns[:2])


def _parts(shown: Sequence[_Shown], room: int) -> list[list[_Shown]]:
    """The columns in tables that are no wider than `room`, about alike; the first that are no figures begin each."""
    leading = _leading(shown)
    rest, begun = shown[len(leading) :], sum(one.width for one in leading)
    if not rest:
        return [leading] if leading else []
    wanted = sum(one.width for one in rest)
    many = -(-wanted // max(room - begun, 1))
    parts: list[list[_Shown]] = [[]]
    for one in rest:
        filled = sum(column.width for column in parts[-1])
        if parts[-1] and (filled + one.width > room - begun or (filled + one.width / 2 > wanted / many)):
            parts.append([])
        parts[-1].append(one)
    return [[*leading, *part] for part in parts]


def _leading(shown: Sequence[_Shown]) -> list[_Shown]:
    found: list[_Shown] = []
    for one in shown[:_LEADING]:
        if one.figure:
            break
        found.append(one)
    return found


def _part(columns: Sequence[_Shown], rows: Sequence[Row]) -> dict[str, object]:
    return {
        "titles": [column.title for column in columns],
        "right": [column.figure for column in columns],
        "widths": [column.width for column in columns],
        "rows": [[column.cells[index] for column in columns] for index in range(len(rows))],
        "bold": [any(value in _TOTALS for value in list(row.values())[:2] if isinstance(value, str)) for row in rows],
    }


def _facts(result: Result, about: About, reader: Reader) -> list[tuple[str, str]]:
    """What the report is about: the days, the model, and the filters that are set."""
    scope, say = result.scope, reader.say
    days = " – ".join(_figures.day(day, reader.locale) for day in (scope.start, scope.end))
    model = _PAYING if scope.model == PAYING else model_titles().get(scope.model, scope.model)
    filters = (
        (_CAMPAIGN, about.campaign),
        (_CHANNEL, reader.word(scope.channel) if scope.channel else None),
        (_PARTNER, about.partner),
        (_NETWORK, getattr(scope, "network", None)),
    )
    set_ones = [(say(label), value) for label, value in filters if value]
    return [(say(_PERIOD), f"{days} ({about.zone})"), (say(_MODEL), say(model)), *set_ones]
