"""How a figure looks in a locale: numbers, money, days and moments in its own form, a dash for what is unknown.

A page has thousands of them. Babel says how they look; what it says of one is kept for all that look alike.
"""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers

from tracker.domain.money import EXPONENTS, decimal_string

NOTHING = "–"
_kept = lru_cache(maxsize=4096)


def money(amount: int | None, currency: str, locale: Locale) -> str:
    """Minor units as an amount: 1050 EUR is €10.50 in English, 10,50 € in French."""
    if amount is None:
        return NOTHING
    form = _money_form(currency, amount < 0, locale)
    if form is None:
        return _exact_money(decimal_string(amount, currency), currency, locale)
    whole, point, cents = decimal_string(abs(amount), currency).partition(".")
    group, decimal = _symbols(locale)
    return f"{form[0]}{int(whole):,}".replace(",", group) + (decimal + cents if point else "") + form[1]


def decimal_money(amount: str, currency: str, locale: Locale) -> str:
    """A plain decimal as an amount. No digit is dropped: what is exact is shown exactly."""
    whole, _, cents = amount.partition(".")
    if whole.isdecimal() and len(cents) == EXPONENTS.get(currency):
        return money(int(whole + cents), currency, locale)
    return _exact_money(amount, currency, locale)


def _exact_money(amount: str, currency: str, locale: Locale) -> str:
    return numbers.format_currency(Decimal(amount), currency, locale=locale, decimal_quantization=False)


def percent(value: Fraction | float | None, locale: Locale) -> str:
    """A share of 1 in percent, one decimal."""
    if value is None:
        return NOTHING
    return _percent_of_tenths(round(Fraction(value) * 1000), locale)


def change(value: Fraction, locale: Locale) -> str:
    """By how much something changed, in whole percent with its sign."""
    return _signed_percent(f"{Decimal(str(float(value))):.2f}", locale)


def integer(value: int | None, locale: Locale) -> str:
    """A count."""
    if type(value) is int:
        return f"{value:,}".replace(",", _symbols(locale)[0])
    return NOTHING if value is None else numbers.format_decimal(value, locale=locale)


def number(value: Fraction | float | None, locale: Locale) -> str:
    """An estimate, to one decimal."""
    return NOTHING if value is None else _one_decimal(str(round(float(value), 1)), locale)


def hundredths(value: Fraction, locale: Locale) -> str:
    """A ratio, to two decimals where they say something."""
    return numbers.format_decimal(round(float(value), 2), "#,##0.##", locale)


def day(value: date | str | None, locale: Locale) -> str:
    """A day."""
    if value is None:
        return NOTHING
    when = date.fromisoformat(value) if isinstance(value, str) else value
    return _medium(when.date() if isinstance(when, datetime) else when, locale)


def moment(value: datetime | str | None, locale: Locale, zone: ZoneInfo) -> str:
    """A time in `zone`, to the minute."""
    if value is None:
        return NOTHING
    when = datetime.fromisoformat(value) if isinstance(value, str) else value
    there = when.astimezone(zone)
    pattern = _date_and_time(locale)
    return pattern.format(_clock(there.hour, there.minute, locale), _short(there.date(), locale))


# --- what looks alike ------------------------------------------------------------------------------------------------


@_kept
def _symbols(locale: Locale) -> tuple[str, str]:
    """Between thousands, and before decimals."""
    return numbers.get_group_symbol(locale), numbers.get_decimal_symbol(locale)


@_kept
def _money_form(currency: str, negative: bool, locale: Locale) -> tuple[str, str] | None:
    """What stands before and after the digits; None where the locale does not write as many as the currency has."""
    if numbers.get_currency_precision(currency) != EXPONENTS[currency]:
        return None
    before, _, after = _exact_money("-1" if negative else "1", currency, locale).partition("1")
    return before, after.lstrip(f"{_symbols(locale)[1]}0")


@_kept
def _percent_of_tenths(tenths: int, locale: Locale) -> str:
    pattern = locale.percent_formats[None].pattern.replace("#,##0", "#,##0.0")
    return numbers.format_percent(Decimal(tenths).scaleb(-3), pattern, locale=locale)


@_kept
def _signed_percent(share: str, locale: Locale) -> str:
    pattern = locale.percent_formats[None].pattern
    return numbers.format_percent(Decimal(share), f"+{pattern};-{pattern}", locale=locale)


@_kept
def _one_decimal(plain: str, locale: Locale) -> str:
    return numbers.format_decimal(Decimal(plain), "#,##0.0", locale)


@_kept
def _medium(when: date, locale: Locale) -> str:
    return dates.format_date(when, "medium", locale=locale)


@_kept
def _short(when: date, locale: Locale) -> str:
    return dates.format_date(when, "short", locale=locale)


@_kept
def _clock(hour: int, minute: int, locale: Locale) -> str:
    return dates.format_time(time(hour, minute), "short", locale=locale)


@_kept
def _date_and_time(locale: Locale) -> str:
    return str(dates.get_datetime_format("short", locale=locale))
