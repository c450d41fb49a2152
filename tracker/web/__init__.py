"""The faces: redirect, webhooks, API and pages."""

from __future__ import annotations

from apiflask import APIFlask

from tracker.web import (
    account,
    api,
    auth,
    bilan,
    brand,
    campaigns,
    costs,
    drawings,
    estimates,
    filters,
    forgotten,
    guard,
    health,
    imports,
    invitation,
    issuing,
    keys,
    pacing,
    pages,
    partner,
    payouts,
    people,
    placements,
    portal,
    qr,
    rules,
    segments,
    sending,
    shared,
    shops,
    snapshots,
    snippet,
    talk,
    terms,
    webhooks,
    work,
)
from tracker.web.redirect import Redirect
from tracker.wiring import Wiring, build


def create_app(wiring: Wiring | None = None) -> APIFlask:
    """The web application. The redirect stands in front of Flask's dispatch: it costs a sixth of it."""
    wiring = wiring or build()
    app = APIFlask("tracker", title="Tracker", docs_path=None, spec_path=None)
    largest = 2 * 1024 * 1024
    app.config.update(SECRET_KEY=wiring.settings.secret_key, MAX_CONTENT_LENGTH=largest, MAX_FORM_MEMORY_SIZE=largest)
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
        pacing,
        bilan,
        drawings,
        rules,
        sending,
        shared,
        work,
        imports,
        terms,
        payouts,
        people,
        portal,
        partner,
        talk,
        estimates,
        qr,
        issuing,
        campaigns,
        costs,
        placements,
        snapshots,
        segments,
        shops,
        keys,
        brand,
    ):
        face.register(app, wiring)
    app.wsgi_app = Redirect(app.wsgi_app, wiring)  # type: ignore[method-assign]
    return app
