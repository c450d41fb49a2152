"""Estimates over HTTP: asked for once, computed by a worker, read when they are done."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from tracker import estimates, queue
from tracker.catalog import Desk
from tracker.catalog.fields import Input, Output
from tracker.errors import NotFound
from tracker.ledger import estimates as rows
from tracker.ledger.estimates import State, Wanted
from tracker.ledger.paths import Level
from tracker.web.api import _doors
from tracker.web.api._doors import Door


class Asked(Input):
    """What is to be estimated: the brand's days, both included, and what touches are grouped by.

    Ninety days up to yesterday where none are said.
    """

    level: Level = Level.CHANNEL
    start: date | None = Field(default=None, alias="from")
    end: date | None = Field(default=None, alias="to")


class EstimateView(Output):
    """An estimate and where it stands.

    `result` is what was computed last, null before the first time; amounts in it are minor units of its currency.
    Learned models report, they pay nobody.
    """

    level: Level
    start: date = Field(alias="from")
    end: date = Field(alias="to")
    state: State
    asked_at: datetime
    finished_at: datetime | None
    error: str | None
    result: dict[str, Any] | None


def register(blueprint: APIBlueprint, door: Door) -> None:
    """Add the routes."""

    @blueprint.get("/estimates")
    @blueprint.input(Asked, location="query")
    @blueprint.output(EstimateView)
    @blueprint.doc(summary="What all models make of the days, once it was asked for", tags=["estimates"])
    def read_estimate(query_data: Asked) -> Response:
        return _doors.json(door.read(lambda desk: _view(desk, _wanted(desk, query_data))))

    @blueprint.post("/estimates")
    @blueprint.input(Asked)
    @blueprint.output(EstimateView, status_code=202)
    @blueprint.doc(summary="Have the days estimated by all models, anew where they were before", tags=["estimates"])
    def ask_for_estimate(json_data: Asked) -> Response:
        def ask(desk: Desk) -> EstimateView:
            wanted = _wanted(desk, json_data)
            rows.ask(desk.session, wanted, desk.wall)
            return _view(desk, wanted)

        answer = door.write(ask, status=202)
        queue.Doorbell(door.wiring.hasty_redis).ring(queue.HOUSEKEEPING, queue.ESTIMATE)
        return answer


def _wanted(desk: Desk, asked: Asked) -> Wanted:
    return estimates.meant(desk.session, desk.brand_id, asked.level, (asked.start, asked.end), desk.now)


def _view(desk: Desk, wanted: Wanted) -> EstimateView:
    row = rows.one(desk.session, wanted)
    if row is None:
        raise NotFound("nobody has asked for an estimate of these days")
    days = {"from": wanted.first, "to": wanted.last}
    told = {name: getattr(row, name) for name in ("state", "asked_at", "finished_at", "error", "result")}
    return EstimateView.model_validate({"level": wanted.level, **days, **told})
