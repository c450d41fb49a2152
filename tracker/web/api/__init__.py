"""The REST API under /api/v1: bearer keys, one brand each, problem documents, idempotent writes."""

from __future__ import annotations

from apiflask import APIBlueprint, APIFlask

from tracker.web.api import _document, _estimates, _health, _nouns, _papers, _problems, _results, _rules, _work
from tracker.web.api._doors import Door
from tracker.wiring import Wiring


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add this face to the application."""
    blueprint = APIBlueprint("api", __name__, url_prefix="/api/v1")
    door = Door(wiring)
    blueprint.before_request(door.check)
    _problems.register(app, blueprint)
    _nouns.register(blueprint, door)
    _results.register(blueprint, door)
    _papers.register(blueprint, door)
    _rules.register(blueprint, door)
    _estimates.register(blueprint, door)
    _work.register(blueprint, door)
    _health.register(blueprint, door)
    _document.register(app, blueprint, wiring.settings)
    app.register_blueprint(blueprint)
