"""What a partner is owed changes by commissions and, the other way, by payouts; a sum of both is what is open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from tracker.ledger.tables import Commission, OrderRow, Payout


@dataclass(frozen=True, slots=True)
class Change:
    """A commission, or a payout with its amount taken away; minor units."""

    at: datetime
    kind: str
    amount: int
    currency: str
    order_id: str | None = None
    order: str = ""
    reference: str = ""


def first_change(session: Session, brand_id: str, partner_id: str) -> datetime | None:
    """When something was first owed or paid."""
    owed = select(func.min(Commission.at)).where(*_of(Commission, brand_id, partner_id))
    paid = select(func.min(Payout.paid_at)).where(*_of(Payout, brand_id, partner_id))
    found = [at for at in (session.execute(owed).scalar(), session.execute(paid).scalar()) if at is not None]
    return min(found, default=None)


def owed_before(session: Session, brand_id: str, partner_id: str, moment: datetime) -> dict[str, int]:
    """What was owed and not paid just before the moment, by currency, minor units; 0 where all was paid."""
    owed = (
        select(Commission.currency, func.sum(Commission.amount))
        .where(*_of(Commission, brand_id, partner_id), Commission.at < moment)
        .group_by(Commission.currency)
    )
    paid = (
        select(Payout.currency, func.sum(Payout.amount))
        .where(*_of(Payout, brand_id, partner_id), Payout.paid_at < moment)
        .group_by(Payout.currency)
    )
    sums = {currency: int(amount) for currency, amount in session.execute(owed)}
    for currency, amount in session.execute(paid):
        sums[currency] = sums.get(currency, 0) - int(amount)
    return sums


def changes(session: Session, brand_id: str, partner_id: str, start: datetime, end: datetime) -> list[Change]:
    """What changed from `start` to before `end`, in time order; a payout comes after what it may have paid."""
    owed = (
        select(Commission.at, Commission.kind, Commission.amount, Commission.currency, Commission.order_id,
               OrderRow.number, OrderRow.external_id)
        .join(OrderRow, OrderRow.id == Commission.order_id)
        .where(*_of(Commission, brand_id, partner_id), Commission.at >= start, Commission.at < end)
        .order_by(Commission.at, Commission.id)
    )  # fmt: skip
    paid = (
        select(Payout.paid_at, Payout.amount, Payout.currency, Payout.reference)
        .where(*_of(Payout, brand_id, partner_id), Payout.paid_at >= start, Payout.paid_at < end)
        .order_by(Payout.paid_at, Payout.id)
    )
    found = [
        Change(row.at, row.kind, row.amount, row.currency, row.order_id, row.number or row.external_id)
        for row in session.execute(owed)
    ]
    found += [
        Change(row.paid_at, "payout", -row.amount, row.currency, reference=row.reference)
        for row in session.execute(paid)
    ]
    return sorted(found, key=lambda change: change.at)


def _of(table: type[Commission] | type[Payout], brand_id: str, partner_id: str) -> tuple[ColumnElement[bool], ...]:
    return (table.brand_id == brand_id, table.partner_id == partner_id)
