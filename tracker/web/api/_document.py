"""The OpenAPI document says what the routes do: it is made from them, and kept to the API's own paths."""

from __future__ import annotations

from typing import Any, cast

from apiflask import APIBlueprint, APIFlask
from flask import Response, jsonify

from tracker.settings import Settings
from tracker.web.api._doors import IDEMPOTENCY_HEADER
from tracker.web.api._problems import MEDIA_TYPE, Problem

PATH = "/openapi.json"
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
    problem = Problem.model_json_schema(ref_template="#/components/schemas/Problem.{model}")
    nested = {f"Problem.{name}": schema for name, schema in problem.pop("$defs").items()}
    app.config.update(HTTP_ERROR_SCHEMA=problem, VALIDATION_ERROR_SCHEMA=problem)
    app.servers = [{"url": settings.public_url}]
    app.security_schemes = {_SCHEME: {"type": "http", "scheme": "bearer", "description": "`tracker key add`"}}
    app.description = "Catalog, orders, receipts and reports of the brand whose key is sent."

    @app.get(f"{blueprint.url_prefix}{PATH}", endpoint="api_document")
    @app.doc(hide=True)
    def read_document() -> Response:
        return jsonify(_finished(cast(Json, app.spec), str(blueprint.url_prefix), nested))


def _finished(spec: Json, prefix: str, nested: Json) -> Json:
    paths = {path: operations for path, operations in spec["paths"].items() if path.startswith(prefix)}
    for operations in paths.values():
        for method, operation in operations.items():
            _finish(operation, writes=method != "get")
    schemas = {**spec["components"]["schemas"], **nested, "Problem": spec["components"]["schemas"]["HTTPError"]}
    for name in ("HTTPError", "ValidationError"):
        schemas.pop(name, None)
    components = {"schemas": schemas, "securitySchemes": spec["components"]["securitySchemes"]}
    tags = sorted({tag for operations in paths.values() for one in operations.values() for tag in one["tags"]})
    return {**spec, "paths": paths, "components": components, "tags": [{"name": tag} for tag in tags],
            "security": [{_SCHEME: []}]}  # fmt: skip


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
