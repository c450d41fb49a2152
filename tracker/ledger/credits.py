"""Credits become visible when their set is sealed, and SQL seals only a set that sums to the order's net value."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from tracker.domain.credits import ModelCredits
from tracker.domain.ids import derived_id
from tracker.domain.journeys import Journey
from tracker.ledger.bulk import insert_rows
from tracker.ledger.database import among
from tracker.ledger.journeys import Case
from tracker.ledger.tables import Credit, CreditSet, OrderRow, Receipt, Touch

_NO_SYNC = {"synchronize_session": False}


class CreditsDoNotSum(AssertionError):
    """Credits about to be sealed do not sum to the net value: a fault of ours, nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What was concluded about an order: its journey, what each model makes of it, the receipt."""

    case: Case
    journey: Journey
    results: tuple[ModelCredits, ...]
    receipt: dict[str, Any]


def write(session: Session, conclusions: Sequence[Conclusion], now: datetime) -> None:
    """Replace everything concluded about these orders, and seal it. Raises CreditsDoNotSum."""
    if not conclusions:
        return
    order_ids = [one.case.bill.order_id for one in conclusions]
    for table in (Credit, CreditSet, Touch, Receipt):
        session.execute(delete(table).where(among(session, table.order_id, order_ids)), execution_options=_NO_SYNC)
    insert_rows(session, Touch, [row for one in conclusions for row in _touch_rows(one)])
    sets = [row for one in conclusions for row in _set_rows(one)]
    insert_rows(session, CreditSet, sets)
    insert_rows(session, Credit, [row for one in conclusions for row in _credit_rows(one)])
    _seal(session, order_ids, len(sets))
    insert_rows(session, Receipt, [_receipt_row(one, now) for one in conclusions])
    _stamp(session, conclusions, now)


def _receipt_row(one: Conclusion, now: datetime) -> dict[str, Any]:
    return {
        "order_id": one.case.bill.order_id,
        "version": 1,
        "brand_id": one.case.brand_id,
        "current": True,
        "cause": "order",
        "body": one.receipt,
        "digest": "",
        "replaces": None,
        "changes": [],
        "drawn_at": now,
    }


def _touch_rows(one: Conclusion) -> list[dict[str, Any]]:
    last = len(one.journey.touches) - 1
    return [
        {
            "order_id": one.case.bill.order_id,
            "position": position,
            "brand_id": one.case.brand_id,
            "kind": touch.kind.value,
            "at": touch.at,
            "partner_id": touch.partner_id,
            "channel": touch.channel,
            "link_id": touch.link_id,
            "click_id": touch.click_id,
            "code": touch.code,
            "campaign_id": touch.campaign_id,
            "placement_id": touch.placement_id,
            "evidence": [evidence.value for evidence in touch.evidence],
            "opener": position == 0,
            "closer": position == last,
            "earns": touch.earns,
        }
        for position, touch in enumerate(one.journey.touches)
    ]


def _set_id(order_id: str, model: str) -> str:
    return derived_id("credit set", order_id, model)


def _set_rows(one: Conclusion) -> list[dict[str, Any]]:
    bill = one.case.bill
    return [
        {
            "id": _set_id(bill.order_id, result.model),
            "order_id": bill.order_id,
            "model": result.model,
            "model_version": result.version,
            "rule_set": one.case.rules.version,
            "net_formula": bill.net_formula,
            "net": bill.net,
            "currency": bill.currency,
            "additive": True,
            "paying": result.paying,
            "sealed": False,
        }
        for result in one.results
        if result.credits
    ]


def _credit_rows(one: Conclusion) -> list[dict[str, Any]]:
    return [
        {
            "set_id": _set_id(one.case.bill.order_id, result.model),
            "position": credit.position,
            "order_id": one.case.bill.order_id,
            "brand_id": one.case.brand_id,
            "partner_id": touch.partner_id,
            "channel": touch.channel,
            "link_id": touch.link_id,
            "code": touch.code,
            "campaign_id": touch.campaign_id,
            "placement_id": touch.placement_id,
            "evidence": [evidence.value for evidence in touch.evidence],
            "weight": str(credit.weight),
            "amount": credit.amount,
        }
        for result in one.results
        for credit in result.credits
        for touch in (one.journey.touches[credit.position],)
    ]


def _seal(session: Session, order_ids: Collection[str], sets: int) -> None:
    """The last look at the money is the database's own sum over the rows as they were stored."""
    total = select(func.sum(Credit.amount)).where(Credit.set_id == CreditSet.id).scalar_subquery()
    sealing = (
        update(CreditSet)
        .where(among(session, CreditSet.order_id, order_ids), CreditSet.net == total)
        .values(sealed=True)
    )
    sealed = session.execute(sealing, execution_options=_NO_SYNC)
    if sealed.rowcount != sets:  # type: ignore[attr-defined]
        raise CreditsDoNotSum(f"{sets} credit sets, of which {sealed.rowcount} sum to the net value")  # type: ignore[attr-defined]


def _stamp(session: Session, conclusions: Sequence[Conclusion], now: datetime) -> None:
    """An order keeps the rule set of its first attribution."""
    stamp = (
        update(OrderRow)
        .where(OrderRow.id == bindparam("of_order"))
        .values(attributed_at=now, rule_set=bindparam("version"))
    )
    rows = [{"of_order": one.case.bill.order_id, "version": one.case.rules.version} for one in conclusions]
    session.connection().execute(stamp, rows)
