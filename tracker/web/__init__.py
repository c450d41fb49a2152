"""The faces: redirect, webhooks, API and pages."""

from __future__ import annotations

from apiflask import APIFlask

from tracker.web import (
    account,
    api,
    auth,
    bilan,
    estimates,
    filters,
    forgotten,
    guard,
    health,
    invitation,
    issuing,
    pages,
    payouts,
    people,
    portal,
    qr,
    rules,
    snippet,
    terms,
    webhooks,
)
from tracker.web.redirect import Redirect
from tracker.wiring import Wiring, build


def create_app(wiring: Wiring | None = None) -> APIFlask:
    """The web application. The redirect stands in front of Flask's dispatch: it costs a sixth of it."""
    wiring = wiring or build()
    app = APIFlask("tracker", title="Tracker", docs_path=None, spec_path=None)
    app.config.update(SECRET_KEY=wiring.settings.secret_key, MAX_CONTENT_LENGTH=2 * 1024 * 1024)
    for face in (
        guard,
        filters,
        health,
        snippet,
        webhooks,
        api,
        auth,
        account,
        forgotten,
        invitation,
        pages,
        bilan,
        rules,
        terms,
        payouts,
        people,
        portal,
        estimates,
        qr,
        issuing,
    ):
        face.register(app, wiring)
    app.wsgi_app = Redirect(app.wsgi_app, wiring)  # type: ignore[method-assign]
    return app
