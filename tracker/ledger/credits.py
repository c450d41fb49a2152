"""What is concluded is compared with what stands, and only what differs is written; a receipt's versions are kept.

Credits become visible when their set is sealed, and a set is sealed only in a transaction in which SQL has found that
it sums to the order's net value (each credit of a model that is not additive is the whole of it).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, String, and_, bindparam, case, delete, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from tracker.domain.chain import canonical, digest
from tracker.domain.credits import RECEIPT_FORMAT, ModelCredits
from tracker.domain.ids import derived_id
from tracker.domain.journeys import Journey
from tracker.domain.receipts import changes, owed_by
from tracker.ledger import commissions, commissions_due, figures
from tracker.ledger.bulk import insert_rows
from tracker.ledger.database import among, among_bound, is_postgresql, packed
from tracker.ledger.journeys import Case
from tracker.ledger.tables import Credit, CreditSet, OrderRow, Receipt, Touch

_NO_SYNC = {"synchronize_session": False}
_UNASKED = "order"  # the cause where nobody gave one
_NOT_OF_TOUCH = ("reason", "credits")

Row = dict[str, Any]
Stamp = tuple[int, int, bool]
"""The versions that credits were made with: the model's, the rule set's, and whether it is the paying one."""


class CreditsDoNotSum(AssertionError):
    """Credits about to be sealed do not sum to the net value: a fault of ours, nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What was concluded about an order: its journey, what each model makes of it, the receipt."""

    case: Case
    journey: Journey
    results: tuple[ModelCredits, ...]
    receipt: dict[str, Any]

    @property
    def order_id(self) -> str:
        """Whose conclusion it is."""
        return self.case.bill.order_id


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands of an order: its newest version, its current receipt, how many sealed sets and touches there are.

    The body is read only where another digest was concluded.
    """

    version: int
    digest: str | None
    sets: int
    touches: int
    rule_set: int | None
    body: dict[str, Any] | None = None


@dataclass(slots=True)
class Differences:
    """What is to be written for a batch of orders: what goes, what stays with other versions on it, what comes."""

    orders: list[str] = field(default_factory=list)
    wiped: list[str] = field(default_factory=list)
    touched_anew: list[str] = field(default_factory=list)
    gone_sets: list[str] = field(default_factory=list)
    restamped: dict[Stamp, list[str]] = field(default_factory=lambda: defaultdict(list))
    touches: list[Row] = field(default_factory=list)
    sets: list[Row] = field(default_factory=list)
    credits: list[Row] = field(default_factory=list)

    def add(self, one: Conclusion, *, touches: bool, models: Collection[str]) -> None:
        """The order's touches, and its sets and credits under these models, are to be inserted."""
        self.touches += _touch_rows(one) if touches else []
        self.sets += _set_rows(one, models)
        self.credits += _credit_rows(one, models)


def write(
    session: Session,
    conclusions: Sequence[Conclusion],
    now: datetime,
    *,
    causes: Mapping[str, str] | None = None,
    wall: datetime | None = None,
) -> int:
    """Bring these orders' touches, credits and receipts to what is concluded; how many receipts are new.

    A receipt like the one that stands is not written again. Another one becomes the next version, with its cause (by
    order id) and who gained or lost by it; whose commissions may change is marked due at `wall`, else `now`. The
    caller holds the orders' rows. Raises CreditsDoNotSum.
    """
    if not conclusions:
        return 0
    why = causes or {}
    texts = {one.order_id: canonical(one.receipt) for one in conclusions}
    digests = {order_id: digest(text) for order_id, text in texts.items()}
    standing = _standing(session, digests)
    _settle(session, _differences(conclusions, standing, digests))
    drawn = [one for one in conclusions if standing[one.order_id].digest != digests[one.order_id]]
    rows = [
        {"body": texts[one.order_id], "digest": digests[one.order_id], **_receipt_row(one, standing, why, now)}
        for one in drawn
    ]
    _draw(session, rows)
    _stamp(session, conclusions, standing, now)
    owing = [one.order_id for one in drawn if _owes_otherwise(one, standing[one.order_id])]
    commissions_due.mark(session, {order_id: why.get(order_id, _UNASKED) for order_id in owing}, wall or now)
    return len(drawn)


# --- what stands ------------------------------------------------------------------------------------------------------


def _standing(session: Session, digests: Mapping[str, str]) -> dict[str, Standing]:
    """What stands of the orders, with the body of each receipt whose digest is not the one given."""
    rows = (
        session.connection()
        .execute(_counted(postgresql=is_postgresql(session)), {"ids": packed(session, digests)})
        .all()
    )
    other = [row.id for row in rows if row.digest is not None and row.digest != digests[row.id]]
    query = select(Receipt.order_id, Receipt.body).where(among(session, Receipt.order_id, other), Receipt.current)
    bodies = {row.order_id: row.body for row in session.connection().execute(query)} if other else {}
    return {
        row.id: Standing(
            row.version or 0, row.digest, row.sets, row.touches, row.rule_set, _readable(bodies.get(row.id))
        )
        for row in rows
    }


@cache
def _counted(*, postgresql: bool) -> Select[*tuple[Any, ...]]:
    """Built once: building a statement costs ten times what running it does."""
    drawn = aliased(Receipt)
    versions = select(func.max(drawn.version)).where(drawn.order_id == OrderRow.id)
    sets = select(func.count()).where(CreditSet.order_id == OrderRow.id, CreditSet.sealed)
    touches = select(func.count()).where(Touch.order_id == OrderRow.id)
    return (
        select(
            OrderRow.id,
            OrderRow.rule_set,
            Receipt.digest,
            versions.scalar_subquery().label("version"),
            sets.scalar_subquery().label("sets"),
            touches.scalar_subquery().label("touches"),
        )
        .outerjoin(Receipt, and_(Receipt.order_id == OrderRow.id, Receipt.current))
        .where(among_bound(OrderRow.id, bindparam("ids", type_=String()), postgresql=postgresql))
    )


def _readable(body: dict[str, Any] | None) -> dict[str, Any] | None:
    """A receipt of another format says nothing that can be compared."""
    return body if body is not None and body.get("format") == RECEIPT_FORMAT else None


# --- what differs -----------------------------------------------------------------------------------------------------


def _differences(
    conclusions: Iterable[Conclusion], standing: Mapping[str, Standing], digests: Mapping[str, str]
) -> Differences:
    found = Differences()
    for one in conclusions:
        stands = standing[one.order_id]
        if stands.digest == digests[one.order_id] and _is_whole(stands, one.receipt):
            continue
        found.orders.append(one.order_id)
        if stands.body is not None and _is_whole(stands, stands.body):
            _compare(found, one, stands.body)
            continue
        if stands.sets or stands.touches or stands.version:
            found.wiped.append(one.order_id)
        found.add(one, touches=True, models=[result.model for result in one.results])
    return found


def _is_whole(stands: Standing, body: Mapping[str, Any]) -> bool:
    """Whether as many sets and touches are kept as the receipt tells of: conclusions may be thrown away."""
    told = {model for stop in body["journey"] for model in stop["credits"]}
    return (stands.touches, stands.sets) == (len(body["journey"]), len(told))


def _compare(found: Differences, one: Conclusion, before: Mapping[str, Any]) -> None:
    """Add what differs between the receipt that stands and the one concluded, model by model."""
    moved = _touches_of(before) != _touches_of(one.receipt)
    if moved:
        found.touched_anew.append(one.order_id)
    then, now = _sets_of(before), _sets_of(one.receipt)
    same = {model for model in then.keys() & now.keys() if not moved and then[model][0] == now[model][0]}
    found.gone_sets += [_set_id(one.order_id, model) for model in then.keys() - same]
    for model in same:
        if then[model][1] != now[model][1]:
            found.restamped[now[model][1]].append(_set_id(one.order_id, model))
    found.add(one, touches=moved, models=now.keys() - same)


def _touches_of(body: Mapping[str, Any]) -> list[Row]:
    return [{name: value for name, value in stop.items() if name not in _NOT_OF_TOUCH} for stop in body["journey"]]


def _sets_of(body: Mapping[str, Any]) -> dict[str, tuple[Any, Stamp]]:
    """By model what its credits are made of, and the versions that they were made with."""
    order, rule_set = body["order"], body["rule_set"]["version"]
    shares: dict[str, list[Any]] = {}
    for stop in body["journey"]:
        for model, share in stop["credits"].items():
            shares.setdefault(model, []).append((stop["position"], share))
    base = (order["net"], order["currency"], order["net_formula"])
    models = body["models"]
    return {
        model: ((base, models[model]["additive"], found), (models[model]["version"], rule_set, models[model]["paying"]))
        for model, found in shares.items()
    }


def _owes_otherwise(one: Conclusion, stands: Standing) -> bool:
    owed = None if stands.body is None else owed_by(stands.body)
    return bool(owed_by(one.receipt) != owed)


# --- writing ----------------------------------------------------------------------------------------------------------


def _settle(session: Session, found: Differences) -> None:
    """Delete, restamp and insert. Raises CreditsDoNotSum."""
    _delete(session, Credit.order_id, found.wiped)
    _delete(session, CreditSet.order_id, found.wiped)
    _delete(session, Touch.order_id, [*found.wiped, *found.touched_anew])
    _delete(session, Credit.set_id, found.gone_sets)
    _delete(session, CreditSet.id, found.gone_sets)
    for (model_version, rule_set, paying), set_ids in found.restamped.items():
        stamp = {"model_version": model_version, "rule_set": rule_set, "paying": paying}
        restamping = update(CreditSet).where(among(session, CreditSet.id, set_ids)).values(stamp)
        session.execute(restamping, execution_options=_NO_SYNC)
    insert_rows(session, Touch, found.touches)
    insert_rows(session, CreditSet, found.sets)
    insert_rows(session, Credit, found.credits)
    _check(session, [row["id"] for row in found.sets])
    figures.orders_changed(session, found.orders)
    commissions.touched_anew(session, {*found.wiped, *found.touched_anew, *(row["order_id"] for row in found.touches)})


def _delete(session: Session, column: InstrumentedAttribute[str], ids: Sequence[str]) -> None:
    if ids:
        session.execute(delete(column.class_).where(among(session, column, ids)), execution_options=_NO_SYNC)


def _check(session: Session, set_ids: Sequence[str]) -> None:
    """The last look at the money is the database's own sum over the rows as they were stored."""
    if not set_ids:
        return
    whole = and_(func.min(Credit.amount) == CreditSet.net, func.max(Credit.amount) == CreditSet.net)
    right = (
        select(CreditSet.id)
        .join(Credit, Credit.set_id == CreditSet.id)
        .where(among(session, CreditSet.id, set_ids))
        .group_by(CreditSet.id, CreditSet.net, CreditSet.additive)
        .having(case((CreditSet.additive, func.sum(Credit.amount) == CreditSet.net), else_=whole))
        .subquery()
    )
    summing = session.execute(select(func.count()).select_from(right)).scalar_one()
    if summing != len(set_ids):
        raise CreditsDoNotSum(f"{len(set_ids)} credit sets, of which {summing} sum to the net value")


def _draw(session: Session, rows: Sequence[Row]) -> None:
    """Add the receipts, and take the place of those that were current."""
    overtaken = [row["order_id"] for row in rows if row["version"] > 1]
    if overtaken:
        aging = (
            update(Receipt).where(among(session, Receipt.order_id, overtaken), Receipt.current).values(current=False)
        )
        session.execute(aging, execution_options=_NO_SYNC)
    insert_rows(session, Receipt, rows)


def _stamp(
    session: Session, conclusions: Iterable[Conclusion], standing: Mapping[str, Standing], now: datetime
) -> None:
    """An order keeps the rule set of its first attribution."""
    versions: dict[int, list[str]] = defaultdict(list)
    for one in conclusions:
        if standing[one.order_id].rule_set != one.case.rules.version:
            versions[one.case.rules.version].append(one.order_id)
    for version, order_ids in versions.items():
        stamping = update(OrderRow).where(among(session, OrderRow.id, order_ids))
        session.execute(stamping.values(attributed_at=now, rule_set=version), execution_options=_NO_SYNC)


# --- rows -------------------------------------------------------------------------------------------------------------


def _receipt_row(one: Conclusion, standing: Mapping[str, Standing], causes: Mapping[str, str], now: datetime) -> Row:
    stands = standing[one.order_id]
    return {
        "order_id": one.order_id,
        "version": stands.version + 1,
        "brand_id": one.case.brand_id,
        "current": True,
        "cause": causes.get(one.order_id, _UNASKED),
        "replaces": stands.digest,
        "changes": changes(stands.body, one.receipt) if stands.body is not None else [],
        "drawn_at": now,
    }


def _touch_rows(one: Conclusion) -> list[Row]:
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


def _set_rows(one: Conclusion, models: Collection[str]) -> list[Row]:
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
            "additive": result.additive,
            "paying": result.paying,
            "sealed": True,
        }
        for result in one.results
        if result.credits and result.model in models
    ]


def _credit_rows(one: Conclusion, models: Collection[str]) -> list[Row]:
    return [
        {
            "set_id": set_id,
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
        if result.model in models
        for set_id in (_set_id(one.case.bill.order_id, result.model),)
        for credit in result.credits
        for touch in (one.journey.touches[credit.position],)
    ]
