"""The campaign's page: seven steps from an objective to a report, by forms that keep what was typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import NOW, Ledger
from tests.desk import Desk, desk_with_books, settings_of
from tests.sample_books import MARCH, Books, write_books
from tracker.catalog import Desk as Counter
from tracker.catalog import campaigns, costs, placements, snapshots
from tracker.catalog.campaigns import CampaignChange
from tracker.domain.objectives import Metric
from tracker.domain.roles import Role
from tracker.ledger import accounts
from tracker.ledger.database import writing
from tracker.reports import _campaigns
from tracker.reports._shape import Scope

BOOKS = Books("b" * 32)
SPRING = f"/campaigns/{BOOKS['spring']}"


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    with desk_with_books(settings_of(sqlite_url, redis_url, tmp_path)) as opened:
        yield opened


def send(desk: Desk, path: str, **form: str) -> tuple[int, str]:
    """What a form answers: its status, and where it leads or else what it shows."""
    answer = desk.post(path, desk.token("/campaigns/new"), **form)
    return answer.status_code, answer.headers.get("Location", "") or answer.text


def spend(desk: Desk) -> None:
    for form in (
        {"kind": "fee", "amount": "20,00", "partner": BOOKS["Alice"]},
        {"kind": "hours", "hours": "1:30", "rate": "10", "amount": "999"},
        {"kind": "gift", "amount": "8", "retail": "60"},
    ):
        assert send(desk, f"{SPRING}/costs", spent_on="2026-03-02", **form)[0] == 303


def test_a_new_campaign_goes_on_to_its_goals_and_a_second_of_that_name_is_refused(desk: Desk) -> None:
    assert "Spring" in desk.get("/campaigns").text
    form = {"name": "Summer", "objective": "traffic", "starts_on": "2026-06-01", "ends_on": "2026-06-30",
            "mention": "Publicité", "brief": "Two lines.\r\nSay the code."}  # fmt: skip
    status, place = send(desk, "/campaigns/new", **form)
    assert (status, place.rpartition("/")[2]) == (303, "goals")
    status, text = send(desk, "/campaigns/new", **{**form, "name": "SUMMER", "brief": "kept"})
    assert status == 422
    assert "there is a campaign of that name already" in text
    assert "kept</textarea>" in text
    status, text = send(desk, "/campaigns/new", name="Other", starts_on="2026-06-30", ends_on="2026-06-01")
    assert (status, "the last day comes before the first" in text) == (422, True)
    page = desk.get(place.rpartition("/")[0]).text
    for told in ("Traffic", "CTR", "with “Publicité”", "Say the code."):
        assert told in page
    copied = desk.get(f"/campaigns/new?like={place.split('/')[2]}").text
    assert 'value="Summer"' in copied


def test_the_objective_picks_the_headline_and_profit_comes_before_likes(desk: Desk) -> None:
    for objective, wanted in (("awareness", "CPM"), ("engagement", "CPE"), ("traffic", "CTR"), ("sales", "ROI"),
                              ("new_customers", "CPA, new customers")):  # fmt: skip
        assert send(desk, f"{SPRING}/about", name="Spring", objective=objective)[0] == 303
        page = desk.get(SPRING).text
        headline = page[page.index('class="tiles kpis"') : page.index('class="progress"')]
        assert f"<dt>{wanted}</dt>" in headline
        assert page.index("Net returned") < page.index(f"<dt>{wanted}</dt>") < page.index("<dt>Likes</dt>")


def test_budget_target_and_costs_of_every_class_come_to_the_return_by_hand(desk: Desk) -> None:
    assert send(desk, f"{SPRING}/budget", budget="1 250,50", target_return="4", margin="40")[0] == 303
    spend(desk)
    page = desk.get(SPRING).text
    # 20 + 1.5 × 10 + 8 = 43; 33.35 came back; 4 × 43 − 33.35 = 138.65; 33.35 × 0.4 − 43 = −29.66; 1 / 0.4 = 2.5
    for told in ("€43.00", "€33.35", "0.8:1", "€138.65", "2.5:1", "-€29.66", "of €1,250.50"):
        assert told in page, told
    costs_page = desk.get(f"{SPRING}/costs").text
    for told in ("€20.00", "1:30 hours", "€15.00", "sells for €60.00", "Its own costs below: €43.00"):
        assert told in costs_page, told
    withdrawn = re.findall(r'action="(/costs/[0-9a-f]+/withdraw)"', costs_page)
    assert len(withdrawn) == 3
    status, place = send(desk, withdrawn[-1], campaign=BOOKS["spring"])
    assert (status, place) == (303, f"{SPRING}/costs")
    assert "€23.00" in desk.get(SPRING).text
    line = re.search(r"Spring</a>.*?</tr>", desk.get("/campaigns").text, re.DOTALL)
    assert line
    assert "€23.00" in line[0]
    assert "Below" in line[0]


def test_a_part_of_what_the_brands_campaigns_share_is_told_apart(desk: Desk) -> None:
    spend(desk)
    assert send(desk, "/costs", kind="agency", amount="7", spent_on="2026-03-02")[0] == 303
    text = desk.get(f"{SPRING}/costs").text
    assert "Its own costs below: €43.00. Its part of what the brand’s campaigns share: €7.00." in text


def test_a_goal_is_set_and_taken_back(desk: Desk) -> None:
    days = {"starts_on": "2026-03-01", "ends_on": "2026-03-31"}
    assert send(desk, f"{SPRING}/goal", metric="revenue", target="2 500,50", **days)[0] == 303
    text = desk.get(f"{SPRING}/goals").text
    assert "€2,500.50" in text
    status, refused = send(desk, f"{SPRING}/goal", metric="clicks", target="some", **days)
    assert status == 422
    assert 'value="some"' in refused
    taken = re.search(r'action="([^"]+/remove)"', text)
    assert taken
    assert send(desk, taken[1])[0] == 303
    assert "No goal yet" in desk.get(f"{SPRING}/goals").text


def test_partners_are_picked_and_their_rows_checked_issued_and_downloaded(desk: Desk) -> None:
    status, place = send(desk, f"{SPRING}/partners", name="Zoé, Martin", followers="25 000")
    assert status == 303
    picked = place.partition("pick=")[2]
    page = desk.get(f"{SPRING}/links?pick={picked}&pick={BOOKS['Carol']}&url=https://shop.example/new").text
    rows = page[page.index("partner,url,code") : page.index("</textarea>", page.index("partner,url,code"))]
    assert "Carol,https://shop.example/new,CAROL" in rows
    rows = 'partner,url,code\n"Zoé, Martin",https://shop.example/new,ZOE\nCarol,https://shop.example/new,CAROL\n'
    status, checked = send(desk, f"{SPRING}/links", rows=rows, action="check")
    assert (status, "2 rows to issue" in checked, 'value="issue"' in checked) == (200, True, True)
    assert "2 rows issued" in send(desk, f"{SPRING}/links", rows=rows, action="issue")[1]
    after = desk.get(f"{SPRING}/links").text
    assert after.count(".svg") >= 2
    assert "<code>ZOE</code>" in after
    given = desk.post(f"{SPRING}/links", desk.token(f"{SPRING}/links"), rows=rows, action="csv")
    assert given.text.count(",known,") == 2
    status, refused = send(desk, f"{SPRING}/links", rows="partner,sulg\nx", action="check")
    assert (status, "no column is called" in refused) == (422, True)


def test_the_steps_that_are_done_are_marked_and_the_next_one_is_open(desk: Desk) -> None:
    page = desk.get(SPRING).text
    assert re.search(r'aria-current="step">Objective', page)
    assert 'class="done"' in page  # Alice has a link in it
    send(desk, f"{SPRING}/about", name="Spring", objective="sales", starts_on="2026-03-01", ends_on="2026-03-31")
    assert re.search(r'aria-current="step">Goals', desk.get(SPRING).text)


def test_costs_are_filtered_and_come_as_csv_that_no_spreadsheet_runs(desk: Desk) -> None:
    assert "No cost here yet" in desk.get("/costs").text
    spend(desk)
    send(desk, "/costs", kind="other", amount="1", spent_on="2026-04-01", note="=1+1")
    assert desk.get("/costs?kind=gift").text.count("/withdraw") == 1
    assert desk.get("/costs?from=2026-04-01&to=2026-04-30").text.count("/withdraw") == 1
    assert desk.get("/costs?kind=nothing").status_code == 422
    lines = desk.get(f"/costs.csv?campaign={BOOKS['spring']}").text.strip().splitlines()
    assert len(lines) == 4
    assert "'=1+1" in desk.get("/costs.csv").text
    status, text = send(desk, "/costs", kind="fee")
    assert status == 422
    assert "say what it cost" in text


def test_who_may_only_read_sees_the_figures_and_changes_nothing(desk: Desk) -> None:
    spend(desk)
    with writing(desk.wiring.sessions) as session:
        vera = accounts.create_account(session, "vera@example.com", "another long one", NOW)
        accounts.join(session, vera, BOOKS.brand, Role.VIEWER, NOW)
    other = desk.another_browser()
    other.sign_in("vera@example.com", "another long one")
    for step in ("", "/about", "/goals", "/costs", "/partners", "/links", "/placements", "/report"):
        page = other.get(f"{SPRING}{step}")
        assert page.status_code == 200
        assert page.text.count('method="post"') == 1, step  # signing out
    assert other.get("/costs").text.count('method="post"') == 1
    token = re.search(r'name="csrf_token" value="([^"]+)"', other.get("/").text)
    assert token
    for path in ("/campaigns/new", f"{SPRING}/about", f"{SPRING}/costs", f"{SPRING}/links", "/costs", "/placements",
                 "/snapshots", "/snapshots/import"):  # fmt: skip
        assert other.post(path, token[1], name="x", kind="fee", amount="1", rows="partner,code\n").status_code == 403


def test_another_brands_campaign_is_not_there(desk: Desk) -> None:
    with writing(desk.wiring.sessions) as session:
        theirs = write_books(session, "c" * 32, "Zinc")
    assert desk.get(f"/campaigns/{theirs['spring']}?brand={'b' * 32}").status_code == 404
    assert desk.post(f"/campaigns/{theirs['spring']}/about?brand={'b' * 32}", desk.token("/campaigns/new"),
                     name="Mine").status_code == 404  # fmt: skip


def test_what_is_measured_of_a_campaign_is_what_its_parts_say(ledger: Ledger) -> None:
    with ledger.writing() as session:
        books = write_books(session)
        at = Counter(session, books.brand, NOW, NOW, "https://go.example.com", "0" * 64)
        campaigns.edit(at, books["spring"], CampaignChange.model_validate({"starts_on": "2026-03-01"}))
        placed = placements.NewPlacement.model_validate(
            {"partner": books["Alice"], "campaign": books["spring"], "network": "tiktok"}
        )
        one = placements.add(at, placed)
        seen = {"placement": one.id, "taken_at": "2026-03-01", "views": 2000, "likes": 30, "comments": 10}
        snapshots.add(at, snapshots.NewSnapshot.model_validate(seen))
        fee = {"kind": "fee", "amount": "40", "campaign": books["spring"], "spent_on": "2026-02-01"}
        costs.add(at, costs.NewCost.model_validate(fee))
    with ledger.session() as session:
        start, end = MARCH
        found = _campaigns.figures(
            session, Scope(books.brand, start.replace(month=1), end, campaign_id=books["spring"])
        )
    measured = found.measured
    assert (measured[Metric.VIEWS], measured[Metric.ENGAGEMENT], measured[Metric.SHARES]) == (2000, 40, None)
    assert measured[Metric.CPM] == 2000  # 40.00 for 2000 views: 20.00 a thousand
    assert measured[Metric.CPE] == 100
    assert measured[Metric.CTR] is None  # it has no link: unknown, not zero
    assert measured[Metric.REVENUE] == 3335
    assert measured[Metric.CPA] == 4000
