"""What a shop counts itself, and which customers the brand puts in which segment, over HTTP."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response

from tracker.catalog import segments, shop_counts
from tracker.web.api import _doors
from tracker.web.api._doors import Door


def register(blueprint: APIBlueprint, door: Door) -> None:
    """Add the routes."""
    _counts(blueprint, door)
    _segments(blueprint, door)


def _counts(blueprint: APIBlueprint, door: Door) -> None:
    @blueprint.get("/shops/<shop_id>/counts")
    @blueprint.output(shop_counts.CountList)
    @blueprint.doc(summary="How many orders of each day a shop counts itself", tags=["shops"])
    def list_counts(shop_id: str) -> Response:
        return _doors.json(door.read(lambda desk: shop_counts.every(desk, shop_id)))

    @blueprint.put("/shops/<shop_id>/counts")
    @blueprint.input(shop_counts.NewCounts)
    @blueprint.output(shop_counts.CountList)
    @blueprint.doc(summary="Tell how many orders of some days a shop counts; the last told holds", tags=["shops"])
    def tell_counts(shop_id: str, json_data: shop_counts.NewCounts) -> Response:
        return door.write(lambda desk: shop_counts.tell(desk, shop_id, json_data, shop_counts.BY_PROGRAM))


def _segments(blueprint: APIBlueprint, door: Door) -> None:
    @blueprint.get("/segments")
    @blueprint.output(segments.SegmentList)
    @blueprint.doc(summary="The brand's customer segments, with how many customers are in each", tags=["segments"])
    def list_segments() -> Response:
        return _doors.json(door.read(segments.every))

    @blueprint.post("/segments")
    @blueprint.input(segments.NewMembers)
    @blueprint.output(segments.SegmentImport, status_code=201)
    @blueprint.doc(summary="Put customers in segments; addresses become keyed hashes", tags=["segments"])
    def add_segments(json_data: segments.NewMembers) -> Response:
        return door.write(lambda desk: segments.add(desk, json_data), status=201)
