"""All models side by side on a brand's days: asked for here, computed by a worker, shown with how sure each one is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from apiflask import APIFlask
from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from tracker import estimates, queue
from tracker.attribution._refusals import REFUSALS
from tracker.domain.roles import Right
from tracker.errors import BadInput, say
from tracker.ledger import estimates as rows
from tracker.ledger.database import writing
from tracker.ledger.estimates import Wanted
from tracker.ledger.paths import Level
from tracker.web import auth, guard
from tracker.web._view import View, to
from tracker.wiring import Wiring

LEVELS = {
    Level.CHANNEL: "Channel",
    Level.GROUP: "Channel and kind of partner",
    Level.CAMPAIGN: "Campaign",
    Level.PLACEMENT: "Placement",
    Level.NETWORK: "Network",
}
STATES = {
    rows.State.ASKED: "Waiting for a worker. Reload in a moment.",
    rows.State.RUNNING: "A worker computes it. Reload in a moment.",
    rows.State.FAILED: "It could not be computed: %(error)s",
}
SENTENCES = (*LEVELS.values(), *STATES.values(), estimates.WITHIN)


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the page, behind the sign-in."""
    blueprint = Blueprint("estimates", __name__, url_prefix="/estimates")
    blueprint.before_request(auth.required(wiring))
    guard.show_errors_of(blueprint)

    @blueprint.get("")
    def show() -> ResponseReturnValue:
        with wiring.sessions() as session:
            view, wanted = _asked(session, wiring)
            row = rows.one(session, wanted)
        return render_template(
            "estimates.html", view=view, wanted=wanted, row=row, levels=LEVELS, states=STATES,
            **(_sorted(row.result) if row is not None and row.result else {}),
        )  # fmt: skip

    @blueprint.post("")
    def ask() -> ResponseReturnValue:
        with writing(wiring.sessions) as session:
            view, wanted = _asked(session, wiring)
            auth.demand(Right.PLAN, view.brand.id)
            rows.ask(session, wanted, wiring.clock.wall())
        queue.Doorbell(wiring.hasty_redis).ring(queue.HOUSEKEEPING, queue.ESTIMATE)
        days = {"from": wanted.first.isoformat(), "to": wanted.last.isoformat(), "level": wanted.level.value}
        return redirect(to("estimates.show", query=days))

    app.register_blueprint(blueprint)


def _asked(session: Session, wiring: Wiring) -> tuple[View, Wanted]:
    """The brand, level and days of the query string; without days those that every night estimates."""
    view = View.required(session, wiring)
    level = request.args.get("level") or Level.CHANNEL
    if level not in list(Level):
        raise BadInput("level", say("want one of %(choices)s", choices=", ".join(Level)))
    first, last = view.scope.start, view.scope.end
    if not request.args.get("from") and not request.args.get("to"):
        first, last = view.today - timedelta(days=estimates.DAYS), view.today - timedelta(days=1)
    estimates.check(first, last)
    return view, Wanted(view.brand.id, Level(level), first, last)


def _sorted(result: Mapping[str, Any]) -> dict[str, Any]:
    """A stored result as the page lists it: the headline, rules that are tracked, learned models, who says nothing."""
    credited = {model["model"] for model in result.get("credited", ())}
    answered = [model for model in result["models"] if not model["refusal"]]
    for model in answered:
        model["of_name"] = {one["name"]: one for one in model["names"]}
    return {
        "result": result,
        "headline": next((model for model in result["models"] if model["model"] == estimates.HEADLINE), None),
        "tracked": [model for model in answered if model["model"] in result["rules"]],
        "learned": [model for model in answered if model["model"] not in result["rules"]],
        "silent": [model for model in result["models"] if model["refusal"] and model["model"] not in credited],
        "ranges": {one["name"]: one["conversions"] for one in result["ranges"]},
        "sentences": estimates.sentences,
        "refusals": REFUSALS,
    }
