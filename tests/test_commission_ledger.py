"""Stories of what is owed, on the real ledger: rows are only added, and nothing is paid twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select

from tests.conftest import Ledger
from tests.given import NOON, World
from tracker import pipeline
from tracker.catalog import Desk, commissions, payouts, terms
from tracker.catalog.commissions import CommissionQuery
from tracker.catalog.payouts import NewPayout, PayoutQuery
from tracker.catalog.terms import NewTerms
from tracker.domain.commissions import State
from tracker.errors import BadInput, Conflict
from tracker.ledger import commissions_due
from tracker.ledger.database import open_database, sessions
from tracker.ledger.tables import CodeOwner, Commission, CommissionStep, CreditSet, OrderRow, OrderTerms
from tracker.reports._shape import Scope
from tracker.reports._unagreed import days_without_terms, orders_without_terms

HOLD = timedelta(days=30)
AFTER_HOLD = NOON + HOLD


class Shop(World):
    """A world that owes: `owe` drains everything, `of` is what was recorded for a partner."""

    @contextmanager
    def desk(self, now: datetime | None = None) -> Iterator[Desk]:
        with self.ledger.writing() as session:
            yield Desk(session, self.brand, now or self.now, self.now, "https://go.example.com", "0" * 64)

    def agree(self, **said: Any) -> str:
        """Terms in force since long ago, unless said otherwise; the id."""
        with self.desk() as desk:
            wanted = NewTerms.model_validate({"valid_from": "2026-01-01", **said})
            return terms.add(desk, wanted).id

    def owe(self, now: datetime = NOON) -> None:
        """Credit, reckon and approve whatever is due."""
        self.attribute()
        while pipeline.accrue_commissions(self.ledger.session, 10, now):
            pass
        while pipeline.approve_commissions(self.ledger.session, 2, now):
            pass

    def of(self, partner: str) -> list[tuple[str, str, str]]:
        """Kind, amount and state of each row of the partner."""
        with self.desk() as desk:
            page = commissions.page(desk, CommissionQuery(partner=partner))
        return [(row.kind.value, row.amount, row.state.value) for row in page.data]

    def pay(self, partner: str, now: datetime = AFTER_HOLD, **said: Any) -> payouts.PayoutView:
        with self.desk(now) as desk:
            return payouts.add(desk, NewPayout(partner=partner, reference="transfer", **said))

    def without_terms(self) -> list[tuple[str, str]]:
        """Who is credited and paid nothing for want of terms, and why."""
        with self.desk() as desk:
            found = commissions.without_terms(desk)
            days = days_without_terms(desk.session, self.brand, 50)
            assert commissions.without_terms(desk, days=days) == found
            owed_for = orders_without_terms(desk.session, Scope(self.brand, NOON.date(), NOON.date()))
        assert sum(owed_for.values()) == len(found)
        return [(self.names[one.partner], one.why) for one in found]

    def by_alice(self, net: str = "100.00", **said: Any) -> str:
        """An order after one click on Alice's link."""
        return self.order(net=net, clicks=[self.click(self.alice_link, days=1)], **said)


@pytest.fixture
def shop(ledger: Ledger) -> Shop:
    """A brand on each database."""
    return Shop(ledger)


@pytest.fixture
def small(sqlite_ledger: Ledger) -> Shop:
    """A brand where the database does not matter."""
    return Shop(sqlite_ledger)


def refund(shop: Shop, order: str, net: int, now: datetime = NOON) -> None:
    """What is left of the order's net value, in minor units; it was 100.00."""
    shop.change(order, net=net, refunded=10000 - net)
    shop.owe(now)


# --- the life of a commission -----------------------------------------------------------------------------------------


def test_a_commission_is_held_then_approved_then_paid(shop: Shop) -> None:
    shop.agree(percent="10")
    shop.by_alice()
    shop.owe()
    assert shop.of(shop.alice) == [("accrual", "10.00", "pending")]
    with pytest.raises(Conflict, match="approved and unpaid"):
        shop.pay(shop.alice)
    shop.owe(AFTER_HOLD - timedelta(seconds=1))
    assert shop.of(shop.alice) == [("accrual", "10.00", "pending")]
    shop.owe(AFTER_HOLD)
    assert shop.of(shop.alice) == [("accrual", "10.00", "approved")]
    paid = shop.pay(shop.alice)
    assert (paid.amount, paid.currency, paid.commissions) == ("10.00", "EUR", 1)
    assert shop.of(shop.alice) == [("accrual", "10.00", "paid")]
    with shop.desk() as desk:
        assert payouts.page(desk, PayoutQuery()).data == [paid]
        assert payouts.one(desk, paid.id) == paid
    with pytest.raises(Conflict, match="approved and unpaid"):
        shop.pay(shop.alice)


def test_doing_everything_again_adds_nothing(small: Shop) -> None:
    small.agree(percent="10")
    order = small.by_alice()
    small.owe(AFTER_HOLD)
    before = small.all(Commission), small.all(CommissionStep), small.all(OrderTerms)
    for cause in ("order", "again"):
        with small.ledger.writing() as session:
            session.execute(select(OrderRow.id).where(OrderRow.id == order).with_for_update())
            commissions_due.mark(session, {order: cause}, NOON)
        small.owe(AFTER_HOLD + HOLD)
    assert (small.all(Commission), small.all(CommissionStep), small.all(OrderTerms)) == before


def test_a_refund_within_the_hold_lowers_what_is_pending_and_is_held_as_long(small: Shop) -> None:
    small.agree(percent="10")
    order = small.by_alice()
    small.owe()
    refund(small, order, 5995, NOON + timedelta(days=3))
    assert small.of(small.alice) == [("accrual", "10.00", "pending"), ("reversal", "-4.00", "pending")]
    small.owe(AFTER_HOLD)
    assert small.pay(small.alice).amount == "6.00"


def test_what_a_refund_took_back_within_the_hold_is_approved_no_later_than_what_it_took_it_from(small: Shop) -> None:
    small.agree(percent="10")
    order = small.by_alice()
    small.owe()
    refund(small, order, 4000)
    assert pipeline.approve_commissions(small.ledger.session, 1, AFTER_HOLD) == 1
    with pytest.raises(Conflict, match=r"-6.00 EUR.*carried over"):
        small.pay(small.alice)
    small.owe(AFTER_HOLD)
    assert small.pay(small.alice).amount == "4.00"


def test_a_refund_after_approval_is_approved_at_once(small: Shop) -> None:
    small.agree(percent="10")
    order = small.by_alice()
    small.owe(AFTER_HOLD)
    refund(small, order, 2500, AFTER_HOLD)
    assert small.of(small.alice) == [("accrual", "10.00", "approved"), ("reversal", "-7.50", "approved")]
    assert small.pay(small.alice).amount == "2.50"


def test_a_refund_after_payment_is_carried_over_and_netted_in_the_next_payout(shop: Shop) -> None:
    shop.agree(percent="10", hold_days=0)
    order = shop.by_alice()
    shop.owe()
    first = shop.pay(shop.alice)
    refund(shop, order, 0)
    assert shop.of(shop.alice) == [("accrual", "10.00", "paid"), ("reversal", "-10.00", "approved")]
    with pytest.raises(Conflict, match=r"-10.00 EUR.*carried over"):
        shop.pay(shop.alice)
    shop.by_alice(net="250.00")
    shop.owe()
    second = shop.pay(shop.alice)
    assert (first.amount, second.amount, second.commissions) == ("10.00", "15.00", 2)
    assert {state for _, _, state in shop.of(shop.alice)} == {"paid"}


def test_a_refund_that_failed_after_all_is_owed_again(small: Shop) -> None:
    small.agree(percent="10")
    order = small.by_alice()
    small.owe()
    refund(small, order, 4000)
    refund(small, order, 10000)
    assert [row[:2] for row in small.of(small.alice)] == [
        ("accrual", "10.00"),
        ("reversal", "-6.00"),
        ("adjustment", "6.00"),
    ]


@pytest.mark.parametrize("status", ["cancelled", "deleted", "pending"])
def test_an_order_that_is_no_longer_paid_owes_nothing(small: Shop, status: str) -> None:
    small.agree(flat="5.00")
    order = small.by_alice()
    small.owe()
    small.change(order, status=status)
    small.owe()
    assert [row[:2] for row in small.of(small.alice)] == [("accrual", "5.00"), ("reversal", "-5.00")]
    small.change(order, status="paid")
    small.owe()
    assert [row[:2] for row in small.of(small.alice)][2:] == [("adjustment", "5.00")]


def test_a_pending_order_owes_from_the_moment_it_is_paid_and_a_test_never(small: Shop) -> None:
    small.agree(percent="10")
    order = small.by_alice(status="pending")
    small.by_alice(test=True)
    small.owe()
    assert small.of(small.alice) == []
    small.change(order, status="paid")
    small.owe()
    assert small.of(small.alice) == [("accrual", "10.00", "pending")]


def test_an_order_of_nothing_has_terms_and_no_rows(small: Shop) -> None:
    small.agree(flat="5.00")
    small.by_alice(net="0.00")
    small.owe()
    assert small.of(small.alice) == []
    assert len(small.all(OrderTerms)) == 1


# --- late truth -------------------------------------------------------------------------------------------------------


def test_a_code_reassigned_after_the_payout_is_an_adjustment_for_both_partners(shop: Shop) -> None:
    shop.agree(percent="10", hold_days=0)
    shop.agree(percent="5", hold_days=0, partner=shop.bob)
    order = shop.order(codes=["NEST5"])
    shop.code("NEST5", shop.alice, until=NOON + timedelta(days=1))
    shop.owe()
    shop.pay(shop.alice)
    _reassign(shop, "NEST5", shop.bob)
    shop.owe()
    assert shop.of(shop.alice) == [("accrual", "10.00", "paid"), ("adjustment", "-10.00", "approved")]
    assert shop.of(shop.bob) == [("accrual", "5.00", "approved")]
    with pytest.raises(Conflict, match="carried over"):
        shop.pay(shop.alice)
    assert shop.pay(shop.bob).amount == "5.00"
    causes = {row["cause"] for row in shop.all(Commission) if row["order_id"] == order and row["number"] == 2}
    assert causes == {"code"}


def _reassign(shop: Shop, text: str, partner: str) -> None:
    """Whoever owned the code never did: it was the partner's all along."""
    with shop.ledger.writing() as session:
        session.execute(delete(CodeOwner))
    shop.code(text, partner)


def test_a_late_click_moves_half_of_the_commission(small: Shop) -> None:
    small.rules(paying_model="linear", between_partners="shared")
    small.agree(percent="10")
    late = small.future_click()
    small.order(net="99.99", clicks=[small.click(small.alice_link, days=2), late])
    small.owe()
    assert small.of(small.alice) == [("accrual", "10.00", "pending")]
    small.click(small.bob_link, click_id=late, days=1)
    small.owe()
    assert small.of(small.alice) == [("accrual", "10.00", "pending"), ("adjustment", "-5.00", "pending")]
    assert small.of(small.bob) == [("accrual", "5.00", "pending")]


# --- which terms ------------------------------------------------------------------------------------------------------


def test_terms_agreed_later_do_not_touch_an_order_that_has_some(small: Shop) -> None:
    small.agree(percent="10")
    order = small.by_alice()
    small.owe()
    small.agree(percent="50", partner=small.alice)
    small.agree(percent="50", valid_from="2026-02-01")
    refund(small, order, 5000)
    assert [row[:2] for row in small.of(small.alice)] == [("accrual", "10.00"), ("reversal", "-5.00")]
    small.by_alice()
    small.owe()
    assert small.of(small.alice)[-1][1] == "50.00"


def test_an_order_keeps_the_version_of_its_sale_time_however_late_it_arrives(small: Shop) -> None:
    small.agree(percent="10")
    small.agree(percent="20", valid_from="2026-03-10")
    small.order(clicks=[small.click(small.alice_link, days=12)], days=11)
    small.by_alice()
    small.owe()
    assert sorted(row[1] for row in small.of(small.alice)) == ["10.00", "20.00"]


def test_returning_customers_are_paid_as_agreed_and_stay_what_they_were(small: Shop) -> None:
    small.agree(percent="10", returning_percent="2.5")
    orders = [small.by_alice() for _ in range(2)]
    small.change(orders[1], customer_is_new=False)
    small.owe()
    assert sorted(row[1] for row in small.of(small.alice)) == ["10.00", "2.50"]
    small.change(orders[1], customer_is_new=True)
    small.change(orders[0], customer_is_new=False)
    small.owe()
    assert len(small.of(small.alice)) == 2


def test_an_order_without_terms_is_listed_until_there_are_some(shop: Shop) -> None:
    shop.by_alice()
    shop.owe()
    assert shop.of(shop.alice) == []
    assert shop.without_terms() == [("Alice", commissions.NO_TERMS)]
    shop.agree(percent="10", partner=shop.bob)
    shop.owe()
    assert len(shop.without_terms()) == 1
    shop.agree(percent="10", valid_from="2026-03-20")
    assert shop.without_terms() == []  # still to be reckoned
    shop.owe()
    assert shop.of(shop.alice) == [("accrual", "10.00", "pending")]
    assert shop.without_terms() == []


def test_terms_that_begin_after_the_sale_are_none(small: Shop) -> None:
    small.by_alice()
    small.agree(percent="10", valid_from="2026-03-21")
    small.owe()
    assert small.without_terms() == [("Alice", commissions.NO_TERMS)]


def test_a_flat_amount_in_another_currency_is_refused_and_the_reason_is_told(small: Shop) -> None:
    small.agree(flat="5.00", currency="USD")
    small.by_alice()
    small.owe()
    assert small.of(small.alice) == []
    assert small.without_terms() == [("Alice", commissions.OTHER_CURRENCY)]
    with small.desk() as desk:
        assert commissions.without_terms(desk, partner=small.bob) == []
        assert len(commissions.without_terms(desk, partner=small.alice)) == 1
    small.agree(percent="10", partner=small.alice)
    small.owe()
    assert small.of(small.alice) == [("accrual", "10.00", "pending")]


def test_who_assisted_before_there_were_terms_is_paid_as_well(shop: Shop) -> None:
    shop.agree(percent="10")
    shop.order(clicks=[shop.click(shop.alice_link, days=3), shop.click(shop.bob_link, days=1)])
    shop.owe()
    shop.agree(percent="10", assist_percent="1", partner=shop.alice)
    shop.owe()
    assert shop.of(shop.alice) == [("accrual", "1.00", "pending")]
    assert shop.of(shop.bob) == [("accrual", "10.00", "pending")]


def test_who_assisted_is_paid_on_top_where_that_was_agreed_however_late_the_click_comes(small: Shop) -> None:
    small.agree(percent="10", assist_percent="1")
    late = small.future_click()
    small.order(clicks=[late, small.click(small.bob_link, days=1)])
    small.owe()
    assert small.of(small.alice) == []
    small.click(small.alice_link, click_id=late, days=3)
    small.owe()
    assert small.of(small.bob) == [("accrual", "10.00", "pending")]
    assert small.of(small.alice) == [("accrual", "1.00", "pending")]


# --- payouts ----------------------------------------------------------------------------------------------------------


def test_a_payout_is_in_one_currency(small: Shop) -> None:
    small.agree(percent="10", hold_days=0)
    small.by_alice()
    small.by_alice(currency="USD")
    small.owe()
    with pytest.raises(BadInput, match="EUR, USD") as asked:
        small.pay(small.alice)
    assert asked.value.field == "currency"
    assert [small.pay(small.alice, currency=one).amount for one in ("USD", "eur")] == ["10.00", "10.00"]


def test_a_payout_may_end_with_a_day(small: Shop) -> None:
    small.agree(percent="10", hold_days=0)
    small.by_alice()
    small.owe(NOON)
    small.by_alice(net="50.00")
    small.owe(NOON + timedelta(days=1))
    assert small.pay(small.alice, until="2026-03-20").amount == "10.00"
    assert small.pay(small.alice).amount == "5.00"


def test_of_two_payouts_at_once_one_pays(shop: Shop) -> None:
    shop.agree(percent="10", hold_days=0)
    for _ in range(5):
        shop.by_alice()
    shop.owe()

    def pay(_: int) -> str:
        try:
            return shop.pay(shop.alice).amount
        except Conflict:
            return "nothing"

    with ThreadPoolExecutor(4) as hands:
        assert sorted(hands.map(pay, range(4))) == ["50.00", "nothing", "nothing", "nothing"]
    assert sum(row["state"] == State.PAID for row in shop.all(CommissionStep)) == 5


def test_several_drainers_at_once_add_each_row_once(shop: Shop) -> None:
    shop.agree(percent="10")
    for _ in range(12):
        shop.by_alice()
    shop.attribute()

    def drain(_: int) -> int:
        drained = 0
        while found := pipeline.accrue_commissions(shop.ledger.session, 2, NOON):
            drained += found
        return drained

    with ThreadPoolExecutor(4) as hands:
        assert sum(hands.map(drain, range(4))) == 12
    assert len(shop.all(Commission)) == 12
    assert len(shop.all(CreditSet)) >= 12


def test_orders_keep_coming_in_while_terms_are_agreed(postgresql_url: str) -> None:
    engine = open_database(postgresql_url, wait=1)
    shop = Shop(Ledger(postgresql_url, engine, sessions(engine)))
    with shop.desk() as desk:
        terms.add(desk, NewTerms(percent="10"))
        shop.order()
    engine.dispose()


def test_terms_agreed_while_orders_are_reckoned_forget_none_of_them(shop: Shop) -> None:
    for _ in range(20):
        shop.by_alice()

    def reckon(_: int) -> None:
        while shop.attribute() or pipeline.accrue_commissions(shop.ledger.session, 3, NOON):
            pass

    def agree(_: int) -> None:
        shop.agree(percent="10", partner=shop.alice)

    with ThreadPoolExecutor(3) as hands:
        for done in [hands.submit(reckon, 1), hands.submit(agree, 1), hands.submit(reckon, 2)]:
            done.result()
    shop.owe()
    assert len(shop.all(Commission)) == 20
    assert shop.without_terms() == []
