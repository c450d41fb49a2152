"""A marketer connects a shop by its page, makes keys and changes the brand; a secret is shown once, and to managers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import NOW
from tests.desk import Desk, desk_with_books, settings_of
from tests.sample_books import Books
from tracker.domain.roles import Role
from tracker.ledger import accounts
from tracker.ledger.database import writing

BRAND = "b" * 32
SHOP = f"/shops/{Books(BRAND)['shop']}"
SECRET = "shpss_0123456789abcdef0123456789abcdef"


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    with desk_with_books(settings_of(sqlite_url, redis_url, tmp_path)) as opened:
        yield opened


def send(desk: Desk, path: str, **form: str) -> int:
    return desk.post(path, desk.token("/shops"), **form).status_code


def test_a_shop_is_connected_by_a_form_and_its_secret_is_shown_once(desk: Desk) -> None:
    answer = desk.post("/shops", desk.token("/shops"), platform="standard", name="Atelier")
    assert (answer.status_code, answer.headers.get("Set-Cookie")) == (201, None)
    (secret,) = re.findall(r'value="(whsec_[^"]+)"', answer.text)
    found = re.search(r"/shops/[0-9a-f]{32}", answer.text)
    assert found is not None
    again = desk.get(found[0]).text
    assert secret not in again
    assert "https://go.example.com/webhooks/standard/" in again
    assert "Give your shop&#39;s developer" in again or "Give your shop's developer" in again
    assert f"s.js?brand={BRAND}" in again
    assert "Atelier" in desk.get("/shops").text


def test_what_a_platform_cannot_have_given_is_refused_and_a_secret_is_not_sent_back(desk: Desk) -> None:
    answer = desk.post("/shops", desk.token("/shops"), platform="standard", name="Atelier", secret="whsec_x")
    assert answer.status_code == 422
    assert 'value="Atelier"' in answer.text
    assert "whsec_x" not in answer.text
    assert desk.post("/shops", platform="standard").status_code == 400


def test_one_secret_follows_another_without_a_gap(desk: Desk) -> None:
    assert send(desk, f"{SHOP}/secrets", secret=SECRET) == 303
    assert "Remove the secret" not in desk.get(SHOP).text
    assert send(desk, f"{SHOP}/secrets", secret=SECRET[:-4] + "beef") == 303
    secret = re.search(r"/secrets/([0-9a-f]{32})/remove", desk.get(SHOP).text)
    assert secret is not None
    assert send(desk, f"{SHOP}/secrets/{secret[1]}/remove") == 303
    assert "…beef" in desk.get(SHOP).text
    assert SECRET not in desk.get(SHOP).text


def test_a_shop_s_own_count_is_told_by_a_form_and_what_is_missing_shows(desk: Desk) -> None:
    assert send(desk, f"{SHOP}/counts", day="2026-03-02", orders="4") == 303
    answer = desk.post(f"{SHOP}/counts", desk.token("/shops"), day="2026-03-32", orders="4")
    assert (answer.status_code, ": want a day such as" in answer.text) == (422, True)
    report = desk.get("/reports/completeness?from=2026-03-01&to=2026-03-31").text
    assert "2026-03-02 (−3)" in report
    assert "25.0%" in report


def test_a_shop_is_renamed_and_disabled(desk: Desk) -> None:
    assert send(desk, SHOP, name="Magasin") == 303
    assert send(desk, SHOP, disabled="true") == 303
    text = desk.get(SHOP).text
    assert "Magasin" in text
    assert "This shop is disabled" in text
    assert send(desk, SHOP, disabled="false") == 303
    assert "This shop is disabled" not in desk.get(SHOP).text
    assert send(desk, f"/shops/{'f' * 32}", name="x") == 404


def test_a_viewer_sees_whether_shops_talk_and_no_address_or_secret(desk: Desk) -> None:
    with writing(desk.wiring.sessions) as session:
        account = accounts.create_account(session, "viewer@example.com", "a long enough password", NOW)
        accounts.join(session, account, BRAND, Role.VIEWER, NOW)
    viewer = desk.another_browser()
    viewer.sign_in("viewer@example.com", "a long enough password")
    for page in ("/shops", SHOP):
        text = viewer.get(page).text
        assert "Boutique" in text
        assert "/webhooks/" not in text
        assert 'method="post"' not in text.split("<main")[1]
    assert [viewer.get(page).status_code for page in ("/keys", "/brand")] == [403, 403]
    assert "API keys" not in viewer.get("/").text


def test_a_key_is_shown_once_and_opens_the_api_until_it_is_revoked(desk: Desk) -> None:
    answer = desk.post("/keys", desk.token("/shops"), name="export")
    assert (answer.status_code, answer.headers.get("Set-Cookie")) == (201, None)
    (key,) = re.findall(r'value="(trk_[^"]+)"', answer.text)
    text = desk.get("/keys").text
    assert key not in text
    bearer = {"Authorization": f"Bearer {key}"}
    assert desk.get("/api/v1/brand", **bearer).status_code == 200
    found = re.search(r"/keys/([0-9a-f]{32})/revoke", text)
    assert found is not None
    assert send(desk, f"/keys/{found[1]}/revoke") == 303
    assert desk.get("/api/v1/brand", **bearer).status_code == 401
    assert send(desk, "/keys", name=" " * 3 + "x" * 300) == 422


BRAND_FORM = {
    "name": "Maison Violette",
    "currency": "EUR",
    "time_zone": "Europe/Paris",
    "target_return": "4,5",
    "margin": "42",
    "hosts": "bbbbbbbb.example.com\ngo.maison.example",
    "landing_domains": "shop.example",
    "fallback_url": "https://shop.example/",
}


def test_the_brand_is_changed_by_a_form_and_what_would_strand_a_link_is_refused(desk: Desk) -> None:
    assert send(desk, "/brand", **BRAND_FORM) == 303
    text = desk.get("/brand").text
    for told in ('value="4.5"', 'value="42"', "go.maison.example", 'value="https://shop.example/"'):
        assert told in text
    assert send(desk, "/brand", **{**BRAND_FORM, "margin": "", "fallback_url": ""}) == 303
    assert 'value="42"' not in desk.get("/brand").text
    for wrong in ({"landing_domains": "other.example"}, {"time_zone": "Europe/Rome"}, {"hosts": ""}, {"name": ""}):
        assert send(desk, "/brand", **{**BRAND_FORM, **wrong}) == 422
