"""A workbook holds what the JSON of the same report holds, typed, in the reader's language, and never a formula."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.workbook import Workbook

from tests.conftest import Ledger
from tests.desk import Desk, desk_with_books, settings_of
from tests.sample_books import MARCH, Books, write_books, write_order
from tracker import cli
from tracker.domain.spreadsheets import formula_safe
from tracker.errors import BadInput
from tracker.ledger.database import open_database, sessions, writing
from tracker.reports import _shape, _xlsx
from tracker.reports._shape import Column, Kind, Result, Row, Scope
from tracker.web import filters

DAYS = "from=2026-03-01&to=2026-03-31"


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    with desk_with_books(settings_of(sqlite_url, redis_url, tmp_path)) as opened:
        yield opened


def opened(content: bytes) -> Workbook:
    return load_workbook(io.BytesIO(content))


def local(*parts: int) -> datetime:
    """A moment as a sheet holds it, which knows no zones."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)  # type: ignore[arg-type,misc]


def sheet_rows(content: bytes) -> list[tuple[Any, ...]]:
    """The first sheet below its header."""
    return list(opened(content).worksheets[0].iter_rows(min_row=2, values_only=True))


def expected(value: Any, column: dict[str, str], word: dict[str, str]) -> Any:
    """What a cell of the JSON is in a workbook of Paris."""
    if value is None:
        return None
    match column["kind"]:
        case "money" | "percent" | "number" | "integer":
            return Decimal(str(value))
        case "date":
            return datetime.fromisoformat(value)
        case "moment":
            return datetime.fromisoformat(value).astimezone(ZoneInfo("Europe/Paris")).replace(tzinfo=None)
        case "list":
            return formula_safe(", ".join(value)) or None
        case "word":
            return word.get(value, value.replace("_", " ")) or None
        case _:
            return formula_safe(str(value)) or None


def compared(value: Any) -> Any:
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_report_says_in_a_workbook_what_its_json_says(desk: Desk, language: str) -> None:
    with desk.app.test_request_context(headers={"Accept-Language": language}):
        words = {name: filters.word(name) for name in filters.WORDS}
    for name in _shape.reports():
        with desk.wiring.sessions() as session:
            said: Any = _shape.as_json(_shape.run(session, name, Scope("b" * 32, *MARCH)))
        answer = desk.get(f"/reports/{name}.xlsx?{DAYS}", **{"Accept-Language": language})
        assert answer.content_type == _xlsx.CONTENT_TYPE
        wanted = [tuple(expected(row[one["key"]], one, words) for one in said["columns"]) for row in said["rows"]]
        read = [tuple(compared(cell) for cell in row) for row in sheet_rows(answer.data)]
        assert read[: len(wanted)] == wanted, name
        assert all(cell is None for row in read[len(wanted) :] for cell in row)


def test_a_workbook_speaks_french_to_the_french(desk: Desk) -> None:
    answer = desk.get(f"/reports/partners.xlsx?{DAYS}", **{"Accept-Language": "fr"})
    rows, about = opened(answer.data).worksheets
    assert "Partenaire" in [cell.value for cell in rows[1]]
    assert "Marque" in [row[0].value for row in about.iter_rows()]
    assert 'filename="partners_2026-03-01_2026-03-31.xlsx"' in answer.headers["Content-Disposition"]


def test_the_header_stays_in_sight_and_machine_s_ids_are_hidden(desk: Desk) -> None:
    sheet = opened(desk.get(f"/reports/partners.xlsx?{DAYS}").data).worksheets[0]
    keys = [column.key for column in _shape.reports()["partners"].COLUMNS]
    letters = {key: get_column_letter(index) for index, key in enumerate(keys, start=1)}
    assert sheet.freeze_panes == "A2"
    assert sheet.column_dimensions[letters["partner_id"]].hidden
    assert not sheet.column_dimensions[letters["partner"]].hidden
    assert sheet.column_dimensions[letters["revenue"]].width > 9
    assert all(sheet.cell(1, index).font.bold for index in range(1, len(keys) + 1))


def test_the_second_sheet_says_what_the_first_is_about(desk: Desk) -> None:
    books = Books("b" * 32)
    asked = f"{DAYS}&model=linear&campaign={books['spring']}&channel=influence&partner={books['Alice']}"
    about = opened(desk.get(f"/reports/partners.xlsx?{asked}").data).worksheets[1]
    said: list[Any] = list(about.iter_rows(values_only=True))
    facts, columns = ({row[0]: row[1] for row in part} for part in (said[:10], said[10:]))
    assert (facts["Brand"], facts["Time zone"], facts["Model"]) == ("Maison Violette", "Europe/Paris", "Linear")
    assert (facts["From"], facts["To"]) == (local(2026, 3, 1), local(2026, 3, 31))
    assert (facts["Campaign"], facts["Channel"], facts["Partner"]) == ("Spring", "Influence", "Alice")
    assert columns["CVR"] == "Conversion rate: orders that came through a link, per click."


def test_an_estimate_says_so_in_its_workbook(desk: Desk) -> None:
    told = {
        name: opened(desk.get(f"/reports/{name}.xlsx?{DAYS}").data).worksheets[1]["B2"].value
        for name in ("incrementality", "evidence")
    }
    assert ["Estimated, never paid" in str(text) for text in told.values()] == [True, False]


def test_the_page_leads_to_the_workbook_in_its_own_state(desk: Desk) -> None:
    text = desk.get(f"/reports/partners?{DAYS}&model=linear").text
    assert '/reports/partners.xlsx?from=2026-03-01&amp;to=2026-03-31&amp;model=linear"' in text
    assert "/reports/orders.xlsx" in desk.get("/orders").text
    assert desk.another_browser().get(f"/reports/partners.xlsx?{DAYS}").status_code == 302


# --- cells -----------------------------------------------------------------------------------------------------------

TOLD = _xlsx.About("Maison", ZoneInfo("Europe/Paris"), None, None)


def workbook(rows: list[Row], kind: Kind) -> bytes:
    columns = (Column("cell", "Cell", kind), Column("currency", "Currency"))
    return _xlsx.as_xlsx(Result("sample", "Sample", "", columns, rows, Scope("b" * 32, *MARCH)), TOLD)


def cell(value: object, kind: Kind, currency: str = "EUR") -> Any:
    return opened(workbook([{"cell": value, "currency": currency}], kind)).worksheets[0]["A2"]


@pytest.mark.parametrize(
    ("currency", "number", "look"),
    [("EUR", -10.5, '#,##0.00 "EUR"'), ("JPY", -1050, '#,##0 "JPY"'), ("KWD", -1.05, '#,##0.000 "KWD"')],
)
def test_money_is_a_number_with_the_decimals_of_its_currency(currency: str, number: float, look: str) -> None:
    found = cell(-1050, Kind.MONEY, currency)
    assert (found.data_type, found.value, found.number_format) == ("n", number, look)


def test_an_amount_that_a_spreadsheet_would_round_stays_exact() -> None:
    assert cell(999_999_999_999_999, Kind.MONEY).value == 9_999_999_999_999.99
    assert cell(1_234_567_890_123_456, Kind.MONEY).value == "12345678901234.56"


def test_other_figures_are_numbers_days_and_moments() -> None:
    assert (cell(Fraction(1, 8), Kind.PERCENT).value, cell(Fraction(1, 8), Kind.PERCENT).number_format) == (
        0.125,
        "0.0%",
    )
    assert cell(12345, Kind.INTEGER).value == 12345
    day = cell(date(2026, 3, 29), Kind.DATE)
    assert (day.value, day.is_date) == (local(2026, 3, 29), True)
    summer = cell(datetime(2026, 3, 29, 1, 30, tzinfo=UTC), Kind.MOMENT)
    assert (summer.value, summer.is_date) == (local(2026, 3, 29, 3, 30), True)
    assert cell(None, Kind.MONEY).value is None


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", "{=1}", '=HYPERLINK("https://x.example")']
)
def test_text_is_never_a_formula_nor_a_link(text: str) -> None:
    found = cell(text, Kind.TEXT)
    assert (found.data_type, found.value, found.hyperlink) == ("s", formula_safe(text), None)
    assert cell("https://x.example/", Kind.TEXT).hyperlink is None


def test_a_text_longer_than_a_cell_is_cut() -> None:
    assert len(cell("x" * 40_000, Kind.TEXT).value) == 32_767


def test_many_rows_read_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[Row] = [{"cell": index, "currency": "EUR"} for index in range(50)]
    few = sheet_rows(workbook(rows, Kind.MONEY))
    monkeypatch.setattr(_xlsx, "_MANY", 10)
    assert sheet_rows(workbook(rows, Kind.MONEY)) == few
    monkeypatch.setattr(_xlsx, "LARGEST", 49)
    with pytest.raises(BadInput, match="fewer days"):
        workbook(rows, Kind.MONEY)


def test_any_title_may_name_a_sheet() -> None:
    result = Result("x", "Who [opens] a/b: " + "long " * 9, "", (Column("a", "A"),), [], Scope("b" * 32, *MARCH))
    assert opened(_xlsx.as_xlsx(result, TOLD)).sheetnames == ["Who  opens  a b  long long long", "About"]
    assert opened(_xlsx.as_xlsx(replace(result, title="'"), TOLD)).sheetnames[0] == "1"


def test_both_databases_give_the_same_workbook(ledger: Ledger) -> None:
    with ledger.writing() as session:
        books = write_books(session)
        write_order(session, books, "late", datetime(2026, 3, 31, 21, 59, tzinfo=UTC), net=1)
    with ledger.session() as session:
        scope = Scope(books.brand, *MARCH)
        rows = sheet_rows(_xlsx.as_xlsx(_shape.run(session, "orders", scope), _xlsx.about(session, scope)))
    keys = [column.key for column in _shape.reports()["orders"].COLUMNS]
    late = dict(zip(keys, rows[0], strict=True))
    assert (late["number"], late["placed_at"], late["net"]) == ("late", local(2026, 3, 31, 23, 59), 0.01)


def test_the_command_line_writes_a_workbook(
    sqlite_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = open_database(sqlite_url)
    with writing(sessions(engine)) as session:
        write_books(session)
    engine.dispose()
    for name, value in {
        "TRACKER_STATE": str(tmp_path), "DATABASE_URL": sqlite_url, "REDIS_URL": redis_url,
        "SECRET_KEY": "0" * 64, "PUBLIC_URL": "https://go.example.com",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    asked = ["report", "partners", "--from", "2026-03-01", "--to", "2026-03-31", "--xlsx"]
    for file, code in ((tmp_path / "p.xlsx", 0), (tmp_path / "none" / "p.xlsx", 2)):
        monkeypatch.setattr(sys, "argv", ["tracker", *asked, str(file)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        assert (stopped.value.code or 0) == code
    assert "cannot be written" in capsys.readouterr().err
    assert len(sheet_rows((tmp_path / "p.xlsx").read_bytes())) >= 2
