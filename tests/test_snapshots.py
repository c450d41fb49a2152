"""Counters are kept as they were given: unknown ones unknown, fallen ones flagged, a file's lines once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.conftest import Ledger
from tests.given import NOON, World
from tests.test_cli import Tracker, environment, maison, refused, tracker  # noqa: F401  (fixtures)
from tracker.catalog import Desk, _csv_lines, placements, snapshots
from tracker.catalog.placements import NewPlacement, PlacementChange
from tracker.catalog.snapshots import FIELDS, ImportView, NewSnapshot, SnapshotQuery, SnapshotView
from tracker.errors import BadInput, Conflict, NotFound
from tracker.ledger.tables import Snapshot

REEL = "https://www.instagram.com/reel/abc"


class Shelf(World):
    """A brand whose Alice has published a reel."""

    def __post_init__(self) -> None:
        super().__post_init__()
        with self.desk() as desk:
            self.reel = placements.add(desk, NewPlacement(partner=self.alice, network="instagram", url=REEL)).id

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        with self.ledger.writing() as session:
            yield Desk(session, self.brand, NOON, NOON, "https://go.example.com", "0" * 64)

    def count(self, **said: Any) -> SnapshotView:
        with self.desk() as desk:
            return snapshots.add(desk, NewSnapshot.model_validate({"placement": self.reel, **said}))

    def bring(
        self, text: str | bytes, apply: bool = True, day_first: bool = False, columns: Mapping[str, str] | None = None,
        **defaults: str,
    ) -> ImportView:  # fmt: skip
        data = text.encode() if isinstance(text, str) else text
        lines = _csv_lines.read(data, columns or {}, FIELDS, days=("taken_at",), day_first=day_first)
        with self.desk() as desk:
            return snapshots.bring(desk, lines, defaults=defaults, apply=apply)


@pytest.fixture
def shelf(ledger: Ledger) -> Shelf:
    return Shelf(ledger)


@pytest.fixture
def small(sqlite_ledger: Ledger) -> Shelf:
    return Shelf(sqlite_ledger)


def outcome(found: ImportView) -> tuple[int, int, list[int]]:
    return len(found.added), found.there_already, [line.line for line in found.refused]


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_what_nobody_counted_is_unknown_and_zero_is_zero(shelf: Shelf) -> None:
    view = shelf.count(views="12 345", likes=0)
    assert (view.views, view.likes, view.comments, view.saves) == (12345, 0, None, None)
    assert (view.taken_at, view.source, view.fell) == (NOON, "manual", [])
    with shelf.desk() as desk:
        assert snapshots.one(desk, view.id) == view
        assert snapshots.page(desk, SnapshotQuery(placement=shelf.reel)).data == [view]


def test_a_counter_that_fell_is_kept_and_flagged(shelf: Shelf) -> None:
    shelf.count(views=100, likes=10, taken_at="2026-03-10")
    third = shelf.count(views=90, likes=12, taken_at="2026-03-12")
    assert (third.views, third.fell) == (90, ["views"])
    shelf.count(views=80, likes=11, taken_at="2026-03-11", source="API")
    with shelf.desk() as desk:
        views = snapshots.page(desk, SnapshotQuery()).data
    assert [(view.views, view.source, view.fell) for view in views] == [
        (100, "manual", []),
        (90, "manual", []),  # what came in between was lower still
        (80, "api", ["views"]),
    ]


def test_of_one_moment_and_source_there_is_one_snapshot(shelf: Shelf) -> None:
    shelf.count(views=100)
    shelf.count(views=100, source="api")
    with pytest.raises(Conflict, match="already"):
        shelf.count(views=101)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("views", {}),
        ("taken_at", {"views": 1, "taken_at": (NOON + timedelta(seconds=1)).isoformat()}),
    ],
)
def test_a_snapshot_of_nothing_or_of_the_future_is_refused(small: Shelf, field: str, said: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as caught:
        small.count(**said)
    assert caught.value.field == field


def test_counters_are_whole_and_sources_short(small: Shelf) -> None:
    for said in ({"views": -1}, {"views": "1.2k"}, {"views": 1, "source": "x" * 21}):
        with pytest.raises(ValidationError):
            small.count(**said)


def test_another_brands_placement_is_not_counted_here(small: Shelf) -> None:
    other = Shelf(small.ledger, name="Atelier")
    with pytest.raises(NotFound):
        small.count(placement=other.reel, views=1)
    found = small.bring(f"placement,taken_at,views\n{other.reel},2026-03-01,5\n")
    assert outcome(found) == (0, 0, [2])


def test_a_day_is_its_first_moment_in_the_brands_zone(small: Shelf) -> None:
    assert small.count(views=1, taken_at="2026-03-10").taken_at == datetime(2026, 3, 9, 23, tzinfo=UTC)


def test_a_placement_is_marked_as_reused(small: Shelf) -> None:
    with small.desk() as desk:
        assert not placements.one(desk, small.reel).reused
        assert placements.edit(desk, small.reel, PlacementChange(reused=True)).reused
        assert placements.edit(desk, small.reel, PlacementChange(network="tiktok")).reused
        with pytest.raises(ValidationError):
            PlacementChange.model_validate({"reused": None})


# --- from files -------------------------------------------------------------------------------------------------------

FRENCH = f"""Publication;Relevé le;Vues;J’aime;Enregistrements
{REEL}/;10/03/2026 18:30;12\u202f345;0;–
{REEL};11/03/2026;13 000;n/a;7
https://example.com/unknown;11/03/2026;5;;
{REEL};32/03/2026;5;;
;11/03/2026;5;;
{REEL};12/03/2026;;;
"""
COLUMNS = {
    "placement": "Publication",
    "taken_at": "Relevé le",
    "views": "Vues",
    "likes": "J’aime",
    "saves": "Enregistrements",
}


def test_a_file_is_first_looked_at_then_added_and_the_same_again_adds_nothing(shelf: Shelf) -> None:
    def bring(apply: bool) -> ImportView:
        return shelf.bring(FRENCH, apply=apply, day_first=True, columns=COLUMNS)

    looked = bring(apply=False)
    assert outcome(looked) == (2, 0, [4, 5, 6, 7])
    assert shelf.all(Snapshot) == []
    added = bring(apply=True)
    assert (added.added, added.refused) == (looked.added, looked.refused)
    rows = sorted(shelf.all(Snapshot), key=lambda row: row["taken_at"])
    assert [(row["views"], row["likes"], row["saves"], row["source"]) for row in rows] == [
        (12345, 0, None, "csv"),
        (13000, None, 7, "csv"),
    ]
    assert rows[0]["taken_at"] == datetime(2026, 3, 10, 17, 30, tzinfo=UTC)
    assert outcome(bring(apply=True)) == (0, 2, [4, 5, 6, 7])
    assert len(shelf.all(Snapshot)) == 2


def test_every_refused_line_says_why(small: Shelf) -> None:
    reasons = [line.reason for line in small.bring(FRENCH, day_first=True, columns=COLUMNS).refused]
    wanted = ("unknown", "taken_at: want a day such as", "placement: is missing", "views: say at least one")
    assert all(words in reason for words, reason in zip(wanted, reasons, strict=True)), reasons
    (late, *_) = small.bring(f"placement,taken_at,views\n{REEL},31/12/2026,5\n").refused
    assert "day comes first" in late.reason


def test_a_line_that_contradicts_what_is_there_is_refused(small: Shelf) -> None:
    text = f"placement,taken_at,views\n{REEL},2026-03-10,5\n{REEL},2026-03-10,5\n{REEL},2026-03-10,6\n"
    found = small.bring(text)
    assert outcome(found) == (1, 1, [4])
    assert "other counters" in found.refused[0].reason
    assert outcome(small.bring(text.replace(",5", ",7"))) == (0, 0, [2, 3, 4])


def test_a_placement_of_two_with_one_address_is_named_by_its_id(small: Shelf) -> None:
    with small.desk() as desk:
        placements.add(desk, NewPlacement(partner=small.bob, network="instagram", url=REEL))
    text = f"placement,taken_at,views\n{REEL},2026-03-10,5\n{small.reel},2026-03-10,5\n"
    assert outcome(small.bring(text)) == (1, 0, [2])


def test_what_all_lines_share_is_said_once(small: Shelf) -> None:
    found = small.bring("Views;Likes\n5;\n", placement=REEL, taken_at="2026-03-10", source="studio")
    assert [(one.views, one.source, one.placement) for one in found.added] == [(5, "studio", small.reel)]


def test_a_file_from_excel_is_read_in_its_own_letters(small: Shelf) -> None:
    found = small.bring(FRENCH.replace("\u202f", " ").encode("cp1252"), day_first=True, columns=COLUMNS)
    assert len(found.added) == 2


@pytest.mark.parametrize(
    ("field", "data", "columns"),
    [
        ("column", b"a,b\n1,2\n", {"views": "Vues"}),
        ("column", b"a,b\n1,2\n", {"vues": "a"}),
        ("file", b"placement,views\n", {}),
        ("file", b"views\n5\n", {}),
        ("file", b"", {}),
        ("file", b"PK\x03\x04...", {}),
        ("file", b"\x81\x8d\x81", {}),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_do(field: str, data: bytes, columns: dict[str, str]) -> None:
    with pytest.raises(BadInput) as caught:
        _csv_lines.read(data, columns, FIELDS, day_first=False)
    assert caught.value.field == field


# --- the command line -------------------------------------------------------------------------------------------------


def test_the_command_line_counts_looks_and_applies(
    tracker: Tracker, maison: Any, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    tracker("partner", "add", "Léa", "--followers", "12000")
    reel = tracker("placement", "add", REEL, "--partner", "Léa", "--network", "instagram", "--json").json
    assert tracker("placement", "edit", REEL, "--reused", "--json").json["reused"]
    assert not tracker("placement", "edit", REEL, "--not-reused", "--json").json["reused"]
    counted = tracker("snapshot", "add", REEL, "--views", "900", "--at", "2026-03-01", "--json").json
    assert (counted["placement"], counted["views"], counted["likes"]) == (reel["id"], 900, None)
    file = tmp_path / "vues.csv"
    file.write_text(f"post,date,Vues\n{REEL},2026-03-02,800\nx,2026-03-02,1\n")
    command = ("snapshot", "import", str(file), "--column", "placement=post", "--column", "taken_at=date",
               "--column", "views=Vues")  # fmt: skip
    looked = tracker(*command)
    assert "1 would be added, 0 there already, 1 refused" in looked.out
    assert "line 3: placement: none has" in looked.out
    assert "--apply" in looked.out
    assert len(tracker("snapshot", "list", "--json").json) == 1
    assert "1 added" in tracker(*command, "--apply").out
    assert tracker(*command, "--apply", "--json").json["there_already"] == 1
    listed = tracker("snapshot", "list", "--placement", REEL, "--json").json
    assert [(one["views"], one["fell"]) for one in listed] == [(900, []), (800, ["views"])]
    refused(tracker("snapshot", "import", str(file), "--column", "views"), "--column", "views=Vues")
    refused(tracker("snapshot", "import", str(tmp_path / "none.csv")), "none.csv")
