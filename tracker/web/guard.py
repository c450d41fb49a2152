"""What every answer carries and every form must prove: security headers, CSRF tokens, and errors a person can read."""

from __future__ import annotations

from typing import Any, cast

from apiflask import APIFlask, HTTPError
from flask import Blueprint, Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy.exc import InterfaceError, OperationalError
from werkzeug.exceptions import HTTPException

from tracker import log
from tracker.errors import TrackerError, told
from tracker.wiring import Wiring

# Machines prove themselves otherwise there: by a key, by a signature. Everything else that writes needs a token.
_MACHINES = ("/api/", "/webhooks/")
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
_TWO_YEARS = "max-age=63072000; includeSubDomains"


# The errors that a person may meet on a page.
_PAGED = (400, 403, 404, 405, 413, 429, 500, 503)


def register(app: APIFlask, wiring: Wiring) -> None:
    """Put the guard around all faces of the application."""
    app.config.update(WTF_CSRF_CHECK_DEFAULT=False, WTF_CSRF_TIME_LIMIT=None)
    _demand_tokens(app, CSRFProtect(app))
    _send_headers(app, https=wiring.settings.public_url.startswith("https:"))
    _show_errors(app)


def show_errors_of(blueprint: Blueprint) -> None:
    """Answer our own errors from these views with a page; the message is written for people."""
    blueprint.register_error_handler(TrackerError, lambda error: error_page(error.status, told(str(error), _)))
    for outage in (OperationalError, InterfaceError):
        blueprint.register_error_handler(outage, _outage)


def error_page(status: int, message: str = "") -> ResponseReturnValue:
    """A page that says what is wrong and where to go on."""
    return render_template("error.html", status=status, message=message), status


def _outage(error: Exception) -> ResponseReturnValue:
    log.error("ledger_down", exc=error, endpoint=request.endpoint)
    return error_page(503)


def _demand_tokens(app: APIFlask, csrf: CSRFProtect) -> None:
    @app.before_request
    def prove() -> None:
        if request.method in _SAFE_METHODS or request.path.startswith(_MACHINES):
            return
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            abort(403)
        csrf.protect()


def _send_headers(app: APIFlask, *, https: bool) -> None:
    headers = {**_HEADERS, "Strict-Transport-Security": _TWO_YEARS} if https else _HEADERS

    @app.after_request
    def protect(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        if request.endpoint != "static":
            response.headers.setdefault("Cache-Control", "no-store")
        return response


def _show_errors(app: APIFlask) -> None:
    def show(error: HTTPException) -> ResponseReturnValue:
        status = error.code or 500
        if request.path.startswith((*_MACHINES, "/health/")):
            return cast("ResponseReturnValue", app.error_callback(HTTPError(status, message=error.name)))
        expired = _("This form was open for too long. Go back, reload the page and send it again.")
        return error_page(status, expired if isinstance(error, CSRFError) else "")

    for status in _PAGED:
        app.register_error_handler(status, show)

    def note(exc_info: Any) -> None:
        """Only the type of what went wrong: texts and paths may hold what a log must not."""
        log.error("request_failed", exc=exc_info[1], endpoint=request.endpoint)

    app.log_exception = note  # type: ignore[method-assign]
