"""The door: who signed is thanked once the delivery is safe, who did not learns nothing, and our trouble is ours."""

from __future__ import annotations

import io
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import text, update
from werkzeug.test import TestResponse, create_environ, run_wsgi_app

from tests import payloads
from tests.conftest import Ledger
from tests.intake import (
    OpenedShop,
    add_secret,
    add_shop,
    context,
    ingest,
    rows,
    started,
    states,
    wait_for,
)
from tracker import pipeline, queue, spool
from tracker.ledger.database import is_postgresql, open_database
from tracker.ledger.tables import Counter, InboxRow, OrderRow, Shop, ShopSecret
from tracker.settings import Settings
from tracker.web import _shops, create_app, webhooks
from tracker.wiring import Wiring


def now() -> datetime:
    return datetime.now(UTC)


def sent(
    shop: OpenedShop, payload: Any = None, *, secret: str | None = None, delivery_id: str = "d1"
) -> dict[str, Any]:
    """What the shop sends: body and headers, as the arguments of a client's `open`."""
    payload = payloads.standard_order() if payload is None else payload
    body = payload if isinstance(payload, bytes) else payloads.body(payload)
    signer: Any = payloads.PLATFORMS[shop.platform]
    return {"data": body, "headers": signer.sign(body, secret or shop.secret, now(), delivery_id)}


@pytest.fixture
def wiring(settings: Settings) -> Iterator[Wiring]:
    """The wiring of a test installation, once on each database."""
    built = Wiring(settings)
    yield built
    built.engine.dispose()
    built.hasty_engine.dispose()
    built.redis.close()
    built.hasty_redis.close()


@pytest.fixture
def ledger(wiring: Wiring) -> Ledger:
    """The same installation's ledger."""
    return Ledger(wiring.settings.database_url, wiring.engine, wiring.sessions)


@pytest.fixture
def client(wiring: Wiring) -> FlaskClient:
    """A client of the whole web application."""
    return create_app(wiring).test_client()


def told(answer: TestResponse) -> tuple[int, bytes]:
    """Status and body."""
    return answer.status_code, answer.data


# --- what is answered -------------------------------------------------------------------------------------------------


def test_a_signed_order_is_kept_rung_for_and_answered_with_an_empty_200(
    client: FlaskClient, ledger: Ledger, redis_url: str
) -> None:
    shop = add_shop(ledger)
    answer = client.post(shop.path, **sent(shop))
    assert told(answer) == (200, b"")
    assert answer.headers["Cache-Control"] == "no-store"
    (row,) = rows(ledger, InboxRow)
    assert (row["shop_id"], row["state"], row["topic"]) == (shop.id, "pending", "order.paid")
    assert row["body"] == payloads.body(payloads.standard_order())
    with Redis.from_url(redis_url) as redis:
        assert redis.exists(queue.bell(queue.INGEST)) == 1
    assert ingest(ledger) == [pipeline.Ingested.CHANGED]


def test_a_duplicate_delivery_is_answered_200_and_changes_nothing(client: FlaskClient, ledger: Ledger) -> None:
    shop = add_shop(ledger)
    assert [client.post(shop.path, **sent(shop)).status_code for _ in range(3)] == [200] * 3
    assert states(ledger) == ["pending"]


def test_every_platform_comes_through_its_own_door(client: FlaskClient, ledger: Ledger) -> None:
    bodies = {
        "standard": payloads.standard_order(),
        "shopify": payloads.shopify_order(),
        "woocommerce": payloads.woo_order(),
        "stripe": payloads.stripe_event("checkout.session.completed", payloads.stripe_session()),
    }
    for platform, body in bodies.items():
        shop = add_shop(ledger, platform)
        assert told(client.post(shop.path, **sent(shop, body))) == (200, b"")
    assert ingest(ledger) == [pipeline.Ingested.CHANGED] * 4
    assert len(rows(ledger, OrderRow)) == 4


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded", None]
)
def test_the_content_type_does_not_matter(client: FlaskClient, ledger: Ledger, content_type: str | None) -> None:
    shop = add_shop(ledger)
    request = sent(shop)
    request["headers"].pop("Content-Type")
    assert client.post(shop.path, **request, content_type=content_type).status_code == 200


def test_a_bad_signature_is_401_says_nothing_and_stores_nothing_but_a_count(
    client: FlaskClient, ledger: Ledger
) -> None:
    shop = add_shop(ledger)
    good = sent(shop)
    name = "Webhook-Signature"
    signature = good["headers"][name]
    for wrong in ("", "v1,", signature[:40], signature.replace("v1,", "v2,"), "v1,é" + signature[4:], signature + "x"):
        answer = client.post(shop.path, data=good["data"], headers={**good["headers"], name: wrong})
        assert told(answer) == (401, b"")
    for body in (good["data"] + b"\n", json.dumps(json.loads(good["data"])).encode(), b""):
        assert told(client.post(shop.path, data=body, headers=good["headers"])) == (401, b"")
    missing = {key: value for key, value in good["headers"].items() if key != name}
    assert told(client.post(f"{shop.path}?test=1", data=good["data"], headers=missing)) == (401, b"")
    assert rows(ledger, InboxRow) == []
    (count,) = rows(ledger, Counter)
    assert (count["name"], count["value"]) == (f"deliveries_refused:{shop.id}", 1)  # the others within a minute


@pytest.mark.parametrize("minutes", [-6, 6])
def test_an_old_or_future_timestamp_is_refused(client: FlaskClient, ledger: Ledger, minutes: int) -> None:
    shop = add_shop(ledger)
    body = payloads.body(payloads.standard_order())
    headers = payloads.PLATFORMS["standard"].sign(body, shop.secret, now() + timedelta(minutes=minutes), "d1")
    assert told(client.post(shop.path, data=body, headers=headers)) == (401, b"")


def test_an_unknown_token_or_platform_looks_like_any_other_refusal(client: FlaskClient, ledger: Ledger) -> None:
    shop = add_shop(ledger)
    refused = client.post(shop.path, **{**sent(shop), "data": b"x"})
    for path in (
        f"/webhooks/standard/{shop.token}x",
        f"/webhooks/shopify/{shop.token}",
        f"/webhooks/nope/{shop.token}",
    ):
        answer = client.post(path, **sent(shop))
        assert told(answer) == (404, b"")
        assert sorted(answer.headers.keys()) == sorted(refused.headers.keys())
    assert rows(ledger, InboxRow) == []


def test_a_shop_without_a_secret_lets_nobody_in(client: FlaskClient, ledger: Ledger) -> None:
    shop = add_shop(ledger)
    with ledger.writing() as session:
        session.execute(update(ShopSecret).values(removed_at=now()))
    assert client.post(shop.path, **sent(shop)).status_code == 401


def test_a_disabled_shop_is_told_to_stop_and_a_shopify_one_is_thanked_and_dropped(
    client: FlaskClient, ledger: Ledger
) -> None:
    for platform, status in (("standard", 410), ("shopify", 200)):
        shop = add_shop(ledger, platform)
        with ledger.writing() as session:
            session.execute(update(Shop).where(Shop.id == shop.id).values(disabled_at=now()))
        assert told(client.post(shop.path, **sent(shop))) == (status, b"")
    assert rows(ledger, InboxRow) == []


def test_a_signed_body_that_cannot_be_read_is_400_and_quarantined(client: FlaskClient, ledger: Ledger) -> None:
    shop = add_shop(ledger)
    for broken in (b'{"a":', '{"é":1}'.encode("latin-1"), b"[]", b"[" * 20000, b'{"type":"order.paid"}'):
        assert told(client.post(shop.path, **sent(shop, broken))) == (400, b"")
    assert states(ledger) == ["quarantined"] * 5


def test_a_byte_order_mark_is_read_over(client: FlaskClient, ledger: Ledger) -> None:
    shop = add_shop(ledger)
    body = b"\xef\xbb\xbf" + payloads.body(payloads.standard_order())
    assert client.post(shop.path, **sent(shop, body)).status_code == 200


def test_woocommerces_ping_is_answered_and_leaves_no_trace(client: FlaskClient, ledger: Ledger) -> None:
    shop = add_shop(ledger, "woocommerce")
    assert client.post(shop.path, data={"webhook_id": "7"}).status_code == 200
    assert client.post(shop.path, data={"webhook_id": "7", "more": "1"}).status_code == 401
    assert rows(ledger, InboxRow) == []


def test_only_post_is_answered(client: FlaskClient, ledger: Ledger) -> None:
    shop = add_shop(ledger)
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"):
        assert client.open(shop.path, method=method).status_code == 405


def test_no_spelling_of_the_address_is_redirected(client: FlaskClient, ledger: Ledger) -> None:
    shop = add_shop(ledger)
    assert client.post(f"{shop.path}/", **sent(shop)).status_code == 200
    for before, after in (("/standard/", "//standard/"), ("/standard/", "/Standard/"), ("/webhooks/", "/./webhooks//")):
        status = client.post(shop.path.replace(before, after), **sent(shop)).status_code
        assert not 200 <= status < 400


def test_a_compressed_body_is_not_unpacked(client: FlaskClient, ledger: Ledger) -> None:
    shop = add_shop(ledger)
    request = sent(shop)
    for encoding, status in (("gzip", 415), ("deflate, br", 415), ("identity", 200)):
        request["headers"]["Content-Encoding"] = encoding
        assert client.post(shop.path, **request).status_code == status


class Flood(io.RawIOBase):
    """A body without end that counts what was read of it."""

    def __init__(self) -> None:
        self.read_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.read_bytes += len(buffer)
        buffer[:] = b"x" * len(buffer)
        return len(buffer)


def flooded(client: FlaskClient, shop: OpenedShop, **environ: Any) -> tuple[int, int]:
    """The status of a request with a body without end, and how many bytes of it were read."""
    flood = Flood()
    request = create_environ(shop.path, method="POST")
    request |= {"wsgi.input": io.BufferedReader(flood), "wsgi.input_terminated": True, **environ}
    _, status, _ = run_wsgi_app(client.application, request)
    return int(status.split()[0]), flood.read_bytes


def test_a_body_beyond_two_megabytes_is_refused_without_reading_on(client: FlaskClient, ledger: Ledger) -> None:
    shop = add_shop(ledger)
    status, read = flooded(client, shop, HTTP_TRANSFER_ENCODING="chunked", CONTENT_LENGTH="")
    assert status == 413
    assert read < 1.5 * webhooks.LARGEST_BODY
    assert flooded(client, shop, CONTENT_LENGTH=str(50 * 1024 * 1024)) == (413, 0)


def test_a_body_of_two_megabytes_is_read(client: FlaskClient, ledger: Ledger) -> None:
    shop = add_shop(ledger)
    order = payloads.body(payloads.standard_order())
    assert client.post(shop.path, **sent(shop, order.ljust(webhooks.LARGEST_BODY))).status_code == 200
    assert client.post(shop.path, **sent(shop, order.ljust(webhooks.LARGEST_BODY + 1))).status_code == 413


def test_only_headers_that_matter_are_kept(client: FlaskClient, ledger: Ledger) -> None:
    shop = add_shop(ledger, "shopify")
    request = sent(shop, payloads.shopify_order())
    private = {"Cookie": "a=b", "X-Forwarded-For": "192.0.2.7", "Authorization": "Bearer x", "User-Agent": "Shopify"}
    client.post(shop.path, data=request["data"], headers={**request["headers"], **private, "X-Shopify-Test": "true"})
    (row,) = rows(ledger, InboxRow)
    assert row["headers"].keys() == {
        "content-type", "x-shopify-topic", "x-shopify-webhook-id", "x-shopify-hmac-sha256", "x-shopify-test",
    }  # fmt: skip


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_the_old_and_the_new_secret_both_open_and_a_new_one_at_once(
    client: FlaskClient, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = add_shop(ledger)
    assert client.post(shop.path, **sent(shop)).status_code == 200
    fresh = payloads.SECRETS["standard"][:-4] + "AAAA"
    assert client.post(shop.path, **sent(shop, secret=fresh, delivery_id="d2")).status_code == 401
    fresh_id = add_secret(ledger, shop, fresh)
    assert client.post(shop.path, **sent(shop, secret=fresh, delivery_id="d2")).status_code == 200
    assert client.post(shop.path, **sent(shop, delivery_id="d3")).status_code == 200
    used = {row["id"]: row["last_used_at"] for row in rows(ledger, ShopSecret)}
    assert used[fresh_id] is not None
    assert all(used.values())


def test_a_removed_secret_opens_no_more_after_a_few_seconds(
    client: FlaskClient, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = add_shop(ledger)
    assert client.post(shop.path, **sent(shop)).status_code == 200
    with ledger.writing() as session:
        session.execute(update(ShopSecret).values(removed_at=now()))
    monkeypatch.setattr(_shops, "_FRESH", 0.0)
    assert client.post(shop.path, **sent(shop)).status_code == 401


def test_a_secret_is_noted_as_used_once_a_minute_and_not_each_time(client: FlaskClient, ledger: Ledger) -> None:
    shop = add_shop(ledger)
    noted = []
    for number in range(3):
        client.post(shop.path, **sent(shop, delivery_id=f"d{number}"))
        noted.append(rows(ledger, ShopSecret)[0]["last_used_at"])
    assert noted[0] is not None
    assert len(set(noted)) == 1


def test_the_copy_for_bad_days_holds_no_secret_in_the_clear(
    client: FlaskClient, ledger: Ledger, wiring: Wiring
) -> None:
    shop = add_shop(ledger)
    client.post(shop.path, **sent(shop))
    copy = wiring.settings.state / "shops.sealed"
    assert copy.stat().st_mode & 0o077 == 0
    assert shop.secret.encode() not in copy.read_bytes()
    assert shop.token.encode() not in copy.read_bytes()


# --- our own trouble --------------------------------------------------------------------------------------------------


@contextmanager
def locked(ledger: Ledger) -> Iterator[None]:
    """Somebody holds the ledger and does not let go."""
    with ledger.engine.connect() as connection:
        if is_postgresql(connection):
            connection.execute(text("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE"))
        else:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("BEGIN EXCLUSIVE")
        yield
        connection.rollback()


def journalled(ledger: Ledger, settings: Settings) -> int:
    """Bring the journal's deliveries into the inbox; how many there were."""
    return spool.drain_deliveries(settings.journal_folder, ledger.session, context, wall=now(), drained={})


def test_while_the_ledger_is_locked_deliveries_go_to_the_journal_and_are_thanked_for(
    client: FlaskClient, ledger: Ledger, settings: Settings
) -> None:
    shop = add_shop(ledger)
    assert client.post(shop.path, **sent(shop, delivery_id="d0")).status_code == 200
    with locked(ledger):
        began = time.monotonic()
        answers = [client.post(shop.path, **sent(shop, delivery_id=f"d{number}")).status_code for number in range(1, 9)]
        assert answers == [200] * 8
        assert time.monotonic() - began < 2.5  # one waits in vain, the others do not wait
        assert client.post(shop.path, **sent(shop, b"{}", delivery_id="d9")).status_code == 400
    assert journalled(ledger, settings) == 9
    assert sorted(states(ledger)) == ["pending"] * 9 + ["quarantined"]


def test_an_error_of_ours_is_not_the_shops_and_the_delivery_is_on_the_disk(
    client: FlaskClient, ledger: Ledger, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = add_shop(ledger)
    with monkeypatch.context() as patch:
        patch.setattr("tracker.platforms.standard.topic", lambda *_: 1 / 0)
        answer = client.post(shop.path, **sent(shop))
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
        patch.setattr("tracker.platforms.standard.verify", lambda *_: 1 / 0)
        assert client.post(shop.path, **sent(shop)).status_code == 503
    assert states(ledger) == []
    assert journalled(ledger, settings) == 1
    assert states(ledger) == ["pending"]


def test_a_database_that_accepts_and_never_answers_is_not_waited_for(
    sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    """The process even starts in that state, with the sealed copy that another one left."""
    environment = {
        "TRACKER_STATE": str(tmp_path / "state"), "DATABASE_URL": sqlite_url, "REDIS_URL": redis_url,
        "SECRET_KEY": "0" * 64,
    }  # fmt: skip
    healthy = Wiring(Settings.from_env(environment))
    ledger = Ledger(sqlite_url, healthy.engine, healthy.sessions)
    shop = add_shop(ledger)
    assert create_app(healthy).test_client().post(shop.path, **sent(shop, delivery_id="d0")).status_code == 200
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"postgresql://nobody@127.0.0.1:{deaf.getsockname()[1]}/ledger"
        frozen = Wiring(Settings.from_env({**environment, "DATABASE_URL": url}))
        client = create_app(frozen).test_client()
        for number in range(1, 4):
            began = time.monotonic()
            assert client.post(shop.path, **sent(shop, delivery_id=f"d{number}")).status_code == 200
            assert time.monotonic() - began < 1.4
    assert journalled(ledger, frozen.settings) == 3
    assert states(ledger) == ["pending"] * 4
    for wiring in (healthy, frozen):
        wiring.hasty_engine.dispose()
        wiring.hasty_redis.close()
    healthy.engine.dispose()


@pytest.fixture
def unreachable(redis_url: str, tmp_path: Path) -> Iterator[Wiring]:
    """An installation whose database is not there."""
    built = Wiring(
        Settings.from_env(
            {
                "TRACKER_STATE": str(tmp_path / "state"), "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere",
                "REDIS_URL": redis_url, "SECRET_KEY": "0" * 64,
            }
        )
    )  # fmt: skip
    yield built
    built.hasty_engine.dispose()
    built.hasty_redis.close()


def test_what_cannot_be_verified_for_our_trouble_is_asked_for_again(unreachable: Wiring) -> None:
    client = create_app(unreachable).test_client()
    answer = client.post("/webhooks/standard/whatever", data=b"{}")
    assert told(answer) == (503, b"")
    assert int(answer.headers["Retry-After"]) > 0


def test_while_sql_is_down_an_unknown_signature_may_be_our_fault(
    client: FlaskClient, ledger: Ledger, wiring: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = add_shop(ledger)
    assert client.post(shop.path, **sent(shop)).status_code == 200
    wiring.hasty_engine.dispose()
    dead = open_database("postgresql+psycopg://nobody@127.0.0.1:1/nowhere", wait=0.5)
    wiring.hasty_sessions.configure(bind=dead)
    secret = payloads.SECRETS["standard"][:-4] + "AAAA"
    assert client.post(shop.path, **sent(shop, secret=secret)).status_code == 503
    assert client.post(f"{shop.path}x", **sent(shop)).status_code == 503
    dead.dispose()


def test_when_neither_the_ledger_nor_the_disk_takes_it_the_shop_is_asked_to_come_again(
    client: FlaskClient, ledger: Ledger, settings: Settings
) -> None:
    shop = add_shop(ledger)
    assert client.post(shop.path, **sent(shop, delivery_id="d0")).status_code == 200
    settings.journal_folder.parent.mkdir(parents=True, exist_ok=True)
    assert not settings.journal_folder.exists()
    settings.journal_folder.write_text("no folder")
    with locked(ledger):
        answer = client.post(shop.path, **sent(shop))
    assert told(answer) == (503, b"")
    assert int(answer.headers["Retry-After"]) > 0
    assert states(ledger) == ["pending"]


def test_a_redis_that_is_down_changes_nothing_for_the_shop(settings: Settings) -> None:
    wiring = Wiring(replace(settings, redis_url="redis://127.0.0.1:1"))
    ledger = Ledger(settings.database_url, wiring.engine, wiring.sessions)
    shop = add_shop(ledger)
    client = create_app(wiring).test_client()
    for number in range(3):
        began = time.monotonic()
        assert client.post(shop.path, **sent(shop, delivery_id=f"d{number}")).status_code == 200
        assert time.monotonic() - began < 1.0
    assert states(ledger) == ["pending"] * 3
    wiring.engine.dispose()
    wiring.hasty_engine.dispose()
    wiring.hasty_redis.close()


def test_an_error_in_a_platform_costs_no_delivery(
    client: FlaskClient, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = add_shop(ledger)
    with monkeypatch.context() as broken:
        broken.setattr("tracker.platforms.standard.parse", lambda *_: 1 / 0)
        assert client.post(shop.path, **sent(shop)).status_code == 200
    assert ingest(ledger) == [pipeline.Ingested.CHANGED]


# --- killed in the middle ---------------------------------------------------------------------------------------------


def posted(port: int, shop: OpenedShop, delivery_id: str, *, chunked: bool = False) -> int | None:
    """The status of one attempt over HTTP, or None where the connection died."""
    request = sent(shop, payloads.standard_order(id=delivery_id), delivery_id=delivery_id)
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        body = iter([request["data"][:50], request["data"][50:]]) if chunked else request["data"]
        connection.request("POST", shop.path, body, request["headers"], encode_chunked=chunked)
        return connection.getresponse().status
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.mark.e2e
def test_a_web_worker_killed_anywhere_leaves_one_delivery_once_the_shop_has_asked_again(
    sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    environment = {"TRACKER_STATE": str(tmp_path), "DATABASE_URL": sqlite_url, "REDIS_URL": redis_url}
    wiring = Wiring(Settings.from_env({**environment, "SECRET_KEY": "0" * 64}))
    ledger = Ledger(sqlite_url, wiring.engine, wiring.sessions)
    shop = add_shop(ledger)
    points = ["webhook.received", "webhook.inserted", "webhook.committed", "webhook.before_reply"]
    ports = {point: free_port() for point in points}
    with ExitStack() as servers:
        for point, port in ports.items():
            armed = f"{point}={tmp_path / point}"
            servers.enter_context(
                started("tracker.web.on_granian", wiring.settings, PORT=str(port), TRACKER_FAILPOINTS=armed)
            )
        for point, port in ports.items():
            wait_for(partial(answers, port, shop, "first"))
            assert posted(port, shop, "first", chunked=True) == 200
            (tmp_path / point).touch()
            assert posted(port, shop, point) is None
            wait_for(partial(answers, port, shop, point))
    assert sorted(row["dedupe_key"] for row in rows(ledger, InboxRow)) == sorted(["first", *points])
    wiring.engine.dispose()


def answers(port: int, shop: OpenedShop, delivery_id: str) -> bool:
    return posted(port, shop, delivery_id) == 200
