"""How a figure looks in a locale: numbers, money, days and moments in its own form, a dash for what is unknown."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers

from tracker.domain.money import decimal_string

NOTHING = "–"


def money(amount: int | None, currency: str, locale: Locale) -> str:
    """Minor units as an amount: 1050 EUR is €10.50 in English, 10,50 € in French."""
    return NOTHING if amount is None else decimal_money(decimal_string(amount, currency), currency, locale)


def decimal_money(amount: str, currency: str, locale: Locale) -> str:
    """A plain decimal as an amount. No digit is dropped: what is exact is shown exactly."""
    return numbers.format_currency(Decimal(amount), currency, locale=locale, decimal_quantization=False)


def percent(value: Fraction | float | None, locale: Locale) -> str:
    """A share of 1 in percent, one decimal."""
    if value is None:
        return NOTHING
    tenths = round(Fraction(value) * 1000)
    pattern = locale.percent_formats[None].pattern.replace("#,##0", "#,##0.0")
    return numbers.format_percent(Decimal(tenths).scaleb(-3), pattern, locale=locale)


def integer(value: int | None, locale: Locale) -> str:
    """A count."""
    return NOTHING if value is None else numbers.format_decimal(value, locale=locale)


def number(value: Fraction | float | None, locale: Locale) -> str:
    """An estimate, to one decimal."""
    return NOTHING if value is None else numbers.format_decimal(round(float(value), 1), "#,##0.0", locale)


def hundredths(value: Fraction, locale: Locale) -> str:
    """A ratio, to two decimals where they say something."""
    return numbers.format_decimal(round(float(value), 2), "#,##0.##", locale)


def day(value: date | str | None, locale: Locale) -> str:
    """A day."""
    if value is None:
        return NOTHING
    when = date.fromisoformat(value) if isinstance(value, str) else value
    return dates.format_date(when, "medium", locale=locale)


def moment(value: datetime | str | None, locale: Locale, zone: ZoneInfo) -> str:
    """A time in `zone`, to the minute."""
    if value is None:
        return NOTHING
    when = datetime.fromisoformat(value) if isinstance(value, str) else value
    return dates.format_datetime(when, "short", tzinfo=zone, locale=locale)
