"""Promo codes: what a shopper cannot tell apart by typing is one code, everything else is two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.codes import LONGEST, normal, shown


@pytest.mark.parametrize(
    "text",
    [
        " lea15 ",
        "LEA15",
        "Lea15",
        "ＬＥＡ１５",
        "lea15\u200b",
        "\u00a0LEA15\u00a0",
        "LE\u00adA15",
        "\ufeffLEA15",
        "LEA15\x00",
    ],
)
def test_the_same_code_in_other_spellings(text: str) -> None:
    assert normal(text) == "lea15"


def test_an_accent_is_the_same_composed_or_not() -> None:
    assert normal("Noe\u0308l20") == normal("No\u00ebl20")


def test_a_cyrillic_look_alike_is_another_code() -> None:
    assert normal("L\u0415A15") != normal("LEA15")


def test_casefolding_does_not_depend_on_the_place() -> None:
    assert normal("INFLU") == normal("influ")
    assert normal("\u0130NFLU") != normal("INFLU")


@pytest.mark.parametrize("text", ["", "  ", "\u200b", "\x00", "\ud800"])
def test_nothing_visible_is_no_code(text: str) -> None:
    assert normal(text) == ""


def test_people_see_the_original_without_what_could_harm() -> None:
    assert shown("  Léa <15>\x00\ud800\u202e ") == "Léa <15>"


@given(st.text(max_size=400))
def test_both_forms_are_stable_short_and_fit_for_any_database(text: str) -> None:
    for form in (normal, shown):
        once = form(text)
        assert form(once) == once
        assert len(once) <= LONGEST
        assert "\x00" not in once
        once.encode()


@given(st.text(max_size=60))
def test_case_never_tells_codes_apart(text: str) -> None:
    assert normal(text.casefold()) == normal(text)


@pytest.mark.parametrize("text", ["\ufdfa" * 200, "ß" * 300, "A" * 10_000])
def test_a_code_that_grows_under_folding_still_fits(text: str) -> None:
    assert len(normal(text)) <= LONGEST
