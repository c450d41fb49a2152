"""What the partner's pages show: asked of the ledger for one seat, that is one partner of one brand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from flask import request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.catalog import Desk, disputes, documents, messages, partnerships, statements
from tracker.catalog.statements import Month
from tracker.domain.sales import SaleState
from tracker.errors import BadInput, NotFound, say
from tracker.ledger import partnership
from tracker.ledger.tables import Brand, OrderRow, Partner
from tracker.reports import _sales
from tracker.reports._orders import receipt_for_partner

_A_PAGE = 50
_SHOWN_DAYS = 92  # what the list of sales shows where no month is chosen


@dataclass(frozen=True, slots=True)
class Seat:
    """Whose page this is: the partner, his brand, the brands he could turn to, and how much he has not read."""

    desk: Desk
    brand: Brand
    partner: Partner
    brands: tuple[tuple[str, str], ...]
    unread: int

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the brand."""
        return ZoneInfo(self.brand.time_zone)

    @property
    def today(self) -> date:
        """The brand's day."""
        return self.desk.now.astimezone(self.zone).date()

    def to(self, endpoint: str, **values: str | None) -> str:
        """The URL of another page of this seat."""
        kept = {"brand": self.brand.id} if len(self.brands) > 1 else {}
        return url_for(endpoint, **cast("dict[str, Any]", {**kept, **values}))


def figures(session: Session, seat: Seat) -> dict[str, object]:
    """What the first page shows: clicks, sales and money, as the ledger has them now."""
    days = [seat.today - timedelta(days=days - 1) for days in (1, 7, 30)]
    moments = [datetime(day.year, day.month, day.day, tzinfo=seat.zone) for day in days]
    latest, _more = _sales.sales(session, seat.brand.id, seat.partner.id, (days[2], seat.today), limit=5)
    return {
        "clicks": partnership.clicks_since(session, seat.partner.id, moments),
        "sold": _sales.sold(session, seat.brand.id, seat.partner.id, days[2], seat.today),
        "owed": partnership.money(session, seat.brand.id, seat.partner.id),
        "latest": latest,
        "links": sum(one.live for one in partnerships.own_links(seat.desk, seat.partner.id)),
        "disputes": [one for one in disputes.every(seat.desk, seat.partner.id) if one.state == "open"],
    }


def promotion(seat: Seat) -> dict[str, object]:
    """What the partner publishes, and under which conditions."""
    desk, partner_id = seat.desk, seat.partner.id
    return {
        "links": partnerships.own_links(desk, partner_id),
        "codes": partnerships.own_codes(desk, partner_id),
        "campaigns": partnerships.campaigns(desk, partner_id),
        "agreements": partnerships.agreements(desk, partner_id),
        "papers": documents.every(desk, partner_id),
    }


def sales_shown(session: Session, seat: Seat) -> dict[str, object]:
    """A page of the sales of the month and state that the query names. Raises BadInput."""
    month, state, offset = month_asked(), _state(), max(request.args.get("after", 0, int), 0)
    days = (month.first, month.next.first - timedelta(days=1)) if month else _lately(seat)
    found, more = _sales.sales(session, seat.brand.id, seat.partner.id, days, state=state, offset=offset, limit=_A_PAGE)
    return {
        "sales": found,
        "further": offset + _A_PAGE if more else None,
        "month": month,
        "months": _months(seat),
        "state": state,
        "disputed": {one.order: one for one in disputes.every(seat.desk, seat.partner.id)},
    }


def _lately(seat: Seat) -> tuple[date, date]:
    return seat.today - timedelta(days=_SHOWN_DAYS), seat.today


def _months(seat: Seat) -> list[Month]:
    """The last two years, no further back than the partner goes."""
    born = seat.partner.created_at.astimezone(seat.zone)
    found = [statements.this_month(seat.desk)]
    while len(found) < 24 and (found[-1].year, found[-1].number) > (born.year, born.month):
        found.append(found[-1].before)
    return found


def one_sale(session: Session, seat: Seat, order_id: str) -> dict[str, object]:
    """One order as the partner may see it. Raises NotFound for one that he had no hand in."""
    told = receipt_for_partner(session, seat.brand.id, order_id, seat.partner.id)
    day = session.execute(select(OrderRow.placed_day).where(OrderRow.id == order_id)).scalar()
    sale = _sales.one(session, seat.brand.id, seat.partner.id, order_id, day) if day else None
    if sale is None:
        raise NotFound("no such order of the partner")
    dispute = disputes.of_order(seat.desk, seat.partner.id, order_id)
    said = messages.thread(seat.desk, seat.partner.id, dispute.id) if dispute else []
    return {"sale": sale, "told": told, "receipt": told["receipt"], "dispute": dispute, "said": said}


def month_asked() -> Month | None:
    """The month that the query names. Raises BadInput."""
    asked = request.args.get("month")
    return statements.month_of(asked) if asked else None


def _state() -> SaleState | None:
    asked = request.args.get("state") or None
    if asked is not None and asked not in list(SaleState):
        raise BadInput("state", say("want one of %(choices)s", choices=", ".join(SaleState)))
    return SaleState(asked) if asked else None
