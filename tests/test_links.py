"""A redirect always finds out where a request goes: from memory, from SQL, or from the last snapshot."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import insert, update

from tests.conftest import Ledger
from tracker.ledger.database import open_database, sessions
from tracker.ledger.links import bump_links_version
from tracker.ledger.tables import Brand, Campaign, Link, Partner, Placement, TrackingHost
from tracker.links import Links, Route, Snapshot, ring

BIRTH = datetime(2026, 1, 1, tzinfo=UTC)
HOST = "go.example.com"
ABC = f"{1:032x}"


class Shelf:
    """A catalog with one brand, one host and one link, and links that read it."""

    def __init__(self, ledger: Ledger, folder: Path, redis: Redis | None, stack: ExitStack) -> None:
        self.ledger = ledger
        self.redis = redis
        self.snapshot = folder / "links.json"
        self._stack = stack
        self.add(Brand, id=f"{1:032x}", name="Maison", time_zone="Europe/Paris", currency="EUR",
                 net_formula="x", landing_domains=["shop.example"], fallback_url="https://shop.example/lost",
                 created_at=BIRTH)  # fmt: skip
        self.add(TrackingHost, host=HOST, brand_id=f"{1:032x}", created_at=BIRTH)
        self.add(
            Partner, id=ABC, brand_id=f"{1:032x}", name="Léa", channel="influence", kind="creator", created_at=BIRTH
        )
        self.link(ABC, "abc")
        self.links = self.reader()

    def add(self, table: type[Any], **values: Any) -> None:
        """A row, as a catalog change: the version grows, and nobody rings."""
        with self.ledger.writing() as session:
            session.execute(insert(table).values(**values))
            bump_links_version(session)

    def link(self, link_id: str, slug: str, host: str = HOST, **values: Any) -> None:
        """A link of Léa's."""
        fields = {"landing_url": "https://shop.example/p", "brand_id": f"{1:032x}", "partner_id": ABC, **values}
        self.add(Link, id=link_id, host=host, slug=slug, created_at=BIRTH, **fields)

    def change(self, table: type[Any], **values: Any) -> None:
        """Every row of a table becomes different."""
        with self.ledger.writing() as session:
            session.execute(update(table).values(**values))
            bump_links_version(session)

    def reader(self, ledger: Ledger | None = None) -> Links:
        """The links of another process."""
        factory = (ledger or self.ledger).session
        links = Links(factory, self.redis, self.snapshot, "tracker.example.com", "rk")
        self._stack.callback(links.close)
        return links

    def route(self, slug: str = "abc", host: str = HOST) -> Route:
        return self.links.route(host, f"/r/{slug}")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as entered:
        yield entered


@pytest.fixture
def shelf(ledger: Ledger, redis_url: str, tmp_path: Path, stack: ExitStack) -> Shelf:
    """On both databases, with Redis."""
    redis = stack.enter_context(Redis.from_url(redis_url, socket_timeout=0.5))
    return Shelf(ledger, tmp_path, redis, stack)


@pytest.fixture
def quiet(sqlite_ledger: Ledger, tmp_path: Path, stack: ExitStack) -> Shelf:
    """On SQLite, without Redis."""
    return Shelf(sqlite_ledger, tmp_path, None, stack)


def within(seconds: float, expected: Callable[[], bool]) -> bool:
    """Whether something becomes true in time."""
    deadline = time.monotonic() + seconds
    while not (found := expected()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


@pytest.fixture
def silence() -> Iterator[Ledger]:
    """A PostgreSQL that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"postgresql+psycopg://nobody@127.0.0.1:{server.getsockname()[1]}/none"
        engine = open_database(url, wait=0.5)
        yield Ledger(url, engine, sessions(engine))
        engine.dispose()


@pytest.fixture
def nowhere() -> Iterator[Ledger]:
    """A PostgreSQL that is not there."""
    url = "postgresql+psycopg://nobody@127.0.0.1:1/none"
    engine = open_database(url, wait=0.5)
    yield Ledger(url, engine, sessions(engine))
    engine.dispose()


def test_a_link_is_found_with_all_that_a_click_needs(shelf: Shelf) -> None:
    assert shelf.route() == Route(
        host=HOST,
        brand_id=f"{1:032x}",
        link_id=ABC,
        before="https://shop.example/p?rk=",
        plain="https://shop.example/p",
        fallback="https://shop.example/lost",
        place=f'"{1:032x}","{ABC}","go.example.com","abc"',
    )


def test_the_campaigns_template_is_filled_with_the_names_of_what_the_link_belongs_to(shelf: Shelf) -> None:
    utm = {"utm_source": "{partner}", "utm_campaign": "{campaign}", "utm_content": "{placement}", "utm_term": "{slug}"}
    shelf.add(Campaign, id=f"{2:032x}", brand_id=f"{1:032x}", name="Été 24", utm=utm, created_at=BIRTH)
    shelf.add(Placement, id=f"{3:032x}", brand_id=f"{1:032x}", partner_id=ABC, network="tiktok", format="video",
              created_at=BIRTH)  # fmt: skip
    shelf.link(f"{4:032x}", "def", campaign_id=f"{2:032x}", placement_id=f"{3:032x}")
    assert shelf.route("def").plain == (
        "https://shop.example/p?utm_campaign=%C3%89t%C3%A9%2024&utm_content=tiktok-video"
        "&utm_source=L%C3%A9a&utm_term=def"
    )


def test_a_change_is_seen_within_a_second_of_a_ring(shelf: Shelf) -> None:
    assert shelf.route().link_id
    shelf.change(Link, landing_url="https://shop.example/new")
    assert shelf.redis is not None
    ring(shelf.redis)
    assert within(1.0, lambda: shelf.route().plain == "https://shop.example/new")


def test_a_change_is_seen_within_a_second_without_redis(quiet: Shelf) -> None:
    assert quiet.route().link_id
    quiet.change(Link, landing_url="https://shop.example/new")
    assert within(1.0, lambda: quiet.route().plain == "https://shop.example/new")


def test_a_slug_that_was_unknown_is_found_once_it_is_there(quiet: Shelf) -> None:
    assert quiet.route("def").link_id is None
    quiet.link(f"{2:032x}", "def")
    assert within(1.0, lambda: quiet.route("def").link_id == f"{2:032x}")


def test_what_is_held_is_found_without_asking_anybody(quiet: Shelf) -> None:
    quiet.route()
    quiet.links.close()
    assert quiet.route().link_id == ABC


def test_an_unknown_slug_knows_its_brand_and_fallback(quiet: Shelf) -> None:
    assert quiet.route("nope") == Route(HOST, f"{1:032x}", fallback="https://shop.example/lost")


def test_a_disabled_link_is_an_orphan_of_its_brand(quiet: Shelf) -> None:
    quiet.change(Link, disabled_at=BIRTH)
    assert quiet.route() == Route(HOST, f"{1:032x}", fallback="https://shop.example/lost")


def test_a_landing_url_that_is_no_longer_allowed_leads_to_the_fallback_and_counts_for_the_link(quiet: Shelf) -> None:
    quiet.change(Link, landing_url="https://elsewhere.example/")
    assert (quiet.route().link_id, quiet.route().before) == (ABC, "https://shop.example/lost?rk=")


def test_a_fallback_that_is_no_longer_allowed_leads_nowhere(quiet: Shelf) -> None:
    quiet.change(Brand, landing_domains=["elsewhere.example"])
    route = quiet.route()
    assert (route.link_id, route.before, route.plain, route.fallback) == (ABC, "", "", None)


@pytest.mark.parametrize("host", ["GO.example.com", "go.example.com:8000", "go.example.com:443"])
def test_the_host_is_found_in_any_case_and_with_any_port(quiet: Shelf, host: str) -> None:
    assert quiet.route(host=host).link_id == ABC


def test_a_tracking_host_may_have_a_port(quiet: Shelf) -> None:
    quiet.add(TrackingHost, host="127.0.0.1:8000", brand_id=f"{1:032x}", created_at=BIRTH)
    quiet.link(f"{2:032x}", "def", host="127.0.0.1:8000")
    assert quiet.route("def", "127.0.0.1:8000").link_id == f"{2:032x}"


def test_a_public_host_that_is_a_brands_serves_what_was_published_on_a_loopback_host(shelf: Shelf) -> None:
    shelf.add(TrackingHost, host="127.0.0.1:8000", brand_id=f"{1:032x}", created_at=BIRTH)
    shelf.add(TrackingHost, host="tracker.example.com", brand_id=f"{1:032x}", created_at=BIRTH)
    shelf.link(f"{2:032x}", "early", "127.0.0.1:8000")
    shelf.link(f"{3:032x}", "early", HOST)
    assert shelf.route("early", "tracker.example.com").link_id == f"{2:032x}"
    assert shelf.route("abc", "tracker.example.com").link_id is None
    assert shelf.route("early").link_id == f"{3:032x}"


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "tracker.example.com"])
def test_the_installations_own_host_serves_the_links_of_every_host(quiet: Shelf, host: str) -> None:
    assert quiet.route(host=host).link_id == ABC
    assert quiet.route("nope", host) == Route(
        host.strip("[]").replace("]:8000", "").removesuffix(":8000"), f"{1:032x}", fallback="https://shop.example/lost"
    )


def test_a_strangers_host_serves_nobodys_links(quiet: Shelf) -> None:
    assert quiet.route(host="evil.example:8000") == Route("evil.example")


def test_another_brands_host_does_not_serve_a_brands_links(quiet: Shelf) -> None:
    quiet.add(Brand, id=f"{2:032x}", name="Other", time_zone="Europe/Paris", currency="EUR", net_formula="x",
              landing_domains=["other.example"], created_at=BIRTH)  # fmt: skip
    quiet.add(TrackingHost, host="other.example.com", brand_id=f"{2:032x}", created_at=BIRTH)
    assert quiet.route(host="other.example.com") == Route("other.example.com", f"{2:032x}")
    assert quiet.route("nope", "localhost") == Route("localhost")


def test_a_slash_at_the_end_is_not_part_of_the_slug(quiet: Shelf) -> None:
    assert quiet.route("abc/").link_id == ABC
    assert quiet.route("abc/x").link_id is None


@pytest.mark.parametrize("slug", ["", "a" * 100_000, "\0", "é", "' OR 1=1 --", "%2e%2e", "\ud800"])
def test_no_slug_breaks_it(shelf: Shelf, slug: str) -> None:
    assert shelf.route(slug).link_id is None
    assert shelf.route().link_id == ABC


def test_unknown_addresses_do_not_fill_the_memory(quiet: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracker.links._MOST_UNKNOWN", 10)
    for number in range(50):
        quiet.route(f"n{number}")
    assert len(quiet.links._unknown) <= 10


def test_known_links_do_not_fill_the_memory(quiet: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracker.links._MOST_KNOWN", 10)
    for port in range(50):
        assert quiet.route(host=f"{HOST}:{port}").link_id == ABC
    assert len(quiet.links._known) <= 10


@pytest.mark.parametrize("absence", ["nowhere", "silence"])
def test_a_process_that_starts_without_sql_serves_the_last_snapshot(
    quiet: Shelf, absence: str, request: pytest.FixtureRequest
) -> None:
    quiet.link(f"{2:032x}", "def", expires_at=datetime(2026, 7, 1, tzinfo=UTC))
    quiet.link(f"{3:032x}", "off", disabled_at=BIRTH)
    expected = [quiet.route(slug) for slug in ("abc", "def", "off", "nope")]
    Snapshot(quiet.snapshot).write(quiet.ledger.session, known=-1)
    quiet.links = quiet.reader(request.getfixturevalue(absence))
    started = time.monotonic()
    assert [quiet.route(slug) for slug in ("abc", "def", "off", "nope")] == expected
    assert quiet.route(host="localhost").link_id == ABC
    assert time.monotonic() - started < 1.5


def test_a_visitor_waits_for_a_silent_sql_once_and_not_again(quiet: Shelf, silence: Ledger) -> None:
    Snapshot(quiet.snapshot).write(quiet.ledger.session, known=-1)
    quiet.links = quiet.reader(silence)
    quiet.route()
    started = time.monotonic()
    for number in range(100):
        quiet.route(f"n{number}")
    assert time.monotonic() - started < 0.3


def test_without_sql_and_without_a_snapshot_there_is_an_answer_all_the_same(quiet: Shelf, nowhere: Ledger) -> None:
    quiet.links = quiet.reader(nowhere)
    assert quiet.route() == Route(HOST)


def test_a_spoilt_snapshot_is_no_snapshot(quiet: Shelf, nowhere: Ledger) -> None:
    quiet.snapshot.write_text('{"hosts": [{"host": "x"}], "links": 7}')
    quiet.links = quiet.reader(nowhere)
    assert quiet.route() == Route(HOST)


def test_links_that_are_held_stay_while_sql_is_away_and_are_refreshed_when_it_is_back(
    quiet: Shelf, nowhere: Ledger
) -> None:
    quiet.route()
    back = quiet.links._sessions
    quiet.links._sessions = nowhere.session
    quiet.change(Link, landing_url="https://shop.example/new")
    assert not within(1.0, lambda: quiet.route().plain != "https://shop.example/p")
    quiet.links._sessions = back
    assert within(3.0, lambda: quiet.route().plain == "https://shop.example/new")


def test_a_snapshot_is_written_again_only_when_something_changed(quiet: Shelf) -> None:
    snapshot = Snapshot(quiet.snapshot)
    version = snapshot.write(quiet.ledger.session, known=-1)
    stamp = quiet.snapshot.stat().st_mtime_ns
    assert snapshot.write(quiet.ledger.session, known=version) == version
    assert quiet.snapshot.stat().st_mtime_ns == stamp
    quiet.change(Link, disabled_at=BIRTH)
    assert snapshot.write(quiet.ledger.session, known=version) > version
    assert quiet.snapshot.stat().st_mtime_ns != stamp
    assert [path.name for path in quiet.snapshot.parent.glob("links*")] == ["links.json"]


def test_ringing_a_redis_that_is_away_is_no_error(tmp_path: Path) -> None:
    with Redis.from_url(f"unix://{tmp_path}/none.sock", socket_timeout=0.05) as away:
        ring(away)
