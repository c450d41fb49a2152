"""The pages show what the reports say, in the reader's language, for a marketer who is signed in."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from flask import Flask

from tests import given
from tests.conftest import Ledger
from tests.desk import Desk, opened_desk, settings_of
from tests.given import NOON
from tests.sample_books import ALICE_CODE, Books, write_books, write_order
from tracker.ledger.database import open_database, sessions, writing
from tracker.reports import _shape
from tracker.reports._shape import Column, Part, Result, Scope
from tracker.web import _paging

MARCH = "from=2026-03-01&to=2026-03-31"


@pytest.fixture
def empty_desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened_desk(settings_of(sqlite_url, redis_url, tmp_path)) as opened:
        opened.sign_in()
        yield opened


@pytest.fixture
def desk(empty_desk: Desk) -> Desk:
    with writing(empty_desk.wiring.sessions) as session:
        write_books(session)
    return empty_desk


@pytest.fixture
def books() -> Books:
    return Books("b" * 32)


def page(desk: Desk, path: str, **headers: str) -> str:
    answer = desk.get(path, **headers)
    assert answer.status_code == 200, path
    return answer.text


# --- what the pages show ---------------------------------------------------------------------------------------------


def test_the_overview_shows_revenue_share_clicks_and_who_brought_them(desk: Desk) -> None:
    text = page(desk, f"/?{MARCH}")
    for told in ("€183.35", "€133.35", "72.7%", "$10.00", "Alice", "Bob", "3 paid orders", "1 order not yet paid"):
        assert told in text


def test_every_report_has_its_page_its_csv_and_its_line_in_the_menu(desk: Desk) -> None:
    menu = page(desk, "/")
    for name, report in _shape.reports().items():
        assert report.TITLE in page(desk, f"/reports/{name}?{MARCH}")
        assert desk.get(f"/reports/{name}.csv?{MARCH}").status_code == 200
        assert (f"/reports/{name}" in menu) or name in ("orders", "overview")


def test_every_page_of_the_menu_stands_under_its_heading(desk: Desk) -> None:
    menu = page(desk, "/").partition('<nav class="menu"')[2].partition("</nav>")[0]
    headings = re.findall("<summary>(.*?)</summary>", menu)
    assert headings == ["Performance", "Influence × affiliation", "Money", "Proof", "Sharing", "Settings"]
    under = dict(zip(headings, menu.split("<summary>")[1:], strict=True))
    assert "/reports/paths" in under["Influence × affiliation"]
    assert "/estimates" in under["Proof"]
    assert under["Money"].index("/reports/owed") < under["Money"].index("/terms")


def test_the_crossing_says_how_much_of_what_affiliates_closed_influence_opened(desk: Desk) -> None:
    text = page(desk, f"/reports/crossing?{MARCH}")
    assert "<b>100.0%</b>" in text
    assert "€100.00 of €100.00 net revenue, 1 of 1 orders" in text
    assert 'class="answer"' not in page(desk, "/reports/crossing?from=2025-03-01&to=2025-03-31")


def test_a_figure_has_what_it_changed_by_in_its_cell_and_a_currency_only_where_there_are_two(desk: Desk) -> None:
    text = page(desk, f"/reports/models?{MARCH}")
    assert "± paying" not in text.partition("</thead>")[0]
    assert '<small class="plus">+€50.00</small>' in text
    assert ">Currency</th>" in text
    assert ">Currency</th>" not in page(desk, "/reports/models?from=2026-03-02&to=2026-03-05")


def test_an_estimate_is_marked_and_an_empty_report_says_what_it_would_take(desk: Desk) -> None:
    text = page(desk, f"/reports/incrementality?{MARCH}")
    assert "Estimated, never paid" in text
    assert "tracker holdout add" in text
    assert "Estimated, never paid" not in page(desk, f"/reports/evidence?{MARCH}")


def test_the_csv_is_a_file_that_a_spreadsheet_opens_as_utf8(desk: Desk) -> None:
    answer = desk.get(f"/reports/channels.csv?{MARCH}&model=linear")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="channels_2026-03-01_2026-03-31.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert [row["revenue"] for row in rows[:4]] == ["83.35", "50.00", "50.00", "183.35"]


def test_the_url_carries_days_and_model_from_page_to_page(desk: Desk) -> None:
    text = page(desk, f"/reports/partners?{MARCH}&model=linear")
    assert "/reports/channels?from=2026-03-01&amp;to=2026-03-31&amp;model=linear" in text
    assert '<option value="linear" selected>' in text
    assert "€83.35" in text


def test_orders_are_filtered_and_lead_to_their_receipts(desk: Desk, books: Books) -> None:
    text = page(desk, f"/orders?{MARCH}&status=paid&attributed=no")
    assert books["A4"] in text
    assert books["A1"] not in text
    assert "NOBODY" in text


def test_a_long_list_of_orders_goes_on_on_the_next_page(desk: Desk, books: Books) -> None:
    with writing(desk.wiring.sessions) as session:
        for number in range(60):
            write_order(session, books, f"B{number}", NOON, net=100, journey=[ALICE_CODE])
    first = page(desk, f"/orders?{MARCH}&partner={books['Alice']}")
    following = first.split('rel="next"')[0].split('href="')[-1].split('"')[0].replace("&amp;", "&")
    assert f"partner={books['Alice']}" in following
    second = page(desk, following)
    assert first.count("<tr>") == 51
    assert second.count("<tr>") == 1 + 60 + 4 - 50
    assert 'rel="next"' not in second


def test_a_long_report_is_shown_some_rows_at_a_time(desk: Desk, books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_paging, "PAGE", 10)
    whole = page(desk, f"/reports/days.csv?{MARCH}").splitlines()[1:]
    seen, path = [], f"/reports/days?{MARCH}&lang=en"
    for number in range(1, len(whole) + 1, 10):
        shown = page(desk, path)
        last = min(number + 9, len(whole))
        assert f"Rows {number} to {last} of {len(whole)}" in shown
        seen += re.findall(r'<th scope="row" class="date">([^<]*)', shown)
        path = leads(shown, "next") or leads(shown, "prev")
    assert len(seen) == len(whole)
    assert len(set(seen)) == len({line.split(",")[0] for line in whole})
    assert f"Rows {number - 10} to {number - 1} of" in page(desk, path)
    assert "Lignes 11 à 20 sur" in page(desk, f"/reports/days?{MARCH}&row=14", **{"Accept-Language": "fr"})
    assert f"Rows {number} to" in page(desk, f"/reports/days?{MARCH}&row=999")
    assert desk.get(f"/reports/days?{MARCH}&row=none").status_code == 422


def test_the_report_of_orders_goes_on_without_being_counted(
    desk: Desk, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_paging, "PAGE", 2)
    first = page(desk, f"/reports/orders?{MARCH}&lang=en")
    second = page(desk, leads(first, "next"))
    assert "Rows 1 to 2<" in first
    assert "Rows 3 to 4<" in second
    assert leads(second, "prev") == f"/reports/orders?{MARCH}&lang=en"
    orders = [re.findall(r'href="/orders/([0-9a-f]{32})', each) for each in (first, second)]
    assert [len(each) for each in orders] == [2, 2]
    assert not set(orders[0]) & set(orders[1])


@pytest.mark.parametrize(
    ("rows", "skip", "shown"),
    [
        (["total", "a", "b", "c"], 0, ["total", "a"]),
        (["total", "a", "b", "c"], 2, ["total", "b", "c"]),
        (["a", "b", "c", "total"], 0, ["a", "b", "total"]),
        (["a", "b", "c", "total"], 2, ["c", "total"]),
        (["a", "b"], 40, ["a", "b"]),
        ([], 0, []),
    ],
)
def test_a_page_of_a_report_has_the_totals_where_they_stand(
    rows: list[str], skip: int, shown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_paging, "PAGE", 2)
    scope = Scope("", date(2026, 3, 1), date(2026, 3, 31))
    result = Result("x", "", "", (Column("what", ""),), [{"what": row} for row in rows], scope)
    with Flask("x").test_request_context("/"):
        assert [row["what"] for row in _paging.leaf_of(result, Part(2, skip)).rows] == shown


def leads(shown: str, rel: str) -> str:
    """Where the link of a page that is so related leads, empty where there is none."""
    found = re.search(rf'href="([^"]*)" rel="{rel}"', shown)
    return found[1].replace("&amp;", "&") if found else ""


def test_the_receipt_page_explains_who_earned_and_why_the_others_lost(empty_desk: Desk, sqlite_ledger: Ledger) -> None:
    world = given.World(sqlite_ledger)
    bot = world.click(world.bob_link, days=2, verdict="bot", reason="library")
    mine = world.click(world.alice_link, days=3)
    world.code("BOB5", world.bob)
    order = world.order(net="90.00", clicks=[bot, mine], codes=["bob5"])
    world.attribute()
    text = page(empty_desk, f"/orders/{order}")
    for told in (
        "€90.00",
        "only its owner's touchpoints may earn",
        "The click was made by a program, not by a person.",
        "Another partner's code was used, and the code's owner wins.",
        "Time decay",
    ):
        assert told in text


def test_a_touchpoint_that_the_model_gives_nothing_is_told_why_among_the_candidates(
    empty_desk: Desk, sqlite_ledger: Ledger
) -> None:
    world = given.World(sqlite_ledger)
    order = world.order(clicks=[world.click(world.alice_link, days=2), world.click(world.bob_link, days=1)])
    world.attribute()
    text = page(empty_desk, f"/orders/{order}")
    assert "Touchpoint 1 of the journey. It stands in the journey, and the paying model gives it no share." in text
    assert "Touchpoint 2 of the journey.</td>" in text


def test_an_order_without_a_receipt_says_that_it_waits(desk: Desk, books: Books) -> None:
    assert "waits for attribution" in page(desk, f"/orders/{books['A4']}")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/reports/nothing", 404),
        ("/orders/nothing", 404),
        (f"/orders/{'f' * 32}", 404),
        ("/?from=tomorrow", 422),
        ("/orders?status=lost", 422),
        ("/orders?after=nonsense", 422),
        ("/?brand=other", 404),
        ("/reports/channels?model=nonsense", 422),
        ("/nothing", 404),
    ],
)
def test_what_cannot_be_shown_is_said_on_a_page(desk: Desk, path: str, status: int) -> None:
    answer = desk.get(path)
    assert answer.status_code == status
    assert answer.content_type.startswith("text/html")
    assert "Back to the overview" in answer.text


def test_another_brand_is_chosen_by_the_url_and_keeps_its_orders_to_itself(desk: Desk, books: Books) -> None:
    with writing(desk.wiring.sessions) as session:
        other = write_books(session, "c" * 32, "Atelier Zinc")
    text = page(desk, f"/?brand={other.brand}&{MARCH}")
    assert '<option value="' + other.brand + '" selected>' in text
    assert f"brand={other.brand}" in text
    assert desk.get(f"/orders/{books['A1']}?brand={other.brand}").status_code == 404


def test_names_from_outside_are_text_and_never_markup(desk: Desk, books: Books) -> None:
    with writing(desk.wiring.sessions) as session:
        write_order(session, books, "<b>1</b>", NOON, net=100, codes=["<script>alert(1)</script>"])
    text = page(desk, f"/orders?{MARCH}")
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "&lt;b&gt;1&lt;/b&gt;" in text


def test_while_the_ledger_is_down_a_page_says_so_and_nobody_is_signed_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_database("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with monkeypatch.context() as down:
        down.setitem(vars(desk.wiring), "sessions", sessions(engine))
        answers = [desk.get(path) for path in ("/", "/orders", "/nothing")]
    engine.dispose()
    assert [answer.status_code for answer in answers] == [503, 503, 404]
    assert "Not now" in answers[0].text
    assert desk.get("/").status_code == 200


# --- empty states ----------------------------------------------------------------------------------------------------


def test_an_installation_without_a_brand_says_how_to_make_one(empty_desk: Desk) -> None:
    for path in ("/", "/orders", "/reports/channels"):
        assert "tracker brand add" in page(empty_desk, path)
    assert empty_desk.get("/reports/channels.csv").status_code == 404


def test_a_new_brand_says_what_is_missing_until_nothing_is(empty_desk: Desk, sqlite_ledger: Ledger) -> None:
    world = given.World(sqlite_ledger)
    assert "Open the link once" in page(empty_desk, "/")
    world.click(world.alice_link)
    assert "Next steps" not in page(empty_desk, "/")


# --- languages -------------------------------------------------------------------------------------------------------


def test_money_and_shares_are_written_as_the_reader_writes_them(desk: Desk) -> None:
    text = page(desk, f"/?{MARCH}", **{"Accept-Language": "fr-FR,fr;q=0.9,en;q=0.5"})
    assert '<html lang="fr">' in text
    assert "183,35\xa0€" in text
    assert "72,7\xa0%" in text
    assert '<html lang="en">' in page(desk, "/", **{"Accept-Language": "de"})
