"""Figures look as Babel writes them: what is kept of its forms shows no digit otherwise."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from babel import Locale, dates, numbers
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.money import EXPONENTS, decimal_string
from tracker.reports import _figures

LOCALES = st.sampled_from([Locale("en"), Locale("fr")])
AMOUNTS = st.integers(-(10**14), 10**14) | st.integers(-2000, 2000)
PARIS = ZoneInfo("Europe/Paris")


@given(amount=AMOUNTS, currency=st.sampled_from(sorted(EXPONENTS)), locale=LOCALES)
def test_an_amount_looks_as_babel_writes_it(amount: int, currency: str, locale: Locale) -> None:
    exact = Decimal(decimal_string(amount, currency))
    written = numbers.format_currency(exact, currency, locale=locale, decimal_quantization=False)
    assert _figures.money(amount, currency, locale) == written
    assert _figures.decimal_money(decimal_string(amount, currency), currency, locale) == written


@given(amount=AMOUNTS, locale=LOCALES)
def test_a_count_looks_as_babel_writes_it(amount: int, locale: Locale) -> None:
    assert _figures.integer(amount, locale) == numbers.format_decimal(amount, locale=locale)


@given(moment=st.integers(10**5, 4 * 10**9).map(lambda second: datetime.fromtimestamp(second, UTC)), locale=LOCALES)
def test_a_moment_and_a_day_look_as_babel_writes_them(moment: datetime, locale: Locale) -> None:
    written = dates.format_datetime(moment, "short", tzinfo=PARIS, locale=locale)
    assert _figures.moment(moment, locale, PARIS) == written
    assert _figures.day(moment.date(), locale) == dates.format_date(moment.date(), "medium", locale=locale)


def test_two_times_that_are_one_moment_have_each_its_own_day() -> None:
    late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    locale = Locale("en")
    assert [_figures.day(one, locale) for one in (late, late.astimezone(PARIS))] == ["Mar 1, 2026", "Mar 2, 2026"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Fraction(1, 3), "33,3\xa0%"),
        (Fraction(-1, 2000), "0,0\xa0%"),
        (0.12345, "12,3\xa0%"),
        (Fraction(12), "1\u202f200,0\xa0%"),
    ],
)
def test_a_share_has_one_decimal(value: Fraction | float, written: str) -> None:
    assert _figures.percent(value, Locale("fr")) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(Fraction(1, 3), "0.3"), (-0.01, "-0.0"), (12345.678, "12,345.7"), (9999, "9,999.0")],
)
def test_an_estimate_has_one_decimal(value: Fraction | float, written: str) -> None:
    assert _figures.number(value, Locale("en")) == written
