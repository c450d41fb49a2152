"""Goals, alarms, decisions and benchmarks on a real ledger: what the page, the command line and the letters say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.conftest import Ledger
from tests.desk import Desk as Browser
from tests.desk import opened_desk, settings_of
from tests.given import NOON
from tests.sample_books import report_rows
from tests.test_cli import Tracker, environment, maison, refused, tracker
from tests.test_placement_reports import Studio
from tracker import alerts
from tracker.alerts import Post
from tracker.catalog import campaigns, costs, decisions, goals, links
from tracker.domain.objectives import Metric
from tracker.domain.pacing import Status
from tracker.domain.roles import Role
from tracker.errors import BadInput, Conflict, NotFound
from tracker.ledger import accounts, mails
from tracker.ledger.database import open_database, sessions
from tracker.ledger.tables import Alert, Campaign, Link, LinkHour, Mail
from tracker.outgoing import composing
from tracker.reports import _history, pacing
from tracker.reports import decisions as decided
from tracker.reports._behind import behind
from tracker.reports._shape import Scope
from tracker.reports._timeline import timeline
from tracker.sealing import seal

__all__ = ["environment", "maison", "tracker"]  # fixtures

# The campaign runs from 11 to 30 March; it is noon of the 20th in UTC: ten of twenty days have begun.
FIRST, LAST, TODAY = date(2026, 3, 11), date(2026, 3, 30), NOON.date()
POST = Post("0" * 64, "https://go.example.com", NOON, NOON)


class Office(Studio):
    """Spring, with Léa and Mia, both micro; Léa's photo sells little, Mia's video much."""

    def __post_init__(self) -> None:
        super().__post_init__()
        with self.desk() as desk:
            self.spring = campaigns.add(desk, campaigns.NewCampaign(name="Spring", starts_on=FIRST, ends_on=LAST)).id
        self.lea, self.mia = self.creator("Léa", 20_000), self.creator("Mia", 30_000)

    def goal(self, metric: str, target: str, **said: Any) -> goals.GoalView:
        with self.desk() as desk:
            wanted = {"campaign": self.spring, "metric": metric, "target": target, **said}
            return goals.add(desk, goals.NewGoal.model_validate(wanted))

    def spot(self, partner: str, format: str, message: str) -> tuple[str, str]:
        """A placement of the campaign and its link."""
        video = self.publish(partner, campaign=self.spring, format=format, message=message, published_at="2026-03-11")
        link = self.tracked(partner, video)
        with self.ledger.writing() as session:
            session.execute(update(Link).where(Link.id == link).values(campaign_id=self.spring))
        return video, link

    def clicked(self, link: str, day: int, humans: int) -> None:
        """Clicks by people at eight in the morning of a day of March, UTC."""
        hour = datetime(2026, 3, day, 8, tzinfo=UTC)
        self._insert(LinkHour, link_id=link, hour=hour, gross=humans, human=humans)

    def sold(self, link: str, day: int, net: str = "50.00", **said: Any) -> None:
        at = datetime(2026, 3, day, 12, tzinfo=UTC)
        self.order(net=net, clicks=[self.click(link, at=at - timedelta(hours=1))], at=at, **said)

    def standings(self, today: date = TODAY) -> list[pacing.Standing]:
        self.attribute()
        with self.ledger.session() as session:
            return pacing.of_campaign(session, self.spring, today)


@pytest.fixture
def office(ledger: Ledger) -> Office:
    return Office(ledger)


@pytest.fixture
def small(sqlite_ledger: Ledger) -> Office:
    return Office(sqlite_ledger)


# --- goals ------------------------------------------------------------------------------------------------------------


def test_goals_are_set_changed_and_taken_back(small: Office) -> None:
    goal = small.goal("clicks", "2000")
    assert (goal.target, goal.unit, goal.starts_on, goal.ends_on) == ("2000", "count", FIRST, LAST)
    with pytest.raises(Conflict):
        small.goal("clicks", "3000")
    with pytest.raises(BadInput, match="whole number"):
        small.goal("views", "2.5")
    with pytest.raises(BadInput, match="before the first"):
        small.goal("views", "100", ends_on="2026-03-01")
    with small.desk() as desk:
        assert goals.edit(desk, goal.id, goals.GoalChange(target="2500", ends_on=TODAY)).ends_on == TODAY
        assert goals.page(desk, goals.GoalQuery(campaign=small.spring)).data[0].target == "2500"
        goals.remove(desk, goal.id)
        with pytest.raises(NotFound):
            goals.one(desk, goal.id)


def test_a_goal_is_paced_by_clicks_credits_and_snapshots(office: Office) -> None:
    video, link = office.spot(office.mia, "video", "gift")
    office.clicked(link, 10, 999)  # before the first day
    for day in range(11, 21):
        office.clicked(link, day, 40 if day < 14 else 120)
    for day, net in ((12, "100.00"), (15, "33.35"), (19, "60.00")):
        office.sold(link, day, net)
    office.sold(link, 19, "10.00", currency="USD")
    office.count(video, "2026-03-01", views=1_000, likes=10)  # what was there before is not the goal's
    office.count(video, "2026-03-13", views=21_000)
    office.count(video, "2026-03-18", views=31_000, likes=500)
    for metric, target in (("clicks", "2000"), ("revenue", "500.00"), ("orders", "8"), ("views", "60000"),
                           ("likes", "2000"), ("saves", "50"), ("cvr", "2")):  # fmt: skip
        office.goal(metric, target)
    found = {one.metric: one for one in office.standings()}
    # 3 × 40 + 7 × 120 = 960 of 2 000 with 1 000 expected; at 120 a day for ten days more: 2 160.
    clicks = found[Metric.CLICKS].pace
    assert [clicks.actual, clicks.expected, clicks.forecast, clicks.recent] == [960, 1_000, 1_920, 2_160]
    assert clicks.status is Status.ON_PACE
    assert list(found[Metric.CLICKS].totals[:4]) == [40, 80, 120, 240]
    # 100.00 + 33.35 + 60.00 in euros; dollars are orders, and no revenue of ours.
    revenue = found[Metric.REVENUE].pace
    assert [revenue.actual, revenue.expected] == [19_335, 25_000]
    assert revenue.status is Status.UNDER_PACE
    assert found[Metric.ORDERS].pace.actual == 4
    assert list(found[Metric.VIEWS].totals) == [None, None, 20_000, *[20_000] * 4, 30_000, 30_000, 30_000]
    assert found[Metric.LIKES].pace.actual == 490
    assert (found[Metric.SAVES].pace.actual, found[Metric.SAVES].pace.status) == (None, Status.UNKNOWN)
    assert found[Metric.CVR].pace.actual == Fraction(4, 960)
    assert found[Metric.CVR].pace.status is Status.SHORT
    rows = report_rows(office.ledger, "pacing", Scope(office.brand, FIRST, TODAY))
    (row,) = [row for row in rows if row["metric"] == "revenue"]
    assert (row["target"], row["expected"], row["actual"], row["days_left"]) == ("500.00", "250.00", "193.35", 10)


def test_what_cannot_be_seen_is_unknown(small: Office) -> None:
    small.goal("clicks", "2000")
    small.goal("roi", "400")
    assert {one.pace.status for one in small.standings()} == {Status.UNKNOWN}


def test_a_price_is_of_everything_spent_on_the_campaign_before_it_began_too(small: Office) -> None:
    _, link = small.spot(small.mia, "video", "gift")
    small.sold(link, 15, "100.00")
    small.sold(link, 16, "100.00")
    with small.desk() as desk:
        for day in ("2026-02-20", "2026-03-12"):
            wanted = {"kind": "fee", "amount": "20.00", "campaign": small.spring, "spent_on": day}
            costs.add(desk, costs.NewCost.model_validate(wanted))
    small.goal("return_ratio", "5:1")
    small.goal("cpa", "25.00")
    found = {one.metric: one.pace for one in small.standings()}
    assert [found[metric].actual for metric in (Metric.RETURN_RATIO, Metric.CPA)] == [5, 2_000]
    assert {one.status for one in found.values()} == {Status.REACHED}


# --- alarms -----------------------------------------------------------------------------------------------------------


def behind_schedule(office: Office) -> None:
    """A goal of 60 orders with 14 on its tenth day: Léa's photo has 2 of 200 clicks, Mia's video 12 of 200."""
    _, photo = office.spot(office.lea, "photo", "discount")
    _, video = office.spot(office.mia, "video", "gift")
    for day in (12, 13, 14, 15):
        office.clicked(photo, day, 50)
        office.clicked(video, day, 50)
    for index in range(14):
        office.sold(photo if index < 2 else video, 12 + index % 4)
    office.attribute()
    office.goal("orders", "60")


def test_a_goal_behind_schedule_raises_one_alert_a_day_that_names_what_falls_short(office: Office) -> None:
    behind_schedule(office)
    with office.ledger.writing() as session:
        for name, role in (("owner", Role.OWNER), ("marketer", Role.MARKETER), ("viewer", Role.VIEWER)):
            account = accounts.create_account(session, f"{name}@example.com", "correct horse battery", NOON)
            accounts.join(session, account, office.brand, role, NOON)
    assert alerts.raise_due(office.ledger.session, POST) == 1
    assert alerts.raise_due(office.ledger.session, POST) == 0
    with office.ledger.session() as session:
        (alert,) = session.execute(select(Alert)).scalars().all()
        mails = session.execute(select(Mail.recipient, Mail.kind).order_by(Mail.recipient)).all()
        (found,) = behind(session, office.brand, TODAY)
    assert [tuple(mail) for mail in mails] == [
        ("marketer@example.com", "goal_alert"),
        ("owner@example.com", "goal_alert"),
    ]
    assert (alert.raised_on, alert.detail["expected"], alert.detail["actual"]) == (TODAY, "30", "14")
    named = {one.dimension.value: (one.verdict.value, one.name) for one in found.findings}
    assert named == {
        "creative": ("short", "photo"),
        "influencer": ("short", "Léa"),
        "message": ("short", "discount"),
    }
    assert_written(office)
    own, peers = found.findings[1].own, found.findings[1].peers
    assert own is not None
    assert peers is not None
    assert (own.hits, own.of, peers.hits, peers.of) == (2, 200, 12, 200)


def assert_written(office: Office) -> None:
    """The letter to the owner says the same, and leads to the page."""
    with office.ledger.session() as session:
        sealed = session.execute(select(Mail.sealed).order_by(Mail.recipient)).scalars().all()[-1]
    assert sealed is not None
    values = json.loads(seal(POST.secret_key, mails.PURPOSE).open(sealed))
    letter = composing.write("goal_alert", "en", values, POST.public_url)
    assert letter.subject == "Spring is behind: Orders"
    assert "14 where 30 were expected by now, of 60. At this pace it ends at 28. 10 days are left." in letter.text
    told = "Influencer: Léa falls short, 2 of 200 (1.0%); its peers in the same tier have 12 of 200 (6.0%)."
    assert told in letter.text
    assert f"https://go.example.com/campaigns/{office.spring}/pacing?brand={office.brand}" in letter.text


def test_an_alert_is_written_about_once_a_week_and_over_once_the_goal_is_not_behind(small: Office) -> None:
    behind_schedule(small)
    with small.ledger.writing() as session:
        account = accounts.create_account(session, "owner@example.com", "correct horse battery", NOON)
        accounts.join(session, account, small.brand, Role.OWNER, NOON)
    letters = []
    for days in range(8):
        later = NOON + timedelta(days=days)
        assert alerts.raise_due(small.ledger.session, Post("0" * 64, "https://x", later, later)) == 1
        with small.ledger.session() as session:
            letters.append(len(session.execute(select(Mail.id)).all()))
    assert letters == [1] * 7 + [2]
    with small.desk() as desk:
        (goal,) = goals.page(desk, goals.GoalQuery()).data
        goals.edit(desk, goal.id, goals.GoalChange(target="14"))
    later = NOON + timedelta(days=8)
    assert alerts.raise_due(small.ledger.session, Post("0" * 64, "https://x", later, later)) == 0
    with small.ledger.session() as session:
        assert behind(session, small.brand, later.date()) == []
        assert [event.what for event in timeline(session, small.spring)] == [
            *("ended", "alerted", "published", "published", "started"),
        ]


# --- decisions --------------------------------------------------------------------------------------------------------


def test_a_decision_is_held_against_as_many_days_before_as_after(small: Office) -> None:
    _, link = small.spot(small.mia, "video", "gift")
    for day in range(11, 20):
        small.clicked(link, day, 50 if day < 15 else 100)
    for day in (11, 13, 16, 16, 17, 18):
        small.sold(link, day, "30.00")
    small.attribute()
    with small.desk() as desk:
        for text, made_on in (("Another hook", date(2026, 3, 15)), ("Wrong", date(2026, 3, 16))):
            wanted = {"campaign": small.spring, "about": "message", "text": text, "made_on": made_on}
            view = decisions.add(desk, decisions.NewDecision.model_validate(wanted))
        decisions.withdraw(desk, view.id)
        with pytest.raises(BadInput, match="come"):
            decisions.add(desk, decisions.NewDecision.model_validate(wanted | {"made_on": date(2026, 3, 21)}))
        campaign = desk.session.get_one(Campaign, small.spring)
        (row,) = decided.of_campaign(desk.session, campaign, TODAY)
    # 11 to 14 March against 16 to 19: the campaign has four days before; the day itself is in neither.
    assert (row["text"], row["days"], row["others"]) == ("Another hook", 4, 0)
    assert (row["clicks_before"], row["clicks_after"], row["clicks_change"]) == (50, 100, 1)
    assert (row["orders_before"], row["orders_after"], row["orders_change"]) == (Fraction(2, 4), Fraction(4, 4), 1)
    assert (row["revenue_before"], row["revenue_after"]) == (6_000 // 4, 12_000 // 4)
    assert (row["cvr_before"], row["cvr_after"]) == (Fraction(2, 200), Fraction(4, 400))
    assert (row["sample_before"], row["sample_after"], row["reading"]) == (200, 400, "alike")
    report_rows(small.ledger, "decisions", Scope(small.brand, FIRST, TODAY))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ((99, 0), (400, 40), "too_few_clicks"),
        ((400, 4), (400, 40), "higher"),  # 0.4–2.5 % against 7.4–13.3 %
        ((400, 40), (400, 4), "lower"),
        ((400, 8), (400, 12), "alike"),
    ],
)
def test_a_rate_is_higher_or_lower_only_where_intervals_are_apart(
    before: tuple[int, int], after: tuple[int, int], told: str
) -> None:
    sides = [decided.Side(clicks, orders, orders, 0) for clicks, orders in (before, after)]
    assert decided.reading(*sides) == told


def test_counters_grow_by_what_was_last_known(small: Office) -> None:
    video, _ = small.spot(small.mia, "video", "gift")
    photo, _ = small.spot(small.lea, "photo", "gift")
    small.count(video, "2026-03-09", views=100, likes=5)
    small.count(video, "2026-03-12", views=900)
    small.count(photo, "2026-03-14", likes=40, shares=2)
    rows = report_rows(small.ledger, "growth", Scope(small.brand, FIRST, TODAY, campaign_id=small.spring))
    assert [
        (row["day"], row["views"], row["likes"], row["shares"], row["saves"], row["engagement"]) for row in rows
    ] == [
        (date(2026, 3, 12), 900, 5, None, None, 5),
        (date(2026, 3, 14), 900, 45, 2, None, 47),
    ]


# --- history and benchmarks -------------------------------------------------------------------------------------------


def test_own_history_is_the_mean_of_earlier_campaigns_where_it_is_known(small: Office) -> None:
    made = []
    with small.desk() as desk:
        for name, spent in (("One", "10.00"), ("Two", "40.00"), ("Three", None)):
            days = {"name": name, "starts_on": "2026-02-01", "ends_on": "2026-02-28"}
            one = campaigns.add(desk, campaigns.NewCampaign.model_validate(days)).id
            landing = "https://shop.example/"
            made.append(links.add(desk, links.NewLink(partner=small.mia, landing_url=landing, campaign=one)).id)
            if spent:
                wanted = {"kind": "fee", "amount": spent, "campaign": one, "spent_on": "2026-02-10"}
                costs.add(desk, costs.NewCost.model_validate(wanted))
    for link in made[:2]:
        at = datetime(2026, 2, 15, 12, tzinfo=UTC)
        small.order(net="80.00", clicks=[small.click(link, at=at - timedelta(hours=1))], at=at)
    small.attribute()
    with small.ledger.session() as session:
        campaign = session.get_one(Campaign, small.spring)
        found = _history.means(session, campaign, (Metric.ROI, Metric.CPA, Metric.CTR), TODAY)
    # (80 − 10) / 10 = 7 and (80 − 40) / 40 = 1; 10.00 and 40.00 an order.
    assert [found[Metric.ROI].value, found[Metric.CPA].value] == [4, 2_500]
    assert found[Metric.ROI].campaigns == 2
    assert Metric.CTR not in found


# --- the page ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def page(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[tuple[Browser, Office, str]]:
    engine = open_database(sqlite_url)
    office = Office(Ledger(sqlite_url, engine, sessions(engine)))
    behind_schedule(office)
    alerts.raise_due(office.ledger.session, POST)
    engine.dispose()
    with opened_desk(settings_of(sqlite_url, redis_url, tmp_path)) as opened:
        opened.sign_in()
        yield opened, office, f"/campaigns/{office.spring}/pacing"


def test_the_page_sets_goals_notes_decisions_and_says_what_falls_short(
    page: tuple[Browser, Office, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, office, path = page
    monkeypatch.setattr(type(browser.wiring.clock), "now", lambda _: NOON)
    text = browser.get(path).text
    for told in ("Behind schedule", "Léa", "2 orders from 200 clicks (1.0%)", "12 orders from 200 clicks (6.0%)", "14"):
        assert told in text
    token, below = browser.token(path), f"/campaigns/{office.spring}"
    goal = {"metric": "revenue", "target": "1 250,50", "starts_on": "2026-03-11", "ends_on": "2026-03-30"}
    assert browser.post(f"{below}/goals", token, **goal).status_code == 303
    assert "€1,250.50" in browser.get(path).text
    refused = browser.post(f"{below}/goals", token, **goal | {"metric": "views", "target": "2,5"})
    assert refused.status_code == 422
    assert "want a whole number such as 5000" in refused.text
    assert 'value="2,5"' in refused.text
    noted = {"about": "creative", "text": "A shorter film", "made_on": "2026-03-15"}
    assert browser.post(f"{below}/decisions", token, **noted).status_code == 303
    assert "A shorter film" in browser.get(path).text
    entered = {"metric": "cvr", "value": "2,1", "source": "A survey of 2025"}
    assert browser.post(f"{below}/benchmarks", token, **entered).status_code == 303
    assert "A survey of 2025" in browser.get(path).text
    assert browser.get("/campaigns/" + "0" * 32 + "/pacing").status_code == 404


def test_a_viewer_reads_and_changes_nothing(page: tuple[Browser, Office, str]) -> None:
    browser, office, path = page
    with browser.wiring.sessions.begin() as session:
        viewer = accounts.create_account(session, "viewer@example.com", "correct horse battery", NOON)
        accounts.join(session, viewer, office.brand, Role.VIEWER, NOON)
    other = browser.another_browser()
    other.sign_in("viewer@example.com")
    text = other.get(path).text
    assert "Goals and pace" in text
    assert "New goal" not in text
    token = other.token("/") if 'name="csrf_token"' in other.get("/").text else None
    answer = other.post(f"/campaigns/{office.spring}/decisions", token, about="other", text="x")
    assert answer.status_code == 403


# --- the command line -------------------------------------------------------------------------------------------------


def test_goals_decisions_and_benchmarks_are_kept_from_the_command_line(tracker: Tracker, maison: object) -> None:
    tracker("campaign", "add", "Printemps")
    goal = tracker(
        *("goal", "add", "--campaign", "printemps", "--metric", "return-ratio", "--target", "5:1"),
        *("--from", "2026-03-01", "--to", "2026-03-31", "--json"),
    ).json
    assert (goal["metric"], goal["target"], goal["unit"]) == ("return_ratio", "5", "ratio")
    assert tracker("goal", "edit", goal["id"], "--target", "4.5", "--json").json["target"] == "4.5"
    assert [one["id"] for one in tracker("goal", "list", "--campaign", "Printemps", "--json").json] == [goal["id"]]
    assert tracker("goal", "remove", goal["id"], "--json").json == {"id": goal["id"], "removed": True}
    wrong = ("--metric", "views", "--target", "x", "--from", "2026-03-01", "--to", "2026-03-02")
    refused(tracker("goal", "add", "--campaign", "Printemps", *wrong), "--target")
    noted = tracker(
        *("decision", "add", "--campaign", "Printemps", "--about", "message", "--text", "Another hook", "--json")
    ).json
    assert tracker("decision", "withdraw", noted["id"], "--json").json["withdrawn_at"]
    assert tracker("decision", "list", "--json").json == []
    entered = tracker("benchmark", "add", "--metric", "cvr", "--value", "2.1", "--source", "A survey", "--json").json
    assert tracker("benchmark", "list", "--json").json == [entered]
    assert tracker("benchmark", "remove", entered["id"], "--json").json["removed"] is True
