"""Who may come in, and how a request becomes one transaction: a key opens one brand, and a write happens once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

from flask import Response, g, jsonify, request
from pydantic import BaseModel
from sqlalchemy.orm import Session

from tracker import catalog, log
from tracker.catalog import Desk
from tracker.catalog.fields import Output
from tracker.errors import BadInput, Unavailable, say
from tracker.ledger import idempotency, keys
from tracker.ledger.database import writing
from tracker.web.api._problems import problem
from tracker.wiring import Wiring

LARGEST_BODY = 256 * 1024
_LARGER = {"api.add_import": 28 * 1024 * 1024}  # a file of 20 MB in Base64
IDEMPOTENCY_HEADER = "Idempotency-Key"
_LONGEST_KEY = 255
_BODY_METHODS = ("POST", "PUT", "PATCH")

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Caller:
    """The key that a request came with, and the one brand that it opens."""

    key_id: str
    brand_id: str


@dataclass(frozen=True, slots=True)
class Door:
    """Lets requests in, and gives each the desk of its own brand."""

    wiring: Wiring

    def check(self) -> Response | None:
        """Before every route: who asks, and may the body be read. An answer here is a refusal."""
        refusal = self._identify()
        if refusal is not None:
            return refusal
        request.max_content_length = _LARGER.get(request.endpoint or "", LARGEST_BODY)
        if request.method in _BODY_METHODS and not request.is_json:
            return problem(415, "send JSON, with Content-Type: application/json")
        return None

    def read(self, work: Callable[[Desk], R]) -> R:
        """What `work` finds."""
        with self.wiring.sessions() as session:
            return work(self._desk(session))

    def write(self, work: Callable[[Desk], Output], *, status: int = 200, location: str = "") -> Response:
        """The answer to what `work` does, in one transaction with the claim of the request's idempotency key."""
        key, caller = _idempotency_key(), _caller()
        with catalog.changing(self.wiring.sessions, self.wiring.hasty_redis) as session:
            if key and (known := self._claim(session, caller, key)):
                return _answer(known, location, replayed=True)
            view = work(self._desk(session))
            answer = idempotency.Answer(status, view.model_dump(mode="json", by_alias=True))
            if key:
                kept = {name: value for name, value in answer.body.items() if name not in view.TOLD_ONCE}
                idempotency.answered(session, caller.key_id, key, idempotency.Answer(status, kept))
        return _answer(answer, location)

    def _claim(self, session: Session, caller: Caller, key: str) -> idempotency.Answer | None:
        return idempotency.claim(session, caller.key_id, key, _request_digest(), self.wiring.clock.wall())

    def _desk(self, session: Session) -> Desk:
        return self.wiring.desk(session, _caller().brand_id)

    def _identify(self) -> Response | None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            return _unauthorized("send your key: Authorization: Bearer trk_…", "Bearer")
        with self.wiring.sessions() as session:
            row = keys.holder(session, key.strip())
        if row is None:
            return _unauthorized("this key opens nothing: it is unknown or was revoked", 'Bearer error="invalid_token"')
        g.api_caller = Caller(row.id, row.brand_id)
        if keys.is_stale(row, self.wiring.clock.wall()):
            self._touch(row.id)
        return None

    def _touch(self, key_id: str) -> None:
        """Note the use of a key, as far as the ledger has a moment for it."""
        try:
            with writing(self.wiring.hasty_sessions) as session:
                keys.touch(session, key_id, self.wiring.clock.wall())
        except Unavailable as error:
            log.warning("api_key_use_not_noted", error=type(error).__name__)


def json(view: BaseModel) -> Response:
    """A view as the answer."""
    return jsonify(view.model_dump(mode="json", by_alias=True))


def _caller() -> Caller:
    caller: Caller = g.api_caller
    return caller


def _unauthorized(detail: str, challenge: str) -> Response:
    return problem(401, detail, headers={"WWW-Authenticate": challenge})


def _idempotency_key() -> str | None:
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key is not None and not (0 < len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
        raise BadInput(
            IDEMPOTENCY_HEADER, say("want 1 to %(longest_key)s printable ASCII characters", longest_key=_LONGEST_KEY)
        )
    return key


def _request_digest() -> str:
    said = f"{request.method} {request.full_path}\n".encode() + request.get_data()
    return sha256(said).hexdigest()


def _answer(answer: idempotency.Answer, location: str, *, replayed: bool = False) -> Response:
    response = jsonify(answer.body)
    response.status_code = answer.status
    if location:
        response.headers["Location"] = f"{location}/{answer.body['id']}"
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response
