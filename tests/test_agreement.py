"""What two pages say of the same thing is the same, and what is no figure is none: reckoned by hand in small worlds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from sqlalchemy import update

from tests.conftest import Ledger
from tests.given import NOON
from tests.test_goals import FIRST, LAST, TODAY, Office
from tests.test_placement_reports import MARCH, Studio, figures
from tests.test_returns import Golden
from tracker.catalog import campaigns, conversions, costs, decisions
from tracker.domain.catalog import PartnerKind
from tracker.domain.objectives import Metric
from tracker.domain.shortfalls import Dimension, Rate, Verdict
from tracker.ledger.tables import Campaign, CodeOwner, Link, Partner, Placement
from tracker.reports import _bilan, _campaigns, _compare, _shape, _shortfalls, returns
from tracker.reports import decisions as decided
from tracker.reports._shape import Row, Scope, zone_of


@pytest.fixture
def golden(sqlite_ledger: Ledger) -> Golden:
    return Golden(sqlite_ledger)


@pytest.fixture
def office(sqlite_ledger: Ledger) -> Office:
    return Office(sqlite_ledger)


@pytest.fixture
def small(sqlite_ledger: Ledger) -> Studio:
    return Studio(sqlite_ledger)


def of_page(world: Any, campaign: str) -> _campaigns.Figures:
    """What the campaign's own page shows at noon of 20 March."""
    with world.ledger.session() as session:
        first, last = _campaigns.days(session, world.brand, zone_of(session, world.brand), TODAY)
        return _campaigns.figures(session, Scope(world.brand, first, last, campaign_id=campaign))


def bilan_of(world: Any, campaign: str) -> _bilan.Bilan:
    with world.ledger.session() as session:
        return _bilan.bilan(session, world.brand, campaign, NOON)


# --- a campaign -------------------------------------------------------------------------------------------------------


def test_a_bilan_has_what_was_spent_before_and_what_came_in_after_the_campaigns_days(golden: Golden) -> None:
    with golden.desk() as desk:
        days = campaigns.CampaignChange(starts_on=date(2026, 3, 10), ends_on=date(2026, 3, 18))
        campaigns.edit(desk, golden.spring, days)
    golden.spend("fee", partner=golden.alice, campaign=golden.spring, amount="200.00", on="2026-02-20")
    golden.order(net="300.00", clicks=[golden.click(golden.alice_link, days=6)], at=NOON - timedelta(days=5))
    golden.by(golden.alice_link, "500.00")  # on the 20th: the click was of the 19th
    golden.owe()
    found, page = bilan_of(golden, golden.spring), of_page(golden, golden.spring).returned
    # 200.00 and ten percent of 800.00
    assert figures(found.total, "spent", "revenue", "commissions", "orders") == (28_000, 80_000, 8_000, 2)
    assert figures(page, "spent", "revenue", "commissions", "orders") == (28_000, 80_000, 8_000, 2)
    assert (found.start, found.end, found.running) == (date(2026, 2, 20), date(2026, 3, 20), False)


def test_orders_from_before_a_campaign_was_entered_are_on_its_page(golden: Golden) -> None:
    golden.order(net="70.00", codes=["carol10"], at=datetime(2025, 12, 24, 12, tzinfo=UTC))
    golden.attribute()
    with golden.desk() as desk:
        desk.session.execute(update(Campaign).where(Campaign.id == golden.summer).values(starts_on=None))
    assert bilan_of(golden, golden.summer).total["revenue"] == 7_000
    assert of_page(golden, golden.summer).returned["revenue"] == 7_000


def test_the_conversion_rate_of_a_campaign_counts_orders_in_every_currency(office: Office) -> None:
    _, link = office.spot(office.mia, "video", "gift")
    office.clicked(link, 15, 100)
    office.sold(link, 15)
    office.sold(link, 16, currency="USD")
    office.goal("cvr", "2")
    (goal,) = office.standings()
    found = of_page(office, office.spring).measured[Metric.CVR]
    assert found == goal.pace.actual == Fraction(2, 100)


def test_a_goals_price_of_an_order_is_the_one_of_the_report(office: Office) -> None:
    _, link = office.spot(office.mia, "video", "gift")
    office.sold(link, 15)
    office.sold(link, 16, currency="USD")
    with office.desk() as desk:
        wanted = {"kind": "fee", "amount": "30.00", "campaign": office.spring, "spent_on": "2026-03-12"}
        costs.add(desk, costs.NewCost.model_validate(wanted))
    office.goal("cpa", "10.00")
    (goal,) = office.standings()
    assert goal.pace.actual == of_page(office, office.spring).measured[Metric.CPA] == 3_000


def test_a_goals_price_has_the_fee_of_a_placement_that_joined_the_campaign_later(office: Office) -> None:
    video, link = office.spot(office.mia, "video", "gift")
    office.spend(video, 5_000)  # on 20 February, on the placement alone
    office.sold(link, 15)
    office.goal("cpa", "10.00")
    (goal,) = office.standings()
    assert goal.pace.actual == of_page(office, office.spring).measured[Metric.CPA] == 5_000


def test_what_nobody_noted_a_cost_for_has_no_price_of_an_order(golden: Golden) -> None:
    with golden.desk() as desk:
        campaign = campaigns.add(desk, campaigns.NewCampaign(name="Autumn")).id
    golden.order(net="10.00", clicks=[golden.click(golden.link(golden.partner("Dora")), days=1)])
    golden.attribute()
    row = golden.row("total")
    assert figures(row, "spent", "orders", "cpa", "cpa_new", "cpc") == (0, 1, None, None, None)
    measured = of_page(golden, campaign).measured
    assert (measured[Metric.CPA], measured[Metric.CPM], measured[Metric.CPE]) == (None, None, None)


def test_what_came_back_heeds_no_network_in_either_part(small: Studio) -> None:
    video = small.publish(small.alice)
    small.sell(small.tracked(small.alice, video), "10.00")
    small.sell(small.alice_link, "20.00")
    small.spend(video, 500, spent=date(2026, 3, 2))
    small.attribute()
    scope = Scope(small.brand, *MARCH, network="tiktok")
    with small.ledger.session() as session:
        assert figures(returns.total(session, scope), "spent", "revenue") == (500, 3_000)
        assert figures(returns.rows(session, scope)[0], "spent", "revenue") == (500, 3_000)


# --- days -------------------------------------------------------------------------------------------------------------


def asked(office: Office, name: str, until: str) -> list[Row]:
    with office.ledger.session() as session:
        scope = _shape.scope_from(session, office.brand, {"from": "2026-03-01", "to": until}, NOON)
        return list(_shape.run(session, name, scope).rows)


@pytest.mark.parametrize("until", ["2026-03-20", "2026-03-31"])
def test_days_that_are_not_over_are_on_no_side_of_a_decision(office: Office, until: str) -> None:
    _, link = office.spot(office.mia, "video", "gift")
    for day in range(11, 20):
        office.clicked(link, day, 50)
    with office.desk() as desk:
        wanted = {"campaign": office.spring, "about": "message", "text": "Hook", "made_on": date(2026, 3, 17)}
        decisions.add(desk, decisions.NewDecision.model_validate(wanted))
        of_page = decided.of_campaign(desk.session, desk.session.get_one(Campaign, office.spring), TODAY)
    # Noon of the 20th: the 18th and the 19th against the 15th and the 16th.
    (row,) = asked(office, "decisions", until)
    assert figures(row, "days", "clicks_before", "clicks_after", "clicks_change") == (2, 50, 50, 0)
    assert row == of_page[0]


def test_a_goal_is_not_judged_by_days_to_come(office: Office) -> None:
    _, link = office.spot(office.mia, "video", "gift")
    office.clicked(link, 15, 500)
    office.goal("clicks", "1000")
    (row,) = asked(office, "pacing", "2026-12-31")
    assert figures(row, "status", "expected", "days_left") == ("on_pace", "500", 10)


def test_a_placement_is_called_by_the_brands_own_day(small: Studio) -> None:
    video = small.publish(small.alice)
    with small.ledger.writing() as session:
        late = datetime(2026, 3, 5, 23, 30, tzinfo=UTC)  # half past midnight of the 6th in Paris
        session.execute(update(Placement).where(Placement.id == video).values(published_at=late, title=None, url=None))
    small.sell(small.tracked(small.alice, video), "10.00")
    placed = [row for row in small.report("funnel", partner_id=small.alice) if row["placement_id"]]
    assert [row["placement"] for row in placed] == ["tiktok video 2026-03-06"]


# --- samples ----------------------------------------------------------------------------------------------------------


def test_a_placement_stands_beside_what_it_was_though_it_was_counted_again(small: Studio) -> None:
    video = small.publish(small.alice, published_at="2026-01-20")
    small.count(video, "2026-02-10", views=100)
    small.count(video, "2026-03-10", views=300)
    with small.ledger.session() as session:
        found = _compare.run(session, "placements", Scope(small.brand, *MARCH), "before")
    assert [figures(row, "views", "views_before") for row in found.rows] == [(300, 100)]


def test_a_fee_of_another_year_leaves_a_rate_alone(small: Studio) -> None:
    lea = small.creator("Léa", 20_000)
    old, new = small.publish(lea, published_at="2025-03-01"), small.publish(lea)
    small.spend(old, 9_900, spent=date(2025, 3, 2))
    small.spend(new, 10_000, spent=date(2026, 3, 2))
    small.count(new, views=40_000)
    (row,) = small.report("rates")
    assert figures(row, "fee", "placements", "views", "per_views") == (10_000, 1, 40_000, 250)


def test_a_thousand_views_brought_what_those_who_have_views_sold(small: Studio) -> None:
    video, photo = small.publish(small.alice), small.publish(small.bob, format="photo")
    small.count(video, views=1_000)
    small.sell(small.tracked(small.alice, video), "10.00")
    small.sell(small.tracked(small.bob, photo), "500.00")
    total = small.report("funnel")[0]
    assert figures(total, "revenue", "views", "each_view") == (51_000, 1_000, 1_000)


def test_the_brands_own_account_is_nobodys_peer(office: Office) -> None:
    _, own = office.spot(office.lea, "photo", "gift")
    _, video = office.spot(office.mia, "video", "gift")
    office.clicked(own, 12, 200)
    office.clicked(video, 12, 200)
    for _ in range(40):
        office.sold(own, 12)
    office.attribute()
    with office.ledger.writing() as session:
        session.execute(update(Partner).where(Partner.id == office.lea).values(kind=PartnerKind.OWN.value))
    with office.ledger.session() as session:
        campaign = session.get_one(Campaign, office.spring)
        found = _shortfalls.of_campaign(session, campaign, Rate.ORDERS_PER_CLICK, FIRST, LAST)
    assert {one.dimension: one.verdict for one in found}[Dimension.INFLUENCER] is Verdict.TOO_FEW


def test_what_a_placement_sold_is_not_taken_off_what_sold_elsewhere(office: Office) -> None:
    _, link = office.spot(office.mia, "video", "gift")
    with office.ledger.writing() as session:
        session.execute(update(Link).where(Link.id == link).values(campaign_id=None))
        session.execute(update(Link).where(Link.id == office.alice_link).values(campaign_id=office.spring))
    office.sold(link, 15, "80.00")  # of a placement of Spring, by a link of no campaign
    office.sold(office.alice_link, 15, "20.00")  # the other way round
    rows = {row["format"]: row["revenue"] for row in office.report("effort", campaign_id=office.spring)}
    assert rows == {"total": 10_000, "video": 8_000, "outside_placements": 2_000}


def test_an_action_by_a_click_is_of_no_campaign_of_the_codes_owner(office: Office) -> None:
    office.code("LEA10", office.lea)
    with office.ledger.writing() as session:
        session.execute(update(CodeOwner).values(campaign_id=office.spring, channel="affiliate"))
    by = {"click_id": office.click(office.link(office.mia), days=2), "code": "LEA10", "at": NOON}
    with office.desk() as desk:
        conversions.add(desk, conversions.NewConversion.model_validate({"kind": "lead", "external_id": "1", **by}))
    assert [row["partner"] for row in office.report("conversions")] == ["Mia"]
    assert [row["partner"] for row in office.report("conversions", channel="influence")] == ["Mia"]
    assert office.report("conversions", campaign_id=office.spring) == []


def test_an_action_on_one_network_has_no_share_of_what_was_spent_on_all(office: Office) -> None:
    video, link = office.spot(office.mia, "video", "gift")
    office.spend(video, 9_000, spent=date(2026, 3, 12))
    clicks = [office.click(one, days=2) for one in (link, office.link(office.mia))]
    with office.desk() as desk:
        for click in clicks:
            wanted = {"kind": "lead", "external_id": click, "click_id": click, "at": NOON}
            conversions.add(desk, conversions.NewConversion.model_validate(wanted))
    (row,) = office.report("conversions")
    assert figures(row, "actions", "cost") == (2, 4_500)
    (row,) = office.report("conversions", network="tiktok")
    assert figures(row, "actions", "cost") == (1, None)
