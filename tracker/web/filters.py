"""How a value looks to a person: numbers, money and times in the reader's locale, the words of the house translated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from flask import Flask, g, request, session
from flask_babel import Babel, get_locale, gettext

from tracker import errors
from tracker.reports import _behind, _figures, _reader, _words
from tracker.reports._compare import BEFORE
from tracker.reports._reader import Reader
from tracker.reports._shape import Column, Kind, Row
from tracker.web import _letting_go
from tracker.web._fields import FIELDS
from tracker.wiring import Wiring

LANGUAGES = _reader.LANGUAGES
NOTHING = _figures.NOTHING
_OF_GOALS = ("target", "expected", "actual", "forecast", "recent")

# Words of closed sets as a page shows them: new ones are added there.
WORDS = _words.WORDS


def register(app: Flask, wiring: Wiring) -> None:
    """Languages by the reader's own preference, and the filters that templates use."""
    folder = str(Path(__file__).parent.parent / "translations")
    Babel(app, default_translation_directories=folder, locale_selector=language)
    filters = (money, decimal_money, decimal_percent, percent, weight, integer, number, day, moment, clock, word, cell,
               told, titled, steps, age, size, growth, earlier)  # fmt: skip
    app.jinja_env.filters.update({function.__name__: function for function in filters})
    app.jinja_env.globals["language"] = language
    _letting_go.register(app)


def language() -> str:
    """The reader's language among ours: their account's, or what they asked for here, or their browser's."""
    person = g.get("person")
    for chosen in (person.language if person else None, request.args.get("lang"), session.get("lang")):
        if chosen in LANGUAGES:
            return str(chosen)
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def reader() -> Reader:
    """Whoever reads this page, as files are written for them."""
    return _reader.reader_of(get_locale().language)


def locale() -> Locale:
    """The reader's, the same one whoever asks: what figures look like is looked up by it."""
    return reader().locale


def zone() -> ZoneInfo:
    """The time zone of the brand that the page is about."""
    return cast("ZoneInfo", g.get("zone", ZoneInfo("UTC")))


def money(amount: int | None, currency: str) -> str:
    """Minor units as an amount: 1050 EUR is €10.50 in English, 10,50 € in French."""
    return _figures.money(amount, currency, locale())


def decimal_money(amount: str, currency: str) -> str:
    """A plain decimal as an amount. No digit is dropped: what is exact is shown exactly."""
    return _figures.decimal_money(amount, currency, locale())


def percent(value: Fraction | float | None) -> str:
    """A share of 1 in percent, one decimal."""
    return _figures.percent(value, locale())


def decimal_percent(rate: str) -> str:
    """A plain decimal of percent, such as a rate that was agreed, with every digit."""
    return numbers.format_percent(Decimal(rate).scaleb(-2), locale=locale(), decimal_quantization=False)


def weight(share: str) -> str:
    """An exact share of 1, such as 1/3, in percent."""
    return percent(Fraction(share))


def integer(value: int | None) -> str:
    """A count."""
    return _figures.integer(value, locale())


def number(value: Fraction | float | None) -> str:
    """An estimate, to one decimal."""
    return _figures.number(value, locale())


def day(value: date | str | None) -> str:
    """A day."""
    return _figures.day(value, locale())


def moment(value: datetime | str | None) -> str:
    """A time in the brand's zone, to the minute."""
    return _figures.moment(value, locale(), zone())


def clock(value: datetime | str | None) -> str:
    """A time in the brand's zone, to the second: where the order of things matters."""
    if value is None:
        return NOTHING
    when = datetime.fromisoformat(value) if isinstance(value, str) else value
    return dates.format_datetime(when, "medium", tzinfo=zone(), locale=locale())


def word(value: str | None) -> str:
    """A word of the house in the reader's language."""
    if not value:
        return ""
    return gettext(WORDS[value]) if value in WORDS else value.replace("_", " ")


def told(message: str) -> str:
    """What refused something, in the reader's language."""
    return errors.told(message, gettext)


def titled(field: str) -> str:
    """What a field of a form is called in the reader's language; whose it is may stand before it."""
    whose, dot, name = field.rpartition(", ")
    return whose + dot + (gettext(FIELDS[name]) if name in FIELDS else word(name))


def growth(row: Row, column: Column, before: Column) -> str:
    """By how much a figure changed, in percent of what it was; of a share, in points."""
    now, was = Fraction(cast("Any", row[column.key])), Fraction(cast("Any", row[before.key]))
    if column.kind is Kind.PERCENT:
        tenths = numbers.format_decimal(round(float(now - was) * 100, 1), "+#,##0.0;-#,##0.0", locale=locale())
        return str(gettext("%(points)s points", points=tenths))
    return _figures.change((now - was) / abs(was), locale()) if was else ""


def earlier(column: Column) -> Column:
    """The column that says what another was in the earlier period."""
    return replace(column, key=column.key + BEFORE)


def steps(path: str) -> list[tuple[str, int]]:
    """The names of a path in time order, each with how many times it follows itself."""
    return [(name, len(list(same))) for name, same in groupby(path.lower().split(" › "))]


def age(since: datetime | None, now: datetime | None = None) -> str:
    """How long ago, in the largest unit that says enough."""
    if since is None:
        return NOTHING
    passed = (now or datetime.now(UTC)) - since
    return dates.format_timedelta(passed, locale=locale())


def size(count: int | None) -> str:
    """Bytes, in the decimal unit that reads best."""
    if count is None:
        return NOTHING
    byte = "o" if locale().language == "fr" else "B"
    value, units = Decimal(count), [prefix + byte for prefix in ("", "k", "M", "G", "T")]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{numbers.format_decimal(value, '#,##0.#', locale=locale())} {units[0]}"


def cell(row: Row, column: Column) -> str:
    """The cell of `row` under `column` as text; a decimal of a goal in its unit."""
    return teller()(row, column)


def teller() -> Callable[[Row, Column], str]:
    """`cell` for many of them: who reads, and where, is asked once."""
    whose, there = reader(), zone()

    def tell(row: Row, column: Column) -> str:
        if column.key in _OF_GOALS and "unit" in row:
            unit, currency = cast("str", row["unit"]), cast("str", row.get("currency") or "")
            return _behind.told(cast("str | None", row[column.key]), unit, currency, whose.locale)
        return whose.cell(row, column, there)

    return tell
