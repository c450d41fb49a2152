"""Reports leave the house by schedules and shared links: by those who may, to nobody else, and not for ever."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

import workers.letters
from tests.conftest import NOW
from tests.desk import EMAIL, PASSWORD, Desk, desk_with_books, settings_of
from tests.post_office import opened_post_office
from tests.sample_books import Books
from tracker import log
from tracker.domain.roles import Role
from tracker.domain.timetable import Every, latest_until, next_after, span
from tracker.errors import Forbidden
from tracker.ledger import accounts, mails
from tracker.ledger.database import writing
from tracker.ledger.tables import Brand, Mail, Schedule, SharedLink
from tracker.outgoing import composing

MARCH = "from=2026-03-01&to=2026-03-31"
PARIS = ZoneInfo("Europe/Paris")
REPORT = f"/shared-links?report=partners&{MARCH}"


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    with desk_with_books(settings_of(sqlite_url, redis_url, tmp_path)) as opened:
        yield opened


def share(desk: Desk, path: str = REPORT, **form: str) -> str:
    """Share a report; the path of the link."""
    answer = desk.post(path, desk.token(path), **{"days": "30", **form})
    assert answer.status_code == 200, answer.text
    found = re.search(r'value="https://go\.example\.com(/shared/[^"]+)"', answer.text)
    assert found
    return html.unescape(found.group(1))


def plain(page: str) -> str:
    """A page without the addresses on it: the one that changes the language holds its own."""
    return re.sub(r'href="[^"]*"', "", page)


def becomes(desk: Desk, role: Role) -> None:
    with writing(desk.wiring.sessions) as session:
        accounts.join(session, accounts.by_email(session, "vera@example.com").id, Books("b" * 32).brand, role, NOW)


def as_viewer(desk: Desk) -> Desk:
    return as_somebody(desk, Role.VIEWER)


def as_somebody(desk: Desk, role: Role) -> Desk:
    with writing(desk.wiring.sessions) as session:
        accounts.create_account(session, "vera@example.com", PASSWORD, NOW)
    becomes(desk, role)
    other = desk.another_browser()
    other.sign_in("vera@example.com")
    return other


# --- shared links ----------------------------------------------------------------------------------------------------


def test_a_shared_link_shows_its_report_to_a_stranger_and_leads_nowhere(desk: Desk) -> None:
    path = share(desk)
    stranger = desk.another_browser()
    answer = stranger.get(path)
    assert answer.status_code == 200
    assert "Alice" in answer.text
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in answer.headers["X-Robots-Tag"]
    links = re.findall(r'href="([^"]+)"', answer.text)
    assert {link.partition("?")[0] for link in links if not link.startswith(("#", "/static"))} - {path} == {
        f"{path}/report.{form}" for form in ("csv", "xlsx", "pdf")
    }
    assert 'class="menu"' not in desk.get(path).text  # nor for those who are signed in


def test_its_days_and_filters_are_fixed_whatever_the_address_asks_for(desk: Desk) -> None:
    path = share(desk)
    stranger = desk.another_browser()
    same = stranger.get(path).text
    other = stranger.get(f"{path}?from=2020-01-01&to=2020-01-02&brand={'c' * 32}&channel=affiliate").text
    assert plain(other) == plain(same)
    told = stranger.get(f"{path}/report.csv?from=2020-01-01&to=2020-01-02")
    assert "Alice" in told.text
    assert "_id" not in told.text.splitlines()[0]
    assert stranger.get(f"{path}/report.xlsx").data.startswith(b"PK")


def test_the_language_is_the_links_own(desk: Desk) -> None:
    assert '<html lang="fr">' in desk.another_browser().get(share(desk, language="fr")).text


def test_unknown_expired_and_revoked_links_have_the_same_answer(desk: Desk) -> None:
    expired, revoked = share(desk), share(desk)
    with writing(desk.wiring.sessions) as session:
        first = session.execute(select(SharedLink.id).order_by(SharedLink.id).limit(1)).scalar_one()
        session.execute(update(SharedLink).where(SharedLink.id == first).values(expires_at=NOW - timedelta(days=1)))
    (other,) = [one for one in _ids(desk) if one != first]
    assert desk.post(f"/shared-links/{other}/revoke", desk.token(REPORT)).status_code == 303
    answers = [desk.another_browser().get(path) for path in (expired, revoked, "/shared/" + "x" * 43, "/shared/é")]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert len({plain(answer.text) for answer in answers}) == 1
    assert desk.another_browser().get(f"{revoked}/report.csv").status_code == 404


def test_its_token_is_kept_nowhere_and_no_log_has_it(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    log.configure("debug")
    path = share(desk)
    desk.another_browser().get(path)
    desk.another_browser().get(path + "x")
    token = path.rpartition("/")[2]
    with desk.wiring.sessions() as session:
        row = session.execute(select(SharedLink)).scalar_one()
        assert token not in str(vars(row))
        assert (row.opened, row.opened_at is not None) == (1, True)
    assert token not in "".join(capfd.readouterr())
    assert token not in desk.get("/shared-links").text


def test_another_brands_link_can_neither_be_seen_nor_revoked(desk: Desk) -> None:
    share(desk)
    (link_id,) = _ids(desk)
    other = f"brand={Books('c' * 32).brand}"
    if desk.get(f"/shared-links?{other}").status_code == 404:
        with writing(desk.wiring.sessions) as session:
            session.add(Brand(id="c" * 32, name="Other", time_zone="Europe/Paris", currency="EUR",
                              landing_domains=[], net_formula="goods", created_at=NOW))  # fmt: skip
        other = f"brand={'c' * 32}"
    assert "Revoke" not in desk.get(f"/shared-links?{other}").text
    answer = desk.post(f"/shared-links/{link_id}/revoke?{other}", desk.token(f"/shared-links?{other}&report=partners"))
    assert answer.status_code == 404


def test_a_viewer_neither_shares_nor_schedules(desk: Desk) -> None:
    viewer = as_viewer(desk)
    assert "Share" not in viewer.get(f"/reports/partners?{MARCH}").text
    token = viewer.token("/account")
    assert viewer.post(REPORT, token, days="7").status_code == 403
    assert viewer.post("/schedules?report=partners", token, recipients="a@example.com").status_code == 403


def test_what_will_not_do_is_said(desk: Desk) -> None:
    answer = desk.post(REPORT, desk.token(REPORT), days="5")
    assert answer.status_code == 422
    assert "want one of 1, 7, 30, 90" in answer.text


def test_a_link_is_open_for_as_long_as_who_made_it_may_share(desk: Desk) -> None:
    path = share(as_somebody(desk, Role.MARKETER))
    stranger = desk.another_browser()
    assert stranger.get(path).status_code == 200
    becomes(desk, Role.VIEWER)
    answers = [stranger.get(path), stranger.get("/shared/" + "x" * 43)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert plain(answers[0].text) == plain(answers[1].text)
    assert "Revoke<" not in desk.get("/shared-links").text
    becomes(desk, Role.FINANCE)
    assert stranger.get(path).status_code == 200


def _ids(desk: Desk) -> list[str]:
    with desk.wiring.sessions() as session:
        return list(session.execute(select(SharedLink.id)).scalars())


# --- schedules -------------------------------------------------------------------------------------------------------


def test_a_schedule_is_made_by_a_form_run_and_ended(desk: Desk) -> None:
    page = "/schedules?report=partners&channel=influence"
    form = {"every": "day", "hour": "6", "last_days": "7", "format": "csv", "language": "fr"}
    answer = desk.post(page, desk.token(page), **form, recipients="a@example.com, b@example.com\na@example.com")
    assert answer.status_code == 303, answer.text
    text = desk.get("/schedules").text
    for told in ("a@example.com", "b@example.com", "06:00", "Every day", "Influence"):
        assert told in text
    with desk.wiring.sessions() as session:
        schedule = session.execute(select(Schedule)).scalar_one()
    assert desk.post(f"/schedules/{schedule.id}/run", desk.token(page)).status_code == 303
    with desk.wiring.sessions() as session:
        assert len(session.execute(select(Mail)).scalars().all()) == 2
    assert desk.post(f"/schedules/{schedule.id}/end", desk.token(page)).status_code == 303
    assert "a@example.com" not in desk.get("/schedules").text


@pytest.mark.parametrize(
    "recipients", ["nobody", "Lea <lea@example.com>", " ".join(f"a{n}@x.example" for n in range(21))]
)
def test_recipients_that_will_not_do_are_refused_and_stay_in_the_form(desk: Desk, recipients: str) -> None:
    answer = desk.post("/schedules?report=partners", desk.token("/schedules?report=partners"), recipients=recipients)
    assert answer.status_code == 422
    assert html.escape(recipients) in answer.text


def test_what_is_missing_or_will_not_do_is_said_in_the_readers_language(desk: Desk) -> None:
    token = desk.token("/schedules?report=partners")
    with writing(desk.wiring.sessions) as session:
        accounts.choose_language(session, accounts.by_email(session, EMAIL).id, "fr")
    answer = desk.post("/schedules?report=partners", token, hour="noon", every="never", last_days="0")
    told = re.findall(r'<p class="error">([^<]+)</p>', answer.text)
    assert (answer.status_code, len(told)) == (422, 4)
    assert not [one for one in told if "want" in one or "needed" in one or "_" in one], told


def test_a_due_schedule_is_caught_up_with_once_and_sends_the_report(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, redis_url: str, tmp_path: Path
) -> None:
    page = "/schedules?report=partners"
    form = {"every": "week", "last_days": "30", "format": "xlsx", "recipients": EMAIL}
    assert desk.post(page, desk.token(page), **form).status_code == 303
    with writing(desk.wiring.sessions) as session:
        session.execute(update(Schedule).values(next_at=datetime(2026, 3, 30, 5, tzinfo=UTC)))
    with opened_post_office() as office:
        told = {"SMTP_URL": f"smtp://127.0.0.1:{office.port}", "MAIL_FROM": "tracker@example.com"}
        settings = settings_of(desk.wiring.settings.database_url, redis_url, tmp_path, **told)
        hands = type(desk.wiring)(settings)
        monkeypatch.setattr(workers.letters, "wiring", lambda: hands)
        assert workers.letters.write_scheduled() == 1
        assert workers.letters.write_scheduled() == 0
        assert workers.letters.send_due() == 1
        hands.engine.dispose()
        hands.redis.close()
    (message,) = office.messages
    assert message["Subject"].startswith("Partners")
    assert [(part.get_filename() or "")[:9] for part in message.iter_attachments()] == ["partners_"]
    with desk.wiring.sessions() as session:
        assert session.execute(select(Schedule.next_at)).scalar_one() > desk.wiring.clock.now()


def test_a_schedule_ends_with_the_right_of_who_began_it_and_says_why(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = "/schedules?report=partners"
    vera = as_somebody(desk, Role.MARKETER)
    assert vera.post(page, vera.token(page), every="week", recipients=EMAIL).status_code == 303
    with desk.wiring.sessions() as session:
        schedule = session.execute(select(Schedule.id)).scalar_one()
    assert vera.post(f"/schedules/{schedule}/run", vera.token(page)).status_code == 303
    with writing(desk.wiring.sessions) as session:
        session.execute(update(Schedule).values(next_at=datetime(2026, 3, 30, 5, tzinfo=UTC)))
    becomes(desk, Role.VIEWER)
    monkeypatch.setattr(workers.letters, "wiring", lambda: desk.wiring)
    assert workers.letters.write_scheduled() == 0
    with writing(desk.wiring.sessions) as session:
        assert session.execute(select(Schedule.ended_at)).scalar_one() is not None
        taken = mails.take(session, desk.wiring.clock.wall())  # written before, and not sent yet
    assert taken is not None
    with pytest.raises(Forbidden):
        workers.letters._filled(desk.wiring, taken)
    assert "who began it may no longer share reports" in desk.get("/schedules").text


def test_a_bilan_is_shared_and_sent_as_its_paper(desk: Desk) -> None:
    campaign = Books("b" * 32)["spring"]
    bilan, of = f"/campaigns/{campaign}/bilan", f"report=bilan&campaign={campaign}"
    shown = desk.get(bilan).text
    assert f"/shared-links?{html.escape(of)}" in shown
    assert f"/schedules?{html.escape(of)}" in shown
    path = share(desk, f"/shared-links?{of}")
    stranger = desk.another_browser()
    assert "Maison Violette" in stranger.get(path).text
    assert 'class="menu"' not in stranger.get(path).text
    assert stranger.get(f"{path}/report.pdf").data.startswith(b"%PDF")
    assert stranger.get(f"{path}/report.csv").status_code == 404
    page = f"/schedules?{of}"
    assert desk.post(page, desk.token(page), recipients=EMAIL, format="csv").status_code == 422
    assert desk.post("/schedules?report=bilan", desk.token(page), recipients=EMAIL).status_code == 422
    assert desk.post(page, desk.token(page), recipients=EMAIL).status_code == 303
    with desk.wiring.sessions() as session:
        schedule = session.execute(select(Schedule.id)).scalar_one()
    assert desk.post(f"/schedules/{schedule}/run", desk.token(page)).status_code == 303
    with writing(desk.wiring.sessions) as session:
        taken = mails.take(session, desk.wiring.clock.wall())
    assert taken is not None
    filled = workers.letters._filled(desk.wiring, taken)
    assert str(filled.values["title"]).startswith("Bilan: ")
    assert [one.name[:6] for one in filled.attachments] == ["bilan_"]
    assert composing.write("report", "en", filled.values, "https://go.example.com").subject.startswith("Bilan: ")


def test_the_hour_is_the_brands_on_both_sides_of_summer_time() -> None:
    saturday = datetime(2026, 3, 28, 12, tzinfo=UTC)
    sunday = next_after(saturday, Every.DAY, 7, PARIS)
    assert sunday == datetime(2026, 3, 29, 5, tzinfo=UTC)
    assert next_after(datetime(2026, 3, 27, 12, tzinfo=UTC), Every.DAY, 7, PARIS).hour == 6
    assert next_after(saturday, Every.WEEK, 7, PARIS).weekday() == 0
    assert next_after(saturday, Every.MONTH, 7, PARIS) == datetime(2026, 4, 1, 5, tzinfo=UTC)


def test_what_was_missed_is_caught_up_with_by_the_latest_of_it() -> None:
    first, now = datetime(2026, 3, 2, 6, tzinfo=UTC), datetime(2026, 3, 5, 12, tzinfo=UTC)
    assert latest_until(first, now, Every.DAY, 7, PARIS) == datetime(2026, 3, 5, 6, tzinfo=UTC)


def test_the_month_before_is_the_whole_of_it() -> None:
    day = datetime(2026, 3, 1, tzinfo=UTC).date()
    assert [one.isoformat() for one in span(day, None)] == ["2026-02-01", "2026-02-28"]
    assert [one.isoformat() for one in span(day, 1)] == ["2026-02-28", "2026-02-28"]
