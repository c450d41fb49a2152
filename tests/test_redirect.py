"""The redirect answers whatever happens, and what it answered for is in the journal before."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import insert, update
from werkzeug.test import Client, TestResponse

from tests.conftest import Ledger
from tracker import journal, stream
from tracker.domain.addresses import client_address, truncated
from tracker.domain.clicks import RawClick, decode
from tracker.domain.ids import is_id
from tracker.ledger.links import bump_links_version
from tracker.ledger.tables import Brand, Link, Partner, TrackingHost
from tracker.pipeline import CLICKS
from tracker.settings import Settings
from tracker.web.redirect import Redirect
from tracker.wiring import Wiring

BIRTH = datetime(2026, 1, 1, tzinfo=UTC)
BRAND, LINK = f"{1:032x}", f"{2:032x}"
HOST = "go.example.com"
LANDING = "https://shop.example/p?x=1"
FALLBACK = "https://shop.example/lost"


class Site:
    """A brand's tracking host with one link, `abc`, on one process."""

    def __init__(self, settings: Settings, stack: ExitStack) -> None:
        self.settings = settings
        self.wiring = Wiring(settings)
        self._stack = stack
        stack.callback(self.wiring.hasty_engine.dispose)
        stack.callback(self.wiring.engine.dispose)
        stack.callback(self.wiring.hasty_redis.close)
        self.ledger = Ledger(settings.database_url, self.wiring.engine, self.wiring.sessions)
        self.add(Brand, id=BRAND, name="Maison", time_zone="Europe/Paris", currency="EUR", net_formula="x",
                 landing_domains=["shop.example"], fallback_url=FALLBACK, visitor_cookie=False,
                 created_at=BIRTH)  # fmt: skip
        self.add(TrackingHost, host=HOST, brand_id=BRAND, created_at=BIRTH)
        self.add(Partner, id=f"{3:032x}", brand_id=BRAND, name="Léa", channel="influence", kind="creator",
                 created_at=BIRTH)  # fmt: skip
        self.add(Link, id=LINK, brand_id=BRAND, partner_id=f"{3:032x}", host=HOST, slug="abc", landing_url=LANDING,
                 created_at=BIRTH)  # fmt: skip
        self.redirect = self.process()

    def add(self, table: type[Any], **values: Any) -> None:
        """A row of the catalog."""
        with self.ledger.writing() as session:
            session.execute(insert(table).values(**values))
            bump_links_version(session)

    def change(self, table: type[Any], **values: Any) -> None:
        """Every row of a table becomes different, before the next process starts."""
        with self.ledger.writing() as session:
            session.execute(update(table).values(**values))
            bump_links_version(session)
        self.redirect = self.process()

    def process(self, **changes: Any) -> Redirect:
        """A process of the same installation, with other settings if asked."""
        wiring = Wiring(replace(self.settings, **changes))
        self._stack.callback(wiring.hasty_engine.dispose)
        self._stack.callback(wiring.hasty_redis.close)
        redirect = Redirect(_pages, wiring)
        self._stack.callback(redirect.close)
        return redirect

    def get(self, path: str = "/r/abc", headers: dict[str, str] | None = None, **options: Any) -> TestResponse:
        """What the answer to a GET is."""
        return self.ask("GET", path, headers, **options)

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any) -> TestResponse:
        """What the answer is to a request from 203.0.113.7."""
        environ = {"REMOTE_ADDR": "203.0.113.7", "HTTP_HOST": HOST, **options.pop("environ", {})}
        client = Client(self.redirect, use_cookies=False)
        return client.open(path, method=method, headers=headers, environ_overrides=environ, **options)

    def raw(self, changes: dict[str, str]) -> str:
        """The status of the answer to a GET with something odd about it; its headers are fit to be sent."""
        seen: list[str] = []

        def start(status: str, headers: list[tuple[str, str]]) -> None:
            seen.append(status)
            assert all(text.isascii() and text.isprintable() for pair in headers for text in pair)

        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/r/abc", "HTTP_HOST": HOST, "REMOTE_ADDR": "203.0.113.7"}
        self.redirect({**environ, **changes}, start)  # type: ignore[arg-type]
        return seen[0]

    @property
    def folder(self) -> Path:
        return self.settings.journal_folder

    def clicks(self) -> list[RawClick]:
        """What is in the journal."""
        return [
            decode(payload) for segment in journal.segments(self.folder, CLICKS) for _, payload in journal.read(segment)
        ]

    def click(self, path: str = "/r/abc", headers: dict[str, str] | None = None, **options: Any) -> RawClick:
        """The one click that a GET has left."""
        before = len(self.clicks())
        self.get(path, headers, **options)
        (*_, newest) = self.clicks()
        assert len(self.clicks()) == before + 1
        return newest


def _pages(environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"a page"]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as entered:
        yield entered


@pytest.fixture
def site(sqlite_url: str, redis_url: str, tmp_path: Path, stack: ExitStack) -> Site:
    environ = {
        "TRACKER_STATE": str(tmp_path / "state"),
        "DATABASE_URL": sqlite_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": "0" * 64,
        "PUBLIC_URL": "https://tracker.example.com",
    }
    return Site(Settings.from_env(environ), stack)


# --- where it leads ---------------------------------------------------------------------------------------------------


def test_a_click_is_in_the_journal_and_its_id_in_the_location(site: Site) -> None:
    answer = site.get()
    (click,) = site.clicks()
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"https://shop.example/p?x=1&rk={click.id}"
    assert (click.brand_id, click.link_id, click.host, click.slug) == (BRAND, LINK, HOST, "abc")


def test_nobody_may_keep_the_answer(site: Site) -> None:
    headers = site.get().headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer-when-downgrade"
    assert headers["Content-Length"] == "0"
    assert "Set-Cookie" not in headers


def test_the_parameter_of_the_click_id_is_a_setting(site: Site) -> None:
    site.redirect = site.process(click_parameter="ref")
    assert site.get().headers["Location"].partition("&")[2].startswith("ref=")


def test_two_clicks_are_two(site: Site) -> None:
    assert site.get().headers["Location"] != site.get().headers["Location"]
    assert len({click.id for click in site.clicks()}) == 2


def test_a_head_is_sent_on_and_never_counts(site: Site) -> None:
    answer = site.ask("HEAD", "/r/abc")
    assert (answer.status_code, answer.headers["Location"]) == (302, LANDING)
    assert site.ask("HEAD", "/r/nope").headers["Location"] == FALLBACK
    assert site.clicks() == []


def test_other_methods_are_refused(site: Site) -> None:
    for method in ("OPTIONS", "POST", "PUT", "DELETE", "TRACE", "BREW"):
        answer = site.ask(method, "/r/abc")
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert site.clicks() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Sec-Purpose", "prefetch"),
        ("Sec-Purpose", "prefetch;prerender"),
        ("Sec-Purpose", "Prefetch;anonymous-client-ip"),
        ("Purpose", "prefetch"),
        ("X-Purpose", "preview"),
        ("X-Moz", "prefetch"),
    ],
)
def test_a_prefetch_is_refused_and_not_counted(site: Site, name: str, value: str) -> None:
    for path in ("/r/abc", "/r/nope"):
        answer = site.get(path, {name: value})
        assert (answer.status_code, answer.headers["Cache-Control"]) == (503, "no-store")
        assert "Location" not in answer.headers
    assert site.clicks() == []


def test_another_purpose_is_a_visit(site: Site) -> None:
    assert site.get(headers={"Purpose": "none"}).status_code == 302


def test_everything_else_is_for_the_pages(site: Site) -> None:
    for path in ("/", "/r", "/reports/partners", "/R/abc"):
        assert site.get(path).text == "a page"
    assert site.clicks() == []


# --- orphans ----------------------------------------------------------------------------------------------------------


def test_an_unknown_slug_leads_to_the_fallback_and_is_an_orphan_click(site: Site) -> None:
    answer = site.get("/r/nope?s1=x")
    (click,) = site.clicks()
    assert (answer.status_code, answer.headers["Location"]) == (302, FALLBACK)
    assert (click.brand_id, click.link_id, click.slug, click.sub_ids) == (BRAND, None, "nope", {"s1": "x"})


def test_an_expired_link_is_an_orphan_from_that_moment_on(site: Site) -> None:
    site.change(Link, expires_at=datetime.now(UTC) + timedelta(hours=1))
    assert site.click().link_id == LINK
    site.change(Link, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert site.get().headers["Location"] == FALLBACK
    assert site.ask("HEAD", "/r/abc").headers["Location"] == FALLBACK
    assert [click.link_id for click in site.clicks()] == [LINK, None]


def test_a_disabled_link_is_an_orphan(site: Site) -> None:
    site.change(Link, disabled_at=BIRTH)
    assert site.get().headers["Location"] == FALLBACK
    assert site.clicks()[0].link_id is None


def test_without_a_fallback_there_is_a_small_page(site: Site) -> None:
    site.change(Brand, fallback_url=None)
    answer = site.get("/r/nope")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "no-store")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "does not exist" in answer.text
    assert [click.link_id for click in site.clicks()] == [None]


def test_a_strangers_host_gets_the_page_and_nobodys_orphan(site: Site) -> None:
    answer = site.get(environ={"HTTP_HOST": "evil.example"})
    (click,) = site.clicks()
    assert answer.status_code == 404
    assert (click.brand_id, click.link_id, click.host) == (None, None, "evil.example")


def test_a_landing_page_off_the_allowed_domains_is_not_followed(site: Site) -> None:
    site.change(Link, landing_url="https://evil.example/")
    answer = site.get()
    (click,) = site.clicks()
    assert answer.headers["Location"] == f"{FALLBACK}?rk={click.id}"
    assert click.link_id == LINK


# --- what is kept of a request ----------------------------------------------------------------------------------------


def test_the_address_is_kept_as_a_network_and_the_referrer_as_a_host(site: Site) -> None:
    click = site.click(
        headers={
            "User-Agent": "Mozilla/5.0 é".encode().decode("latin-1"),
            "Referer": "https://user:secret@L.Instagram.com:443/story?id=private#x",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
            "Accept-Language": "fr",
        }
    )
    assert (click.ip_prefix, click.referrer_host) == ("203.0.113.0/24", "l.instagram.com")
    assert click.user_agent == "Mozilla/5.0 é"
    assert (click.fetch_mode, click.fetch_dest, click.has_language) == ("navigate", "document", True)


def test_no_address_and_no_secret_of_the_visitor_is_on_the_disk(site: Site) -> None:
    site.get(headers={"Referer": "https://a.example/private", "Cookie": "session=secret", "X-Forwarded-For": "9.9.9.9"})
    site.get(environ={"REMOTE_ADDR": "2001:db8:1:2::3"})
    written = b"".join(path.read_bytes() for path in self_and_below(site.settings.state))
    for trace in (b"203.0.113.7", b"2001:db8:1:2", b"private", b"secret", b"9.9.9.9"):
        assert trace not in written
    assert site.clicks()[1].ip_prefix == "2001:db8:1::/48"


def self_and_below(folder: Path) -> list[Path]:
    """Every file under a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


def test_no_address_is_kept_at_all_where_the_installation_says_so(site: Site) -> None:
    site.redirect = site.process(store_ip="none")
    assert site.click().ip_prefix is None


def test_sub_ids_are_kept_under_their_names(site: Site) -> None:
    query = "s1=a&SUB2=b%20c&subid=d&sub_id=%C3%A9&subid3=f&other=x&s6=x&s1=again&s2=&s3=" + "z" * 500
    assert site.click(f"/r/abc?{query}").sub_ids == {
        "s1": "a", "sub2": "b c", "subid": "d", "sub_id": "é", "subid3": "f", "s3": "z" * 100,
    }  # fmt: skip


def test_sub_ids_are_few(site: Site) -> None:
    query = "&".join(f"{name}{number}=x" for name in ("s", "sub", "subid") for number in range(1, 6))
    assert len(site.click(f"/r/abc?{query}").sub_ids or {}) == 6


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, (None, False, False)),
        ({"Sec-GPC": "1", "DNT": "1"}, (None, True, True)),
        ({"Sec-GPC": "0", "DNT": "0"}, (None, False, False)),
        ({"Cookie": "tracker_consent=1"}, ("given", False, False)),
        ({"Cookie": "a=b; tracker_consent=0"}, ("refused", False, False)),
        ({"Cookie": "tracker_consent=perhaps"}, (None, False, False)),
    ],
)
def test_what_the_visitor_wants_is_recorded(site: Site, headers: dict[str, str], expected: tuple[object, ...]) -> None:
    click = site.click(headers=headers)
    assert (click.consent, click.gpc, click.dnt) == expected


def test_consent_in_the_query_outweighs_the_cookie(site: Site) -> None:
    assert site.click("/r/abc?consent=0", {"Cookie": "tracker_consent=1"}).consent == "refused"
    assert site.click("/r/abc?consent=1").consent == "given"
    assert site.click("/r/abc?consent=yes").consent is None


# --- visitors ---------------------------------------------------------------------------------------------------------


def test_a_visitor_is_the_same_on_every_process_and_another_for_another_agent_or_address(site: Site) -> None:
    first = site.click(headers={"User-Agent": "a"}).visitor_hash
    site.redirect = site.process()
    assert site.click(headers={"User-Agent": "a"}).visitor_hash == first
    assert site.click(headers={"User-Agent": "b"}).visitor_hash != first
    assert site.click(headers={"User-Agent": "a"}, environ={"REMOTE_ADDR": "203.0.113.8"}).visitor_hash != first


def test_no_cookie_is_set_unless_the_brand_turned_it_on(site: Site) -> None:
    answer = site.get("/r/abc?consent=1")
    assert "Set-Cookie" not in answer.headers
    assert site.clicks()[0].visitor_id is None


@pytest.fixture
def consenting(site: Site) -> Site:
    """A brand that has turned the visitor cookie on."""
    site.change(Brand, visitor_cookie=True)
    return site


def test_with_consent_a_first_party_cookie_names_the_visitor(consenting: Site) -> None:
    cookie = consenting.get("/r/abc?consent=1").headers["Set-Cookie"]
    (click,) = consenting.clicks()
    assert click.visitor_id is not None
    assert is_id(click.visitor_id)
    assert cookie == (f"__Host-visitor={click.visitor_id}; Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Lax")


def test_the_cookie_joins_a_visitors_clicks_and_is_not_prolonged(consenting: Site) -> None:
    answer = consenting.get(headers={"Cookie": f"__Host-visitor={LINK}"})
    assert "Set-Cookie" not in answer.headers
    assert consenting.clicks()[0].visitor_id == LINK


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/r/abc", {}),
        ("/r/abc?consent=0", {}),
        ("/r/abc?consent=1", {"Sec-GPC": "1"}),
        ("/r/abc?consent=1", {"DNT": "1"}),
        ("/r/nope?consent=1", {}),
    ],
)
def test_without_consent_or_against_the_visitors_will_there_is_none(
    consenting: Site, path: str, headers: dict[str, str]
) -> None:
    assert "Set-Cookie" not in consenting.get(path, headers).headers
    assert consenting.clicks()[0].visitor_id is None


def test_a_visitor_who_objects_is_not_recognised_and_one_who_refuses_loses_the_cookie(consenting: Site) -> None:
    cookie = {"Cookie": f"__Host-visitor={LINK}"}
    assert consenting.click(headers={**cookie, "Sec-GPC": "1"}).visitor_id is None
    answer = consenting.get("/r/abc?consent=0", cookie)
    assert answer.headers["Set-Cookie"].startswith("__Host-visitor=; Path=/; Max-Age=0;")
    assert consenting.clicks()[1].visitor_id is None


@pytest.mark.parametrize(
    "cookie",
    ["__Host-visitor=", "__Host-visitor=x", ";;;==;", "=", "\xff\xfe", "a" * 100_000, "__Host-visitor=" + "g" * 32],
)
def test_a_bad_cookie_breaks_nothing(consenting: Site, cookie: str) -> None:
    answer = consenting.get("/r/abc?consent=1", environ={"HTTP_COOKIE": cookie})
    assert answer.status_code == 302
    assert is_id(consenting.clicks()[0].visitor_id or "")


# --- addresses --------------------------------------------------------------------------------------------------------

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("::1/128"))


@pytest.mark.parametrize(
    ("remote", "forwarded", "client"),
    [
        ("203.0.113.7", "9.9.9.9", "203.0.113.7"),
        ("10.0.0.1", "9.9.9.9", "9.9.9.9"),
        ("10.0.0.1", "8.8.8.8, 9.9.9.9", "9.9.9.9"),
        ("10.0.0.1", "8.8.8.8, 9.9.9.9, 10.0.0.2", "9.9.9.9"),
        ("10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "9.9.9.9:4711", "9.9.9.9"),
        ("::1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:10.0.0.1", "::ffff:9.9.9.9", "9.9.9.9"),
        ("10.0.0.1", "8.8.8.8, unknown", ""),
        ("10.0.0.1", "'; DROP", ""),
        ("", "9.9.9.9", ""),
        ("fe80::1%eth0", "", "fe80::1"),
        ("10.0.0.1", "8.8.8.8," * 10_000 + "9.9.9.9", "9.9.9.9"),
    ],
)
def test_the_client_is_the_right_most_hop_that_is_not_ours(remote: str, forwarded: str, client: str) -> None:
    assert client_address(remote, forwarded, TRUSTED) == client


def test_without_trusted_proxies_nobody_is_believed(site: Site) -> None:
    assert site.click(headers={"X-Forwarded-For": "9.9.9.9"}).ip_prefix == "203.0.113.0/24"


def test_behind_a_trusted_proxy_the_visitor_is_who_the_proxy_saw(site: Site) -> None:
    site.redirect = site.process(trusted_proxies=(ip_network("203.0.113.7/32"),))
    assert site.click(headers={"X-Forwarded-For": "8.8.8.8, 9.9.9.9"}).ip_prefix == "9.9.9.0/24"


def test_an_address_that_is_none_is_kept_as_none(site: Site) -> None:
    assert truncated("unix:") is None
    assert site.click(environ={"REMOTE_ADDR": ""}).ip_prefix is None


# --- whatever happens -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["USER_AGENT", "REFERER", "HOST", "COOKIE", "SEC_FETCH_MODE", "SEC_GPC", "X_FORWARDED_FOR", "ACCEPT_LANGUAGE"],
)
def test_no_header_breaks_it(site: Site, name: str) -> None:
    values = ["", "\0", "\xff\xfe\x00", "é", "\ud800", "\u2028", "a" * 70_000, "%", "://@:?#[", "\r\nX: y"]
    for value in values:
        assert site.raw({f"HTTP_{name}": value}) in ("302 Found", "404 Not Found")
    assert len(site.clicks()) == len(values)


@pytest.mark.parametrize("name", ["QUERY_STRING", "REMOTE_ADDR"])
def test_nothing_else_of_a_request_breaks_it(site: Site, name: str) -> None:
    values = ["", "\0", "\xff\xfe\x00", "é", "\ud800", "s1=\ud800", "s1=%ff%00", "a" * 70_000, "&=&" * 9999, "::", "%"]
    for value in values:
        assert site.raw({name: value}) == "302 Found"
    assert len(site.clicks()) == len(values)


def test_no_path_breaks_it(site: Site) -> None:
    paths = ["", "a/b", "\0", "\xff", "a" * 5000, "\r\nX: y", "../x", "\ud800"]
    for path in paths:
        assert site.raw({"PATH_INFO": f"/r/{path}"}) == "302 Found"
    assert [click.link_id for click in site.clicks()] == [None] * len(paths)


def test_a_request_without_any_header_is_answered(site: Site) -> None:
    seen: list[str] = []
    site.redirect({"REQUEST_METHOD": "GET", "PATH_INFO": "/r/abc"}, lambda status, *_: seen.append(status))  # type: ignore[arg-type]
    assert seen == ["404 Not Found"]
    assert len(site.clicks()) == 1


def test_with_redis_away_nothing_changes(site: Site, tmp_path: Path) -> None:
    site.redirect = site.process(redis_url=f"unix://{tmp_path}/none.sock")
    assert site.get().status_code == 302
    assert is_id(site.clicks()[0].visitor_hash or "")


def test_with_the_disk_refusing_the_click_goes_straight_to_redis(site: Site) -> None:
    (site.folder / CLICKS).parent.mkdir(parents=True)
    (site.folder / CLICKS).write_text("in the way")
    location = site.get().headers["Location"]
    with Redis.from_url(site.settings.redis_url) as redis:
        stream.ensure_group(redis)
        (entry,) = stream.read(redis, "test", 10, 0)
    assert location.endswith(decode(entry.payloads[0]).id)


def test_with_the_disk_and_redis_refusing_the_loss_is_counted_and_the_visitor_sent_on(
    site: Site, tmp_path: Path
) -> None:
    site.redirect = site.process(redis_url=f"unix://{tmp_path}/none.sock")
    site.get()
    shutil.rmtree(site.folder)
    site.folder.write_text("in the way")
    site.redirect._keeper._journal.close()
    for _ in range(3):
        assert site.get().status_code == 302
    site.folder.unlink()
    site.redirect._keeper.lost()
    assert list(journal.losses(site.folder, CLICKS).values()) == [4]


def test_an_error_of_ours_still_sends_the_visitor_on(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise ZeroDivisionError

    site.get()
    monkeypatch.setattr("tracker.web.redirect.new_id", broken)
    assert site.get().headers["Location"] == LANDING
    assert list(journal.losses(site.folder, CLICKS).values()) == [1]


def test_a_click_is_dated_by_the_installations_clock(site: Site) -> None:
    origin = datetime.now(UTC)
    from tracker.settings import demo_clock  # noqa: PLC0415

    site.redirect = site.process(clock=demo_clock(origin, 40 * 86_400, 60))
    assert timedelta(days=38) < origin - site.click().at <= timedelta(days=40)
