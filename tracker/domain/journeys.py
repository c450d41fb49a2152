"""Two questions, kept apart: whose touches are these (evidence), and who may earn (the rule set).

A candidate is a click or a code that some evidence ties to an order. `judge` says of every candidate whether it stands
in the journey or why not, and of every touchpoint of the journey whether it may weigh or why not. Nothing is dropped
without a reason, and the result depends on the facts alone, not on the sequence in which they are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from tracker.domain.catalog import Channel
from tracker.domain.orders import Status
from tracker.domain.rules import SKEW, BetweenPartners, Evidence, Rules, SeveralCodes

__all__ = [
    "EARNING_CHANNELS",
    "RULE_SENTENCES",
    "SENTENCES",
    "Candidate",
    "Evidence",
    "Finding",
    "Journey",
    "Key",
    "Kind",
    "Reason",
    "Rule",
    "Sale",
    "Touchpoint",
    "judge",
]

EARNING_CHANNELS = frozenset(channel.value for channel in Channel)


class Kind(StrEnum):
    """What a touchpoint is made of."""

    CLICK = "click"
    CODE = "code"


Key = tuple[Kind, str]


_STRENGTH = {evidence: rank for rank, evidence in enumerate(Evidence)}


class Reason(StrEnum):
    """Why a candidate, a touchpoint or a whole order earns nothing."""

    NOT_HUMAN = "not_human"
    NO_PARTNER = "no_partner"
    AFTER_ORDER = "after_order"
    OUTSIDE_WINDOW = "outside_window"
    BEFORE_PREVIOUS_ORDER = "before_previous_order"
    CODE_WITHOUT_OWNER = "code_without_owner"
    ANOTHER_CODE_CAME_FIRST = "another_code_came_first"
    CHANNEL_EARNS_NOTHING = "channel_earns_nothing"
    CODE_OF_ANOTHER_PARTNER = "code_of_another_partner"
    CLICK_OF_ANOTHER_PARTNER = "click_of_another_partner"
    TEST_ORDER = "test_order"
    CANCELLED_ORDER = "cancelled_order"
    DELETED_ORDER = "deleted_order"
    EXCLUDED_SOURCE = "excluded_source"


SENTENCES: dict[Reason, str] = {
    Reason.NOT_HUMAN: "The click was made by a program, not by a person.",
    Reason.NO_PARTNER: "The click belongs to no partner's link.",
    Reason.AFTER_ORDER: "The click came after the order.",
    Reason.OUTSIDE_WINDOW: "The click is older than the lookback window allows.",
    Reason.BEFORE_PREVIOUS_ORDER: "The click came before the customer's previous order.",
    Reason.CODE_WITHOUT_OWNER: "The code belonged to nobody when the order was placed.",
    Reason.ANOTHER_CODE_CAME_FIRST: "Another partner's code stands before it on the order, and the first code counts.",
    Reason.CHANNEL_EARNS_NOTHING: "Its channel is shown in journeys but earns nothing.",
    Reason.CODE_OF_ANOTHER_PARTNER: "Another partner's code was used, and the code's owner wins.",
    Reason.CLICK_OF_ANOTHER_PARTNER: "There is a click in the journey, and a click wins over a code.",
    Reason.TEST_ORDER: "The order is a test.",
    Reason.CANCELLED_ORDER: "The order was cancelled.",
    Reason.DELETED_ORDER: "The order was deleted.",
    Reason.EXCLUDED_SOURCE: "Orders from this source are credited to nobody.",
}


class Rule(StrEnum):
    """The rule that decided who may earn."""

    NO_TOUCHPOINT = "no_touchpoint"
    ORDER_EARNS_NOTHING = "order_earns_nothing"
    SOLE_PARTNER = "sole_partner"
    CODE_OWNER_WINS = "code_owner_wins"
    CLICK_WINS = "click_wins"
    ALL_SHARE = "all_share"


RULE_SENTENCES: dict[Rule, str] = {
    Rule.NO_TOUCHPOINT: "No touchpoint of a partner may earn from this order.",
    Rule.ORDER_EARNS_NOTHING: "This order earns nothing, whoever had a hand in it.",
    Rule.SOLE_PARTNER: "One partner alone had a hand in this order.",
    Rule.CODE_OWNER_WINS: "A partner's code was used: only its owner's touchpoints may earn.",
    Rule.CLICK_WINS: "Codes and clicks of several partners: only touchpoints with a click may earn.",
    Rule.ALL_SHARE: "Every touchpoint of the journey weighs.",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A click or a code that evidence ties to the order, with what its link or its owner's terms say of it.

    `id` is the click's id or the code's normal form; `rank` is a code's place among the codes of the order. A code is
    used at the order, so its `at` is the order's. `program` is empty for a person's click, otherwise what was seen
    (`bot:library`, `preview:facebook`).
    """

    kind: Kind
    id: str
    at: datetime
    evidence: frozenset[Evidence]
    partner_id: str | None
    channel: str = ""
    link_id: str | None = None
    campaign_id: str | None = None
    placement_id: str | None = None
    code: str | None = None
    rank: int = 0
    program: str = ""

    @property
    def key(self) -> Key:
        """What makes two candidates the same one; a code may be spelled like a click's id."""
        return (self.kind, self.id)


@dataclass(frozen=True, slots=True)
class Sale:
    """What the judgement needs to know of the order. `previous_at` is when the customer's previous order was placed."""

    placed_at: datetime
    status: Status
    test: bool = False
    source: str = ""
    previous_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Touchpoint:
    """A touchpoint of the journey. `age` is the time from it to the order, never negative.

    A code stands at the order's time; together with a click of its owner it is one touchpoint with two proofs, at the
    click's time. `reason` says why it may not weigh, None where it may.
    """

    kind: Kind
    id: str
    at: datetime
    age: timedelta
    evidence: tuple[Evidence, ...]
    partner_id: str
    channel: str
    link_id: str | None = None
    click_id: str | None = None
    code: str | None = None
    campaign_id: str | None = None
    placement_id: str | None = None
    reason: Reason | None = None

    @property
    def earns(self) -> bool:
        """Whether it may weigh."""
        return self.reason is None


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a candidate: its place in the journey, or the reason why it has none."""

    candidate: Candidate
    position: int | None
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Journey:
    """The judgement: touchpoints in time order (the first is the opener, the last the closer), findings, the rule."""

    touches: tuple[Touchpoint, ...]
    findings: tuple[Finding, ...]
    rule: Rule
    reason: Reason | None

    @property
    def earning(self) -> tuple[Touchpoint, ...]:
        """The touchpoints that may weigh, in time order."""
        return tuple(touch for touch in self.touches if touch.earns)


def judge(sale: Sale, candidates: Iterable[Candidate], rules: Rules) -> Journey:
    """The journey before the sale under these rules, and what became of every candidate."""
    found = sorted(_distinct(candidates), key=lambda candidate: _sequence(sale, candidate))
    lost = {candidate.key: _loses(sale, candidate, rules) for candidate in found}
    clicks = [candidate for candidate in found if candidate.kind is Kind.CLICK and lost[candidate.key] is None]
    codes = sorted(_owned_codes(found), key=lambda candidate: (candidate.rank, candidate.id))
    counted = _counted_owners(codes, rules)
    groups = _join(clicks, codes, counted)
    touches = sorted((_touchpoint(sale, group) for group in groups), key=lambda pair: pair[0])
    reason = _order_reason(sale, rules)
    judged, rule = _decide([touch for _, touch in touches], counted, rules, reason)
    return Journey(tuple(judged), _findings(found, lost, groups, judged), rule, reason)


def _distinct(candidates: Iterable[Candidate]) -> Iterable[Candidate]:
    """Every candidate once, with all that ties it to the order."""
    unique: dict[Key, Candidate] = {}
    for candidate in candidates:
        known = unique.get(candidate.key, candidate)
        unique[candidate.key] = replace(known, evidence=known.evidence | candidate.evidence)
    return unique.values()


def _sequence(sale: Sale, candidate: Candidate) -> tuple[datetime, bool, int, str]:
    """Time order; a click within the skew counts as at the order, and the first code of an order stands last."""
    return (min(candidate.at, sale.placed_at), candidate.kind is Kind.CODE, -candidate.rank, candidate.id)


def _loses(sale: Sale, candidate: Candidate, rules: Rules) -> Reason | None:
    """Why this candidate cannot stand in the journey, or None. The first reason that applies is the one given."""
    if candidate.kind is Kind.CODE:
        return Reason.CODE_WITHOUT_OWNER if candidate.partner_id is None else None
    if candidate.program:
        return Reason.NOT_HUMAN
    return Reason.NO_PARTNER if candidate.partner_id is None else _out_of_time(sale, candidate, rules)


def _out_of_time(sale: Sale, candidate: Candidate, rules: Rules) -> Reason | None:
    """The boundary of the window is inside it, in whole seconds."""
    if candidate.at > sale.placed_at + SKEW:
        return Reason.AFTER_ORDER
    age = (sale.placed_at - candidate.at) // timedelta(seconds=1)
    if age > rules.window(candidate.kind, candidate.channel).total_seconds():
        return Reason.OUTSIDE_WINDOW
    if rules.since_previous_order and sale.previous_at is not None and candidate.at <= sale.previous_at:
        return Reason.BEFORE_PREVIOUS_ORDER
    return None


def _owned_codes(found: Iterable[Candidate]) -> list[Candidate]:
    return [candidate for candidate in found if candidate.kind is Kind.CODE and candidate.partner_id is not None]


def _counted_owners(codes: Sequence[Candidate], rules: Rules) -> set[str]:
    """The partners whose codes count, among codes in the order's own sequence."""
    owners = [code.partner_id for code in codes if code.partner_id and code.channel in EARNING_CHANNELS]
    return set(owners[:1] if rules.several_codes is SeveralCodes.FIRST else owners)


def _join(clicks: Sequence[Candidate], codes: Sequence[Candidate], counted: set[str]) -> list[list[Candidate]]:
    """Candidates that are one touchpoint: a partner's codes join his last click; without one they stand together.

    A code that does not count adds nothing to a click; it stands only where its owner has no other touchpoint.
    """
    groups = [[click] for click in clicks]
    of_partner = {_party(group[0]): group for group in groups}
    for code in codes:
        group = of_partner.get(_party(code))
        if group is None:
            of_partner[_party(code)] = group = []
            groups.append(group)
        elif code.partner_id not in counted and group[0].kind is Kind.CLICK:
            continue
        group.append(code)
    return groups


def _party(candidate: Candidate) -> tuple[str | None, bool]:
    """A code that may earn must not vanish in a click that may not."""
    return (candidate.partner_id, candidate.channel in EARNING_CHANNELS)


def _touchpoint(sale: Sale, group: Sequence[Candidate]) -> tuple[tuple[datetime, bool, int, str], Touchpoint]:
    """The touchpoint that a group makes, with its place in the sequence; the click speaks where there is one."""
    first = group[0]
    code = next((candidate for candidate in group if candidate.kind is Kind.CODE), None)
    touch = Touchpoint(
        kind=first.kind,
        id=first.id,
        at=first.at,
        age=max(sale.placed_at - first.at, timedelta(0)),
        evidence=tuple(sorted(frozenset().union(*(part.evidence for part in group)), key=_STRENGTH.__getitem__)),
        partner_id=first.partner_id or "",
        channel=first.channel,
        link_id=first.link_id,
        click_id=first.id if first.kind is Kind.CLICK else None,
        code=code.code if code else None,
        campaign_id=first.campaign_id or (code.campaign_id if code else None),
        placement_id=first.placement_id or (code.placement_id if code else None),
    )
    return _sequence(sale, first), touch


def _order_reason(sale: Sale, rules: Rules) -> Reason | None:
    if sale.test:
        return Reason.TEST_ORDER
    if sale.status is Status.DELETED:
        return Reason.DELETED_ORDER
    if sale.status is Status.CANCELLED:
        return Reason.CANCELLED_ORDER
    return Reason.EXCLUDED_SOURCE if sale.source and sale.source in rules.excluded_sources else None


def _decide(
    touches: Sequence[Touchpoint], counted: set[str], rules: Rules, reason: Reason | None
) -> tuple[list[Touchpoint], Rule]:
    """Which touchpoints may weigh, and the rule that says so."""
    if reason is not None:
        return [replace(touch, reason=reason) for touch in touches], Rule.ORDER_EARNS_NOTHING
    in_channel = [touch for touch in touches if touch.channel in EARNING_CHANNELS]
    rule = _rule(in_channel, counted, rules)
    judged = [replace(touch, reason=_why_not(touch, rule, counted)) for touch in touches]
    return judged, rule


def _rule(touches: Sequence[Touchpoint], counted: set[str], rules: Rules) -> Rule:
    partners = {touch.partner_id for touch in touches}
    if not touches:
        return Rule.NO_TOUCHPOINT
    if len(partners) == 1:
        return Rule.SOLE_PARTNER
    if rules.between_partners is BetweenPartners.CODE_WINS and counted:
        return Rule.CODE_OWNER_WINS
    clicked = any(touch.click_id for touch in touches)
    if rules.between_partners is BetweenPartners.CLICK_WINS and clicked and counted:
        return Rule.CLICK_WINS
    return Rule.ALL_SHARE


def _why_not(touch: Touchpoint, rule: Rule, counted: set[str]) -> Reason | None:
    if touch.channel not in EARNING_CHANNELS:
        return Reason.CHANNEL_EARNS_NOTHING
    if touch.click_id is None and touch.partner_id not in counted:
        return Reason.ANOTHER_CODE_CAME_FIRST
    if rule is Rule.CODE_OWNER_WINS and touch.partner_id not in counted:
        return Reason.CODE_OF_ANOTHER_PARTNER
    if rule is Rule.CLICK_WINS and touch.click_id is None:
        return Reason.CLICK_OF_ANOTHER_PARTNER
    return None


def _findings(
    found: Sequence[Candidate],
    lost: Mapping[Key, Reason | None],
    groups: Sequence[Sequence[Candidate]],
    touches: Sequence[Touchpoint],
) -> tuple[Finding, ...]:
    """An eligible candidate that stands nowhere is a code that another one outdid."""
    place = {(touch.kind, touch.id): index for index, touch in enumerate(touches)}
    standing = {candidate.key: place[group[0].key] for group in groups for candidate in group}
    return tuple(
        Finding(candidate, standing[candidate.key], None)
        if candidate.key in standing
        else Finding(candidate, None, lost[candidate.key] or Reason.ANOTHER_CODE_CAME_FIRST)
        for candidate in found
    )
