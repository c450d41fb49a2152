"""Amounts: the literal text of a shop becomes minor units once, exactly, or is refused."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.money import EXPONENTS, allot, currency_code, decimal_string, minor_units, round_half_up

CURRENCIES = st.sampled_from(sorted(EXPONENTS))


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        ("93.89", "EUR", 9389),
        ("39.90000", "EUR", 3990),
        ("11520", "JPY", 11520),
        ("11520.00", "JPY", 11520),
        ("13.345", "KWD", 13345),
        ("-21.16", "EUR", -2116),
        ("9.999", "EUR", 1000),
        ("20.835", "EUR", 2084),
        ("-20.835", "EUR", -2084),
        ("0", "EUR", 0),
        (Decimal("41.94"), "EUR", 4194),
        (Decimal("1e2"), "EUR", 10000),
        (Decimal("0.1") + Decimal("0.2"), "EUR", 30),
        (Decimal("0.1000000000000000055511151231"), "EUR", 10),
        (20, "EUR", 2000),
    ],
)
def test_an_amount_becomes_minor_units_of_its_currency(amount: str | Decimal | int, currency: str, units: int) -> None:
    assert minor_units(amount, currency) == units


@pytest.mark.parametrize(
    "amount",
    [
        *("", " ", "93,89", "1 349,00", "1,349.00", "٩٣", "1e2", "+1", "1.", ".5", "0x10", "NaN", "Infinity", "1_000"),
        *("9" * 16, "1." + "0" * 13, "9999999999999.00"),
        *(Decimal("NaN"), Decimal("Infinity"), Decimal("1E+1000000000"), Decimal("1E-1000000000"), 10**400, 10**13),
    ],
)
def test_what_is_no_plain_amount_is_refused(amount: str | Decimal | int) -> None:
    with pytest.raises(ValueError, match="amount"):
        minor_units(amount, "EUR")


@pytest.mark.parametrize("amount", [41.94, True, None, [], {"amount": "1"}])
def test_a_float_is_refused_by_its_type(amount: object) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        minor_units(amount, "EUR")  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["XXX", "", None, "EURO", "BTC", 978, "€"])
def test_an_unknown_currency_is_never_guessed(text: object) -> None:
    with pytest.raises(ValueError, match="ISO 4217"):
        currency_code(text)


def test_a_currency_is_known_in_any_case() -> None:
    assert currency_code(" eur ") == "EUR"


@given(st.integers(-(10**15), 10**15), CURRENCIES)
def test_a_decimal_string_reads_back_as_the_same_amount(units: int, currency: str) -> None:
    if abs(units) < 10 ** (11 + EXPONENTS[currency]):
        assert minor_units(decimal_string(units, currency), currency) == units


@given(st.fractions())
def test_rounding_is_never_further_than_a_half(value: Fraction) -> None:
    assert abs(round_half_up(value) - value) <= Fraction(1, 2)
    assert round_half_up(-value) == -round_half_up(value)


@given(st.integers(-(10**12), 10**12), st.lists(st.integers(0, 1000), min_size=1, max_size=20).filter(any))
def test_the_parts_of_an_amount_sum_to_it(total: int, parts: list[int]) -> None:
    weights = [Fraction(part, sum(parts)) for part in parts]
    shares = allot(total, weights)
    assert sum(shares) == total
    assert all(abs(share - total * weight) < 1 for share, weight in zip(shares, weights, strict=True))


def test_ten_cents_among_three_is_four_three_three() -> None:
    assert allot(10, [Fraction(1, 3)] * 3) == [4, 3, 3]
    assert allot(-10, [Fraction(1, 3)] * 3) == [-4, -3, -3]


@pytest.mark.parametrize("weights", [[Fraction(1, 2)], [Fraction(3, 2), Fraction(-1, 2)], []])
def test_weights_that_are_no_shares_of_one_are_refused(weights: list[Fraction]) -> None:
    with pytest.raises(ValueError, match="weights"):
        allot(10, weights)
