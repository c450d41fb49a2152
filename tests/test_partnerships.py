"""What the ledger tells one partner, on both databases: sales, money, statements, words and papers."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from tests.conftest import Ledger
from tests.given import NOON, World
from tests.test_portal import a_sale_of_bob, an_order_of_two
from tracker import pipeline
from tracker.catalog import Desk, disputes, documents, messages, partnerships, statements, terms
from tracker.domain.sales import Reckoned, SaleState
from tracker.ledger import partnership
from tracker.ledger.tables import Mail, Partner
from tracker.reports import _sales

MARCH = (date(2026, 3, 1), date(2026, 3, 31))


@pytest.mark.parametrize(
    ("reckoned", "state"),
    [
        (Reckoned(0, 0, 0, 0, None), SaleState.REFUSED),
        (Reckoned(0, 0, 0, 0, 9000), SaleState.UNPAID),
        (Reckoned(1, 900, 0, 0, 9000), SaleState.PENDING),
        (Reckoned(1, 0, 900, 0, 9000), SaleState.APPROVED),
        (Reckoned(1, 0, 0, 900, 9000), SaleState.PAID),
        (Reckoned(2, 0, -400, 900, 5000), SaleState.APPROVED),
        (Reckoned(2, -900, 0, 900, None), SaleState.REVERSED),
    ],
)
def test_a_sale_stands_where_what_is_to_come_puts_it(reckoned: Reckoned, state: SaleState) -> None:
    assert reckoned.state is state


@pytest.mark.parametrize(
    ("text", "before", "after"), [("2026-01", "2025-12", "2026-02"), ("2026-12", "2026-11", "2027-01")]
)
def test_months_follow_each_other(text: str, before: str, after: str) -> None:
    month = statements.month_of(text)
    assert (str(month.before), str(month.next)) == (before, after)


def test_an_address_of_any_length_is_written_to(ledger: Ledger) -> None:
    world = World(ledger)
    with ledger.writing() as session:
        session.get_one(Partner, world.alice).email = f"{'a' * 60}@{'.'.join(['b' * 60] * 4)}.example"
        desk = Desk(session, world.brand, NOON, NOON, "https://go.example.com", "0" * 64)
        messages.add(desk, messages.NewMessage(partner=world.alice, text="Hello."))
        assert session.execute(select(func.count()).select_from(Mail)).scalar_one() == 1


def test_everything_is_about_one_partner(ledger: Ledger) -> None:
    world = World(ledger)
    order, lost = an_order_of_two(world), a_sale_of_bob(world)
    world.code("ALICE10", world.alice)
    unpaid = world.order(net="10.00", codes=["ALICE10"], status="pending", hours=1)
    world.attribute()
    with ledger.writing() as session:
        desk = Desk(session, world.brand, NOON, NOON, "https://go.example.com", "0" * 64)
        terms.add(desk, terms.NewTerms(percent="10", hold_days=30, valid_from=date(2026, 1, 1)))
    pipeline.accrue_commissions(ledger.session, 100, NOON)
    with ledger.writing() as session:
        desk = Desk(session, world.brand, NOON, NOON, "https://go.example.com", "0" * 64)
        sales, more = _sales.sales(session, world.brand, world.alice, MARCH)
        assert {sale.order_id: (sale.state.value, sale.due) for sale in sales} == {
            order: ("pending", 900),
            lost: ("refused", 0),
            unpaid: ("unpaid", 0),
        }
        assert not more
        assert {sale.order_id: sale.why for sale in sales}[unpaid] == (_sales.NOT_PAID_YET,)
        (money,) = partnership.money(session, world.brand, world.alice)
        assert (money.pending, money.next_approval) == (900, NOON - timedelta(days=1) + timedelta(days=30))
        (sold,) = _sales.sold(session, world.brand, world.alice, *MARCH)
        assert (sold.currency, sold.orders, sold.credited) == ("EUR", 1, 9000)
        (month,) = statements.of_month(desk, world.alice, statements.this_month(desk))
        assert (month.opening, month.earned, month.closing) == ("0.00", "9.00", "9.00")
        dispute = disputes.add(desk, world.alice, disputes.NewDispute(order=lost, text="Mine."), account=None)
        assert [one.id for one in disputes.every(desk, world.alice)] == [dispute.id]
        assert disputes.every(desk, world.bob) == []
        messages.write(desk, world.alice, "Hello.", account=None)
        assert [(one.messages, one.unread) for one in messages.threads(desk)] == [(2, 2)]
        paper = documents.add(desk, world.alice, "brief.txt", b"Show the bag.")
        assert [(one.name, one.size) for one in documents.every(desk, world.alice)] == [("brief.txt", 13)]
        assert documents.read(desk, world.alice, paper.id).content == b"Show the bag."
        assert [one.code for one in partnerships.own_codes(desk, world.alice)] == ["ALICE10"]
        assert partnerships.waited(desk, world.alice) == timedelta(0)
        assert partnership.clicks_since(session, world.alice, [NOON]) == [0]
