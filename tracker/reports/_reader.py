"""Who reads a file: the sentences and words of the house in their language, figures in their locale's form.

A page's reader, a command's and a letter's are the same: none of them needs a request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from babel import Locale
from babel.support import NullTranslations, Translations

from tracker.reports import _figures
from tracker.reports._figures import NOTHING
from tracker.reports._shape import Column, Kind, Row
from tracker.reports._words import WORDS

LANGUAGES = ("en", "fr")
_TRANSLATIONS = Path(__file__).parent.parent / "translations"
_FORMS: dict[Kind, Callable[[Any, Locale], str]] = {
    Kind.PERCENT: _figures.percent,
    Kind.INTEGER: _figures.integer,
    Kind.NUMBER: _figures.number,
    Kind.DATE: _figures.day,
}


@dataclass(frozen=True, slots=True)
class Reader:
    """How a sentence and a word of a closed set are said to them; in English, as they are."""

    say: Callable[[str], str] = str
    word: Callable[[str], str] = str
    locale: Locale = field(default_factory=lambda: Locale("en"))

    def told(self, sentence: str, **values: str) -> str:
        """A sentence with its `%(name)s` filled in."""
        return self.say(sentence) % values

    def money(self, amount: int | None, currency: str) -> str:
        """Minor units as an amount."""
        return _figures.money(amount, currency, self.locale)

    def cell(self, row: Row, column: Column, zone: ZoneInfo) -> str:
        """The cell of `row` under `column` as text; moments in `zone`."""
        value: Any = row[column.key]
        if value is None:
            return NOTHING
        if column.kind is Kind.MONEY:
            return self.money(value, cast("str", row["currency"]))
        if column.kind is Kind.MOMENT:
            return _figures.moment(value, self.locale, zone)
        if column.kind in _FORMS:
            return _FORMS[column.kind](value, self.locale)
        if column.kind is Kind.WORD:
            return self.word(value)
        return ", ".join(value) if column.kind is Kind.LIST else str(value)


@cache
def reader_of(language: str) -> Reader:
    """Whoever reads `language`; English where we do not speak it."""
    spoken = language if language in LANGUAGES else LANGUAGES[0]
    found: NullTranslations = Translations.load(str(_TRANSLATIONS), [spoken])

    def word(value: str) -> str:
        return found.gettext(WORDS[value]) if value in WORDS else value.replace("_", " ")

    return Reader(found.gettext, word, Locale(spoken))
