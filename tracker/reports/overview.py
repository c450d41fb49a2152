"""What came in, and how much of it is explained."""

from __future__ import annotations

from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.domain.orders import Status
from tracker.ledger.tables import Credit, Link
from tracker.reports._clicks import UNIQUE_HELP, Clicks, clicks
from tracker.reports._parts import Credited, Key, Total, brand_currency, credited, credited_orders, in_order, totals
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 10
TITLE = "Overview"
DESCRIPTION = "What came in over the period, and how much of it partners explain."
COLUMNS = (
    Column("currency", "Currency"),
    Column("revenue", "Net revenue", Kind.MONEY, "Net value of all paid orders, attributed or not."),
    Column("orders", "Orders", Kind.INTEGER, "Paid orders, attributed or not."),
    Column("attributed_revenue", "Attributed revenue", Kind.MONEY, "Net value credited to partners."),
    Column("attributed_share", "Attributed share", Kind.PERCENT, "Attributed revenue / net revenue."),
    Column("attributed_orders", "Attributed orders", Kind.INTEGER, "Paid orders with a credit."),
    Column("coverage", "Coverage", Kind.PERCENT, "Attributed orders / orders."),
    Column("pending_revenue", "Pending revenue", Kind.MONEY, "Net value of the orders not yet paid."),
    Column("pending_orders", "Pending orders", Kind.INTEGER, "Orders not yet paid."),
    Column("gross_clicks", "Gross clicks", Kind.INTEGER, "Every request for a link, bots and previews included."),
    Column("clicks", "Clicks", Kind.INTEGER, "Clicks by people."),
    Column("unique_clicks", "Unique clicks", Kind.INTEGER, UNIQUE_HELP),
)


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a currency. Clicks have none: they stand on the first row alone, which is the brand's own currency."""
    first = brand_currency(session, scope.brand_id)
    paid, pending = totals(session, scope), totals(session, scope, Status.PENDING)
    shares, shared_orders = credited(session, scope, Credit.brand_id), credited_orders(session, scope)
    clicked = clicks(session, scope, Link.brand_id).get(scope.brand_id, Clicks())
    currencies = in_order({first, *paid, *pending}, first)
    return [
        _money(scope, currency, paid, pending, shares)
        | _orders(currency, paid, pending, shared_orders)
        | _clicks(clicked if currency == first else None)
        for currency in currencies
    ]


def _money(
    scope: Scope, currency: str, paid: dict[str, Total], pending: dict[str, Total], shares: dict[Key, Credited]
) -> Row:
    revenue = paid.get(currency, Total()).revenue
    attributed = shares.get((scope.brand_id, currency), Credited()).revenue
    return {
        "currency": currency,
        "revenue": revenue,
        "attributed_revenue": attributed,
        "attributed_share": metrics.share(attributed, revenue),
        "pending_revenue": pending.get(currency, Total()).revenue,
    }


def _orders(currency: str, paid: dict[str, Total], pending: dict[str, Total], shared: dict[str, int]) -> Row:
    orders, attributed = paid.get(currency, Total()).orders, shared.get(currency, 0)
    return {
        "orders": orders,
        "attributed_orders": attributed,
        "coverage": metrics.share(attributed, orders),
        "pending_orders": pending.get(currency, Total()).orders,
    }


def _clicks(clicked: Clicks | None) -> Row:
    return {
        "gross_clicks": clicked.gross if clicked else None,
        "clicks": clicked.human if clicked else None,
        "unique_clicks": clicked.unique if clicked else None,
    }
