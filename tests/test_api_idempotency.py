"""A write with an idempotency key happens once, whatever the number of requests and however close together."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from tests.api_world import ApiWorld
from tests.conftest import NOW
from tracker.ledger import idempotency
from tracker.ledger.database import writing
from tracker.ledger.tables import IdempotentRequest, Partner
from tracker.settings import Settings


@pytest.fixture
def world(settings: Settings) -> Iterator[ApiWorld]:
    made = ApiWorld(settings)
    yield made
    made.close()


def partners_called(world: ApiWorld, name: str) -> int:
    with world.wiring.sessions() as session:
        return session.execute(select(func.count()).select_from(Partner).where(Partner.name == name)).scalar_one()


def test_the_same_request_gets_the_same_answer_and_writes_once(world: ApiWorld) -> None:
    first = world.alice.post("/partners", {"name": "Léa"}, idempotency="k1")
    again = world.alice.post("/partners", {"name": "Léa"}, idempotency="k1")
    assert (first.status_code, first.data) == (again.status_code, again.data)
    assert first.status_code == 201
    assert again.headers["Location"] == first.headers["Location"]
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    assert partners_called(world, "Léa") == 1


def test_a_change_is_answered_as_it_was_the_first_time(world: ApiWorld) -> None:
    path = f"/links/{world.alice.ids['link']}"
    first = world.alice.patch(path, {"disabled": True}, idempotency="k1")
    world.alice.patch(path, {"disabled": False})
    again = world.alice.patch(path, {"disabled": True}, idempotency="k1")
    assert first.data == again.data
    assert world.alice.get(path).json["disabled_at"] is None  # type: ignore[index]


def test_another_body_or_path_with_the_same_key_is_a_conflict(world: ApiWorld) -> None:
    world.alice.post("/partners", {"name": "Léa"}, idempotency="k1")
    for path, body in (("/partners", {"name": "Zoé"}), ("/campaigns", {"name": "Léa"})):
        answer = world.alice.post(path, body, idempotency="k1")
        assert (answer.status_code, answer.mimetype) == (409, "application/problem+json")
        assert "new key" in answer.json["detail"]  # type: ignore[index]
    assert partners_called(world, "Zoé") == 0


def test_a_refused_write_keeps_no_claim_and_may_be_mended(world: ApiWorld) -> None:
    body = {"code": "LEA", "partner": world.alice.ids["partner"]}
    world.alice.post("/codes", body)
    assert world.alice.post("/codes", body, idempotency="k1").status_code == 409
    assert world.alice.post("/codes", {**body, "code": "ZOE"}, idempotency="k1").status_code == 201


def test_keys_of_two_brands_do_not_meet(world: ApiWorld) -> None:
    mine = world.alice.post("/partners", {"name": "Léa"}, idempotency="k1")
    other = world.bob.post("/partners", {"name": "Léa"}, idempotency="k1")
    assert (mine.status_code, other.status_code) == (201, 201)
    assert mine.json["id"] != other.json["id"]  # type: ignore[index]


def test_requests_at_the_same_moment_make_one_row(world: ApiWorld) -> None:
    crowd = 6
    line, answers = threading.Barrier(crowd), list[TestResponse]()

    def send() -> None:
        line.wait()
        answers.append(world.alice.post("/partners", {"name": "Léa"}, idempotency="k1"))

    threads = [threading.Thread(target=send) for _ in range(crowd)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.data for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert partners_called(world, "Léa") == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "clé"])
def test_a_key_that_cannot_be_kept_is_refused(world: ApiWorld, key: str) -> None:
    answer = world.alice.post("/partners", {"name": "Léa"}, idempotency=key)
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "Idempotency-Key")  # type: ignore[index]
    assert partners_called(world, "Léa") == 0


def test_old_answers_are_forgotten(world: ApiWorld) -> None:
    world.alice.post("/partners", {"name": "Léa"}, idempotency="k1")
    with writing(world.wiring.sessions) as session:
        idempotency.forget(session, NOW.replace(year=9000))
    with world.wiring.sessions() as session:
        assert session.execute(select(IdempotentRequest.key)).all() == []
    assert world.alice.post("/partners", {"name": "Zoé"}, idempotency="k1").status_code == 201
