"""A setting has one form: how it is read from JSON, with an error that says what is wanted, and how it is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Any

from tracker.errors import say

# Nine decimals are written back as a fraction whose denominator has ten digits.
_SHARE = re.compile(r"[0-9]{1,9}(?:/[1-9][0-9]{0,9}|\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class Form:
    """`read` takes the setting's name, for its error, and a JSON value; `write` gives the JSON value back."""

    read: Callable[[str, Any], Any]
    write: Callable[[Any], Any]


def read_all(forms: Mapping[str, Form], settings: Mapping[str, Any], within: str = "") -> dict[str, Any]:
    """The values of the settings that are said, by name. Raises ValueError, for an unknown one too."""
    if unknown := settings.keys() - forms.keys():
        raise ValueError(
            say("%(within)sunknown settings: %(unknown)s", within=within, unknown=", ".join(sorted(unknown)))
        )
    return {name: forms[name].read(f"{within}{name}", value) for name, value in settings.items()}


def one_of(words: type[StrEnum]) -> Form:
    """A word of a closed set."""

    def read(name: str, value: Any) -> StrEnum:
        if not isinstance(value, str) or value not in set(words):
            raise ValueError(say("%(name)s: want %(words)s", name=name, words=", ".join(words)))
        return words(value)

    return Form(read, str)


def several_of(words: type[StrEnum]) -> Form:
    """Words of a closed set, each once, in the sequence of the set whatever the given one."""
    word = one_of(words)

    def read(name: str, value: Any) -> tuple[StrEnum, ...]:
        given = {word.read(name, each) for each in _list(name, value)}
        return tuple(each for each in words if each in given)

    return Form(read, lambda value: [str(each) for each in value])


def ranking(words: type[StrEnum]) -> Form:
    """Every word of a closed set once, in ranks: `["a", ["b", "c"]]` puts a before b and c, which are equal."""
    word = one_of(words)

    def read(name: str, value: Any) -> tuple[tuple[StrEnum, ...], ...]:
        ranks = [rank if isinstance(rank, list | tuple) else [rank] for rank in _list(name, value)]
        given = [[word.read(name, each) for each in rank] for rank in ranks]
        if sorted(each for rank in given for each in rank) != sorted(words) or not all(given):
            raise ValueError(
                say("%(name)s: want each of %(words)s once, the strongest first", name=name, words=", ".join(words))
            )
        return tuple(tuple(each for each in words if each in rank) for rank in given)

    return Form(read, lambda value: [[str(each) for each in rank] for rank in value])


def seconds(most: timedelta, least: int = 0) -> Form:
    """A duration in whole seconds."""

    def read(name: str, value: Any) -> timedelta:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most.total_seconds():
            start = "a second" if least else "0 seconds"
            raise ValueError(
                say(
                    "%(name)s: want a whole number of seconds, from %(start)s to %(days)s days",
                    name=name,
                    start=start,
                    days=most.days,
                )
            )
        return timedelta(seconds=value)

    return Form(read, lambda value: int(value.total_seconds()))


def by_word(form: Form, *, each_is: str = "", of: Iterable[str] = (), named: Callable[[str], str] = str) -> Form:
    """A value of one form for each of some words: those `of` a closed set, or those that `named` lets through.

    `each_is` is what an error calls one of them.
    """
    closed = tuple(of)

    def read(name: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise ValueError(say("%(name)s: want names with a value each", name=name))
        if unknown := sorted(value.keys() - set(closed)) if closed else []:
            raise ValueError(
                say(
                    "%(name)s: there is no %(unknown)s: want %(closed)s",
                    name=name,
                    unknown=unknown[0][:60],
                    closed=", ".join(closed),
                )
            )
        return {named(word): form.read(f"{each_is or name} {word}", each) for word, each in value.items()}

    return Form(read, lambda value: {word: form.write(each) for word, each in value.items()})


def some_of(forms: Mapping[str, Form]) -> Form:
    """Some settings out of those that have a form."""

    def read(name: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise ValueError(
                say("%(name)s: want settings, some of %(forms)s", name=name, forms=", ".join(sorted(forms)))
            )
        return read_all(forms, value, within=f"{name}: ")

    return Form(read, lambda value: {name: forms[name].write(each) for name, each in value.items()})


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise ValueError(say("%(name)s: want a list", name=name))
    return list(value)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(say("%(name)s: want a text", name=name))
    return value


def _texts(name: str, value: Any) -> tuple[str, ...]:
    return tuple(_text(name, each) for each in _list(name, value))


def _yes_or_no(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(say("%(name)s: want true or false", name=name))
    return value


def _share(name: str, value: Any) -> Fraction:
    """An exact fraction: floats are refused by type."""
    if not isinstance(value, str) or not _SHARE.fullmatch(value):
        raise ValueError(say('%(name)s: want a share such as "1/2" or "0.5"', name=name))
    share = Fraction(value)
    if share > 1:
        raise ValueError(say("%(name)s: want a share from 0 to 1", name=name))
    return share


TEXT = Form(_text, str)
TEXTS = Form(_texts, sorted)
YES_OR_NO = Form(_yes_or_no, bool)
SHARE = Form(_share, str)
