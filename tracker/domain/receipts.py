"""A receipt speaks for itself: from it alone the credits are computed again, explained, and shown to one partner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from tracker.domain.credits import OUTWEIGHED, Credit
from tracker.domain.journeys import RULE_SENTENCES, SENTENCES
from tracker.domain.money import allot, decimal_string, minor_units
from tracker.domain.orders import FORMULAS, NetFormula
from tracker.errors import say

Body = Mapping[str, Any]

LOSS_SENTENCES = {
    **{reason.value: sentence for reason, sentence in SENTENCES.items()},
    OUTWEIGHED: "It stands in the journey, and the paying model gives it no share.",
}
_RULES = {rule.value: sentence for rule, sentence in RULE_SENTENCES.items()}
_RECKONINGS = {
    NetFormula.GOODS_LESS_REFUNDS.value: "{goods} × ({total} − {refunded}) ÷ {total} = {net}",
    NetFormula.TOTAL_LESS_REFUNDS.value: "{total} − {refunded} = {net}",
}


# --- computed again ---------------------------------------------------------------------------------------------------


def stated(body: Body) -> dict[str, tuple[Credit, ...]]:
    """The credits as the receipt states them, by model: every model of the receipt, also one that gives nothing."""
    currency = body["order"]["currency"]
    return {
        model: tuple(
            Credit(stop["position"], Fraction(share["weight"]), minor_units(share["amount"], currency))
            for stop, share in _shares(body, model)
        )
        for model in body["models"]
    }


def recompute(body: Body) -> dict[str, tuple[Credit, ...]]:
    """The credits as they follow from the receipt's own weights and net value, by model.

    Weights of an additive model share the net value by largest remainder; of any other each is of the whole of it.
    Raises ValueError where the weights are none.
    """
    net = minor_units(body["order"]["net"], body["order"]["currency"])
    return {model: _computed(body, model, net) for model in body["models"]}


def net_again(body: Body) -> int:
    """The net value in minor units as the receipt's formula makes it of the receipt's figures. Raises ValueError."""
    order = body["order"]
    formula = FORMULAS.get(order["net_formula"])
    if formula is None:
        raise ValueError(say("unknown formula %(order)s", order=order["net_formula"]))
    return formula(*(minor_units(order[name], order["currency"]) for name in ("goods", "total", "refunded")))


def _computed(body: Body, model: str, net: int) -> tuple[Credit, ...]:
    found = [(stop["position"], Fraction(share["weight"])) for stop, share in _shares(body, model)]
    if not found:
        return ()
    weights = [weight for _, weight in found]
    additive = body["models"][model]["additive"]
    amounts = allot(net, weights) if additive else [int(net * weight) for weight in weights]
    return tuple(Credit(place, weight, amount) for (place, weight), amount in zip(found, amounts, strict=True))


def _shares(body: Body, model: str) -> Iterable[tuple[Body, Mapping[str, str]]]:
    return ((stop, stop["credits"][model]) for stop in body["journey"] if model in stop["credits"])


# --- before and after -------------------------------------------------------------------------------------------------


def paying_model(body: Body) -> str | None:
    """The model by which the receipt pays, or None."""
    return next((name for name, one in body["models"].items() if one["paying"]), None)


def paid(body: Body) -> dict[tuple[str, str], int]:
    """What each partner earns in each channel under the paying model, in minor units."""
    model, currency = paying_model(body), body["order"]["currency"]
    sums: dict[tuple[str, str], int] = {}
    for stop, share in _shares(body, model) if model else ():
        key = (stop["partner"], stop["channel"])
        sums[key] = sums.get(key, 0) + minor_units(share["amount"], currency)
    return sums


def changes(before: Body, after: Body) -> list[dict[str, str | None]]:
    """Who gained or lost by the later of two receipts of one order, under what paid by each; empty where nobody did."""
    if _paying(before) == _paying(after):
        return []
    then, now = paid(before), paid(after)
    currencies = before["order"]["currency"], after["order"]["currency"]
    sides = [
        (partner, channel, *map(_amount, (then.get((partner, channel)), now.get((partner, channel))), currencies))
        for partner, channel in sorted(then.keys() | now.keys())
    ]
    return [
        {"partner": partner, "channel": channel, "before": was, "after": is_}
        for partner, channel, was, is_ in sides
        if was != is_ or currencies[0] != currencies[1]
    ]


def _paying(body: Body) -> tuple[str, list[tuple[str, str, str]]]:
    """What `paid` and `changes` look at, as it is written."""
    model = paying_model(body)
    shares = _shares(body, model) if model else ()
    return body["order"]["currency"], [(stop["partner"], stop["channel"], share["amount"]) for stop, share in shares]


def _amount(amount: int | None, currency: str) -> str | None:
    return None if amount is None else decimal_string(amount, currency)


def owed_by(body: Body) -> Any:
    """What of a receipt commissions depend on, assists included: two receipts with the same owe the same."""
    model, order = paying_model(body), body["order"]
    stops = [
        (stop["partner"], stop["channel"], stop["campaign"], stop["credits"].get(model)) for stop in body["journey"]
    ]
    facts = [order[name] for name in ("status", "test", "currency", "refunded", "total", "net", "placed_at")]
    return (facts, stops) if stops else None


# --- in words ---------------------------------------------------------------------------------------------------------


def explained(body: Body) -> dict[str, Any]:
    """The receipt with a sentence for every word that stands for a rule or a reason, and the net value's reckoning.

    The digest is of the receipt without them: how something is said may be bettered at any time.
    """
    told = dict(body)
    if "rule" in body:
        rule = dict(body["rule"])
        told["rule"] = {**rule, "why": _RULES.get(rule["name"], ""), **_why(rule, "order_")}
    for name in ("journey", "candidates", "lost"):
        if name in body:
            told[name] = [{**one, **_why(one)} if isinstance(one, Mapping) else one for one in body[name]]
    if "order" in body:
        told["order"] = {**body["order"], "reckoning": reckoning(body["order"])}
    return told


def reckoning(order: Mapping[str, Any]) -> str:
    """The net value's formula with the order's figures; empty for a formula that has no words."""
    return _RECKONINGS.get(order["net_formula"], "").format(**order)


def _why(part: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    reason = part.get(f"{prefix}reason")
    return {f"{prefix}why": LOSS_SENTENCES.get(reason, "")} if reason else {}


# --- as one partner may see it ----------------------------------------------------------------------------------------

_OF_ORDER = ("id", "external_id", "status", "placed_at", "currency", "total", "goods", "refunded", "net", "net_formula")
_OF_ANOTHERS_STOP = ("position", "kind", "at", "channel", "opener", "closer", "earns", "reason")
_OF_ANOTHERS_CANDIDATE = ("number", "kind", "at", "channel", "position", "reason")


def for_partner(body: Body, partner_id: str) -> dict[str, Any] | None:
    """The receipt as the partner may see it, or None where nothing in it is his.

    His own touchpoints, reasons and amounts stand whole. Of the others it shows that they were there, when, in which
    channel and why they lost, under numbers: no names, ids, codes, links, placements or campaigns, and no amounts. Of
    the buyer it shows nothing; the order's figures stay, they are the base of his amounts.
    """
    others = _numbered(body, partner_id)
    if all(one["partner"] != partner_id for one in body["candidates"]):
        return None
    model = paying_model(body)
    return {
        "format": body["format"],
        "order": {name: body["order"][name] for name in _OF_ORDER if name in body["order"]},
        "outcome": body["outcome"],
        "rule": _seen_rule(body, partner_id),
        "rule_set": {"version": body["rule_set"]["version"]},
        "models": {model: body["models"][model]} if model else {},
        "journey": [_seen_stop(stop, partner_id, others, model) for stop in body["journey"]],
        "candidates": [_seen_candidate(one, partner_id, others) for one in body["candidates"]],
        "lost": body["lost"],
    }


def _numbered(body: Body, partner_id: str) -> dict[str, int]:
    """The other partners by a number of this receipt only, in the order of their first candidate."""
    others: dict[str, int] = {}
    for one in body["candidates"]:
        if one["partner"] not in (None, partner_id):
            others.setdefault(one["partner"], len(others) + 1)
    return others


def _seen_rule(body: Body, partner_id: str) -> dict[str, Any]:
    """A campaign in which he has no part is another's."""
    own = {stop["campaign"] for stop in body["journey"] if stop["partner"] == partner_id}
    return {name: value for name, value in body["rule"].items() if name != "campaign" or value in own}


def _seen_stop(stop: Body, partner_id: str, others: Mapping[str, int], model: str | None) -> dict[str, Any]:
    if stop["partner"] == partner_id:
        return {**stop, "credits": {name: share for name, share in stop["credits"].items() if name == model}}
    return _seen(stop, _OF_ANOTHERS_STOP, others)


def _seen_candidate(one: Body, partner_id: str, others: Mapping[str, int]) -> dict[str, Any]:
    return dict(one) if one["partner"] == partner_id else _seen(one, _OF_ANOTHERS_CANDIDATE, others)


def _seen(one: Body, names: Sequence[str], others: Mapping[str, int]) -> dict[str, Any]:
    """A part that is somebody else's: `another_partner` is his number, None for what belongs to nobody."""
    return {**{name: one[name] for name in names if name in one}, "another_partner": others.get(one["partner"])}
