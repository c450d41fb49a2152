"""Links and codes are issued from a file in one step: first dry, each row whole or not at all, and never twice."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests.conftest import Ledger
from tests.desk import Desk, opened_desk, settings_of
from tests.test_catalog import add_brand, add_code, add_link, add_partner, at
from tracker import cli
from tracker.catalog import campaigns, codes, issuing, links, partners, placements
from tracker.catalog.brands import BrandView
from tracker.catalog.campaigns import NewCampaign
from tracker.catalog.codes import NewOwner
from tracker.catalog.issuing import Issued, Outcome
from tracker.catalog.links import LinkChange
from tracker.catalog.placements import NewPlacement
from tracker.domain.spreadsheets import formula_safe, unquoted
from tracker.errors import BadInput, NotFound
from tracker.ledger.links import links_version
from tracker.ledger.tables import Code, Link

FILE = """partner,url,slug,code
Léa,https://shop.example.com/a,lea,LEA10
Max,https://shop.example.com/b,,
Max,,,MAX5
"""

Run = Callable[..., list[Issued]]


@pytest.fixture
def brand(ledger: Ledger) -> BrandView:
    found = add_brand(ledger)
    add_partner(ledger, found, "Léa")
    add_partner(ledger, found, "Max")
    with at(ledger, found) as desk:
        campaigns.add(desk, NewCampaign(name="Spring"))
    return found


@pytest.fixture
def issue(ledger: Ledger, brand: BrandView) -> Run:
    """What became of the rows of a file."""

    def run(text: str = FILE, *, apply: bool = True, campaign: str | None = None) -> list[Issued]:
        with at(ledger, brand) as desk:
            return issuing.issue(desk, issuing.read(text.encode()), campaign=campaign, apply=apply)

    return run


def counted(ledger: Ledger) -> tuple[int, int]:
    """How many links and codes there are."""
    with ledger.session() as session:
        return tuple(session.scalar(select(func.count()).select_from(table)) for table in (Link, Code))  # type: ignore[return-value]


def outcomes(issued: list[Issued]) -> str:
    return " ".join(one.outcome for one in issued)


def reason(issued: list[Issued]) -> str:
    (one,) = issued
    assert one.outcome is Outcome.REFUSED
    return one.reason or ""


def test_links_and_codes_come_from_one_file(ledger: Ledger, brand: BrandView, issue: Run) -> None:
    issued = issue(campaign="spring")
    assert outcomes(issued) == "issued issued issued"
    assert issued[0].address == "https://go.example.com/r/lea"
    assert str(issued[1].address).endswith(f"/r/{issued[1].slug}")
    assert (issued[2].address, issued[2].code) == (None, "MAX5")
    with at(ledger, brand) as desk:
        link = links.one(desk, links.named(desk, "lea"))
        owner = codes.one(desk, codes.named(desk, "lea10")).owners[0]
        spring = campaigns.named(desk, "Spring")
    assert (link.landing_url, link.campaign, link.partner) == ("https://shop.example.com/a", spring, owner.partner)
    assert owner.campaign == spring


def test_a_dry_run_says_the_same_and_changes_nothing(ledger: Ledger, issue: Run) -> None:
    with ledger.session() as session:
        version = links_version(session)
    dry = issue(apply=False)
    assert outcomes(dry) == "issued issued issued"
    assert [one.address for one in dry] == ["https://go.example.com/r/lea", None, None]
    assert counted(ledger) == (0, 0)
    with ledger.session() as session:
        assert links_version(session) == version


def test_the_same_file_again_issues_nothing(ledger: Ledger, issue: Run) -> None:
    first, again = issue(campaign="Spring"), issue(campaign="Spring")
    assert outcomes(again) == "known known known"
    assert [one.address for one in again] == [one.address for one in first]
    assert [one.address for one in issue(campaign="Spring", apply=False)] == [one.address for one in first]
    assert counted(ledger) == (2, 2)


def test_what_came_out_may_go_in_again(ledger: Ledger, issue: Run) -> None:
    out = issuing.as_csv(issue())
    assert next(csv.DictReader(io.StringIO(out)))["address"] == "https://go.example.com/r/lea"
    assert outcomes(issue(out)) == "known known known"
    assert counted(ledger) == (2, 2)


def test_a_row_is_issued_whole_or_not_at_all(ledger: Ledger, brand: BrandView, issue: Run) -> None:
    add_code(ledger, brand, add_partner(ledger, brand, "Zoé"), "LEA10")
    issued = issue()
    assert outcomes(issued) == "refused issued issued"
    assert "LEA10 already, of another partner" in str(issued[0].reason)
    assert counted(ledger) == (1, 2)
    with at(ledger, brand) as desk, pytest.raises(NotFound):
        links.named(desk, "lea")


def test_a_row_may_add_what_is_missing_of_it(ledger: Ledger, issue: Run) -> None:
    issue("partner,url,slug\nLéa,https://shop.example.com/a,lea\n")
    assert outcomes(issue()) == "issued issued issued"
    assert counted(ledger) == (2, 2)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("Zoé,https://shop.example.com/,,", "no partner is called Zoé"),
        (",https://shop.example.com/,,", "partner: say whose it is"),
        ("Léa,,,", "url: say where a link leads"),
        ("Léa,,lea,LEA10", "slug: a slug is a link's"),
        ("Léa,https://elsewhere.example/,,", "landing_url:"),
        ("Léa,https://shop.example.com/,a/b,", "slug: want 1 to 100"),
        ("Léa,https://shop.example.com/,,,surplus", "more cells"),
    ],
)
def test_a_row_that_will_not_do_is_refused_with_its_reason(issue: Run, row: str, why: str) -> None:
    issued = issue(f"partner,url,slug,code\n{row}\n", apply=False)
    assert why in reason(issued)
    assert issued[0].line == 2


def test_a_link_that_is_otherwise_is_no_known_one(ledger: Ledger, brand: BrandView, issue: Run) -> None:
    issue()
    assert "another partner" in reason(issue("partner,url,slug\nMax,https://shop.example.com/a,lea\n"))
    assert "another landing url" in reason(issue("partner,url,slug\nLéa,https://shop.example.com/z,lea\n"))
    assert "another campaign" in reason(issue("partner,url,slug,campaign\nLéa,https://shop.example.com/a,lea,Spring\n"))
    assert "another channel" in reason(issue("partner,code,channel\nLéa,LEA10,affiliate\n"))
    assert counted(ledger) == (2, 2)


def test_a_link_that_has_ended_is_no_known_one(ledger: Ledger, brand: BrandView, issue: Run) -> None:
    issued = issue()
    with at(ledger, brand) as desk:
        for one in issued[:2]:
            links.edit(desk, links.named(desk, str(one.slug)), LinkChange(disabled=True))
    again = issue()
    assert outcomes(again) == "refused issued known"
    assert "enable it" in str(again[0].reason)
    assert again[1].address != issued[1].address


def test_a_code_that_was_given_away_is_no_known_one(ledger: Ledger, brand: BrandView, issue: Run) -> None:
    issue()
    with at(ledger, brand) as desk:
        codes.give(desk, codes.named(desk, "MAX5"), NewOwner())
    assert outcomes(issue()) == "known known refused"


def test_rows_see_those_before_them(ledger: Ledger, issue: Run) -> None:
    twice = "partner;url;slug;code\nLéa;https://shop.example.com/a;;\nLéa;https://shop.example.com/a;;\nMax;;;A1\nLéa;;;a1\n"
    dry = issue(twice, apply=False)
    assert outcomes(dry) == "issued known issued refused"
    assert [one.address for one in dry] == [None] * 4
    assert outcomes(issue(twice)) == "issued known issued refused"
    assert counted(ledger) == (1, 1)


def test_a_placement_brings_its_campaign(ledger: Ledger, brand: BrandView, issue: Run) -> None:
    url = "https://video.example/1"
    with at(ledger, brand) as desk:
        whose = {"partner": partners.named(desk, "Léa"), "campaign": campaigns.named(desk, "Spring")}
        fields = {**whose, "network": "tiktok", "url": url}
        placements.add(desk, NewPlacement.model_validate(fields))
    text = f"partner,url,code,placement\nLéa,https://shop.example.com/a,LEA10,{url}\n"
    assert outcomes(issue(text)) == "issued"
    assert outcomes(issue(text)) == "known"
    assert "another partner's" in reason(issue(text.replace("Léa,", "Max,").replace("LEA10", "M1")))


def test_another_brand_s_things_are_not_there(ledger: Ledger, brand: BrandView, issue: Run) -> None:
    other = add_brand(ledger, "Other", hosts=["other.example.com"])
    zoe = add_partner(ledger, other, "Zoé")
    add_link(ledger, other, zoe, slug="lea")
    add_code(ledger, other, zoe, "LEA10")
    assert outcomes(issue()) == "issued issued issued"
    assert reason(issue(f"partner,code\n{zoe},Z1\n")) == "no such partner"


# --- the file --------------------------------------------------------------------------------------------------------


def test_a_file_may_be_written_as_spreadsheets_do() -> None:
    text = "\ufeffInfluencer;Landing URL;Promo code\r\n Léa ;https://shop.example.com/;'+10\r\n;;\r\n"
    (line,) = issuing.read(text.encode())
    assert (line.number, line.values) == (2, {"partner": "Léa", "url": "https://shop.example.com/", "code": "+10"})


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "want a header"),
        (b"partner,url,sulg\n", "no column is called 'sulg'"),
        (b"partner,slug\n", "want a header"),
        (b"partner,url,url\n", "two columns are called 'url'"),
        ("partner,url\nLéa,x\n".encode("latin-1"), "CSV UTF-8"),
        (b'partner,url\n"a"b,x\n', "is no CSV"),
        (b"partner,code\n" + b"a,b\n" * (issuing.LARGEST + 1), "split the file"),
    ],
)
def test_a_file_that_will_not_do_is_refused_as_a_whole(content: bytes, why: str) -> None:
    with pytest.raises(BadInput, match=why) as refused:
        issuing.read(content)
    assert refused.value.field == "file"


@pytest.mark.parametrize("text", ["=1+1", "+10", "'quoted", "''=1", "plain", "", "'"])
def test_what_is_guarded_from_spreadsheets_comes_back_as_it_was(text: str) -> None:
    assert unquoted(formula_safe(text)) == text


# --- the command line ------------------------------------------------------------------------------------------------


def test_the_command_line_is_dry_until_it_is_told(
    sqlite_ledger: Ledger,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    add_partner(sqlite_ledger, add_brand(sqlite_ledger), "Léa")
    for name, value in {
        "TRACKER_STATE": str(tmp_path), "DATABASE_URL": sqlite_ledger.url, "REDIS_URL": redis_url,
        "SECRET_KEY": "0" * 64, "PUBLIC_URL": "https://go.example.com",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    file, out = tmp_path / "in.csv", tmp_path / "out.csv"
    file.write_text(FILE)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["tracker", "issue", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        told = capsys.readouterr()
        return int(stopped.value.code or 0), told.out + told.err

    code, told = run(str(file))
    assert (code, counted(sqlite_ledger)) == (1, (0, 0))
    assert "1 to issue, 0 known, 2 refused; nothing is changed yet: add --apply" in told
    assert "no partner is called Max" in told
    assert run(str(file), "--apply", "--out", str(out))[0] == 1
    assert counted(sqlite_ledger) == (1, 1)
    assert [row["outcome"] for row in csv.DictReader(io.StringIO(out.read_text("utf-8-sig")))] == [
        "issued",
        "refused",
        "refused",
    ]
    assert [row["outcome"] for row in json.loads(run(str(file), "--json")[1])] == ["known", "refused", "refused"]


# --- the page --------------------------------------------------------------------------------------------------------


@pytest.fixture
def desk(sqlite_ledger: Ledger, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    maison = add_brand(sqlite_ledger)
    add_partner(sqlite_ledger, maison, "Léa")
    add_partner(sqlite_ledger, maison, "Max")
    with opened_desk(settings_of(sqlite_ledger.url, redis_url, tmp_path)) as opened:
        opened.sign_in()
        yield opened


def test_the_page_checks_then_issues_then_gives_the_file(desk: Desk, sqlite_ledger: Ledger) -> None:
    assert 'href="/issue' in desk.get("/reports/links").text
    token = desk.token("/issue")
    checked = desk.post("/issue", token, rows=FILE, action="check").text
    assert "3 rows to issue" in checked
    assert 'value="issue"' in checked
    assert counted(sqlite_ledger) == (0, 0)
    done = desk.post("/issue", token, rows=FILE, action="issue").text
    assert "3 rows issued" in done
    assert "https://go.example.com/r/lea" in done
    assert 'value="issue"' not in done
    assert counted(sqlite_ledger) == (2, 2)
    given = desk.post("/issue", token, rows=FILE, action="csv")
    rows = list(csv.DictReader(io.StringIO(given.data.decode("utf-8-sig"))))
    assert [row["outcome"] for row in rows] == ["known", "known", "known"]
    assert rows[1]["address"].startswith("https://go.example.com/r/")
    assert counted(sqlite_ledger) == (2, 2)


def test_the_page_says_what_is_wrong_and_keeps_what_was_typed(desk: Desk, sqlite_ledger: Ledger) -> None:
    token = desk.token("/issue")
    assert "no partner is called Zo" in desk.post("/issue", token, rows="partner,code\nZo,<b>\n").text
    wrong = desk.post("/issue", token, rows="partner,sulg\n<b>")
    assert wrong.status_code == 422
    assert "no column is called" in wrong.text
    assert "&lt;b&gt;</textarea>" in wrong.text
    assert desk.post("/issue", rows=FILE, action="issue").status_code == 400
    assert desk.another_browser().get("/issue").status_code == 302
    assert counted(sqlite_ledger) == (0, 0)
