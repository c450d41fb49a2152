"""Papers: PDFs of reports and bilans say what the ledger says, to the cent, and nothing in them is markup."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pypdf import PdfReader

from tests.conftest import Ledger
from tests.desk import Desk, opened_desk, settings_of
from tests.given import NOON
from tests.sample_books import write_books
from tests.test_returns import (
    ALICE_ALONE,
    ALICE_PAID,
    BOB_ALONE,
    BOB_PAID,
    BRAND_ON_SPRING,
    EARNED,
    HOURS,
    MARCH,
    SPENT,
    SPRING,
    Golden,
    campaign_of,
    shares,
)
from tracker import cli
from tracker.catalog import campaigns
from tracker.errors import NotFound
from tracker.ledger.database import writing
from tracker.reports import _bilan, _bilan_sheet, _pdf, _shape, _xlsx
from tracker.reports._reader import reader_of
from tracker.reports._shape import Column, Kind, Result, Row, Scope

DAYS = "from=2026-03-01&to=2026-03-31"
TOLD = _xlsx.About("Maison", ZoneInfo("Europe/Paris"), None, None)
LANGUAGES = ("en", "fr")


def pages(content: bytes) -> list[str]:
    """The text of each page, every white space a space, as a person who reads does not see which it is."""
    found = PdfReader(io.BytesIO(content)).pages
    return [re.sub(r"\s+", " ", page.extract_text()) for page in found]


def text(content: bytes) -> str:
    return " ".join(pages(content))


def said(amount: int, language: str) -> str:
    """Cents as a person writes them, reckoned here and not by the code under test."""
    whole, cents = divmod(abs(amount), 100)
    sign = "-" if amount < 0 else ""
    if language == "fr":
        return f"{sign}{whole:,}".replace(",", " ") + f",{cents:02} €"
    return f"{sign}€{whole:,}.{cents:02}"


def paper(rows: list[Row], *columns: Column, **more: Any) -> bytes:
    result = Result("sample", "Sample", "", columns, rows, Scope("b" * 32, *MARCH))
    return _pdf.as_pdf(replace(result, **more), TOLD)


# --- any report ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_paper_of_what_came_back_says_what_was_reckoned_by_hand(ledger: Ledger, language: str) -> None:
    golden = campaign_of(Golden(ledger))
    result = golden.run()
    with ledger.session() as session:
        told = text(_pdf.as_pdf(result, _xlsx.about(session, result.scope), reader_of(language)))
    first, last = shares(golden)
    for amount in (SPENT, EARNED, SPRING, HOURS, ALICE_ALONE + first, BOB_ALONE + last, 5 * SPENT - EARNED):
        assert said(amount, language) in told
    assert "Maison" in told


@pytest.mark.parametrize("name", ["#import", "*bold* _it_", "$x^2$ @ref <label>", "= H", "\\ #panic()", "`raw` // no"])
def test_no_text_of_the_ledger_is_markup(name: str) -> None:
    told = text(paper([{"name": name}], Column("name", "Name"), title=name, description=name))
    assert told.count(re.sub(r"\s+", " ", name)) >= 3


def test_a_long_table_repeats_its_header_and_counts_its_pages() -> None:
    rows: list[Row] = [{"name": f"Partner {number}", "currency": "EUR", "net": number} for number in range(200)]
    found = pages(paper(rows, Column("name", "Who it is"), Column("net", "Net", Kind.MONEY)))
    assert len(found) == 3
    assert all("Who it is" in page for page in found)
    assert [f"{number} / 3" in page for number, page in enumerate(found, start=1)] == [True] * 3
    assert sum(page.count("Partner ") for page in found) == 200


def test_a_wide_table_goes_on_below_and_names_its_rows_again() -> None:
    columns = [Column("name", "Name"), *(Column(f"c{index}", f"Figure{index}", Kind.INTEGER) for index in range(40))]
    told = text(paper([{"name": "Alice", **{f"c{index}": 10_000 + index for index in range(40)}}], *columns))
    assert told.count("Alice") >= 2
    assert all(f"10,0{index:02}" in told for index in range(40))


def test_a_paper_says_that_it_has_no_rows_or_not_all_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "Nothing in this period." in text(paper([], Column("name", "Name")))
    monkeypatch.setattr(_pdf, "LARGEST", 1)
    told = text(paper([{"name": "Ada"}, {"name": "Bea"}], Column("name", "Name")))
    assert "The first 1 of 2 rows; CSV and XLSX have all of them." in told
    assert ("Ada" in told, "Bea" in told) == (True, False)


def test_the_same_paper_is_the_same_bytes_and_names_itself() -> None:
    one, other = (paper([{"name": "Ada"}], Column("name", "Name")) for _ in range(2))
    assert one == other
    found = PdfReader(io.BytesIO(one))
    assert found.metadata is not None
    assert (found.metadata.title, found.metadata.author) == ("Sample", "Maison")
    assert found.trailer["/Root"]["/Lang"] == "en"  # type: ignore[index]


# --- over HTTP and on the command line -------------------------------------------------------------------------------


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened_desk(settings_of(sqlite_url, redis_url, tmp_path)) as opened:
        opened.sign_in()
        yield opened


def test_every_report_has_a_paper_and_its_page_leads_there(desk: Desk) -> None:
    with writing(desk.wiring.sessions) as session:
        write_books(session)
    for name in _shape.reports():
        answer = desk.get(f"/reports/{name}.pdf?{DAYS}", **{"Accept-Language": "fr"})
        assert (answer.status_code, answer.content_type) == (200, "application/pdf")
        assert f"{name}_2026-03-01_2026-03-31.pdf" in answer.headers["Content-Disposition"]
    assert "/reports/partners.pdf?" in desk.get(f"/reports/partners?{DAYS}").text
    assert desk.get("/reports/nothing.pdf").status_code == 404


# --- the bilan -------------------------------------------------------------------------------------------------------

AFTER = 70000  # what the campaign cost on the day after its last


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_bilan_says_what_the_reports_say_and_what_was_reckoned_by_hand(ledger: Ledger, language: str) -> None:
    golden = campaign_of(Golden(ledger))
    with ledger.session() as session:
        found = _bilan.bilan(session, golden.brand, golden.spring, NOON)
    told = text(_bilan_sheet.as_pdf(found, reader_of(language)))
    spent, back = SPRING + AFTER, 90000 + 100000 + 60000
    money = 25000 + 30000 + 10000 + BRAND_ON_SPRING + 2000 + AFTER
    for amount in (spent, back, money, HOURS, 4000, ALICE_PAID + BOB_PAID):
        assert said(amount, language) in told
    ratio, roi = round(back / spent, 2), round((back - spent) / spent * 100, 1)
    decimal = "," if language == "fr" else "."
    assert f"{ratio}:1".replace(".", decimal) in told
    assert f"{roi}".replace(".", decimal) in told
    assert (found.start, found.end) == (MARCH[0], date(2026, 4, 1))
    reported = golden.run(campaign_id=golden.spring, end=found.end)
    partners = [row for row in reported.rows if row["what"] == "partner"]
    assert {row["partner"] for row in partners} == {"Alice", "Bob"}
    for row in partners:
        assert said(int(str(row["spent"])), language) in told
        assert said(int(str(row["revenue"])), language) in told
    assert sum(int(str(row["spent"])) for row in found.partners) == spent
    assert sum(int(str(row["revenue"])) for row in found.partners) == back
    for key, whole in (("spent", spent), ("revenue", back)):
        assert sum(int(str(row[key])) for row in found.channels) == whole


def test_what_is_missing_and_what_is_reached_are_said(sqlite_ledger: Ledger) -> None:
    golden = Golden(sqlite_ledger)
    with golden.desk() as desk:
        campaigns.edit(desk, golden.spring, campaigns.CampaignChange(target_return="5:1"))
    golden.spend("fee", partner=golden.alice, campaign=golden.spring, amount="100.00")

    def sheet() -> _bilan_sheet.Sheet:
        with sqlite_ledger.session() as session:
            return _bilan_sheet.sheet(_bilan.bilan(session, golden.brand, golden.spring, NOON), reader_of("en"))

    golden.by(golden.alice_link, "499.99")
    golden.attribute()
    assert (sheet().standing, sheet().verdict) == ("below", "€0.01 are missing to the target of 5:1.")
    golden.by(golden.alice_link, "0.01")
    golden.attribute()
    assert (sheet().standing, sheet().verdict) == ("reached", "The target of 5:1 is reached exactly.")
    golden.by(golden.alice_link, "0.01")
    golden.attribute()
    assert (sheet().standing, sheet().verdict) == ("exceptional", "More than the target of 5:1.")


def test_a_campaign_without_anything_has_a_bilan_too(sqlite_ledger: Ledger) -> None:
    golden = Golden(sqlite_ledger)
    with sqlite_ledger.session() as session:
        found = _bilan.bilan(session, golden.brand, golden.summer, NOON)
        assert (found.start, found.end) == (date(2026, 3, 15), NOON.date())
        with pytest.raises(NotFound):
            _bilan.bilan(session, golden.brand, "f" * 32, NOON)
    sheet = _bilan_sheet.sheet(found, reader_of("en"))
    assert (sheet.lead, sheet.verdict) == ("Nothing was spent yet; €0.00 net came in.", "")
    assert len(pages(_bilan_sheet.as_pdf(found, reader_of("fr")))) == 1


def test_fifteen_partners_with_long_names_stay_on_one_page(sqlite_ledger: Ledger) -> None:
    golden = Golden(sqlite_ledger)
    with golden.desk() as desk:
        campaigns.edit(desk, golden.spring, campaigns.CampaignChange(name="Printemps #1 * $ " * 10))
    for number in range(15):
        partner = golden.partner(f"{'Marguerite de la Tour-Maubourg ' * 3}{number}")
        golden.spend("fee", partner=partner, campaign=golden.spring, amount=f"{1_234_567 + number}.89")
    golden.spend("other", campaign=golden.spring, amount="17.00")
    with sqlite_ledger.session() as session:
        found = _bilan.bilan(session, golden.brand, golden.spring, NOON)
    assert [row["what"] for row in found.partners] == ["partner"] * 12 + ["others"]
    whole = sum(123_456_789 + number * 100 for number in range(15)) + 1700
    assert sum(int(str(row["spent"])) for row in found.partners) == whole == found.total["spent"]
    for language in LANGUAGES:
        (page,) = pages(_bilan_sheet.as_pdf(found, reader_of(language)))
        assert said(whole, language) in page


def test_the_bilan_is_a_page_a_paper_and_a_command(
    desk: Desk, sqlite_ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = campaign_of(Golden(sqlite_ledger))
    shown = desk.get(f"/campaigns/{golden.spring}/bilan", **{"Accept-Language": "en"}).text
    assert "You spent €1,793.34 and received €2,500.00 net" in shown
    french = desk.get(f"/campaigns/{golden.spring}/bilan.pdf?lang=fr", **{"Accept-Language": "en"})
    assert french.content_type == "application/pdf"
    assert said(SPRING + AFTER, "fr") in text(french.data)
    assert desk.get(f"/campaigns/{'f' * 32}/bilan").status_code == 404
    for name, value in {
        "TRACKER_STATE": str(tmp_path), "DATABASE_URL": sqlite_ledger.url, "REDIS_URL": desk.wiring.settings.redis_url,
        "SECRET_KEY": "0" * 64, "PUBLIC_URL": "https://go.example.com",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    asks = (
        (["campaign", "bilan", "Spring", "--pdf", "b.pdf", "--language", "fr"], "b.pdf", SPRING + AFTER),
        (["report", "returns", "--from", "2026-03-01", "--to", "2026-03-31", "--pdf", "r.pdf"], "r.pdf", SPENT),
    )
    monkeypatch.chdir(tmp_path)
    for words, file, amount in asks:
        monkeypatch.setattr(sys, "argv", ["tracker", *words])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        assert not stopped.value.code
        language = "fr" if "fr" in words else "en"
        assert said(amount, language) in text((tmp_path / file).read_bytes())
