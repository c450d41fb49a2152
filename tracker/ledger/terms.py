"""Terms are immutable rows: one version of what a partner is paid, in force from its start until the next one's."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, exists, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from tracker.domain.commissions import Offer, Terms
from tracker.domain.ids import derived_id
from tracker.domain.journeys import EARNING_CHANNELS
from tracker.domain.orders import Status
from tracker.ledger import commissions_due
from tracker.ledger.database import among
from tracker.ledger.tables import Brand, Credit, CreditSet, OrderRow, OrderTerms, Touch
from tracker.ledger.tables import Terms as TermsRow


def scope_of(brand_id: str, campaign_id: str | None, partner_id: str | None) -> str:
    """What terms are for, as one value: of one scope only one version may begin at a moment."""
    return derived_id("terms", brand_id, campaign_id or "", partner_id or "")


def offer(row: TermsRow | Row[Any]) -> Offer:
    """What a stored version of terms says."""
    terms = Terms.from_json(row.settings, row.currency, row.hold_days)
    return Offer(row.id, row.partner_id, row.campaign_id, row.valid_from, terms)


def hold_still(session: Session) -> None:
    """Until the transaction ends nobody adds terms. Before any order is locked: whoever adds terms locks both too."""
    session.execute(select(Brand.id).order_by(Brand.id).with_for_update(read=True))


def begin_adding(session: Session, brand_id: str) -> None:
    """Until the transaction ends nothing of the brand is reckoned; its orders keep coming in."""
    session.execute(select(Brand.id).where(Brand.id == brand_id).with_for_update(key_share=True))


class Book:
    """All terms of some brands that may concern some partners, read once."""

    def __init__(self, session: Session, brand_ids: Iterable[str], partner_ids: Collection[str]) -> None:
        query = select(TermsRow).where(
            TermsRow.brand_id.in_(set(brand_ids)),
            or_(TermsRow.partner_id.is_(None), among(session, TermsRow.partner_id, partner_ids)),
        )
        self._of_brand: dict[str, list[Offer]] = {}
        for row in session.execute(query).scalars():
            self._of_brand.setdefault(row.brand_id, []).append(offer(row))

    def of(self, brand_id: str) -> list[Offer]:
        """Every version of the brand's terms, in no particular sequence."""
        return self._of_brand.get(brand_id, [])


def mark_due(session: Session, added: Offer, brand_id: str, wall: datetime) -> int:
    """Have orders of which new terms may be the first reckoned anew; how many. Frozen terms stay as they are.

    For the transaction that adds the terms, after `begin_adding`: whoever reckons an order whose credits we cannot see
    yet waits for that, and then sees the terms.
    """
    without_terms = _assisted if added.terms.assist else _credited
    order_ids = session.execute(without_terms(brand_id, added.partner_id, added.valid_from)).scalars().all()
    locking = (
        select(OrderRow.id)
        .where(among(session, OrderRow.id, set(order_ids)))
        .order_by(OrderRow.id)
        .with_for_update(key_share=True)
    )
    found = session.execute(locking).scalars().all() if order_ids else ()
    commissions_due.mark(session, dict.fromkeys(found, "terms"), wall)
    return len(found)


def _credited(brand_id: str, partner_id: str | None, placed_from: datetime) -> Select[str]:
    query = (
        _paid_orders(brand_id, placed_from)
        .join(CreditSet, CreditSet.order_id == OrderRow.id)
        .join(Credit, Credit.set_id == CreditSet.id)
        .where(CreditSet.paying, CreditSet.sealed, _no_terms_of(Credit.partner_id))
    )
    return query.where(Credit.partner_id == partner_id) if partner_id else query


def _assisted(brand_id: str, partner_id: str | None, placed_from: datetime) -> Select[str]:
    """Whoever is credited stands in the journey as well."""
    query = (
        _paid_orders(brand_id, placed_from)
        .join(Touch, Touch.order_id == OrderRow.id)
        .where(Touch.channel.in_(EARNING_CHANNELS), _no_terms_of(Touch.partner_id))
    )
    return query.where(Touch.partner_id == partner_id) if partner_id else query


def _paid_orders(brand_id: str, placed_from: datetime) -> Select[str]:
    return (
        select(OrderRow.id)
        .where(OrderRow.brand_id == brand_id, OrderRow.placed_at >= placed_from, OrderRow.status == Status.PAID)
        .distinct()
    )


def _no_terms_of(partner_id: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    return ~exists().where(OrderTerms.order_id == OrderRow.id, OrderTerms.partner_id == partner_id)
