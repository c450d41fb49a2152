"""Placements, formats and portfolios, added up by hand: what is unknown stays unknown, what is few is not ranked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from sqlalchemy import update

from tests.conftest import Ledger
from tests.given import NOON, World, before
from tests.sample_books import report_rows
from tracker.catalog import Desk, campaigns, links, placements, snapshots
from tracker.catalog.campaigns import NewCampaign
from tracker.catalog.links import NewLink
from tracker.catalog.placements import NewPlacement
from tracker.catalog.snapshots import NewSnapshot
from tracker.ledger.tables import Cost, Link, LinkHour, Partner
from tracker.reports import portfolio
from tracker.reports._shape import Row, Scope

MARCH = (date(2026, 3, 1), date(2026, 3, 31))


class Studio(World):
    """A brand whose partners publish."""

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        with self.ledger.writing() as session:
            yield Desk(session, self.brand, NOON, NOON, "https://go.example.com", "0" * 64)

    def creator(self, name: str, followers: int | None) -> str:
        partner_id = self.partner(name)
        with self.ledger.writing() as session:
            session.execute(update(Partner).where(Partner.id == partner_id).values(followers=followers))
        return partner_id

    def publish(self, partner: str, network: str = "tiktok", **said: Any) -> str:
        with self.desk() as desk:
            wanted = {"partner": partner, "network": network, "published_at": "2026-03-05", **said}
            return placements.add(desk, NewPlacement.model_validate(wanted)).id

    def count(self, placement: str, day: str = "2026-03-10", **counters: int) -> None:
        with self.desk() as desk:
            wanted = {"placement": placement, "taken_at": day, **counters}
            snapshots.add(desk, NewSnapshot.model_validate(wanted))

    def tracked(self, partner: str, placement: str, humans: int = 0) -> str:
        """A link in the placement, with so many clicks by people in March."""
        with self.desk() as desk:
            landing = "https://shop.example/"
            link = links.add(desk, NewLink(partner=partner, landing_url=landing, placement=placement)).id
        if humans:
            self._insert(LinkHour, link_id=link, hour=before(days=2), gross=humans + 5, human=humans)
        return link

    def sell(self, link: str, net: str, currency: str = "EUR") -> None:
        self.order(net=net, clicks=[self.click(link, days=1)], currency=currency)

    def spend(self, placement: str, amount: int, spent: date = date(2026, 2, 20), **more: Any) -> None:
        self._insert(Cost, id=self._id("cost"), brand_id=self.brand, placement_id=placement, kind="fee", amount=amount,
                     currency="EUR", spent_on=spent, note="", created_at=NOON, **more)  # fmt: skip

    def report(self, name: str, **asked: Any) -> list[Row]:
        self.attribute()
        scope = Scope(**{"brand_id": self.brand, "start": MARCH[0], "end": MARCH[1], **asked})
        return report_rows(self.ledger, name, scope)


@pytest.fixture
def studio(ledger: Ledger) -> Studio:
    return Studio(ledger)


@pytest.fixture
def small(sqlite_ledger: Ledger) -> Studio:
    return Studio(sqlite_ledger)


def figures(row: Row, *keys: str) -> tuple[object, ...]:
    return tuple(row[key] for key in keys)


# --- placements -------------------------------------------------------------------------------------------------------


def test_a_placement_has_its_counters_clicks_sales_and_costs_in_one_row(studio: Studio) -> None:
    lea = studio.creator("Léa", 20_000)
    video = studio.publish(lea, reused=True)
    studio.count(video, "2026-03-06", views=20_000, likes=900)
    studio.count(video, "2026-03-10", views=40_000, likes=1_500, comments=60, shares=40)
    studio.count(video, "2026-02-28", views=1)  # before the days
    link = studio.tracked(lea, video, humans=799)
    studio.sell(link, "100.00")
    studio.sell(link, "33.35")
    studio.spend(video, 25_000)
    studio.spend(video, 99_900, withdrawn_at=NOON)
    studio.spend(video, 99_900, spent=date(2026, 4, 1))
    (row,) = studio.report("placements")
    assert figures(row, "partner", "network", "format", "tier", "state") == (
        *("Léa", "tiktok", "video", "micro", "reused"),
    )
    assert figures(row, "views", "likes", "comments", "shares", "saves") == (40_000, 1_500, 60, 40, None)
    assert row["engagement"] == 1_500 + 60 + 40
    assert (row["er"], row["er_followers"]) == (Fraction(1_600, 40_000), Fraction(1_600, 20_000))
    assert row["clicks"] == 799
    assert row["ctr"] == Fraction(799, 40_000)
    assert figures(row, "currency", "orders", "revenue", "cost") == ("EUR", 2, 10_000 + 3_335, 25_000)
    # 250.00 / 40 thousand views; 250.00 / 40 000 is 0.00625: a cent; 250.00 / 1 600 is 0.15625
    assert figures(row, "cpm", "cpv", "cpe") == (625, 1, 16)
    # 40 000 × 0.005 + 1 500 × 0.05 + 60 × 0.25 + 40 × 0.50 = 200 + 75 + 15 + 20
    assert row["emv"] == 31_000
    assert row["hollow"] == "too_few"


def test_what_is_not_known_of_a_placement_is_not_zero(studio: Studio) -> None:
    nobody = studio.publish(studio.alice)
    (row,) = studio.report("placements")
    unknown = ("tier", "taken_at", "views", "likes", "engagement", "er", "er_followers", "clicks", "ctr", "orders",
               "revenue", "cost", "cpm", "cpv", "cpe", "emv", "hollow", "roi", "amplification", "cvr",
               "conversion")  # fmt: skip
    assert figures(row, *unknown) == (None,) * len(unknown)
    studio.tracked(studio.alice, nobody)
    (row,) = studio.report("placements")
    assert figures(row, "clicks", "orders", "revenue", "ctr") == (0, 0, 0, None)


def test_amounts_of_two_currencies_stand_apart_and_counters_once(studio: Studio) -> None:
    video = studio.publish(studio.alice)
    studio.count(video, views=1_000)
    link = studio.tracked(studio.alice, video, humans=10)
    studio.sell(link, "10.00")
    studio.sell(link, "20.00", currency="USD")
    studio.spend(video, 500)
    euros, dollars = studio.report("placements")
    assert figures(euros, "currency", "revenue", "cost", "views", "clicks", "emv") == ("EUR", 1000, 500, 1000, 10, 500)
    assert figures(dollars, "currency", "revenue", "cost", "views", "clicks", "emv") == (
        *("USD", 2000, None, None, None, None),
    )
    studio._insert(Cost, id=studio._id("cost"), brand_id=studio.brand, placement_id=video, kind="fee", amount=700,
                   currency="USD", spent_on=MARCH[0], note="", created_at=NOON)  # fmt: skip
    rows = studio.report("placements")
    assert [figures(row, "cost", "cpm") for row in rows] == [(500, None), (700, None)]  # each is only a part


def test_filters_keep_placements(small: Studio) -> None:
    with small.desk() as desk:
        spring = campaigns.add(desk, NewCampaign(name="Spring")).id
    mine, other = small.publish(small.alice, campaign=spring), small.publish(small.bob)
    late = small.publish(small.alice, published_at=(NOON + timedelta(days=20)).isoformat())

    def kept(**asked: Any) -> set[object]:
        return {row["placement_id"] for row in small.report("placements", **asked)}

    assert kept() == {mine, other}
    assert kept(end=date(2026, 4, 30)) == {mine, other, late}
    assert kept(campaign_id=spring) == kept(partner_id=small.alice) == kept(channel="influence") == {mine}
    assert kept(channel="affiliate") == {other}


def test_hollow_is_said_among_the_brands_own_of_one_tier_and_format(studio: Studio) -> None:
    """Eight videos with 10 … 80 likes sell 1 … 8 euros; a ninth with 75 likes sells 2.50."""
    lea = studio.creator("Léa", 20_000)
    made = {}
    for likes, net in [*((10 * number, f"{number}.00") for number in range(1, 9)), (75, "2.50")]:
        made[likes] = studio.publish(lea)
        studio.count(made[likes], likes=likes)
        studio.sell(studio.tracked(lea, made[likes]), net)
    photo = studio.publish(lea, format="photo")
    studio.count(photo, likes=75)
    studio.tracked(lea, photo)
    said = {row["placement_id"]: row["hollow"] for row in studio.report("placements")}
    assert said == {
        **dict.fromkeys(made.values(), "not_hollow"),
        made[75]: "hollow",
        photo: "too_few",
    }
    assert studio.report("placements", partner_id=studio.bob) == []


def test_other_brands_placements_are_no_peers(small: Studio) -> None:
    small.publish(small.alice)
    found = small.report("placements")
    other = Studio(small.ledger, name="Atelier")
    other.publish(other.alice)
    assert small.report("placements") == found


# --- formats ----------------------------------------------------------------------------------------------------------


def test_formats_are_ranked_from_three_placements_on(studio: Studio) -> None:
    lea, tom = studio.creator("Léa", 20_000), studio.creator("Tom", 5_000)
    for net in ("30.00", "30.00", "31.00"):
        video = studio.publish(lea)
        studio.count(video, views=1_000, likes=50)
        studio.sell(studio.tracked(lea, video, humans=20), net)
    for net in ("40.00", "", ""):
        photo = studio.publish(tom, "instagram", format="photo")
        link = studio.tracked(tom, photo)
        if net:
            studio.sell(link, net)
    studio.count(studio.publish(tom, "instagram", format="photo"), views=500)  # neither a link nor likes
    for _ in range(2):
        studio.sell(studio.tracked(tom, studio.publish(tom)), "900.00")
    videos, photos, few = studio.report("formats")
    keys = ("format", "tier", "network", "placements", "tracked", "orders", "revenue", "each", "rank", "sample")
    # 91.00 / 3 is 30.33; 40.00 / 3 is 13.33
    assert figures(videos, *keys) == ("video", "micro", "tiktok", 3, 3, 3, 9_100, 3_033, 1, "enough")
    assert figures(photos, *keys) == ("photo", "nano", "instagram", 4, 3, 1, 4_000, 1_333, 2, "enough")
    assert figures(few, *keys) == ("video", "nano", "tiktok", 2, 2, 2, 180_000, 90_000, None, "too_few")
    rates = ("views", "engagement", "er", "clicks", "ctr")
    assert figures(videos, *rates) == (3_000, 150, Fraction(1, 20), 60, Fraction(1, 50))
    assert figures(photos, *rates) == (500, None, None, 0, None)
    assert figures(few, *rates) == (None, None, None, 0, None)


def test_equal_formats_share_a_rank(small: Studio) -> None:
    for network in ("tiktok", "youtube", "instagram"):
        for _ in range(3):
            link = small.tracked(small.alice, small.publish(small.alice, network))
            small.sell(link, "5.00" if network == "youtube" else "9.00")
    found = small.report("formats")
    assert [figures(row, "network", "rank") for row in found] == [("instagram", 1), ("tiktok", 1), ("youtube", 3)]


# --- portfolio --------------------------------------------------------------------------------------------------------


def test_a_portfolio_is_mixed_and_at_thirteen_we_say_so(studio: Studio) -> None:
    with studio.desk() as desk:
        spring = campaigns.add(desk, NewCampaign(name="Spring")).id
        campaigns.add(desk, NewCampaign(name="Empty"))
        past = campaigns.add(desk, NewCampaign(name="Past", ends_on=date(2026, 2, 28))).id
    studio.publish(studio.alice, campaign=past)
    people = [studio.creator(f"P{number:02}", 9_999 if number < 9 else 1_000_001) for number in range(12)]
    for partner in people:
        studio.publish(partner, campaign=spring)
    link = studio.tracked(people[0], studio.publish(people[0]))
    with studio.ledger.writing() as session:
        session.execute(update(Link).where(Link.id == link).values(campaign_id=spring))
    keys = ("campaign", "tier", "partners", "share", "total", "advice")
    assert [figures(row, *keys) for row in studio.report("portfolio")] == [
        ("Spring", "nano", 9, Fraction(9, 12), 12, "fine"),
        ("Spring", "mega", 3, Fraction(3, 12), None, None),
    ]
    studio.publish(studio.alice, campaign=spring)
    rows = studio.report("portfolio")
    assert [figures(row, "tier", "partners", "total", "advice") for row in rows] == [
        ("nano", 9, 13, "many"),
        ("mega", 3, None, None),
        (None, 1, None, None),
    ]
    assert rows[2]["names"] == ["Alice"]
    assert len(studio.report("portfolio", partner_id=studio.alice)) == 3
    assert studio.report("portfolio", partner_id=studio.bob) == []
    assert studio.report("portfolio", channel="affiliate") == []


@pytest.mark.parametrize(
    ("tiers", "count", "advice"),
    [
        (["nano"], 1, "fine"),
        (["nano"], 2, "one_tier"),
        (["nano", None], 2, "fine"),
        (["nano", "mega"], 12, "fine"),
        ([None], 5, None),
        ([None], 13, "many"),
    ],
)
def test_what_is_said_of_a_mix(tiers: list[Any], count: int, advice: str | None) -> None:
    assert portfolio.advice_on(tiers, count) == advice
