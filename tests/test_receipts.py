"""A receipt speaks for itself: computed again from itself alone, silent about the buyer, fit for a partner to read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Ledger
from tests.given import World
from tests.test_models import candidates, rule_sets
from tracker import pipeline
from tracker.domain.chain import canonical, digest
from tracker.domain.codes import is_plain
from tracker.domain.credits import Bill
from tracker.domain.journeys import Candidate, Reason, Sale
from tracker.domain.orders import NET_FORMULA, Status
from tracker.domain.receipts import LOSS_SENTENCES, changes, explained, for_partner, net_again, recompute, stated
from tracker.domain.rules import Rules
from tracker.errors import NotFound
from tracker.ledger.journeys import Case
from tracker.reports import _orders

PLACED = datetime(2026, 3, 20, 12, tzinfo=UTC)


def drawn(found: Sequence[Candidate], rules: Rules, net: int = 10_000, refunded: int = 0) -> dict[str, Any]:
    bill = Bill("1" * 32, "2" * 32, "1001", Status.PAID, False, "", "EUR", net, net, refunded, net - refunded,
                NET_FORMULA, PLACED, codes=tuple(one.code for one in found if one.code))  # fmt: skip
    return pipeline._conclude(Case("3" * 32, bill, Sale(PLACED, Status.PAID), tuple(found), rules)).receipt


# --- computed again ---------------------------------------------------------------------------------------------------


@given(found=candidates, rules=rule_sets, net=st.integers(0, 10**9), back=st.integers(0, 10**9))
def test_from_the_receipt_alone_the_credits_follow(found: list[Candidate], rules: Rules, net: int, back: int) -> None:
    body = json.loads(canonical(drawn(found, rules, net, min(back, net))))
    assert recompute(body) == stated(body)
    assert net_again(body) == net - min(back, net)


@given(found=candidates, rules=rule_sets, dice=st.randoms(use_true_random=False))
def test_the_same_facts_make_the_same_digest(found: list[Candidate], rules: Rules, dice: Any) -> None:
    shuffled = list(found)
    dice.shuffle(shuffled)
    bodies = [drawn(found, rules), drawn(shuffled, rules)]
    for body in bodies:
        body["order"]["codes"].sort()
    assert digest(canonical(bodies[0])) == digest(canonical(bodies[1]))


@given(found=candidates, rules=rule_sets)
def test_every_candidate_earns_or_has_a_numbered_reason(found: list[Candidate], rules: Rules) -> None:
    body = explained(drawn(found, rules))
    losers = [one["candidate"] for one in body["lost"]]
    assert [one["number"] for one in body["lost"]] == list(range(1, len(losers) + 1))
    assert all(one["why"] for one in body["lost"])
    paying = next(name for name, one in body["models"].items() if one["paying"])
    winners = {stop["position"] for stop in body["journey"] if paying in stop["credits"]}
    earning = [one["number"] for one in body["candidates"] if one["position"] in winners]
    assert sorted(losers + earning) == [one["number"] for one in body["candidates"]]


def test_every_reason_has_its_sentence() -> None:
    assert {reason.value for reason in Reason} <= LOSS_SENTENCES.keys()
    assert all(LOSS_SENTENCES.values())


def test_the_net_value_is_reckoned_before_ones_eyes() -> None:
    assert explained(drawn([], Rules(), 10_000, 3333))["order"]["reckoning"] == (
        "100.00 × (100.00 − 33.33) ÷ 100.00 = 66.67"
    )


def test_changes_name_who_gained_and_who_lost() -> None:
    body = drawn([], Rules())
    assert changes(body, body) == []


# --- the buyer --------------------------------------------------------------------------------------------------------


@pytest.fixture
def world(sqlite_ledger: Ledger) -> World:
    return World(sqlite_ledger)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("SPRING10", True), ("FREE-SHIP", True), ("été", True), ("2026", True), ("marie@example.com", False),
        ("Jean Dupont", False), ("0612345678", False), ("+33612345678", False), ("x" * 41, False), ("", False),
    ],
)  # fmt: skip
def test_what_looks_like_a_code(text: str, plain: bool) -> None:
    assert is_plain(text) is plain


def test_what_a_buyer_typed_is_hidden_unless_it_is_somebodys_code(world: World) -> None:
    world.code("Merci Alice", world.alice)
    order = world.order(codes=["marie@example.com", "Jean Dupont", "SPRING", "MERCI ALICE"], source="jean@example.com")
    world.attribute()
    receipt = world.receipt(order)
    assert receipt["order"]["codes"] == ["(hidden)", "(hidden)", "SPRING", "MERCI ALICE"]
    assert receipt["order"]["source"] == "(hidden)"
    said = json.dumps(receipt).casefold()
    assert not [word for word in ("marie@", "dupont", "jean@") if word in said]


# --- the partner ------------------------------------------------------------------------------------------------------


bills = st.builds(
    Bill,
    order_id=st.just("1" * 32), shop_id=st.just("SECRET shop"), external_id=st.just("1001"), test=st.booleans(),
    status=st.just(Status.PAID), source=st.just("SECRET-source"), currency=st.just("EUR"), total=st.just(1_000_003),
    goods=st.just(1_000_003), refunded=st.just(0), net=st.just(1_000_003), net_formula=st.just(NET_FORMULA),
    placed_at=st.just(PLACED), codes=st.just(("SECRET-typed",)), unknown_click_ids=st.just(("SECRET unseen",)),
)  # fmt: skip


def named(one: Candidate, partner_id: str) -> Candidate:
    """The same with words in place of ids: those of all others than the partner begin with SECRET."""
    mark = "own" if one.partner_id == partner_id else "SECRET"
    return replace(
        one,
        id=f"{mark}-{one.id}",
        partner_id=f"{mark} partner {one.partner_id}",
        link_id=f"{mark} link {one.id}",
        placement_id=f"{mark} placement {one.id}",
        campaign_id=f"{mark} {one.campaign_id}" if one.campaign_id else None,
        code=f"{mark}-{one.code}" if one.code else None,
        program=f"{mark} {one.program}" if one.program else "",
    )


def of_others(rules: Rules, found: Sequence[Candidate]) -> Rules:
    """The rules with each candidate's campaign in place of the ones that the rules name."""
    own = list(rules.campaigns.values()) or [{"paying_model": "linear"}]
    wanted = sorted({one.campaign_id for one in found if one.campaign_id})
    return replace(rules, campaigns={name: own[place % len(own)] for place, name in enumerate(wanted)})


@given(found=candidates, rules=rule_sets, bill=bills, partner=st.integers(1, 4))
def test_a_partner_sees_his_own_part_whole_and_nothing_of_others(
    found: list[Candidate], rules: Rules, bill: Bill, partner: int
) -> None:
    found = [named(one, f"{partner:032x}") for one in found]
    rules, partner_id = of_others(rules, found), f"own partner {partner:032x}"
    body = pipeline._conclude(Case("3" * 32, bill, Sale(PLACED, Status.PAID), tuple(found), rules)).receipt
    seen = for_partner(body, partner_id)
    if seen is None:
        assert partner_id not in {one.partner_id for one in found}
        return
    assert "SECRET" not in json.dumps([seen, explained(seen)])
    own = [stop for stop in body["journey"] if stop["partner"] == partner_id]
    shown = [stop for stop in seen["journey"] if stop.get("partner") == partner_id]
    assert [{**stop, "credits": None} for stop in shown] == [{**stop, "credits": None} for stop in own]
    assert not [stop for stop in seen["journey"] if stop not in shown and {"credits", "code", "link"} & stop.keys()]
    assert amounts_in(seen) <= {*amounts_in(own), *amounts_in(body["order"])}


def amounts_in(value: Any) -> set[str]:
    """Every text of a value that is an amount."""
    if isinstance(value, Mapping):
        return set().union(*map(amounts_in, value.values()))
    if isinstance(value, list):
        return set().union(*map(amounts_in, value))
    return {value} if isinstance(value, str) and re.fullmatch(r"\d+\.\d\d", value) else set()


def test_the_partners_view_of_a_real_order(world: World) -> None:
    world.code("BOB5", world.bob)
    order = world.order(clicks=[world.click(world.alice_link, days=3, visitor="v")], codes=["BOB5", "TYPED"])
    world.attribute()
    with world.ledger.session() as session:
        seen: Any = _orders.receipt_for_partner(session, world.brand, order, world.alice)
        with pytest.raises(NotFound):
            _orders.receipt_for_partner(session, world.brand, order, world.partner("Carol"))
    said = json.dumps(seen)
    assert [text for text in ("Bob", "BOB5", world.bob, "TYPED", "100.00\\", world.bob_link) if text in said] == []
    mine, another = seen["receipt"]["journey"]
    assert (mine["partner"], mine["reason"]) == (world.alice, "code_of_another_partner")
    assert (another["another_partner"], another["channel"]) == (1, "affiliate")


def test_the_page_and_the_api_tell_versions_causes_and_seals(world: World) -> None:
    order = world.order(clicks=[world.click(world.alice_link, days=3)])
    world.attribute()
    world.change(order, net=5000, goods=5000, total=5000)
    world.attribute()
    with world.ledger.session() as session:
        found: Any = _orders.receipt(session, world.brand, order)
    assert found["version"] == 2
    assert [(one["version"], one["cause"], one["seal"]) for one in found["history"]] == [
        (2, "order", None), (1, "order", None)
    ]  # fmt: skip
    assert found["history"][0]["replaces"] == found["history"][1]["digest"]
    assert [(one["before"], one["after"]) for one in found["history"][0]["changes"]] == [("100.00", "50.00")]
