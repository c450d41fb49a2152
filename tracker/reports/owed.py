"""What is owed to each partner as of the end of the last day: a balance, not a turnover."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from tracker.ledger.tables import Partner
from tracker.reports import _owed
from tracker.reports._owed import Owed
from tracker.reports._parts import brand_currency
from tracker.reports._performance import CURRENCY
from tracker.reports._shape import Column, Kind, Row, Scope
from tracker.reports._unagreed import orders_without_terms

RANK = 35
GROUP = "Money"
FILTERS = ("channel", "partner", "campaign")
TITLE = "What is owed"
DESCRIPTION = "What partners are owed as of the end of the last day, whenever the orders were placed."
EMPTY = "A commission is owed once an order is paid, a partner is credited and terms say the pay."
COLUMNS = (
    Column("partner_id", "Partner id", Kind.ID),
    Column("partner", "Partner"),
    Column("channel", "Channel", Kind.WORD, "The partner's own channel."),
    CURRENCY,
    Column("recorded", "New in the period", Kind.MONEY, "Commissions less reversals recorded in the days chosen."),
    Column("pending", "Pending", Kind.MONEY, "In its hold: a refund still takes it back before it is approved."),
    Column("approved", "Approved", Kind.MONEY, "To be paid; what was taken back after a payment is already off."),
    Column("paid", "Paid out", Kind.MONEY, "In payouts, less what later payouts kept back."),
    Column("reversed", "Reversed", Kind.MONEY, "Taken back since money went back to buyers; in the other figures too."),
    Column("orders", "Orders", Kind.INTEGER, "Orders for which a commission was recorded, reversed ones included."),
    Column("without_terms", "Orders without terms", Kind.INTEGER, "Credited to the partner, but no terms say the pay."),
)


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a partner and currency, the largest sum to be paid first; the brand's own currency before others."""
    owed, forgotten = _owed.balances(session, scope), orders_without_terms(session, scope)
    partners = {row.id: row for row in session.execute(_partners(scope))}
    found = [
        _row(partners[key[0]], key[1], owed.get(key, Owed()), forgotten.get(key, 0))
        for key in owed.keys() | forgotten.keys()
        if key[0] in partners
    ]
    first = brand_currency(session, scope.brand_id)
    return sorted(found, key=lambda row: _rank(row, first))


def _rank(row: Row, first: str) -> tuple[Any, ...]:
    figures: dict[str, Any] = row
    return (row["currency"] != first, row["currency"], -figures["approved"] - figures["pending"], row["partner"])


def _row(partner: Any, currency: str, owed: Owed, forgotten: int) -> Row:
    return {
        "partner_id": partner.id,
        "partner": partner.name,
        "channel": partner.channel,
        "currency": currency,
        "recorded": owed.new,
        "pending": owed.pending,
        "approved": owed.payable,
        "paid": owed.paid,
        "reversed": owed.reversed,
        "orders": owed.orders,
        "without_terms": forgotten,
    }


def _partners(scope: Scope) -> Select[*tuple[Any, ...]]:
    wanted = ((Partner.channel, scope.channel), (Partner.id, scope.partner_id))
    kept = [column == value for column, value in wanted if value]
    return select(Partner.id, Partner.name, Partner.channel).where(Partner.brand_id == scope.brand_id, *kept)
