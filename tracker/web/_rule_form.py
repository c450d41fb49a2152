"""The rules as a form and as sentences: what a marketer reads, writes, and is told where something will not do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.datastructures import MultiDict

from tracker.domain import rule_words
from tracker.domain.rule_words import Kind, Word
from tracker.plugins import discover
from tracker.web.filters import WORDS, word

Option = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """A field of the form. `shape` is select, number, text, checks or lines; `name` is the setting's dotted path."""

    name: str
    label: str
    shape: str
    value: str
    options: Sequence[Option] = ()
    chosen: frozenset[str] = frozenset()
    unit: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A setting: its title, what it decides, its fields; those that few people need are `further` ones."""

    key: str
    title: str
    help: str
    entries: Sequence[Entry]
    further: Sequence[Entry] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A setting in plain sentences."""

    title: str
    help: str
    sentences: Sequence[str]


# --- reading ---------------------------------------------------------------------------------------------------------


def lines(settings: Mapping[str, Any], campaigns: Mapping[str, str]) -> list[Line]:
    """The settings that matter, in plain sentences of the reader's language. `campaigns` are names by id."""
    found = []
    for key in rule_words.in_order(settings):
        if rule_words.matters(key, settings):
            setting = rule_words.word_of(key)
            sentences = list(_sentences(key, setting, settings[key], campaigns))
            found.append(Line(_(setting.title), _(setting.help) if setting.help else "", sentences))
    return found


def changes(old: Mapping[str, Any], new: Mapping[str, Any], campaigns: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """The settings that differ: title, before, after."""

    def said(key: str, settings: Mapping[str, Any]) -> str:
        return " ".join(_sentences(key, rule_words.word_of(key), settings[key], campaigns)) or _("none")

    different = (key for key in rule_words.in_order(new) if old[key] != new[key])
    return [(_(rule_words.word_of(key).title), said(key, old), said(key, new)) for key in different]


def duration(seconds: int) -> str:
    """A duration in words."""
    number, unit = rule_words.measured(seconds)
    if unit == "days":
        return str(ngettext("%(num)s day", "%(num)s days", number))
    if unit == "hours":
        return str(ngettext("%(num)s hour", "%(num)s hours", number))
    if unit == "minutes":
        return str(ngettext("%(num)s minute", "%(num)s minutes", number))
    return str(ngettext("%(num)s second", "%(num)s seconds", number))


def _sentences(key: str, setting: Word, value: Any, campaigns: Mapping[str, str]) -> Iterator[str]:
    if setting.kind is Kind.SETTINGS:
        for campaign_id, own in value.items():
            told = "; ".join(f"{title} – {' '.join(said)}" for title, said in _own(own, campaigns))
            yield _told(campaigns.get(campaign_id, campaign_id), told)
    elif setting.depth and isinstance(value, Mapping):
        for name, each in value.items():
            yield _told(_name(key, name), _value(setting, each))
    elif key == "paying_model":
        yield f"{_model(value)}."
    else:
        yield _value(setting, value)


def _own(settings: Mapping[str, Any], campaigns: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    for key, value in settings.items():
        setting = rule_words.word_of(key)
        yield _(setting.title), list(_sentences(key, setting, value, campaigns))


def _value(setting: Word, value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{_model_setting(name)} {each}" for name, each in value.items())
    said = json.dumps(value) if isinstance(value, bool) else value
    if isinstance(said, str):
        return _(setting.choices[said]) if said in setting.choices else said
    if setting.kind is Kind.DURATION:
        return duration(value)
    if setting.kind is Kind.RANKING:
        return " › ".join(" = ".join(word(each) for each in rank) for rank in value)
    return ", ".join(word(str(each)) for each in value) or _("none") if isinstance(value, list) else str(value)


def _told(name: str, value: str) -> str:
    return str(_("%(name)s: %(value)s", name=name, value=value))


def _model_setting(name: str) -> str:
    return _(rule_words.MODEL_SETTINGS[name]) if name in rule_words.MODEL_SETTINGS else name.replace("_", " ")


def _name(key: str, name: str) -> str:
    """What a part of a setting is called: a window, a channel, a kind of partner, a model, a code."""
    if key == "models":
        return _model(name)
    return name if key == "code_policies" else " · ".join(word(part) for part in name.split(":"))


def _model(name: str) -> str:
    models = discover("tracker.attribution")
    return _(models[name].TITLE) if name in models else name


# --- the form --------------------------------------------------------------------------------------------------------


def groups(
    settings: Mapping[str, Any],
    campaigns: Mapping[str, str],
    form: MultiDict[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> list[Group]:
    """The whole form over the settings, with what somebody typed and what will not do, by field or by setting."""
    return [_group(key, settings[key], campaigns, form, errors or {}) for key in rule_words.in_order(settings)]


def written(settings: Mapping[str, Any], form: MultiDict[str, str], campaigns: Mapping[str, str]) -> tuple[
    dict[str, Any], dict[str, str]
]:  # fmt: skip
    """The settings that a filled-in form means, and by field what will not do."""
    found, errors = dict(settings), dict[str, str]()
    for key in rule_words.in_order(settings):
        for path, text in _texts(key, settings[key], form, campaigns):
            try:
                found = rule_words.assign(found, path, text)
            except ValueError as error:
                errors[path if path in form else key] = str(error)
    return found, errors


def _group(
    key: str,
    value: Any,
    campaigns: Mapping[str, str],
    form: MultiDict[str, str] | None,
    errors: Mapping[str, str],
) -> Group:
    setting = rule_words.word_of(key)
    entries = [_typed(entry, form, errors) for entry in _entries(key, setting, value, campaigns)]
    further = [entry for entry in entries if _is_further(key, entry)]
    first = [entry for entry in entries if entry not in further]
    at_fields = {entry.name for entry in entries}
    error = errors.get(key, "") if key not in at_fields else ""
    return Group(key, _(setting.title), _(setting.help) if setting.help else "", first, further, error)


def _typed(entry: Entry, form: MultiDict[str, str] | None, errors: Mapping[str, str]) -> Entry:
    value, chosen = entry.value, entry.chosen
    if form is not None:
        value, chosen = form.get(entry.name, ""), frozenset(form.getlist(entry.name))
    return Entry(
        entry.name, entry.label, entry.shape, value, entry.options, chosen, entry.unit, errors.get(entry.name, "")
    )


def _is_further(key: str, entry: Entry) -> bool:
    return key == "windows" and entry.name.count(":") > 1 and not entry.value


def _entries(key: str, setting: Word, value: Any, campaigns: Mapping[str, str]) -> Iterator[Entry]:
    if key == "paying_model":
        options = [(name, _(model.TITLE)) for name, model in discover("tracker.attribution").items() if model.MAY_PAY]
        yield Entry(key, _(setting.title), "select", value, options, frozenset({value}))
    elif key == "models":
        yield from _model_entries(value)
    elif key == "windows":
        for name in dict.fromkeys((*rule_words.WINDOWS, *rule_words.NARROW_WINDOWS, *value)):
            yield _number(f"{key}.{name}", _name(key, name), setting, value.get(name))
    elif key == "code_policies":
        text = "\n".join(f"{code} = {policy}" for code, policy in value.items())
        yield Entry(key, _("One a line: CODE = %(words)s", words=" | ".join(setting.choices)), "lines", text)
    elif setting.kind is Kind.SETTINGS:
        text = "\n".join(_campaign_lines(value, campaigns))
        yield Entry(key, _("One a line: Campaign: setting = value"), "lines", text)
    elif setting.kind is Kind.RANKING:
        yield from _ranks(key, setting, value)
    elif setting.depth:
        for name in setting.names:
            yield _part(key, setting, name, value.get(name, ""))
    else:
        yield _whole(key, setting, value)


def _whole(key: str, setting: Word, value: Any) -> Entry:
    title = _(setting.title)
    if setting.kind is Kind.DURATION:
        return _number(key, title, setting, value)
    if setting.names:
        options = [(name, word(name)) for name in setting.names]
        return Entry(key, title, "checks", "", options, frozenset(value))
    if setting.choices:
        said = json.dumps(value) if isinstance(value, bool) else value
        return Entry(key, title, "select", said, _sentenced(setting), frozenset({said}))
    text = ", ".join(value) if setting.kind is Kind.LIST else json.dumps(value)
    return Entry(key, title, "text", text)


def _part(key: str, setting: Word, name: str, value: str) -> Entry:
    """A value of a mapping; of choices the first one is as if nothing were said."""
    label = WORDS.get(name, name)
    if setting.choices:
        (_first, usual), *others = _sentenced(setting)
        chosen = "" if value == _first else value
        return Entry(f"{key}.{name}", _(label), "select", chosen, [("", usual), *others], frozenset({chosen}))
    return Entry(f"{key}.{name}", _(label), "text", value)


def _sentenced(setting: Word) -> list[Option]:
    return [(choice, _(sentence)) for choice, sentence in setting.choices.items()]


def _number(name: str, label: str, setting: Word, seconds: int | None) -> Entry:
    """A number of the setting's unit; what is none to three decimals is written out with a unit of its own."""
    unit = _("days") if setting.unit == "days" else _("minutes")
    if seconds is None:
        return Entry(name, label, "number", "", unit=unit)
    thousandths = Fraction(seconds * 1000, rule_words.SECONDS[setting.unit])
    if thousandths.denominator != 1:
        return Entry(name, label, "text", " ".join(map(str, rule_words.measured(seconds))))
    return Entry(name, label, "number", f"{Decimal(thousandths.numerator) / 1000:f}", unit=unit)


def _ranks(key: str, setting: Word, value: Sequence[Sequence[str]]) -> Iterator[Entry]:
    place = {each: str(rank) for rank, equals in enumerate(value, 1) for each in equals}
    ranks = [(str(rank), str(rank)) for rank in range(1, len(setting.names) + 1)]
    for name in setting.names:
        chosen = place.get(name, "")
        yield Entry(f"{key}.{name}", word(name), "select", chosen, ranks, frozenset({chosen}))


def _model_entries(value: Mapping[str, Mapping[str, str]]) -> Iterator[Entry]:
    for model, module in discover("tracker.attribution").items():
        for name, usual in module.SETTINGS.items() if module.MAY_PAY else ():
            label = _told(_(module.TITLE), _model_setting(name))
            yield Entry(f"models.{model}.{name}", label, "text", value.get(model, {}).get(name, usual))


def _campaign_lines(value: Mapping[str, Mapping[str, Any]], campaigns: Mapping[str, str]) -> Iterator[str]:
    for campaign_id, own in value.items():
        for key, each in own.items():
            text = json.dumps(each) if isinstance(each, Mapping) else rule_words.written(key, each)
            yield f"{campaigns.get(campaign_id, campaign_id)}: {key} = {text}"


# --- what was filled in ----------------------------------------------------------------------------------------------


def _texts(key: str, value: Any, form: MultiDict[str, str], campaigns: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What somebody wrote of a setting, as dotted paths with their texts."""
    setting = rule_words.word_of(key)
    if setting.kind is Kind.RANKING:
        yield key, _ranking(key, setting, form)
    elif key == "code_policies":
        yield key, "{}"
        yield from ((f"{key}.{code}", policy) for code, policy in _pairs(form.get(key, ""), "="))
    elif setting.kind is Kind.SETTINGS:
        yield key, "{}"
        ids = {name.casefold(): campaign_id for campaign_id, name in campaigns.items()}
        for name, said in _pairs(form.get(key, ""), ":"):
            path, _equals, text = said.partition("=")
            yield f"{key}.{ids.get(name.casefold(), name)}.{path.strip()}", text
    else:
        for entry in _entries(key, setting, value, campaigns):
            if entry.shape == "checks":
                yield key, ", ".join(form.getlist(key))
            elif entry.name in form:
                yield entry.name, form[entry.name]


def _pairs(text: str, mark: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if line.strip():
            name, _mark, value = line.partition(mark)
            yield name.strip(), value.strip() or "?"


def _ranking(key: str, setting: Word, form: MultiDict[str, str]) -> str:
    ranks: dict[str, list[str]] = {}
    for name in setting.names:
        ranks.setdefault(form.get(f"{key}.{name}", ""), []).append(name)
    return " > ".join(", ".join(ranks[rank]) for rank in sorted(ranks))
