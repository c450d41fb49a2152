"""API keys: shown once, kept as a digest, revocable, and their use noted now and then."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from tests.api_world import ApiWorld
from tests.conftest import NOW, Ledger
from tracker.catalog import keys as use
from tracker.errors import BadInput, NotFound
from tracker.ledger import keys
from tracker.ledger.tables import ApiKey
from tracker.settings import Settings


@pytest.fixture
def world(settings: Settings) -> Iterator[ApiWorld]:
    made = ApiWorld(settings)
    yield made
    made.close()


def test_a_key_has_256_random_bits_and_a_prefix_that_scanners_know() -> None:
    made = {keys.new_key() for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(r"trk_[A-Za-z0-9_-]{43}", key) for key in made)


def test_nothing_in_the_ledger_opens_anything(world: ApiWorld) -> None:
    with world.wiring.engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM api_keys ORDER BY name")).mappings().first()
    assert row is not None
    assert not any(world.alice.key in str(value) for value in row.values())
    for kept in (row["digest"], row["prefix"]):
        world.alice.key = kept
        assert world.alice.get("/brand").status_code == 401


def test_a_key_opens_its_brand_until_it_is_revoked(world: ApiWorld) -> None:
    assert world.alice.get("/brand").json["name"] == "alice"  # type: ignore[index]
    with world.desk(world.alice.brand) as desk:
        (key,) = use.every(desk)
        assert use.revoke(desk, key.prefix).revoked_at == NOW
        assert use.revoke(desk, key.id).revoked_at == NOW
    answer = world.alice.get("/brand")
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    assert "revoked" in answer.json["detail"]  # type: ignore[index]


def test_a_key_is_revoked_by_whoever_has_its_brand_alone(world: ApiWorld) -> None:
    with world.desk(world.bob.brand) as desk:
        (key,) = use.every(desk)
        use.add(desk, use.NewKey(name="twin"))
        use.add(desk, use.NewKey(name="twin"))
        with pytest.raises(BadInput, match="several keys"):
            use.revoke(desk, "twin")
    with world.desk(world.alice.brand) as desk:
        for named in (key.id, key.prefix, key.name):
            with pytest.raises(NotFound):
                use.revoke(desk, named)


def test_an_unknown_key_is_named_in_no_answer(world: ApiWorld) -> None:
    with world.desk(world.alice.brand) as desk, pytest.raises(NotFound) as caught:
        use.revoke(desk, world.bob.key)
    assert world.bob.key not in str(caught.value)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "bearer\u00e9 x", "Bearer \u00ff\u00fe"])
def test_what_is_no_bearer_key_is_refused(world: ApiWorld, header: str) -> None:
    assert world.alice.get("/brand", headers={"Authorization": header}).status_code == 401


def test_the_scheme_is_read_in_any_case(world: ApiWorld) -> None:
    assert world.alice.get("/brand", headers={"Authorization": f"bearer {world.alice.key}"}).status_code == 200


def test_the_use_of_a_key_is_noted_at_most_once_a_minute(ledger: Ledger) -> None:
    from tests.given import World  # noqa: PLC0415

    brand, key = World(ledger).brand, keys.new_key()
    with ledger.writing() as session:
        session.add(
            ApiKey(id="0" * 32, brand_id=brand, name="x", prefix=keys.shown(key), digest=keys.digest(key),
                   created_at=NOW, revoked_at=None, last_used_at=None)
        )  # fmt: skip
    for seconds, noted in ((0, 0), (59, 0), (60, 60), (61, 60)):
        with ledger.writing() as session:
            keys.touch(session, "0" * 32, NOW + timedelta(seconds=seconds))
        with ledger.session() as session:
            assert session.execute(select(ApiKey.last_used_at)).scalar_one() == NOW + timedelta(seconds=noted)


def test_a_request_notes_the_use_of_its_key(world: ApiWorld) -> None:
    def last_used() -> object:
        with world.wiring.sessions() as session:
            return session.execute(select(ApiKey.last_used_at).where(ApiKey.brand_id == world.alice.brand)).scalar()

    world.alice.get("/brand")
    first = last_used()
    assert first is not None
    world.alice.get("/brand")
    assert last_used() == first
    with world.desk(world.alice.brand) as desk:
        desk.session.execute(update(ApiKey).values(last_used_at=NOW - timedelta(days=900)))
    world.alice.get("/brand")
    assert last_used() != NOW - timedelta(days=900)
