"""A cost is noted by hand in a person's words, refused by name where it means nothing, and withdrawn, never changed."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.conftest import Ledger
from tests.test_cli import Tracker, environment, maison, refused, tracker
from tests.test_commission_ledger import Shop
from tracker.catalog import brands, campaigns, costs, placements
from tracker.catalog.costs import CostQuery, NewCost
from tracker.catalog.fields import problems
from tracker.domain import metrics
from tracker.domain.costs import Cell, Cost, Kind, Push, Spread, placed, price_of_time
from tracker.errors import BadInput, NotFound

__all__ = ["environment", "maison", "tracker"]

DAY = date(2026, 3, 20)
PUSHES = (
    Push("spring", date(2026, 3, 1), date(2026, 3, 31), ("alice", "bob")),
    Push("summer", date(2026, 3, 20), None, ("alice", "carol", "dan")),
    Push("over", None, date(2026, 3, 19), ("alice",)),
)


def spent(amount: int, campaign: str | None = None, partner: str | None = None, spread: str = "equal") -> Cost:
    return Cost("c", Kind.FEE, amount, DAY, campaign, partner, Spread(spread))


# --- dividing ---------------------------------------------------------------------------------------------------------


def test_what_sits_on_a_partner_in_a_campaign_is_not_divided() -> None:
    assert placed(spent(100, "over", "zoe"), PUSHES, {}) == {("over", "zoe"): 100}


def test_a_campaign_s_cost_is_divided_over_its_partners_the_odd_cents_to_the_first() -> None:
    assert placed(spent(101, "summer"), PUSHES, {}) == {
        ("summer", "alice"): 34,
        ("summer", "carol"): 34,
        ("summer", "dan"): 33,
    }


def test_a_brand_s_cost_is_divided_over_the_campaigns_of_its_day_and_then_their_partners() -> None:
    assert placed(spent(101), PUSHES, {}) == {
        ("spring", "alice"): 26,
        ("spring", "bob"): 25,
        ("summer", "alice"): 17,
        ("summer", "carol"): 17,
        ("summer", "dan"): 16,
    }


def test_a_partner_s_cost_is_divided_over_the_campaigns_that_the_partner_takes_part_in() -> None:
    assert placed(spent(5, partner="alice"), PUSHES, {}) == {("spring", "alice"): 3, ("summer", "alice"): 2}
    assert placed(spent(5, partner="dan"), PUSHES, {}) == {("summer", "dan"): 5}
    assert placed(spent(5, partner="eve"), PUSHES, {}) == {(None, "eve"): 5}


def test_by_revenue_where_there_is_any() -> None:
    credited: dict[Cell, int] = {("spring", "alice"): 300, ("spring", "bob"): 100, ("summer", "carol"): 600}
    assert placed(spent(1000, spread="revenue"), PUSHES, credited) == {
        ("spring", "alice"): 300,
        ("spring", "bob"): 100,
        ("summer", "alice"): 0,
        ("summer", "carol"): 600,
        ("summer", "dan"): 0,
    }
    assert placed(spent(10, "spring", spread="revenue"), PUSHES, {}) == {("spring", "alice"): 5, ("spring", "bob"): 5}


def test_what_finds_nobody_stays_where_it_is() -> None:
    assert placed(spent(7), (), {}) == {(None, None): 7}
    assert placed(spent(7, "spring"), (Push("spring", None, None, ()),), {}) == {("spring", None): 7}


@given(
    amount=st.integers(0, 10**12),
    campaign=st.sampled_from([None, "spring", "summer", "over"]),
    partner=st.sampled_from([None, "alice", "dan", "eve"]),
    spread=st.sampled_from(list(Spread)),
    earned=st.lists(st.integers(0, 10**9), min_size=3, max_size=3),
)
def test_no_cent_is_lost(
    amount: int, campaign: str | None, partner: str | None, spread: Spread, earned: list[int]
) -> None:
    cells: tuple[Cell, ...] = (("spring", "alice"), ("spring", "bob"), ("summer", "carol"))
    credited = dict(zip(cells, earned, strict=True))
    found = placed(spent(amount, campaign, partner, spread), PUSHES, credited)
    assert sum(found.values()) == amount
    assert all(part >= 0 for part in found.values())


def test_time_is_rounded_once() -> None:
    assert price_of_time(150, 3333) == 8333  # 83.325
    assert price_of_time(1, 29) == 0
    assert price_of_time(1, 30) == 1


# --- the return -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("revenue", "standing", "missing"),
    [(0, "below", 500), (499, "below", 1), (500, "reached", 0), (501, "exceptional", 0)],
)
def test_a_return_stands_below_on_or_above_its_target(revenue: int, standing: str, missing: int) -> None:
    assert metrics.standing(revenue, 100, Fraction(5)) == standing
    assert metrics.missing_return(revenue, 100, Fraction(5)) == missing


def test_what_is_missing_is_enough_to_reach_the_target() -> None:
    missing = metrics.missing_return(0, 100, Fraction(10, 3))
    assert missing == 334
    assert metrics.standing(333, 100, Fraction(10, 3)) == "below"


def test_without_spending_or_margin_nothing_is_known() -> None:
    assert metrics.standing(100, 0, Fraction(5)) is None
    assert metrics.missing_return(100, 0, Fraction(5)) is None
    assert metrics.return_on_investment(100, 0) is None
    assert metrics.return_on_ad_spend(100, 0) is None
    assert metrics.cost_per_click(100, 0) is None
    assert metrics.cost_per_order(100, 0) is None
    assert metrics.break_even_ratio(None) is None
    assert metrics.profit(100, 10, None) is None
    assert metrics.break_even_ratio(Fraction(2, 5)) == Fraction(5, 2)
    assert metrics.return_on_investment(600, 100) == 5


# --- noting -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small(sqlite_ledger: Ledger) -> Shop:
    return Shop(sqlite_ledger)


def noted(shop: Shop, **said: Any) -> costs.CostView:
    with shop.desk() as desk:
        return costs.add(desk, NewCost.model_validate(said))


def test_a_cost_is_shown_as_it_was_said(ledger: Ledger) -> None:
    shop = Shop(ledger)
    gift = noted(shop, kind="Gift", amount="40", retail="119.9", partner=shop.alice, on="2026-03-05", note="a scarf")
    assert (gift.kind, gift.amount, gift.retail, gift.currency) == ("gift", "40.00", "119.90", "EUR")
    assert (gift.partner, gift.campaign, gift.spent_on, gift.note) == (shop.alice, None, date(2026, 3, 5), "a scarf")
    hours = noted(shop, kind="hours", hours=2.5, rate="33.33", currency="jpy", spread="revenue")
    assert (hours.hours, hours.rate, hours.amount, hours.currency) == ("2:30", "33", "83", "JPY")
    assert (hours.spent_on, hours.spread) == (DAY, "revenue")
    with shop.desk() as desk:
        assert costs.page(desk, CostQuery()).data == [gift, hours]
        assert costs.page(desk, CostQuery(partner=shop.alice)).data == [gift]
        assert costs.one(desk, gift.id) == gift


def test_a_withdrawn_cost_stays_and_is_only_listed_where_it_is_asked_for(small: Shop) -> None:
    cost = noted(small, kind="fee", amount="10", partner=small.alice)
    with small.desk() as desk:
        gone = costs.withdraw(desk, cost.id)
    with small.desk(small.now + timedelta(days=1)) as desk:
        assert costs.edit(desk, cost.id, costs.CostChange(withdrawn=True)) == gone
        assert costs.page(desk, CostQuery()).data == []
        assert costs.page(desk, CostQuery(withdrawn=True)).data == [gone]
    assert gone.withdrawn_at == small.now
    with small.desk() as desk, pytest.raises(NotFound):
        costs.withdraw(desk, "0" * 32)


def test_a_placement_tells_partner_and_campaign_and_is_not_contradicted(small: Shop) -> None:
    with small.desk() as desk:
        spring, other = (campaigns.add(desk, campaigns.NewCampaign(name=name)).id for name in ("Spring", "Other"))
        wanted = placements.NewPlacement(partner=small.alice, campaign=spring, network="tiktok")
        video = placements.add(desk, wanted).id
    cost = noted(small, kind="fee", amount="250", placement=video)
    assert (cost.partner, cost.campaign, cost.placement) == (small.alice, spring, video)
    for field, said in (("partner", {"partner": small.bob}), ("campaign", {"campaign": other})):
        with pytest.raises(BadInput) as caught:
            noted(small, kind="fee", amount="250", placement=video, **said)
        assert caught.value.field == field


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("amount", {"kind": "fee"}),
        ("hours", {"kind": "fee", "amount": 5, "hours": 1}),
        ("rate", {"kind": "fee", "amount": 5, "rate": 1}),
        ("amount", {"kind": "hours", "amount": 5}),
        ("hours", {"kind": "hours", "rate": 5}),
        ("rate", {"kind": "hours", "hours": 5}),
        ("retail", {"kind": "fee", "amount": 5, "retail": 9}),
        ("rate", {"kind": "hours", "hours": 99999, "rate": "99999999999"}),
    ],
)
def test_parts_that_do_not_go_together_are_refused_by_name(small: Shop, field: str, said: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as caught:
        noted(small, **said)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("field", "said", "words"),
    [
        ("kind", {"kind": "luck", "amount": 5}, "'fee'"),
        ("amount", {"kind": "fee", "amount": "-5"}, "such as 5.00"),
        ("hours", {"kind": "hours", "hours": "0", "rate": 5}, "more than none"),
        ("hours", {"kind": "hours", "hours": "1.333", "rate": 5}, "2.5 or 2:30"),
        ("hours", {"kind": "hours", "hours": "2:75", "rate": 5}, "2.5 or 2:30"),
        ("spent_on", {"kind": "fee", "amount": 5, "spent_on": "1066-10-14"}, "from 1971"),
    ],
)
def test_what_means_nothing_is_refused_by_name(field: str, said: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        NewCost.model_validate(said)
    ((name, message),) = problems(caught.value)
    assert name == field
    assert words in message


# --- what is aimed at -------------------------------------------------------------------------------------------------


def test_a_target_and_a_margin_are_shown_as_they_were_said(small: Shop) -> None:
    with small.desk() as desk:
        assert (brands.one(desk).target_return, brands.one(desk).margin) == ("5", None)
        view = brands.edit(desk, brands.BrandChange(target_return="4.5:1", margin="37.5"))
        assert (view.target_return, view.margin) == ("4.5", "37.5")
        wanted = campaigns.NewCampaign(name="x", budget="5000", target_return="6:1", margin="40 %")
        campaign = campaigns.add(desk, wanted)
        assert (campaign.budget, campaign.target_return, campaign.margin) == ("5000.00", "6", "40")
        change = campaigns.CampaignChange(budget="10.5", target_return=None, margin=None)
        campaign = campaigns.edit(desk, campaign.id, change)
        assert (campaign.budget, campaign.target_return, campaign.margin) == ("10.50", None, None)


@pytest.mark.parametrize(
    "said", [{"target_return": "0"}, {"target_return": "five"}, {"margin": "0.4"}, {"margin": 101}]
)
def test_an_aim_that_cannot_be_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        brands.BrandChange.model_validate(said)


# --- on the command line ----------------------------------------------------------------------------------------------


def test_costs_are_noted_listed_and_withdrawn_by_name(tracker: Tracker, maison: Any) -> None:
    tracker("partner", "add", "Alice", "--json")
    tracker("campaign", "add", "Spring", "--budget", "5000", "--json")
    made = tracker(
        *("cost", "add", "--partner", "alice", "--campaign", "spring", "--kind", "gift", "--amount", "40"),
        *("--retail", "120", "--on", "2026-03-05", "--note", "a scarf", "--json"),
    ).json
    assert (made["amount"], made["retail"], made["spent_on"]) == ("40.00", "120.00", "2026-03-05")
    hours = tracker("cost", "add", "--kind", "hours", "--hours", "2:30", "--rate", "33.33", "--json").json
    assert hours["amount"] == "83.33"
    for word in ("Alice", "Spring", "a scarf"):
        assert word in tracker("cost", "list").out
    assert tracker("cost", "show", made["id"], "--json").json == made
    assert tracker("cost", "withdraw", made["id"], "--json").json["withdrawn_at"]
    assert len(tracker("cost", "list", "--json").json) == 1
    assert len(tracker("cost", "list", "--withdrawn", "--json").json) == 2
    refused(tracker("cost", "add", "--kind", "fee"), "--amount", "such as 250.00")
    refused(tracker("cost", "add", "--kind", "fee", "--amount", "5", "--on", "soon"), "--spent-on")
    assert tracker("brand", "edit", "--target-return", "4:1", "--margin", "40", "--json").json["target_return"] == "4"
    assert tracker("campaign", "edit", "Spring", "--target-return", "3", "--json").json["target_return"] == "3"
    assert tracker("report", "returns", "--from", "2026-01-01", "--to", "2027-12-31").code == 0
