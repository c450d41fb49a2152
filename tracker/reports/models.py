"""The same orders under every model: what each partner gains or loses by the choice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from tracker.ledger.figures import Line
from tracker.ledger.tables import Credit, CreditSet, OrderRow, Placement
from tracker.reports import _rolled
from tracker.reports._crossing import for_each
from tracker.reports._parts import Credited, Key, brand_currency, credited, grouped, kept_by, orders_of, partners_of
from tracker.reports._performance import CURRENCY, by_revenue
from tracker.reports._shape import PAYING, Column, Kind, Row, Scope, model_titles, wholes

RANK = 60
GROUP = "Performance"
FILTERS = ("channel", "partner", "campaign", "network")
TITLE = "Under every model"
DESCRIPTION = "The same orders under every model, and what each partner gains or loses against the one that pays."


def _titles(*, additive: bool) -> dict[str, str]:
    """The models that credit single orders, with their titles. Only the sums of additive ones can be compared."""
    return {name: title for name, title in model_titles().items() if (name not in wholes()) is additive}


def _columns(model: str, title: str) -> tuple[Column, Column]:
    return (
        Column(model, title, Kind.MONEY, "Net value credited under this model."),
        Column(f"{model}_change", "± paying", Kind.MONEY, "Difference from the model that pays."),
    )


_MODELS = _titles(additive=True)
_WHOLE = _titles(additive=False)
_WHOLE_HELP = "Each order counts whole for every partner who had a part in it: this column does not sum to the revenue."

COLUMNS = (
    Column("partner_id", "Partner id", Kind.ID),
    Column("partner", "Partner"),
    Column("channel", "Channel", Kind.WORD),
    CURRENCY,
    Column("revenue", "Paying model", Kind.MONEY, "Net value credited by the model that pays."),
    Column("lowest", "Lowest", Kind.MONEY, "The least that any of the models gives."),
    Column("highest", "Highest", Kind.MONEY, "The most that any of the models gives."),
    Column("spread", "Spread", Kind.MONEY, "Highest less lowest: how much hangs on the choice of the model."),
    *(column for name, title in _MODELS.items() for column in _columns(name, title)),
    *(Column(name, f"{title} (does not sum)", Kind.MONEY, _WHOLE_HELP) for name, title in _WHOLE.items()),
)

Under = dict[str, dict[Key, int]]


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a partner and currency; None under a model that has credited nothing at all in the period."""
    under = _credited(session, scope)
    whole = {name: credited(session, replace(scope, model=name), Credit.partner_id) for name in _WHOLE}
    partners = partners_of(session, scope.brand_id)
    found = [
        {
            "partner_id": partner_id,
            "partner": partners[partner_id].name,
            "channel": partners[partner_id].channel,
            "currency": currency,
        }
        | _figures((partner_id, currency), under)
        | {name: figures.get((partner_id, currency), Credited()).revenue for name, figures in whole.items()}
        for partner_id, currencies in grouped(*under.values(), *whole.values()).items()
        for currency in currencies
    ]
    return by_revenue(found, brand_currency(session, scope.brand_id))


def _credited(session: Session, scope: Scope) -> Under:
    """What each partner is credited with in each currency, by model, and by PAYING. One query for all of them."""
    everyone = replace(scope, partner_id=None)  # a partner's lines are among everyone's, and those are kept
    found = [
        (partner_id, currency, numbers)
        for partner_id, currency, *numbers in _rolled.asked(session, everyone, _by_model)
        if scope.partner_id in (None, partner_id)
    ]
    under: Under = {}
    for place, name in enumerate((*_MODELS, PAYING)):
        amounts, counts = 2 * place, 2 * place + 1
        if any(numbers[counts] for *_, numbers in found):
            under[name] = {(partner, currency or ""): n[amounts] for partner, currency, n in found if n[counts]}
    return under


def _by_grain(session: Session, scope: Scope, grain: str) -> Iterable[Line]:
    there = select(Placement.network).where(Placement.id == Credit.placement_id, Placement.brand_id == Credit.brand_id)
    only = (Credit.campaign_id if grain == "campaign" else there.scalar_subquery()).label("only")
    lines = for_each(session, _query(scope), only)
    return _in_columns((line[:3], line[3:]) for line in lines if line[0] is not None)


@_rolled.additive("under-models", 2, by_grain=_by_grain, grains=("campaign", "network"))
def _by_model(session: Session, scope: Scope) -> Iterable[Line]:
    """By partner and currency, for each of _MODELS and what pays: the amount, and how many credits it is of."""
    return _in_columns((row[:2], row[2:]) for row in session.execute(_query(scope)))


def _query(scope: Scope) -> Select[*tuple[Any, ...]]:
    by = (Credit.partner_id, OrderRow.currency, CreditSet.model, CreditSet.paying)
    return (
        select(*by, func.sum(Credit.amount), func.count())
        .select_from(OrderRow)
        .join(CreditSet, CreditSet.order_id == OrderRow.id)
        .join(Credit, Credit.set_id == CreditSet.id)
        .where(*orders_of(scope), CreditSet.sealed.is_(True), *kept_by(scope, Credit))
        .group_by(*by)
    )


def _in_columns(lines: Iterable[tuple[Line, Line]]) -> list[Line]:
    """Keys, each with a model, whether it pays, an amount and a count, as one line of all models."""
    places = {name: 2 * place for place, name in enumerate((*_MODELS, PAYING))}
    found: dict[Line, list[int]] = {}
    for key, (model, paying, amount, count) in lines:
        numbers = found.setdefault(tuple(key), [0] * 2 * len(places))
        for name in (model, PAYING) if paying else (model,):
            if name in places:
                numbers[places[name]] += int(amount)
                numbers[places[name] + 1] += count
    return [(*key, *numbers) for key, numbers in found.items()]


def _figures(key: Key, under: Under) -> Row:
    paid = under.get(PAYING, {}).get(key, 0)
    given = {name: under[name].get(key, 0) if name in under else None for name in _MODELS}
    known = [paid, *(amount for amount in given.values() if amount is not None)]
    row: Row = {"revenue": paid, "lowest": min(known), "highest": max(known), "spread": max(known) - min(known)}
    for name, amount in given.items():
        row |= {name: amount, f"{name}_change": None if amount is None else amount - paid}
    return row
