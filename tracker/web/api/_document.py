"""The OpenAPI document says what the routes do: it is made from them, and kept to the API's own paths."""

from __future__ import annotations

import json
import re
from typing import Any, cast

from apiflask import APIBlueprint, APIFlask
from flask import Response, jsonify

from tracker.settings import Settings
from tracker.web.api._doors import IDEMPOTENCY_HEADER
from tracker.web.api._problems import MEDIA_TYPE, Problem

PATH = "/openapi.json"
_REFERENCE = "#/components/schemas/{model}"
_SCHEME = "key"
_COMMON = {"400": "Bad request", "401": "No key, or one that opens nothing", "503": "The ledger does not answer"}
_WRITING = {"409": "Conflict", "413": "Too large", "415": "Not JSON"}
_KEY = {
    "name": IDEMPOTENCY_HEADER,
    "in": "header",
    "required": False,
    "description": "The same key with the same request gets the same answer; the write happens once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}

Json = dict[str, Any]


def register(app: APIFlask, blueprint: APIBlueprint, settings: Settings) -> None:
    """Add the document's route; anyone may read it."""
    # Only a placeholder: every error answer gets our own schema below.
    app.config.update(HTTP_ERROR_SCHEMA={"type": "object"}, VALIDATION_ERROR_SCHEMA={"type": "object"})
    app.servers = [{"url": settings.public_url}]
    app.security_schemes = {_SCHEME: {"type": "http", "scheme": "bearer", "description": "`tracker key add`"}}
    app.description = "Catalog, orders, receipts and reports of the brand whose key is sent."

    @app.get(f"{blueprint.url_prefix}{PATH}", endpoint="api_document")
    @app.doc(hide=True)
    def read_document() -> Response:
        _leave_out_plain_blueprints(app)
        return jsonify(_finished(cast(Json, app.spec), str(blueprint.url_prefix)))


def _leave_out_plain_blueprints(app: APIFlask) -> None:
    """APIFlask asks every blueprint that has a before-request function for an attribute that Flask's own lack."""
    for blueprint in app.blueprints.values():
        if not hasattr(blueprint, "enable_openapi"):
            blueprint.enable_openapi = False  # type: ignore[attr-defined]


def _finished(spec: Json, prefix: str) -> Json:
    paths = {path: operations for path, operations in spec["paths"].items() if path.startswith(prefix)}
    for operations in paths.values():
        for method, operation in operations.items():
            _finish(operation, writes=method != "get")
    tags = sorted({tag for operations in paths.values() for one in operations.values() for tag in one["tags"]})
    return _with_short_names(
        {
            **spec,
            "paths": paths,
            "components": {**spec["components"], "schemas": _schemas(spec["components"]["schemas"])},
            "tags": [{"name": tag} for tag in tags],
            "security": [{_SCHEME: []}],
        }
    )


def _schemas(found: Json) -> Json:
    """Every schema once: APIFlask names what is nested in a model after it (`LinkPage.LinkView`), model by model."""
    problem = Problem.model_json_schema(ref_template=_REFERENCE)
    ours = {name: schema for name, schema in found.items() if name not in ("HTTPError", "ValidationError")}
    nested = {name.rpartition(".")[2]: schema for name, schema in ours.items()}
    return {**nested, **problem.pop("$defs"), "Problem": problem}


def _with_short_names(spec: Json) -> Json:
    """The document with its references led to the schemas' own names."""
    text = re.sub(r"(#/components/schemas/)[A-Za-z0-9]+\.", r"\1", json.dumps(spec))
    return cast(Json, json.loads(text))


def _finish(operation: Json, *, writes: bool) -> None:
    responses = operation["responses"]
    for status, description in {**_COMMON, **(_WRITING if writes else {})}.items():
        responses.setdefault(status, {"description": description})
    for status, response in responses.items():
        if status >= "400":
            response["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    if "requestBody" in operation:
        operation["requestBody"]["required"] = True
    if writes and _KEY not in operation["parameters"]:
        operation["parameters"].append(_KEY)
