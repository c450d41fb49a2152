"""Published policies as settings: a preset says all that a policy says, and nothing that is the brand's own.

Windows, excluded sources, the policies of single codes, campaigns and models' settings stay as the brand has them, save
where a policy names its own. Where a source goes by something that we do not record, the sentence says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tracker.domain.rules import LONGEST_WINDOW, Rules

_DAY = 86400


@dataclass(frozen=True, slots=True)
class Preset:
    """`settings` are those of a rule set, as JSON values; `source` is who published the policy, empty for our own."""

    name: str
    title: str
    sentence: str
    source: str
    settings: Mapping[str, Any]

    def over(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """A rule set's `settings` with this policy in the place of theirs; models that it does not name keep theirs."""
        models = {**settings.get("models", {}), **self.settings.get("models", {})}
        return {**settings, **self.settings, **({"models": models} if models else {})}


_POLICY = (
    "between_partners",
    "precedence",
    "several_codes",
    "code_policy",
    "unearned_code",
    "channel_policy",
    "protection",
    "protected_from",
    "customers",
    "throw_out",
    "since_previous_order",
    "closer_shares",
    "paying_model",
)


def _preset(name: str, title: str, sentence: str, source: str, **different: Any) -> Preset:
    """What is not different is as in Rules: one preset after another leaves of the first only the windows it named."""
    usual = Rules().to_json(whole=True)
    return Preset(name, title, sentence, source, {**{key: usual[key] for key in _POLICY}, **different})


_ALL = (
    _preset(
        "default",
        "Our default",
        "A used code's owner wins; otherwise the last click does.",
        "",
    ),
    _preset(
        "impact_always",
        "Always credit the code",
        "Whoever owns the code that was used is credited, whether or not they led the buyer here.",
        "impact.com",
    ),
    _preset(
        "impact_if_involved",
        "Credit the code if its owner was involved",
        "A code's owner is credited if a click of theirs is in the journey; otherwise the sale is credited to nobody.",
        "impact.com",
        code_policy="if_involved",
        unearned_code="to_nobody",
    ),
    _preset(
        "impact_if_winner",
        "Credit the code if its owner had the last click",
        "A code's owner is credited if the last click is theirs too; otherwise the sale is credited to nobody.",
        "impact.com",
        code_policy="if_winner",
        unearned_code="to_nobody",
    ),
    _preset(
        "everflow_click",
        "Clicks first, codes last",
        "The click on the order wins, then the visitor's and the customer's clicks; a code wins where no click is.",
        "Everflow",
        between_partners="hierarchy",
        precedence=[["click_id"], ["visitor"], ["customer"], ["code"]],
    ),
    _preset(
        "everflow_coupon",
        "Codes first, then clicks",
        "A used code's touchpoint wins, then the click on the order, then the visitor's and the customer's clicks.",
        "Everflow",
        between_partners="hierarchy",
        precedence=[["code"], ["click_id"], ["visitor"], ["customer"]],
    ),
    _preset(
        "commission_factory",
        "Codes first, then the latest click",
        "A used code wins over every click, however recent; without one the latest click wins, however it is known.",
        "Commission Factory",
        between_partners="hierarchy",
        precedence=[["code"], ["click_id", "visitor", "customer"]],
    ),
    _preset(
        "code_overrides",
        "The code overrides the link",
        "A used code's owner is credited alone, whoever's link was clicked; of several codes the first counts.",
        "AffiliateWP, Secomapp, BixGrow",
    ),
    _preset(
        "first_bind",
        "The first partner keeps the customer",
        "The first click binds the customer: later orders are credited to it too, for the year that we look back.",
        "Tolt",
        between_partners="shared",
        paying_model="first_click",
        since_previous_order=False,
        windows={"click": int(LONGEST_WINDOW.total_seconds())},
    ),
    _preset(
        "cake_first",
        "First touch within thirty days",
        "The first touchpoint of the last thirty days takes all, be it a click or a code.",
        "CAKE",
        between_partners="shared",
        paying_model="first_click",
        windows={"click": 30 * _DAY},
    ),
    _preset(
        "first_last_bonus",
        "Everyone shares, the first and the last get a bonus",
        "A quarter goes to the opener and half to the closer; all touchpoints, these two too, share the last quarter.",
        "Post Affiliate Pro",
        between_partners="shared",
        several_codes="share",
        paying_model="opener_assist_closer",
        models={"opener_assist_closer": {"opener": "1/4", "assist": "1/4", "closer": "1/2", "on_top": "yes"}},
    ),
    _preset(
        "closer_exceptions",
        "Shared by position, with exceptions for late deals",
        "Cashback at the end takes all, a coupon site at the end half and its share of the rest; otherwise all share.",
        "TradeTracker",
        between_partners="shared",
        several_codes="share",
        paying_model="position_based",
        closer_shares={"cashback": "1", "coupon": "1/2"},
    ),
    _preset(
        "influence_protected",
        "Influence is protected from late deals",
        "Clicks on coupon and cashback sites in the last half hour take nothing from influence; a used code wins.",
        "",
        channel_policy="influence_protected",
    ),
)

PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in _ALL}
