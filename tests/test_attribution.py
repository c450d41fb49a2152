"""Stories: who touched, who bought, who is credited and why, on the real ledger."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from tests.conftest import Ledger
from tests.given import NOON, World, before
from tracker import pipeline
from tracker.domain.orders import goods_less_refunds
from tracker.errors import NotFound
from tracker.ledger import credits, due
from tracker.ledger.tables import Base, Click, Credit, CreditSet, OrderRow, Receipt, RuleSet, Touch
from tracker.plugins import discover

MODELS = tuple(name for name, model in discover("tracker.attribution").items() if hasattr(model, "weights"))

CODE_WINS, CLICK_WINS, SHARED = "code_wins", "click_wins", "shared"


@pytest.fixture
def world(ledger: Ledger) -> World:
    """A brand with Alice, who influences, and Bob, an affiliate, on each database."""
    return World(ledger)


@pytest.fixture
def small(sqlite_ledger: Ledger) -> World:
    """The same for stories that do not depend on the database."""
    return World(sqlite_ledger)


# --- one partner ------------------------------------------------------------------------------------------------------


def test_a_click_alone_is_credited_under_every_model(world: World) -> None:
    order = world.order(net="93.89", clicks=[world.click(world.alice_link, days=3)])
    assert world.attribute() == 1
    assert {model: world.credits(order, model) for model in MODELS} == {model: {"Alice": "93.89"} for model in MODELS}
    receipt = world.receipt(order)
    assert receipt["outcome"] == "credited"
    assert receipt["rule"]["name"] == "sole_partner"
    assert receipt["journey"][0]["evidence"] == ["click_id"]
    assert world.due() == 0


def test_a_code_alone_is_credited_to_its_owner_however_it_is_typed(world: World) -> None:
    world.code("ALICE10", world.alice)
    order = world.order(codes=["  ａlice10\u200b "])
    world.attribute()
    assert world.credits(order) == {"Alice": "100.00"}
    (stop,) = world.receipt(order)["journey"]
    assert (stop["kind"], stop["evidence"], stop["link"]) == ("code", ["code"], None)
    assert stop["at"] == NOON.isoformat()


def test_click_and_code_of_one_partner_are_one_touchpoint_with_two_proofs(small: World) -> None:
    small.code("ALICE10", small.alice)
    click = small.click(small.alice_link, days=3)
    order = small.order(clicks=[click], codes=["ALICE10"])
    small.attribute()
    (stop,) = small.receipt(order)["journey"]
    assert (stop["evidence"], stop["click"], stop["code"]) == (["click_id", "code"], click, "ALICE10")
    assert stop["at"] == before(days=3).isoformat()
    assert small.credits(order, "linear") == {"Alice": "100.00"}


def test_a_code_joins_the_last_of_its_owners_clicks(small: World) -> None:
    small.code("ALICE10", small.alice)
    clicks = [small.click(small.alice_link, days=3), small.click(small.alice_link, days=1)]
    order = small.order(clicks=clicks, codes=["ALICE10"])
    small.attribute()
    assert [stop["evidence"] for stop in small.receipt(order)["journey"]] == [["click_id"], ["click_id", "code"]]


def test_an_order_without_any_touch_is_kept_with_a_receipt_and_credited_to_nobody(small: World) -> None:
    order = small.order()
    small.attribute()
    assert small.credits(order) == {}
    assert small.receipt(order)["outcome"] == "unattributed"
    assert small.all(OrderRow)[0]["attributed_at"] == NOON


# --- two partners -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("last_click", {"Bob": "100.00"}),
        ("first_click", {"Alice": "100.00"}),
        ("linear", {"Alice": "50.00", "Bob": "50.00"}),
        ("position_based", {"Alice": "50.00", "Bob": "50.00"}),
        ("time_decay", {"Alice": "33.33", "Bob": "66.67"}),
    ],
)
def test_two_clicks_of_two_partners_are_weighed_by_the_model(
    small: World, model: str, expected: dict[str, str]
) -> None:
    clicks = [small.click(small.bob_link, days=1), small.click(small.alice_link, days=8)]
    order = small.order(clicks=clicks)
    small.attribute()
    assert small.credits(order, model) == expected
    stops = small.receipt(order)["journey"]
    assert [(stop["opener"], stop["closer"]) for stop in stops] == [(True, False), (False, True)]


@pytest.mark.parametrize(
    ("setting", "credited", "journey"),
    [
        (CODE_WINS, {"Bob": "100.00"}, [("Alice", "code_of_another_partner"), ("Bob", "earns")]),
        (CLICK_WINS, {"Alice": "100.00"}, [("Alice", "earns"), ("Bob", "click_of_another_partner")]),
        (SHARED, {"Alice": "50.00", "Bob": "50.00"}, [("Alice", "earns"), ("Bob", "earns")]),
    ],
)
def test_between_a_click_and_anothers_code_the_setting_decides(
    small: World, setting: str, credited: dict[str, str], journey: list[tuple[str, str]]
) -> None:
    small.rules(between_partners=setting)
    small.code("BOB5", small.bob)
    order = small.order(clicks=[small.click(small.alice_link, days=2)], codes=["BOB5"])
    small.attribute()
    assert small.credits(order, "linear") == credited
    assert small.journey(order) == journey


def test_where_the_codes_owner_wins_all_his_touchpoints_weigh_and_no_one_elses(small: World) -> None:
    small.code("ALICE10", small.alice)
    clicks = [small.click(link, days=days) for link, days in ((small.alice_link, 9), (small.bob_link, 1))]
    order = small.order(clicks=clicks, codes=["ALICE10"])
    small.attribute()
    assert small.credits(order) == {"Alice": "100.00"}
    assert small.journey(order) == [("Alice", "earns"), ("Bob", "code_of_another_partner")]
    assert small.receipt(order)["journey"][1]["closer"]


@pytest.mark.parametrize(
    ("setting", "credited"), [("first", {"Bob": "100.00"}), ("share", {"Alice": "50.00", "Bob": "50.00"})]
)
def test_of_two_codes_the_first_on_the_order_counts_unless_they_share(
    small: World, setting: str, credited: dict[str, str]
) -> None:
    small.rules(several_codes=setting)
    small.code("ALICE10", small.alice)
    small.code("BOB5", small.bob)
    order = small.order(codes=["FREESHIP", "BOB5", "ALICE10"])
    small.attribute()
    assert small.credits(order, "linear") == credited
    assert small.credits(order, "last_click") == {"Bob": "100.00"}
    assert small.lost(order) == {"FREESHIP": "code_without_owner"}


def test_a_code_that_does_not_count_adds_nothing_to_its_owners_click(small: World) -> None:
    small.rules(between_partners=SHARED)
    small.code("ALICE10", small.alice)
    small.code("BOB5", small.bob)
    order = small.order(clicks=[small.click(small.alice_link, days=1)], codes=["BOB5", "ALICE10"])
    small.attribute()
    assert small.credits(order, "linear") == {"Alice": "50.00", "Bob": "50.00"}
    assert small.receipt(order)["journey"][0]["evidence"] == ["click_id"]
    assert small.lost(order) == {"ALICE10": "another_code_came_first"}


def test_other_marketing_stands_in_the_journey_and_earns_nothing(small: World) -> None:
    newsletter = small.link(small.partner("News", channel="email"))
    clicks = [small.click(small.alice_link, days=2), small.click(newsletter, days=1)]
    order = small.order(clicks=clicks)
    small.attribute()
    assert small.journey(order) == [("Alice", "earns"), ("News", "channel_earns_nothing")]
    assert small.credits(order) == {"Alice": "100.00"}


def test_a_code_that_earns_does_not_vanish_in_a_click_that_does_not(small: World) -> None:
    small.code("ALICE10", small.alice)
    click = small.click(small.link(small.alice, channel="paid"), days=1)
    order = small.order(clicks=[click, small.click(small.bob_link, hours=1)], codes=["ALICE10"])
    small.attribute()
    assert small.credits(order) == {"Alice": "100.00"}
    assert [reason for _, reason in small.journey(order)] == [
        "channel_earns_nothing", "code_of_another_partner", "earns"
    ]  # fmt: skip


# --- the window, bots, time -------------------------------------------------------------------------------------------


def test_the_boundary_of_the_window_is_inside_it(world: World) -> None:
    at_the_boundary = world.click(world.alice_link, days=30)
    a_second_older = world.click(world.bob_link, days=30, seconds=1)
    order = world.order(clicks=[at_the_boundary, a_second_older])
    world.attribute()
    assert world.credits(order, "linear") == {"Alice": "100.00"}
    assert world.lost(order) == {a_second_older: "outside_window"}


def test_a_channel_may_have_a_window_of_its_own(small: World) -> None:
    small.rules(windows={"click": 30 * 86400, "click:affiliate": 86400})
    clicks = [small.click(small.alice_link, days=2), small.click(small.bob_link, days=1, seconds=1)]
    order = small.order(clicks=clicks)
    small.attribute()
    assert small.credits(order) == {"Alice": "100.00"}


def test_a_click_after_the_order_earns_nothing_beyond_the_skew_of_clocks(small: World) -> None:
    within = small.click(small.alice_link, seconds=-60)
    beyond = small.click(small.bob_link, seconds=-61)
    order = small.order(clicks=[within, beyond])
    small.attribute()
    assert small.credits(order, "linear") == {"Alice": "100.00"}
    assert small.lost(order) == {beyond: "after_order"}


def test_bots_and_previews_are_shown_and_earn_nothing(small: World) -> None:
    bot = small.click(small.alice_link, days=1, verdict="bot", reason="library")
    preview = small.click(small.bob_link, days=1, verdict="preview", reason="facebook")
    order = small.order(clicks=[bot, preview])
    small.attribute()
    assert small.credits(order) == {}
    assert small.lost(order) == {bot: "not_human", preview: "not_human"}
    programs = [candidate["program"] for candidate in small.receipt(order)["candidates"]]
    assert sorted(programs) == ["bot:library", "preview:facebook"]


def test_a_click_on_an_unknown_slug_belongs_to_no_partner(small: World) -> None:
    orphan = small.click(None, days=1)
    order = small.order(clicks=[orphan])
    small.attribute()
    assert small.lost(order) == {orphan: "no_partner"}


def test_the_previous_order_of_the_customer_cuts_the_journey(world: World) -> None:
    early, late = world.click(world.alice_link, days=9), world.click(world.bob_link, days=2)
    first = world.order(clicks=[early], customer="c", days=5)
    second = world.order(clicks=[early, late], customer="c")
    world.attribute()
    assert world.credits(first, "linear") == {"Alice": "100.00"}
    assert world.credits(second, "linear") == {"Bob": "100.00"}
    assert world.lost(second) == {early: "before_previous_order"}


@pytest.mark.parametrize("values", [{"status": "cancelled"}, {"status": "deleted"}, {"test": True}])
def test_a_previous_order_that_came_to_nothing_cuts_nothing(small: World, values: dict[str, Any]) -> None:
    early = small.click(small.alice_link, days=9)
    first = small.order(clicks=[early], customer="c", days=5)
    second = small.order(clicks=[early], customer="c")
    small.attribute()
    assert small.credits(second) == {}
    small.change(first, **values)
    small.attribute()
    assert small.credits(second) == {"Alice": "100.00"}
    assert small.credits(first) == {}


# --- late truth -------------------------------------------------------------------------------------------------------


def test_a_click_that_is_recorded_after_its_order_is_credited(world: World) -> None:
    late = world.future_click()
    order = world.order(clicks=[late])
    world.attribute()
    assert world.credits(order) == {}
    assert world.receipt(order)["unknown_clicks"] == [late]
    world.click(world.alice_link, click_id=late, hours=1)
    assert world.due() == 1
    world.attribute()
    assert world.credits(order) == {"Alice": "100.00"}


def test_an_unknown_code_is_recorded_and_credited_once_it_has_an_owner_at_that_time(world: World) -> None:
    order, later = world.order(codes=["spring"]), world.order(codes=["SPRING"], at=NOON + timedelta(days=2))
    world.attribute()
    assert world.lost(order) == {"spring": "code_without_owner"}
    world.code("Spring", world.alice, since=NOON + timedelta(days=1))
    world.attribute()
    assert (world.credits(order), world.credits(later)) == ({}, {"Alice": "100.00"})
    world.code("Spring", world.bob, since=before(days=30), until=NOON + timedelta(days=1))
    world.attribute()
    assert (world.credits(order), world.credits(later)) == ({"Bob": "100.00"}, {"Alice": "100.00"})


def test_a_code_that_passed_to_another_partner_is_credited_by_the_date_of_the_order(small: World) -> None:
    passes = before(days=10)
    small.code("LEA", small.alice, until=passes)
    small.code("LEA", small.bob, since=passes)
    orders = [small.order(codes=["LEA"], at=passes + timedelta(seconds=offset)) for offset in (-1, 0)]
    small.attribute()
    assert [small.credits(order) for order in orders] == [{"Alice": "100.00"}, {"Bob": "100.00"}]


def test_an_order_keeps_the_rule_set_of_its_sale_time(small: World) -> None:
    click, early = small.click(small.alice_link, days=9), small.future_click()
    order = small.order(clicks=[click, early], days=5)
    small.attribute()
    with small.ledger.writing() as session:
        settings = session.execute(select(RuleSet.settings)).scalar_one()
        session.add(
            RuleSet(
                id="f" * 32,
                brand_id=small.brand,
                version=2,
                settings={**settings, "windows": {"click": 3600}},
                effective_from=before(days=4),
                created_at=NOON,
            )
        )
    later = small.order(clicks=[click])
    small.click(small.bob_link, click_id=early, days=6)
    small.attribute()
    assert small.credits(order, "linear") == {"Alice": "50.00", "Bob": "50.00"}
    assert small.receipt(order)["rule_set"]["version"] == 1
    assert small.lost(later) == {click: "outside_window"}
    assert small.receipt(later)["rule_set"]["version"] == 2


# --- visitor and customer ---------------------------------------------------------------------------------------------


def test_the_visitor_cookie_joins_clicks_on_two_partners_links(world: World) -> None:
    opened = world.click(world.alice_link, days=6, visitor="v")
    closed = world.click(world.bob_link, days=1, visitor="v")
    world.click(world.alice_link, days=2, visitor="somebody else")
    order = world.order(clicks=[closed])
    world.attribute()
    assert world.credits(order, "linear") == {"Alice": "50.00", "Bob": "50.00"}
    stops = world.receipt(order)["journey"]
    assert [(stop["click"], stop["evidence"]) for stop in stops] == [
        (opened, ["visitor"]), (closed, ["click_id", "visitor"])
    ]  # fmt: skip


def test_a_late_click_of_the_visitor_finds_the_order_but_one_after_it_does_not(world: World) -> None:
    order = world.order(clicks=[world.click(world.bob_link, days=1, visitor="v")])
    world.attribute()
    world.click(world.alice_link, visitor="v", hours=-5)
    assert world.due() == 0
    world.click(world.alice_link, visitor="v", days=3)
    assert world.attribute() == 1
    assert world.credits(order, "linear") == {"Alice": "50.00", "Bob": "50.00"}


def test_what_a_customers_other_order_carries_counts_for_this_one_too(world: World) -> None:
    click = world.click(world.alice_link, days=6, visitor="v")
    world.click(world.bob_link, days=5, visitor="v")
    world.order(clicks=[click], customer="c", status="cancelled", days=4)
    order = world.order(customer="c")
    other = world.order(customer="d")
    world.attribute()
    assert world.credits(order, "linear") == {"Alice": "50.00", "Bob": "50.00"}
    assert [stop["evidence"] for stop in world.receipt(order)["journey"]] == [["customer"], ["customer"]]
    assert world.credits(other) == {}


def test_a_customer_found_out_late_joins_his_orders(world: World) -> None:
    carrying = world.order(clicks=[world.click(world.alice_link, days=6)], status="cancelled", days=4)
    order = world.order(customer="c")
    world.attribute()
    assert world.credits(order) == {}
    world.change(carrying, customer="c")
    assert world.attribute() == 2
    assert world.credits(order) == {"Alice": "100.00"}
    world.change(carrying, customer=None)
    world.attribute()
    assert world.credits(order) == {}


def test_a_till_that_buys_under_one_name_does_not_make_every_order_wait_for_all(small: World) -> None:
    for days in range(50):
        small.order(customer="till", days=days)
    small.attribute()
    small.order(customer="till", days=25, hours=1)
    assert small.due() == 41


def test_another_brands_click_is_as_unknown_as_one_that_never_was(world: World) -> None:
    other = World(world.ledger, "Rival")
    theirs = other.click(other.alice_link, days=1, visitor="v")
    other.code("ALICE10", other.alice)
    order = world.order(clicks=[theirs], codes=["ALICE10"])
    world.attribute()
    assert world.credits(order) == {}
    assert world.lost(order) == {"ALICE10": "code_without_owner"}
    assert world.receipt(order)["unknown_clicks"] == [theirs]
    with pytest.raises(NotFound):
        other.receipt(order)


# --- money ------------------------------------------------------------------------------------------------------------


def test_a_refund_takes_from_every_credit_and_a_full_one_leaves_credits_of_nothing(world: World) -> None:
    clicks = [world.click(world.alice_link, days=2), world.click(world.bob_link, days=1)]
    order = world.order(net="100.01", clicks=clicks)
    world.attribute()
    assert world.credits(order, "linear") == {"Alice": "50.01", "Bob": "50.00"}
    world.change(order, refunded=3333, net=goods_less_refunds(10001, 10001, 3333))
    world.attribute()
    assert world.credits(order, "linear") == {"Alice": "33.34", "Bob": "33.34"}
    world.change(order, refunded=10001, net=0)
    world.attribute()
    assert world.credits(order, "linear") == {"Alice": "0.00", "Bob": "0.00"}
    assert world.receipt(order)["order"]["refunded"] == "100.01"


def test_currencies_are_shared_in_their_own_smallest_unit(small: World) -> None:
    clicks = [small.click(small.alice_link, days=days) for days in (3, 2)] + [small.click(small.bob_link, days=1)]
    yen = small.order(net="1000", currency="JPY", clicks=clicks)
    dinar = small.order(net="10.000", currency="KWD", clicks=clicks)
    small.attribute()
    assert small.credits(yen, "linear") == {"Alice": "667", "Bob": "333"}
    assert small.credits(dinar, "linear") == {"Alice": "6.667", "Bob": "3.333"}


def test_a_pending_order_shows_what_it_would_earn_and_earns_it_once_paid(small: World) -> None:
    order = small.order(clicks=[small.click(small.alice_link, days=2)], status="pending")
    small.attribute()
    assert small.credits(order) == {"Alice": "100.00"}
    assert small.receipt(order)["outcome"] == "would_be_credited"
    small.change(order, status="paid")
    small.attribute()
    assert small.receipt(order)["outcome"] == "credited"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"status": "cancelled"}, "cancelled_order"),
        ({"status": "deleted"}, "deleted_order"),
        ({"test": True}, "test_order"),
        ({"flags": ["source:pos"]}, "excluded_source"),
    ],
)
def test_an_order_that_earns_nothing_says_why_and_still_shows_its_journey(
    small: World, values: dict[str, Any], reason: str
) -> None:
    order = small.order(clicks=[small.click(small.alice_link, days=2)])
    small.attribute()
    small.change(order, **values)
    small.attribute()
    receipt = small.receipt(order)
    assert (receipt["outcome"], receipt["rule"]["order_reason"]) == ("earns_nothing", reason)
    assert small.journey(order) == [("Alice", reason)]
    assert small.all(CreditSet) == []
    assert small.all(Credit) == []


def test_a_refund_that_came_before_its_order_is_no_order_yet(small: World) -> None:
    order = small.order(status=None)
    assert small.attribute() == 1
    assert small.due() == 0
    with pytest.raises(NotFound):
        small.receipt(order)


# --- the conclusions --------------------------------------------------------------------------------------------------


def test_conclusions_thrown_away_are_rebuilt_to_the_byte(world: World) -> None:
    _a_busy_month(world)
    world.attribute()
    kept = {table: _conclusions(world, table) for table in (CreditSet, Credit, Touch, Receipt)}
    with world.ledger.writing() as session:
        for table in (Credit, CreditSet, Touch, Receipt):
            session.execute(delete(table))
        session.execute(update(OrderRow).values(attributed_at=None, rule_set=None))
    for order in world.all(OrderRow):
        assert pipeline.attribute_order(world.ledger.session, order["id"], NOON)
    assert {table: _conclusions(world, table) for table in kept} == kept


def _conclusions(world: World, table: type[Base]) -> list[dict[str, Any]]:
    """The rows without what made them be written."""
    return [{name: value for name, value in row.items() if name != "cause"} for row in world.all(table)]


def test_the_size_of_the_batch_changes_nothing(small: World) -> None:
    _a_busy_month(small)
    while pipeline.attribute_due(small.ledger.session, 1, NOON):
        pass
    one_by_one = small.all(Receipt)
    with small.ledger.writing() as session:
        orders = session.execute(select(OrderRow.id)).scalars().all()
        due.mark_due(session, orders, "again", NOON)
    pipeline.attribute_due(small.ledger.session, 1000, NOON)
    assert small.all(Receipt) == one_by_one


def _a_busy_month(world: World) -> None:
    world.code("ALICE10", world.alice)
    for day in range(12):
        clicks = [world.click(world.alice_link, days=day + 4, visitor=f"v{day % 5}")]
        clicks += [world.click(world.bob_link, days=day + 2, hours=day, visitor=f"v{day % 3}")]
        world.order(
            net=f"{day * 7}.{day:02}", clicks=clicks[: day % 3], codes=["ALICE10"] * (day % 4 == 0),
            customer=f"c{day % 4}", status=("paid", "pending", "cancelled")[day % 7 % 3], days=day,
        )  # fmt: skip


def test_credits_that_do_not_sum_to_the_net_value_are_never_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    order = world.order(clicks=[world.click(world.alice_link, days=2)])
    honest = credits._credit_rows
    monkeypatch.setattr(credits, "_credit_rows", lambda *of: [{**row, "amount": 1} for row in honest(*of)])
    with pytest.raises(credits.CreditsDoNotSum):
        world.attribute()
    assert (world.all(CreditSet), world.all(Receipt), world.due()) == ([], [], 1)
    monkeypatch.undo()
    world.attribute()
    assert world.credits(order) == {"Alice": "100.00"}


def test_unsealed_credits_are_invisible(small: World) -> None:
    order = small.order(clicks=[small.click(small.alice_link, days=2)])
    small.attribute()
    with small.ledger.writing() as session:
        session.execute(update(CreditSet).where(CreditSet.model == "linear").values(sealed=False))
    assert (small.credits(order, "linear"), small.credits(order)) == ({}, {"Alice": "100.00"})


def test_the_receipt_holds_nothing_of_the_buyer(small: World) -> None:
    click = small.click(small.alice_link, days=2, visitor="v")
    order = small.order(clicks=[click], customer="e" * 64)
    small.attribute()
    visitor = small.all(Click)[0]["visitor_id"]
    assert visitor not in str(small.receipt(order))
    assert "e" * 64 not in str(small.receipt(order))


def test_one_set_a_model_is_the_paying_one(small: World) -> None:
    small.order(clicks=[small.click(small.alice_link, days=2)])
    small.attribute()
    assert {row["model"]: row["paying"] for row in small.all(CreditSet)} == {
        model: model == "last_click" for model in MODELS
    }
