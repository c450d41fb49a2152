"""The pages that take counters in: a grid to type into, and a file whose columns are named, tried, then applied."""

from __future__ import annotations

from collections.abc import Mapping

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from pydantic import ValidationError

from tracker.catalog import Desk, _csv_lines, snapshots
from tracker.catalog.fields import problems
from tracker.catalog.placements import PlacementQuery
from tracker.catalog.snapshots import ImportView, NewSnapshot
from tracker.domain.engagement import COUNTERS
from tracker.domain.roles import Right
from tracker.errors import BadInput, Conflict
from tracker.web import _forms, _mapped_file, auth, guard
from tracker.web._forms import Problems
from tracker.web._mapped_file import APPLY, SHOWN, MappedFile
from tracker.web._view import Names, View, to
from tracker.web.costs import places
from tracker.web.placements import COUNTER_TITLES, Counted, listed
from tracker.wiring import Wiring

_A_GRID = 60  # placements

FIELD_TITLES = {"placement": "Placement (web address or id)", "taken_at": "Counted on", "source": "Source",
                **COUNTER_TITLES}  # fmt: skip
SENTENCES = tuple(FIELD_TITLES.values())
_COLUMNS = {
    "placement": ("url", "post_url", "video_url", "lien", "link", "permalink", "publication", "post"),
    "taken_at": ("date", "day", "jour", "counted_on", "date_de_releve", "releve"),
    "source": ("origine",),
    "views": ("vues", "video_views", "impressions", "plays", "lectures"),
    "likes": ("j_aime", "jaime", "mentions_j_aime", "reactions"),
    "comments": ("commentaires",),
    "shares": ("partages", "reposts"),
    "saves": ("enregistrements", "bookmarks", "favoris"),
    "hashtag_uses": ("hashtag", "hashtags", "usages_du_hashtag"),
}


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the pages, behind the sign-in."""
    blueprint = Blueprint("snapshots", __name__)
    blueprint.before_request(auth.required(wiring))
    guard.show_errors_of(blueprint)
    _add_grid(blueprint, wiring)
    _add_import(blueprint, wiring)
    app.register_blueprint(blueprint)


# --- by hand ---------------------------------------------------------------------------------------------------------


def _add_grid(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.get("/snapshots")
    def show() -> ResponseReturnValue:
        return _grid(wiring, [])

    @blueprint.post("/snapshots")
    def add() -> ResponseReturnValue:
        """All of the grid or nothing of it."""

        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.PLAN) as desk:
                count = _add_all(desk)
            return redirect(to("snapshots.show", query={**_of_query(), "added": str(count)}), code=303)

        return _forms.answered(act, lambda refused: _grid(wiring, refused))


def _add_all(desk: Desk) -> int:
    """Add a snapshot for each placement of the grid that has a figure; how many. Raises BadInput, naming the cell."""
    shared = {name: value for name, value in _forms.typed().items() if name in ("taken_at", "source")}
    rows: dict[str, dict[str, str]] = {}
    for name, value in _forms.typed().items():
        placement, dot, counter = name.partition(".")
        if dot and counter in COUNTERS:
            rows.setdefault(placement, {})[counter] = value
    if not rows:
        raise BadInput("views", "fill in at least one counter; leave out what you do not know")
    for placement, counters in rows.items():
        _add_one(desk, {"placement": placement, **shared, **counters})
    return len(rows)


def _add_one(desk: Desk, said: Mapping[str, str]) -> None:
    try:
        snapshots.add(desk, NewSnapshot.model_validate(said))
    except ValidationError as error:
        name, message = problems(error)[0]
        raise BadInput(f"{said['placement']}.{name}" if name in COUNTERS else name, message) from None


def _of_query() -> dict[str, str]:
    return _forms.kept({name: request.args.get(name) for name in ("campaign", "placement", "partner")})


def _grid(wiring: Wiring, refused: Problems) -> ResponseReturnValue:
    with wiring.sessions() as session:
        view = View.of_request(session, wiring)
        if view is None:
            return redirect(to("pages.overview"))
        auth.demand(Right.PLAN, view.brand.id)
        desk = wiring.desk(session, view.brand.id)
        found, names = _chosen(desk, view), Names.of(session, view.brand.id)
    called = {one.placement.id: one.placement.title or names.partners.get(one.placement.partner, "") for one in found}
    page = render_template(
        "snapshots.html",
        view=view,
        names=names,
        placements=found,
        refused=[(_said_as(name, called), message) for name, message in refused],
        wrong={name for name, _ in refused},
        typed=_forms.typed() if refused else {},
        added=request.args.get("added", type=int),
        query=_of_query(),
    )
    return Response(page, status=422 if refused else 200)


def _chosen(desk: Desk, view: View) -> list[Counted]:
    query = PlacementQuery(campaign=view.scope.campaign_id, partner=view.scope.partner_id, limit=_A_GRID)
    only = request.args.get("placement")
    return [one for one in listed(desk, query) if only in (None, "", one.placement.id)]


def _said_as(name: str, called: Mapping[str, str]) -> str:
    placement, dot, counter = name.partition(".")
    return f"{called.get(placement, placement)}, {counter}" if dot else name


# --- from a file -----------------------------------------------------------------------------------------------------


def _add_import(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.get("/snapshots/import")
    def choose() -> ResponseReturnValue:
        return _import_page(wiring, [])

    @blueprint.post("/snapshots/import")
    def bring() -> ResponseReturnValue:
        """First its columns are asked about, then it is tried, then applied: each is this form again."""
        opened: list[MappedFile] = []

        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.PLAN) as desk:
                opened.append(_mapped_file.opened(_COLUMNS))
                done = _brought(desk, opened[0])
            if done and done.applied:
                added = str(len(done.added))
                return redirect(to("snapshots.show", query={**_of_query(), "added": added}), code=303)
            return _import_page(wiring, [], opened[0], done)

        return _forms.answered(act, lambda refused: _import_page(wiring, refused, opened[0] if opened else None))


def _brought(desk: Desk, file: MappedFile) -> ImportView | None:
    """What the file comes to, where its columns were said. Raises BadInput."""
    action = _mapped_file.action()
    if action is None:
        return None
    if not set(file.mapping) & set(COUNTERS):
        raise BadInput("column", "say which column holds a counter: views, likes, comments, shares or saves")
    day_first = "day_first" in request.form
    lines = _csv_lines.read(file.data, file.mapping, list(file.mapping), days=("taken_at",), day_first=day_first)
    said = {name: request.form.get(name, "").strip() for name in ("placement", "taken_at", "source")}
    done = snapshots.bring(desk, lines, defaults=_forms.kept(said), apply=action == APPLY)
    if done.applied and not done.added and done.refused:
        raise Conflict("nothing was added: every line is refused or there already")
    return done


def _import_page(
    wiring: Wiring, refused: Problems, file: MappedFile | None = None, done: ImportView | None = None
) -> ResponseReturnValue:
    with wiring.sessions() as session:
        view = View.of_request(session, wiring)
        if view is None:
            return redirect(to("pages.overview"))
        auth.demand(Right.PLAN, view.brand.id)
        placed = places(wiring.desk(session, view.brand.id), view.scope.campaign_id)
    page = render_template(
        "snapshots_import.html",
        view=view,
        places=placed,
        file=file,
        done=done,
        shown=SHOWN,
        titles=FIELD_TITLES,
        refused=refused,
        typed=_forms.typed(),
        query=_of_query(),
    )
    return Response(page, status=422 if refused else 200)
