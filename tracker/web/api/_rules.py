"""The rules over HTTP: versions, drafts, what past orders would have come to under one, and its publication."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from apiflask import APIBlueprint
from flask import Response, jsonify
from pydantic import Field

from tracker import replay
from tracker.catalog import drafts, rules
from tracker.catalog.fields import Input, Output
from tracker.domain import differences
from tracker.domain.differences import Comparison
from tracker.reports import _shape
from tracker.web.api import _doors
from tracker.web.api._doors import Door

MOST = 5000


class VersionList(Output):
    """Every version of the rules, the newest first."""

    data: list[rules.VersionView]


class DraftList(Output):
    """The drafts that are not published."""

    data: list[drafts.DraftView]


class PresetList(Output):
    """Published policies that a draft may begin with."""

    data: list[drafts.PresetView]


class Progress(Output):
    """Orders that a new version has yet to look at, and orders that are yet to be credited anew."""

    unseen: int
    due: int


class Replay(Input):
    """Which orders: those placed on the brand's days from `start` to `end`, thirty days up to today where not said.

    At most `most` of the latest are replayed, and at most `orders` that would be credited otherwise are listed.
    """

    start: date | None = Field(default=None, alias="from")
    end: date | None = Field(default=None, alias="to")
    most: Annotated[int, Field(ge=1, le=MOST)] = MOST
    orders: Annotated[int, Field(ge=0, le=1000)] = 100


class Replayed(Output):
    """Who gains and who loses: amounts are decimal strings, kept apart by currency."""

    start: date = Field(serialization_alias="from")
    end: date = Field(serialization_alias="to")
    orders: int
    changed: int
    waiting: int
    totals: list[dict[str, Any]]
    partners: list[dict[str, Any]]
    channels: list[dict[str, Any]]
    differences: list[dict[str, Any]]


def register(blueprint: APIBlueprint, door: Door) -> None:
    """Add the routes of versions and drafts."""
    _versions(blueprint, door)
    _drafts(blueprint, door)
    _replay(blueprint, door)
    _one_draft(blueprint, door)


def _versions(blueprint: APIBlueprint, door: Door) -> None:
    @blueprint.get("/rules/versions")
    @blueprint.output(VersionList)
    @blueprint.doc(summary="Every version of the rules with its time", tags=["rules"])
    def list_rule_versions() -> Response:
        return _doors.json(door.read(lambda desk: VersionList(data=rules.versions(desk))))

    @blueprint.get("/rules/presets")
    @blueprint.output(PresetList)
    @blueprint.doc(summary="Published policies that a draft may begin with", tags=["rules"])
    def list_rule_presets() -> Response:
        return _doors.json(PresetList(data=drafts.presets()))

    @blueprint.get("/rules/progress")
    @blueprint.output(Progress)
    @blueprint.doc(summary="How many orders are yet to be credited anew", tags=["rules"])
    def read_rules_progress() -> Response:
        left = door.read(rules.progress)
        return _doors.json(Progress(unseen=left.unseen, due=left.due))


def _drafts(blueprint: APIBlueprint, door: Door) -> None:
    @blueprint.get("/rules/drafts")
    @blueprint.output(DraftList)
    @blueprint.doc(summary="The drafts that are not published", tags=["rules"])
    def list_rule_drafts() -> Response:
        return _doors.json(door.read(lambda desk: DraftList(data=drafts.every(desk))))

    @blueprint.post("/rules/drafts")
    @blueprint.input(drafts.NewDraft)
    @blueprint.output(drafts.DraftView, status_code=201)
    @blueprint.doc(summary="Begin a draft, from the rules in force or a preset", tags=["rules"], responses=[409])
    def add_rule_draft(json_data: drafts.NewDraft) -> Response:
        location = f"{blueprint.url_prefix}/rules/drafts"
        return door.write(lambda desk: drafts.add(desk, json_data), status=201, location=location)


def _one_draft(blueprint: APIBlueprint, door: Door) -> None:
    @blueprint.get("/rules/drafts/<draft_id>")
    @blueprint.output(drafts.DraftView)
    @blueprint.doc(summary="One draft", tags=["rules"])
    def read_rule_draft(draft_id: str) -> Response:
        return _doors.json(door.read(lambda desk: drafts.one(desk, draft_id)))

    @blueprint.patch("/rules/drafts/<draft_id>")
    @blueprint.input(drafts.DraftChange)
    @blueprint.output(drafts.DraftView)
    @blueprint.doc(summary="Change settings of a draft", tags=["rules"], responses=[409])
    def change_rule_draft(draft_id: str, json_data: drafts.DraftChange) -> Response:
        return door.write(lambda desk: drafts.edit(desk, draft_id, json_data))

    @blueprint.post("/rules/drafts/<draft_id>/publish")
    @blueprint.input(drafts.Publication)
    @blueprint.output(rules.RulesView, status_code=201)
    @blueprint.doc(summary="Put a draft in force from a start on", tags=["rules"], responses=[409])
    def publish_rule_draft(draft_id: str, json_data: drafts.Publication) -> Response:
        return door.write(lambda desk: drafts.publish(desk, draft_id, json_data), status=201)

    @blueprint.delete("/rules/drafts/<draft_id>")
    @blueprint.output(drafts.DraftView)
    @blueprint.doc(summary="Throw a draft away", tags=["rules"], responses=[409])
    def drop_rule_draft(draft_id: str) -> Response:
        return door.write(lambda desk: drafts.drop(desk, draft_id))


def _replay(blueprint: APIBlueprint, door: Door) -> None:
    @blueprint.get("/rules/drafts/<draft_id>/replay")
    @blueprint.input(Replay, location="query")
    @blueprint.output(Replayed)
    @blueprint.doc(summary="What past orders would have come to under a draft; nothing is written", tags=["rules"])
    def replay_rule_draft(draft_id: str, query_data: Replay) -> Response:
        asked = {"from": str(query_data.start or ""), "to": str(query_data.end or "")}
        scope, wanted = door.read(
            lambda desk: (
                _shape.scope_from(desk.session, desk.brand_id, asked, desk.now),
                drafts.rules_of(desk, draft_id),
            )
        )
        found = Comparison(keep=query_data.orders)
        orders = replay.Range(scope.brand_id, scope.start, scope.end, query_data.most)
        replay.replay(door.wiring.sessions, orders, wanted, found)
        return jsonify({"from": scope.start.isoformat(), "to": scope.end.isoformat(), **differences.as_json(found)})
