"""What every setting of the rules is called and means, and how a person writes it: one table for page and terminal.

A setting that is not in the table is shown under its own name and written as JSON. Sentences are English constants that
pages translate.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Any

from tracker.domain.catalog import Channel, PartnerKind
from tracker.domain.codes import normal
from tracker.domain.rules import Evidence
from tracker.errors import say


class Kind(StrEnum):
    """How a value is written: of a mapping, how each of its values is."""

    CHOICE = "choice"
    FLAG = "flag"
    DURATION = "duration"
    TEXT = "text"
    SHARE = "share"
    LIST = "list"
    RANKING = "ranking"
    SETTINGS = "settings"  # of campaigns: settings again
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Word:
    """A setting: `title`, `help` is what it decides, `choices` a sentence for each value that it may have.

    `names` are those of the values of a mapping, with `depth` dots to a value; `unit` is that of a bare number.
    """

    title: str
    help: str
    kind: Kind
    choices: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    depth: int = 0
    unit: str = ""


SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}

_CHANNEL_WINDOWS = tuple(f"click:{channel}" for channel in Channel)
WINDOWS = ("click", *_CHANNEL_WINDOWS)
NARROW_WINDOWS = tuple(f"{window}:{kind}" for window in _CHANNEL_WINDOWS for kind in PartnerKind)

WORDS: Mapping[str, Word] = {
    "between_partners": Word(
        "A code against a click",
        "Who may earn where one partner's code meets another partner's click.",
        Kind.CHOICE,
        {
            "code_wins": "The owner of the code that was used earns alone; without a code all touchpoints may earn.",
            "click_wins": "Where there is a click, only touchpoints with a click may earn; a code alone earns nothing.",
            "shared": "Codes and clicks share: every touchpoint of the journey may earn.",
            "hierarchy": "The strongest evidence wins, in the order given under Strength of evidence.",
        },
    ),
    "precedence": Word(
        "Strength of evidence",
        "Which evidence is the stronger, for a hierarchy: the strongest first, equals side by side.",
        Kind.RANKING,
        names=tuple(Evidence),
    ),
    "several_codes": Word(
        "Several codes on one order",
        "Whose codes count where an order carries codes of several partners.",
        Kind.CHOICE,
        {
            "first": "The first code on the order counts.",
            "last": "The last code on the order counts.",
            "share": "Every partner's code counts.",
            "influence_first": "An influencer's code counts before an affiliate's, then the first one.",
        },
    ),
    "code_policy": Word(
        "When a code counts",
        "Whether a code alone is enough for its owner to be credited.",
        Kind.CHOICE,
        {
            "always": "A code always counts.",
            "if_involved": "A code counts if a click of its owner is in the journey.",
            "if_winner": "A code counts if the last click is its owner's.",
        },
    ),
    "code_policies": Word(
        "Codes with a rule of their own",
        "Single codes that count otherwise than the rest.",
        Kind.CHOICE,
        {
            "always": "Always counts.",
            "if_involved": "Counts if a click of its owner is in the journey.",
            "if_winner": "Counts if the last click is its owner's.",
        },
        depth=1,
    ),
    "unearned_code": Word(
        "A code that does not count",
        "Who is credited with a sale whose code does not count.",
        Kind.CHOICE,
        {
            "to_others": "The sale goes to the other touchpoints of the journey.",
            "to_nobody": "The sale is credited to nobody.",
        },
    ),
    "channel_policy": Word(
        "Influence against affiliate",
        "Which channel may earn where touchpoints of both are in the journey.",
        Kind.CHOICE,
        {
            "all": "Both channels may earn.",
            "last_channel_wins": "Only the channel of the last touchpoint earns.",
            "first_channel_wins": "Only the channel of the first touchpoint earns.",
            "influence_protected": "Late clicks on the protected-from sites take nothing from influence.",
            "affiliate_only_without_influence": "Affiliates earn only where no influencer had a hand in the order.",
        },
    ),
    "protection": Word(
        "Protection of influence",
        "How long before the order an affiliate's click counts as late, where influence is protected.",
        Kind.DURATION,
        unit="minutes",
    ),
    "protected_from": Word(
        "Protected from",
        "The kinds of affiliates whose late clicks take nothing from influence.",
        Kind.LIST,
        names=tuple(PartnerKind),
    ),
    "customers": Word(
        "New or returning customers",
        "From whose orders a channel earns. A customer of whom we cannot tell counts as new.",
        Kind.CHOICE,
        {
            "all": "It earns from every order.",
            "new": "It earns from new customers' orders only.",
            "returning": "It earns from returning customers' orders only.",
        },
        names=tuple(Channel),
        depth=1,
    ),
    "windows": Word(
        "Lookback windows",
        "How long before the order a click may lie and still earn; the most particular window holds.",
        Kind.DURATION,
        names=WINDOWS,
        depth=1,
        unit="days",
    ),
    "throw_out": Word(
        "Repeated clicks",
        "Of a partner's clicks that lie this close together only the last one counts; 0 for each.",
        Kind.DURATION,
        unit="minutes",
    ),
    "since_previous_order": Word(
        "After an order",
        "Whether a journey begins anew after the customer's previous order.",
        Kind.FLAG,
        {
            "true": "A journey begins after the customer's previous order: a click earns from one order.",
            "false": "A journey looks across earlier orders: one click may earn from several.",
        },
    ),
    "excluded_sources": Word(
        "Orders that earn nothing",
        "Sources whose orders are recorded and credited to nobody: a till, a marketplace, a draft made by staff.",
        Kind.LIST,
    ),
    "paying_model": Word(
        "Paying model",
        "The model that shares the order among the touchpoints that may earn, and by which partners are paid.",
        Kind.TEXT,
    ),
    "closer_shares": Word(
        "Fixed share of the last one",
        "What the last touchpoint takes first where its partner is of this kind; the model shares the rest.",
        Kind.SHARE,
        names=tuple(PartnerKind),
        depth=1,
    ),
    "models": Word(
        "Settings of models",
        "The shares and half-lives that models work with, as exact fractions such as 2/5.",
        Kind.TEXT,
        depth=2,
    ),
    "campaigns": Word(
        "Campaigns with rules of their own",
        "What is different for orders that a campaign governs.",
        Kind.SETTINGS,
        depth=1,
    ),
}

# What the settings of models are called; one that is not here is shown under its own name.
MODEL_SETTINGS: Mapping[str, str] = {
    "first": "share of the first",
    "last": "share of the last",
    "opener": "share of the opener",
    "assist": "share of those between",
    "closer": "share of the closer",
    "on_top": "the ends have a part of the share between too",
    "half_life_days": "half-life in days",
}

_MATTERS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "precedence": lambda rules: bool(rules["between_partners"] == "hierarchy"),
    "unearned_code": lambda rules: rules["code_policy"] != "always" or bool(rules["code_policies"]),
    "protection": lambda rules: bool(rules["channel_policy"] == "influence_protected"),
    "protected_from": lambda rules: bool(rules["channel_policy"] == "influence_protected"),
    "throw_out": lambda rules: bool(rules["throw_out"]),
    "models": lambda rules: rules["paying_model"] in rules["models"],
}

SENTENCES = (
    *(text for word in WORDS.values() for text in (word.title, word.help, *word.choices.values())),
    *MODEL_SETTINGS.values(),
)


def word_of(key: str) -> Word:
    """The words of a setting, those of its own name where it is not in the table."""
    return WORDS.get(key) or Word(key.replace("_", " ").capitalize(), "", Kind.JSON)


def matters(key: str, settings: Mapping[str, Any]) -> bool:
    """Whether a setting decides anything beside the others: nobody wants to read of what does not."""
    value, wanted = settings[key], _MATTERS.get(key)
    return (bool(value) or not isinstance(value, Mapping)) and (wanted is None or wanted(settings))


def in_order(settings: Mapping[str, Any]) -> list[str]:
    """The keys of settings as people read them: those of the table in its order, then the others."""
    return [*(key for key in WORDS if key in settings), *sorted(settings.keys() - WORDS.keys())]


# --- writing ---------------------------------------------------------------------------------------------------------


def assign(settings: Mapping[str, Any], path: str, text: str) -> dict[str, Any]:
    """`settings` with what a person wrote at a dotted path: windows.click:affiliate=14, models.linear.x=1/2.

    An empty text takes a mapping's value away. Raises ValueError with what would do.
    """
    key, *names = _split(path, settings)
    if key == "code_policies" and names:
        names = [normal(names[0])]
    if not names:
        return {**settings, key: read(key, text)}
    known = settings.get(key)
    branch = dict(known) if isinstance(known, Mapping) else {}
    _put(branch, names, None if not text.strip() else _read_value(key, names, text))
    return {**settings, key: branch}


def read(key: str, text: str) -> Any:
    """The JSON value of a whole setting as a person wrote it. Raises ValueError."""
    word = word_of(key)
    if word.depth or word.kind is Kind.JSON:
        return _each(key, (), _json(key, text))
    return _READ[word.kind](word, key, text)


def _split(path: str, settings: Mapping[str, Any]) -> list[str]:
    key = path.partition(".")[0].strip().lower().replace("-", "_")
    if key not in settings and key not in WORDS:
        raise ValueError(
            say("there is no setting %(key)s: want %(settings)s", key=key[:60], settings=", ".join(in_order(settings)))
        )
    depth = 4 if word_of(key).kind is Kind.SETTINGS else word_of(key).depth
    names = path.split(".", depth)[1:] if depth else []
    if not depth and "." in path:
        raise ValueError(say("%(key)s has no parts: write %(key)s=…", key=key))
    if any(not name.strip() for name in names):
        raise ValueError(say("%(path)s: a name is missing", path=path[:60]))
    return [key, *(name.strip() for name in names)]


def _put(branch: dict[str, Any], names: Sequence[str], value: Any) -> None:
    """Set or, with None, take away; branches that become empty go too."""
    name, *further = names
    if further:
        inner = dict(branch[name]) if isinstance(branch.get(name), Mapping) else {}
        _put(inner, further, value)
        value = inner or None
    if value is None:
        branch.pop(name, None)
    else:
        branch[name] = value


def _read_value(key: str, names: Sequence[str], text: str) -> Any:
    """The value at the end of a path: of a campaign it is a setting's own."""
    word = word_of(key)
    if word.kind is Kind.SETTINGS:
        if len(names) == 1:
            return _each(key, names, _json(key, text))
        return _read_value(names[1], names[2:], text) if names[2:] else read(names[1], text)
    if len(names) < word.depth:
        return _each(key, names, _json(key, text))
    return _READ[word.kind](word, ".".join((key, *names)), text)


def _each(key: str, names: Sequence[str], value: Any) -> Any:
    """A JSON mapping with its values read as a person writes them, so that windows are days there too."""
    if word_of(key).kind is Kind.JSON or not isinstance(value, Mapping):
        return value
    found: dict[str, Any] = {}
    for name, each in value.items():
        inner = each if isinstance(each, str) else json.dumps(each)
        found[name] = _read_value(key, (*names, name), inner)
    return found


def _json(key: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(
            say('%(key)s: want JSON such as {"name": "value"}, or one part with %(key)s.NAME=…', key=key)
        ) from None


def _choice(word: Word, path: str, text: str) -> str:
    value = text.strip().strip('"').lower().replace("-", "_").replace(" ", "_")
    if value not in word.choices:
        raise ValueError(say("%(path)s: want %(choices)s", path=path, choices=", ".join(word.choices)))
    return value


def _flag(_word: Word, path: str, text: str) -> bool:
    value = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}.get(text.strip().lower())
    if value is None:
        raise ValueError(say("%(path)s: want yes or no", path=path))
    return value


def _duration(word: Word, path: str, text: str) -> int:
    """Whole seconds: a number of the setting's unit, or with a unit of its own (14d, 12h, 30min, 90s)."""
    said = text.strip().strip('"').lower()
    number = said.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = said[len(number) :].strip() or word.unit
    seconds = next((seconds for name, seconds in SECONDS.items() if unit and name.startswith(unit)), None)
    try:
        value = Fraction(number.strip()) * (seconds or 0)
    except (ValueError, ZeroDivisionError):
        value = Fraction(1, 2)
    if seconds is None or value.denominator != 1 or value < 0:
        raise ValueError(
            say(
                "%(path)s: want a number of %(unit)s, or one with its unit such as 14d, 12h, 30m, 90s",
                path=path,
                unit=word.unit,
            )
        )
    return int(value)


def _text(_word: Word, _path: str, text: str) -> str:
    return text.strip().strip('"')


def _list(_word: Word, _path: str, text: str) -> Any:
    if text.strip().startswith("["):
        return _json(_path, text)
    return [part.strip().lower() for part in text.split(",") if part.strip()]


def _ranking(_word: Word, path: str, text: str) -> Any:
    """`code > click_id, visitor > customer`: ranks from the strongest, equals by commas."""
    if text.strip().startswith("["):
        return _json(path, text)
    return [[word.strip().lower() for word in rank.split(",") if word.strip()] for rank in text.split(">")]


_READ: Mapping[Kind, Callable[[Word, str, str], Any]] = {
    Kind.CHOICE: _choice,
    Kind.FLAG: _flag,
    Kind.DURATION: _duration,
    Kind.TEXT: _text,
    Kind.SHARE: _text,
    Kind.LIST: _list,
    Kind.RANKING: _ranking,
    Kind.JSON: lambda _word, path, text: _json(path, text),
}


# --- reading ---------------------------------------------------------------------------------------------------------


def measured(seconds: int) -> tuple[int, str]:
    """A duration in the largest unit of which it is a whole number: 86400 is (1, "days")."""
    units = reversed(SECONDS.items())
    name, size = next((name, size) for name, size in units if seconds % size == 0 and (seconds or name == "seconds"))
    return seconds // size, name


def written(key: str, value: Any) -> str:
    """A JSON value of a setting as a person reads it on a terminal."""
    word = word_of(key)
    if word.kind is Kind.SETTINGS:
        return "; ".join(f"{name}: {_of_campaign(own)}" for name, own in value.items()) or "none"
    if word.depth:
        return "; ".join(f"{name}: {_leaf(word, each)}" for name, each in value.items()) or "none"
    return _leaf(word, value)


def _of_campaign(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{word_of(key).title} {written(key, value)}" for key, value in settings.items())


def _leaf(word: Word, value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_leaf(word, each)}" for name, each in value.items())
    if word.kind is Kind.DURATION:
        number, unit = measured(value)
        return f"{number} {unit if number != 1 else unit[:-1]}"
    if word.kind is Kind.RANKING:
        return " > ".join(", ".join(rank) for rank in value)
    if isinstance(value, list):
        return ", ".join(str(each) for each in value) or "none"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def meaning(key: str, value: Any) -> str:
    """The sentence of the value that a setting has, or what the setting decides."""
    word = word_of(key)
    said = json.dumps(value) if isinstance(value, bool) else value
    return word.choices.get(said, word.help) if isinstance(said, str) else word.help
