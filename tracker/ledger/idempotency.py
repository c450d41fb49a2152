"""A write with an idempotency key happens once: its row is claimed by a unique constraint in the write's transaction.

The row is inserted first, so a second request with the key waits for the first one's commit and then finds its answer.
A write that fails takes its claim back with it, and may be tried again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from tracker.errors import Conflict
from tracker.ledger.catalog import insert_new
from tracker.ledger.tables import IdempotentRequest


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write was answered."""

    status: int
    body: dict[str, Any]


def claim(session: Session, api_key_id: str, key: str, request_digest: str, now: datetime) -> Answer | None:
    """Claim `key` for this request, or the answer that it had the first time.

    Raises Conflict where the key stands for another request.
    """
    fresh = insert_new(
        session,
        IdempotentRequest,
        api_key_id=api_key_id,
        key=key,
        request_digest=request_digest,
        status=0,
        answer={},
        created_at=now,
    )
    if fresh:
        return None
    row = session.execute(
        select(IdempotentRequest).where(IdempotentRequest.api_key_id == api_key_id, IdempotentRequest.key == key)
    ).scalar_one()
    if row.request_digest != request_digest:
        raise Conflict("this idempotency key was used for another request: take a new key for a new request")
    return Answer(row.status, row.answer)


def answered(session: Session, api_key_id: str, key: str, answer: Answer) -> None:
    """Keep the answer of the request that claimed `key`."""
    session.execute(
        update(IdempotentRequest)
        .where(IdempotentRequest.api_key_id == api_key_id, IdempotentRequest.key == key)
        .values(status=answer.status, answer=answer.body)
    )


def forget(session: Session, before: datetime) -> None:
    """Drop the answers of requests older than `before`: their keys may be used anew."""
    session.execute(delete(IdempotentRequest).where(IdempotentRequest.created_at < before))
