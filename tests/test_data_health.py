"""What a shop counts itself is held against what came in; how often a click's id survives is estimated from codes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from tests import given
from tests.conftest import Ledger
from tests.sample_books import report_rows
from tracker.catalog import Desk, _csv_lines, shop_counts, shops
from tracker.catalog.shop_counts import NewCounts
from tracker.domain.referrers import Referrer, referrer_of
from tracker.errors import BadInput, NotFound
from tracker.ledger.tables import Click, InboxRow
from tracker.platforms import shopify, standard, stripe, woocommerce
from tracker.reports import _completeness, losses
from tracker.reports._shape import Row, Scope

MARCH = (date(2026, 3, 1), date(2026, 3, 20))


@pytest.fixture
def world(ledger: Ledger) -> given.World:
    return given.World(ledger)


def tell(world: given.World, **counts: int) -> None:
    """`d18=3`: on the 18th of March the shop counts three orders."""
    told = [{"day": f"2026-03-{day[1:]}", "orders": count} for day, count in counts.items()]
    with world.ledger.writing() as session:
        shop_counts.tell(desk(world, session), world.shop, NewCounts.model_validate({"counts": told}))


def desk(world: given.World, session: object) -> Desk:
    return Desk(session, world.brand, world.now, world.now, "https://go.example.com", "0" * 64)  # type: ignore[arg-type]


def rows(world: given.World, name: str, **asked: str) -> list[Row]:
    return report_rows(world.ledger, name, Scope(world.brand, *MARCH, **asked))  # type: ignore[arg-type]


def delivery(world: given.World, name: str, state: str, days: int) -> None:
    at = given.before(days=days)
    with world.ledger.writing() as session:
        session.add(
            InboxRow(
                id=name * 32,
                shop_id=world.shop,
                dedupe_key=name,
                topic="orders/create",
                headers={},
                body=None,
                body_digest="",
                state=state,
                error=None,
                attempts=0,
                received_at=at,
                due_at=at,
            )
        )


# --- completeness ----------------------------------------------------------------------------------------------------


def test_orders_that_did_not_arrive_are_named_by_their_day(world: given.World) -> None:
    for days in (2, 2, 1):
        world.order(days=days)
    world.order(days=1, status="cancelled")
    world.order(days=1, test=True)
    world.order(days=9)
    tell(world, d18=5, d19=1)
    (row,) = rows(world, "completeness")
    # The second order of the 19th makes good for none of the 18th; the 11th was never told.
    assert (row["received"], row["told"], row["missing"], row["days_told"]) == (5, 6, 3, 2)
    assert (row["completeness"], row["gaps"]) == (Fraction(1, 2), ["2026-03-18 (−3)"])


def test_a_shop_that_never_told_is_not_judged(world: given.World) -> None:
    world.order(days=2)
    (row,) = rows(world, "completeness")
    assert (row["received"], row["told"], row["missing"], row["completeness"], row["gap_days"]) == (1, *[None] * 4)
    tell(world, d18=0)
    assert [row["completeness"] for row in rows(world, "completeness")] == [None]


def test_what_is_told_last_holds(world: given.World) -> None:
    world.order(days=2)
    tell(world, d18=4)
    tell(world, d18=1)
    assert [row["completeness"] for row in rows(world, "completeness")] == [1]


def test_deliveries_that_are_stuck_are_counted_by_what_became_of_them(world: given.World) -> None:
    for name, state, days in (("a", "pending", 4), ("b", "quarantined", 3), ("c", "anomaly", 2), ("d", "done", 1)):
        delivery(world, name, state, days)
    (row,) = rows(world, "completeness")
    assert (row["waiting"], row["set_aside"], row["failed"]) == (1, 2, 0)
    assert row["last_delivery"] == given.before(days=1)


def test_orders_of_today_and_of_a_week_are_counted_by_shop(world: given.World) -> None:
    for days in (0.1, 3, 6, 7):
        world.order(days=days)
    with world.ledger.session() as session:
        assert _completeness.recent(session, world.brand, date(2026, 3, 20)) == {world.shop: (1, 3)}


def test_a_file_of_counts_is_looked_at_first_and_refuses_days_to_come(world: given.World) -> None:
    table = b"Jour;Commandes\n18/03/2026;1 200\n21/03/2026;3\nx;4\n"
    names = {"day": "Jour", "orders": "Commandes"}
    lines = _csv_lines.read(table, names, shop_counts.FIELDS, days=("day",), day_first=True)
    for apply, there in ((False, []), (True, [(date(2026, 3, 18), 1200, "csv")])):
        with world.ledger.writing() as session:
            at = desk(world, session)
            found = shop_counts.bring(at, world.shop, lines, apply=apply)
            assert (found.days, [one.line for one in found.refused]) == (1, [3, 4])
            data = shop_counts.every(at, world.shop).data
            assert [(one.day, one.orders, one.source) for one in data] == there


def test_a_count_needs_a_day_that_was_and_a_shop_of_the_brand(world: given.World) -> None:
    with pytest.raises(BadInput, match="still to come"):
        tell(world, d21=1)
    other = given.World(world.ledger, name="Zinc")
    world.shop = other.shop
    with pytest.raises(NotFound):
        tell(world, d18=1)


# --- lost clicks -----------------------------------------------------------------------------------------------------


def sell(world: given.World, count: int, code: str, clicks: Iterable[str] = ()) -> None:
    for _ in range(count):
        world.order(days=1, codes=[code], clicks=clicks)


def seen(world: given.World, link: str, **says: object) -> str:
    """A click that says something of where it came from."""
    click = world.click(link, days=2)
    with world.ledger.writing() as session:
        row = session.get_one(Click, click)
        for name, value in says.items():
            setattr(row, name, value)
    return click


def by_source(found: list[Row], by: str) -> dict[object, tuple[object, ...]]:
    return {row["source"]: (row["orders"], row["survived"], row["survival"]) for row in found if row["by"] == by}


def test_survival_is_the_share_of_code_orders_that_carry_a_click_of_that_partner(world: given.World) -> None:
    world.code("ALICE10", world.alice)
    world.code("BOB5", world.bob)
    world.place(world.alice_link, "instagram")
    in_app = seen(world, world.alice_link, reason="in_app", referrer_host="l.instagram.com")
    plain = seen(world, world.bob_link, reason="browser", referrer_host="www.google.fr", consent="refused")
    robot = world.click(world.alice_link, days=2, verdict="bot", reason="agent")
    sell(world, 6, "ALICE10", [in_app])
    sell(world, 13, "ALICE10")
    sell(world, 1, "ALICE10", [plain, robot])  # another partner's click, and a program's
    sell(world, 4, "BOB5", [plain])
    found = rows(world, "losses")
    assert by_source(found, losses.ALL) == {losses.ALL: (24, 10, Fraction(10, 24))}
    assert by_source(found, losses.NETWORK) == {
        "instagram": (20, 6, Fraction(6, 20)),
        losses.UNKNOWN: (4, 4, None),
    }
    assert by_source(found, losses.BROWSER)[losses.IN_APP] == (20, 6, Fraction(3, 10))
    assert by_source(found, losses.REFERRER) == {"from_social": (20, 6, Fraction(3, 10)), "from_search": (4, 4, None)}
    assert set(by_source(found, losses.CONSENT)) == {losses.REFUSED, losses.NOT_REFUSED}
    (instagram,) = [row for row in found if row["source"] == "instagram"]
    assert instagram["lost"] == Fraction(7, 10)
    low, high = instagram["survival_low"], instagram["survival_high"]
    assert isinstance(low, Fraction)
    assert isinstance(high, Fraction)
    # Wilson's interval of 6 in 20, by hand.
    assert (round(float(low), 3), round(float(high), 3)) == (0.145, 0.519)
    assert [row["state"] for row in found if row["source"] == losses.UNKNOWN] == [losses.TOO_FEW]


def test_a_partner_without_a_link_out_tells_nothing_of_lost_clicks(world: given.World) -> None:
    world.code("CAROL", world.partner("Carol"))
    sell(world, 3, "CAROL")
    world.code("ALICE10", world.alice, since=given.before(hours=1))  # later than the order
    sell(world, 1, "ALICE10")
    assert rows(world, "losses") == []


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        (None, Referrer.NONE),
        ("", Referrer.NONE),
        ("l.instagram.com", Referrer.SOCIAL),
        ("T.co", Referrer.SOCIAL),
        ("www.google.co.uk", Referrer.SEARCH),
        ("search.brave.example", Referrer.SITE),
        ("notinstagram.com", Referrer.SITE),
        ("google.evil.example.com", Referrer.SITE),
    ],
)
def test_a_referrer_is_known_by_its_site(host: str | None, kind: Referrer) -> None:
    assert referrer_of(host) == kind


# --- how a shop is connected -----------------------------------------------------------------------------------------


def test_the_steps_of_a_platform_and_the_readme_name_the_same_things() -> None:
    """What must be typed or chosen exactly stands in both."""
    readme = " ".join((Path(__file__).parent.parent / "README.md").read_text("utf-8").split())
    for module, names in (
        (shopify, ("Order creation", "Order payment", "Order update", "Order cancellation", "Order deletion",
                   "Refund create", "Your webhooks will be signed with")),
        (woocommerce, ("Order created", "Order updated", "Order deleted", "Order restored", "Active")),
        (stripe, ("checkout.session.completed", "charge.dispute.funds_reinstated", "metadata[rk]", "whsec_")),
        (standard, ("Standard Webhooks", "data-tracker")),
    ):  # fmt: skip
        steps = " ".join(module.STEPS)
        assert [name for name in names if name not in steps or name not in readme] == [], module.TITLE


def test_every_platform_has_steps_and_a_place_for_the_snippet(world: given.World) -> None:
    for name in shops.platforms():
        guide = shops.guide(name)
        assert len(guide.steps) > 2
        assert guide.snippet
    with world.ledger.session() as session:
        assert f'src="https://go.example.com/s.js?brand={world.brand}"' in shops.snippet(desk(world, session))
