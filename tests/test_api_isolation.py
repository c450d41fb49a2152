"""A key opens one brand: what names a thing of another, in path, query or body, is answered as if it were not there.

Routes, parameters and references are read from the application itself, so a new one cannot be forgotten.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pypdf import PdfReader
from werkzeug.test import TestResponse

from tests.api_world import HOLDOUT, ApiWorld, Client
from tracker.domain.ids import new_id
from tracker.settings import Settings

PREFIX = "/api/v1"
# Bodies that would be accepted, were their references the brand's own. A new writing route needs one here.
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("PATCH", "/brand"): {"visitor_cookie": True},
    ("POST", "/rules"): {"several_codes": "share"},
    ("POST", "/rules/drafts"): {"name": "x"},
    ("PATCH", "/rules/drafts/{draft_id}"): {"name": "y"},
    ("POST", "/rules/drafts/{draft_id}/publish"): {},
    ("POST", "/shops"): {"platform": "shopify"},
    ("PATCH", "/shops/{shop_id}"): {"name": "x"},
    ("POST", "/shops/{shop_id}/secrets"): {"secret": "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"},
    ("POST", "/partners"): {"name": "x"},
    ("PATCH", "/partners/{partner_id}"): {"name": "x"},
    ("POST", "/campaigns"): {"name": "x"},
    ("PATCH", "/campaigns/{campaign_id}"): {"name": "x"},
    ("POST", "/placements"): {"partner": "partner", "network": "tiktok"},
    ("PATCH", "/placements/{placement_id}"): {"network": "tiktok"},
    ("POST", "/snapshots"): {"placement": "placement", "taken_at": "2026-03-01", "views": 1000},
    ("POST", "/links"): {"partner": "partner", "landing_url": "https://alice.example.org/"},
    ("PATCH", "/links/{link_id}"): {"expires_at": None},
    ("POST", "/codes"): {"partner": "partner", "code": "NEW10"},
    ("POST", "/terms"): {"partner": "partner", "percent": "12.5"},
    ("POST", "/costs"): {"partner": "partner", "kind": "fee", "amount": "250.00"},
    ("PATCH", "/costs/{cost_id}"): {"withdrawn": True},
    ("POST", "/schedules"): {"report": "channels", "recipients": ["lea@example.com"], "partner": "partner"},
    ("PATCH", "/schedules/{schedule_id}"): {"ended": False},
    ("POST", "/schedules/{schedule_id}/run"): {},
    ("POST", "/shared-links"): {"report": "channels", "days": 7, "campaign": "campaign"},
    ("PATCH", "/shared-links/{shared_link_id}"): {"revoked": True},
    ("PUT", "/shops/{shop_id}/counts"): {"counts": [{"day": "2026-03-01", "orders": 12}]},
    ("POST", "/segments"): {"segment": "x", "members": [{"email": "lea@example.com"}], "apply": True},
    ("POST", "/imports"): {"shop": "shop", "csv": "id;total\n1;2\n"},
    ("POST", "/rebuilds"): {},
    ("POST", "/replays"): {"draft": "draft", "partner": "partner"},
    ("POST", "/jobs/{job_id}/cancel"): {},
    ("POST", "/jobs/{job_id}/apply"): {},
    ("POST", "/goals"): {
        "campaign": "campaign",
        "metric": "views",
        "target": "5000",
        "starts_on": "2026-03-01",
        "ends_on": "2026-03-31",
    },
    ("PATCH", "/goals/{goal_id}"): {"target": "600"},
    ("POST", "/decisions"): {"campaign": "campaign", "about": "message", "text": "another hook"},
    ("PATCH", "/decisions/{decision_id}"): {"withdrawn": True},
    ("POST", "/conversions"): {"kind": "lead", "external_id": "L1", "code": "SPRING"},
    ("POST", "/benchmarks"): {"metric": "cvr", "value": "2.5", "source": "a survey of 2025"},
    ("POST", "/holdouts"): {"campaign": "campaign", "name": "x", **HOLDOUT},
    ("POST", "/estimates"): {"level": "group", "from": "2026-03-01", "to": "2026-03-31"},
    ("POST", "/messages"): {"partner": "partner", "text": "Hello."},
    ("PATCH", "/disputes/{dispute_id}"): {"state": "refused", "answer": "It came too late."},
    ("POST", "/payouts"): {"partner": "partner", "reference": "transfer 7"},
    ("POST", "/invitations"): {"email": "new@example.com", "role": "partner", "partner": "partner"},
    ("POST", "/codes/{code_id}/owners"): {"partner": "partner", "valid_from": "2026-03-01"},
}
# What may be read without a key, and what names no thing of a brand.
OPEN = {"/openapi.json"}
NO_BRANDS_THING = {"name"}


@pytest.fixture
def world(settings: Settings) -> Iterator[ApiWorld]:
    made = ApiWorld(settings)
    yield made
    made.close()


def routes(world: ApiWorld) -> list[tuple[str, str]]:
    """Every method and path below /api/v1."""
    return [
        (method, re.sub(r"<(?:[^<:>]+:)?([^<>]+)>", r"{\1}", rule.rule.removeprefix(PREFIX)))
        for rule in world.app.url_map.iter_rules()
        if rule.rule.startswith(PREFIX)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def names_in(path: str) -> list[str]:
    return re.findall(r"{(\w+)}", path)


def filled(path: str, ids: dict[str, str]) -> str:
    """The path with ids for its parameters; a report for a report's name."""
    return re.sub(r"{(\w+)}", lambda match: ids.get(match[1].removesuffix("_id"), "channels"), path)


def body(world: ApiWorld, method: str, path: str) -> dict[str, Any] | None:
    """A body that Alice may send there."""
    if method in ("GET", "DELETE"):
        return None
    template = BODIES[method, path]
    return {name: world.alice.ids[name] if value == name else value for name, value in template.items()}


def assert_not_there(world: ApiWorld, client: Client, method: str, path: str, **more: Any) -> None:
    answer = client.send(method, path, **more)
    assert answer.status_code == 404, (method, path, more, answer.text)
    assert answer.mimetype == "application/problem+json"
    for secret in (world.bob.brand, "bob"):
        assert secret not in answer.text.replace(path, ""), (method, path, answer.text)


def test_every_route_asks_for_a_key(world: ApiWorld) -> None:
    stranger = Client(world.app, "", "trk_" + "x" * 43)
    for method, path in routes(world):
        target = filled(path, world.alice.ids)
        expected = 200 if path in OPEN else 401
        bare = world.app.test_client().open(PREFIX + target, method=method, json={})
        assert bare.status_code == stranger.send(method, target, json={}).status_code == expected, (method, path)
        if expected == 401:
            assert "Bearer" in bare.headers["WWW-Authenticate"]


def test_every_route_answers_its_own_brand(world: ApiWorld) -> None:
    """What the other tests rely on: with one's own ids none of these requests is refused."""
    for method, path in routes(world):
        answer = world.alice.send(method, filled(path, world.alice.ids), json=body(world, method, path))
        # Before the walk has added a second one, a shop's only secret stays.
        expected = {"POST": (201, 202), "DELETE": (200, 409)}.get(method, (200,))
        assert answer.status_code in expected, (method, path, answer.text)


def test_an_id_of_another_brand_in_a_path_is_not_there(world: ApiWorld) -> None:
    walked = 0
    for method, path in routes(world):
        for name in names_in(path):
            if name in NO_BRANDS_THING:
                continue
            kind = name.removesuffix("_id")
            for foreign in (world.bob.ids[kind], new_id(), "no-id"):
                target = filled(path, {**world.alice.ids, kind: foreign})
                assert_not_there(world, world.alice, method, target, json=body(world, method, path))
            walked += 1
    assert walked >= 15


def test_an_id_of_another_brand_in_a_body_is_not_there(world: ApiWorld) -> None:
    document = world.app.test_client().get(f"{PREFIX}/openapi.json").get_json()
    walked = 0
    for method, path in routes(world):
        for name in references(document, method, path):
            given = {**(body(world, method, path) or {}), name: world.bob.ids[name]}
            assert_not_there(world, world.alice, method, filled(path, world.alice.ids), json=given)
            walked += 1
    assert walked >= 12


def test_an_id_of_another_brand_in_a_query_is_not_there(world: ApiWorld) -> None:
    document = world.app.test_client().get(f"{PREFIX}/openapi.json").get_json()
    walked = 0
    for method, path in routes(world):
        operation = document["paths"].get(PREFIX + path, {}).get(method.lower(), {})
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "query" and parameter["schema"].get("format") == "id":
                for spelling in (parameter["name"], f"{parameter['name']}_id"):
                    query = {spelling: world.bob.ids[parameter["name"]]}
                    target = filled(path, world.alice.ids)
                    assert_not_there(world, world.alice, method, target, query_string=query)
                walked += 1
    assert walked >= 10


def test_every_text_that_names_a_thing_is_known_as_a_reference(world: ApiWorld) -> None:
    """A field called like a kind of thing must be marked as a reference, or the walks above would miss it."""
    document = world.app.test_client().get(f"{PREFIX}/openapi.json").get_json()
    kinds = set(world.alice.ids) - {"code", "secret", "message"}  # in bodies these are the texts themselves
    for name, schema in document["components"]["schemas"].items():
        if name.startswith("New") or name.endswith("Change"):
            for field, told in schema["properties"].items():
                assert (field.removesuffix("_id") in kinds) == (told.get("format") == "id"), (name, field)
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation["parameters"]:
                if parameter["in"] == "query":
                    is_reference = parameter["schema"].get("format") == "id"
                    assert (parameter["name"].removesuffix("_id") in kinds) == is_reference, parameter


def said(answer: TestResponse) -> str:
    """What an answer says, on paper too."""
    if answer.content_type != "application/pdf":
        return answer.text
    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.data)).pages)


def test_nothing_of_another_brand_is_in_any_list(world: ApiWorld) -> None:
    for method, path in routes(world):
        if method == "GET" and path not in OPEN:
            answer = said(world.alice.get(filled(path, world.alice.ids)))
            assert world.bob.brand not in answer
            assert "bob" not in answer
            assert not any(foreign in answer for foreign in world.bob.ids.values()), path


def references(document: dict[str, Any], method: str, path: str) -> list[str]:
    """The references in the body that a route takes."""
    operation = document["paths"].get(PREFIX + path, {}).get(method.lower(), {})
    if "requestBody" not in operation:
        return []
    name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    schema = document["components"]["schemas"][name]
    return [field for field, told in schema["properties"].items() if told.get("format") == "id"]
