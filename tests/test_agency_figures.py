"""What an agency tells stands beside the brand's own count and the tracked sales, and a claim beyond both is seen."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest

from tests import given
from tests.conftest import Ledger
from tests.sample_books import report_rows
from tracker.domain.ids import derived_id
from tracker.ledger.tables import Snapshot
from tracker.reports import agency, placements
from tracker.reports._shape import Row, Scope

MARCH = (date(2026, 3, 1), date(2026, 3, 20))


@pytest.fixture
def world(ledger: Ledger) -> given.World:
    return given.World(ledger)


def counted(world: given.World, placement: str, source: str, views: int | None, days: int, **more: int) -> None:
    with world.ledger.writing() as session:
        session.add(
            Snapshot(id=derived_id(placement, source, str(days)), brand_id=world.brand, placement_id=placement,
                     taken_at=given.before(days=days), source=source, views=views, created_at=given.NOON, **more)
        )  # fmt: skip


def rows(world: given.World, **asked: str) -> list[Row]:
    return report_rows(world.ledger, "agency", Scope(world.brand, *MARCH, **asked))  # type: ignore[arg-type]


def test_an_agency_s_claim_stands_beside_the_own_count_and_what_was_sold(world: given.World) -> None:
    placement = world.place(world.alice_link, "tiktok")
    counted(world, placement, "agency", 50_000, 5, likes=900)
    counted(world, placement, "Agency Nord", 80_000, 2)
    counted(world, placement, "manual", 30_000, 4)
    counted(world, placement, "csv", 40_000, 1, likes=700)
    world.order(net="90.00", days=1, clicks=[world.click(world.alice_link, days=2)])
    world.attribute()
    (row,) = rows(world)
    assert (row["told_by"], row["views_told"], row["views"], row["views_beyond"]) == (
        "Agency Nord",
        80000,
        40000,
        40000,
    )
    assert (row["views_share"], row["likes_told"], row["likes"], row["likes_beyond"]) == (1, None, 700, None)
    assert (row["orders"], row["revenue"], row["claim"]) == (1, 9000, agency.MORE)


@pytest.mark.parametrize(
    ("own", "claim"),
    [(None, agency.ALONE), (95_000, agency.UNSOLD), (80_000, agency.MORE), (200_000, agency.LESS)],
)
def test_a_claim_is_judged_by_the_own_count(world: given.World, own: int | None, claim: str) -> None:
    placement = world.place(world.bob_link, "instagram")
    counted(world, placement, "agency", 100_000, 2)
    if own is not None:
        counted(world, placement, "manual", own, 1)
    (row,) = rows(world)
    assert row["claim"] == claim
    assert row["views_share"] == (None if own is None else Fraction(100_000 - own, own))


def test_a_claim_is_in_no_other_report_once_the_placement_is_counted_by_anybody_else(world: given.World) -> None:
    placement, alone = world.place(world.alice_link, "tiktok"), world.place(world.bob_link, "tiktok")
    counted(world, placement, "manual", 40_000, 4)
    counted(world, placement, "agency nord", 80_000, 2)
    counted(world, alone, "agency", 7_000, 2)
    asked = Scope(world.brand, *MARCH)
    found = {row["placement_id"]: row for row in report_rows(world.ledger, "placements", asked)}
    assert (found[placement]["views"], found[placement]["counted_by"]) == (40_000, placements.OWN_COUNT)
    assert (found[alone]["views"], found[alone]["counted_by"]) == (7_000, placements.CLAIM)
    total = report_rows(world.ledger, "funnel", asked)[0]
    assert (total["views"], total["claimed"]) == (47_000, 7_000)
    assert report_rows(world.ledger, "growth", asked)[-1]["views"] == 47_000


def test_only_placements_of_which_an_agency_told_are_listed(world: given.World) -> None:
    counted(world, world.place(world.alice_link, "tiktok"), "manual", 10, 1)
    assert rows(world) == []
