"""A marketer's desk: the real application over a ledger, and a client that can sign in to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from apiflask import APIFlask
from argon2 import PasswordHasher
from flask.testing import FlaskClient
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.test import TestResponse

from tests.conftest import NOW
from tests.sample_books import write_books
from tracker.ledger import accounts
from tracker.ledger.database import writing
from tracker.settings import Settings
from tracker.web import create_app
from tracker.wiring import Wiring

EMAIL, PASSWORD = "marie@example.com", "correct horse battery"
ORIGIN = "https://go.example.com"


class _Compiled(BytecodeCache):
    """Templates compiled once a process: each test has an application of its own, and they all have the same pages."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.kept:
            bucket.bytecode_from_string(self.kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.kept[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


@dataclass
class Desk:
    """An application, what it works with, and one browser."""

    wiring: Wiring
    app: APIFlask
    client: FlaskClient

    def another_browser(self) -> Desk:
        """The same application from elsewhere."""
        return Desk(self.wiring, self.app, self.app.test_client())

    def get(self, path: str, **headers: str) -> TestResponse:
        """A page, over HTTPS."""
        asked = {"Accept-Language": "en", **headers}
        return self.client.get(path, base_url=ORIGIN, headers=asked, buffered=True)

    def token(self, path: str = "/sign-in") -> str:
        """The CSRF token of the form on a page."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(path).text)
        assert found, f"no form on {path}"
        return found.group(1)

    def post(self, path: str, token: str | None = None, origin: str = ORIGIN, **form: str) -> TestResponse:
        """A form, sent as a browser does."""
        fields = {**form, **({"csrf_token": token} if token else {})}
        return self.client.post(path, base_url=ORIGIN, data=fields, headers={"Referer": f"{origin}/"})

    def sign_in(self, email: str = EMAIL, password: str = PASSWORD, next_page: str = "") -> TestResponse:
        """Send the sign-in form."""
        return self.post("/sign-in", self.token(), email=email, password=password, next=next_page)


@contextmanager
def cheap_hashes() -> Iterator[None]:
    """Passwords are hashed by the real algorithm with the cheapest parameters: these tests are about what follows."""
    thorough, accounts._hasher = accounts._hasher, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    accounts._nobodys_hash.cache_clear()
    try:
        yield
    finally:
        accounts._hasher = thorough
        accounts._nobodys_hash.cache_clear()


@contextmanager
def opened_desk(settings: Settings, *, account: bool = True) -> Iterator[Desk]:
    """The application with Marie's account and cheap hashes; everything it opened is closed again."""
    wiring = Wiring(settings)
    try:
        with cheap_hashes():
            if account:
                with writing(wiring.sessions) as session:
                    accounts.create_account(session, EMAIL, PASSWORD, NOW, operator=True)
            app = create_app(wiring)
            app.testing = True
            app.jinja_env.bytecode_cache = _COMPILED
            yield Desk(wiring, app, app.test_client())
    finally:
        wiring.engine.dispose()
        wiring.hasty_engine.dispose()
        wiring.hasty_redis.close()
        wiring.redis.close()


@contextmanager
def desk_with_books(settings: Settings) -> Iterator[Desk]:
    """The same with the brand of `sample_books` in the ledger and Marie signed in."""
    with opened_desk(settings) as opened:
        opened.sign_in()
        with writing(opened.wiring.sessions) as session:
            write_books(session)
        yield opened


def settings_of(url: str, redis: str, state: object, **more: str) -> Settings:
    """The settings of a desk over the ledger at `url`."""
    return Settings.from_env(
        {
            "TRACKER_STATE": str(state),
            "DATABASE_URL": url,
            "REDIS_URL": redis,
            "SECRET_KEY": "0" * 64,
            "PUBLIC_URL": ORIGIN,
            **more,
        }
    )
