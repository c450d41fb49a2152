"""What a channel, a partner or a link performed: the same columns, from the same figures, whoever the subject is."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.domain.orders import Status
from tracker.domain.rankings import Converted
from tracker.reports._clicks import UNIQUE_HELP, Clicks, clicks
from tracker.reports._parts import By, Credited, Journeys, Key, brand_currency, credited, grouped, in_order, journeys
from tracker.reports._ranked import CVR, rate_cells
from tracker.reports._shape import Column, Kind, Row, Scope

CURRENCY = Column("currency", "Currency")

COLUMNS = (
    Column(
        "revenue",
        "Revenue",
        Kind.MONEY,
        "Net value credited: what the brand's net formula counts of the orders, less refunds.",
    ),
    Column("orders", "Orders", Kind.INTEGER, "Paid orders with a credit; an order that several share counts for each."),
    Column("closed", "Closed", Kind.INTEGER, "Orders whose journey ended here."),
    Column("opened", "Opened", Kind.INTEGER, "Orders whose journey began here."),
    Column("assisted", "Assisted", Kind.INTEGER, "Orders whose journey passed here and ended elsewhere."),
    Column("clicks", "Clicks", Kind.INTEGER, "Clicks by people; bots and link previews are left out."),
    Column("unique", "Unique", Kind.INTEGER, UNIQUE_HELP),
    *CVR,
    Column("aov", "AOV", Kind.MONEY, "Average order value: net value of the orders, per order."),
    Column("epc", "EPC", Kind.MONEY, "Earnings per click: revenue that came through links, per click."),
    Column("pending", "Pending", Kind.MONEY, "What orders not yet paid would add."),
)


_UNCREDITED, _NOWHERE, _UNCLICKED = Credited(), Journeys(), Clicks()


@dataclass(frozen=True, slots=True)
class Performance:
    """The figures of every subject of one kind. `first` is the brand's own currency, `currencies` those of each."""

    first: str
    credited: dict[Key, Credited]
    pending: dict[Key, Credited]
    journeys: dict[Key, Journeys]
    clicks: dict[str, Clicks]
    link_orders: dict[str, int]
    currencies: dict[str, set[str]]

    def subjects(self) -> set[str]:
        """Everyone with any figure at all."""
        return set(self.currencies) | set(self.clicks)

    def rows(self, subject: str) -> list[Row]:
        """A row a currency, the brand's own in front; one of zeros where there is nothing.

        Clicks and their rate have no currency: they stand on the first row, and are None on the others, so that a
        column may be added up.
        """
        return [
            self.row(subject, currency, first=index == 0) for index, currency in enumerate(self.currencies_of(subject))
        ]

    def currencies_of(self, subject: str) -> list[str]:
        """Those of its rows."""
        return in_order(self.currencies.get(subject, ()), self.first)

    def revenue(self, subject: str, currency: str) -> int:
        """What is credited to it, by which rows are sorted."""
        return self.credited.get((subject, currency), _UNCREDITED).revenue

    def row(self, subject: str, currency: str, *, first: bool) -> Row:
        """The figures of `subject` in `currency`; those that have none only on the `first` row."""
        credited = self.credited.get((subject, currency), _UNCREDITED)
        journeys = self.journeys.get((subject, currency), _NOWHERE)
        row: Row = {
            "currency": currency,
            "revenue": credited.revenue,
            "orders": credited.orders,
            "closed": journeys.closed,
            "opened": journeys.opened,
            "assisted": journeys.assisted,
            "aov": metrics.whole_units(metrics.average_order_value(credited.value, credited.orders)),
            "pending": self.pending.get((subject, currency), _UNCREDITED).revenue,
        }
        return row | self._click_cells(subject, credited.link_revenue, first=first)

    def converted(self, subject: str) -> Converted:
        """Its orders through links and the clicks on them."""
        return Converted(self.link_orders.get(subject, 0), self.clicks.get(subject, _UNCLICKED).human)

    def _click_cells(self, subject: str, link_revenue: int, *, first: bool) -> Row:
        clicks = self.clicks.get(subject, _UNCLICKED)
        orders = self.link_orders.get(subject, 0)
        return {
            "clicks": clicks.human if first else None,
            "unique": clicks.unique if first else None,
            **rate_cells(orders if first else None, clicks.human),
            "epc": metrics.whole_units(metrics.earnings_per_click(link_revenue, clicks.human)),
        }


def performance(session: Session, scope: Scope, *, credit_by: By, touch_by: By, link_by: By) -> Performance:
    """The figures by a column of credits, of touches and of links that name the same subject. Five queries."""
    paid = credited(session, scope, credit_by)
    pending, stood = credited(session, scope, credit_by, Status.PENDING), journeys(session, scope, touch_by)
    return Performance(
        first=brand_currency(session, scope.brand_id),
        credited=paid,
        pending=pending,
        journeys=stood,
        clicks=clicks(session, scope, link_by),
        link_orders=_link_orders(paid),
        currencies=grouped(paid, pending, stood),
    )


def _link_orders(paid: dict[Key, Credited]) -> dict[str, int]:
    """Orders that came through links, by subject, over all currencies: a count has none."""
    found: dict[str, int] = {}
    for (subject, _), figures in paid.items():
        found[subject] = found.get(subject, 0) + figures.link_orders
    return found


def by_revenue(rows: list[Row], first: str) -> list[Row]:
    """The brand's currency first, then by revenue, the largest in front."""
    return sorted(rows, key=lambda row: (row["currency"] != first, str(row["currency"]), -_amount(row)))


def _amount(row: Row) -> int:
    revenue = row["revenue"]
    return revenue if isinstance(revenue, int) else 0
