"""The REST API: what it answers, how it pages, and that every error is a problem document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import validate
from werkzeug.test import TestResponse

from tests.api_world import ApiWorld, add_orders
from tests.conftest import NOW
from tracker import estimates
from tracker.domain.ids import is_id
from tracker.settings import Settings
from tracker.web.api._results import OrderPage, Receipt, Report


@pytest.fixture
def world(sqlite_url: str, redis_url: str, tmp_path: Any) -> Iterator[ApiWorld]:
    """What does not depend on the database; the tests of isolation and idempotency run on both."""
    made = ApiWorld(
        Settings.from_env(
            {
                "TRACKER_STATE": str(tmp_path / "state"),
                "DATABASE_URL": sqlite_url,
                "REDIS_URL": redis_url,
                "SECRET_KEY": "0" * 64,
                "PUBLIC_URL": "https://go.example.com",
            }
        )
    )
    yield made
    made.close()


def assert_problem(answer: TestResponse, status: int) -> dict[str, Any]:
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json"), answer.text
    found: dict[str, Any] = json.loads(answer.data)
    assert found["status"] == status
    assert set(found) == {"type", "title", "status", "detail", "errors"}
    return found


# --- the catalog -----------------------------------------------------------------------------------------------------


def test_what_is_added_is_answered_whole_and_found_at_its_location(world: ApiWorld) -> None:
    partner = world.alice.post("/partners", {"name": "Léa", "kind": "creator", "followers": 12000})
    assert partner.status_code == 201
    body = {
        "partner_id": partner.json["id"],  # type: ignore[index]
        "url": "https://alice.example.org/p?a=1",
        "slug": "lea",
    }
    link = world.alice.post("/links", body)
    assert link.status_code == 201
    found: Any = link.json
    assert is_id(found["id"])
    assert found["url"] == "https://alice.example.com/r/lea"
    assert found["landing_url"] == "https://alice.example.org/p?a=1"
    assert link.headers["Location"].endswith(f"/api/v1/links/{found['id']}")
    assert world.alice.get(f"/links/{found['id']}").json == found


def test_a_shop_is_connected_by_its_webhook_url_and_its_secret_is_never_shown(world: ApiWorld) -> None:
    secret = "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"
    shop = world.alice.post("/shops", {"platform": "shopify", "secret": secret})
    found: Any = shop.json
    assert found["webhook_url"].startswith("https://go.example.com/webhooks/shopify/")
    assert found["secrets"][0]["hint"] == secret[-4:]
    added = world.alice.post(f"/shops/{found['id']}/secrets", {"secret": secret[::-1]})
    assert added.status_code == 201
    removed = world.alice.send("DELETE", f"/shops/{found['id']}/secrets/{found['secrets'][0]['id']}")
    listed = world.alice.get(f"/shops/{found['id']}/secrets")
    assert [one["hint"] for one in listed.json["data"]] == [secret[:4][::-1]]  # type: ignore[index]
    for answer in (shop, added, removed, listed, world.alice.get("/shops")):
        assert secret not in answer.text
        assert secret[::-1] not in answer.text


def test_a_secret_that_was_made_is_told_once_and_kept_in_no_answer(world: ApiWorld) -> None:
    first, second = (world.alice.post("/shops", {"platform": "standard"}, idempotency="k1") for _ in range(2))
    made, replayed = first.json, second.json
    assert made is not None
    assert made["secret"].startswith("whsec_")
    assert replayed == {name: value for name, value in made.items() if name != "secret"}
    assert made["secret"] not in world.alice.get("/shops").text + world.alice.get(f"/shops/{made['id']}").text


def test_a_code_changes_hands_on_a_date(world: ApiWorld) -> None:
    tom: Any = world.alice.post("/partners", {"name": "Tom"}).json
    path = f"/codes/{world.alice.ids['code']}/owners"
    given = world.alice.post(path, {"partner": tom["id"], "valid_from": "2026-04-01"})
    assert given.status_code == 201
    owners: Any = world.alice.get(path).json
    assert [(one["partner"], one["valid_from"], one["valid_to"]) for one in owners["data"]] == [
        (world.alice.ids["partner"], None, "2026-03-31T22:00:00Z"),
        (tom["id"], "2026-03-31T22:00:00Z", None),
    ]


def test_the_brand_of_the_key_can_be_read_and_changed(world: ApiWorld) -> None:
    changed: Any = world.alice.patch("/brand", {"fallback_url": "https://alice.example.org/hello"}).json
    assert changed["fallback_url"] == "https://alice.example.org/hello"
    assert world.alice.get("/brand").json == changed


def test_lists_come_in_pages_with_the_filters_that_were_asked(world: ApiWorld) -> None:
    tom: Any = world.alice.post("/partners", {"name": "Tom"}).json
    body = {"partner": tom["id"], "landing_url": "https://alice.example.org/"}
    made = [world.alice.post("/links", body).json["id"] for _ in range(5)]  # type: ignore[index]
    seen: list[str] = []
    query = {"partner": tom["id"], "limit": "2"}
    while True:
        page: Any = world.alice.get("/links", query_string=query).json
        seen += [link["id"] for link in page["data"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == made


# --- orders, receipts, reports ---------------------------------------------------------------------------------------


def test_an_order_is_shown_with_its_credits_in_decimal_strings(world: ApiWorld) -> None:
    ids = world.alice.ids
    (order,) = world.alice.get("/orders").json["data"]  # type: ignore[index]
    assert order == {
        "id": ids["order"],
        "shop": ids["shop"],
        "external_id": "alice-1001",
        "number": "1001",
        "status": "paid",
        "test": False,
        "currency": "EUR",
        "total": "108.00",
        "refunded": "0.00",
        "net": "90.00",
        "codes": ["alice10"],
        "click_ids": [],
        "placed_at": "2026-03-02T09:30:00+00:00",
        "credits": [
            {
                "partner": ids["partner"],
                "channel": "influence",
                "link": ids["link"],
                "code": "alice10",
                "evidence": ["click", "code"],
                "model": "last_click",
                "weight": "1",
                "amount": "90.00",
            }
        ],
    }
    assert world.alice.get(f"/orders/{ids['order']}").json == order


def test_orders_come_in_pages_and_each_comes_once(world: ApiWorld) -> None:
    add_orders(world, world.alice, 6)
    seen, cursor = [], ""
    while True:
        page: Any = world.alice.get("/orders", query_string={"limit": "3", "cursor": cursor}).json
        OrderPage.model_validate(page)
        seen += [order["id"] for order in page["data"]]
        if not (cursor := page["next_cursor"]):
            break
    assert len(seen) == len(set(seen)) == 7


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"status": "paid"}, 1),
        ({"status": "cancelled"}, 0),
        ({"from": "2026-03-02", "to": "2026-03-02"}, 1),
        ({"from": "2026-03-03"}, 0),
        ({"code": "ALICE10"}, 0),  # the world's orders carry it in their row alone
        ({"channel": "influence"}, 1),
        ({"channel": "affiliate"}, 0),
        ({"attributed": "true", "test": "false", "model": "last_click"}, 1),
        ({"attributed": "false"}, 0),
        ({"model": "all"}, 1),
    ],
)
def test_orders_can_be_filtered(world: ApiWorld, query: dict[str, str], found: int) -> None:
    assert len(world.alice.get("/orders", query_string=query).json["data"]) == found  # type: ignore[index]


def test_a_receipt_says_why(world: ApiWorld) -> None:
    receipt: Any = world.alice.get(f"/orders/{world.alice.ids['order']}/receipt").json
    Receipt.model_validate(receipt)
    assert receipt["receipt"] == {"candidates": ["alice"]}
    assert receipt["order"]["id"] == world.alice.ids["order"]


def test_every_report_is_served_by_its_name(world: ApiWorld) -> None:
    names = [report["name"] for report in world.alice.get("/reports").json["data"]]  # type: ignore[index]
    assert {"channels", "partners"} <= set(names)
    for name in names:
        query = {"from": "2026-03-01", "to": "2026-03-31", "model": "last_click"}
        answer = world.alice.get(f"/reports/{name}", query_string=query)
        report: Any = answer.json
        Report.model_validate(report)
        assert (report["report"], report["from"], report["to"]) == (name, "2026-03-01", "2026-03-31")
    assert_problem(world.alice.get("/reports/nothing"), 404)


@pytest.mark.parametrize("name", ["days", "orders"])
def test_a_report_is_read_a_page_of_rows_at_a_time(world: ApiWorld, name: str) -> None:
    query: dict[str, Any] = {"from": "2026-03-01", "to": "2026-03-31"}
    whole: Any = world.alice.get(f"/reports/{name}", query_string=query).json
    assert whole["next_cursor"] is None
    found: list[Any] = []
    pages, query = 0, {**query, "limit": max(1, len(whole["rows"]) // 2)}
    while pages == 0 or query["cursor"]:
        page: Any = world.alice.get(f"/reports/{name}", query_string=query).json
        assert 0 < len(page["rows"]) <= query["limit"]
        found, pages = found + page["rows"], pages + 1
        query["cursor"] = page["next_cursor"]
    assert found == whole["rows"]
    assert pages >= min(2, len(whole["rows"]))
    for refused in ({"cursor": "-1"}, {"cursor": "none"}, {"limit": 0}, {"limit": 1001}):
        assert_problem(world.alice.get(f"/reports/{name}", query_string=query | {"cursor": ""} | refused), 422)


@pytest.mark.parametrize("query", [{"from": "0001-01-01"}, {"to": "9999-12-31"}, {"from": "0001-01-04"}])
def test_orders_of_all_days_that_there_are_can_be_asked_for(world: ApiWorld, query: dict[str, str]) -> None:
    every: Any = world.alice.get("/orders").json
    assert every["data"]
    assert world.alice.get("/orders", query_string=query).json == every


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/reports/channels", {"from": "yesterday"}, "from"),
        ("/reports/channels", {"from": "2026-03-02", "to": "2026-03-01"}, "from"),
        ("/reports/channels", {"model": "guess"}, "model"),
        ("/orders", {"model": "guess"}, "model"),
        ("/orders", {"cursor": "nonsense"}, "cursor"),
        ("/orders", {"limit": "0"}, "limit"),
        ("/orders", {"status": "lost"}, "status"),
        ("/orders", {"colour": "red"}, "colour"),
        ("/links", {"cursor": "nonsense"}, "cursor"),
    ],
)
def test_a_query_that_will_not_do_is_refused_by_its_name(
    world: ApiWorld, path: str, query: dict[str, str], field: str
) -> None:
    found = assert_problem(world.alice.get(path, query_string=query), 422)
    assert [error["field"] for error in found["errors"]] == [field]


# --- errors ----------------------------------------------------------------------------------------------------------


def test_every_field_that_will_not_do_is_named(world: ApiWorld) -> None:
    body = {"landing_url": "", "slug": "a b", "channel": "paid", "nope": 1}
    found = assert_problem(world.alice.post("/links", body), 422)
    fields = {error["field"]: error["message"] for error in found["errors"]}
    assert set(fields) == {"partner", "landing_url", "slug", "channel", "nope"}
    assert fields["slug"].startswith("want 1 to 100 of the characters")


def test_a_rule_of_the_brand_is_named_by_its_field_too(world: ApiWorld) -> None:
    body = {"partner": world.alice.ids["partner"], "landing_url": "https://evil.example/"}
    found = assert_problem(world.alice.post("/links", body), 422)
    assert [error["field"] for error in found["errors"]] == ["landing_url"]


def test_a_conflict_is_409_and_says_what_is_there(world: ApiWorld) -> None:
    body = {"partner": world.alice.ids["partner"], "code": "ALICE10"}
    assert "written alice10" in assert_problem(world.alice.post("/codes", body), 409)["detail"]


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'"x"', b"null", b'{"name": "\xff"}', b'{"name": "\\ud800"}', b'{"name": "a\\u0000"}']
)
def test_a_body_that_is_no_partner_is_refused(world: ApiWorld, data: bytes) -> None:
    answer = world.alice.send("POST", "/partners", data=data, content_type="application/json")
    assert_problem(answer, 400 if data in (b"", b"{", b'{"name": "\xff"}') else 422)


def test_a_body_nested_without_end_is_refused(world: ApiWorld) -> None:
    answer = world.alice.send("POST", "/partners", data=b"[" * 100_000, content_type="application/json")
    assert_problem(answer, 400)


def test_a_body_that_is_not_json_is_415(world: ApiWorld) -> None:
    for content_type in ("application/x-www-form-urlencoded", "text/plain", ""):
        assert_problem(world.alice.send("POST", "/partners", data=b"name=x", content_type=content_type), 415)


def test_a_body_that_is_too_large_is_413(world: ApiWorld) -> None:
    assert_problem(world.alice.post("/partners", {"name": "x" * 300_000}), 413)


def test_a_path_that_leads_nowhere_is_404_and_a_method_that_is_not_offered_405(world: ApiWorld) -> None:
    for path in ("/nothing", "/links/a/b", "/../x"):
        assert_problem(world.alice.get(path), 404)
    found = world.alice.send("PUT", "/links")
    assert_problem(found, 405)
    assert {"GET", "POST"} <= set(found.headers["Allow"].split(", "))
    assert_problem(world.app.test_client().get("/api/v2/links"), 404)


def test_a_fault_of_ours_is_500_and_tells_nothing(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracker.catalog.brands.view", lambda *_: 1 / 0)
    found = assert_problem(world.alice.get("/brand"), 500)
    assert "division" not in json.dumps(found)


def test_a_ledger_that_does_not_answer_is_503(world: ApiWorld) -> None:
    with world.wiring.engine.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE partners RENAME TO gone")
        connection.commit()
    answer = world.alice.get("/partners")
    assert_problem(answer, 503)
    assert answer.headers["Retry-After"] == "1"


def test_every_answer_has_the_headers_that_keep_it_from_harm(world: ApiWorld) -> None:
    bare = world.app.test_client().get("/api/v1/links")
    for answer in (world.alice.get("/links"), bare, world.alice.get("/nothing"), world.alice.post("/links", {})):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "Set-Cookie" not in answer.headers


def test_an_estimate_is_asked_for_and_read_when_a_worker_has_made_it(world: ApiWorld) -> None:
    days = {"from": "2026-03-01", "to": "2026-03-31", "level": "group"}
    assert world.alice.get("/estimates", query_string=days).status_code == 404
    asked = world.alice.post("/estimates", json=days)
    assert (asked.status_code, asked.json["state"], asked.json["result"]) == (202, "asked", None)  # type: ignore[index]
    while estimates.work_on_next(world.wiring.sessions, NOW, NOW):
        pass
    read: Any = world.alice.get("/estimates", query_string=days).json
    assert read | days == read
    assert (read["state"], read["result"]["level"]) == ("done", "group")
    assert world.bob.get("/estimates", query_string=days).status_code == 404
    for wrong in ({**days, "level": "moon"}, {**days, "to": "2026-02-01"}):
        assert world.alice.post("/estimates", json=wrong).status_code == 422


# --- the document ----------------------------------------------------------------------------------------------------


def test_the_document_is_valid_and_knows_every_route(world: ApiWorld) -> None:
    answer = world.app.test_client().get("/api/v1/openapi.json", headers={"Host": "evil.example"})
    document: Any = answer.json
    validate(document)
    assert document["servers"] == [{"url": "https://go.example.com"}]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    offered = {
        (method.lower(), rule.rule.replace("<", "{").replace(">", "}"))
        for rule in world.app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and not rule.rule.endswith("openapi.json")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(method, path) for path, one in document["paths"].items() for method in one} == offered


def test_the_document_is_the_same_each_time(world: ApiWorld) -> None:
    first, second = (world.app.test_client().get("/api/v1/openapi.json").data for _ in range(2))
    assert first == second


def test_an_answer_is_what_the_document_says(world: ApiWorld) -> None:
    document: Any = world.app.test_client().get("/api/v1/openapi.json").json
    for path, operations in document["paths"].items():
        if "{" not in path and "get" in operations:
            reference = operations["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
            schema = document["components"]["schemas"][reference.rpartition("/")[2]]
            answer: Any = world.alice.get(path.removeprefix("/api/v1")).json
            assert set(answer) == set(schema["properties"]), path


def test_a_whole_installation_serves_the_api_on_both_databases(settings: Settings) -> None:
    world = ApiWorld(settings)
    assert world.bob.get("/orders").json["data"][0]["id"] == world.bob.ids["order"]  # type: ignore[index]
    world.close()
