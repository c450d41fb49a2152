"""The brand's side of a partnership: the partner's own page, disputes with their due days, and threads."""

from __future__ import annotations

import io

import pytest
from sqlalchemy import select

from tests.conftest import NOW
from tests.desk import ORIGIN, Desk
from tests.test_portal import ALICE, PASSWORD, STAFF, Stage, at_desk, stage, theatre
from tracker.catalog import disputes, messages, partners
from tracker.domain.ids import new_id
from tracker.domain.roles import Role
from tracker.errors import Conflict
from tracker.ledger import accounts
from tracker.ledger.database import writing
from tracker.ledger.tables import Invitation, Mail, OrderRow

__all__ = ["stage", "theatre"]


@pytest.fixture
def staff(stage: Stage) -> Desk:
    return stage.as_staff()


@pytest.fixture
def dispute(stage: Stage) -> str:
    with at_desk(stage.desk, stage.world) as desk:
        wanted = disputes.NewDispute(order=stage.lost, text="She came by my story.")
        return disputes.add(desk, stage.world.alice, wanted, account=None).id


def test_the_page_tells_facts_figures_links_and_terms(stage: Stage, staff: Desk) -> None:
    text = staff.get(f"/partners/{stage.world.alice}").text
    for told in ("Alice", "€90.00", "€9.00 on hold", f"/r/{stage.world.alice_link[:8]}", "10%", "30 days of hold",
                 "no signed document is here"):  # fmt: skip
        assert told in text, told
    assert staff.get(f"/partners/{stage.other.alice}").status_code == 404
    assert staff.get(f"/partners/{new_id()}").status_code == 404


def test_notes_and_tags_are_the_brands_own(stage: Stage, staff: Desk) -> None:
    path = f"/partners/{stage.world.alice}"
    answer = staff.post(path, staff.token(path), name="Alice", email="alice@mail.example", language="fr",
                        followers="12 000", tags="Warm, unboxing", notes="Natural light.\nQuick cuts.")  # fmt: skip
    assert answer.status_code == 303
    text = staff.get(path).text
    for told in ("warm", "unboxing", "Natural light.\nQuick cuts.", "alice@mail.example", "12,000"):
        assert told in text, told
    for page in ("/partner", "/partner/links", "/partner/messages"):
        assert "Natural light" not in stage.get(page)
    assert staff.post(path, staff.token(path), name="", email="nonsense").status_code == 422
    with at_desk(stage.desk, stage.world) as desk:
        assert partners.one(desk, stage.world.alice).language == "fr"


def test_a_document_is_shared_and_taken_back(stage: Stage, staff: Desk) -> None:
    path = f"/partners/{stage.world.alice}"

    def share(content: bytes) -> int:
        form = {"csrf_token": staff.token(path), "file": (io.BytesIO(content), "contract.pdf")}
        headers = {"Referer": f"{ORIGIN}/"}
        return staff.client.post(f"{path}/documents", base_url=ORIGIN, data=form, headers=headers).status_code

    assert share(b"%PDF-1.7 signed") == 303
    assert "contract.pdf" in stage.get("/partner/messages")
    text = staff.get(path).text
    assert "no signed document" not in text
    action = text.split('/remove"')[0].rpartition('action="')[2] + "/remove"
    assert staff.get(action.removesuffix("/remove")).data == b"%PDF-1.7 signed"
    assert staff.post(action, staff.token(path)).status_code == 303
    assert "contract.pdf" not in stage.get("/partner/messages")
    assert share(b"MZ\x90 a program") == 422


def test_the_partner_is_invited_to_the_page_and_to_nothing_else(stage: Stage, staff: Desk) -> None:
    path = f"/partners/{stage.world.bob}"
    answer = staff.post(f"{path}/invite", staff.token(path), email="bob@example.com")
    assert answer.status_code == 200
    assert "Link of the invitation" in answer.text
    with stage.desk.wiring.sessions() as session:
        (row,) = session.execute(select(Invitation)).scalars()
    assert (row.role, row.partner_id, row.email) == (Role.PARTNER, stage.world.bob, "bob@example.com")
    assert staff.post(f"{path}/invite", staff.token(path), email="nonsense").status_code == 422


def test_a_dispute_is_answered_once_in_words(stage: Stage, staff: Desk, dispute: str) -> None:
    assert "Apr 3, 2026" in staff.get("/disputes").text
    path = f"/disputes/{dispute}"
    text = staff.get(path).text
    assert "She came by my story." in text
    assert f"/orders/{stage.lost}" in text
    assert "moves no money" in text
    assert staff.post(path, staff.token(path), state="refused", text="").status_code == 422
    assert staff.post(path, staff.token(path), state="", text="I am looking.").status_code == 303
    assert staff.post(path, staff.token(path), state="refused", text="Too long ago.").status_code == 303
    assert staff.post(path, staff.token(path), state="accepted", text="Or not.").status_code == 422
    shown = stage.get(f"/partner/sales/{stage.lost}")
    for told in ("Dispute refused", "I am looking.", "Too long ago."):
        assert told in shown, told
    with at_desk(stage.desk, stage.world) as desk:
        letters = desk.session.execute(select(Mail.recipient).where(Mail.kind == "dispute_answered")).scalars().all()
        with pytest.raises(Conflict):
            disputes.answer(desk, dispute, disputes.DisputeChange(state="accepted", answer="x"))
    assert letters == [ALICE]


def test_open_disputes_come_first(stage: Stage, dispute: str) -> None:
    with at_desk(stage.desk, stage.world) as desk:
        disputes.answer(desk, dispute, disputes.DisputeChange(state="accepted", answer="Yes."))
        wanted = disputes.NewDispute(order=stage.order, text="Twice?")
        later = disputes.add(desk, stage.world.alice, wanted, account=None).id
        assert [one.id for one in disputes.every(desk)] == [later, dispute]


def test_the_brand_reads_and_answers_in_a_thread(stage: Stage, staff: Desk) -> None:
    with at_desk(stage.desk, stage.world) as desk:
        messages.write(desk, stage.world.alice, "When does it start?", account=None)
    assert '<span class="badge pending">1</span>' in staff.get("/messages").text
    path = f"/messages/{stage.world.alice}"
    assert "When does it start?" in staff.get(path).text
    assert '<span class="badge pending">' not in staff.get("/messages").text
    assert staff.post(path, staff.token(path), text="On Monday.").status_code == 303
    assert "On Monday." in stage.get("/partner/messages")
    assert staff.get(f"/messages/{stage.other.alice}").status_code == 404
    assert staff.post(path, staff.token(path), text=" ").status_code == 422


def test_who_may_only_read_writes_nothing_and_leaves_messages_unread(stage: Stage, dispute: str) -> None:
    with writing(stage.desk.wiring.sessions) as session:
        viewer = accounts.create_account(session, "vera@example.com", PASSWORD, NOW)
        accounts.join(session, viewer, stage.world.brand, Role.VIEWER, NOW)
    vera = stage.desk.another_browser()
    vera.sign_in("vera@example.com", PASSWORD)
    token = vera.token("/disputes")
    for path, form in (
        (f"/disputes/{dispute}", {"state": "accepted", "text": "Yes."}),
        (f"/messages/{stage.world.alice}", {"text": "Hello."}),
        (f"/partners/{stage.world.alice}", {"name": "Alicia"}),
        (f"/partners/{stage.world.alice}/invite", {"email": "x@example.com"}),
    ):
        assert vera.post(path, token, **form).status_code == 403, path
    assert vera.get(f"/messages/{stage.world.alice}").status_code == 200
    with at_desk(stage.desk, stage.world) as desk:
        assert [one.unread for one in messages.threads(desk)] == [1]


def test_another_brands_dispute_is_not_there(stage: Stage, staff: Desk) -> None:
    with at_desk(stage.desk, stage.other) as desk:
        query = select(OrderRow.id).where(OrderRow.brand_id == stage.other.brand)
        stop = desk.session.execute(query).scalars().first() or ""
        theirs = disputes.add(desk, stage.other.alice, disputes.NewDispute(order=stop, text="Mine."), account=None).id
    assert staff.get(f"/disputes/{theirs}").status_code == 404
    assert "Mine." not in staff.get("/disputes").text
    answer = staff.post(f"/disputes/{theirs}", staff.token("/disputes"), state="accepted", text="x")
    assert answer.status_code == 404
    assert STAFF not in staff.get("/messages").text.replace(f"{STAFF}</a>", "")
