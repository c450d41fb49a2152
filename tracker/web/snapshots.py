"""The pages that take counters in: a grid to type them into, and a file whose columns are named, tried, then applied.

A file stays in the form between the steps; nothing of it is kept here until it is applied.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from pydantic import ValidationError

from tracker.catalog import Desk, _csv_lines, snapshots
from tracker.catalog.fields import problems
from tracker.catalog.placements import PlacementQuery
from tracker.catalog.snapshots import FIELDS, ImportView, NewSnapshot
from tracker.domain.engagement import COUNTERS
from tracker.domain.roles import Right
from tracker.errors import BadInput, Conflict
from tracker.importing._table import Table
from tracker.web import _forms, auth, guard
from tracker.web._forms import Problems
from tracker.web._view import Names, View, to
from tracker.web.costs import places
from tracker.web.placements import COUNTER_TITLES, Counted, listed
from tracker.wiring import Wiring

LARGEST = 1_000_000  # bytes of a file
PREVIEWED = 5  # rows
_A_GRID = 60  # placements
_SHOWN = 200  # lines of what a file comes to
_CHECK, _APPLY = "check", "apply"

FIELD_TITLES = {"placement": "Placement (web address or id)", "taken_at": "Counted on", "source": "Source",
                **COUNTER_TITLES}  # fmt: skip
SENTENCES = tuple(FIELD_TITLES.values())
# How others call our fields, by their plain names.
_ALSO = {
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


@dataclass(frozen=True, slots=True)
class _File:
    """The file of the form, as it is and as a table, and which column is said to be what: field → column as written."""

    data: bytes
    table: Table
    mapping: Mapping[str, str] = field(default_factory=dict)

    @property
    def kept(self) -> str:
        """The file as text that a form can carry on."""
        return b64encode(self.data).decode()


def _add_import(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.get("/snapshots/import")
    def choose() -> ResponseReturnValue:
        return _import_page(wiring, [])

    @blueprint.post("/snapshots/import")
    def bring() -> ResponseReturnValue:
        """First its columns are asked about, then it is tried, then applied: each is this form again."""
        opened: list[_File] = []

        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.PLAN) as desk:
                opened.append(_opened())
                done = _brought(desk, opened[0])
            if done and done.applied:
                added = str(len(done.added))
                return redirect(to("snapshots.show", query={**_of_query(), "added": added}), code=303)
            return _import_page(wiring, [], opened[0], done)

        return _forms.answered(act, lambda refused: _import_page(wiring, refused, opened[0] if opened else None))


def _opened() -> _File:
    """The file that was sent, or the one that the form carries. Raises BadInput."""
    data = _forms.sent_file()
    fresh = bool(data)
    if not data:
        try:
            data = b64decode(request.form.get("content", ""), validate=True)
        except (NotBase64, ValueError):
            raise BadInput("file", "choose the file again") from None
    if not data:
        raise BadInput("file", "choose a CSV or XLSX file")
    if len(data) > LARGEST:
        raise BadInput("file", "larger than one megabyte: split it, or import it with tracker snapshot import")
    table = _csv_lines.look(data)
    return _File(data, table, guessed(table) if fresh else _mapped(table))


def _mapped(table: Table) -> dict[str, str]:
    said = {name: request.form.get(f"column.{name}", "") for name in FIELDS}
    return {name: column for name, column in said.items() if column in table.columns.values()}


def guessed(table: Table) -> dict[str, str]:
    """Which column is what, by their names in English and French; a column is only one thing."""
    found: dict[str, str] = {}
    for name in FIELDS:
        plain = next((one for one in (name, *_ALSO[name]) if one in table.columns), None)
        if plain is not None and table.columns[plain] not in found.values():
            found[name] = table.columns[plain]
    return found


def _brought(desk: Desk, file: _File) -> ImportView | None:
    """What the file comes to, where its columns were said. Raises BadInput."""
    action = request.form.get("action")
    if action not in (_CHECK, _APPLY):
        return None
    if not set(file.mapping) & set(COUNTERS):
        raise BadInput("column", "say which column holds a counter: views, likes, comments, shares or saves")
    day_first = "day_first" in request.form
    lines = _csv_lines.read(file.data, file.mapping, list(file.mapping), days=("taken_at",), day_first=day_first)
    said = {name: request.form.get(name, "").strip() for name in ("placement", "taken_at", "source")}
    done = snapshots.bring(desk, lines, defaults=_forms.kept(said), apply=action == _APPLY)
    if done.applied and not done.added and done.refused:
        raise Conflict("nothing was added: every line is refused or there already")
    return done


def _import_page(
    wiring: Wiring, refused: Problems, file: _File | None = None, done: ImportView | None = None
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
        preview=_preview(file.table) if file else [],
        done=done,
        shown=_SHOWN,
        titles=FIELD_TITLES,
        refused=refused,
        typed=_forms.typed(),
        query=_of_query(),
    )
    return Response(page, status=422 if refused else 200)


def _preview(table: Table) -> Sequence[Sequence[str]]:
    return [[row.cells.get(name, "")[:80] for name in table.columns] for row in table.rows[:PREVIEWED]]
