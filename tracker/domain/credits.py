"""Credits of an order under a model sum to its net value to the minor unit; the receipt says how they came about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import cache
from typing import Any

from tracker.domain.codes import is_plain, normal
from tracker.domain.journeys import Finding, Journey, Kind, Reason, Touchpoint
from tracker.domain.money import allot, decimal_string
from tracker.domain.orders import Status
from tracker.domain.policies import with_closers_share
from tracker.domain.rules import Evidence, Rules

RECEIPT_FORMAT = 2

OUTWEIGHED = "outweighed"
"""Why a touchpoint that may weigh is among the losers: the paying model gives it nothing."""

HIDDEN = "(hidden)"
"""What a receipt shows of a text that may name the buyer."""

_ONE = Fraction(1)

Weigh = Callable[[Sequence[Touchpoint], Rules], Sequence[Fraction]]


@dataclass(frozen=True, slots=True)
class Credit:
    """A touchpoint's share of an order: its place in the journey, its weight, its minor units of the net value."""

    position: int
    weight: Fraction
    amount: int


@dataclass(frozen=True, slots=True)
class ModelCredits:
    """What one model makes of an order. `paying` marks the model by which the rule set pays."""

    model: str
    version: int
    paying: bool
    credits: tuple[Credit, ...]
    additive: bool = True


@dataclass(frozen=True, slots=True)
class Bill:
    """An order as its receipt shows it: figures in minor units, nothing that names the buyer."""

    order_id: str
    shop_id: str
    external_id: str
    status: Status
    test: bool
    source: str
    currency: str
    total: int
    goods: int
    refunded: int
    net: int
    net_formula: str
    placed_at: datetime
    codes: tuple[str, ...] = ()
    unknown_click_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Weighable:
    """What of a journey may weigh, where it stands, and the settings that hold for it: the same to every model."""

    places: tuple[int, ...]
    touches: tuple[Touchpoint, ...]
    rules: Rules


def weighable(journey: Journey, rules: Rules) -> Weighable:
    """What of the journey may weigh."""
    places = tuple(position for position, touch in enumerate(journey.touches) if touch.earns)
    return Weighable(places, tuple(journey.touches[place] for place in places), rules.under(journey.campaign_id))


def credit(journey: Journey, net: int, weigh: Weigh, rules: Rules, *, additive: bool = True) -> tuple[Credit, ...]:
    """What the model credits of the journey: see `credit_among`."""
    return credit_among(weighable(journey, rules), net, weigh, additive=additive)


def credit_among(found: Weighable, net: int, weigh: Weigh, *, additive: bool = True) -> tuple[Credit, ...]:
    """The net value shared by the model's weights, to the unit; touchpoints of weight 0 get none.

    Under a model that is not `additive` each weight is of the whole net value. A fully refunded order has credits of 0:
    the partner sold it, and it was given back. Raises ValueError for additive weights that are negative or do not sum
    to 1.
    """
    if not found.places:
        return ()
    if additive and len(found.places) == 1:
        return (Credit(found.places[0], _ONE, net),)
    weights = weigh(found.touches, found.rules)
    if additive and found.rules.closer_shares:
        weights = with_closers_share(found.touches, weights, found.rules)
    amounts = allot(net, weights) if additive else [int(net * weight) for weight in weights]
    shares = zip(found.places, weights, amounts, strict=True)
    return tuple(Credit(position, weight, amount) for position, weight, amount in shares if weight)


def receipt(bill: Bill, journey: Journey, results: Sequence[ModelCredits], rules: Rules) -> dict[str, Any]:
    """Why the order was credited as it was, from which alone the credits can be computed again. Plain JSON values.

    The same facts make the same receipt: there is no clock in it. Nothing in it names the buyer: of texts that anybody
    may have typed (a code that nobody owns, the order's source) only those are shown that look like a code.
    """
    settings = rules.under(journey.campaign_id)
    return {
        "format": RECEIPT_FORMAT,
        "order": _order(bill, _owned(journey)),
        "outcome": _outcome(bill, journey, results),
        "rule": {"name": journey.rule.value, **_campaign(journey), **_why(journey.reason, "order_")},
        "rule_set": {"version": rules.version},
        "models": {one.model: _model(one, settings.models) for one in results},
        "journey": [_stop(journey, position, share) for position, share in enumerate(_shares(bill, journey, results))],
        "candidates": [_candidate(finding, number) for number, finding in enumerate(journey.findings, 1)],
        "lost": _lost(journey, results),
        "unknown_clicks": list(bill.unknown_click_ids),
    }


def _model(one: ModelCredits, settings: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The model's versions, and the settings that the rule set has for it."""
    own = {"settings": dict(settings[one.model])} if settings.get(one.model) else {}
    return {"version": one.version, "paying": one.paying, "additive": one.additive, **own}


def _campaign(journey: Journey) -> dict[str, str]:
    """The campaign whose own settings held, where one's did."""
    return {"campaign": journey.campaign_id} if journey.campaign_id is not None else {}


def _owned(journey: Journey) -> frozenset[str]:
    """The normal forms of the order's codes that are a partner's: those never name the buyer."""
    found = (finding.candidate for finding in journey.findings)
    return frozenset(one.id for one in found if one.kind is Kind.CODE and one.partner_id is not None)


def _order(bill: Bill, owned: frozenset[str]) -> dict[str, Any]:
    amounts = {name: getattr(bill, name) for name in ("total", "goods", "refunded", "net")}
    return {
        "id": bill.order_id,
        "shop": bill.shop_id,
        "external_id": bill.external_id,
        "status": bill.status.value,
        "test": bill.test,
        "source": bill.source if not bill.source or is_plain(bill.source) else HIDDEN,
        "placed_at": bill.placed_at.isoformat(),
        "currency": bill.currency,
        **{name: decimal_string(amount, bill.currency) for name, amount in amounts.items()},
        "net_formula": bill.net_formula,
        "codes": [_shown(code, owned=normal(code) in owned) for code in bill.codes],
    }


def _shown(code: str, *, owned: bool) -> str:
    return code if owned or is_plain(code) else HIDDEN


def _outcome(bill: Bill, journey: Journey, results: Sequence[ModelCredits]) -> str:
    """credited, would_be_credited (the order is not paid yet), unattributed, or earns_nothing (whoever had a hand)."""
    if journey.reason is not None:
        return "earns_nothing"
    if not any(one.credits for one in results):
        return "unattributed"
    return "would_be_credited" if bill.status is Status.PENDING else "credited"


def _stop(journey: Journey, position: int, credits: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    touch = journey.touches[position]
    return {
        "position": position,
        "kind": touch.kind.value,
        "at": touch.at.isoformat(),
        "partner": touch.partner_id,
        "channel": touch.channel,
        "link": touch.link_id,
        "click": touch.click_id,
        "code": touch.code,
        "campaign": touch.campaign_id,
        "placement": touch.placement_id,
        "evidence": [evidence.value for evidence in touch.evidence],
        "opener": position == 0,
        "closer": position == len(journey.touches) - 1,
        "earns": touch.earns,
        **_why(touch.reason),
        "credits": credits,
    }


def _shares(bill: Bill, journey: Journey, results: Sequence[ModelCredits]) -> list[dict[str, Mapping[str, str]]]:
    """By touchpoint and model what it gets. Most models give a lone touchpoint the same, which is spelled out once."""
    found: list[dict[str, Mapping[str, str]]] = [{} for _ in journey.touches]
    told: dict[tuple[int, int, int], Mapping[str, str]] = {}
    for result in results:
        for one in result.credits:
            key = (one.weight.numerator, one.weight.denominator, one.amount)
            if key not in told:
                told[key] = {"weight": str(one.weight), "amount": decimal_string(one.amount, bill.currency)}
            found[one.position][result.model] = told[key]
    return found


def _candidate(finding: Finding, number: int) -> dict[str, Any]:
    candidate = finding.candidate
    is_code, owned = candidate.kind is Kind.CODE, candidate.partner_id is not None
    return {
        "number": number,
        "kind": candidate.kind.value,
        **({"code": _shown(candidate.code or candidate.id, owned=owned)} if is_code else {"click": candidate.id}),
        "at": candidate.at.isoformat(),
        "partner": candidate.partner_id,
        "channel": candidate.channel,
        "link": candidate.link_id,
        "evidence": list(_names(candidate.evidence)),
        "position": finding.position,
        **_why(finding.reason),
        **({"program": candidate.program} if candidate.program else {}),
    }


@cache
def _names(evidence: frozenset[Evidence]) -> tuple[str, ...]:
    """There are but fifteen such sets, and five candidates an order."""
    return tuple(sorted(one.value for one in evidence))


def _lost(journey: Journey, results: Sequence[ModelCredits]) -> list[dict[str, Any]]:
    """Every candidate that earns nothing, numbered, with the reason; `candidate` is its number among all."""
    paying = next((one for one in results if one.paying), None)
    paid = {one.position for one in paying.credits} if paying is not None else None
    lost = [
        (candidate, reason)
        for candidate, finding in enumerate(journey.findings, 1)
        if (reason := _loss(journey, finding, paid)) is not None
    ]
    return [{"number": number, "candidate": one, "reason": reason} for number, (one, reason) in enumerate(lost, 1)]


def _loss(journey: Journey, finding: Finding, paid: Collection[int] | None) -> str | None:
    if finding.position is None:
        return finding.reason.value if finding.reason is not None else None
    reason = journey.touches[finding.position].reason
    if reason is not None:
        return reason.value
    return OUTWEIGHED if paid is not None and finding.position not in paid else None


def _why(reason: Reason | None, prefix: str = "") -> dict[str, str]:
    return {f"{prefix}reason": reason.value} if reason is not None else {}
