"""Commissions are reckoned with the order's row locked, from sealed paying credits; rows and steps are only added."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, exists, func, select, union
from sqlalchemy.orm import Session, aliased

from tracker.domain.commissions import Kind, Offer, Row, Sale, Share, State, hold_ends, pick
from tracker.domain.ids import new_id
from tracker.domain.journeys import EARNING_CHANNELS
from tracker.domain.orders import FORMULAS, Status
from tracker.ledger import figures, terms
from tracker.ledger.bulk import insert_ignore, insert_rows
from tracker.ledger.database import among
from tracker.ledger.tables import (
    Brand,
    Commission,
    CommissionsDue,
    CommissionStep,
    Credit,
    CreditSet,
    OrderRow,
    OrderTerms,
    Receipt,
    Touch,
)
from tracker.ledger.tables import Terms as TermsRow


@dataclass(frozen=True, slots=True)
class Case:
    """One partner and one order: what is left, what is the partner's, by what terms, and what was reckoned so far.

    `frozen` says that the order has kept these terms before. Without an offer nothing is owed.
    """

    brand_id: str
    order_id: str
    partner_id: str
    placed_at: datetime
    sale: Sale
    share: Share
    offer: Offer | None
    frozen: bool
    new_customer: bool
    receipt_version: int
    rows: tuple[Row, ...] = ()


@dataclass(slots=True)
class _Party:
    """What is read of a partner of an order, before it is a case. The campaign is that of the last credited touch."""

    credit: int = 0
    weight: Fraction = Fraction(0)
    assisted: bool = False
    campaign_id: str | None = None
    touched_campaign_id: str | None = None
    rows: list[Row] = field(default_factory=list)


_Key = tuple[str, str]  # order, partner


def load(session: Session, order_ids: Sequence[str]) -> list[Case]:
    """Everything that decides what is owed for these orders, a case each partner.

    Terms must be held still and then the orders' rows locked: `terms.hold_still`, `commissions_due.claim`.
    """
    if not order_ids:
        return []
    parties: dict[_Key, _Party] = {}
    _read_credits(session, order_ids, parties)
    _read_touches(session, order_ids, parties)
    _read_rows(session, order_ids, parties)
    orders = {row.id: row for row in session.execute(_orders(session, order_ids))}
    frozen = _frozen(session, order_ids)
    brand_ids = {row.brand_id for row in orders.values()}
    book = terms.Book(session, brand_ids, {partner for _, partner in parties})
    return [
        _case(orders[order_id], partner_id, party, frozen.get((order_id, partner_id)), book)
        for (order_id, partner_id), party in sorted(parties.items())
    ]


def write(
    session: Session, reckoned: Sequence[tuple[Case, Sequence[Row]]], causes: Mapping[str, str], now: datetime
) -> int:
    """Freeze the terms of these cases and add the rows; how many. What is past its hold is approved with it.

    `causes` are by order id what made it be reckoned.
    """
    freezing = [_freezing(case, now) for case, _ in reckoned if not case.frozen and case.offer]
    insert_ignore(session, OrderTerms, freezing)
    rows = [_commission(case, row, causes[case.order_id], now) for case, rows in reckoned for row in rows]
    insert_rows(session, Commission, rows)
    figures.orders_changed(session, {row["order_id"] for row in (*rows, *freezing)})
    moved(session, {row["brand_id"] for row in rows}, now)
    insert_rows(session, CommissionStep, [_approved(row["id"], now) for row in rows if row["approves_at"] <= now])
    return len(rows)


def approve(session: Session, commission_ids: Iterable[str], now: datetime) -> int:
    """Note that the holds of these commissions are over, once each; of how many it was new."""
    approving = list(commission_ids)
    of_brands = select(Commission.brand_id).where(among(session, Commission.id, approving)).distinct()
    moved(session, session.execute(of_brands).scalars(), now)
    return insert_ignore(session, CommissionStep, [_approved(commission_id, now) for commission_id in approving])


def moved(session: Session, brand_ids: Iterable[str], now: datetime) -> None:
    """Something of commissions of these brands was recorded, approved or paid now: the day's figures are others."""
    _days_changed(session, [(brand_id, now) for brand_id in brand_ids])


def touched_anew(session: Session, order_ids: Collection[str]) -> None:
    """Partners stand otherwise in these orders' journeys: so do the days on which something was owed for them."""
    if not order_ids:
        return
    concerned = among(session, Commission.order_id, order_ids)
    stepped = select(Commission.brand_id, CommissionStep.at).join(
        Commission, Commission.id == CommissionStep.commission_id
    )
    moments = union(select(Commission.brand_id, Commission.at).where(concerned), stepped.where(concerned))
    _days_changed(session, [(row[0], row[1]) for row in session.execute(moments)])


def _days_changed(session: Session, moments: Collection[tuple[str, datetime]]) -> None:
    """The days of the brands in which these moments lie have other figures."""
    if not moments:
        return
    brands = {brand_id for brand_id, _ in moments}
    found = session.execute(select(Brand.id, Brand.time_zone).where(among(session, Brand.id, brands)))
    zones = {row.id: ZoneInfo(row.time_zone) for row in found}
    days = {(brand_id, at.astimezone(zones[brand_id]).date()) for brand_id, at in moments}
    figures.changed(session, figures.ORDERS, days)


def past_hold(session: Session, now: datetime, limit: int) -> list[str]:
    """Commissions whose hold is over and that nobody has approved yet, the longest first.

    What was taken back goes first: between two batches nobody is paid what a refund within the hold took away.
    """
    query = (
        select(Commission.id)
        .where(Commission.approves_at <= now, ~_stepped(State.APPROVED))
        .order_by(Commission.approves_at, Commission.amount, Commission.id)
        .limit(limit)
    )
    return list(session.execute(query).scalars())


def state() -> ColumnElement[str]:
    """Where a commission stands, as a column: its furthest step."""
    furthest = select(func.max(CommissionStep.state)).where(CommissionStep.commission_id == Commission.id)
    return func.coalesce(furthest.scalar_subquery(), State.PENDING.value)


def payable(brand_id: str) -> tuple[ColumnElement[bool], ...]:
    """The conditions on the brand's commissions that may be paid now: approved and not paid."""
    return (
        Commission.brand_id == brand_id,
        _stepped(State.APPROVED),
        ~_stepped(State.PAID),
    )


def without_terms() -> Select[*tuple[Any, ...]]:
    """Paid orders with a credit for which no terms were found, or none that can pay in the order's currency.

    Columns: order_id, brand_id, number, placed_at, placed_day, currency, partner_id, campaign_id, credit. What is still
    to be reckoned is not among them.
    """
    return unfrozen().where(~still_due())


def still_due() -> ColumnElement[bool]:
    """The condition that an order's commissions are still to be reckoned."""
    return exists().where(CommissionsDue.order_id == OrderRow.id)


def unfrozen() -> Select[*tuple[Any, ...]]:
    """The same with those that are still to be reckoned: only what `write` and whoever credits tells of changes it."""
    other = aliased(Credit)
    campaign = (
        select(other.campaign_id)
        .where(other.set_id == CreditSet.id, other.partner_id == Credit.partner_id, other.campaign_id.is_not(None))
        .order_by(other.position.desc())
        .limit(1)
    )
    return (
        select(
            OrderRow.id.label("order_id"),
            OrderRow.brand_id,
            OrderRow.number,
            OrderRow.placed_at,
            OrderRow.placed_day,
            OrderRow.currency,
            Credit.partner_id,
            campaign.scalar_subquery().label("campaign_id"),
            func.sum(Credit.amount).label("credit"),
        )
        .join(CreditSet, CreditSet.order_id == OrderRow.id)
        .join(Credit, Credit.set_id == CreditSet.id)
        .where(
            OrderRow.status == Status.PAID,
            OrderRow.test.is_(False),
            CreditSet.paying,
            CreditSet.sealed,
            Credit.amount > 0,
            ~exists().where(OrderTerms.order_id == OrderRow.id, OrderTerms.partner_id == Credit.partner_id),
        )
        .group_by(OrderRow.id, CreditSet.id, Credit.partner_id)
    )


def _stepped(to: State) -> ColumnElement[bool]:
    return exists().where(CommissionStep.commission_id == Commission.id, CommissionStep.state == to.value)


def _orders(session: Session, order_ids: Sequence[str]) -> Select[*tuple[Any, ...]]:
    return (
        select(
            *(OrderRow.id, OrderRow.brand_id, OrderRow.status, OrderRow.test, OrderRow.currency, OrderRow.placed_at),
            *(OrderRow.total, OrderRow.goods, OrderRow.net, OrderRow.net_formula, OrderRow.customer_is_new),
            func.coalesce(Receipt.version, 0).label("receipt_version"),
        )
        .outerjoin(Receipt, (Receipt.order_id == OrderRow.id) & Receipt.current)
        .where(among(session, OrderRow.id, order_ids))
    )


def _read_credits(session: Session, order_ids: Sequence[str], parties: dict[_Key, _Party]) -> None:
    query = (
        select(Credit.order_id, Credit.partner_id, Credit.campaign_id, Credit.amount, Credit.weight)
        .join(CreditSet, CreditSet.id == Credit.set_id)
        .where(among(session, Credit.order_id, order_ids), CreditSet.paying, CreditSet.sealed)
        .order_by(Credit.order_id, Credit.position)
    )
    for row in session.execute(query):
        party = parties.setdefault((row.order_id, row.partner_id), _Party())
        party.credit += row.amount
        party.weight += Fraction(row.weight)
        party.campaign_id = row.campaign_id or party.campaign_id


def _read_touches(session: Session, order_ids: Sequence[str], parties: dict[_Key, _Party]) -> None:
    query = (
        select(Touch.order_id, Touch.partner_id, Touch.campaign_id)
        .where(among(session, Touch.order_id, order_ids), Touch.channel.in_(EARNING_CHANNELS))
        .order_by(Touch.order_id, Touch.position)
    )
    for row in session.execute(query):
        party = parties.setdefault((row.order_id, row.partner_id), _Party())
        party.assisted = True
        party.touched_campaign_id = row.campaign_id or party.touched_campaign_id


def _read_rows(session: Session, order_ids: Sequence[str], parties: dict[_Key, _Party]) -> None:
    query = (
        select(Commission)
        .where(among(session, Commission.order_id, order_ids))
        .order_by(Commission.order_id, Commission.partner_id, Commission.number)
    )
    for row in session.execute(query).scalars():
        known = Row(row.number, Kind(row.kind), row.amount, row.currency, row.credit, row.net)
        parties.setdefault((row.order_id, row.partner_id), _Party()).rows.append(known)


def _frozen(session: Session, order_ids: Sequence[str]) -> dict[_Key, tuple[Offer, bool]]:
    query = (
        select(OrderTerms, TermsRow)
        .join(TermsRow, TermsRow.id == OrderTerms.terms_id)
        .where(among(session, OrderTerms.order_id, order_ids))
    )
    return {
        (kept.order_id, kept.partner_id): (terms.offer(row), kept.new_customer) for kept, row in session.execute(query)
    }


def _case(order: Any, partner_id: str, party: _Party, frozen: tuple[Offer, bool] | None, book: terms.Book) -> Case:
    """A customer of whom nothing is known counts as new: no earlier order of theirs is known either."""
    earns = order.status == Status.PAID and not order.test
    whole = FORMULAS[order.net_formula](order.goods, order.total, 0)
    sale = Sale(order.currency, order.net, whole) if earns else Sale(order.currency)
    share = Share(party.credit, party.weight, party.assisted)
    new_customer = frozen[1] if frozen else order.customer_is_new is not False
    offer = frozen[0] if frozen else None
    if offer is None and earns:
        campaign_id = party.campaign_id if party.weight else party.touched_campaign_id
        found = pick(book.of(order.brand_id), partner_id, campaign_id, order.placed_at)
        concerned = found is not None and found.terms.concern(share, order.currency, new_customer=new_customer)
        offer = found if concerned else None
    return Case(
        brand_id=order.brand_id,
        order_id=order.id,
        partner_id=partner_id,
        placed_at=order.placed_at,
        sale=sale,
        share=share,
        offer=offer,
        frozen=frozen is not None,
        new_customer=new_customer,
        receipt_version=order.receipt_version,
        rows=tuple(party.rows),
    )


def _freezing(case: Case, now: datetime) -> dict[str, Any]:
    assert case.offer is not None
    return {
        "order_id": case.order_id,
        "partner_id": case.partner_id,
        "terms_id": case.offer.id,
        "new_customer": case.new_customer,
        "frozen_at": now,
    }


def _commission(case: Case, row: Row, cause: str, now: datetime) -> dict[str, Any]:
    assert case.offer is not None, "rows come of terms"
    return {
        "id": new_id(),
        "brand_id": case.brand_id,
        "order_id": case.order_id,
        "partner_id": case.partner_id,
        "number": row.number,
        "kind": row.kind.value,
        "amount": row.amount,
        "currency": row.currency,
        "credit": row.credit,
        "net": row.net,
        "terms_id": case.offer.id,
        "receipt_version": case.receipt_version,
        "cause": cause,
        "at": now,
        "approves_at": hold_ends(case.placed_at, case.offer.terms.hold, now),
    }


def _approved(commission_id: str, now: datetime) -> dict[str, Any]:
    return {"commission_id": commission_id, "state": State.APPROVED.value, "payout_id": None, "at": now}
