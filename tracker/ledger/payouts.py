"""A payout pays every approved commission once: the step that says so has the commission as its key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.domain.commissions import State
from tracker.domain.ids import new_id
from tracker.ledger import commissions
from tracker.ledger.bulk import insert_rows
from tracker.ledger.commissions import payable
from tracker.ledger.database import among
from tracker.ledger.tables import Commission, CommissionStep, Payout


@dataclass(frozen=True, slots=True)
class Open:
    """What of a partner waits to be paid in one currency: the commissions and their sum in minor units."""

    currency: str
    amount: int
    commission_ids: tuple[str, ...]


def open_amounts(session: Session, brand_id: str, partner_id: str, until: datetime | None) -> list[Open]:
    """What may be paid to the partner now, by currency; with `until` only what was recorded before it.

    What was taken back is in it with its sign. The partner's row must be locked before a payout is made of it.
    """
    query = select(Commission.id, Commission.currency, Commission.amount).where(
        *payable(brand_id), Commission.partner_id == partner_id
    )
    if until is not None:
        query = query.where(Commission.at < until)
    found: dict[str, list[tuple[str, int]]] = {}
    for row in session.execute(query.order_by(Commission.currency, Commission.id)):
        found.setdefault(row.currency, []).append((row.id, row.amount))
    return [
        Open(currency, sum(amount for _, amount in rows), tuple(commission_id for commission_id, _ in rows))
        for currency, rows in found.items()
    ]


def make(session: Session, brand_id: str, partner_id: str, what: Open, *, reference: str, now: datetime) -> Payout:
    """Note that these commissions are paid. One that is paid already fails the transaction."""
    payout = Payout(
        id=new_id(),
        brand_id=brand_id,
        partner_id=partner_id,
        currency=what.currency,
        amount=what.amount,
        reference=reference,
        paid_at=now,
        created_at=now,
    )
    session.add(payout)
    session.flush()
    steps = [
        {"commission_id": commission_id, "state": State.PAID.value, "payout_id": payout.id, "at": now}
        for commission_id in what.commission_ids
    ]
    insert_rows(session, CommissionStep, steps)
    commissions.moved(session, [brand_id], now)
    return payout


def sizes(session: Session, payout_ids: Sequence[str]) -> dict[str, int]:
    """How many commissions each of these payouts paid."""
    query = (
        select(CommissionStep.payout_id, func.count())
        .where(among(session, CommissionStep.payout_id, payout_ids))
        .group_by(CommissionStep.payout_id)
    )
    return {payout_id: count for payout_id, count in session.execute(query) if payout_id is not None}
