"""The same orders under every model: what each partner gains or loses by the choice."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from tracker.ledger.tables import Credit
from tracker.reports._parts import Credited, Key, brand_currency, credited, grouped, partners_of
from tracker.reports._performance import CURRENCY, by_revenue
from tracker.reports._shape import PAYING, Column, Kind, Row, Scope, model_titles

RANK = 60
TITLE = "Models compared"
DESCRIPTION = "The same orders under every model, and what each partner gains or loses against the one that pays."


def _columns(model: str, title: str) -> tuple[Column, Column]:
    return (
        Column(model, title, Kind.MONEY, "Net value credited under this model."),
        Column(f"{model}_change", "± paying", Kind.MONEY, "Difference from the model that pays."),
    )


_MODELS = model_titles()

COLUMNS = (
    Column("partner_id", "Partner id", Kind.ID),
    Column("partner", "Partner"),
    Column("channel", "Channel", Kind.WORD),
    CURRENCY,
    Column("revenue", "Paying model", Kind.MONEY, "Net value credited by the model that pays."),
    *(column for name, title in _MODELS.items() for column in _columns(name, title)),
)


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a partner and currency; None under a model that has credited nothing at all in the period."""
    paying = credited(session, replace(scope, model=PAYING), Credit.partner_id)
    under = {name: credited(session, replace(scope, model=name), Credit.partner_id) for name in _MODELS}
    partners = partners_of(session, scope.brand_id)
    found = [
        {
            "partner_id": partner_id,
            "partner": partners[partner_id].name,
            "channel": partners[partner_id].channel,
            "currency": currency,
        }
        | _figures((partner_id, currency), paying, under)
        for partner_id, currencies in grouped(paying, *under.values()).items()
        for currency in currencies
    ]
    return by_revenue(found, brand_currency(session, scope.brand_id))


def _figures(key: Key, paying: dict[Key, Credited], under: dict[str, dict[Key, Credited]]) -> Row:
    paid = paying.get(key, Credited()).revenue
    row: Row = {"revenue": paid}
    for name, figures in under.items():
        revenue = figures.get(key, Credited()).revenue if figures else None
        row[name] = revenue
        row[f"{name}_change"] = None if revenue is None else revenue - paid
    return row
