"""The fold: any permutation and any repetition of what a shop told gives the same order, with the right figures."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.orders import (
    Amounts,
    Change,
    Evidence,
    NetFormula,
    Order,
    OrderEvent,
    Refund,
    RefundFloor,
    RefundStatus,
    RefundTotal,
    Restored,
    Snapshot,
    Status,
    StatusChange,
    change_from_json,
    change_to_json,
    fold,
    goods_less_refunds,
    order_event,
)

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def at(minutes: int, change: Change) -> OrderEvent:
    return order_event("1042", START + timedelta(minutes=minutes), change)


def snapshot(
    status: Status = Status.PAID, total: int = 10_000, goods: int = 7_500, refunded: int | None = None, **more: object
) -> Snapshot:
    return Snapshot(
        status=status,
        currency=str(more.pop("currency", "EUR")),
        amounts=Amounts(total=total, goods=goods, tax=1_500, shipping=1_000),
        placed_at=START,
        refunded=refunded,
        **more,  # type: ignore[arg-type]
    )


def folded(*events: OrderEvent) -> Order:
    order = fold(events)
    assert order is not None
    return order


# --- laws ------------------------------------------------------------------------------------------------------------

STATUSES = st.sampled_from(list(Status))
CENTS = st.integers(0, 20_000)
NAMES = st.lists(st.sampled_from(["LEA15", "NOEL20", "ETE"]), max_size=3).map(tuple)
CURRENCIES = st.sampled_from(["EUR", "EUR", "EUR", "USD", "JPY", "KWD"])
CHANGES = st.one_of(
    st.builds(
        Snapshot,
        status=STATUSES,
        currency=CURRENCIES,
        amounts=st.builds(Amounts, total=CENTS, goods=CENTS),
        placed_at=st.integers(0, 9).map(lambda minutes: START + timedelta(minutes=minutes)),
        number=st.sampled_from(["", "#1", "#2"]),
        test=st.booleans(),
        refunded=st.none() | CENTS,
        codes=st.none() | NAMES,
        click_ids=NAMES,
        customer=st.none() | st.just("c"),
        flags=NAMES,
    ),
    st.builds(
        Refund,
        refund_id=st.sampled_from(["r1", "r2"]),
        amount=CENTS,
        status=st.sampled_from(list(RefundStatus)),
        currency=st.just("") | CURRENCIES,
        digits=st.none() | st.integers(0, 4),
        apart=st.booleans(),
    ),
    st.builds(RefundTotal, amount=CENTS, currency=st.just("") | CURRENCIES),
    st.builds(RefundFloor, amount=CENTS, currency=st.just("") | CURRENCIES),
    st.builds(StatusChange, status=STATUSES),
    st.just(Restored()),
    st.builds(Evidence, click_ids=NAMES, codes=NAMES),
)
EVENTS = st.lists(st.builds(at, st.integers(0, 6), CHANGES), max_size=12)


@given(EVENTS, st.randoms(use_true_random=False), st.sampled_from(NetFormula))
def test_sequence_and_repetition_change_nothing(events: list[OrderEvent], random: object, formula: str) -> None:
    again = [*events, *events[::2], *events[::3]]
    random.shuffle(again)  # type: ignore[attr-defined]
    assert fold(again, formula) == fold(events, formula)


@given(EVENTS)
def test_net_is_never_negative_nor_more_than_the_goods(events: list[OrderEvent]) -> None:
    order = fold(events)
    if order is not None:
        assert 0 <= order.net <= max(order.goods, 0)
        assert order.refunded >= 0


@given(EVENTS)
def test_a_formula_decides_the_net_value_and_nothing_else(events: list[OrderEvent]) -> None:
    goods, total = (fold(events, formula) for formula in NetFormula)
    if goods is not None and total is not None:
        assert total.net == max(total.total - total.refunded, 0)
        assert replace(total, net=goods.net) == goods


@given(st.builds(at, st.integers(0, 6), CHANGES))
def test_a_change_survives_its_keeping(event: OrderEvent) -> None:
    kept = json.loads(json.dumps(change_to_json(event.change)))
    assert change_from_json(kept) == event.change
    assert order_event(event.external_id, event.version, change_from_json(kept)) == event


@given(EVENTS)
def test_events_have_one_key_exactly_if_they_say_the_same(events: list[OrderEvent]) -> None:
    for one in events:
        for other in events:
            assert (one.key == other.key) == ((one.version, one.change) == (other.version, other.change))


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[OrderEvent], int]:
    """Refunds that happen, some of which fail later, told one by one and now and then as the sum so far."""
    told: list[OrderEvent] = [at(0, snapshot(total=100_000))]
    happenings: list[tuple[int, str, int]] = []
    for index in range(draw(st.integers(0, 4))):
        amount = draw(st.integers(1, 5_000))
        made = draw(st.integers(1, 20)) * 10
        happenings.append((made, f"r{index}", amount))
        told.append(at(made, Refund(f"r{index}", amount)))
        if draw(st.booleans()):
            failed = made + draw(st.integers(1, 20)) * 10 + 5
            happenings.append((failed, f"r{index}", -amount))
            told.append(at(failed, Refund(f"r{index}", amount, RefundStatus.FAILED)))
    for moment in draw(st.lists(st.integers(0, 45), max_size=4)):
        so_far = sum(amount for minutes, _, amount in happenings if minutes <= moment * 10)
        whole: Change = snapshot(total=100_000, refunded=so_far)
        told.append(at(moment * 10, whole if draw(st.booleans()) else RefundTotal(so_far)))
    return told, sum(amount for _, _, amount in happenings)


@given(histories())
def test_cumulative_and_single_refunds_agree_with_what_happened(history: tuple[list[OrderEvent], int]) -> None:
    events, refunded = history
    assert folded(*events).refunded == refunded


# --- keeping ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"kind": None},
        {"kind": "gift", "amount": 1},
        {"kind": "refund", "refund_id": "r", "amount": 1, "colour": 1},
        {"kind": "status", "status": "lost"},
    ],
)
def test_a_kind_or_field_from_the_future_is_refused(stored: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"unknown|not a valid"):
        change_from_json(stored)


def test_what_has_its_default_is_not_kept_so_that_fields_may_be_added_without_new_keys() -> None:
    assert change_to_json(Refund("r1", 5)) == {"kind": "refund", "refund_id": "r1", "amount": 5}


def test_a_kept_snapshot_of_today_is_read_for_ever() -> None:
    stored = {
        "kind": "snapshot",
        "status": "paid",
        "currency": "EUR",
        "amounts": {"total": 9389, "goods": 7137, "tax": 1565, "shipping": 687, "discount": 0},
        "placed_at": "2026-03-02T09:30:00+00:00",
        "codes": ["LEA15"],
    }
    assert change_from_json(stored) == Snapshot(
        Status.PAID, "EUR", Amounts(9389, 7137, 1565, 687), START, codes=("LEA15",)
    )


# --- status ----------------------------------------------------------------------------------------------------------


def test_without_a_snapshot_there_is_no_order_but_the_refund_waits_for_it() -> None:
    refund = at(5, Refund("r1", 3_000))
    assert fold([refund]) is None
    assert folded(refund, at(0, snapshot())).refunded == 3_000


def test_paid_before_created_stays_paid() -> None:
    assert folded(at(1, snapshot(Status.PAID)), at(0, snapshot(Status.PENDING))).status is Status.PAID


def test_a_stale_update_after_a_newer_one_changes_nothing() -> None:
    order = folded(at(9, snapshot(total=5_000, goods=4_000)), at(1, snapshot(Status.PENDING, total=9_000)))
    assert (order.total, order.goods, order.status) == (5_000, 4_000, Status.PAID)


@pytest.mark.parametrize(
    ("one", "other", "wins"),
    [
        (Status.PENDING, Status.PAID, Status.PAID),
        (Status.PAID, Status.CANCELLED, Status.CANCELLED),
        (Status.PENDING, Status.CANCELLED, Status.CANCELLED),
    ],
)
def test_at_the_same_moment_the_later_step_of_life_wins(one: Status, other: Status, wins: Status) -> None:
    early, late = at(0, snapshot(one, total=1_000, goods=500)), at(0, snapshot(other, total=2_000, goods=600))
    assert folded(early, late).status is wins
    assert folded(early, late).total == 2_000


def test_at_the_same_moment_the_state_that_knows_more_refunds_wins() -> None:
    assert folded(at(0, snapshot(refunded=500)), at(0, snapshot(refunded=0))).refunded == 500


def test_a_cancelled_order_stays_cancelled_under_updates_that_still_say_so() -> None:
    order = folded(at(0, snapshot()), at(1, snapshot(Status.CANCELLED)), at(2, snapshot(Status.CANCELLED, number="#1")))
    assert order.status is Status.CANCELLED
    assert not order.earns


def test_a_deleted_order_keeps_its_figures_and_no_update_brings_it_back() -> None:
    order = folded(at(0, snapshot()), at(1, StatusChange(Status.DELETED)), at(2, snapshot(total=1)))
    assert order.status is Status.DELETED
    assert order.total == 1


def test_a_restored_order_is_what_its_other_events_say() -> None:
    gone, back = at(5, StatusChange(Status.DELETED)), at(6, Restored())
    assert folded(at(0, snapshot()), gone, back).status is Status.PAID
    assert folded(at(0, snapshot()), gone, back, at(4, snapshot(Status.CANCELLED))).status is Status.CANCELLED
    assert folded(at(0, snapshot()), gone, back, at(7, StatusChange(Status.DELETED))).status is Status.DELETED


def test_one_test_body_makes_a_test_order_that_earns_nothing() -> None:
    order = folded(at(0, snapshot(test=True)), at(1, snapshot()))
    assert order.test
    assert not order.earns


def test_a_source_other_than_the_web_checkout_is_flagged() -> None:
    assert folded(at(0, snapshot(source="pos"))).flags == ("source:pos",)
    assert folded(at(0, snapshot())).flags == ()


def test_a_paid_order_earns_and_a_pending_one_does_not_yet() -> None:
    assert folded(at(0, snapshot())).earns
    assert not folded(at(0, snapshot(Status.PENDING))).earns


# --- money -----------------------------------------------------------------------------------------------------------


def test_a_refund_takes_the_same_proportion_of_the_goods_as_of_the_whole() -> None:
    order = folded(at(0, snapshot()), at(5, Refund("r1", 2_500)))
    assert (order.refunded, order.net) == (2_500, 5_625)


def test_single_refunds_add_up_and_each_counts_once() -> None:
    order = folded(at(0, snapshot()), at(5, Refund("r1", 1_000)), at(6, Refund("r2", 500)), at(7, Refund("r1", 1_000)))
    assert order.refunded == 1_500


def test_cumulative_figures_replace_each_other() -> None:
    assert folded(at(0, snapshot()), at(1, RefundTotal(1_000)), at(2, RefundTotal(1_500))).refunded == 1_500
    assert folded(at(0, snapshot(refunded=1_000)), at(1, snapshot(refunded=400))).refunded == 400


def test_a_single_refund_is_not_counted_again_in_a_later_sum() -> None:
    assert folded(at(0, snapshot()), at(1, Refund("r1", 1_000)), at(2, RefundTotal(1_000))).refunded == 1_000


def test_a_sum_that_missed_a_refund_of_the_same_second_does_not_undercut_it() -> None:
    events = [at(0, snapshot()), at(1, Refund("r1", 1_000)), at(1, Refund("r2", 700)), at(1, RefundTotal(1_000))]
    assert folded(*events).refunded == 1_700


def test_a_refund_that_failed_after_it_was_summed_gives_its_money_back() -> None:
    events = [at(0, snapshot()), at(1, Refund("r1", 1_000)), at(2, RefundTotal(1_000))]
    order = folded(*events, at(9, Refund("r1", 1_000, RefundStatus.FAILED)))
    assert (order.refunded, order.net) == (0, 7_500)


@pytest.mark.parametrize("status", [RefundStatus.PENDING, RefundStatus.FAILED])
def test_a_refund_without_money_deducts_nothing(status: RefundStatus) -> None:
    assert folded(at(0, snapshot()), at(1, Refund("r1", 1_000, status))).net == 7_500


def test_a_chargeback_is_deducted_beside_the_sums_that_never_include_it() -> None:
    events = [at(0, snapshot()), at(1, Refund("dp", 2_000, apart=True)), at(2, RefundTotal(1_000))]
    assert folded(*events).refunded == 3_000
    assert folded(*events, at(9, Refund("dp", 2_000, RefundStatus.FAILED, apart=True))).refunded == 1_000


def test_a_refund_over_the_total_is_kept_flagged_and_leaves_nothing() -> None:
    order = folded(at(0, snapshot()), at(1, Refund("r1", 12_000)))
    assert (order.refunded, order.net) == (12_000, 0)
    assert "refunded_over_total" in order.flags


def test_a_refund_in_another_currency_is_flagged_and_never_subtracted() -> None:
    order = folded(at(0, snapshot()), at(1, Refund("r1", 1_000, currency="USD")))
    assert order.net == 7_500
    assert "refund_in_other_currency" in order.flags
    known = folded(
        at(0, snapshot()), at(1, Refund("r1", 1_000, currency="USD")), at(1, Refund("r1", 900, currency="EUR"))
    )
    assert known.refunded == 900
    assert known.flags == ()


@pytest.mark.parametrize(("currency", "units"), [("EUR", 7_500), ("JPY", 75), ("KWD", 75_000)])
def test_a_refund_without_a_currency_takes_the_orders(currency: str, units: int) -> None:
    order = folded(at(0, snapshot(total=100_000, currency=currency)), at(1, Refund("r1", 7_500, digits=2)))
    assert order.refunded == units


def test_an_edit_recomputes_and_an_order_of_zero_has_nothing_to_give() -> None:
    assert folded(at(0, snapshot()), at(1, snapshot(total=12_000, goods=9_500))).net == 9_500
    order = folded(at(0, snapshot(total=0, goods=0)))
    assert (order.total, order.net, order.earns) == (0, 0, True)


@pytest.mark.parametrize(
    ("goods", "total", "refunded", "net"),
    [
        (7_500, 10_000, 0, 7_500),
        (7_500, 10_000, 10_000, 0),
        (7_500, 10_000, 20_000, 0),
        (1, 2, 1, 1),
        (100, 300, 100, 67),
        (0, 0, 0, 0),
        (500, 0, 0, 0),
        (-5, 100, 0, 0),
    ],
)
def test_the_net_formula_rounds_half_up_once(goods: int, total: int, refunded: int, net: int) -> None:
    assert goods_less_refunds(goods, total, refunded) == net


# --- evidence --------------------------------------------------------------------------------------------------------


def test_click_ids_are_gathered_over_all_bodies_and_codes_taken_from_the_latest_that_knows() -> None:
    order = folded(
        at(0, snapshot(click_ids=("a",), codes=("LEA15",))),
        at(1, snapshot(click_ids=("b", "a"), codes=None)),
        at(2, Evidence(click_ids=("c",), codes=("NOEL20",))),
    )
    assert order.click_ids == ("a", "b", "c")
    assert order.codes == ("LEA15", "NOEL20")


def test_a_later_body_that_does_not_know_keeps_what_was_known() -> None:
    order = folded(at(0, snapshot(number="#1042", customer="hash", landing="/robe")), at(1, snapshot()))
    assert (order.number, order.customer, order.landing) == ("#1042", "hash", "/robe")


def test_a_floor_lifts_what_is_known_to_have_been_refunded_and_is_never_added_to_it() -> None:
    known = [at(0, snapshot()), at(2, Refund("r1", 1_000))]
    assert folded(*known, at(0, RefundFloor(1_000))).refunded == 1_000
    assert folded(*known, at(0, RefundFloor(400))).refunded == 1_000
    assert folded(*known, at(9, RefundFloor(1_500, "EUR")), at(9, RefundFloor(1_200))).refunded == 1_500
    assert folded(*known, at(0, RefundFloor(1_500, "USD"))).refunded == 1_000
