"""What the ledger knows of whose touches led to an order, read for many orders in a few queries.

Only the order's own brand is looked at: a click id of another brand is as unknown as one that never was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import Row, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from tracker.domain.codes import LONGEST, normal
from tracker.domain.credits import Bill
from tracker.domain.ids import is_id
from tracker.domain.journeys import Candidate, Evidence, Kind, Reason, Sale
from tracker.domain.orders import Status
from tracker.domain.rules import LONGEST_WINDOW, SKEW, Rules
from tracker.ledger.database import among
from tracker.ledger.due import family
from tracker.ledger.rules import Book
from tracker.ledger.tables import Click, Code, CodeOwner, Link, OrderRow, Partner, Receipt, Redaction

# Of a visitor or customer who clicks without end, the clicks nearest to the order are looked at.
MOST_CLICKS = 200

Found = Row[*tuple[Any, ...]]

_SOURCE_FLAG = "source:"
_COUNTED = (Status.PENDING, Status.PAID)


@dataclass(frozen=True, slots=True)
class Case:
    """An order to be judged: its figures, what the judgement needs, the candidates, the rules of its sale time."""

    brand_id: str
    bill: Bill
    sale: Sale
    candidates: tuple[Candidate, ...]
    rules: Rules


@dataclass(frozen=True, slots=True)
class Relatives:
    """What the customer's neighbouring orders say: when the previous one was placed, which clicks they carry."""

    previous_at: datetime | None = None
    click_ids: frozenset[str] = frozenset()


@dataclass(slots=True)
class Trail:
    """The clicks found for a batch of orders, by id and by visitor."""

    by_id: dict[str, Found] = field(default_factory=dict)
    by_visitor: dict[str, list[Found]] = field(default_factory=dict)
    candidates: dict[tuple[str, frozenset[Evidence]], Candidate] = field(default_factory=dict)

    def candidate(self, click: Found, evidence: frozenset[Evidence]) -> Candidate:
        """The click as a candidate; the same one for all the orders of its visitor or customer."""
        key = (click.id, evidence)
        if key not in self.candidates:
            self.candidates[key] = _click(click, evidence)
        return self.candidates[key]


def load(session: Session, order_ids: Collection[str]) -> list[Case]:
    """The cases of these orders, by order id. One of which no snapshot has arrived is left out: it is none yet."""
    query = select(*OrderRow.__table__.c).where(among(session, OrderRow.id, order_ids), OrderRow.status.is_not(None))
    orders = session.connection().execute(query.order_by(OrderRow.id)).all()
    if not orders:
        return []
    relatives = {
        **_relatives(session, [order.id for order in orders if order.customer is not None]),
        **_remembered(session, [order.id for order in orders if order.customer is None]),
    }
    trail = _trail(session, orders, relatives)
    owners = _owners(session, orders)
    book = Book(session, {order.brand_id for order in orders})
    return [_case(order, relatives.get(order.id, Relatives()), trail, owners, book) for order in orders]


def _case(
    order: Found, relatives: Relatives, trail: Trail, owners: Mapping[tuple[str, str], list[Found]], book: Book
) -> Case:
    carried = [click_id for click_id in order.click_ids if is_id(click_id)]
    own = _known(order, trail, carried)
    known = {click.id for click in own}
    rules = book.version(order.brand_id, order.rule_set) if order.rule_set else book.at(order.brand_id, order.placed_at)
    bill = _bill(order, tuple(click_id for click_id in carried if click_id not in known))
    sale = Sale(order.placed_at, bill.status, order.test, bill.source, relatives.previous_at, order.customer_is_new)
    candidates = (*_clicks(order, own, relatives, trail), *_codes(order, owners))
    return Case(order.brand_id, bill, sale, candidates, rules)


def _bill(order: Found, unknown: tuple[str, ...]) -> Bill:
    return Bill(
        order_id=order.id,
        shop_id=order.shop_id,
        external_id=order.external_id,
        status=Status(order.status),
        test=order.test,
        source=next((flag[len(_SOURCE_FLAG) :] for flag in order.flags if flag.startswith(_SOURCE_FLAG)), ""),
        currency=order.currency,
        total=order.total,
        goods=order.goods,
        refunded=order.refunded,
        net=order.net,
        net_formula=order.net_formula,
        placed_at=order.placed_at,
        codes=tuple(order.codes),
        unknown_click_ids=unknown,
    )


# --- the customer's other orders --------------------------------------------------------------------------------------


def _relatives(session: Session, order_ids: Sequence[str]) -> dict[str, Relatives]:
    """By order. A test order is nobody's; a cancelled one still says whose clicks these were, but cuts no journey."""
    if not order_ids:
        return {}
    rows: dict[str, list[Found]] = {}
    for row in family(session, order_ids):
        if not row.test and row.status is not None:
            rows.setdefault(row.order_id, []).append(row)
    return {order_id: _relatives_of(found) for order_id, found in rows.items()}


def _relatives_of(rows: Sequence[Found]) -> Relatives:
    earlier = [row.placed_at for row in rows if row.earlier and row.status in _COUNTED]
    return Relatives(
        max(earlier, default=None), frozenset(filter(is_id, chain.from_iterable(row.click_ids for row in rows)))
    )


def _remembered(session: Session, order_ids: Sequence[str]) -> dict[str, Relatives]:
    """Of orders whose customer asked to be forgotten, what their receipts say that he had led to.

    Who he was is gone, and what was credited through him stays so: an erasure takes nothing from a partner.
    """
    if not order_ids:
        return {}
    query = (
        select(Receipt.order_id, Receipt.body)
        .join(OrderRow, OrderRow.id == Receipt.order_id)
        .join(Redaction, and_(Redaction.shop_id == OrderRow.shop_id, Redaction.external_id == OrderRow.external_id))
        .where(among(session, Receipt.order_id, order_ids), Receipt.current)
    )
    return {row.order_id: _told(row.body["candidates"]) for row in session.execute(query)}


def _told(candidates: Sequence[Mapping[str, Any]]) -> Relatives:
    """Where the journey was cut, the latest click before it stands for the previous order: it parts the same clicks."""
    cut = (one["at"] for one in candidates if one.get("reason") == Reason.BEFORE_PREVIOUS_ORDER)
    clicks = (one["click"] for one in candidates if Evidence.CUSTOMER in one["evidence"])
    return Relatives(max(map(datetime.fromisoformat, cut), default=None), frozenset(clicks))


# --- clicks -----------------------------------------------------------------------------------------------------------


def _trail(session: Session, orders: Sequence[Found], relatives: Mapping[str, Relatives]) -> Trail:
    carried = set(filter(is_id, chain.from_iterable(order.click_ids for order in orders)))
    carried.update(chain.from_iterable(one.click_ids for one in relatives.values()))
    trail = Trail()
    if carried:
        trail.by_id = {
            click.id: click
            for click in session.connection().execute(_click_query().where(among(session, Click.id, carried)))
        }
    visitors = {click.visitor_id for click in trail.by_id.values() if click.visitor_id is not None}
    if visitors:
        since = min(order.placed_at for order in orders) - LONGEST_WINDOW
        until = max(order.placed_at for order in orders) + SKEW
        of_visitors = _click_query().where(among(session, Click.visitor_id, visitors), Click.at.between(since, until))
        for click in session.connection().execute(of_visitors):
            trail.by_visitor.setdefault(click.visitor_id, []).append(click)
    return trail


def _click_query() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Click.id,
            Click.brand_id,
            Click.at,
            Click.verdict,
            Click.reason,
            Click.visitor_id,
            Link.id.label("link_id"),
            Link.partner_id,
            Link.campaign_id,
            Link.placement_id,
            func.coalesce(Link.channel, Partner.channel).label("channel"),
            Partner.kind.label("partner_kind"),
        )
        .outerjoin(Link, and_(Link.id == Click.link_id, Link.brand_id == Click.brand_id))
        .outerjoin(Partner, Partner.id == Link.partner_id)
    )


def _known(order: Found, trail: Trail, click_ids: Iterable[str]) -> list[Found]:
    """Those of these clicks that we have and that are the order's brand's."""
    clicks = (trail.by_id.get(click_id) for click_id in click_ids)
    return [click for click in clicks if click is not None and click.brand_id == order.brand_id]


def _clicks(order: Found, own: Sequence[Found], relatives: Relatives, trail: Trail) -> Iterable[Candidate]:
    """The clicks that the order carries, whenever they were, and in its time those of the visitor and the customer."""
    evidence: dict[str, set[Evidence]] = {click.id: {Evidence.CLICK_ID} for click in own}
    clicks: dict[str, Found] = {click.id: click for click in own}
    theirs = _known(order, trail, relatives.click_ids)
    joined = (
        (Evidence.VISITOR, _of_visitors(order, trail, own)),
        (Evidence.CUSTOMER, [*theirs, *_of_visitors(order, trail, theirs)]),
    )
    for kind, found in joined:
        for click in _nearest(order, found):
            clicks[click.id] = click
            evidence.setdefault(click.id, set()).add(kind)
    return [trail.candidate(click, frozenset(evidence[click_id])) for click_id, click in clicks.items()]


def _of_visitors(order: Found, trail: Trail, clicks: Iterable[Found]) -> list[Found]:
    visitors = {click.visitor_id for click in clicks if click.visitor_id is not None}
    return [
        click
        for visitor in sorted(visitors)
        for click in trail.by_visitor.get(visitor, [])
        if click.brand_id == order.brand_id
    ]


def _nearest(order: Found, clicks: Iterable[Found]) -> list[Found]:
    """The latest of these clicks that lie between the order and the longest window before it."""
    since, until = order.placed_at - LONGEST_WINDOW, order.placed_at + SKEW
    in_time = {click.id: click for click in clicks if since <= click.at <= until}
    return sorted(in_time.values(), key=lambda click: (click.at, click.id))[-MOST_CLICKS:]


def _click(click: Found, evidence: frozenset[Evidence]) -> Candidate:
    return Candidate(
        kind=Kind.CLICK,
        id=click.id,
        at=click.at,
        evidence=evidence,
        partner_id=click.partner_id,
        channel=click.channel or "",
        link_id=click.link_id,
        campaign_id=click.campaign_id,
        placement_id=click.placement_id,
        program="" if click.verdict == "human" else f"{click.verdict}:{click.reason}",
        partner_kind=click.partner_kind or "",
    )


# --- codes ------------------------------------------------------------------------------------------------------------


def _owners(session: Session, orders: Sequence[Found]) -> dict[tuple[str, str], list[Found]]:
    """Every period of ownership of the orders' codes, by brand and normal form."""
    normals = {normal(text) for order in orders for text in order.codes}
    if not normals:
        return {}
    query = (
        select(
            Code.brand_id,
            Code.normal,
            CodeOwner.partner_id,
            CodeOwner.campaign_id,
            CodeOwner.placement_id,
            CodeOwner.valid_from,
            CodeOwner.valid_to,
            func.coalesce(CodeOwner.channel, Partner.channel).label("channel"),
            Partner.kind.label("partner_kind"),
        )
        .join(CodeOwner, CodeOwner.code_id == Code.id)
        .join(Partner, Partner.id == CodeOwner.partner_id)
        .where(Code.brand_id.in_({order.brand_id for order in orders}), Code.normal.in_(normals))
        .where(or_(CodeOwner.valid_to.is_(None), CodeOwner.valid_to > min(order.placed_at for order in orders)))
    )
    owners: dict[tuple[str, str], list[Found]] = {}
    for row in session.connection().execute(query):
        owners.setdefault((row.brand_id, row.normal), []).append(row)
    return owners


def _codes(order: Found, owners: Mapping[tuple[str, str], list[Found]]) -> Iterable[Candidate]:
    """The order's codes in its own sequence, each once however it is spelled."""
    spellings: dict[str, str] = {}
    for text in order.codes:
        if 0 < len(form := normal(text)) <= LONGEST:
            spellings.setdefault(form, text[:LONGEST])
    return [
        _code(order, form, text, rank, _owner(owners.get((order.brand_id, form), []), order.placed_at))
        for rank, (form, text) in enumerate(spellings.items())
    ]


def _owner(periods: Iterable[Found], at: datetime) -> Found | None:
    covering = (row for row in periods if row.valid_from <= at and (row.valid_to is None or at < row.valid_to))
    return max(covering, key=lambda row: (row.valid_from, row.partner_id), default=None)


def _code(order: Found, form: str, text: str, rank: int, owner: Found | None) -> Candidate:
    return Candidate(
        kind=Kind.CODE,
        id=form,
        at=order.placed_at,
        evidence=frozenset({Evidence.CODE}),
        partner_id=owner.partner_id if owner else None,
        channel=owner.channel if owner else "",
        campaign_id=owner.campaign_id if owner else None,
        placement_id=owner.placement_id if owner else None,
        code=text,
        rank=rank,
        partner_kind=owner.partner_kind if owner else "",
    )
