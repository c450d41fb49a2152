"""What is asked to be estimated is computed by one worker, survives a killed one, and says what it does not know."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

import workers.learning as learning
from tests.conftest import Ledger
from tests.desk import Desk, opened_desk, settings_of
from tests.given import World
from tests.path_books import BRAND, END, credit_all, fill
from tracker import estimates, failpoints
from tracker.attribution._refusals import Minimum
from tracker.cli import tracker
from tracker.errors import BadInput
from tracker.ledger import estimates as rows
from tracker.ledger.estimates import LEASE, State, Wanted, ask, claim, fail, finish, latest, one
from tracker.ledger.paths import Level
from tracker.ledger.tables import Estimate
from tracker.reports import models
from tracker.reports._shape import Scope

FIRST, LAST = date(2026, 1, 1), date(2026, 3, 30)
WANTED = Wanted(BRAND, Level.CHANNEL, FIRST, LAST)
ANSWER: dict[str, Any] = {"models": []}


@pytest.fixture
def filled(sqlite_ledger: Ledger) -> Ledger:
    """A ledger with the brand of the books."""
    with sqlite_ledger.writing() as session:
        fill(session, 150)
    return sqlite_ledger


def wanted(world: World) -> Wanted:
    return Wanted(world.brand, Level.CHANNEL, FIRST, LAST)


def state(ledger: Ledger, what: Wanted) -> tuple[str, Any, str | None]:
    with ledger.session() as session:
        row = one(session, what)
        assert row is not None
        return row.state, row.result, row.error


# --- whose turn it is -------------------------------------------------------------------------------------------------


def test_asking_twice_is_one_estimate_and_one_worker_gets_it(ledger: Ledger) -> None:
    what = wanted(World(ledger))
    for _ in range(2):
        with ledger.writing() as session:
            ask(session, what, END)
    with ledger.writing() as session:
        mine = claim(session, END)
        assert mine is not None
        assert mine.wanted == what
    with ledger.writing() as session:
        assert claim(session, END + LEASE) is None
        ask(session, what, END + LEASE)  # changes nothing while one computes it
        assert finish(session, mine, ANSWER, END)
    assert state(ledger, what) == (State.DONE, ANSWER, None)


def test_asking_anew_keeps_the_earlier_result_until_there_is_another(ledger: Ledger) -> None:
    what = wanted(World(ledger))
    for wall in (END, END + timedelta(hours=1)):
        with ledger.writing() as session:
            ask(session, what, wall)
        with ledger.writing() as session:
            mine = claim(session, wall)
            assert mine is not None
            if wall == END:
                finish(session, mine, ANSWER, wall)
            else:
                fail(session, mine, "KeyError in x", wall)
    assert state(ledger, what) == (State.FAILED, ANSWER, "KeyError in x")


def test_the_estimate_of_a_killed_worker_is_begun_once_more_and_then_given_up(ledger: Ledger) -> None:
    what = wanted(World(ledger))
    with ledger.writing() as session:
        ask(session, what, END)
    with ledger.writing() as session:
        killed = claim(session, END)
        assert killed is not None
    later = END + LEASE + timedelta(seconds=1)
    with ledger.writing() as session:
        second = claim(session, later)
        assert second is not None
        assert not finish(session, killed, ANSWER, later)  # it was only slow, and comes too late
    with ledger.writing() as session:
        assert claim(session, later + LEASE + timedelta(seconds=1)) is None
    assert state(ledger, what)[0] == State.FAILED


def test_a_worker_that_dies_after_its_claim_leaves_a_row_to_be_taken_up(
    filled: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(name: str) -> None:
        raise SystemExit(name)

    with filled.writing() as session:
        ask(session, WANTED, END)
    with monkeypatch.context() as broken:
        broken.setattr(failpoints, "reached", die)
        with pytest.raises(SystemExit):
            estimates.work_on_next(filled.session, END, END)
    assert state(filled, WANTED)[0] == State.RUNNING
    assert not estimates.work_on_next(filled.session, END, END)
    assert estimates.work_on_next(filled.session, END, END + LEASE + timedelta(seconds=1))
    assert state(filled, WANTED)[0] == State.DONE


def test_an_error_of_ours_is_kept_with_the_estimate_and_stops_nobody_else(
    filled: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with filled.writing() as session:
        ask(session, WANTED, END)

    def break_down(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(estimates, "compute", break_down)
    assert estimates.work_on_next(filled.session, END, END)
    found, result, error = state(filled, WANTED)
    assert (found, result) == (State.FAILED, None)
    assert error is not None
    assert error.startswith("KeyError")


# --- what it says -----------------------------------------------------------------------------------------------------


def test_every_model_answers_or_says_why_not(filled: Ledger) -> None:
    with filled.session() as session:
        found = estimates.compute(session, WANTED, END)
    json.dumps(found)
    assert found["currency"] == "EUR"
    assert found["known"]["joined"] <= found["known"]["orders"]
    assert found["coverage"] == pytest.approx(found["known"]["joined"] / found["known"]["orders"], abs=1e-6)
    models = {model["model"]: model for model in found["models"]}
    assert set(found["rules"]) < set(models)
    for model in models.values():
        assert model["refusal"] is None or estimates.sentences(model)
    linear = {one["name"]: one["conversions"] for one in models["linear"]["names"]}
    assert sum(one["estimate"] for one in linear.values()) == pytest.approx(found["conversions"], abs=1e-4)
    assert all(one["low"] <= one["estimate"] <= one["high"] for one in linear.values())


def test_rules_are_shown_with_what_they_have_credited_as_the_report_of_models_has_it(filled: Ledger) -> None:
    with filled.writing() as session:
        credit_all(session)
    with filled.session() as session:
        found = estimates.compute(session, WANTED, END)
        reported = models.rows(session, Scope(BRAND, FIRST, LAST))
    credited = {one["model"]: one["amounts"] for one in found["credited"]}
    assert set(credited) == {"linear", "time_decay"}
    for name, amounts in credited.items():
        told: list[Any] = [row[name] for row in reported if row["currency"] == "EUR"]
        assert sum(amounts.values()) == sum(told) > 0


def test_a_group_s_estimate_is_split_between_its_partners_by_their_linear_credit(
    filled: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Minimum, "__init__", _with(Minimum.__init__, coverage=0.0, conversions=1, journeys=1))
    with filled.writing() as session:
        credit_all(session)
    with filled.session() as session:
        found = estimates.compute(session, Wanted(BRAND, Level.GROUP, FIRST, LAST), END)
        assert estimates.compute(session, WANTED, END)["within"] is None
    within = found["within"]
    assert (within["estimate"], within["split_by"]) == (True, "linear")
    learned = [one for one in found["models"] if one["names"] and one["model"] not in found["rules"]]
    assert "incremental" in {one["model"] for one in learned}
    for model in learned:
        for group in model["names"]:
            parts = [part for part in within["partners"] if part["group"] == group["name"]]
            linear = sum(part["linear"] for part in parts)
            for part in parts:
                assert part["share"] == pytest.approx(part["linear"] / linear, abs=1e-6)
            total = sum(part["models"][model["model"]]["value"]["estimate"] for part in parts)
            assert not parts or total == pytest.approx(group["value"]["estimate"], abs=0.1, rel=1e-4)
    assert max(len([part for part in within["partners"] if part["group"] == name]) for name in found["titles"]) > 1


def _with(begin: Callable[..., None], **given: float) -> Callable[..., None]:
    return lambda self: begin(self, **given)


def test_below_a_stated_coverage_learned_models_refuse_and_rules_do_not(filled: Ledger) -> None:
    with filled.session() as session:
        found = estimates.compute(session, WANTED, END)
    assert found["coverage"] < 0.5
    refused = {model["model"] for model in found["models"] if (model["refusal"] or {}).get("reason") == "low_coverage"}
    assert "incremental" in refused
    assert not refused & set(found["rules"])


def test_days_that_make_no_period_are_refused() -> None:
    for first in (LAST + timedelta(days=1), LAST - timedelta(days=5000)):
        with pytest.raises(BadInput):
            estimates.check(first, LAST)


# --- every night ------------------------------------------------------------------------------------------------------


def test_every_brand_that_sold_is_estimated_once_a_day(filled: Ledger) -> None:
    World(filled, name="Quiet")
    for _ in range(2):
        estimates.ask_daily(filled.session, END, END)
    with filled.session() as session:
        (row,) = session.query(Estimate).all()
    assert (row.brand_id, row.level) == (BRAND, "channel")
    assert (row.starts_on, row.ends_on) == (LAST - timedelta(days=estimates.DAYS - 1), LAST)
    estimates.ask_daily(filled.session, END + timedelta(days=1), END + timedelta(days=1))
    with filled.session() as session:
        assert len(latest(session, BRAND)) == 2


# --- at a desk --------------------------------------------------------------------------------------------------------


@pytest.fixture
def desk(filled: Ledger, redis_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A marketer at the brand's desk, signed in; the worker works with the same things."""
    with opened_desk(settings_of(filled.url, redis_url, tmp_path)) as desk:
        desk.sign_in()
        monkeypatch.setattr(learning, "wiring", lambda: desk.wiring)
        yield desk


PAGE = f"/estimates?from={FIRST}&to={LAST}"


def test_a_marketer_asks_and_reads_what_each_model_makes_of_it(desk: Desk) -> None:
    before = desk.get(PAGE)
    assert before.status_code == 200
    assert "Nobody has asked" in before.text
    asked = desk.post(f"{PAGE}&level=group", desk.token(PAGE))
    assert asked.status_code == 302
    assert "Waiting" in desk.get(asked.headers["Location"]).text
    assert learning.estimate() == 1
    page = desk.get(f"{PAGE}&level=group").text
    for said in (
        "Affiliate · Coupon site",
        "Linear",
        "95 times of 100",
        "never paid",
        "Of too few orders is the journey known",
    ):
        assert said in page


def test_the_form_wants_its_token_and_a_level_that_there_is(desk: Desk) -> None:
    assert desk.post(PAGE).status_code == 400
    assert desk.get("/estimates?level=moon").status_code == 422
    assert desk.another_browser().get(PAGE).status_code == 302


def test_the_headline_is_the_incremental_model_with_its_baseline_and_its_caveat(
    desk: Desk, filled: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = {
        "model": "incremental", "title": "Incremental", "version": 1, "additive": True, "may_pay": False,
        "refusal": None, "names": [{"name": "influence", "conversions": _figure(5), "value": _figure(500),
                                    "removal_effect": None, "ranked": True}],
        "baseline": {"conversions": _figure(7), "value": _figure(700)}, "stability": {"top": 0.9, "sequence": 0.8},
        "warnings": [], "caveat": "It cannot see who would have bought anyway.",
    }  # fmt: skip
    result = {
        "currency": "EUR", "titles": {"influence": "influence"}, "rules": [], "journeys": 90.0, "conversions": 12.0,
        "value": 1200.0, "coverage": 0.75, "replicates": 200, "by_customer": True, "models": [answered],
        "known": {"orders": 16, "joined": 12, "other_currency": 1, "clicks": 100, "followed": 80},
        "ranges": [{"name": "influence", "conversions": [4.0, 9.0], "value": [400.0, 900.0]}],
    }  # fmt: skip
    with filled.writing() as session:
        ask(session, WANTED, END)
    with filled.writing() as session:
        mine = rows.claim(session, END)
        assert mine is not None
        finish(session, mine, result, END)
    page = desk.get(PAGE).text
    for said in (
        "It cannot see who would have bought anyway.",
        "would have come anyway",
        "€7.00",
        "75.0%",
        "4.0",
        "9.0",
    ):
        assert said in page


def _figure(estimate: float) -> dict[str, float]:
    return {"estimate": float(estimate), "low": estimate - 1.0, "high": estimate + 1.0}


def test_the_command_line_prints_the_same_now(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from tracker.cli import estimate  # noqa: PLC0415

    monkeypatch.setattr("tracker.wiring.build", lambda: desk.wiring)
    if "estimate" not in tracker.commands:
        estimate.register(tracker)
    run = ["estimate", "--from", str(FIRST), "--to", str(LAST)]
    printed = CliRunner().invoke(tracker, [*run, "--json"])
    assert json.loads(printed.output)["level"] == "channel"
    table = CliRunner().invoke(tracker, run)
    assert "would have come anyway" in table.output
    assert isinstance(CliRunner().invoke(tracker, [*run, "--level", "moon"]).exception, BadInput)
