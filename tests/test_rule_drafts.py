"""A draft becomes a version with a start: orders keep the version of their sale time, and nothing else is changed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import permutations
from types import SimpleNamespace
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import select, update

import workers.attribution
from tests.conftest import Ledger
from tests.given import BIRTH, NOON, World, before
from tests.test_cli import Ran, environment, tracker
from tracker.catalog import Desk, drafts, rules
from tracker.catalog.drafts import DraftChange, DraftView, NewDraft, Publication
from tracker.catalog.rules import NewRules
from tracker.domain import rule_words
from tracker.domain.presets import PRESETS
from tracker.domain.rules import Rules
from tracker.errors import BadInput, Conflict, NotFound
from tracker.ledger import due, rules_due
from tracker.ledger.database import open_database, sessions
from tracker.ledger.rules import Book, add_version
from tracker.ledger.tables import AttributionDue, CreditSet, OrderRow, RuleDraft, RulesDue, RuleSet

__all__ = ["environment", "tracker"]  # fixtures of the command line


@contextmanager
def desk(world: World, now: datetime = NOON) -> Iterator[Desk]:
    """The brand's desk."""
    with world.ledger.writing() as session:
        yield Desk(session, world.brand, now, now, "https://go.example.com", "0" * 64)


def begin(world: World, name: str = "Summer", preset: str | None = None, **written: str) -> DraftView:
    with desk(world) as at:
        draft = drafts.add(at, NewDraft(name=name, preset=preset))
        return drafts.write(at, draft.id, written) if written else draft


def publish(world: World, draft: DraftView, now: datetime = NOON, **wanted: Any) -> rules.RulesView:
    with desk(world, now) as at:
        return drafts.publish(at, draft.id, Publication.model_validate(wanted))


def take_over(world: World, limit: int = 100) -> int:
    """Have every version take over, a batch a transaction; how many orders were looked at."""
    seen = 0
    while True:
        with world.ledger.writing() as session:
            looked_at = rules_due.take_over(session, limit, NOON)
        if looked_at is None:
            return seen
        seen += looked_at


def version_of(world: World, order: str) -> int | None:
    with world.ledger.session() as session:
        found: int | None = session.execute(select(OrderRow.rule_set).where(OrderRow.id == order)).scalar()
    return found


# --- drafts ----------------------------------------------------------------------------------------------------------


def test_a_draft_begins_as_the_rules_in_force_with_a_preset_over_them_and_is_changed_and_dropped(
    ledger: Ledger,
) -> None:
    world = World(ledger)
    draft = begin(world, preset="influence_protected")
    assert (draft.based_on, draft.settings["channel_policy"]) == (1, "influence_protected")
    written = {"windows.click:affiliate": "14", "models.position_based.first": "1/2", "Protection": "45"}
    with desk(world) as at:
        changed = drafts.write(at, drafts.named(at, "summer"), written)
        assert drafts.every(at) == [changed] == [drafts.one(at, draft.id)]
        assert rules.current(at).version == 1
    assert changed.settings["windows"] == {"click": 30 * 86400, "click:affiliate": 14 * 86400}
    assert changed.settings["models"]["position_based"] == {"first": "1/2", "last": "2/5"}
    assert changed.settings["protection"] == 45 * 60
    with desk(world) as at:
        drafts.drop(at, draft.id)
        assert drafts.every(at) == []
        with pytest.raises(NotFound):
            drafts.one(at, draft.id)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_makes_a_draft(sqlite_ledger: Ledger, preset: str) -> None:
    draft = begin(World(sqlite_ledger), preset=preset)
    assert Rules.from_json(0, draft.settings).to_json(whole=True) == draft.settings


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("window.click", "3", "there is no setting window: want between_partners"),
        ("windows.click", "soon", "want a number of days, or one with its unit such as 14d"),
        ("windows.click", "0", "from a second"),
        ("windows.click", "", "cannot go"),
        ("windows.click:nowhere", "3", "there is no window click:nowhere"),
        ("between_partners", "me", "want code_wins, click_wins"),
        ("between_partners.x", "me", "has no parts"),
        ("paying_model", "markov", "want a model that may pay"),
        ("models.position_based.first", "2", "sum to at most 1"),
        ("models.position_based.first", "half", "position_based"),
        ("models.position_based.middle", "1/2", "it has first, last"),
        ("models.guess.first", "1/2", "there is no model guess"),
        ("since_previous_order", "perhaps", "want yes or no"),
        ("precedence", "code > click_id", "want each of"),
        ("customers.affiliate", "old", "want all, new, returning"),
        ("closer_shares.coupon", "1.5", "want a share from 0 to 1"),
        ("campaigns", "{", "want JSON"),
        ("campaigns.x.paying_model", "linear", "no id of a campaign"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_what_would_do(
    sqlite_ledger: Ledger, path: str, text: str, words: str
) -> None:
    world = World(sqlite_ledger)
    draft = begin(world)
    with pytest.raises(BadInput, match=".*" + words.replace("(", ".")), desk(world) as at:
        drafts.write(at, draft.id, {path: text})
    with desk(world) as at:
        assert drafts.one(at, draft.id) == draft


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("windows", '{"click": 7, "click:affiliate": "36h"}', {"click": 7 * 86400, "click:affiliate": 36 * 3600}),
        ("precedence", "code > click_id, visitor > customer", [["code"], ["click_id", "visitor"], ["customer"]]),
        ("precedence", '["code", "click_id", "visitor", "customer"]',
         [["code"], ["click_id"], ["visitor"], ["customer"]]),
        ("protected_from", "coupon", ["coupon"]),
        ("excluded_sources", "", []),
        ("excluded_sources", "POS, draft", ["draft", "pos"]),
        ("since_previous_order", "no", False),
        ("throw_out", "90s", 90),
        ("code_policies.Lea-10", "if-winner", {"lea10": "if_winner"}),
        ("customers.affiliate", "new", {"affiliate": "new"}),
        ("closer_shares.coupon", "1/2", {"coupon": "1/2"}),
        (f"campaigns.{'a' * 32}.customers.affiliate", "new", {"a" * 32: {"customers": {"affiliate": "new"}}}),
        (f"campaigns.{'a' * 32}.protection", "2h", {"a" * 32: {"protection": 7200}}),
    ],
)  # fmt: skip
def test_a_setting_is_written_as_people_write(sqlite_ledger: Ledger, path: str, text: str, value: object) -> None:
    world = World(sqlite_ledger)
    draft = begin(world, **{path: text})
    found = draft.settings[path.partition(".")[0]]
    assert found == value or list(found.values()) == list(value.values()), found  # type: ignore[attr-defined]


def test_every_setting_has_its_words_and_every_choice_its_sentence() -> None:
    settings = Rules().to_json(whole=True)
    assert set(settings) == set(rule_words.WORDS)
    for key, value in settings.items():
        word = rule_words.word_of(key)
        assert word.title
        assert word.help
        assert rule_words.written(key, value)
        assert rule_words.meaning(key, value)
    assert rule_words.word_of("brand_new").title == "Brand new"


def test_two_open_drafts_have_two_names_and_a_published_one_frees_its(ledger: Ledger) -> None:
    world = World(ledger)
    first = begin(world, paying_model="linear")
    with pytest.raises(Conflict, match="is called Summer already"):
        begin(world)
    assert publish(world, first).version == 2
    assert begin(world).based_on == 2
    with pytest.raises(Conflict, match="published as version 2"):
        publish(world, first)
    with desk(world) as at, pytest.raises(Conflict, match="begin another"):
        drafts.edit(at, first.id, DraftChange(settings={"paying_model": "linear"}))
    assert [row["published_version"] for row in world.all(RuleDraft)] in ([2, None], [None, 2])


# --- publishing ------------------------------------------------------------------------------------------------------


def test_a_version_that_starts_later_leaves_what_is_sold_before_alone(ledger: Ledger) -> None:
    world = World(ledger)
    clicks = [world.click(world.alice_link, days=2), world.click(world.bob_link, days=1)]
    start = NOON + timedelta(hours=2)
    assert publish(world, begin(world, paying_model="first_click"), start=start.isoformat()).effective_from == start
    early, late = (world.order(clicks=clicks, at=NOON + timedelta(hours=hours)) for hours in (1, 3))
    world.attribute()
    assert (version_of(world, early), version_of(world, late)) == (1, 2)
    with desk(world) as at:
        assert (rules.current(at).version, rules.rules_of(at).version) == (1, 1)
        assert [(one.version, one.standing) for one in rules.versions(at)] == [(2, "scheduled"), (1, "in_force")]
    with desk(world, start) as at:
        assert rules.current(at).version == 2
        assert [(one.version, one.standing) for one in rules.versions(at)] == [(2, "in_force"), (1, "past")]


def test_a_start_in_the_past_must_be_meant_and_then_credits_what_was_sold_since_anew(ledger: Ledger) -> None:
    world = World(ledger)
    clicks = [world.click(world.alice_link, days=20), world.click(world.bob_link, days=15)]
    sold = {days: world.order(clicks=clicks, days=days) for days in (12, 8, 3)}
    world.attribute()
    draft = begin(world, paying_model="first_click")
    with pytest.raises(BadInput, match="in the past"):
        publish(world, draft, start=before(days=10).isoformat())
    publish(world, draft, start=before(days=10).isoformat(), past=True)
    with desk(world) as at:
        assert rules.progress(at) == rules_due.Left(unseen=2, due=0)
    assert take_over(world, limit=1) == 2
    with desk(world) as at:
        assert rules.progress(at) == rules_due.Left(unseen=0, due=2)
    waiting = {row["order_id"]: (row["cause"], row["bulk"]) for row in world.all(AttributionDue)}
    assert waiting == {sold[8]: ("rules", True), sold[3]: ("rules", True)}
    world.attribute()
    assert {days: version_of(world, order) for days, order in sold.items()} == {12: 1, 8: 2, 3: 2}
    paying = {row["order_id"]: row["model"] for row in world.all(CreditSet) if row["paying"]}
    assert paying == {sold[12]: "last_click", sold[8]: "first_click", sold[3]: "first_click"}
    assert world.all(RulesDue) == []


def test_what_is_fresh_goes_before_what_a_change_of_rules_made_due(ledger: Ledger) -> None:
    world = World(ledger)
    click = world.click(world.alice_link, days=20)
    old = [world.order(clicks=[click], days=days) for days in (9, 8, 7)]
    world.attribute()
    publish(world, begin(world, paying_model="linear"), start=before(days=10).isoformat(), past=True)
    take_over(world)
    fresh = world.order(seconds=1)
    with ledger.writing() as session:
        due.mark_due(session, [old[1]], "refund", NOON + timedelta(minutes=1))
        assert {claim.order_id for claim in due.claim_due(session, 2)} == {fresh, old[1]}


Starts = tuple[int, ...]


@pytest.mark.parametrize("starts", list(permutations((20, 10, 5))), ids=str)
def test_versions_published_in_any_order_of_starts_leave_no_doubt(sqlite_ledger: Ledger, starts: Starts) -> None:
    world = World(sqlite_ledger)
    sold = {days: world.order(days=days) for days in (25, 15, 7, 2)}
    world.attribute()
    for number, days in enumerate(starts):
        draft = begin(world, name=str(number), **{"windows.click": str(number + 1)})
        publish(world, draft, start=before(days=days).isoformat(), past=True)
    take_over(world)
    with world.ledger.session() as session:
        book = Book(session, [world.brand])
        expected = {days: book.at(world.brand, before(days=days)).version for days in sold}
    assert {days: version_of(world, order) for days, order in sold.items()} == expected
    newest = {days: max([1, *(2 + place for place, start in enumerate(starts) if start >= days)]) for days in sold}
    assert expected == newest
    with desk(world) as at:
        views = {view.version: view for view in rules.versions(at)}
    for days, version in expected.items():
        view = views[version]
        assert view.standing != "overruled"
        assert view.effective_from <= before(days=days) < (view.until or NOON)
    assert {view.version for view in views.values() if view.standing == "overruled"} == {
        version for version in views if version > 1 and any(
            later > version and views[later].effective_from <= views[version].effective_from for later in views
        )
    }  # fmt: skip


def test_rules_that_would_change_nothing_are_no_version_and_a_later_one_can_be_overruled(sqlite_ledger: Ledger) -> None:
    world = World(sqlite_ledger)
    with pytest.raises(Conflict, match="in force already"):
        publish(world, begin(world, name="same"))
    publish(world, begin(world, name="later", paying_model="linear"), start=(NOON + timedelta(days=9)).isoformat())
    with desk(world) as at:
        as_now = drafts.named(at, "same")
        assert drafts.publish(at, as_now, Publication()).version == 3
        assert [(one.version, one.standing) for one in rules.versions(at)] == [
            (3, "in_force"), (2, "overruled"), (1, "past"),
        ]  # fmt: skip
        assert rules.change(at, NewRules.model_validate({"paying_model": "linear"})).version == 4


def test_whoever_publishes_without_knowing_the_newest_version_is_told(sqlite_ledger: Ledger) -> None:
    world = World(sqlite_ledger)
    one, other = begin(world, name="one", paying_model="linear"), begin(world, name="other", paying_model="time_decay")
    publish(world, one, newest=1)
    with pytest.raises(Conflict, match="version 2 was published meanwhile"):
        publish(world, other, newest=1)
    assert publish(world, other, newest=2).version == 3


def test_two_publications_at_once_are_two_versions(postgresql_url: str) -> None:
    engine = open_database(postgresql_url)
    world = World(Ledger(postgresql_url, engine, sessions(engine)))
    wanted = [begin(world, name=name, paying_model=name) for name in ("linear", "time_decay", "first_click")]
    versions: list[int] = []
    threads = [threading.Thread(target=lambda one=one: versions.append(publish(world, one).version)) for one in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(versions) == [2, 3, 4]
    with world.ledger.writing() as session, pytest.raises(Conflict, match="somebody else"):
        add_version(session, world.brand, Rules(version=4), NOON)
    engine.dispose()


def test_a_worker_takes_over_when_nothing_else_is_due(
    sqlite_ledger: Ledger, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=lambda: NOON, wall=lambda: NOON)
    redis = Redis.from_url(redis_url)
    hands = SimpleNamespace(sessions=sqlite_ledger.session, engine=sqlite_ledger.engine, clock=clock, redis=redis)
    monkeypatch.setattr(workers.attribution, "wiring", lambda: hands)
    world = World(sqlite_ledger)
    order = world.order(days=1, clicks=[world.click(world.alice_link, days=2)])
    assert workers.attribution.attribute_due() == 1
    publish(world, begin(world, paying_model="linear"), start=before(days=5).isoformat(), past=True)
    assert workers.attribution.attribute_due() == 1
    assert (version_of(world, order), world.due(), world.all(RulesDue)) == (2, 0, [])
    redis.close()


def test_an_order_credited_while_a_version_was_published_is_put_under_it(sqlite_ledger: Ledger) -> None:
    world = World(sqlite_ledger)
    order = world.order(at=NOON + timedelta(minutes=1))
    publish(world, begin(world, paying_model="linear"))
    with world.ledger.writing() as session:  # stamped by somebody who had read the rules before
        session.execute(update(OrderRow).values(rule_set=1))
    take_over(world)
    assert version_of(world, order) == 2


def test_the_first_version_holds_before_every_start(sqlite_ledger: Ledger) -> None:
    world = World(sqlite_ledger)
    order = world.order(at=BIRTH - timedelta(days=30))
    publish(world, begin(world, paying_model="linear"), start=before(days=600).isoformat(), past=True)
    world.attribute()
    take_over(world)
    assert version_of(world, order) == 1
    assert {row["version"] for row in world.all(RuleSet)} == {1, 2}


# --- the command line ------------------------------------------------------------------------------------------------


def test_a_marketer_drafts_replays_and_publishes_at_the_terminal(
    tracker: Callable[..., Ran], sqlite_ledger: Ledger
) -> None:
    world = World(sqlite_ledger)
    world.code("BOB10", world.bob)
    world.order(net="90.00", clicks=[world.click(world.alice_link, days=1)], codes=["BOB10"])
    world.attribute()
    assert "Everflow" in tracker("rules", "presets").out
    assert tracker("rules", "draft", "new", "Clicks", "--preset", "everflow_click", "--json").json["based_on"] == 1
    changed = tracker("rules", "draft", "set", "Clicks", "windows.click:affiliate=14", "paying_model=linear", "--json")
    assert changed.json["settings"]["windows"]["click:affiliate"] == 14 * 86400
    shown = tracker("rules", "draft", "show", "clicks").out
    assert "The strongest evidence wins" in shown
    assert "click: 30 days; click:affiliate: 14 days" in shown
    assert [one["name"] for one in tracker("rules", "draft", "list", "--json").json] == ["Clicks"]
    days = ("--from", "2026-03-01", "--to", "2026-03-31")
    replayed = tracker("rules", "replay", "Clicks", *days, "--json").json
    assert [(row["difference"], row["orders_gained"]) for row in replayed["partners"]] == [("90.00", 1), ("-90.00", 0)]
    told = tracker("rules", "replay", "Clicks", *days)
    for words in ("1 paid orders, of which 1", "Alice", "-90.00", "code_owner_wins", "Bob"):
        assert words in told.out
    assert tracker("rules", "replay", "live", *days, "--json").json["changed"] == 0
    assert tracker("rules", "replay", "1", *days, "--json").json["changed"] == 0
    refused = tracker("rules", "publish", "Clicks", "--from", "2026-03-01")
    assert (refused.code, "in the past" in refused.err) == (2, True)
    done = tracker("rules", "publish", "Clicks", "--from", "2026-03-01", "--past")
    assert "1 orders are being credited anew" in done.out
    assert tracker("rules", "progress", "--json").json == {"unseen": 0, "due": 1}
    assert [one["version"] for one in tracker("rules", "versions", "--json").json] == [2, 1]
    assert json.loads(tracker("rules", "show", "--json").out)["paying_model"] == "linear"
    missing = tracker("rules", "replay", "Nothing")
    assert (missing.code, "no draft is called Nothing" in missing.err) == (2, True)
    assert tracker("rules", "draft", "new", "Other").code == 0
    assert tracker("rules", "draft", "set", "Other", "windows").code == 2
    assert "dropped Other" in tracker("rules", "draft", "drop", "Other").out
