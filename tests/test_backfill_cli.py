"""`tracker orders import`: looked at first, recorded when it is said so, and bad files are one line."""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from tests.test_backfill import MAPPED, SHOPIFY, WOO, sheet
from tests.test_cli import SECRET, Tracker, environment, maison, refused, tracker
from tracker.errors import BadInput
from tracker.importing import _table, _workbook

__all__ = ["environment", "maison", "tracker"]


def test_a_file_is_looked_at_then_recorded_then_known(tracker: Tracker, maison: Any, tmp_path: Path) -> None:
    tracker("shop", "add", "Boutique", "--platform", "shopify", "--secret", SECRET)
    file = tmp_path / "orders_export.csv"
    file.write_bytes(sheet(SHOPIFY, SHOPIFY | {"Name": "#1043", "Id": ""}, SHOPIFY | {"Name": "#1044", "Id": "7"}))
    looked = tracker("orders", "import", str(file), "--shop", "Boutique", "--json").json
    assert looked == {
        "applied": False,
        "new": 2,
        "unchanged": 0,
        "changed": 0,
        "refused": [
            {
                "line": 3,
                "reason": "Id is empty: without the shop's own id the order may be one that webhooks brought",
            }
        ],
        "totals": [{"currency": "EUR", "orders": 2, "total": "187.78"}],
    }
    assert tracker("orders", "--json").json == []
    said = tracker("orders", "import", str(file), "--shop", "Boutique").out
    assert "say it again with --apply" in said
    assert "line 3: Id is empty" in said
    applied = tracker("orders", "import", str(file), "--shop", "Boutique", "--apply", "--json").json
    assert (applied["applied"], applied["new"]) == (True, 2)
    assert sorted(row["number"] for row in tracker("orders", "--json").json) == ["#1042", "#1044"]
    again = tracker("orders", "import", str(file), "--shop", "Boutique", "--apply", "--json").json
    assert (again["new"], again["changed"], again["unchanged"]) == (0, 0, 2)


def test_other_formats_are_named_and_columns_mapped(tracker: Tracker, maison: Any, tmp_path: Path) -> None:
    tracker("shop", "add", "Woo", "--platform", "woocommerce", "--secret", SECRET)
    tracker("shop", "add", "Caisse", "--platform", "standard")
    (tmp_path / "woo.csv").write_bytes(sheet(WOO))
    (tmp_path / "caisse.csv").write_bytes(sheet(MAPPED, delimiter=";", encoding="cp1252"))
    assert tracker("orders", "import", str(tmp_path / "woo.csv"), "--shop", "woo", "--json").json["new"] == 1
    columns = ("id=N°", "placed_at=Date", "total=Montant", "status=État", "currency=Devise")
    mapping = [part for column in columns for part in ("--column", column)]
    caisse = ("orders", "import", str(tmp_path / "caisse.csv"), "--shop", "caisse", *mapping, "--json")
    refused_line = tracker(*caisse)
    assert refused_line.code == 2
    assert "02/03/2026" in refused_line.out
    said = tracker(*caisse, "--dates", "dmy", "--time-zone", "Europe/Paris", "--apply").json
    assert said["totals"] == [{"currency": "EUR", "orders": 1, "total": "93.89"}]


def test_a_workbook_is_read_like_a_csv_with_its_numbers_and_days_as_they_are(
    tracker: Tracker, maison: Any, tmp_path: Path
) -> None:
    tracker("shop", "add", "Caisse", "--platform", "standard")
    book = Workbook()
    assert book.active is not None
    book.active.append(("id", "placed_at", "currency", "total", "status"))
    book.active.append((1042, datetime(2026, 3, 2, 8, 30), "EUR", 93.89, "paid"))  # noqa: DTZ001  (as Excel has it)
    file = tmp_path / "caisse.xlsx"
    book.save(file)
    load = ("orders", "import", str(file), "--shop", "caisse", "--json")
    assert tracker(*load).json["totals"] == [{"currency": "EUR", "orders": 1, "total": "93.89"}]
    book.active["D2"] = "=90+3.89"
    book.save(file)
    refused(tracker(*load), "D2 holds a formula")


def test_what_will_not_do_is_one_line(tracker: Tracker, maison: Any, tmp_path: Path) -> None:
    tracker("shop", "add", "Boutique", "--platform", "shopify", "--secret", SECRET)
    file = tmp_path / "orders.csv"
    file.write_bytes(sheet(SHOPIFY))
    load = ("orders", "import", str(file), "--shop", "Boutique")
    refused(tracker(*load, "--format", "magento"), "--format: want one of mapped, shopify, woocommerce")
    refused(tracker(*load, "--column", "total"), "--column:", "total=Montant")
    refused(tracker(*load, "--currency", "EURO"), "--currency:", "ISO 4217")
    refused(tracker(*load, "--time-zone", "Paris"), "time-zone")
    file.write_bytes(b"PK\x03\x04")
    refused(tracker(*load), "XLSX", "CSV")


def test_a_sheet_that_a_cell_far_to_the_right_blows_up_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    book = Workbook()
    assert book.active is not None
    book.active.append(["id", "total"])
    for line in range(2, 6):
        book.active.cell(line, 16_384, 1)
    file = io.BytesIO()
    book.save(file)
    assert len(_table.read(file.getvalue()).rows) == 0
    monkeypatch.setattr(_workbook, "MOST_CELLS", 60_000)
    with pytest.raises(BadInput, match="too wide and too long"):
        _table.read(file.getvalue())


def test_empty_cells_take_no_room() -> None:
    table = _table.read(b"id,total,,note\n1,,,\n2,5.00,,x\n")
    assert [dict(row.cells) for row in table.rows] == [{"id": "1"}, {"id": "2", "total": "5.00", "note": "x"}]
