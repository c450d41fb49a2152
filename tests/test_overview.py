"""The overview opens on what came back of what was spent, how the live campaigns stand and what waits for somebody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from tests.conftest import NOW
from tests.desk import Desk, opened_desk, settings_of
from tests.sample_books import Books, write_books
from tracker.catalog import Desk as Counter
from tracker.catalog import brands, campaigns, costs, goals, messages
from tracker.domain.ids import new_id
from tracker.ledger import figures
from tracker.ledger.database import writing
from tracker.ledger.tables import Dispute, OrderRow
from tracker.reports import _cockpit, _rolling, partners
from tracker.reports._shape import Scope

MARCH = "from=2026-03-01&to=2026-03-31"
BOOKS = Books("b" * 32)


@pytest.fixture
def empty(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened_desk(settings_of(sqlite_url, redis_url, tmp_path)) as opened:
        opened.sign_in()
        yield opened


@pytest.fixture
def desk(empty: Desk) -> Desk:
    with writing(empty.wiring.sessions) as session:
        write_books(session)
    return empty


def overview(desk: Desk, query: str = MARCH) -> str:
    """The page in one line, as a reader hears it."""
    answer = desk.get(f"/?{query}")
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text.partition("<main")[2]).split())


def spend(desk: Desk, amount: str = "20.00", margin: str | None = None, **campaign: object) -> None:
    """A fee of the spring campaign, and what else is said of the brand and the campaign."""
    with writing(desk.wiring.sessions) as session:
        counter = desk.wiring.desk(session, BOOKS.brand)
        if margin:
            brands.edit(counter, brands.BrandChange(margin=margin))
        if campaign:
            campaigns.edit(counter, BOOKS["spring"], campaigns.CampaignChange.model_validate(campaign))
        costs.add(counter, costs.NewCost.model_validate(
            {"kind": "fee", "amount": amount, "campaign": BOOKS["spring"], "spent_on": "2026-03-03"}
        ))  # fmt: skip


def test_without_a_margin_the_first_figure_is_what_returned_less_what_was_spent(desk: Desk) -> None:
    spend(desk, "20.00")
    told = overview(desk)
    assert "Returned less spent €113.35" in told  # 133.35 credited
    assert "Return 6.7:1 Exceptional the target of 5.0:1 is reached" in told
    assert "Spent €20.00" in told


def test_with_a_margin_it_is_profit_and_the_gauge_says_what_is_missing(desk: Desk) -> None:
    spend(desk, "50.00", margin="40")
    told = overview(desk)
    assert "Profit €3.34 of what came back" in told  # 0.4 × 133.35 − 50.00
    assert "Return 2.7:1 Below €116.65 missing to 5.0:1" in told  # 5 × 50.00 − 133.35
    assert 'class="gauge below"' in desk.get(f"/?{MARCH}").text


def test_each_tile_says_what_it_was_where_an_earlier_time_is_compared(desk: Desk) -> None:
    spend(desk, "20.00")
    assert "was €" not in overview(desk)
    told = overview(desk, f"{MARCH}&compare=before")
    assert "Spent €20.00 was €0.00" in told
    assert "Returned, net €133.35 2 orders was €0.00" in told


def test_live_campaigns_stand_there_with_budget_days_and_goals(desk: Desk) -> None:
    today = desk.wiring.clock.now().date()
    first, last = today - timedelta(days=4), today + timedelta(days=5)
    spend(desk, "20.00", starts_on=first, ends_on=last, budget="80.00")
    with writing(desk.wiring.sessions) as session:
        counter: Counter = desk.wiring.desk(session, BOOKS.brand)
        goals.add(counter, goals.NewGoal.model_validate(
            {"campaign": BOOKS["spring"], "metric": "clicks", "target": "5000"}
        ))  # fmt: skip
    told = overview(desk)
    assert "live campaigns: €20.00 of €80.00" in told
    assert re.search(r"Spring .* Days gone .* Budget used 25.0% Clicks ", told)


def test_a_brand_without_a_live_campaign_is_led_to_one(desk: Desk) -> None:
    spend(desk, "20.00", starts_on=date(2025, 1, 1), ends_on=date(2025, 1, 31))
    assert "No campaign runs today. New campaign" in overview(desk)


def test_what_waits_for_somebody_is_told_with_the_way_to_it(desk: Desk) -> None:
    with writing(desk.wiring.sessions) as session:
        counter = desk.wiring.desk(session, BOOKS.brand)
        messages.write(counter, BOOKS["Alice"], "Hello?", account=None)
        session.add(Dispute(
            id=new_id(), brand_id=BOOKS.brand, order_id=BOOKS["A1"], partner_id=BOOKS["Alice"], receipt_version=1,
            state="open", due_on=NOW.date(), opened_at=NOW, closed_at=None,
        ))  # fmt: skip
    page = desk.get(f"/?{MARCH}").text
    told = overview(desk)
    assert "1 dispute is open" in told
    assert "1 message is unread" in told
    assert 'href="/disputes' in page
    assert "Nothing: all is in order." not in told


def test_nothing_waits_where_nothing_does(desk: Desk) -> None:
    assert "What needs you Nothing: all is in order." in overview(desk)


def test_a_brand_that_has_nothing_yet_is_told_the_next_steps(empty: Desk) -> None:
    with writing(empty.wiring.sessions) as session:
        brands.add(session, brands.NewBrand(name="Fresh"), now=NOW, public_url="https://go.example.com")
    told = overview(empty, "")
    assert "Next steps Connect a shop" in told
    assert "Nothing was spent in these days. Note a cost" in told
    assert "No campaign yet." in told


def test_every_figure_of_the_cockpit_has_its_column(desk: Desk) -> None:
    with desk.wiring.sessions() as session:
        scope = Scope(BOOKS.brand, date(2026, 3, 1), date(2026, 3, 31))
        row = _cockpit.returned(session, scope, "before")
    assert {f"{key}_before" for key in _cockpit.COLUMNS} <= set(row)


def test_the_overview_of_days_that_stand_is_remembered_until_one_is_rolled_up_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def roll_up() -> None:
        with writing(desk.wiring.sessions, snapshot=True) as session:
            while _rolling.roll_up(session, BOOKS.brand, NOW + timedelta(days=30), 31):
                pass

    spend(desk)
    live = overview(desk)
    roll_up()
    assert overview(desk) == live
    asked = list[str]()
    read = figures._lines

    def noted(session: Session, brand_id: str, name: str, of: figures.Kept) -> object:
        asked.append(name)
        return read(session, brand_id, name, of)

    monkeypatch.setattr(figures, "_lines", noted)
    assert overview(desk) == live
    assert set(asked) <= {figures.CLICK_DAYS}
    with writing(desk.wiring.sessions) as session:
        session.execute(update(OrderRow).where(OrderRow.placed_day == date(2026, 3, 2)).values(net=OrderRow.net + 100))
        figures.changed(session, figures.ORDERS, [(BOOKS.brand, date(2026, 3, 2))])
    changed = overview(desk)
    assert changed != live
    roll_up()
    assert overview(desk) == changed
    assert "totals all" in asked


def test_the_partners_of_the_overview_are_the_first_of_their_report(desk: Desk) -> None:
    with desk.wiring.sessions() as session:
        for scope in (
            Scope(BOOKS.brand, date(2026, 3, 1), date(2026, 3, 31)),
            Scope(BOOKS.brand, date(2026, 3, 1), date(2026, 3, 31), channel="influence"),
        ):
            every = [row | {"conversion": None} for row in partners.rows(session, scope)]
            assert len(every) > 1
            for most in range(len(every) + 2):
                assert partners.leading(session, scope, most) == (every[:most], len(every) > most)
