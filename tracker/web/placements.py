"""The pages of placements: what was published, with its last counters; one of them with its growth and its links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from tracker.catalog import Desk, links, placements, snapshots
from tracker.catalog.links import LinkView
from tracker.catalog.placements import NewPlacement, PlacementChange, PlacementQuery, PlacementView
from tracker.catalog.snapshots import SnapshotView
from tracker.domain.catalog import Format
from tracker.domain.engagement import COUNTERS
from tracker.domain.roles import Right
from tracker.web import _forms, auth, filters, guard
from tracker.web._forms import Problems
from tracker.web._view import Names, View, to
from tracker.wiring import Wiring

MOST = 200
COUNTER_TITLES = {
    "views": "Views",
    "likes": "Likes",
    "comments": "Comments",
    "shares": "Shares",
    "saves": "Saves",
    "hashtag_uses": "Hashtag uses",
}
SENTENCES = tuple(COUNTER_TITLES.values())
NETWORKS = ("instagram", "tiktok", "youtube", "twitch", "pinterest", "blog")
_FIELDS = ("partner", "campaign", "network", "format", "url", "title", "message", "published_at")
_EDITED = ("campaign", "network", "format", "url", "title", "message", "published_at")


@dataclass(frozen=True, slots=True)
class Counted:
    """A placement with its links and the last known value of each counter, None where nobody ever gave one."""

    placement: PlacementView
    links: Sequence[LinkView]
    last: Mapping[str, int | None]
    taken: SnapshotView | None


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the pages, behind the sign-in."""
    blueprint = Blueprint("placements", __name__)
    blueprint.before_request(auth.required(wiring))
    guard.show_errors_of(blueprint)
    blueprint.app_context_processor(_words)
    _add_views(blueprint, wiring)
    app.register_blueprint(blueprint)


def _words() -> dict[str, object]:
    return {"formats": list(Format), "networks": NETWORKS, "counters": COUNTER_TITLES}


def _add_views(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.get("/placements")
    def show() -> ResponseReturnValue:
        return _list(wiring, [])

    @blueprint.post("/placements")
    def add() -> ResponseReturnValue:
        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.PLAN) as desk:
                made = added(desk)
            return redirect(to("placements.one", placement_id=made.id), code=303)

        return _forms.answered(act, lambda refused: _list(wiring, refused))

    @blueprint.get("/placements/<placement_id>")
    def one(placement_id: str) -> ResponseReturnValue:
        return _one(wiring, placement_id, [])

    @blueprint.post("/placements/<placement_id>")
    def edit(placement_id: str) -> ResponseReturnValue:
        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.PLAN) as desk:
                _edited(desk, placement_id)
            return redirect(to("placements.one", placement_id=placement_id), code=303)

        return _forms.answered(act, lambda refused: _one(wiring, placement_id, refused))


def added(desk: Desk, **fixed: str) -> PlacementView:
    """Add the placement of the form, and its link where the form says where one leads. Raises what that raises."""
    said = {name: value for name, value in _forms.typed().items() if name in _FIELDS}
    wanted = {**said, **fixed, "reused": "reused" in request.form}
    made = placements.add(desk, NewPlacement.model_validate(wanted))
    _linked(desk, made)
    return made


def _edited(desk: Desk, placement_id: str) -> None:
    said = {**_forms.said(_EDITED), "reused": "reused" in request.form}
    _linked(desk, placements.edit(desk, placement_id, PlacementChange.model_validate(said)))


def _linked(desk: Desk, placement: PlacementView) -> None:
    """Give the placement its call to action: a link of its own."""
    landing = request.form.get("landing_url", "").strip()
    if landing:
        whose = {"partner": placement.partner, "campaign": placement.campaign, "placement": placement.id}
        links.add(desk, links.NewLink.model_validate({"landing_url": landing, **whose}))


def listed(desk: Desk, query: PlacementQuery) -> list[Counted]:
    """Placements with their links and last counters, those published last first."""
    found = placements.latest(desk, query)
    taken = snapshots.of(desk, [one.id for one in found])
    of_each: dict[str, list[LinkView]] = {}
    for link in links.page(desk, links.LinkQuery(campaign=query.campaign, limit=1000)).data:
        of_each.setdefault(link.placement or "", []).append(link)
    return [_counted(one, of_each.get(one.id, []), taken.get(one.id, [])) for one in found]


def _counted(placement: PlacementView, its: Sequence[LinkView], history: Sequence[SnapshotView]) -> Counted:
    last: dict[str, int | None] = dict.fromkeys(COUNTERS)
    for snapshot in history:
        last |= {name: value for name in COUNTERS if (value := getattr(snapshot, name)) is not None}
    return Counted(placement, its, last, history[-1] if history else None)


def growth(history: Sequence[SnapshotView]) -> list[tuple[SnapshotView, dict[str, int | None]]]:
    """Each snapshot, the last one first, with how much each counter grew since it was last known; None at first."""
    known: dict[str, int] = {}
    found = []
    for snapshot in history:
        given = {name: value for name in COUNTERS if (value := getattr(snapshot, name)) is not None}
        found.append((snapshot, {name: given[name] - known[name] if name in known else None for name in given}))
        known |= given
    return found[::-1]


def _list(wiring: Wiring, refused: Problems) -> ResponseReturnValue:
    with wiring.sessions() as session:
        view = View.of_request(session, wiring)
        if view is None:
            return redirect(to("pages.overview"))
        desk = wiring.desk(session, view.brand.id)
        query = PlacementQuery(campaign=view.scope.campaign_id, partner=view.scope.partner_id, limit=MOST)
        found, names = listed(desk, query), Names.of(session, view.brand.id)
    page = render_template(
        "placements.html",
        view=view,
        names=names,
        placements=found,
        most=MOST,
        refused=refused,
        typed=_forms.typed() if refused else {},
    )
    return Response(page, status=422 if refused else 200)


def _one(wiring: Wiring, placement_id: str, refused: Problems) -> ResponseReturnValue:
    with wiring.sessions() as session:
        view = View.of_request(session, wiring)
        if view is None:
            return redirect(to("pages.overview"))
        desk = wiring.desk(session, view.brand.id)
        placement = placements.one(desk, placement_id)
        history = snapshots.of(desk, [placement_id]).get(placement_id, [])
        its = links.page(desk, links.LinkQuery(placement=placement_id)).data
        names = Names.of(session, view.brand.id)
    page = render_template(
        "placement.html",
        view=view,
        names=names,
        placement=placement,
        published=_local(placement.published_at),
        grown=growth(history),
        links=its,
        refused=refused,
        typed=_forms.typed() if refused else {},
    )
    return Response(page, status=422 if refused else 200)


def _local(moment: datetime | None) -> str:
    """A moment as the browser's own field wants it, in the brand's zone."""
    return moment.astimezone(filters.zone()).strftime("%Y-%m-%dT%H:%M") if moment else ""
