"""Every error under /api is a problem document (RFC 9457), whoever raised it, and says no more than one may know."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from apiflask import APIBlueprint, APIFlask
from apiflask.exceptions import HTTPError
from flask import Response, request
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from tracker import log
from tracker.catalog.fields import Output, problems
from tracker.errors import BadInput, TrackerError

PREFIX = "/api/"
MEDIA_TYPE = "application/problem+json"


class FieldProblem(Output):
    """A field that will not do, and what would."""

    field: str
    message: str


class Problem(Output):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: tuple[FieldProblem, ...] = ()


def problem(
    status: int, detail: str = "", errors: Iterable[tuple[str, str]] = (), headers: dict[str, str] | None = None
) -> Response:
    """A problem document as the answer."""
    title = HTTPStatus(status).phrase
    body = Problem(
        title=title,
        status=status,
        detail=detail or title,
        errors=tuple(FieldProblem(field=field, message=message) for field, message in errors),
    )
    return Response(json.dumps(body.model_dump(), ensure_ascii=False), status, headers, mimetype=MEDIA_TYPE)


def register(app: APIFlask, blueprint: APIBlueprint) -> None:
    """Answer with problem documents: errors of our routes, and those of paths under /api that lead to no route."""
    blueprint.register_error_handler(Exception, _of_fault)
    blueprint.register_error_handler(HTTPException, _of_http)
    blueprint.register_error_handler(HTTPError, _of_input)
    blueprint.register_error_handler(TrackerError, _of_ours)
    blueprint.register_error_handler(ValidationError, _of_validation)
    blueprint.register_error_handler(IntegrityError, _of_conflict)
    for outage in (OperationalError, InterfaceError, PoolTimeout):
        blueprint.register_error_handler(outage, _of_outage)
    app.after_request(_finished)


def _finished(response: Response) -> Response:
    if not request.path.startswith(PREFIX):
        return response
    if response.status_code >= 400 and response.mimetype != MEDIA_TYPE:
        response = problem(response.status_code, headers=_allowed(request.routing_exception))
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    return response


def _of_ours(error: TrackerError) -> Response:
    if isinstance(error, BadInput):
        return problem(error.status, f"{error.field}: {error}", [(error.field, str(error))])
    if error.status >= 500:
        log.warning("api_unavailable", exc=type(error).__name__)
    return problem(error.status, str(error), headers=None if error.permanent else {"Retry-After": "1"})


def _of_validation(error: ValidationError) -> Response:
    found = problems(error)
    return problem(422, "; ".join(f"{field}: {message}" for field, message in found), found)


def _of_input(error: HTTPError) -> Response:
    """What APIFlask refuses itself: `detail` is {location: {field: [message]}}."""
    detail: Any = error.detail
    found = [
        (field if field != "_schema" else "", message.removeprefix("Value error, "))
        for fields in detail.values()
        for field, messages in fields.items()
        for message in messages
    ]
    said = "; ".join(f"{field}: {message}" if field else message for field, message in found)
    return problem(error.status_code, said or error.message or "", found)


def _of_http(error: HTTPException) -> Response:
    return problem(error.code or 500, error.description or "")


def _allowed(error: HTTPException | None) -> dict[str, str]:
    methods = error.valid_methods if isinstance(error, MethodNotAllowed) else None
    return {"Allow": ", ".join(sorted(methods))} if methods else {}


def _of_conflict(_error: DBAPIError) -> Response:
    return problem(409, "something that this leans on changed at the same moment: read it again")


def _of_outage(error: Exception) -> Response:
    log.error("api_ledger_down", exc=error)
    return problem(503, "the ledger does not answer; try again", headers={"Retry-After": "1"})


def _of_fault(error: Exception) -> Response:
    if isinstance(error, RecursionError):
        return problem(400, "the body is nested too deeply")
    log.error("api_fault", exc=error, path=request.path)
    return problem(500, "this is our fault, and it is in our log")
