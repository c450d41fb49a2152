"""Laws and figures of what is owed: whatever happens to an order, its rows sum to the commission on what is left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.domain.commissions import (
    Kind,
    Offer,
    Rate,
    Row,
    Sale,
    Share,
    State,
    Terms,
    due,
    hold_ends,
    next_row,
    pick,
    rows_to_add,
)
from tracker.domain.money import allot

SALE_TIME = datetime(2026, 3, 1, tzinfo=UTC)
TEN = Rate(Fraction(1, 10))
FIVE_EUROS = Rate(flat=500)


def terms(
    new: Rate = TEN, returning: Rate | None = None, hold: timedelta = timedelta(0), assist: Fraction = Fraction(0)
) -> Terms:
    return Terms(new, returning or new, "EUR", hold, assist)


def whole(net: int) -> Sale:
    return Sale("EUR", net, net)


ALL = Fraction(1)

# --- figures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agreed", "share", "sale", "new_customer", "owed"),
    [
        (terms(), Share(9389, ALL), whole(9389), True, 939),
        (terms(Rate(Fraction(15, 200))), Share(5000, Fraction(1, 2)), whole(10000), True, 375),
        (terms(TEN, Rate(Fraction(1, 20))), Share(10000, ALL), whole(10000), True, 1000),
        (terms(TEN, Rate(Fraction(1, 20))), Share(10000, ALL), whole(10000), False, 500),
        (terms(FIVE_EUROS), Share(10000, ALL), whole(10000), True, 500),
        (terms(FIVE_EUROS), Share(3333, Fraction(1, 3)), whole(10000), True, 167),
        (terms(FIVE_EUROS), Share(2500, Fraction(1, 2)), Sale("EUR", 5000, 10000), True, 125),
        (terms(FIVE_EUROS), Share(10000, ALL), Sale("USD", 10000, 10000), True, 0),
        (terms(), Share(10000, ALL), Sale("USD", 10000, 10000), True, 1000),
        (terms(), Share(5, ALL), whole(5), True, 1),
        (terms(Rate(Fraction(1, 1))), Share(0, ALL), Sale("EUR", 0, 10000), True, 0),
        (terms(FIVE_EUROS), Share(0, ALL), Sale("EUR", 0, 0), True, 0),
        (terms(), Share(10000, ALL), Sale("EUR"), True, 0),
        (terms(assist=Fraction(1, 100)), Share(assisted=True), whole(10000), True, 100),
        (terms(assist=Fraction(1, 100)), Share(10000, ALL, assisted=True), whole(10000), True, 1000),
        (terms(), Share(assisted=True), whole(10000), True, 0),
    ],
    ids=[
        "ten percent, half a cent up",
        "seven and a half percent of half an order",
        "a new customer",
        "a returning customer",
        "a flat amount",
        "a third of a flat amount",
        "half of a flat amount for half of what was bought",
        "a flat amount is never converted",
        "a percentage is of any currency",
        "half a cent is a cent",
        "all was given back",
        "an order of nothing",
        "an order that does not earn",
        "an assist",
        "an assist is no second commission",
        "no assist was agreed",
    ],
)
def test_what_is_due(agreed: Terms, share: Share, sale: Sale, new_customer: bool, owed: int) -> None:
    assert due(agreed, share, sale, new_customer=new_customer) == owed


def test_an_accrual_then_a_reversal_for_money_back_and_an_adjustment_for_late_truth() -> None:
    first = next_row([], 1000, "EUR", 10000, 10000)
    assert first == Row(1, Kind.ACCRUAL, 1000, "EUR", 10000, 10000)
    refund = next_row([first], 600, "EUR", 6000, 6000)
    assert refund == Row(2, Kind.REVERSAL, -400, "EUR", 6000, 6000)
    moved = next_row([first, refund], 0, "EUR", 0, 6000)
    assert moved == Row(3, Kind.ADJUSTMENT, -600, "EUR", 0, 6000)
    failed_refund = next_row([first, refund], 1000, "EUR", 10000, 10000)
    assert failed_refund is not None
    assert (failed_refund.kind, failed_refund.amount) == (Kind.ADJUSTMENT, 400)
    assert next_row([first, refund, moved], 0, "EUR", 0, 6000) is None


def test_an_order_whose_currency_was_corrected_owes_nothing_in_the_old_one() -> None:
    known = rows_to_add([], terms(), Share(10000, ALL), whole(10000), new_customer=True)
    added = rows_to_add(known, terms(), Share(9000, ALL), Sale("CHF", 9000, 9000), new_customer=True)
    assert [(row.number, row.currency, row.amount) for row in added] == [(2, "CHF", 900), (3, "EUR", -1000)]


def test_the_hold_begins_at_the_sale_and_what_comes_after_it_is_not_held_again() -> None:
    hold = timedelta(days=30)
    assert hold_ends(SALE_TIME, hold, SALE_TIME + timedelta(days=3)) == SALE_TIME + hold
    assert hold_ends(SALE_TIME, hold, SALE_TIME + timedelta(days=90)) == SALE_TIME + timedelta(days=90)


def test_the_furthest_step_is_the_last_in_the_alphabet() -> None:
    """The ledger finds where a commission stands by the greatest word among its steps."""
    assert State.APPROVED.value < State.PAID.value


# --- which terms ------------------------------------------------------------------------------------------------------


def offer(name: str, partner: str | None = None, campaign: str | None = None, days: int = 0) -> Offer:
    return Offer(name, partner, campaign, SALE_TIME + timedelta(days=days), terms())


BRAND, CAMPAIGN = offer("brand"), offer("campaign", campaign="spring")
PARTNER, BOTH = offer("partner", partner="alice"), offer("both", "alice", "spring")


@pytest.mark.parametrize(
    ("partner", "campaign", "found"),
    [
        ("alice", "spring", "both"),
        ("alice", None, "partner"),
        ("bob", "spring", "campaign"),
        ("bob", "autumn", "brand"),
    ],
)
def test_the_most_specific_terms_win(partner: str, campaign: str | None, found: str) -> None:
    chosen = pick([CAMPAIGN, BOTH, BRAND, PARTNER], partner, campaign, SALE_TIME)
    assert chosen is not None
    assert chosen.id == found


def test_of_several_versions_the_one_in_force_at_the_sale_counts() -> None:
    versions = [offer("old", "alice"), offer("new", "alice", days=10), BRAND]
    at = {days: pick(versions, "alice", None, SALE_TIME + timedelta(days=days)) for days in (-1, 0, 9, 10)}
    assert {days: found.id if found else None for days, found in at.items()} == {
        -1: None,
        0: "old",
        9: "old",
        10: "new",
    }


def test_terms_that_are_stored_come_back_exact() -> None:
    agreed = terms(Rate(Fraction(1, 30)), FIVE_EUROS, hold=timedelta(days=30), assist=Fraction(1, 200))
    assert Terms.from_json(agreed.to_json(), "EUR", 30) == agreed


# --- the law ----------------------------------------------------------------------------------------------------------

rates = st.one_of(
    st.fractions(0, 1, max_denominator=1000).map(Rate),
    st.integers(0, 10_000).map(lambda amount: Rate(flat=amount)),
)
agreements = st.builds(
    Terms,
    new=rates,
    returning=rates,
    currency=st.sampled_from(["EUR", "USD"]),
    assist=st.fractions(0, Fraction(1, 10), max_denominator=100),
)


@st.composite
def moments(draw: st.DrawFn) -> tuple[Sale, dict[str, Share]]:
    """An order as it may stand at some moment: paid, edited, refunded or cancelled, credited to any of three."""
    earns = draw(st.booleans()) or draw(st.booleans())
    before = draw(st.integers(0, 10_000_000)) if earns else 0
    net = draw(st.one_of(st.just(before), st.just(0), st.integers(0, before)))
    parts = draw(st.lists(st.integers(0, 5), min_size=3, max_size=3))
    weights = [Fraction(part, sum(parts)) for part in parts] if any(parts) else [Fraction(0)] * 3
    amounts = allot(net, weights) if any(parts) else [0] * 3
    sale = Sale(draw(st.sampled_from(["EUR", "EUR", "EUR", "USD"])), net, before)
    names = ("alice", "bob", "carol")
    return sale, {
        name: Share(amount, weight, draw(st.booleans()))
        for name, weight, amount in zip(names, weights, amounts, strict=True)
    }


@settings(max_examples=60)
@given(
    agreed=st.fixed_dictionaries(dict.fromkeys(("alice", "bob", "carol"), agreements)),
    life=st.lists(moments(), min_size=1, max_size=12),
    drained=st.lists(st.integers(0, 3), min_size=12, max_size=12),
    new_customer=st.booleans(),
)
def test_the_rows_sum_to_what_is_due_on_what_is_left_whatever_happened(
    agreed: dict[str, Terms],
    life: list[tuple[Sale, dict[str, Share]]],
    drained: list[int],
    new_customer: bool,
) -> None:
    """A moment is drained not at all, once or several times; the last one always is."""
    for name, of_partner in agreed.items():
        rows: list[Row] = []
        for (sale, shares), times in zip(life, [*drained[: len(life) - 1], 1], strict=True):
            for _ in range(times):
                before = list(rows)
                rows += rows_to_add(rows, of_partner, shares[name], sale, new_customer=new_customer)
                assert rows[: len(before)] == before
                assert rows_to_add(rows, of_partner, shares[name], sale, new_customer=new_customer) == []
        sale, shares = life[-1]
        expected = {"EUR": 0, "USD": 0}
        expected[sale.currency or ""] = due(of_partner, shares[name], sale, new_customer=new_customer)
        for currency, amount in expected.items():
            assert sum(row.amount for row in rows if row.currency == currency) == amount
            kinds = [row.kind for row in rows if row.currency == currency]
            assert kinds.count(Kind.ACCRUAL) == (1 if kinds else 0)
        assert [row.number for row in rows] == list(range(1, len(rows) + 1))


@given(agreed=agreements, credit=st.integers(0, 10**9), part=st.integers(1, 6), new_customer=st.booleans())
def test_a_commission_is_never_negative_and_never_grows_when_money_goes_back(
    agreed: Terms, credit: int, part: int, new_customer: bool
) -> None:
    owed = [
        due(agreed, Share(credit * left // 6, ALL), Sale("EUR", credit * left // 6, credit), new_customer=new_customer)
        for left in (part, part - 1)
    ]
    assert owed[0] >= owed[1] >= 0
