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

from tracker.domain.orders import Status
from tracker.domain.policies import EARNING_CHANNELS, Codes, count_codes, decide, governing
from tracker.domain.reasons import RULE_SENTENCES, SENTENCES, Reason, Rule
from tracker.domain.rules import SKEW, Evidence, Rules

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

_SECOND = timedelta(seconds=1)


class Kind(StrEnum):
    """What a touchpoint is made of."""

    CLICK = "click"
    CODE = "code"


Key = tuple[Kind, str]


_STRENGTH = {evidence: rank for rank, evidence in enumerate(Evidence)}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A click or a code that evidence ties to the order, with what its link or its owner's terms say of it.

    `id` is the click's id or the code's normal form; `rank` is a code's place among the codes of the order. A code is
    used at the order, so its `at` is the order's. `program` is empty for a person's click, otherwise what was seen
    (`bot:library`, `preview:facebook`). `partner_kind` is what its partner is, such as a coupon site.
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
    partner_kind: str = ""

    @property
    def key(self) -> Key:
        """What makes two candidates the same one; a code may be spelled like a click's id."""
        return (self.kind, self.id)


@dataclass(frozen=True, slots=True)
class Sale:
    """What the judgement needs to know of the order. `previous_at` is when the customer's previous order was placed.

    `customer_is_new` is None where nobody can tell; such a customer counts as new.
    """

    placed_at: datetime
    status: Status
    test: bool = False
    source: str = ""
    previous_at: datetime | None = None
    customer_is_new: bool | None = None


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
    partner_kind: str = ""

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
    """The judgement: touchpoints in time order (the first is the opener, the last the closer), findings, the rule.

    `campaign_id` is the campaign whose own settings held for the order, None where the rule set's did.
    """

    touches: tuple[Touchpoint, ...]
    findings: tuple[Finding, ...]
    rule: Rule
    reason: Reason | None
    campaign_id: str | None = None

    @property
    def earning(self) -> tuple[Touchpoint, ...]:
        """The touchpoints that may weigh, in time order."""
        return tuple(touch for touch in self.touches if touch.earns)


def judge(sale: Sale, candidates: Iterable[Candidate], rules: Rules) -> Journey:
    """The journey before the sale under these rules, and what became of every candidate."""
    found = sorted(_distinct(candidates), key=lambda candidate: _sequence(sale, candidate))
    lost = {candidate.key: _loses(sale, candidate, rules) for candidate in found}
    repeats = _repeats(found, lost, rules)
    clicks = [candidate for candidate in found if candidate.kind is Kind.CLICK and lost[candidate.key] is None]
    owned = sorted(_owned_codes(found), key=lambda candidate: (candidate.rank, candidate.id))
    is_new = sale.customer_is_new is not False
    codes = count_codes(owned, clicks, rules, is_new=is_new)
    groups = _join(clicks, owned, codes.uncounted)
    pairs = sorted((_touchpoint(sale, group, repeats) for group in groups), key=lambda pair: pair[0])
    touches = [touch for _, touch in pairs]
    reason = _order_reason(sale, rules) or (Reason.CODE_UNEARNED if codes.unearned else None)
    campaign_id = governing(touches, codes, rules)
    judged, rule = _decide(touches, codes, rules.under(campaign_id), reason, is_new=is_new)
    return Journey(tuple(judged), _findings(found, lost, groups, judged, codes.uncounted), rule, reason, campaign_id)


def _distinct(candidates: Iterable[Candidate]) -> Iterable[Candidate]:
    """Every candidate once, with all that ties it to the order."""
    unique: dict[Key, Candidate] = {}
    for candidate in candidates:
        known = unique.get(candidate.key)
        unique[candidate.key] = (
            candidate if known is None else replace(known, evidence=known.evidence | candidate.evidence)
        )
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
    age = (sale.placed_at - candidate.at) // _SECOND
    if age > rules.window(candidate.kind, candidate.channel, candidate.partner_kind).total_seconds():
        return Reason.OUTSIDE_WINDOW
    if rules.since_previous_order and sale.previous_at is not None and candidate.at <= sale.previous_at:
        return Reason.BEFORE_PREVIOUS_ORDER
    return None


def _repeats(
    found: Sequence[Candidate], lost: dict[Key, Reason | None], rules: Rules
) -> Mapping[Key, Sequence[Candidate]]:
    """Marks as lost the clicks that lie too shortly before another of their partner that stands; them, by that one.

    In whole seconds, the boundary included. What ties a repeated click to the order ties the one that stands.
    """
    repeats: dict[Key, list[Candidate]] = {}
    if not rules.throw_out:
        return repeats
    standing: dict[tuple[str | None, bool], Candidate] = {}
    for click in reversed(found):
        if click.kind is not Kind.CLICK or lost[click.key] is not None:
            continue
        next_one = standing.get(_party(click))
        if next_one is not None and (next_one.at - click.at) // _SECOND * _SECOND <= rules.throw_out:
            lost[click.key] = Reason.REPEATED_CLICK
            repeats.setdefault(next_one.key, []).append(click)
        else:
            standing[_party(click)] = click
    return repeats


def _owned_codes(found: Iterable[Candidate]) -> list[Candidate]:
    return [candidate for candidate in found if candidate.kind is Kind.CODE and candidate.partner_id is not None]


def _join(
    clicks: Sequence[Candidate], codes: Sequence[Candidate], uncounted: Mapping[str, Reason]
) -> list[list[Candidate]]:
    """Candidates that are one touchpoint: a partner's codes join his last click; without one they stand together.

    A code that does not count adds nothing to what counts; it stands only where its owner has no other touchpoint.
    """
    groups = [[click] for click in clicks]
    of_partner = {_party(group[0]): group for group in groups}
    for code in sorted(codes, key=lambda code: code.id in uncounted):
        group = of_partner.get(_party(code))
        if group is None:
            of_partner[_party(code)] = group = []
            groups.append(group)
        elif code.id in uncounted and (group[0].kind is Kind.CLICK or group[0].id not in uncounted):
            continue
        group.append(code)
    return groups


def _party(candidate: Candidate) -> tuple[str | None, bool]:
    """A code that may earn must not vanish in a click that may not."""
    return (candidate.partner_id, candidate.channel in EARNING_CHANNELS)


def _touchpoint(
    sale: Sale, group: Sequence[Candidate], repeats: Mapping[Key, Sequence[Candidate]]
) -> tuple[tuple[datetime, bool, int, str], Touchpoint]:
    """The touchpoint that a group makes, with its place in the sequence; the click speaks where there is one."""
    first = group[0]
    code = next((candidate for candidate in group if candidate.kind is Kind.CODE), None)
    proofs = (part.evidence for part in (*group, *repeats.get(first.key, ())))
    touch = Touchpoint(
        kind=first.kind,
        id=first.id,
        at=first.at,
        age=max(sale.placed_at - first.at, timedelta(0)),
        evidence=tuple(sorted(frozenset().union(*proofs), key=_STRENGTH.__getitem__)),
        partner_id=first.partner_id or "",
        channel=first.channel,
        link_id=first.link_id,
        click_id=first.id if first.kind is Kind.CLICK else None,
        code=code.code if code else None,
        campaign_id=first.campaign_id or (code.campaign_id if code else None),
        placement_id=first.placement_id or (code.placement_id if code else None),
        partner_kind=first.partner_kind,
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
    touches: Sequence[Touchpoint], codes: Codes, rules: Rules, reason: Reason | None, *, is_new: bool
) -> tuple[Sequence[Touchpoint], Rule]:
    if reason is not None:
        return [replace(touch, reason=reason) for touch in touches], Rule.ORDER_EARNS_NOTHING
    return decide(touches, codes, rules, is_new=is_new)


def _findings(
    found: Sequence[Candidate],
    lost: Mapping[Key, Reason | None],
    groups: Sequence[Sequence[Candidate]],
    touches: Sequence[Touchpoint],
    uncounted: Mapping[str, Reason],
) -> tuple[Finding, ...]:
    """An eligible candidate that stands nowhere is a code that does not count."""
    place = {(touch.kind, touch.id): index for index, touch in enumerate(touches)}
    standing = {candidate.key: place[group[0].key] for group in groups for candidate in group}
    return tuple(
        Finding(candidate, standing[candidate.key], None)
        if candidate.key in standing
        else Finding(candidate, None, lost[candidate.key] or uncounted[candidate.id])
        for candidate in found
    )
