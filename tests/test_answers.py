"""A report that takes long is worked out by a worker and shown as it was drawn last; a reader never waits for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import func, select, update

import workers
import workers.answers
import workers.housekeeping
from tests.api_world import ApiWorld
from tests.conftest import NOW, Ledger
from tests.desk import Desk, opened_desk, settings_of
from tests.given import before
from tests.intake import started, wait_for
from tests.path_books import BRAND, fill
from tracker import queue
from tracker.ledger import answers
from tracker.ledger.tables import Answer, OrderRow
from tracker.reports import _answers, _compare, _shape, ltv, paths
from tracker.reports._answers import Reader
from tracker.reports._shape import Result, Row, Scope
from tracker.settings import Settings
from tracker.wiring import Wiring

NAMES = ("paths", "ltv")
DAYS = "from=2026-03-01&to=2026-03-31"
SCOPE = Scope(BRAND, date(2026, 3, 1), date(2026, 3, 31))
WAITS = "it is being worked out"

cells = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.fractions()
    | st.dates()
    | st.datetimes(timezones=st.timezones() | st.just(UTC)),
    lambda values: st.lists(values, max_size=3),
    max_leaves=5,
)


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every ledger is a large one."""
    monkeypatch.setattr(paths, "_LONG", 1)
    monkeypatch.setattr(ltv, "_LONG", 1)


@pytest.fixture
def made(settings: Settings, long: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wiring]:
    """A large installation on each database, and its worker in this process."""
    opened = Wiring(settings)
    monkeypatch.setattr(workers.answers, "wiring", lambda: opened)
    monkeypatch.setattr(workers.housekeeping, "wiring", lambda: opened)
    yield opened
    opened.engine.dispose()
    opened.hasty_engine.dispose()
    opened.hasty_redis.close()
    opened.redis.close()


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with opened_desk(settings_of(sqlite_url, redis_url, tmp_path)) as opened:
        monkeypatch.setattr(workers.answers, "wiring", lambda: opened.wiring)
        write_into(opened.wiring)
        opened.sign_in()
        yield opened


def write_into(made: Wiring) -> Scope:
    return books_in(Ledger(made.settings.database_url, made.engine, made.sessions))


def books_in(ledger: Ledger) -> Scope:
    """A brand with journeys and known customers."""
    with ledger.writing() as session:
        fill(session, 60)
        session.execute(update(OrderRow).values(customer_is_new=True))
    return SCOPE


def look(made: Wiring, name: str, scope: Scope, how: str | None = None, later: timedelta = timedelta(0)) -> Result:
    """As a reader's request does it, so much later."""
    reader = Reader(made.clock.now() + later, made.clock.wall() + later)
    with made.sessions() as session:
        result = _compare.run(session, name, scope, how, each=reader.run)
    if reader.asks:
        with Ledger("", made.engine, made.sessions).writing() as session:
            answers.ask(session, reader.asks, reader.wall)
    return result


def inline(made: Wiring, name: str, scope: Scope) -> list[Row]:
    with made.sessions() as session:
        return list(_shape.run(session, name, scope).rows)


def count(made: Wiring) -> int:
    with made.sessions() as session:
        return session.execute(select(func.count()).select_from(Answer)).scalar_one()


def turn_back(made: Wiring, **values: Any) -> None:
    with Ledger("", made.engine, made.sessions).writing() as session:
        session.execute(update(Answer).values(**values))


@given(st.lists(st.dictionaries(st.from_regex(r"[a-z_]+", fullmatch=True), cells, max_size=4), max_size=3))
def test_what_is_kept_comes_out_as_it_went_in(rows: list[Row]) -> None:
    found = _answers.decoded(_answers.encoded(rows))
    assert found == rows
    assert typed(found) == typed(rows)


def typed(value: object) -> object:
    """The types of all cells: 1 is no Fraction(1), and a midnight is no day."""
    if isinstance(value, list):
        return [typed(each) for each in value]
    return {key: typed(each) for key, each in value.items()} if isinstance(value, dict) else type(value)


def test_a_cell_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="set"):
        _answers.encoded([{"a": {1, 2}}])


def test_the_same_question_is_one_and_any_difference_another() -> None:
    scope = SCOPE
    same = replace(scope, today=date(2026, 3, 9))
    others = [
        replace(scope, brand_id="c" * 32),
        replace(scope, start=date(2026, 3, 2)),
        replace(scope, end=date(2026, 3, 30)),
        replace(scope, model="linear"),
        replace(scope, campaign_id="d" * 32),
        replace(scope, partner_id="d" * 32),
        replace(scope, channel="influence"),
        replace(scope, network="tiktok"),
    ]
    assert _answers.question("ltv", same) == _answers.question("ltv", scope)
    assert len({_answers.question(name, each).id for name in NAMES for each in (scope, *others)}) == 18


def test_a_small_ledger_is_reckoned_while_the_reader_waits(ledger: Ledger) -> None:
    scope = books_in(ledger)
    for name in NAMES:
        reader = Reader(NOW, NOW)
        with ledger.session() as session:
            assert reader.run(session, name, scope) == _shape.run(session, name, scope)
        assert reader.asks == []


@pytest.mark.parametrize("name", NAMES)
def test_a_long_report_waits_is_drawn_and_is_then_the_same_to_the_cent(made: Wiring, name: str) -> None:
    scope = write_into(made)
    first = look(made, name, scope)
    assert (first.waits, first.rows, first.as_of) == (True, [], None)
    began = made.clock.now()
    assert workers.answers.draw_asked() == 1
    then = look(made, name, scope)
    assert (then.waits, then.rows) == (False, inline(made, name, scope))
    assert then.rows
    assert then.as_of
    assert began <= then.as_of <= made.clock.now()
    assert workers.answers.draw_asked() == 0


def test_rows_are_kept_for_each_filter_and_what_a_report_does_not_heed_is_no_other_question(made: Wiring) -> None:
    scope = write_into(made)
    filtered = replace(scope, channel="influence")
    for each in (scope, filtered, replace(scope, model="linear")):
        look(made, "paths", each)
    assert workers.answers.draw_asked() == 2
    for each in (scope, filtered):
        assert look(made, "paths", each).rows == inline(made, "paths", each)


def test_two_who_ask_ask_once(made: Wiring) -> None:
    scope = write_into(made)
    readers = [Reader(NOW, made.clock.wall()) for _ in range(2)]
    for reader in readers:
        with made.sessions() as session:
            reader.run(session, "paths", scope)
    for reader in readers:
        with Ledger("", made.engine, made.sessions).writing() as session:
            answers.ask(session, reader.asks, reader.wall)
    assert count(made) == 1
    assert workers.answers.draw_asked() == 1


def test_who_looks_again_while_it_is_due_writes_nothing(made: Wiring) -> None:
    scope = write_into(made)
    look(made, "paths", scope)
    reader = Reader(made.clock.now(), made.clock.wall())
    with made.sessions() as session:
        assert reader.run(session, "paths", scope).waits
    assert reader.asks == []


def test_what_is_too_old_is_shown_and_asked_for_again(made: Wiring) -> None:
    scope = write_into(made)
    look(made, "paths", scope)
    workers.answers.draw_asked()
    drawn = look(made, "paths", scope)
    assert workers.answers.draw_asked() == 0
    old = made.clock.now() - _answers.TOO_OLD - timedelta(seconds=1)
    turn_back(made, drawn_at=old)
    again = look(made, "paths", scope)
    assert (again.rows, again.as_of, again.waits) == (drawn.rows, old, False)
    assert workers.answers.draw_asked() == 1
    assert look(made, "paths", scope).as_of > old  # type: ignore[operator]


def test_an_earlier_period_is_asked_for_too_and_the_older_moment_is_told(made: Wiring) -> None:
    scope = write_into(made)
    assert look(made, "paths", scope, "before").waits
    assert count(made) == 2
    take_one(made)
    assert look(made, "paths", scope, "before").waits  # one of two is not enough
    turn_back(made, due_at=made.clock.wall())
    assert workers.answers.draw_asked() == 2
    with made.sessions() as session:
        both = _compare.run(session, "paths", scope, "before")
    found = look(made, "paths", scope, "before")
    assert (found.rows, found.columns, found.then, found.waits) == (both.rows, both.columns, both.then, False)
    periods = (scope, _compare.earlier(scope, "before"))
    assert found.as_of == min(look(made, "paths", each).as_of for each in periods)  # type: ignore[type-var]


def take_one(made: Wiring) -> None:
    """Draw one alone, as of another moment."""
    with Ledger("", made.engine, made.sessions).writing() as session:
        taken = answers.take(session, made.clock.wall())
        assert taken
        answers.keep(session, taken, "[]", NOW)


def test_the_question_asked_last_is_drawn_first(made: Wiring) -> None:
    scope = write_into(made)
    look(made, "paths", scope)
    look(made, "ltv", scope, later=timedelta(seconds=1))
    with Ledger("", made.engine, made.sessions).writing() as session:
        found = [answers.take(session, made.clock.wall() + timedelta(seconds=2)) for _ in range(3)]
    assert [one and one.report for one in found] == ["ltv", "paths", None]


def test_one_that_fails_stops_no_other_and_is_tried_again_after_a_while(
    made: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = write_into(made)
    look(made, "paths", scope)
    look(made, "ltv", scope)
    with monkeypatch.context() as broken:
        broken.setattr(ltv, "rows", lambda *_: 1 / 0)
        assert workers.answers.draw_asked() == 1
    assert look(made, "ltv", scope).waits
    assert not look(made, "paths", scope).waits
    assert workers.answers.draw_asked() == 0
    turn_back(made, due_at=made.clock.wall())
    assert workers.answers.draw_asked() == 2
    assert look(made, "ltv", scope).rows == inline(made, "ltv", scope)


def test_what_fails_is_tried_no_longer_than_somebody_looks_for_it(made: Wiring) -> None:
    scope = write_into(made)
    look(made, "ltv", scope)
    turn_back(made, asked_at=made.clock.wall() - timedelta(hours=2))
    assert workers.answers.draw_asked() == 0
    look(made, "ltv", scope)
    assert workers.answers.draw_asked() == 1


def test_what_nobody_asked_for_during_a_day_is_forgotten(made: Wiring) -> None:
    scope = write_into(made)
    look(made, "ltv", scope)
    workers.housekeeping.purge()
    assert count(made) == 1
    turn_back(made, asked_at=made.clock.wall() - timedelta(hours=25))
    workers.housekeeping.purge()
    assert count(made) == 0


def test_no_row_that_is_kept_tells_of_a_visitor_or_a_customer(made: Wiring) -> None:
    scope = write_into(made)
    for name in NAMES:
        keys = {column.key for column in _shape.reports()[name].COLUMNS}
        assert all(set(row) == keys for row in inline(made, name, scope))
        assert not keys & {"customer", "visitor", "visitor_id", "order", "order_id", "email"}


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_that_it_is_being_worked_out_looks_again_and_then_shows_it(
    desk: Desk, long: None, name: str
) -> None:
    page = desk.get(f"/reports/{name}?{DAYS}")
    assert page.status_code == 200
    assert WAITS in page.text
    assert '<meta http-equiv="refresh" content="3">' in page.text
    assert "<table" not in page.text
    workers.worker(desk.wiring.redis, queue.JOBS[queue.DRAW]).work(burst=True, logging_level="WARNING")
    then = desk.get(f"/reports/{name}?{DAYS}").text
    assert WAITS not in then
    assert "http-equiv" not in then
    assert re.search(r"As of [^<]+\.", then)
    assert "<table" in then


def test_a_page_that_waits_long_says_where_to_look(desk: Desk, long: None) -> None:
    late = "longer than it should"
    desk.get(f"/reports/paths?{DAYS}")
    assert late not in desk.get(f"/reports/paths?{DAYS}").text
    turn_back(desk.wiring, asked_at=desk.wiring.clock.wall() - timedelta(minutes=2))
    assert late in desk.get(f"/reports/paths?{DAYS}").text
    workers.answers.draw_asked()
    assert late not in desk.get(f"/reports/paths?{DAYS}").text


def test_the_page_shows_what_it_shows_of_a_small_ledger(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def table(name: str) -> str:
        found = re.search(r"<tbody>.*</tbody>", desk.get(f"/reports/{name}?{DAYS}").text, re.DOTALL)
        assert found
        return found.group()

    now = {name: table(name) for name in NAMES}
    monkeypatch.setattr(paths, "_LONG", 1)
    monkeypatch.setattr(ltv, "_LONG", 1)
    for name in NAMES:
        desk.get(f"/reports/{name}?{DAYS}")
    assert workers.answers.draw_asked() == 2
    assert {name: table(name) for name in NAMES} == now


def test_in_french_it_is_said_in_french(desk: Desk, long: None) -> None:
    french: dict[str, str] = {"Accept-Language": "fr"}
    assert "en cours de calcul" in desk.get(f"/reports/paths?{DAYS}", **french).text
    workers.answers.draw_asked()
    assert "Chiffres du" in desk.get(f"/reports/paths?{DAYS}", **french).text


def test_a_ledger_that_cannot_be_written_keeps_no_reader_from_the_page(
    desk: Desk, long: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.get(f"/reports/paths?{DAYS}")
    workers.answers.draw_asked()
    turn_back(desk.wiring, drawn_at=before(days=1))
    with Ledger("", desk.wiring.engine, desk.wiring.sessions).writing() as session:
        session.execute(update(Answer).values(report="paths"))  # it has the lock as long as this lasts
        shown, waits = (desk.get(f"/reports/{name}?{DAYS}") for name in NAMES)
    assert (shown.status_code, waits.status_code) == (200, 200)
    assert "As of" in shown.text
    assert WAITS in waits.text


def test_files_are_reckoned_now(desk: Desk, long: None) -> None:
    for name in NAMES:
        assert len(desk.get(f"/reports/{name}.csv?{DAYS}").text.splitlines()) > 1


def test_the_api_says_202_and_when_to_ask_again_then_the_rows_and_their_moment(
    sqlite_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = ApiWorld(settings_of(sqlite_url, redis_url, tmp_path))
    monkeypatch.setattr(workers.answers, "wiring", lambda: world.wiring)
    now = world.alice.get(f"/reports/ltv?{DAYS}")
    assert (now.status_code, now.json["as_of"]) == (200, None)  # type: ignore[index]
    monkeypatch.setattr(ltv, "is_long", lambda *_: True)
    waits = world.alice.get(f"/reports/ltv?{DAYS}")
    assert (waits.status_code, waits.headers["Retry-After"]) == (202, "3")
    assert waits.json == {"report": "ltv", "detail": WAITS, "retry_after": 3}
    workers.answers.draw_asked()
    then = world.alice.get(f"/reports/ltv?{DAYS}")
    assert then.status_code == 200
    assert datetime.fromisoformat(then.json["as_of"]).utcoffset() is not None  # type: ignore[index]
    assert {**then.json, "as_of": None} == now.json  # type: ignore[dict-item]
    assert world.bob.get(f"/reports/ltv?{DAYS}").status_code == 202
    document: Any = world.app.test_client().get("/api/v1/openapi.json").json
    assert {"200", "202"} <= set(document["paths"]["/api/v1/reports/{name}"]["get"]["responses"])
    world.close()


@pytest.mark.e2e
def test_a_bell_that_was_lost_is_found_by_the_sweeper_and_drawn_by_the_worker(
    made: Wiring, settings: Settings, redis_url: str
) -> None:
    scope = write_into(made)
    look(made, "paths", scope)  # nobody rings
    assert Redis.from_url(redis_url).llen("rq:queue:letters") == 0
    with started("workers.schedule", settings), started("workers.letters", settings):
        wait_for(lambda: not look(made, "paths", scope).waits)
    assert look(made, "paths", scope).rows == inline(made, "paths", scope)
