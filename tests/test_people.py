"""People of a brand: invited by a link that is good once and for a week; a brand always has an owner."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.conftest import NOW, Ledger
from tests.desk import EMAIL, PASSWORD, Desk, cheap_hashes, opened_desk, settings_of
from tests.sample_books import Books, write_books
from tracker.catalog import Desk as Counter
from tracker.catalog import people
from tracker.catalog.fields import ListQuery
from tracker.catalog.people import MemberChange, NewInvitation
from tracker.clock import Clock
from tracker.domain.roles import Role
from tracker.errors import BadInput, Conflict, NotFound
from tracker.ledger import accounts, invitations, keys
from tracker.ledger.database import writing
from tracker.ledger.mails import PURPOSE
from tracker.ledger.tables import Invitation, Mail
from tracker.outgoing import composing
from tracker.sealing import seal

BRAND, OTHER = "b" * 32, "c" * 32
ALICE = Books(BRAND)["Alice"]
KEY = "0" * 64
CAMILLE, CHOSEN = "camille@example.com", "a password of her own"


def counter(session: object, brand: str = BRAND, later: timedelta = timedelta(0)) -> Counter:
    return Counter(session, brand, NOW + later, NOW + later, "https://go.example.com", KEY)  # type: ignore[arg-type]


@pytest.fixture
def books(ledger: Ledger) -> Iterator[Ledger]:
    """Two brands, the first one owned by Marie."""
    with cheap_hashes():
        with ledger.writing() as session:
            write_books(session)
            write_books(session, OTHER, "Bazar Bleu")
            marie = accounts.create_account(session, EMAIL, PASSWORD, NOW)
            accounts.join(session, marie, BRAND, Role.OWNER, NOW)
        yield ledger


def token_of(link: str) -> str:
    return link.rpartition("/")[2]


def test_an_invitation_makes_somebody_what_it_says_once(books: Ledger) -> None:
    with books.writing() as session:
        fresh = people.invite(counter(session), NewInvitation(email=CAMILLE, role=Role.FINANCE))
        assert session.get_one(Invitation, fresh.id).digest == keys.digest(token_of(fresh.link))
        camille = accounts.create_account(session, CAMILLE, PASSWORD, NOW)
        invitations.accept(session, token_of(fresh.link), camille, NOW, NOW)
    with books.writing() as session:
        found = accounts.person(session, camille, 0)
        assert found is not None
        assert (found.roles, found.partners) == ({BRAND: Role.FINANCE}, {})
        with pytest.raises(NotFound):
            invitations.accept(session, token_of(fresh.link), camille, NOW, NOW)
        assert people.pending(counter(session)) == []


def test_the_letter_holds_the_link_and_speaks_the_partner_s_language(books: Ledger) -> None:
    with books.writing() as session:
        wanted = NewInvitation(email=CAMILLE, role=Role.PARTNER, partner=ALICE, language="fr")
        fresh = people.invite(counter(session), wanted)
        (letter,) = session.execute(select(Mail)).scalars()
        assert (letter.kind, letter.recipient, letter.language) == ("invitation", CAMILLE, "fr")
        assert letter.sealed is not None
        values = json.loads(seal(KEY, PURPOSE).open(letter.sealed))
    assert values == {"url": fresh.link, "role": "partner", "brand": "Maison Violette", "partner": "Alice"}


def test_a_link_ends_after_a_week_and_sending_it_again_makes_another(books: Ledger) -> None:
    late = timedelta(days=7)
    with books.writing() as session:
        fresh = people.invite(counter(session), NewInvitation(email=CAMILLE, role=Role.VIEWER))
        invitations.by_token(session, token_of(fresh.link), NOW + late - timedelta(seconds=1))
        with pytest.raises(NotFound):
            invitations.by_token(session, token_of(fresh.link), NOW + late)
        again = people.resend(counter(session, later=late), fresh.id)
        with pytest.raises(NotFound):
            invitations.by_token(session, token_of(fresh.link), NOW)
        assert invitations.by_token(session, token_of(again.link), NOW + late).id == fresh.id
        assert len(session.execute(select(Mail)).scalars().all()) == 2


def test_what_is_withdrawn_or_overtaken_opens_nothing(books: Ledger) -> None:
    with books.writing() as session:
        first = people.invite(counter(session), NewInvitation(email=CAMILLE, role=Role.VIEWER))
        second = people.invite(counter(session), NewInvitation(email=CAMILLE.upper(), role=Role.OWNER))
        assert [one.id for one in people.pending(counter(session))] == [second.id]
        people.revoke(counter(session), second.id)
        for fresh in (first, second):
            with pytest.raises(NotFound):
                invitations.by_token(session, token_of(fresh.link), NOW)
        with pytest.raises(NotFound):
            people.revoke(counter(session), second.id)


def test_what_cannot_be_an_invitation_is_refused(books: Ledger) -> None:
    with books.writing() as session:
        for role, partner, error in (
            (Role.PARTNER, None, BadInput),
            (Role.VIEWER, ALICE, BadInput),
            (Role.PARTNER, Books(OTHER)["Alice"], NotFound),
        ):
            with pytest.raises(error):
                people.invite(counter(session), NewInvitation(email=CAMILLE, role=role, partner=partner))
        with pytest.raises(Conflict):
            people.invite(counter(session), NewInvitation(email=EMAIL, role=Role.VIEWER))
        with pytest.raises(ValueError, match="e-mail address"):
            NewInvitation(email="camille", role=Role.VIEWER)


def test_one_brand_s_people_are_nobody_s_in_another(books: Ledger) -> None:
    with books.writing() as session:
        (marie,) = people.members(counter(session))
        fresh = people.invite(counter(session), NewInvitation(email=CAMILLE, role=Role.VIEWER))
        elsewhere = counter(session, OTHER)
        assert (people.members(elsewhere), people.pending(elsewhere)) == ([], [])
        for refused in (
            lambda: people.one(elsewhere, marie.id),
            lambda: people.remove(elsewhere, marie.id),
            lambda: people.change_role(elsewhere, marie.id, MemberChange(role=Role.VIEWER)),
            lambda: people.resend(elsewhere, fresh.id),
            lambda: people.revoke(elsewhere, fresh.id),
            lambda: people.invitation(elsewhere, fresh.id),
        ):
            with pytest.raises(NotFound):
                refused()


def test_the_last_owner_stays_until_there_is_another(books: Ledger) -> None:
    with books.writing() as session:
        desk = counter(session)
        (marie,) = people.members(desk)
        with pytest.raises(Conflict):
            people.remove(desk, marie.id)
        with pytest.raises(Conflict):
            people.change_role(desk, marie.id, MemberChange(role=Role.VIEWER))
        camille = accounts.create_account(session, CAMILLE, PASSWORD, NOW)
        people.add_member(desk, camille, MemberChange(role=Role.OWNER))
        people.change_role(desk, marie.id, MemberChange(role=Role.PARTNER, partner=ALICE))
        assert [(one.email, one.role, one.partner) for one in people.members(desk)] == [
            (EMAIL, Role.PARTNER, ALICE),
            (CAMILLE, Role.OWNER, None),
        ]


def test_members_and_invitations_come_in_pages(books: Ledger) -> None:
    with books.writing() as session:
        desk = counter(session)
        for number in range(3):
            account = accounts.create_account(session, f"{number}@example.com", PASSWORD, NOW)
            people.add_member(desk, account, MemberChange(role=Role.VIEWER))
            people.invite(desk, NewInvitation(email=f"invited{number}@example.com", role=Role.VIEWER))
        first = people.page(desk, ListQuery(limit=3))
        rest = people.page(desk, ListQuery(limit=3, cursor=first.next_cursor))
        assert [len(first.data), len(rest.data), rest.next_cursor] == [3, 1, None]
        assert len({one.id for one in [*first.data, *rest.data]}) == 4
        assert len(people.invitation_page(desk, ListQuery(limit=2)).data) == 2


# --- on the pages ----------------------------------------------------------------------------------------------------


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened_desk(settings_of(sqlite_url, redis_url, tmp_path)) as opened:
        with writing(opened.wiring.sessions) as session:
            write_books(session)
        opened.sign_in()
        yield opened


def invited(desk: Desk, **form: str) -> str:
    """The path of the link that the page shows after inviting."""
    answer = desk.post("/people/invitations", desk.token("/people"), **form)
    assert (answer.status_code, answer.headers.get("Set-Cookie")) == (201, None)
    assert desk.get("/people/invitations").location.startswith("/people")
    found = re.search(r'value="https://go.example.com(/invitation/[^"]+)"', answer.text)
    assert found is not None
    return found.group(1)


def test_somebody_new_follows_the_link_chooses_a_password_and_is_in(desk: Desk) -> None:
    path = invited(desk, email=CAMILLE, role="marketer", language="fr")
    assert path not in desk.get("/people").text
    browser = desk.another_browser()
    page = browser.get(path).text
    assert "Maison Violette" in page
    assert CAMILLE in page
    assert browser.post(path, browser.token(path), password="short").status_code == 422
    assert browser.post(path, browser.token(path), password=CHOSEN).location == "/"
    assert '<html lang="fr">' in browser.get("/").text
    assert browser.get("/people").status_code == 403
    assert desk.another_browser().get(path).status_code == 410
    assert CAMILLE in desk.get("/people").text


def test_nobody_without_a_link_has_a_hash_reckoned(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = desk.another_browser()
    reckoned: list[str] = []
    monkeypatch.setattr(accounts, "hashed", reckoned.append)
    assert browser.post("/invitation/nothing", browser.token(), password=CHOSEN).status_code == 404
    assert reckoned == []


def test_whoever_has_an_account_signs_in_and_accepts(desk: Desk) -> None:
    with writing(desk.wiring.sessions) as session:
        accounts.create_account(session, CAMILLE, PASSWORD, NOW)
    path = invited(desk, email=CAMILLE, role="viewer")
    browser = desk.another_browser()
    assert f'href="/sign-in?next={path}"' in browser.get(path).text
    assert browser.post(path, browser.token("/sign-in"), password=CHOSEN).status_code == 409
    assert browser.sign_in(CAMILLE, next_page=path).location == path
    assert browser.post(path, browser.token(path)).status_code == 303
    assert browser.get("/reports/partners").status_code == 200


def test_the_invitation_of_one_address_is_not_for_whoever_is_signed_in_as_another(desk: Desk) -> None:
    path = invited(desk, email=CAMILLE, role="viewer")
    assert "Sign out first" in desk.get(path).text
    assert desk.post(path, desk.token("/account")).status_code == 403


def test_a_partner_who_accepts_lands_on_the_partner_s_page(desk: Desk) -> None:
    assert desk.post("/people/invitations", desk.token("/people"), email=CAMILLE, role="partner").status_code == 422
    path = invited(desk, email=CAMILLE, role="partner", partner=ALICE)
    browser = desk.another_browser()
    assert "Alice" in browser.get(path).text
    assert browser.post(path, browser.token(path), password=CHOSEN).location == "/partner"


def test_an_invitation_is_sent_again_and_withdrawn_from_the_page(desk: Desk) -> None:
    first = invited(desk, email=CAMILLE, role="viewer")
    (resend,) = re.findall(r'action="(/people/invitations/[0-9a-f]{32}/resend)[?"]', desk.get("/people").text)
    again = desk.post(resend, desk.token("/people"))
    second = re.search(r'value="https://go.example.com(/invitation/[^"]+)"', again.text)
    assert second is not None
    assert desk.another_browser().get(first).status_code == 410
    assert desk.another_browser().get(second.group(1)).status_code == 200
    desk.post(resend.replace("/resend", "/revoke"), desk.token("/people"))
    assert desk.another_browser().get(second.group(1)).status_code == 410


def test_what_is_refused_is_said_and_what_was_typed_stays(desk: Desk) -> None:
    answer = desk.post("/people/invitations", desk.token("/people"), email="camille", role="finance")
    assert answer.status_code == 422
    assert "want an e-mail address" in answer.text
    assert 'value="camille"' in answer.text
    assert '<option value="finance" selected>' in answer.text


def test_two_who_follow_one_link_at_once_make_one_member(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = invited(desk, email=CAMILLE, role="viewer")
    first, second = desk.another_browser(), desk.another_browser()
    tokens = [first.token(path), second.token(path)]
    assert first.post(path, tokens[0], password=CHOSEN).status_code == 303
    assert second.post(path, tokens[1], password=CHOSEN).status_code == 404
    monkeypatch.setattr(Clock, "wall", lambda _clock: NOW)
    assert desk.get("/people").text.count(CAMILLE) >= 1


def test_the_letters_read_well_and_their_button_is_the_link() -> None:
    home, link = "https://go.example.com", "https://go.example.com/invitation/x"
    told = {"url": link, "brand": "Maison & Fils", "role": "partner", "partner": "Alice"}
    for kind, values, subject in (
        ("invitation", told, "Maison & Fils invites you"),
        ("invitation", {**told, "role": "viewer", "partner": None}, "Maison & Fils invites you"),
        ("password_reset", {"url": link}, "Choose another password"),
    ):
        letter = composing.write(kind, "en", values, home)
        assert letter.subject == subject
        assert link in letter.text
        assert f'href="{link}"' in letter.html
