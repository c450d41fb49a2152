"""The partner's page: links, codes, sales, money and words of one partner, on a phone, and nothing of anybody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import select, update

from tests.conftest import Ledger, redis_server, sqlite_template
from tests.desk import Desk, opened_desk, settings_of
from tests.given import NOON, World
from tracker import pipeline
from tracker.catalog import Desk as CatalogDesk
from tracker.catalog import campaigns, disputes, documents, links, messages, payouts, statements, terms
from tracker.clock import Clock
from tracker.domain.ids import new_id
from tracker.domain.roles import Role
from tracker.errors import BadInput, Conflict
from tracker.ledger import accounts, partnership
from tracker.ledger.database import open_database, sessions, writing
from tracker.ledger.tables import Account, LinkHour, Mail, OrderRow
from tracker.reports import owed
from tracker.reports._shape import Scope

ALICE, PASSWORD = "alice@example.com", "correct horse battery"
STAFF = "paul@example.com"


class Frozen(Clock):
    """A clock that stands at NOON."""

    def wall(self) -> datetime:
        return NOON


@dataclass
class Stage:
    """A brand with two partners and an order of both; Alice is signed in."""

    desk: Desk
    world: World
    other: World
    order: str
    lost: str

    def get(self, path: str, status: int = 200) -> str:
        answer = self.desk.get(path)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.headers.get('Location')}"
        return answer.text

    def send(self, path: str, page: str, **form: str) -> int:
        return self.desk.post(path, self.desk.token(page), **form).status_code

    def as_staff(self) -> Desk:
        staff = self.desk.another_browser()
        staff.sign_in(STAFF, PASSWORD)
        return staff


class Theatre(NamedTuple):
    """An application over a ledger file, and the same file as it was when the curtain rose."""

    desk: Desk
    file: Path
    fresh: bytes
    opened: Stage


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    folder = tmp_path_factory.mktemp("portal")
    file = folder / "ledger.db"
    file.write_bytes(sqlite_template().read_bytes())
    engine = open_database(f"sqlite:///{file}")
    ledger = Ledger(f"sqlite:///{file}", engine, sessions(engine))
    world, other = World(ledger), World(ledger, "Zeste")
    order, lost = an_order_of_two(world), a_sale_of_bob(world)
    an_order_of_two(other)
    frozen = replace(settings_of(ledger.url, redis_server(), folder), clock=Frozen())
    with opened_desk(frozen, account=False) as desk:
        people(desk, world)
        agree(desk, world)
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        yield Theatre(desk, file, file.read_bytes(), Stage(desk, world, other, order, lost))
    engine.dispose()


@pytest.fixture
def stage(theatre: Theatre) -> Stage:
    """The ledger as it was written, and Alice signed in by a browser of her own."""
    stage = theatre.opened
    for engine in (theatre.desk.wiring.engine, theatre.desk.wiring.hasty_engine, stage.world.ledger.engine):
        engine.dispose()
    for end in ("", "-wal", "-shm"):
        Path(f"{theatre.file}{end}").unlink(missing_ok=True)
    theatre.file.write_bytes(theatre.fresh)
    alice = theatre.desk.another_browser()
    assert alice.sign_in(ALICE, PASSWORD).status_code == 302
    return replace(stage, desk=alice)


def an_order_of_two(world: World) -> str:
    """Bob clicks first, then Alice: she closes the order and has it all."""
    clicks = [world.click(world.bob_link, days=3), world.click(world.alice_link, days=2)]
    order = world.order(net="90.00", clicks=clicks, customer="marie.buyer", days=1)
    world.attribute()
    return order


def a_sale_of_bob(world: World) -> str:
    """Alice clicks long ago, Bob at last: hers is older than the window allows."""
    clicks = [world.click(world.alice_link, days=200), world.click(world.bob_link, days=2)]
    order = world.order(net="40.00", clicks=clicks, days=1)
    world.attribute()
    return order


def people(desk: Desk, world: World) -> None:
    with writing(desk.wiring.sessions) as session:
        alice = accounts.create_account(session, ALICE, PASSWORD, NOON)
        accounts.join(session, alice, world.brand, Role.PARTNER, NOON, partner=world.alice)
        staff = accounts.create_account(session, STAFF, PASSWORD, NOON)
        accounts.join(session, staff, world.brand, Role.MARKETER, NOON)


def agree(desk: Desk, world: World) -> None:
    with at_desk(desk, world) as found:
        terms.add(found, terms.NewTerms(percent="10", hold_days=30, valid_from=date(2026, 1, 1)))
    pipeline.accrue_commissions(desk.wiring.sessions, 100, NOON)


class at_desk:  # noqa: N801  (a context manager that reads as a phrase)
    """A transaction on the brand."""

    def __init__(self, desk: Desk, world: World) -> None:
        self.desk, self.world = desk, world

    def __enter__(self) -> CatalogDesk:
        self.opened = writing(self.desk.wiring.sessions)
        return self.desk.wiring.desk(self.opened.__enter__(), self.world.brand)

    def __exit__(self, *error: object) -> None:
        self.opened.__exit__(*error)  # type: ignore[arg-type]


def test_home_tells_clicks_sales_and_money(stage: Stage) -> None:
    with at_desk(stage.desk, stage.world) as desk:
        for hours, human in ((1, 3), (24 * 3, 10), (24 * 20, 100), (24 * 40, 1000)):
            hour = NOON - timedelta(hours=hours)
            desk.session.add(LinkHour(link_id=stage.world.alice_link, hour=hour, gross=human + 1, human=human))
            desk.session.add(LinkHour(link_id=stage.world.bob_link, hour=hour, gross=7777, human=7777))
    text = stage.get("/partner")
    assert re.findall(r"<dd>(\d+)</dd>", text)[:3] == ["3", "13", "113"]
    for told in ("Hello Alice", "€9.00", "€90.00", "On hold", "next on Apr 18, 2026"):
        assert told in text


def test_money_on_the_page_is_what_the_report_owes(stage: Stage) -> None:
    scope = Scope(stage.world.brand, date(2026, 1, 1), date(2026, 12, 31), partner_id=stage.world.alice)
    with stage.desk.wiring.sessions() as session:
        (row,) = owed.rows(session, scope)
        (money,) = partnership.money(session, stage.world.brand, stage.world.alice)
    assert (money.pending, money.approved, money.paid) == (row["pending"], row["approved"], row["paid"]) == (900, 0, 0)


def test_every_link_stands_with_the_mention_and_can_be_copied_without_scripts(stage: Stage) -> None:
    text = stage.get("/partner/links")
    assert f'value="https://maison.example.com/r/{stage.world.alice_link[:8]}" readonly' in text
    assert 'value="Publicité · https://maison.example.com/r/' in text
    assert "2023-451" in text
    assert stage.world.bob_link[:8] not in text
    assert "You earn 10% of the value credited to you." in text
    assert "30 days after the sale" in text


def test_a_partner_makes_a_link_to_any_page_of_the_brand(stage: Stage) -> None:
    page = "/partner/links"
    answer = stage.desk.post(page, stage.desk.token(page), landing_url="https://shop.example/new", slug="Summer")
    assert answer.status_code == 303
    link = re.search("made=([0-9a-f]{32})", answer.headers["Location"])
    assert link
    assert "/r/Summer" in stage.get(page)
    assert stage.desk.get(f"/partner/links/{link[1]}/qr.svg").mimetype == "image/svg+xml"
    assert stage.desk.get(f"/partner/links/{link[1]}/qr.png").mimetype == "image/png"


def test_a_link_to_another_host_is_refused_with_what_would_do(stage: Stage) -> None:
    page = "/partner/links"
    answer = stage.desk.post(page, stage.desk.token(page), landing_url="https://evil.example/x", slug="y")
    assert answer.status_code == 422
    assert "https://evil.example/x is no page that links of Maison may lead to" in answer.text
    assert "shop.example" in answer.text
    assert 'value="https://evil.example/x"' in answer.text
    assert stage.send(page, page, landing_url="https://shop.example/", campaign=new_id()) == 422


def test_the_campaign_brings_its_brief_and_its_own_mention(stage: Stage) -> None:
    with at_desk(stage.desk, stage.world) as desk:
        own = campaigns.add(desk, campaigns.NewCampaign(name="Spring", brief="Show the bag.\nSmile.",
                                                        mention="Collaboration commerciale"))  # fmt: skip
        campaigns.add(desk, campaigns.NewCampaign(name="Secret", brief="Nobody knows"))
        links.edit(desk, stage.world.alice_link, links.LinkChange(campaign=own.id))
    text = stage.get("/partner/links")
    assert "Show the bag.\nSmile." in text
    assert 'value="Collaboration commerciale · https://' in text
    assert "Secret" not in text
    assert "Nobody knows" not in text


def test_own_codes_show_with_their_days(stage: Stage) -> None:
    stage.world.code("ALICE10", stage.world.alice)
    stage.world.code("BOB10", stage.world.bob)
    text = stage.get("/partner/links")
    assert 'value="ALICE10"' in text
    assert "BOB10" not in text


def test_every_sale_says_what_it_earns_and_a_refused_one_why(stage: Stage) -> None:
    text = stage.get("/partner/sales")
    assert text.count('class="sale"') == 2
    assert "€9.00" in text
    assert "Not credited" in text
    assert "The click is older than the lookback window allows." in text
    assert "€9.00" not in stage.get("/partner/sales?state=refused&month=2026-03")
    assert "€9.00" in stage.get("/partner/sales?state=pending&month=2026-03")
    assert "Nothing of that kind" in stage.get("/partner/sales?month=2026-02")
    stage.get("/partner/sales?state=nonsense", 422)


def test_no_other_partner_and_no_buyer_is_anywhere(stage: Stage) -> None:
    stage.world.code("BOBSECRET", stage.world.bob)
    both = stage.world.order(codes=["BOBSECRET"], clicks=[stage.world.click(stage.world.alice_link, days=2)], days=1)
    stage.world.attribute()
    for path in ("", "/links", "/sales", f"/sales/{stage.order}", f"/sales/{stage.lost}", f"/sales/{both}", "/money",
                 "/money/2026-03.csv", "/messages"):  # fmt: skip
        text = stage.get(f"/partner{path}")
        for hidden in ("Bob", stage.world.bob, stage.world.bob_link, "marie", "BOBSECRET", "Boutique"):
            assert hidden.casefold() not in text.casefold(), f"{hidden} on {path}"
    assert "Another partner (1)" in stage.get(f"/partner/sales/{stage.order}")


def test_whatever_is_somebody_elses_is_not_there(stage: Stage) -> None:
    bobs = stage.world.order(clicks=[stage.world.click(stage.world.bob_link, days=2)], days=1)
    stage.world.attribute()
    with at_desk(stage.desk, stage.world) as desk:
        paper = documents.add(desk, stage.world.bob, "bob.txt", b"of Bob").id
        said = messages.add(desk, messages.NewMessage(partner=stage.world.bob, text="only for him"))
    with at_desk(stage.desk, stage.other) as desk:
        elsewhere = documents.add(desk, stage.other.alice, "zeste.txt", b"of Zeste").id
    for path in (f"/sales/{bobs}", f"/documents/{paper}", f"/documents/{elsewhere}", f"/sales/{new_id()}",
                 f"/links/{stage.world.bob_link}/qr.svg", f"/links/{stage.other.alice_link}/qr.png"):  # fmt: skip
        stage.get(f"/partner{path}", 404)
    for path in ("", "/links", "/sales", "/money", "/money/2026-03.csv", "/messages"):
        stage.get(f"/partner{path}?brand={stage.other.brand}", 404)
    assert said.text not in stage.get("/partner/messages")
    token = stage.desk.token("/partner/messages")
    assert stage.desk.post(f"/partner/sales/{bobs}/dispute", token, text="mine").status_code == 404
    assert stage.desk.post(f"/partner/sales/{new_id()}/dispute", token, text="mine").status_code == 404


def test_the_pages_of_the_staff_send_a_partner_home(stage: Stage) -> None:
    for path in ("/", "/orders", f"/orders/{stage.order}", "/reports/partners", "/terms", "/payouts"):
        answer = stage.desk.get(path)
        assert (answer.status_code, answer.headers.get("Location")) == (302, "/partner"), path
    staff = stage.as_staff()
    assert staff.get("/partner").headers["Location"] == "/"


def test_a_statement_adds_up_to_the_ledger(stage: Stage) -> None:
    with at_desk(stage.desk, stage.world) as desk:
        desk.session.execute(update(OrderRow).where(OrderRow.id == stage.order).values(net=4500, refunded=4500))
    stage.world.change(stage.order, net=4500, refunded=4500)
    stage.world.attribute()
    pipeline.accrue_commissions(stage.desk.wiring.sessions, 100, NOON + timedelta(days=15))
    pipeline.approve_commissions(stage.desk.wiring.sessions, 100, NOON + timedelta(days=60))
    with writing(stage.desk.wiring.sessions) as session:
        later = replace(stage.desk.wiring.desk(session, stage.world.brand), now=NOON + timedelta(days=61))
        payouts.add(later, payouts.NewPayout(partner=stage.world.alice, reference="transfer 7"))
    shown = [statements_of(stage, month) for month in ("2026-03", "2026-04", "2026-05")]
    assert [(one.opening, one.closing) for one in shown] == [("0.00", "9.00"), ("9.00", "4.50"), ("4.50", "0.00")]
    assert (shown[0].earned, shown[1].reversed, shown[2].paid) == ("9.00", "-4.50", "-4.50")
    assert "transfer 7" in stage.get("/partner/money?month=2026-05")
    lines = stage.get("/partner/money/2026-05.csv").splitlines()
    assert lines[0].endswith("at,kind,order,reference,amount,currency,balance")
    assert lines[-1] == ",closing,,,,EUR,0.00"
    stage.get("/partner/money?month=nonsense", 422)


def statements_of(stage: Stage, month: str) -> statements.Statement:
    with at_desk(stage.desk, stage.world) as desk:
        (found,) = statements.of_month(desk, stage.world.alice, statements.month_of(month))
    return found


def test_a_sale_is_disputed_once_and_the_brand_is_written_to(stage: Stage) -> None:
    page = f"/partner/sales/{stage.lost}"
    assert stage.send(f"{page}/dispute", page, text="  ") == 422
    assert stage.send(f"{page}/dispute", page, text="She came by my story.") == 303
    text = stage.get(page)
    assert "She came by my story." in text
    assert "Waiting for an answer" in text
    assert "Apr 3, 2026" in text
    assert stage.send(f"{page}/dispute", page, text="And one more thing.") == 303
    with at_desk(stage.desk, stage.world) as desk:
        (found,) = disputes.every(desk)
        letters = desk.session.execute(select(Mail.kind, Mail.recipient)).all()
        with pytest.raises(Conflict):
            disputes.add(desk, stage.world.alice, disputes.NewDispute(order=stage.lost, text="again"), account=None)
        assert [one.id for one in disputes.open_about(desk, stage.lost)] == [found.id]
        assert disputes.open_about(desk, stage.order) == []
    assert [tuple(letter) for letter in letters] == [("dispute_opened", STAFF)]
    assert (found.order, found.due_on) == (stage.lost, date(2026, 4, 3))
    staff = stage.as_staff()
    assert f"/disputes/{found.id}" in staff.get(f"/orders/{stage.lost}").text
    assert "Disputed by" not in staff.get(f"/orders/{stage.order}").text


def test_a_message_is_unread_until_the_partner_looks_and_is_one_letter(stage: Stage) -> None:
    with at_desk(stage.desk, stage.world) as desk:
        for text in ("Hello Alice,\nwelcome!", "One more."):
            messages.add(desk, messages.NewMessage(partner=stage.world.alice, text=text))
        letters = desk.session.execute(select(Mail.recipient).where(Mail.kind == "message")).scalars().all()
    assert letters == [ALICE]
    assert 'class="count">2' in stage.get("/partner")
    assert "Hello Alice,\nwelcome!" in stage.get("/partner/messages")
    assert 'class="count"' not in stage.get("/partner")
    assert stage.send("/partner/messages", "/partner/messages", text="<b>Thanks</b>") == 303
    assert "&lt;b&gt;Thanks&lt;/b&gt;" in stage.get("/partner/messages")
    assert stage.send("/partner/messages", "/partner/messages", text="") == 422


PDF, PNG, JPEG = b"%PDF-1.7\n...", b"\x89PNG\r\n\x1a\n....", b"\xff\xd8\xff\xe0...."


def test_a_document_is_what_its_bytes_say_and_is_only_ever_saved(stage: Stage) -> None:
    with at_desk(stage.desk, stage.world) as desk:
        named = (("../contract.html", PDF), ("a.png", PNG), ("b.exe", JPEG), ("é.txt", b"caf\xc3\xa9"))
        made = [documents.add(desk, stage.world.alice, name, content) for name, content in named]
        for name, content in (("x.pdf", b"MZ\x90\x00"), ("x.pdf", b""), ("x.txt", b"x" * 2_000_001)):
            with pytest.raises(BadInput):
                documents.add(desk, stage.world.alice, name, content)
    assert [one.name for one in made] == ["contract.pdf", "a.png", "b.jpg", "é.txt"]
    assert "contract.pdf" in stage.get("/partner/messages")
    answer = stage.desk.get(f"/partner/documents/{made[0].id}")
    assert (answer.data, answer.mimetype) == (PDF, "application/pdf")
    assert answer.headers["Content-Disposition"] == "attachment; filename=contract.pdf"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    with at_desk(stage.desk, stage.world) as desk:
        documents.remove(desk, stage.world.alice, made[0].id)
    stage.get(f"/partner/documents/{made[0].id}", 404)


def test_the_page_speaks_the_partners_language(stage: Stage) -> None:
    with writing(stage.desk.wiring.sessions) as session:
        session.execute(update(Account).where(Account.email == ALICE).values(language="fr"))
    assert '<html lang="fr">' in stage.get("/partner")


def test_a_partner_of_two_brands_turns_from_one_to_the_other(stage: Stage) -> None:
    with writing(stage.desk.wiring.sessions) as session:
        alice = session.execute(select(Account.id).where(Account.email == ALICE)).scalar_one()
        accounts.join(session, alice, stage.other.brand, Role.PARTNER, NOON, partner=stage.other.alice)
    text = stage.get(f"/partner/links?brand={stage.other.brand}")
    assert stage.other.alice_link[:8] in text
    assert stage.world.alice_link[:8] not in text
    assert f"brand={stage.other.brand}" in text


def test_only_our_own_scripts_run(stage: Stage) -> None:
    answer = stage.desk.get("/partner")
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<script(?! src=\"/static/)|\son\w+=|\sstyle=", answer.text)
