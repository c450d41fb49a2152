"""A shop is thanked once its delivery is safe, never before; whatever ails us is 503, never the shop's mistake.

`POST /webhooks/<platform>/<token>`. Safe is the inbox row's commit, or the journal's sync while SQL does not answer.
Everything else, the ringing of the worker above all, comes after and cannot change the answer.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from functools import partial
from typing import TypeVar, cast

from apiflask import APIFlask
from flask import Response, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from tracker import failpoints, log, pipeline, plugins, queue, spool
from tracker.domain.deliveries import Delivery, Platform
from tracker.errors import BadSignature, Unavailable
from tracker.journal import Journal
from tracker.ledger import inbox
from tracker.ledger.database import writing
from tracker.web._shops import OpenShop, Shops
from tracker.wiring import Wiring

T = TypeVar("T")

LARGEST_BODY = 2 * 1024 * 1024  # bytes; the largest real order is below half of it

_PATIENCE = 0.6  # seconds that a shop may wait for SQL
_SILENCE = 1.0  # seconds without asking SQL after it did not answer
_RETRY_AFTER = "10"
_NOTE_EVERY = 60.0

# What any platform may need to read a body again. No cookie, address or credential has such a name.
_HEADER = re.compile(r"content-type|.*(webhook|signature|hmac|topic|event|delivery|timestamp).*")


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add this face to the application."""
    app.url_map.merge_slashes = False  # a redirect is success to WooCommerce and the order lost
    door = Door(wiring)
    app.add_url_rule(
        "/webhooks/<platform>/<token>",
        "webhooks",
        door.answer,
        methods=["POST"],
        strict_slashes=False,
        provide_automatic_options=False,
    )


@dataclass(frozen=True, slots=True)
class _Signed:
    """A delivery that a shop signed, and the id of the secret that it used."""

    shop: OpenShop
    delivery: Delivery
    secret_id: str


class Door:
    """What one process needs to take deliveries in: shops in memory, patience with SQL, a journal, a doorbell."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._sql = _Patience()
        self._shops = Shops(self._known_shops, wiring.settings.state, wiring.settings.secret_key)
        self._journal = Journal(wiring.settings.journal_folder, spool.DELIVERIES)
        self._bell = queue.Doorbell(wiring.hasty_redis)
        self._notes = _Notes()

    def answer(self, platform: str, token: str) -> Response:
        """The view: one delivery, from its bytes to its answer."""
        if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            return _reply(415)
        request.max_content_length = LARGEST_BODY + 1  # a chunked body is cut there without a word
        try:
            body = request.get_data(cache=False)
        except RequestEntityTooLarge:
            return _reply(413)
        except ClientDisconnected:
            return _reply(400)
        if len(body) > LARGEST_BODY:
            return _reply(413)
        delivery = Delivery(_headers(platform), body, self._wiring.clock.now())
        try:
            return self._admit(platform, token, delivery)
        except Exception as error:
            log.error("delivery_not_kept", exc=error)
            return _reply(503)

    def _admit(self, platform: str, token: str, delivery: Delivery) -> Response:
        module = cast("Platform | None", plugins.discover("tracker.platforms").get(platform))
        shop = self._shops.find(token)
        if module is None or shop is None or shop.platform != platform:
            self._note_refused("deliveries_unknown")
            return _reply(404)
        if shop.disabled:
            return _reply(getattr(module, "GONE_STATUS", 410))
        if (greeting := module.handshake(delivery)) is not None:
            return _reply(greeting.status, greeting.body)
        signed = self._verified(module, shop, delivery)
        if signed is None:
            self._note_refused(f"deliveries_refused:{shop.id}")
            return _reply(401)
        failpoints.reached("webhook.received")
        response = _reply(400 if self._keep(signed) is pipeline.Received.UNREADABLE else 200)
        failpoints.reached("webhook.before_reply")
        return response

    def _verified(self, module: Platform, shop: OpenShop, delivery: Delivery) -> _Signed | None:
        """The delivery with the secret that signed it, None where none did. A secret just added is looked up.

        Raises Unavailable where we cannot know the newest secrets: it may be our fault that none fits.
        """
        signed = self._signed(module, shop, delivery)
        if signed is not None:
            return signed
        latest = self._shops.again(shop.token)
        return self._signed(module, latest, delivery) if latest is not None and latest != shop else None

    def _signed(self, module: Platform, shop: OpenShop, delivery: Delivery) -> _Signed | None:
        try:
            index = module.verify(delivery, tuple(secret.text for secret in shop.secrets), self._wiring.clock.wall())
        except BadSignature:
            return None
        return _Signed(shop, delivery, shop.secrets[index].id)

    def _keep(self, signed: _Signed) -> pipeline.Received:
        """Into the inbox, or into the journal where SQL does not answer. Raises OSError where neither takes it.

        An error of ours is raised too, with the delivery in the journal: not every shop asks a second time.
        """
        shop, wall = signed.shop, self._wiring.clock.wall()
        context = self._wiring.shop_context(shop.brand_id)
        due = signed.secret_id if self._notes.secret_due(signed.secret_id) else None
        receive = partial(
            pipeline.receive_delivery,
            self._wiring.hasty_sessions,
            shop.id,
            shop.platform,
            signed.delivery,
            context,
            wall=wall,
            secret_id=due,
        )
        try:
            received = self._sql.ask(receive)
        except Unavailable:
            self._append(signed)
            readable = pipeline.is_readable(shop.platform, signed.delivery, context)
            return pipeline.Received.NEW if readable else pipeline.Received.UNREADABLE
        except Exception:
            self._append(signed)
            raise
        if received is pipeline.Received.NEW:
            self._bell.ring(queue.ORDERS, queue.INGEST)
        return received

    def _append(self, signed: _Signed) -> None:
        shop = signed.shop
        self._journal.append_synced(spool.delivery_line(shop.id, shop.brand_id, shop.platform, signed.delivery))

    def _known_shops(self, token: str | None) -> list[inbox.KnownShop]:
        def read() -> list[inbox.KnownShop]:
            with self._wiring.hasty_sessions() as session:
                return inbox.known_shops(session, token)

        return self._sql.ask(read)

    def _note_refused(self, name: str) -> None:
        """Count, and write the counts at most once a minute: a refused delivery must not cost us a transaction."""
        counts = self._notes.refused(name)
        if not counts:
            return
        log.warning("deliveries_refused", **{name.partition(":")[0]: sum(counts.values())})
        try:
            self._sql.ask(partial(self._write_counts, counts))
        except Unavailable:
            self._notes.give_back(counts)

    def _write_counts(self, counts: Counter[str]) -> None:
        with writing(self._wiring.hasty_sessions) as session:
            for name, count in sorted(counts.items()):
                inbox.count(session, name, socket.gethostname(), count, self._wiring.clock.wall())


class _Patience:
    """Asks SQL with a deadline, whatever hangs: after one unanswered question it is left alone for a second."""

    def __init__(self, threads: int = 16) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="webhook-sql")
        self._silent_until = 0.0

    def ask(self, question: Callable[[], T]) -> T:
        """The answer. Raises Unavailable where there is none in time; the question may still be answered later."""
        if time.monotonic() < self._silent_until:
            raise Unavailable("the ledger did not answer a moment ago")
        answer: Future[T] = self._pool.submit(question)
        try:
            return answer.result(_PATIENCE)
        except FutureTimeout:
            answer.cancel()
            self._silent_until = time.monotonic() + _SILENCE
            raise Unavailable("the ledger does not answer in time") from None
        except (Unavailable, SQLAlchemyError) as error:
            self._silent_until = time.monotonic() + _SILENCE
            raise Unavailable("the ledger does not answer") from error


class _Notes:
    """What is worth a row once a minute and not more often: refusals, and which secrets are in use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refused: Counter[str] = Counter()
        self._refused_at = -_NOTE_EVERY
        self._used: dict[str, float] = {}

    def refused(self, name: str) -> Counter[str]:
        """Count a refusal; the counts to write where a minute has passed since the last were."""
        with self._lock:
            self._refused[name] += 1
            if time.monotonic() - self._refused_at < _NOTE_EVERY:
                return Counter()
            self._refused_at = time.monotonic()
            counts, self._refused = self._refused, Counter()
            return counts

    def give_back(self, counts: Counter[str]) -> None:
        """Counts that could not be written."""
        with self._lock:
            self._refused += counts

    def secret_due(self, secret_id: str) -> bool:
        """Whether a minute has passed since the secret was last noted as used."""
        with self._lock:
            if time.monotonic() - self._used.get(secret_id, -_NOTE_EVERY) < _NOTE_EVERY:
                return False
            self._used[secret_id] = time.monotonic()
            return True


def _headers(platform: str) -> dict[str, str]:
    """The headers that matter, by lower-case name; what identifies a machine or a person stays out."""
    return {
        name.lower(): value.replace("\x00", "")
        for name, value in request.headers.items()
        if _HEADER.fullmatch(name.lower()) or platform in name.lower()
    }


def _reply(status: int, body: str = "") -> Response:
    response = Response(body, status, content_type="text/plain; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    if status == 503:
        response.headers["Retry-After"] = _RETRY_AFTER
    return response
