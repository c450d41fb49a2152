"""Who may earn: of a journey's touchpoints each policy in turn takes some out, each with the reason.

First whose codes count, then the kind of customer, then the channels, then the evidence. A policy that takes some out
leaves others: only the kind of customer, a channel that earns nothing or codes that do not count can leave an order to
nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

from tracker.domain.catalog import Channel
from tracker.domain.reasons import Reason, Rule
from tracker.domain.rules import (
    BetweenPartners,
    ChannelPolicy,
    CodePolicy,
    Customers,
    Evidence,
    Rules,
    SeveralCodes,
    UnearnedCode,
)

if TYPE_CHECKING:
    from tracker.domain.journeys import Candidate, Touchpoint

EARNING_CHANNELS = frozenset(channel.value for channel in Channel)

_SECOND = timedelta(seconds=1)

# --- codes ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Codes:
    """Whose codes count. `uncounted` says by normal form why an owned code does not.

    `outright` are the owners of codes that count whoever clicked. `campaign_id` is that of the first that counts.
    `unearned`: the rules leave this sale to nobody.
    """

    owners: frozenset[str] = frozenset()
    outright: frozenset[str] = frozenset()
    uncounted: Mapping[str, Reason] = field(default_factory=dict)
    campaign_id: str | None = None
    unearned: bool = False


NO_CODES = Codes()


def count_codes(codes: Sequence[Candidate], clicks: Sequence[Candidate], rules: Rules, *, is_new: bool) -> Codes:
    """Which owned codes count, among those of an order in its own sequence, beside the clicks in time order.

    A code that its policy leaves out makes no other give way, nor does one whose channel does not earn from this kind
    of customer. A sale with a code that its policy leaves out is left to nobody, where the rules say so, only if no
    other code counts.
    """
    if not codes:
        return NO_CODES
    uncounted: dict[str, Reason] = {}
    for code in codes:
        reason = _uncounted(code, clicks, rules)
        if reason is not None:
            uncounted[code.id] = reason
    unearned = rules.unearned_code is UnearnedCode.TO_NOBODY and any(
        reason is not Reason.CHANNEL_EARNS_NOTHING for reason in uncounted.values()
    )
    able = [code for code in codes if code.id not in uncounted]
    unwanted = _from_other_customers(able, rules, is_new=is_new)
    if len(unwanted) < len(able):
        uncounted.update(unwanted)
        able = [code for code in able if code.id not in unwanted]
    chosen, why_not = _chosen(able, rules.several_codes)
    owners = frozenset(code.partner_id for code in chosen if code.partner_id)
    uncounted.update({code.id: why_not for code in able if code.partner_id not in owners})
    counted = [code for code in able if code.partner_id in owners]
    return Codes(
        owners=owners,
        outright=frozenset(code.partner_id or "" for code in counted if _policy(code, rules) is CodePolicy.ALWAYS),
        uncounted=uncounted,
        campaign_id=next((code.campaign_id for code in counted), None),
        unearned=unearned and not owners,
    )


def _policy(code: Candidate, rules: Rules) -> CodePolicy:
    return rules.code_policies.get(code.id, rules.code_policy)


def _from_other_customers(codes: Sequence[Candidate], rules: Rules, *, is_new: bool) -> Mapping[str, Reason]:
    """Codes whose channel does not earn from this kind of customer, under the campaign that each would bring along."""
    return {
        code.id: reason
        for code in codes
        if (reason := _unwanted(code.channel, rules.under(code.campaign_id), is_new=is_new)) is not None
    }


def _unwanted(channel: str, rules: Rules, *, is_new: bool) -> Reason | None:
    """Why a channel earns nothing from this kind of customer, or None where it does."""
    if is_new:
        return Reason.ONLY_RETURNING_CUSTOMERS if rules.customers.get(channel) is Customers.RETURNING else None
    return Reason.ONLY_NEW_CUSTOMERS if rules.customers.get(channel) is Customers.NEW else None


def _uncounted(code: Candidate, clicks: Sequence[Candidate], rules: Rules) -> Reason | None:
    """Why the code does not count by itself: its channel, or its policy on what its owner did besides."""
    if code.channel not in EARNING_CHANNELS:
        return Reason.CHANNEL_EARNS_NOTHING
    policy = _policy(code, rules)
    if policy is CodePolicy.ALWAYS:
        return None
    clickers = [click.partner_id for click in clicks if click.channel in EARNING_CHANNELS]
    if policy is CodePolicy.IF_INVOLVED:
        return None if code.partner_id in clickers else Reason.CODE_OWNER_NOT_INVOLVED
    return None if clickers[-1:] == [code.partner_id] else Reason.CODE_OWNER_NOT_WINNER


def _chosen(codes: Sequence[Candidate], several: SeveralCodes) -> tuple[Sequence[Candidate], Reason]:
    """Of codes that are able to count those that do, and why the others do not."""
    if several is SeveralCodes.SHARE:
        return codes, Reason.ANOTHER_CODE_CAME_FIRST
    if several is SeveralCodes.LAST:
        return codes[-1:], Reason.ANOTHER_CODE_CAME_LAST
    influence = [code for code in codes if code.channel == Channel.INFLUENCE]
    if several is SeveralCodes.INFLUENCE_FIRST and influence and codes[0] is not influence[0]:
        return influence[:1], Reason.INFLUENCE_CODE_COUNTS
    return codes[:1], Reason.ANOTHER_CODE_CAME_FIRST


# --- touchpoints ------------------------------------------------------------------------------------------------------


def governing(touches: Sequence[Touchpoint], codes: Codes, rules: Rules) -> str | None:
    """The campaign whose own settings hold for the order, or None.

    It is that of the code that counts, else that of the last touchpoint whose channel earns and that is no code which
    does not count; None where that one has no settings of its own.
    """
    if not rules.campaigns:
        return None
    closer = next((touch for touch in reversed(touches) if _by_itself(touch, codes) is None), None)
    campaign_id = codes.campaign_id or (closer.campaign_id if closer else None)
    return campaign_id if campaign_id in rules.campaigns else None


def decide(
    touches: Sequence[Touchpoint], codes: Codes, rules: Rules, *, is_new: bool
) -> tuple[Sequence[Touchpoint], Rule]:
    """Touchpoints, in time order as they came, with why those that may not weigh do not, and the rule that decided."""
    lost = {place: reason for place, touch in enumerate(touches) if (reason := _by_itself(touch, codes)) is not None}
    partners = {touch.partner_id for touch in touches if touch.channel in EARNING_CHANNELS}
    alone = len({touch.partner_id for place, touch in enumerate(touches) if place not in lost}) == 1
    rule = Rule.SOLE_PARTNER if alone else Rule.ALL_SHARE
    taken_out = False
    for policy in _policies(rules, several=len(partners) > 1):
        standing = [(place, touch) for place, touch in enumerate(touches) if place not in lost]
        its_rule, taken = policy(standing, _Order(codes, rules, is_new))
        if its_rule is not None and (taken or not taken_out):
            rule = its_rule
        taken_out = taken_out or bool(taken)
        lost.update(taken)
    if not partners:
        rule = Rule.NO_TOUCHPOINT
    elif len(lost) == len(touches) and not taken_out:
        rule = Rule.NONE_MAY_EARN
    if not lost:
        return touches, rule
    return [replace(touch, reason=lost[place]) if place in lost else touch for place, touch in enumerate(touches)], rule


@dataclass(frozen=True, slots=True)
class _Order:
    """What a policy may look at beside the touchpoints."""

    codes: Codes
    rules: Rules
    is_new: bool


_Standing = Sequence[tuple[int, "Touchpoint"]]
_Verdict = tuple[Rule | None, Mapping[int, Reason]]
_Policy = Callable[[_Standing, _Order], _Verdict]
_NO_VERDICT: _Verdict = (None, {})


def _by_itself(touch: Touchpoint, codes: Codes) -> Reason | None:
    if touch.channel not in EARNING_CHANNELS:
        return Reason.CHANNEL_EARNS_NOTHING
    return codes.uncounted.get(touch.id) if touch.click_id is None else None


def _by_customer(standing: _Standing, order: _Order) -> _Verdict:
    return Rule.KIND_OF_CUSTOMER, {
        place: reason
        for place, touch in standing
        if (reason := _unwanted(touch.channel, order.rules, is_new=order.is_new)) is not None
    }


def _by_channel(standing: _Standing, order: _Order) -> _Verdict:
    policy = order.rules.channel_policy
    if len({touch.channel for _, touch in standing}) <= 1:
        return _NO_VERDICT
    rule, reason = _CHANNEL_RULES[policy]
    if policy is ChannelPolicy.INFLUENCE_PROTECTED:
        return rule, {place: reason for place, touch in standing if _is_late(touch, order)}
    winner = {
        ChannelPolicy.LAST_CHANNEL_WINS: standing[-1][1].channel,
        ChannelPolicy.FIRST_CHANNEL_WINS: standing[0][1].channel,
    }.get(policy, Channel.INFLUENCE)
    return rule, {place: reason for place, touch in standing if touch.channel != winner}


_CHANNEL_RULES = {
    ChannelPolicy.LAST_CHANNEL_WINS: (Rule.LAST_CHANNEL, Reason.ANOTHER_CHANNEL_CAME_LAST),
    ChannelPolicy.FIRST_CHANNEL_WINS: (Rule.FIRST_CHANNEL, Reason.ANOTHER_CHANNEL_CAME_FIRST),
    ChannelPolicy.INFLUENCE_PROTECTED: (Rule.INFLUENCE_PROTECTED, Reason.INFLUENCE_IS_PROTECTED),
    ChannelPolicy.AFFILIATE_ONLY_WITHOUT_INFLUENCE: (Rule.INFLUENCE_BEFORE_AFFILIATES, Reason.INFLUENCE_IN_JOURNEY),
}


def _is_late(touch: Touchpoint, order: _Order) -> bool:
    """An affiliate's click of a kind from which influence is protected, in whole seconds, the boundary included.

    A code is no click: whether it counts is the business of the rules on codes, and what its owner would have without
    the click is not lost by it.
    """
    return (
        touch.channel == Channel.AFFILIATE
        and touch.click_id is not None
        and touch.partner_kind in order.rules.protected_from
        and touch.age // _SECOND * _SECOND <= order.rules.protection
        and not (touch.code is not None and touch.partner_id in order.codes.outright and _code_stands(order.rules))
    )


def _code_stands(rules: Rules) -> bool:
    """Whether a code that counts may earn beside clicks of others, without one of its owner's."""
    if rules.between_partners is BetweenPartners.HIERARCHY:
        return Evidence.CODE in rules.precedence[0]
    return rules.between_partners is not BetweenPartners.CLICK_WINS


def _by_evidence(standing: _Standing, order: _Order) -> _Verdict:
    """Between partners: by whose code counts, by who clicked, or by the strongest evidence that is there."""
    between = order.rules.between_partners
    if between is BetweenPartners.HIERARCHY:
        return _by_precedence(standing, order.rules)
    owners = order.codes.owners & {touch.partner_id for _, touch in standing}
    if between is BetweenPartners.SHARED or not owners:
        return _NO_VERDICT
    if between is BetweenPartners.CODE_WINS:
        others = {place: Reason.CODE_OF_ANOTHER_PARTNER for place, touch in standing if touch.partner_id not in owners}
        return Rule.CODE_OWNER_WINS, others
    unclicked = {place: Reason.CLICK_OF_ANOTHER_PARTNER for place, touch in standing if touch.click_id is None}
    return (Rule.CLICK_WINS, unclicked) if len(unclicked) < len(standing) else _NO_VERDICT


def _by_precedence(standing: _Standing, rules: Rules) -> _Verdict:
    if len({touch.partner_id for _, touch in standing}) <= 1:
        return _NO_VERDICT
    rank = {evidence: rank for rank, equals in enumerate(rules.precedence) for evidence in equals}
    ranks = {place: min(rank[evidence] for evidence in touch.evidence) for place, touch in standing}
    strongest = min(ranks.values())
    return Rule.STRONGEST_EVIDENCE, {
        place: Reason.WEAKER_EVIDENCE for place, its_rank in ranks.items() if its_rank > strongest
    }


def _policies(rules: Rules, *, several: bool) -> list[_Policy]:
    """Those that could take somebody out. Evidence decides only between partners: `several` had a hand in it."""
    policies: list[_Policy] = []
    if rules.customers:
        policies.append(_by_customer)
    if rules.channel_policy is not ChannelPolicy.ALL:
        policies.append(_by_channel)
    if several:
        policies.append(_by_evidence)
    return policies


# --- weights ----------------------------------------------------------------------------------------------------------


def with_closers_share(touches: Sequence[Touchpoint], weights: Sequence[Fraction], rules: Rules) -> Sequence[Fraction]:
    """The weights where the kind of the partner who stands last has a fixed share: s for it, (1 − s) × w for each.

    `touches` are those that may weigh, in time order. The sum stays what it was: exactly 1.
    """
    share = rules.closer_shares.get(touches[-1].partner_kind)
    if not share:
        return weights
    shared = [weight * (1 - share) for weight in weights]
    return [*shared[:-1], shared[-1] + share]
