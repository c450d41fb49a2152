"""What a marketer and a program ask for over a ledger: the application with both signed in, and its addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from bench import year
from tracker.catalog import keys
from tracker.clock import Clock
from tracker.domain.roles import Role
from tracker.ledger import accounts
from tracker.ledger.database import writing
from tracker.settings import Settings
from tracker.web import create_app
from tracker.web.on_granian import collect_garbage_seldom
from tracker.wiring import Wiring
from workers.answers import draw_asked

_EMAIL, _PARTNERS_EMAIL, _PASSWORD = "bench@example.com", "partner@example.com", "correct horse battery"
_ORIGIN = "https://go.example.com"

# Beside a page for each report: where a marketer reads figures, and where a partner does.
_PARTNER = 7
PAGES = (
    *("/", "/orders", "/campaigns", "/placements", "/costs", "/payouts", "/system"),
    *(f"/campaigns/{year.campaign_id(3)}{page}" for page in ("", "/pacing", "/bilan", "/report")),
    *(f"/placements/{year.placement_id(7)}", f"/partners/{year.partner_id(_PARTNER)}", f"/orders/{year.order_id(9)}"),
)
PORTAL = ("/partner", "/partner/sales", "/partner/money")


@dataclass(frozen=True, slots=True)
class Faces:
    """The application over the year, at its last day."""

    wiring: Wiring
    client: FlaskClient
    partner: FlaskClient
    key: str

    def ask(self, path: str) -> None:
        """Get a page, or an answer of the API, in whole. Raises RuntimeError where it is refused."""
        headers = {"Authorization": f"Bearer {self.key}"} if path.startswith("/api/") else {}
        client = self.partner if path.partition("?")[0] in PORTAL else self.client
        answer = client.get(path, base_url=_ORIGIN, headers={"Accept-Language": "fr", **headers}, buffered=True)
        if answer.status_code not in (200, 202):
            raise RuntimeError(f"{path} answered {answer.status}")

    def draw(self) -> None:
        """Work out what a page or an answer has asked for, as a worker does."""
        while draw_asked(self.wiring):
            pass

    def forget_connections(self) -> None:
        """Ask the next question over a new connection."""
        self.wiring.engine.dispose()
        self.wiring.hasty_engine.dispose()


@contextmanager
def opened(database_url: str, redis_url: str, state: Path) -> Iterator[Faces]:
    """The application over a ledger that holds the year."""
    wall = datetime.now(UTC)
    settings = Settings.from_env(
        {
            "TRACKER_STATE": str(state),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": "0" * 64,
            "PUBLIC_URL": _ORIGIN,
            "TRACKER_DEMO": "1",
            "TRACKER_DEMO_CLOCK": str(Clock(wall, wall - year.NOW)),
        }
    )
    wiring = Wiring(settings)
    try:
        with writing(wiring.sessions) as session:
            accounts.create_account(session, _EMAIL, _PASSWORD, year.NOW, operator=True)
            partner = accounts.create_account(session, _PARTNERS_EMAIL, _PASSWORD, year.NOW)
            accounts.join(session, partner, year.BRAND, Role.PARTNER, year.NOW, partner=year.partner_id(_PARTNER))
            key = keys.add(wiring.desk(session, year.BRAND), keys.NewKey(name="bench")).key
        app = create_app(wiring)
        collect_garbage_seldom()  # as the web server does
        yield Faces(wiring, _signed_in(app, _EMAIL), _signed_in(app, _PARTNERS_EMAIL), key)
    finally:
        wiring.engine.dispose()
        wiring.hasty_engine.dispose()


def _signed_in(app: Flask, email: str) -> FlaskClient:
    client = app.test_client()
    form = client.get("/sign-in", base_url=_ORIGIN).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', form)
    assert token
    fields = {"csrf_token": token[1], "email": email, "password": _PASSWORD}
    client.post("/sign-in", base_url=_ORIGIN, data=fields, headers={"Referer": f"{_ORIGIN}/"})
    return client
