"""The golden campaign on every face: page, paper, workbook, table, API, the partner's phone, in two languages.

What is expected is arithmetic, here and in `tests.test_returns`; the ledger is written once and only read.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from openpyxl import load_workbook

from tests.conftest import Ledger, redis_server, sqlite_template
from tests.desk import Desk, opened_desk, settings_of
from tests.given import NOON
from tests.test_papers import LANGUAGES, said, text
from tests.test_portal import PASSWORD, Frozen
from tests.test_returns import (
    ALICE_EARNED,
    ALICE_PAID,
    ASKED,
    BOB_EARNED,
    BOB_PAID,
    CAROL_EARNED,
    CAROL_PAID,
    EARNED,
    HOURS,
    SPENT,
    SPRING,
    SUMMER,
    Golden,
    campaign_of,
)
from tracker.catalog import keys, snapshots
from tracker.domain.roles import Role
from tracker.ledger import accounts
from tracker.ledger.database import open_database, sessions, writing

ALICE = "alice@example.com"
PENDING, DOLLARS = 30000, 1000
INFLUENCE, AFFILIATE = ALICE_EARNED + CAROL_EARNED, BOB_EARNED
LATE = 70000  # an invoice of the day after the campaign: what is said of all of its time has it
VIEWS, ENGAGED = 20_000, 900 + 70 + 20 + 10
CPM, CPE = 10000 * 1000 // VIEWS, 10000 // ENGAGED  # of the 100.00 that the video's amplification cost
REFUNDED_COMMISSION = 1000  # ten percent of the 100.00 that came back

# What each report says in euros, and in dollars.
REPORTS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "returns": ((SPENT, EARNED, SPRING, SUMMER, HOURS, ALICE_PAID + BOB_PAID + CAROL_PAID, 5 * SPENT - EARNED), ()),
    "overview": ((EARNED, PENDING), (DOLLARS,)),
    "partners": ((ALICE_EARNED, BOB_EARNED, CAROL_EARNED, ALICE_EARNED // 2, PENDING), (DOLLARS,)),
    "channels": ((INFLUENCE, AFFILIATE, EARNED, PENDING), (DOLLARS,)),
    "funnel": ((INFLUENCE, ALICE_EARNED, ALICE_EARNED // 2, CAROL_EARNED), (DOLLARS,)),
    "placements": ((10000, CPM, CPE), ()),
    "links": ((ALICE_EARNED, BOB_EARNED), (DOLLARS,)),
    "codes": ((CAROL_EARNED,), ()),
    "days": ((EARNED, INFLUENCE, AFFILIATE), (DOLLARS,)),
    "customers": ((100000, SPENT), ()),
    "owed": ((ALICE_PAID, BOB_PAID, CAROL_PAID, REFUNDED_COMMISSION), (100,)),
    "orders": ((90000, 10000, 100000, 60000, CAROL_EARNED, PENDING), (DOLLARS,)),
}


@dataclass(frozen=True)
class Gallery:
    """The golden campaign, the marketer's desk, Alice's phone and a key to the API."""

    golden: Golden
    desk: Desk
    phone: Desk
    key: str

    def read(self, path: str, language: str = "en") -> str:
        """What a person reads on the page, every white space a space."""
        return words(self.desk, path, language)


def words(desk: Desk, path: str, language: str) -> str:
    page = desk.get(path, **{"Accept-Language": language})
    assert page.status_code == 200, path
    return re.sub(r"\s+", " ", unescape(re.sub(r"<script.*?</script>|<[^>]+>", " ", page.text, flags=re.S)))


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    folder = tmp_path_factory.mktemp("golden")
    url = f"sqlite:///{folder}/ledger.db"
    (folder / "ledger.db").write_bytes(sqlite_template().read_bytes())
    engine = open_database(url)
    golden = campaign_of(Golden(Ledger(url, engine, sessions(engine))))
    with golden.desk() as counter:
        counted = {"views": VIEWS, "likes": 900, "comments": 70, "shares": 20, "saves": 10}
        snapshots.add(counter, snapshots.NewSnapshot.model_validate({"placement": golden.video, **counted}))
        key = keys.add(counter, keys.NewKey(name="golden")).key
    with opened_desk(replace(settings_of(url, redis_server(), folder), clock=Frozen())) as desk:
        with writing(desk.wiring.sessions) as session:
            account = accounts.create_account(session, ALICE, PASSWORD, NOON)
            accounts.join(session, account, golden.brand, Role.PARTNER, NOON, partner=golden.alice)
        phone = desk.another_browser()
        phone.sign_in(ALICE, PASSWORD)
        desk.sign_in()
        yield Gallery(golden, desk, phone, key)
    engine.dispose()


def untold(told: str | Iterable[str], wanted: Iterable[str]) -> list[str]:
    """What should be there and is not."""
    return [one for one in wanted if one not in told]


def money(report: str, language: str) -> list[str]:
    """What the report says, as the language writes it."""
    euros, dollars = REPORTS[report]
    french = [f"{said(amount, 'fr').removesuffix('€')}$US" for amount in dollars]
    english = [said(amount, "en").replace("€", "$") for amount in dollars]
    return [said(amount, language) for amount in euros] + (french if language == "fr" else english)


def plain(amounts: Iterable[int]) -> list[str]:
    """Cents as machines read them."""
    return [f"{Decimal(amount) / 100:.2f}" for amount in amounts]


def test_the_hand_reckons_without_a_remainder() -> None:
    assert (SPRING + SUMMER, INFLUENCE + AFFILIATE) == (SPENT, EARNED)
    assert (CPM, CPE, VIEWS * CPM, ENGAGED * CPE) == (500, 10, 10000 * 1000, 10000)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("report", REPORTS)
def test_a_report_says_it_on_its_page_and_on_paper(gallery: Gallery, report: str, language: str) -> None:
    wanted = money(report, language)
    assert untold(gallery.read(f"/reports/{report}?{ASKED}", language), wanted) == []
    paper = gallery.desk.get(f"/reports/{report}.pdf?{ASKED}", **{"Accept-Language": language})
    assert untold(text(paper.data), wanted) == []


@pytest.mark.parametrize("report", REPORTS)
def test_a_report_says_it_to_machines(gallery: Gallery, report: str) -> None:
    wanted = plain([*REPORTS[report][0], *REPORTS[report][1]])
    rows: Any = gallery.desk.client.get(
        f"/api/v1/reports/{report}?{ASKED}", headers={"Authorization": f"Bearer {gallery.key}"}
    ).json
    assert untold([value for row in rows["rows"] for value in row.values() if isinstance(value, str)], wanted) == []
    table = gallery.desk.get(f"/reports/{report}.csv?{ASKED}").data.decode("utf-8-sig")
    assert untold([cell for row in csv.reader(io.StringIO(table)) for cell in row], wanted) == []
    book = load_workbook(io.BytesIO(gallery.desk.get(f"/reports/{report}.xlsx?{ASKED}").data))
    cells = [cell for row in book.worksheets[0].iter_rows(values_only=True) for cell in row]
    numbers = [f"{cell:.2f}" for cell in cells if isinstance(cell, int | float | Decimal)]
    assert untold(numbers, wanted) == []


def test_nothing_of_another_currency_is_in_any_sum(gallery: Gallery) -> None:
    """The 999.00 and the 10.00 of dollars, the withdrawn 5,000.00, and the 999.00 of a test order."""
    told = gallery.read(f"/reports/returns?{ASKED}")
    for stranger in (SPENT + 99900, EARNED + DOLLARS, SPENT + 500000, EARNED + 99900):
        assert said(stranger, "en") not in told
    assert "$" not in told


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_overview_opens_on_it(gallery: Gallery, language: str) -> None:
    profit = EARNED * 40 // 100 - SPENT
    wanted = (SPENT, EARNED, 5 * SPENT - EARNED, profit, PENDING)
    assert untold(gallery.read(f"/?{ASKED}", language), [said(amount, language) for amount in wanted]) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_campaigns_page_and_its_bilan_say_it(gallery: Gallery, language: str) -> None:
    address, returned = f"/campaigns/{gallery.golden.spring}", ALICE_EARNED + BOB_EARNED
    spent = SPRING + LATE
    whole = [said(amount, language) for amount in (spent, returned, 2 * spent - returned)]
    parts = [said(amount, language) for amount in (HOURS, 4000, ALICE_PAID + BOB_PAID)]
    assert untold(gallery.read(address, language), whole) == []
    assert untold(gallery.read(f"{address}/costs", language), [*whole[:2], *parts]) == []
    assert untold(gallery.read(f"{address}/bilan?lang={language}"), whole + parts) == []
    assert untold(text(gallery.desk.get(f"{address}/bilan.pdf?lang={language}").data), whole + parts) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_partner_reads_her_own_and_nobody_elses(gallery: Gallery, language: str) -> None:
    with writing(gallery.desk.wiring.sessions) as session:
        accounts.choose_language(session, accounts.by_email(session, ALICE).id, language)
    home, statement = (words(gallery.phone, path, language) for path in ("/partner", "/partner/money?month=2026-03"))
    assert untold(home, [said(amount, language) for amount in (ALICE_PAID, ALICE_EARNED)]) == []
    earned = ALICE_PAID + REFUNDED_COMMISSION
    assert untold(statement, [said(one, language) for one in (earned, -REFUNDED_COMMISSION, ALICE_PAID)]) == []
    assert untold(statement, [money("owed", language)[-1]]) == []
    for stranger in (BOB_PAID, CAROL_PAID, BOB_EARNED, CAROL_EARNED, SPENT, SPRING):
        assert said(stranger, language) not in home + statement


def test_the_statement_is_a_table_too(gallery: Gallery) -> None:
    table = gallery.phone.get("/partner/money/2026-03.csv").data.decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(table)) for cell in row]
    assert untold(cells, plain([ALICE_PAID, -REFUNDED_COMMISSION, 100])) == []
    assert sum("Bob" in cell or "Carol" in cell for cell in cells) == 0


def test_the_brands_page_of_the_partner_says_what_is_on_hold(gallery: Gallery) -> None:
    assert f"{said(ALICE_PAID, 'en')} on hold" in gallery.read(f"/partners/{gallery.golden.alice}")
