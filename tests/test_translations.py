"""Every sentence of the pages has its French, with the same placeholders, and the service reads what people edit."""

from __future__ import annotations

import gettext
import io
import re
from collections.abc import Sequence
from functools import cache

from tests import catalogue

french = cache(catalogue.french)
_PLACEHOLDER = re.compile(r"%\(\w+\)s")


def spellings(value: str | Sequence[str] | None) -> list[str]:
    return [value or ""] if isinstance(value, str | None) else list(value)


def sentences(compiled: bytes) -> dict[object, str]:
    """What a compiled catalogue says, without its header, which names the tool that made it."""
    catalogued: dict[object, str] = vars(gettext.GNUTranslations(io.BytesIO(compiled)))["_catalog"]
    return {key: text for key, text in catalogued.items() if key}


def test_every_sentence_is_translated() -> None:
    known = french()
    missing = []
    for message in catalogue.messages():
        found = known.get(message if isinstance(message, str) else message[0])
        if found is None or not all(spellings(found.string)):
            missing.append(message)
    assert missing == [], "run `python -m tests.catalogue` and fill in tracker/translations/fr"


def test_a_translation_keeps_the_placeholders() -> None:
    for message in french():
        for english, told in zip(spellings(message.id), spellings(message.string), strict=True):
            assert set(_PLACEHOLDER.findall(told)) == set(_PLACEHOLDER.findall(english)), message.id


def test_no_translation_outlives_its_sentence() -> None:
    current = {message if isinstance(message, str) else message[0] for message in catalogue.messages()}
    assert [message.id for message in french() if message.id and spellings(message.id)[0] not in current] == []


def test_the_service_reads_the_catalogue_that_people_edit() -> None:
    read = catalogue.FRENCH.with_suffix(".mo").read_bytes()
    assert sentences(read) == sentences(catalogue.compiled()), "run `python -m tests.catalogue`"


def test_french_is_set_as_french_is() -> None:
    """Signs of two parts and percent signs stand after a space that does not break; apostrophes are round."""
    wrong = re.compile(r"'|[ \n](?:[:;!?»]|%(?!\())|«[^\xa0]")
    assert [text for message in french() for text in spellings(message.string) if wrong.search(text)] == []
