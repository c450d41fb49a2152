"""A snapshot is a placement's public counters at a moment, with its source. It never changes: a later one says more.

A counter that nobody gave stays unknown. One that is lower than before is kept, and said to have fallen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import StringConstraints, ValidationError

from tracker.catalog import Desk, brands
from tracker.catalog._csv_lines import Line
from tracker.catalog.fields import (
    Count,
    Input,
    ListQuery,
    Output,
    Page,
    PlacementReference,
    ShortText,
    When,
    moment,
    problems,
)
from tracker.domain.engagement import COUNTERS, Counters, falls
from tracker.domain.ids import new_id
from tracker.errors import BadInput, Conflict, NotFound, say
from tracker.ledger import bulk, catalog
from tracker.ledger import snapshots as ledger
from tracker.ledger.tables import Placement, Snapshot

BY_HAND, FROM_FILE = "manual", "csv"
# What a line of a file may say.
FIELDS = ("placement", "taken_at", "source", *COUNTERS)

Source = Annotated[ShortText, StringConstraints(max_length=20)]
Key = tuple[str, datetime, str]  # placement, moment, source


class NewSnapshot(Input):
    """A snapshot to be. Without `taken_at` it is of now; a day is its first moment in the brand's time zone."""

    placement: PlacementReference
    taken_at: When | None = None
    source: Source = BY_HAND
    views: Count | None = None
    likes: Count | None = None
    comments: Count | None = None
    shares: Count | None = None
    saves: Count | None = None
    hashtag_uses: Count | None = None


class SnapshotQuery(ListQuery):
    """Which snapshots."""

    placement: PlacementReference = None


class SnapshotView(Output):
    """A snapshot. The placement is an id; `fell` names the counters that are lower than they were last known."""

    id: str
    placement: str
    taken_at: datetime
    source: str
    views: int | None
    likes: int | None
    comments: int | None
    shares: int | None
    saves: int | None
    hashtag_uses: int | None
    fell: list[str]
    created_at: datetime


def add(desk: Desk, wanted: NewSnapshot) -> SnapshotView:
    """Add a snapshot. Raises NotFound for a placement that the brand has not, BadInput for one that says nothing or
    lies in the future, Conflict where the placement has one of that moment and source.
    """
    placement = catalog.one(desk.session, Placement, desk.brand_id, wanted.placement or "")
    row = _row(desk, wanted, placement.id, _moment(desk, wanted))
    if not catalog.insert_new(desk.session, Snapshot, **row):
        raise Conflict("the placement has a snapshot of that moment and source already: give another moment")
    return one(desk, row["id"])


def one(desk: Desk, snapshot_id: str) -> SnapshotView:
    """The brand's snapshot of that id. Raises NotFound."""
    row = catalog.one(desk.session, Snapshot, desk.brand_id, snapshot_id)
    return _views(desk, [row])[0]


def page(desk: Desk, query: SnapshotQuery) -> Page[SnapshotView]:
    """A page of the brand's snapshots, in the order of their making. Raises NotFound for another brand's placement."""
    conditions = []
    if query.placement:
        placement = catalog.one(desk.session, Placement, desk.brand_id, query.placement)
        conditions.append(Snapshot.placement_id == placement.id)
    rows, further = catalog.page(
        desk.session, Snapshot, desk.brand_id, after=query.cursor, limit=query.limit, conditions=conditions
    )
    return Page[SnapshotView](data=_views(desk, rows), next_cursor=further)


def of(desk: Desk, placement_ids: Collection[str]) -> dict[str, list[SnapshotView]]:
    """The snapshots of these placements of the brand, each placement's in time order."""
    histories = ledger.of_placements(desk.session, placement_ids)
    fell = _fell(histories.values())
    ours = {place: [row for row in rows if row.brand_id == desk.brand_id] for place, rows in histories.items()}
    return {place: [_view(row, fell[row.id]) for row in rows] for place, rows in ours.items() if rows}


# --- files -----------------------------------------------------------------------------------------------------------


class RefusedLine(Output):
    """A line of a file that is not added, and why. The header is line 1."""

    line: int
    reason: str


class PlannedSnapshot(Output):
    """A line of a file that is added."""

    line: int
    placement: str
    taken_at: datetime
    source: str
    views: int | None
    likes: int | None
    comments: int | None
    shares: int | None
    saves: int | None
    hashtag_uses: int | None


class ImportView(Output):
    """What a file comes to: what it adds, how many of its lines are there already, and what is refused."""

    applied: bool
    added: list[PlannedSnapshot]
    there_already: int
    refused: list[RefusedLine]


def bring(desk: Desk, lines: Sequence[Line], *, defaults: Mapping[str, str], apply: bool) -> ImportView:
    """Add the lines of a file that are good and new; without `apply` only say what that would do.

    `defaults` are for cells that are empty or have no column. A line that says what its placement has already, of the
    same moment and source, is left alone; one that contradicts it is refused. The same file again adds nothing.
    """
    places = _Places(catalog.addresses_of_placements(desk.session, desk.brand_id))
    there = _there(desk)
    planned: list[tuple[Line, NewSnapshot, Key]] = []
    refused: list[RefusedLine] = []
    known = 0
    for line in lines:
        try:
            wanted = _wanted(line, defaults)
            key = (places.named(wanted.placement or ""), _moment(desk, wanted), wanted.source)
            if _is_there(there, key, wanted):
                known += 1
                continue
        except (BadInput, NotFound) as error:
            refused.append(RefusedLine(line=line.number, reason=_reason(error)))
            continue
        there[key] = _counters(wanted)
        planned.append((line, wanted, key))
    if apply:
        rows = [_row(desk, wanted, placement, at) for _, wanted, (placement, at, _) in planned]
        bulk.insert_ignore(desk.session, Snapshot, rows)
    added = [_planned(line, wanted, key) for line, wanted, key in planned]
    return ImportView(applied=apply, added=added, there_already=known, refused=refused)


def _wanted(line: Line, defaults: Mapping[str, str]) -> NewSnapshot:
    """What a line asks for. Raises BadInput: a file says when, or it would be another snapshot each time it is read."""
    said = {**defaults, **line.cells}
    for name in ("placement", "taken_at"):
        if not said.get(name):
            raise BadInput(name, "is missing")
    try:
        return NewSnapshot.model_validate({"source": FROM_FILE, **said})
    except ValidationError as error:
        field, message = problems(error)[0]
        if field == "taken_at" and "/" in said[field]:
            raise BadInput(field, "want a day such as 2026-03-31; or say that its day comes first") from None
        raise BadInput(field, message) from None


def _is_there(there: Mapping[Key, Counters], key: Key, wanted: NewSnapshot) -> bool:
    """Whether that very snapshot is there. Raises BadInput where one of that moment and source says otherwise."""
    counters = _counters(wanted)
    if there.get(key, counters) != counters:
        raise BadInput("taken_at", "the placement has other counters of that moment and source already")
    return key in there


def _reason(error: BadInput | NotFound) -> str:
    return f"{error.field}: {error}" if isinstance(error, BadInput) else str(error)


class _Places:
    """The brand's placements, as a file names them. `addresses` are their web addresses by id, None where unknown."""

    def __init__(self, addresses: Mapping[str, str | None]) -> None:
        self._ids = frozenset(addresses)
        self._at: dict[str, list[str]] = {}
        for row_id, address in addresses.items():
            if address:
                self._at.setdefault(_plain(address), []).append(row_id)

    def named(self, text: str) -> str:
        """The id of the placement of that id or web address. Raises NotFound, and BadInput where several have it."""
        if text in self._ids:
            return text
        found = self._at.get(_plain(text), [])
        if not found:
            raise NotFound(say("placement: none has the id or web address %(text)s", text=text))
        if len(found) > 1:
            raise BadInput(
                "placement",
                say("several have this web address, say which by id: %(found)s", found=", ".join(sorted(found))),
            )
        return found[0]


def _plain(address: str) -> str:
    """A web address as people mean it: without its last stroke, upper and lower case alike."""
    return address.strip().rstrip("/").casefold()


def _there(desk: Desk) -> dict[Key, Counters]:
    return {
        (row.placement_id, row.taken_at, row.source): ledger.counters_of(row)
        for row in ledger.of_brand(desk.session, desk.brand_id)
    }


# --- what is kept and shown ------------------------------------------------------------------------------------------


def _moment(desk: Desk, wanted: NewSnapshot) -> datetime:
    """When it was taken. Raises BadInput for a moment to come and for a snapshot without any counter."""
    if _counters(wanted) == Counters():
        raise BadInput("views", "say at least one counter: views, likes, comments, shares, saves or hashtag uses")
    at = moment(wanted.taken_at, brands.zone_of(desk)) if wanted.taken_at else desk.now
    if at > desk.now:
        raise BadInput("taken_at", "lies in the future")
    return at


def _counters(wanted: NewSnapshot) -> Counters:
    return Counters(**{name: getattr(wanted, name) for name in COUNTERS})


def _row(desk: Desk, wanted: NewSnapshot, placement_id: str, at: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "brand_id": desk.brand_id,
        "placement_id": placement_id,
        "taken_at": at,
        "source": wanted.source,
        **_cells(wanted),
        "created_at": desk.now,
    }


def _cells(counted: NewSnapshot | Snapshot) -> dict[str, Any]:
    return {name: getattr(counted, name) for name in COUNTERS}


def _planned(line: Line, wanted: NewSnapshot, key: Key) -> PlannedSnapshot:
    placement, at, source = key
    return PlannedSnapshot(line=line.number, placement=placement, taken_at=at, source=source, **_cells(wanted))


def _views(desk: Desk, rows: Sequence[Snapshot]) -> list[SnapshotView]:
    fell = _fell(ledger.of_placements(desk.session, {row.placement_id for row in rows}).values())
    return [_view(row, fell[row.id]) for row in rows]


def _view(row: Snapshot, fell: list[str]) -> SnapshotView:
    return SnapshotView(
        id=row.id,
        placement=row.placement_id,
        taken_at=row.taken_at,
        source=row.source,
        **_cells(row),
        fell=fell,
        created_at=row.created_at,
    )


def _fell(histories: Iterable[list[Snapshot]]) -> dict[str, list[str]]:
    """The counters that fell, by snapshot, of placements of which each snapshot is here."""
    return {
        row.id: fell
        for history in histories
        for row, fell in zip(history, falls(map(ledger.counters_of, history)), strict=True)
    }
