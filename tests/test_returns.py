"""A golden campaign, reckoned by hand: report, JSON, CSV and page say the same to the cent."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from sqlalchemy import update

from tests.conftest import Ledger
from tests.desk import Desk, opened_desk
from tests.given import NOON
from tests.test_commission_ledger import Shop
from tracker.catalog import brands, campaigns, costs, placements
from tracker.ledger.tables import CodeOwner, Link, LinkHour
from tracker.reports import _shape, returns
from tracker.reports._shape import Result, Row, Scope
from tracker.settings import Settings

MARCH = (date(2026, 3, 1), date(2026, 3, 31))
ASKED = "from=2026-03-01&to=2026-03-31"


class Golden(Shop):
    """Spring with Alice and Bob for the whole of March, Summer with Carol from the 15th; ten percent to everybody."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.carol = self.partner("Carol")
        self.code("CAROL10", self.carol)
        with self.desk() as desk:
            self.spring = campaigns.add(desk, campaigns.NewCampaign(
                name="Spring", starts_on=MARCH[0], ends_on=MARCH[1], target_return="2:1")).id  # fmt: skip
        with self.desk(NOON + timedelta(seconds=1)) as desk:
            self.summer = campaigns.add(desk, campaigns.NewCampaign(name="Summer", starts_on=date(2026, 3, 15))).id
            desk.session.execute(update(Link).values(campaign_id=self.spring))
            desk.session.execute(update(CodeOwner).values(campaign_id=self.summer))
            brands.edit(desk, brands.BrandChange(margin="40 %"))
            self.video = placements.add(
                desk, placements.NewPlacement(partner=self.alice, campaign=self.spring, network="tiktok")
            ).id
        self.agree(percent="10")

    def spend(self, kind: str, **said: Any) -> costs.CostView:
        with self.desk() as desk:
            return costs.add(desk, costs.NewCost.model_validate({"kind": kind, "on": "2026-03-20", **said}))

    def by(self, link: str, net: str, **said: Any) -> str:
        return self.order(net=net, clicks=[self.click(link, days=1)], **said)

    def run(self, **asked: Any) -> Result:
        scope = Scope(**{"brand_id": self.brand, "start": MARCH[0], "end": MARCH[1], **asked})
        with self.ledger.session() as session:
            return _shape.run(session, "returns", scope)

    def row(self, what: str, name: str | None = None, **asked: Any) -> dict[str, Any]:
        found = [row for row in self.run(**asked).rows if row["what"] == what]
        (row,) = [row for row in found if name in (None, row["campaign"], row["partner"])]
        return row


@pytest.fixture
def golden(ledger: Ledger) -> Golden:
    """Everything that was spent and sold."""
    return campaign_of(Golden(ledger))


@pytest.fixture
def small(sqlite_ledger: Ledger) -> Golden:
    return Golden(sqlite_ledger)


def campaign_of(shop: Golden) -> Golden:
    shop.spend("fee", partner=shop.alice, campaign=shop.spring, amount="250.00")
    shop.spend("gift", partner=shop.bob, campaign=shop.spring, amount="40.00", retail="120.00")
    shop.spend("hours", campaign=shop.spring, hours="2:30", rate="33.33")
    shop.spend("production", campaign=shop.spring, amount="300.00", spread="revenue")
    shop.spend("amplification", placement=shop.video, amount="100.00")
    shop.spend("agency", amount="100.01")
    shop.spend("agency", amount="20.00", on="2026-03-05")
    shop.spend("fee", partner=shop.carol, amount="60.00")
    shop.spend("other", campaign=shop.spring, amount="999.00", currency="USD")
    shop.spend("other", campaign=shop.spring, amount="700.00", on="2026-04-01")
    wrong = shop.spend("other", campaign=shop.spring, amount="5000.00")
    with shop.desk() as desk:
        costs.withdraw(desk, wrong.id)
    refunded = shop.by(shop.alice_link, "1000.00")
    newcomer = shop.by(shop.alice_link, "1000.00")
    shop.by(shop.bob_link, "600.00")
    shop.order(net="55.55", codes=["carol10"])
    shop.by(shop.alice_link, "300.00", status="pending")
    shop.by(shop.alice_link, "999.00", test=True)
    shop.by(shop.alice_link, "10.00", currency="USD")
    shop.owe()
    shop.change(refunded, net=90000, refunded=10000)
    shop.change(newcomer, customer_is_new=True)
    shop.owe()
    with shop.ledger.writing() as session:
        session.add(LinkHour(link_id=shop.bob_link, hour=NOON, gross=12, human=10))
    return shop


# --- by hand, in cents ------------------------------------------------------------------------------------------------

HOURS = 8333  # 2.5 h × 33.33 = 83.325, rounded half up
BRAND_ON_SPRING, BRAND_ON_SUMMER = 5001, 5000  # 100.01 over two campaigns, the odd cent to the first
ALICE_EARNED, BOB_EARNED, CAROL_EARNED = 90000 + 100000, 60000, 5555
ALICE_PAID, BOB_PAID, CAROL_PAID = 19000, 6000, 556  # ten percent; 5.555 is 5.56
PRODUCTION_ALICE, PRODUCTION_BOB = 22800, 7200  # 300.00 by 1900 : 600
FIRST_SHARES = 4167 + 2501 + 1000  # of 83.33, 50.01 and 20.00, to the partner whose id comes first
LAST_SHARES = 4166 + 2500 + 1000
ALICE_ALONE = 25000 + 10000 + PRODUCTION_ALICE + ALICE_PAID
BOB_ALONE = 4000 + PRODUCTION_BOB + BOB_PAID
SPRING = 25000 + 4000 + HOURS + 30000 + 10000 + BRAND_ON_SPRING + 2000 + ALICE_PAID + BOB_PAID
SUMMER = BRAND_ON_SUMMER + 6000 + CAROL_PAID
SPENT, EARNED = SPRING + SUMMER, ALICE_EARNED + BOB_EARNED + CAROL_EARNED


def shares(shop: Golden) -> tuple[int, int]:
    """What Alice and Bob carry of what they share."""
    return (FIRST_SHARES, LAST_SHARES) if shop.alice < shop.bob else (LAST_SHARES, FIRST_SHARES)


def figures(row: Row, *keys: str) -> tuple[object, ...]:
    return tuple(row[key] for key in keys)


def test_the_golden_campaign_is_what_was_reckoned_by_hand(golden: Golden, settings: Settings) -> None:
    assert (SPRING, SUMMER, SPENT, EARNED) == (109334, 11556, 120890, 255555)
    whole_of(golden)
    campaigns_of(golden)
    partners_of(golden)
    for model in ("paying", "linear", "participation"):
        sums_of(golden, model)
    with opened_desk(settings) as desk:
        desk.sign_in()
        media_of(golden, desk)


def whole_of(golden: Golden) -> None:
    """The total is all that was spent, once."""
    whole = golden.row("total")
    assert figures(whole, "spent", "revenue", "orders", "new_customers") == (120890, 255555, 4, 1)
    assert figures(whole, "money", "people", "goods") == (25000 + 30000 + 10000 + 10001 + 2000 + 6000, HOURS, 4000)
    assert whole["commissions"] == ALICE_PAID + BOB_PAID + CAROL_PAID
    assert whole["ratio"] == Fraction(255555, 120890)
    assert whole["roi"] == Fraction(255555 - 120890, 120890)
    assert figures(whole, "target", "standing", "missing") == (5, "below", 5 * 120890 - 255555)
    assert figures(whole, "profit", "break_even") == (102222 - 120890, Fraction(5, 2))
    assert figures(whole, "cpa", "cpa_new", "clicks", "cpc") == (30223, 120890, 10, 12089)  # 302.225 and 120.89
    assert figures(whole, "foreign_costs", "foreign_orders", "roas") == (1, 1, Fraction(255555, 10000))


def campaigns_of(golden: Golden) -> None:
    """A campaign has its own target, and carries its share of what is common."""
    spring, summer = golden.row("campaign", "Spring"), golden.row("campaign", "Summer")
    assert figures(spring, "spent", "revenue", "orders", "clicks") == (SPRING, ALICE_EARNED + BOB_EARNED, 3, 10)
    assert figures(spring, "target", "standing", "missing", "cpa") == (2, "exceptional", 0, 36445)
    assert figures(summer, "spent", "revenue", "target", "standing") == (SUMMER, CAROL_EARNED, 5, "below")
    assert summer["missing"] == 5 * SUMMER - CAROL_EARNED


def partners_of(golden: Golden) -> None:
    """Partners carry the campaign to the cent, and a filter keeps the part that falls to what it keeps."""
    alice_share, bob_share = shares(golden)
    alice, bob, carol = (golden.row("partner", name) for name in ("Alice", "Bob", "Carol"))
    assert figures(alice, "spent", "revenue") == (ALICE_ALONE + alice_share, ALICE_EARNED)
    assert figures(bob, "spent", "revenue") == (BOB_ALONE + bob_share, BOB_EARNED)
    assert figures(carol, "spent", "revenue") == (SUMMER, CAROL_EARNED)
    assert alice["spent"] + bob["spent"] + carol["spent"] == SPENT
    of_spring = golden.row("total", campaign_id=golden.spring)
    assert figures(of_spring, "spent", "revenue", "target") == (SPRING, ALICE_EARNED + BOB_EARNED, 2)
    assert golden.row("total", partner_id=golden.alice)["spent"] == alice["spent"]
    affiliate = golden.row("total", channel="affiliate")
    assert figures(affiliate, "spent", "revenue") == (bob["spent"], BOB_EARNED)
    assert golden.row("total", start=date(2026, 4, 1), end=date(2026, 4, 30))["spent"] == 70000
    assert golden.run(start=date(2025, 4, 1), end=date(2025, 4, 30)).rows == []


def sums_of(golden: Golden, model: str) -> None:
    """Campaigns add up to the total, and so do partners."""
    rows: list[dict[str, Any]] = list(golden.run(model=model).rows)
    for kinds in (("campaign", "outside_campaigns"), ("partner", "without_partner")):
        for key in ("spent", "money", "people", "goods", "commissions", "revenue", "clicks"):
            assert sum(row[key] for row in rows if row["what"] in kinds) == rows[0][key]


def media_of(golden: Golden, desk: Desk) -> None:
    """JSON, CSV and page say the same; the overview opens on it."""
    as_json: Any = _shape.as_json(golden.run())["rows"]
    assert figures(as_json[0], "spent", "revenue", "missing", "ratio") == ("1208.90", "2555.55", "3488.95", 2.113947)
    answer = desk.get(f"/reports/returns.csv?{ASKED}")
    lines = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    for plain, line in zip(as_json, lines, strict=True):
        money = ("spent", "money", "people", "goods", "commissions", "revenue", "missing", "profit", "cpa")
        assert [line[key] for key in money] == [plain[key] or "" for key in money]
    text = desk.get(f"/reports/returns?{ASKED}").text
    for told in ("€1,208.90", "€2,555.55", "€3,488.95", "-€186.68", "€1,093.34", "€115.56", "€83.33", "Exceptional"):
        assert told in text
    assert "(net revenue − spent)" in text
    assert f"/orders?from=2026-03-01&amp;to=2026-03-31&amp;campaign={golden.spring}" in text
    tiles = desk.get(f"/?{ASKED}").text.partition("</h1>")[2]
    assert tiles.index("-€186.68") < tiles.index("2.1:1") < tiles.index("€3,488.95") < tiles.index("Net revenue")


# --- what has no partner, no campaign, no return ----------------------------------------------------------------------


def test_a_cost_that_finds_nobody_stays_in_the_total_and_is_called_so(small: Golden) -> None:
    with small.desk() as desk:
        lonely = campaigns.add(desk, campaigns.NewCampaign(name="Lonely", starts_on=date(2026, 1, 1))).id
    small.spend("agency", campaign=lonely, amount="10.00")
    small.spend("agency", amount="7.00", on="2025-06-01")
    assert small.row("without_partner")["spent"] == 1000
    past: dict[str, Any] = {"start": date(2025, 6, 1), "end": date(2025, 6, 1)}
    assert small.row("outside_campaigns", **past)["spent"] == small.row("total", **past)["spent"] == 700


def test_what_cost_nothing_has_no_ratio_and_no_standing(small: Golden) -> None:
    with small.desk() as desk:
        brands.edit(desk, brands.BrandChange(margin=None))
    small.by(small.alice_link, "10.00")
    small.attribute()
    row = small.row("total")
    assert row["revenue"] == 1000
    unknown = ("ratio", "standing", "missing", "roi", "profit", "break_even", "roas", "cpc", "cpa_new")
    assert figures(row, *unknown) == (None,) * 9


def test_a_whole_refund_takes_revenue_and_commission_back_and_leaves_the_fee(small: Golden) -> None:
    small.spend("fee", partner=small.alice, campaign=small.spring, amount="50.00")
    order = small.by(small.alice_link, "100.00")
    small.owe()
    assert figures(small.row("total"), "spent", "revenue", "commissions") == (6000, 10000, 1000)
    small.change(order, net=0, refunded=10000)
    small.owe()
    assert figures(small.row("total"), "spent", "revenue", "commissions", "roi") == (5000, 0, 0, -1)


def test_the_total_alone_is_the_first_row(small: Golden) -> None:
    small.spend("fee", partner=small.alice, amount="50.00")
    with small.ledger.session() as session:
        assert returns.total(session, Scope(small.brand, *MARCH)) == small.row("total")
