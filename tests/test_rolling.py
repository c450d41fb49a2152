"""Days that are rolled up say what their orders and clicks say: no report can tell which of them it read."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import delete, func, select, text
from sqlalchemy.exc import IntegrityError

from tests.conftest import Ledger
from tests.given import NOON, World, before
from tests.sample_books import report_rows
from tracker.catalog import Desk, placements
from tracker.domain.agents import Agent, Taken, Verdict
from tracker.domain.clicks import RawClick
from tracker.domain.ids import derived_id
from tracker.domain.orders import NET_FORMULA
from tracker.errors import Unavailable
from tracker.ledger import clicks, figures
from tracker.ledger import orders as order_rows
from tracker.ledger.database import open_database, sessions, writing
from tracker.ledger.tables import Campaign, DayChange, Figure, Link, LinkDayClicks, OrderRow, Placement, RolledDay
from tracker.reports import _bilan, _click_says, _clicks, _rolled, _rolling, orders
from tracker.reports._shape import Part, Row, Scope, reports, zone_of

TODAY = NOON.date()
FIRST = TODAY - timedelta(days=47)

# Reports that among them read everything that is rolled up, but for what only one of them reads.
SOME = ("overview", "days", "channels", "crossing")

# Reports that read nothing of what is rolled up, or estimate.
ELSEWHERE = {"incrementality", "paths"}


@pytest.fixture
def postgresql_ledger(postgresql_url: str) -> Iterator[Ledger]:
    """Where several can write at once."""
    engine = open_database(postgresql_url)
    yield Ledger(postgresql_url, engine, sessions(engine))
    engine.dispose()


def seeded(ledger: Ledger, seed: int = 1, orders_: int = 24) -> World:
    """A world with orders on some days of three months, their credits drawn by the pipeline."""
    world, dice = World(ledger), random.Random(seed)
    partners = [world.alice, world.bob, world.partner("Cora"), world.partner("Deal", "affiliate", "coupon")]
    links = [world.alice_link, world.bob_link, world.link(partners[2]), world.link(partners[2], channel="affiliate")]
    for text_, owner in (("ALICE10", partners[0]), ("DEAL5", partners[3])):
        world.code(text_, owner)
    world.place(world.alice_link, "tiktok")
    pushed(ledger, world, world.alice_link, links[2])
    for number in range(orders_):
        ago = dice.choice((2, 3, 3, 19, 20, 21, 22)) + dice.random()
        told = [world.click(dice.choice(links), days=ago + dice.random() * 9) for _ in range(dice.randrange(4))]
        used = dice.sample(["alice10", "deal5", "nobody"], dice.choice((0, 0, 1, 2)))
        world.order(net=f"{dice.randrange(1, 90)}.{number:02}", clicks=told, codes=used, days=ago,
                    currency=dice.choice(("EUR", "EUR", "GBP")), status=dice.choice(("paid", "paid", "pending")),
                    customer=f"{dice.randrange(9)}")  # fmt: skip
    world.attribute()
    for number in range(20):
        visit(ledger, world, dice.choice(links), f"{number}", days=dice.choice((1, 2, 21, 25)))
    return world


def pushed(ledger: Ledger, world: World, *links: str) -> None:
    """A campaign that these links belong to."""
    campaign = derived_id("campaign", world.brand)
    with ledger.writing() as session:
        session.add(Campaign(id=campaign, brand_id=world.brand, name="Push", utm={}, created_at=before(days=90)))
        session.flush()
        for link in links:
            session.get_one(Link, link).campaign_id = campaign


def visit(ledger: Ledger, world: World, link: str, name: str, **ago: float) -> None:
    """A click that came in as clicks do."""
    raw = RawClick(id=world.future_click(), at=before(**ago), host=world.host, slug="x", link_id=link,
                   brand_id=world.brand, visitor_hash=derived_id(name))  # fmt: skip
    person = Verdict(Taken.HUMAN, "")
    row = clicks.row(raw, person, Agent("0" * 32, "", None, None, "", person), keep_ip=False)
    with ledger.writing() as session:
        clicks.record(session, [row], {})


def roll(ledger: Ledger, world: World, limit: int = 31, most: int = 100) -> int:
    """Roll up, at most so many batches; how many days."""
    rolled = 0
    for _ in range(most):
        with writing(ledger.session, snapshot=True) as session:
            days = _rolling.roll_up(session, world.brand, NOON, limit)
        rolled += days
        if not days:
            break
    return rolled


def told(ledger: Ledger, world: World, *names: str) -> dict[tuple[str, int], list[Row]]:
    """Some reports, or every one, under several filters."""
    whole = Scope(world.brand, FIRST, TODAY)
    scopes = [whole, replace(whole, channel="influence"), replace(whole, model="participation"),
              replace(whole, start=TODAY - timedelta(days=20), partner_id=world.alice)]  # fmt: skip
    names = names or tuple(name for name in reports() if name not in ELSEWHERE)
    return {
        (name, index): ordered(report_rows(ledger, name, scope)) for name in names for index, scope in enumerate(scopes)
    }


def ordered(rows: list[Row]) -> list[Row]:
    """Rows whose rank is the same may stand either way."""
    return sorted(rows, key=str)


def forgotten(ledger: Ledger, world: World, *names: str) -> dict[tuple[str, int], list[Row]]:
    """What the reports say with nothing rolled up; what is rolled up stays as it is."""
    with ledger.session() as session:
        kept = session.execute(select(RolledDay)).scalars().all()
    with ledger.writing() as session:
        figures.forget(session, world.brand)
    found = told(ledger, world, *names)
    with ledger.writing() as session:
        for row in kept:
            session.merge(row)
    return found


def test_no_report_can_tell_what_is_rolled_up(ledger: Ledger) -> None:
    world = seeded(ledger)
    live = told(ledger, world)
    assert any(rows for rows in live.values())
    assert roll(ledger, world, limit=5, most=4) > 0
    assert told(ledger, world, *SOME) == {key: rows for key, rows in live.items() if key[0] in SOME}
    assert roll(ledger, world) > 30
    assert roll(ledger, world) == 0
    assert told(ledger, world) == live
    with ledger.session() as session:
        months = session.execute(select(RolledDay.starts_on).where(RolledDay.whole_month)).scalars().all()
    assert sorted(months)[-1] == date(2026, 2, 1)


def test_late_facts_are_in_every_report_at_once_and_after_the_next_rolling(ledger: Ledger) -> None:
    world = seeded(ledger)
    roll(ledger, world)
    late = world.order(net="77.00", clicks=[world.click(world.alice_link, days=22)], days=21)
    moved = world.order(net="12.00", codes=["alice10"], days=20)
    world.attribute()
    visit(ledger, world, world.bob_link, "late", days=21)
    live = told(ledger, world, *SOME)
    assert live == forgotten(ledger, world, *SOME)
    roll(ledger, world)
    assert told(ledger, world, *SOME) == live
    with ledger.writing() as session:
        session.get_one(OrderRow, late).net = 1000
        session.get_one(OrderRow, moved).placed_day = TODAY - timedelta(days=24)
        figures.orders_changed(session, [late, moved])
        figures.changed(session, figures.ORDERS, [(world.brand, TODAY - timedelta(days=20))])
        session.flush()
        figures.orders_changed(session, [moved])
    assert told(ledger, world, *SOME) == forgotten(ledger, world, *SOME) != live
    roll(ledger, world)
    assert told(ledger, world, *SOME) == forgotten(ledger, world, *SOME)


def test_what_clicks_say_is_kept_with_their_days_and_asked_again_of_a_day_that_changed(ledger: Ledger) -> None:
    world = seeded(ledger, orders_=6)
    whole, span_ = Scope(world.brand, FIRST, TODAY), figures.Span(FIRST, TODAY)
    for name in ("first", "late"):
        visit(ledger, world, world.alice_link, name, days=21)
        for _ in range(2):
            with ledger.session() as session:
                live = _click_says.live(session, world.brand, span_, zone_of(session, world.brand))
                assert sorted(figures.added_up(_click_says.each(session, whole), 4)) == sorted(live) != []
            roll(ledger, world)


def test_any_stretch_of_days_says_the_clicks_of_its_days_whatever_came_late(ledger: Ledger) -> None:
    world, dice = World(ledger), random.Random(3)
    links = [world.alice_link, world.bob_link]
    for number in range(60):
        visit(ledger, world, dice.choice(links), f"{number % 7}", days=dice.randrange(70))
    for number in range(5):
        by_day = clicked(ledger, world)
        assert sum(figures.gross for found in by_day.values() for figures in found.values()) == 60 + 2 * number
        for window in windows(dice):
            assert clicks_within(ledger, world, window) == together(by_day, window), window
        roll(ledger, world, limit=dice.choice((3, 10, 31)), most=dice.choice((1, 5, 100)))
        if number > 1:
            roll(ledger, world)
        for days in (dice.randrange(70), dice.choice((1, 9, 21))):
            visit(ledger, world, dice.choice(links), f"late {number}", days=days)


def windows(dice: random.Random) -> list[figures.Span]:
    """Stretches of days over three months, some to a month's end or from its first."""
    starts = [TODAY - timedelta(days=dice.randrange(72)) for _ in range(12)]
    starts += [date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)]
    ends = [min(TODAY, start + timedelta(days=dice.choice((0, 1, 6, 29, 60)))) for start in starts]
    return [figures.Span(*days) for days in zip(starts, ends, strict=True)]


def clicks_within(ledger: Ledger, world: World, days: figures.Span) -> dict[str, _clicks.Clicks]:
    with ledger.session() as session:
        return _clicks.clicks(session, Scope(world.brand, days.start, days.end), Link.id)


def clicked(ledger: Ledger, world: World) -> dict[date, dict[str, _clicks.Clicks]]:
    """Clicks by link of each day, asked live."""
    days = figures.Span(date(2026, 1, 1), TODAY).days()
    with ledger.session() as session, session.begin():
        session.execute(delete(RolledDay))
        found = {day: _clicks.clicks(session, Scope(world.brand, day, day), Link.id) for day in days}
        session.rollback()
    return found


def together(by_day: dict[date, dict[str, _clicks.Clicks]], days: figures.Span) -> dict[str, _clicks.Clicks]:
    lines = [(link, one.gross, one.human, one.unique) for day in days.days() for link, one in by_day[day].items()]
    return {link: _clicks.Clicks(*numbers) for link, *numbers in figures.added_up(lines, 1)}


def test_a_code_is_first_and_last_seen_on_days_that_are_kept_or_not(sqlite_ledger: Ledger) -> None:
    world = World(sqlite_ledger)
    for ago, text_ in ((0, "Late"), (20, "late"), (21, "LATE"), (22, "late"), (40, "late")):
        world.order(net="10.00", codes=[text_], days=ago)
    world.attribute()
    day = {ago: TODAY - timedelta(days=ago) for ago in (0, 20, 22, 40)}
    spans = {(day[40], TODAY): (day[40], day[0], 5), (day[22], day[20]): (day[22], day[20], 3)}
    for _ in range(2):
        for (start, end), wanted in spans.items():
            (row,) = report_rows(sqlite_ledger, "codes", Scope(world.brand, start, end))
            assert (row["first_day"], row["last_day"], row["orders"]) == wanted
            assert row["code"] == "LATE"
        roll(sqlite_ledger, world)


def test_what_is_kept_as_a_text_counts_on_each_of_the_days_that_say_the_same(sqlite_ledger: Ledger) -> None:
    world = World(sqlite_ledger)
    for ago, hours, customer in ((19, 1, "a"), (20, 1, "a"), (21, 5, "a"), (22, 7, "b")):
        click = world.click(world.alice_link, days=ago, hours=hours)
        world.order(net="10.00", clicks=[click], days=ago, customer=customer)
    world.attribute()
    for _ in range(2):
        *_, lag = report_rows(sqlite_ledger, "lag", Scope(world.brand, FIRST, TODAY))
        assert (lag["orders"], lag["median"]) == (4, 3)
        (bought,) = report_rows(sqlite_ledger, "segments", Scope(world.brand, FIRST, TODAY))
        assert (bought["orders"], bought["customers"]) == (4, 2)
        roll(sqlite_ledger, world)


def test_what_is_rolled_back_leaves_days_as_they_were(ledger: Ledger) -> None:
    world = seeded(ledger, orders_=6)
    live = told(ledger, world, *SOME)
    with pytest.raises(ZeroDivisionError), writing(ledger.session, snapshot=True) as session:  # noqa: PT012
        assert _rolling.roll_up(session, world.brand, NOON, 31)
        raise ZeroDivisionError
    with ledger.session() as session:
        assert [session.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (Figure, RolledDay, LinkDayClicks)] == [0, 0, 0]  # fmt: skip
    roll(ledger, world)
    with pytest.raises(ZeroDivisionError), ledger.writing() as session:  # noqa: PT012
        session.execute(text("UPDATE orders SET net = net + 1"))
        figures.orders_changed(session, [row["id"] for row in world.all(OrderRow)])
        raise ZeroDivisionError
    assert told(ledger, world, *SOME) == live


def test_a_change_that_was_on_its_way_while_its_day_was_rolled_up_spoils_the_day(postgresql_ledger: Ledger) -> None:
    ledger = postgresql_ledger
    world = seeded(ledger, orders_=6)
    (order,) = world.all(OrderRow)[:1]
    with ledger.session() as writer, writer.begin():
        writer.get_one(OrderRow, order["id"]).net = 123456
        writer.flush()
        figures.orders_changed(writer, [order["id"]])
        roll(ledger, world)
    assert told(ledger, world, *SOME) == forgotten(ledger, world, *SOME)
    with ledger.session() as session:
        assert session.execute(select(DayChange.day).where(DayChange.kind == figures.ORDERS)).scalars().all() == [
            order["placed_day"]
        ]


def test_two_who_roll_up_the_same_days_do_not_both_succeed(postgresql_ledger: Ledger) -> None:
    ledger = postgresql_ledger
    world = seeded(ledger, orders_=6)
    with pytest.raises((Unavailable, IntegrityError)), writing(ledger.session, snapshot=True) as slow:  # noqa: PT012
        slow.execute(select(func.count()).select_from(OrderRow))
        roll(ledger, world)
        _rolling.roll_up(slow, world.brand, NOON, 31)
    assert told(ledger, world, *SOME) == forgotten(ledger, world, *SOME)


def test_a_placement_of_another_network_is_counted_there_at_once(sqlite_ledger: Ledger) -> None:
    world = seeded(sqlite_ledger)
    with sqlite_ledger.session() as session:
        placement = session.execute(select(Placement.id)).scalar_one()
    assert roll(sqlite_ledger, world)
    before_it = on_networks(sqlite_ledger, world)
    with sqlite_ledger.writing() as session:
        desk = Desk(session, world.brand, NOON, NOON, "https://go.example.com", "0" * 64)
        placements.edit(desk, placement, placements.PlacementChange(network="youtube"))
    after = on_networks(sqlite_ledger, world)
    assert after["youtube"] == before_it["tiktok"] != before_it["youtube"]
    assert after["tiktok"] == before_it["youtube"]
    assert roll(sqlite_ledger, world)
    assert on_networks(sqlite_ledger, world) == after
    with sqlite_ledger.writing() as session:
        figures.forget(session, world.brand)
    assert on_networks(sqlite_ledger, world) == after


def test_no_filter_can_tell_what_is_rolled_up(ledger: Ledger) -> None:
    world = seeded(ledger, seed=2, orders_=40)
    live = under_filters(ledger, world)
    assert all(any(rows for key, rows in live.items() if key[1] == grain) for grain in _rolled.GRAINS)
    assert roll(ledger, world) > 30
    assert under_filters(ledger, world) == live
    world.order(net="77.00", clicks=[world.click(world.alice_link, days=22)], codes=["alice10"], days=21)
    world.attribute()
    late = under_filters(ledger, world)
    assert late != live
    with ledger.writing() as session:
        figures.forget(session, world.brand)
    assert under_filters(ledger, world) == late


def under_filters(ledger: Ledger, world: World) -> dict[tuple[str, str], list[Row]]:
    """What every report that is kept under filters says under each of them."""
    whole, campaign = Scope(world.brand, FIRST, TODAY), derived_id("campaign", world.brand)
    scopes = {
        "campaign": replace(whole, campaign_id=campaign),
        "network": replace(whole, network="tiktok"),
        "partner": replace(whole, partner_id=world.bob),
        "several": replace(whole, campaign_id=campaign, channel="influence"),
        "others": replace(whole, network="tiktok", partner_id=world.alice),
    }
    names = {figure.live.__module__.rpartition(".")[2] for figure in _rolled.registered() if figure.grains}
    names |= {"overview", "channels", "returns"}
    return {
        (name, grain): ordered(report_rows(ledger, name, scope))
        for name in sorted(names)
        for grain, scope in scopes.items()
    }


def test_parts_of_orders_are_those_of_the_whole_report_whatever_is_rolled_up(ledger: Ledger) -> None:
    world = seeded(ledger, seed=4, orders_=40)
    world.order(net="5.00", codes=["alice10"], days=19, test=True)
    world.order(net="6.00", codes=["alice10"], days=3, status="cancelled")
    world.attribute()
    assert min(parts_told(ledger, world)) > 4
    roll(ledger, world, limit=5, most=2)
    parts_told(ledger, world)
    roll(ledger, world)
    parts_told(ledger, world)
    world.order(net="77.00", clicks=[world.click(world.alice_link, days=22)], codes=["alice10"], days=21)
    world.attribute()
    parts_told(ledger, world)


def parts_told(ledger: Ledger, world: World) -> list[int]:
    """How many orders there are under each filter; asked in parts they are the same."""
    whole = Scope(world.brand, FIRST, TODAY)
    campaign, alice = derived_id("campaign", world.brand), replace(whole, partner_id=world.alice)
    scopes = [alice, replace(alice, model="linear"), replace(whole, end=TODAY - timedelta(days=20)),
              *(replace(whole, network="tiktok"), replace(whole, campaign_id=campaign))]  # fmt: skip
    return [_in_parts(ledger, scope, 4) for scope in scopes]


def _in_parts(ledger: Ledger, scope: Scope, most: int) -> int:
    with ledger.session() as session:
        rows, after = orders.rows(session, scope), None
        for skip in range(0, len(rows), most):
            wanted = rows[skip : skip + most + 1]
            assert orders.some(session, scope, Part(most, skip=skip)) == wanted
            assert orders.some(session, scope, Part(most, after=after)) == wanted
            after = orders.cursor(wanted[most - 1]) if len(wanted) > most else None
    return len(rows)


def test_who_is_forgotten_is_no_customer_at_once(ledger: Ledger) -> None:
    world = seeded(ledger, orders_=12)
    roll(ledger, world)
    (row,) = world.all(OrderRow)[:1]
    known = told(ledger, world, "segments")
    with ledger.writing() as session:
        home = order_rows.Home(world.shop, world.brand, "Europe/Paris", NET_FORMULA)
        order_rows.forget(session, home, external_ids=(), customers=[row["customer"]], traces=(), now=NOON)
    assert told(ledger, world, "segments") == forgotten(ledger, world, "segments") != known
    roll(ledger, world)
    assert told(ledger, world, "segments") == forgotten(ledger, world, "segments")


def test_a_bilan_has_the_days_of_orders_around_its_campaign_kept_or_not(sqlite_ledger: Ledger) -> None:
    world = seeded(sqlite_ledger)
    campaign = derived_id("campaign", world.brand)
    with sqlite_ledger.writing() as session:
        session.get_one(Campaign, campaign).starts_on = session.get_one(Campaign, campaign).ends_on = TODAY
    found = []
    for _ in range(2):
        with sqlite_ledger.session() as session:
            found.append(_bilan.bilan(session, world.brand, campaign, NOON))
        roll(sqlite_ledger, world)
    assert found[0] == found[1]
    assert found[0].start < TODAY


def on_networks(ledger: Ledger, world: World) -> dict[str, list[list[Row]]]:
    """What came of placements on either network."""
    whole = Scope(world.brand, FIRST, TODAY)
    names = ("channels", "partners", "crossing")
    return {
        network: [ordered(report_rows(ledger, name, replace(whole, network=network))) for name in names]
        for network in ("tiktok", "youtube")
    }
