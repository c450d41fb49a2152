"""What decides who earns is data: a rule set is a versioned value, and an order keeps the version of its sale time.

Rule sets are stored without what is as in `Rules`, so no default here ever changes: a better one is a preset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Any

from tracker.domain import _settings
from tracker.domain._settings import Form
from tracker.domain.catalog import Channel, PartnerKind
from tracker.domain.codes import normal
from tracker.domain.ids import is_id
from tracker.errors import say

# Clocks of shops and trackers disagree: a click dated this much after its order may still have led to it.
SKEW = timedelta(seconds=60)

# No touchpoint older than this is ever looked for, whatever a rule set says.
LONGEST_WINDOW = timedelta(days=365)

DEFAULT_WINDOW = timedelta(days=30)


class Evidence(StrEnum):
    """How a touchpoint was tied to the order, the most direct first."""

    CLICK_ID = "click_id"
    CODE = "code"
    VISITOR = "visitor"
    CUSTOMER = "customer"


class BetweenPartners(StrEnum):
    """Who may earn where one partner's code meets another partner's click. A hierarchy goes by `precedence`."""

    CODE_WINS = "code_wins"
    CLICK_WINS = "click_wins"
    SHARED = "shared"
    HIERARCHY = "hierarchy"


class SeveralCodes(StrEnum):
    """Whose codes count where an order carries codes of several partners."""

    FIRST = "first"
    LAST = "last"
    SHARE = "share"
    INFLUENCE_FIRST = "influence_first"


class CodePolicy(StrEnum):
    """When a code counts: always, if a click of its owner is in the journey, or if its last click is the owner's."""

    ALWAYS = "always"
    IF_INVOLVED = "if_involved"
    IF_WINNER = "if_winner"


class UnearnedCode(StrEnum):
    """Who is credited with a sale whose code does not count, as it was not its owner's doing: the others, or nobody."""

    TO_OTHERS = "to_others"
    TO_NOBODY = "to_nobody"


class ChannelPolicy(StrEnum):
    """Which channel may earn where touchpoints of both are in the journey."""

    ALL = "all"
    LAST_CHANNEL_WINS = "last_channel_wins"
    FIRST_CHANNEL_WINS = "first_channel_wins"
    INFLUENCE_PROTECTED = "influence_protected"
    AFFILIATE_ONLY_WITHOUT_INFLUENCE = "affiliate_only_without_influence"


class Customers(StrEnum):
    """From whose orders a channel earns. A customer of whom we cannot tell counts as new."""

    ALL = "all"
    NEW = "new"
    RETURNING = "returning"


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings in force for an order. Durations are stored in whole seconds, their boundary is inside them.

    `windows` are lookback windows by kind ("click"), kind and channel ("click:affiliate"), or kind, channel and the
    partner's kind ("click:affiliate:coupon"); a code needs none, it is used at the order. Of a partner's clicks that
    lie within `throw_out` before one that stands, none stands. Orders from `excluded_sources` (a till, a marketplace, a
    draft made by staff) are recorded and credited to nobody. `customers` says by channel whose orders it earns from.

    `precedence` ranks every evidence once, the strongest first, ties together; a `hierarchy` goes by it.
    `code_policies` are those of single codes, by normal form, others have `code_policy`. `protected_from` are the kinds
    of affiliates whose clicks within `protection` before the order take nothing from influence.

    `closer_shares`, by the kind of the partner who stands last among those who may earn, is that touchpoint's fixed
    share; the rest is shared by the model. `models` holds the settings of a model where they differ from the model's
    own, as text. `campaigns` holds, by id, what is different for orders that the campaign governs (see `under`).
    """

    version: int = 1
    windows: Mapping[str, timedelta] = field(default_factory=lambda: {"click": DEFAULT_WINDOW})
    between_partners: BetweenPartners = BetweenPartners.CODE_WINS
    precedence: tuple[tuple[Evidence, ...], ...] = tuple((evidence,) for evidence in Evidence)
    several_codes: SeveralCodes = SeveralCodes.FIRST
    code_policy: CodePolicy = CodePolicy.ALWAYS
    code_policies: Mapping[str, CodePolicy] = field(default_factory=dict)
    unearned_code: UnearnedCode = UnearnedCode.TO_OTHERS
    channel_policy: ChannelPolicy = ChannelPolicy.ALL
    protection: timedelta = timedelta(minutes=30)
    protected_from: tuple[PartnerKind, ...] = (PartnerKind.COUPON, PartnerKind.CASHBACK)
    customers: Mapping[str, Customers] = field(default_factory=dict)
    throw_out: timedelta = timedelta(0)
    since_previous_order: bool = True
    excluded_sources: tuple[str, ...] = ("draft", "marketplace", "pos")
    closer_shares: Mapping[str, Fraction] = field(default_factory=dict)
    paying_model: str = "last_click"
    models: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    campaigns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def window(self, kind: str, channel: str, partner_kind: str = "") -> timedelta:
        """How long before the order such a touchpoint may lie, boundary included; the most particular window holds."""
        names = (f"{kind}:{channel}:{partner_kind}", f"{kind}:{channel}", kind)
        return next((self.windows[name] for name in names if name in self.windows), DEFAULT_WINDOW)

    def of_model(self, name: str, defaults: Mapping[str, str]) -> dict[str, str]:
        """The settings of the model `name`: its defaults, with what this rule set says instead."""
        return {**defaults, **self.models.get(name, {})}

    def under(self, campaign_id: str | None) -> Rules:
        """These rules with what the campaign has of its own, where it has any."""
        own = self.campaigns.get(campaign_id) if campaign_id and self.campaigns else None
        return replace(self, **own) if own else self

    def to_json(self, *, whole: bool = False) -> dict[str, Any]:
        """The settings as plain JSON values; the version is the row's business.

        What only later versions of this class know is left out where it is as in this class, unless the `whole` is
        asked for: it means the same, and every receipt carries it.
        """
        values = {name: (form, getattr(self, name)) for name, form in _FORMS.items()}
        return {
            name: form.write(value)
            for name, (form, value) in values.items()
            if whole or name in _ALWAYS_STORED or value != getattr(_DEFAULTS, name)
        }

    @classmethod
    def from_json(cls, version: int, settings: Mapping[str, Any]) -> Rules:
        """The rules a stored row means; what it does not say is as in this class. Raises ValueError."""
        return cls(version=version, **_settings.read_all(_FORMS, settings))


def _window_name(name: str) -> str:
    kind, *narrower = name.split(":")
    if kind != "click" or not all(narrower) or len(narrower) > 2:
        raise ValueError(
            say("there is no window %(name)s: want click, click:CHANNEL or click:CHANNEL:PARTNER_KIND", name=name[:60])
        )
    if narrower[1:] and narrower[1] not in set(PartnerKind):
        raise ValueError(
            say(
                "window %(name)s: there is no kind of partner %(narrower)s: want %(partnerkind)s",
                name=name[:60],
                narrower=narrower[1],
                partnerkind=", ".join(PartnerKind),
            )
        )
    return name


def _campaign_id(name: str) -> str:
    if not is_id(name):
        raise ValueError(say("campaigns: %(name)s is no id of a campaign", name=name[:60]))
    return name


# What a campaign may have of its own: what is decided after the touchpoints and the codes that count are known.
_OF_A_CAMPAIGN: Mapping[str, Form] = {
    "between_partners": _settings.one_of(BetweenPartners),
    "precedence": _settings.ranking(Evidence),
    "channel_policy": _settings.one_of(ChannelPolicy),
    "protection": _settings.seconds(LONGEST_WINDOW),
    "protected_from": _settings.several_of(PartnerKind),
    "customers": _settings.by_word(_settings.one_of(Customers), of=Channel),
    "closer_shares": _settings.by_word(_settings.SHARE, of=PartnerKind),
    "paying_model": _settings.TEXT,
}
CAMPAIGN_SETTINGS = frozenset(_OF_A_CAMPAIGN)

_FORMS: Mapping[str, Form] = {
    **_OF_A_CAMPAIGN,
    "windows": _settings.by_word(_settings.seconds(LONGEST_WINDOW, least=1), each_is="window", named=_window_name),
    "several_codes": _settings.one_of(SeveralCodes),
    "code_policy": _settings.one_of(CodePolicy),
    "code_policies": _settings.by_word(_settings.one_of(CodePolicy), named=normal),
    "unearned_code": _settings.one_of(UnearnedCode),
    "throw_out": _settings.seconds(LONGEST_WINDOW),
    "since_previous_order": _settings.YES_OR_NO,
    "excluded_sources": _settings.TEXTS,
    "models": _settings.by_word(_settings.by_word(_settings.TEXT)),
    "campaigns": _settings.by_word(_settings.some_of(_OF_A_CAMPAIGN), each_is="campaign", named=_campaign_id),
}
_ALWAYS_STORED = frozenset(
    {
        "windows",
        "between_partners",
        "several_codes",
        "since_previous_order",
        "excluded_sources",
        "paying_model",
        "models",
    }
)
_DEFAULTS = Rules()
