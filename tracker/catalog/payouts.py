"""A payout pays all that is approved and unpaid of a partner in one currency, what was taken back since included."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select

from tracker.catalog import Desk
from tracker.catalog.fields import (
    Currency,
    Input,
    ListQuery,
    Name,
    Output,
    Page,
    PartnerFilter,
    PartnerReference,
    When,
    moment,
)
from tracker.domain.money import decimal_string
from tracker.errors import BadInput, Conflict, say
from tracker.ledger import catalog
from tracker.ledger import payouts as ledger
from tracker.ledger.payouts import Open
from tracker.ledger.tables import Partner, Payout


class NewPayout(Input):
    """A payout to be. `reference` is the payer's own: a transfer, an invoice.

    With `until` only what was recorded up to that day (included) is paid. `currency` need only be said where the
    partner has something to get in several.
    """

    partner: PartnerReference
    reference: Name
    until: When | None = None
    currency: Currency | None = None


class PayoutQuery(ListQuery):
    """Which payouts."""

    partner: PartnerFilter = None


class PayoutView(Output):
    """A payment of approved commissions to a partner: how many, and their sum as a decimal string."""

    id: str
    partner: str
    currency: str
    amount: str
    commissions: int
    reference: str
    paid_at: datetime


class Waiting(Output):
    """What is approved and unpaid of a partner in one currency, what was taken back already off: it may be negative."""

    partner: str
    currency: str
    amount: str
    commissions: int


def add(desk: Desk, wanted: NewPayout) -> PayoutView:
    """Note a payout of all that may be paid. Two at once wait for each other: the second finds nothing left.

    Raises NotFound, BadInput where the currency is not clear, and Conflict where there is nothing to pay: a sum of
    zero or less is carried over.
    """
    partner = catalog.one(desk.session, Partner, desk.brand_id, wanted.partner, lock=True)
    zone = ZoneInfo(catalog.brand_by_id(desk.session, desk.brand_id).time_zone)
    until = moment(wanted.until, zone, end_of_day=True) if wanted.until else None
    what = _chosen(ledger.open_amounts(desk.session, desk.brand_id, partner.id, until), wanted.currency)
    if what.amount <= 0:
        raise Conflict(
            say(
                "nothing to pay: what is approved comes to %(amount)s %(currency)s after what was taken back; "
                "it is carried over to the next payout",
                amount=decimal_string(what.amount, what.currency),
                currency=what.currency,
            )
        )
    payout = ledger.make(desk.session, desk.brand_id, partner.id, what, reference=wanted.reference, now=desk.now)
    return _view(payout, len(what.commission_ids))


def one(desk: Desk, payout_id: str) -> PayoutView:
    """The brand's payout of that id. Raises NotFound."""
    payout = catalog.one(desk.session, Payout, desk.brand_id, payout_id)
    return _view(payout, ledger.sizes(desk.session, [payout.id]).get(payout.id, 0))


def page(desk: Desk, query: PayoutQuery) -> Page[PayoutView]:
    """A page of the brand's payouts."""
    conditions = []
    if query.partner:
        conditions.append(Payout.partner_id == catalog.one(desk.session, Partner, desk.brand_id, query.partner).id)
    rows, further = catalog.page(
        desk.session, Payout, desk.brand_id, after=query.cursor, limit=query.limit, conditions=conditions
    )
    sizes = ledger.sizes(desk.session, [row.id for row in rows])
    return Page[PayoutView](data=[_view(row, sizes.get(row.id, 0)) for row in rows], next_cursor=further)


def newest(desk: Desk, limit: int) -> list[PayoutView]:
    """The brand's latest payouts, the last one first."""
    query = select(Payout).where(Payout.brand_id == desk.brand_id).order_by(Payout.id.desc()).limit(limit)
    rows = desk.session.execute(query).scalars().all()
    sizes = ledger.sizes(desk.session, [row.id for row in rows])
    return [_view(row, sizes.get(row.id, 0)) for row in rows]


def waiting(payable: Iterable[tuple[str, str, int, int]]) -> list[Waiting]:
    """What may be paid (partner, currency, sum, how many commissions), the largest sum of a currency first."""
    return [
        Waiting(partner=partner, currency=currency, amount=decimal_string(amount, currency), commissions=count)
        for partner, currency, amount, count in sorted(payable, key=lambda row: (row[1], -row[2], row[0]))
    ]


def _chosen(amounts: Sequence[Open], currency: str | None) -> Open:
    if not amounts or (currency and currency not in {one.currency for one in amounts}):
        raise Conflict("nothing to pay: no commission of the partner is approved and unpaid")
    if currency is None and len(amounts) > 1:
        known = ", ".join(one.currency for one in amounts)
        raise BadInput("currency", say("something is to be paid in %(known)s: say which, one payout each", known=known))
    return next(one for one in amounts if currency in (None, one.currency))


def _view(payout: Payout, commissions: int) -> PayoutView:
    return PayoutView(
        id=payout.id,
        partner=payout.partner_id,
        currency=payout.currency,
        amount=decimal_string(payout.amount, payout.currency),
        commissions=commissions,
        reference=payout.reference,
        paid_at=payout.paid_at,
    )
