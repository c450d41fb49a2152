"""Long work: asked for on a page, done by a worker that may die, stopped when somebody says so, and done once."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import func, select, update

import workers.jobs
from tests.conftest import NOW, Ledger
from tests.desk import ORIGIN, PASSWORD, Desk, opened_desk, settings_of
from tests.intake import OpenedShop, add_shop, due
from tests.test_backfill import MAPPED, SHOPIFY, sheet
from tracker import backfill, jobs
from tracker.catalog import drafts
from tracker.domain.roles import Role
from tracker.importing import _table
from tracker.jobs import imports, progress, rebuilds, replays
from tracker.ledger import accounts
from tracker.ledger import jobs as ledger_jobs
from tracker.ledger.database import writing
from tracker.ledger.rules import ensure_rule_set
from tracker.ledger.tables import Job, OrderRow
from tracker.settings import Settings
from tracker.wiring import Wiring


@pytest.fixture
def made(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wiring]:
    """An installation on each database, and its worker in this process."""
    opened = Wiring(settings)
    monkeypatch.setattr(workers.jobs, "wiring", lambda: opened)
    yield opened
    opened.engine.dispose()
    opened.hasty_redis.close()
    opened.redis.close()


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with opened_desk(settings_of(sqlite_url, redis_url, tmp_path)) as opened:
        monkeypatch.setattr(workers.jobs, "wiring", lambda: opened.wiring)
        opened.sign_in()
        yield opened


def ledger_of(made: Wiring) -> Ledger:
    return Ledger(made.settings.database_url, made.engine, made.sessions)


def shop_in(made: Wiring, platform: str = "shopify") -> OpenedShop:
    shop = add_shop(ledger_of(made), platform)
    with writing(made.sessions) as session:
        ensure_rule_set(session, shop.brand_id, NOW)
    return shop


def orders(count: int) -> bytes:
    return sheet(*({**SHOPIFY, "Id": str(9000 + number), "Name": f"#{number}"} for number in range(count)))


def ask_import(made: Wiring, shop: OpenedShop, content: bytes, *, apply: bool, **more: Any) -> str:
    with writing(made.sessions) as session:
        desk = made.desk(session, shop.brand_id)
        return imports.ask(desk, imports.NewImport(shop=shop.id, apply=apply, **more), content).id


def the_job(made: Wiring, job_id: str) -> Job:
    with made.sessions() as session:
        return session.execute(select(Job).where(Job.id == job_id)).scalar_one()


def count_orders(made: Wiring) -> int:
    with made.sessions() as session:
        return session.execute(select(func.count()).select_from(OrderRow)).scalar_one()


# --- what a worker does ----------------------------------------------------------------------------------------------


def test_a_file_is_looked_at_then_applied_and_its_content_forgotten(made: Wiring) -> None:
    shop = shop_in(made)
    content = orders(3) + orders(1).splitlines()[1].replace(b"EUR", b"euro").replace(b"9000", b"9999") + b"\r\n"
    job_id = ask_import(made, shop, content, apply=False)
    assert workers.jobs.work_on_asked() == 1
    job = the_job(made, job_id)
    assert job.result is not None
    assert (job.state, job.done, job.total, job.result["new"], job.result["refused"]) == ("done", 3, 3, 3, 1)
    assert job.result["refusals"][0]["line"] == 5
    assert (count_orders(made), job.input is None) == (0, False)
    with writing(made.sessions) as session:
        imports.ask_again(made.desk(session, shop.brand_id), job_id, apply=True)
    workers.jobs.work_on_asked()
    job = the_job(made, job_id)
    assert (job.state, job.input, count_orders(made)) == ("done", None, 3)
    assert job.result is not None
    assert job.result["applied"] is True


def test_a_file_that_cannot_be_read_fails_with_what_would_do(made: Wiring) -> None:
    job_id = ask_import(made, shop_in(made), b"a;b\n1;2\n", apply=False)
    workers.jobs.work_on_asked()
    job = the_job(made, job_id)
    assert job.state == "failed"
    assert "names no column for" in (job.error or "")


def test_a_cancelled_import_stops_between_batches_and_what_was_recorded_stays(
    made: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "BATCH", 2)
    monkeypatch.setattr(progress.Progress, "begin", _begin_and_cancel_after_a_batch)
    shop = shop_in(made)
    job_id = ask_import(made, shop, orders(6), apply=True)
    workers.jobs.work_on_asked()
    job = the_job(made, job_id)
    assert (job.state, job.input, count_orders(made)) == ("cancelled", None, 2)
    monkeypatch.undo()
    monkeypatch.setattr(workers.jobs, "wiring", lambda: made)
    again = ask_import(made, shop, orders(6), apply=True)
    workers.jobs.work_on_asked()
    assert (the_job(made, again).state, count_orders(made)) == ("done", 6)


def _begin_and_cancel_after_a_batch(self: progress.Progress, total: int | None) -> None:
    self.total, self.every = total, 0.0
    self.tell()
    with writing(self.built.sessions) as session:
        ledger_jobs.cancel(session, self.work.brand_id, self.work.id, NOW)


def test_a_killed_workers_job_is_taken_again_when_its_lease_is_over_and_done_once(made: Wiring) -> None:
    shop = shop_in(made)
    job_id = ask_import(made, shop, orders(2), apply=True)
    wall, now = made.clock.wall(), made.clock.now()
    with writing(made.sessions) as session:
        dead = ledger_jobs.take(session, wall - timedelta(minutes=3), now - timedelta(minutes=3))
    assert dead is not None
    assert workers.jobs.work_on_asked() == 1
    assert the_job(made, job_id).state == "done"
    with writing(made.sessions) as session:  # the dead one wakes up: nothing is its any more
        assert ledger_jobs.beat(session, dead, 1, 2, wall) is False
        ledger_jobs.fail(session, dead, "late", now)
    assert the_job(made, job_id).state == "done"


def test_a_job_in_a_living_hand_is_nobody_elses(made: Wiring) -> None:
    ask_import(made, shop_in(made), orders(1), apply=True)
    wall = made.clock.wall()
    with writing(made.sessions) as session:
        assert ledger_jobs.take(session, wall, NOW) is not None
    with writing(made.sessions) as session:
        assert ledger_jobs.take(session, wall + timedelta(seconds=60), NOW) is None


def test_a_worker_that_is_told_to_stop_hands_its_job_back(made: Wiring) -> None:
    job_id = ask_import(made, shop_in(made), orders(2), apply=True)
    with writing(made.sessions) as session:
        taken = ledger_jobs.take(session, made.clock.wall(), made.clock.now())
    assert taken is not None
    told = Event()
    told.set()
    workers.jobs.work_on(made, taken, told)
    assert the_job(made, job_id).state == "asked"
    assert workers.jobs.work_on_asked() == 1
    assert the_job(made, job_id).state == "done"


def test_orders_are_marked_to_be_credited_anew_and_a_replay_keeps_what_it_came_to(made: Wiring) -> None:
    shop = shop_in(made)
    ask_import(made, shop, orders(3), apply=True)
    workers.jobs.work_on_asked()
    with writing(made.sessions) as session:
        desk = made.desk(session, shop.brand_id)
        rebuild = rebuilds.ask(desk, rebuilds.NewRebuild()).id
        draft = drafts.add(desk, drafts.NewDraft(name="Other"))
        replay = replays.ask(desk, replays.NewReplay(draft=draft.id, start=NOW.date(), end=NOW.date())).id
    assert workers.jobs.work_on_asked() == 2
    assert the_job(made, rebuild).result == {"orders": 3}
    assert the_job(made, rebuild).done == 3
    assert len(due(ledger_of(made))) == 3
    found = the_job(made, replay)
    assert found.result is not None
    assert (found.state, found.done, found.result["waiting"]) == ("done", 3, 3)


def test_files_that_were_left_are_forgotten_after_a_day(made: Wiring) -> None:
    job_id = ask_import(made, shop_in(made), orders(1), apply=False)
    workers.jobs.work_on_asked()
    with writing(made.sessions) as session:
        session.execute(update(Job).values(asked_at=made.clock.now() - timedelta(hours=25)))
    workers.jobs.work_on_asked()
    assert the_job(made, job_id).input is None


# --- pages -----------------------------------------------------------------------------------------------------------


def upload(desk: Desk, content: bytes, shop: OpenedShop, name: str = "orders.csv", **form: str) -> Any:
    data = {"csrf_token": desk.token("/imports"), "shop": shop.id, "file": (io.BytesIO(content), name), **form}
    return desk.client.post("/imports", base_url=ORIGIN, data=data, headers={"Referer": f"{ORIGIN}/"})


def test_an_export_goes_from_its_upload_to_the_books_by_two_buttons(desk: Desk) -> None:
    shop = shop_in(desk.wiring)
    answer = upload(desk, orders(2), shop)
    assert answer.status_code == 303, answer.text
    page = answer.headers["Location"]
    waits = desk.get(page).text
    assert "<div data-again>" in waits
    assert "<progress" in waits
    workers.jobs.work_on_asked()
    looked = desk.get(page).text
    assert "data-again" not in looked
    assert "Nothing was written yet" in looked
    job_id = page.partition("?")[0].rpartition("/")[2]
    assert desk.post(f"/imports/{job_id}/apply", desk.token(page)).status_code == 303
    workers.jobs.work_on_asked()
    assert "The orders are in the books" in desk.get(page).text
    assert count_orders(desk.wiring) == 2


def test_a_table_of_ones_own_is_mapped_by_selects(desk: Desk) -> None:
    shop = shop_in(desk.wiring)
    answer = upload(desk, sheet(MAPPED, delimiter=";"), shop, format="mapped")
    page = answer.headers["Location"]
    assert page.startswith("/imports/")
    text = desk.get(page).text
    assert '<option value="Montant"' in text
    job_id = page.partition("?")[0].rpartition("/")[2]
    columns = {"column-id": "N°", "column-placed_at": "Date", "column-total": "Montant", "column-status": "État",
               "column-currency": "Devise"}  # fmt: skip
    answer = desk.post(f"/imports/{job_id}/look", desk.token(page), format="mapped", dates="dmy", **columns)
    assert answer.status_code == 303, answer.text
    workers.jobs.work_on_asked()
    assert "€93.89" in desk.get(answer.headers["Location"]).text


def test_what_is_no_table_or_too_large_is_said(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = shop_in(desk.wiring)
    assert upload(desk, b"%PDF-1.7", shop).status_code == 422
    monkeypatch.setattr(imports, "LARGEST", 1000)
    answer = upload(desk, b"x" * 2000, shop)
    assert answer.status_code == 422
    assert desk.another_browser().client.post("/imports", data=b"x" * 3_000_000).status_code in (400, 413)


def test_a_file_is_read_while_others_may_write_and_once_a_page(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, read, files = shop_in(desk.wiring), _table.read, []

    def read_and_write(content: bytes) -> _table.Table:
        files.append(content)
        with writing(desk.wiring.hasty_sessions) as session:
            accounts.create_account(session, f"somebody{len(files)}@example.com", PASSWORD, NOW)
        return read(content)

    monkeypatch.setattr(_table, "read", read_and_write)
    page = upload(desk, sheet(MAPPED, delimiter=";"), shop, format="mapped").headers["Location"]
    assert len(files) == 1
    assert desk.get(page).status_code == 200
    assert len(files) == 2


def test_work_that_waits_is_cancelled_at_once_and_listed(desk: Desk) -> None:
    shop = shop_in(desk.wiring)
    page = upload(desk, orders(1), shop).headers["Location"]
    job_id = page.partition("?")[0].rpartition("/")[2]
    assert desk.post(f"/work/{job_id}/cancel", desk.token(page)).status_code == 303
    assert workers.jobs.work_on_asked() == 0
    assert "Cancelled" in desk.get(f"/work?brand={shop.brand_id}").text
    assert the_job(desk.wiring, job_id).input is None


def test_a_rebuild_is_begun_by_a_form(desk: Desk) -> None:
    shop_in(desk.wiring)
    answer = desk.post("/work/rebuild", desk.token("/work"), **{"from": "2026-01-01", "to": "2026-12-31"})
    assert answer.status_code == 303
    workers.jobs.work_on_asked()
    assert "All are credited" in desk.get(answer.headers["Location"]).text
    refused = desk.post("/work/rebuild", desk.token("/work"), **{"from": "2026-12-31", "to": "2026-01-01"})
    assert refused.status_code == 422


def test_another_brands_work_is_not_there_and_a_viewer_only_reads(desk: Desk) -> None:
    shop, other = shop_in(desk.wiring), shop_in(desk.wiring)
    page = upload(desk, orders(1), shop).headers["Location"]
    job_id = re.sub(r"\?.*", "", page).rpartition("/")[2]
    assert desk.get(f"/work/{job_id}?brand={shop.brand_id}").status_code == 200
    assert desk.get(f"/work/{job_id}?brand={other.brand_id}").status_code == 404
    with writing(desk.wiring.sessions) as session:
        account = accounts.create_account(session, "vera@example.com", PASSWORD, NOW)
        accounts.join(session, account, shop.brand_id, Role.VIEWER, NOW)
    viewer = desk.another_browser()
    viewer.sign_in("vera@example.com")
    token = viewer.token("/account")
    assert viewer.post(f"/work/{job_id}/cancel", token).status_code == 403
    assert viewer.post("/work/rebuild", token).status_code == 403


def test_every_kind_of_work_has_a_title_and_somebody_who_does_it() -> None:
    assert set(workers.jobs.RUNS) == set(jobs.TITLES)
