"""The catalog's operations, each defined once: the command line, the API and the pages call the same functions.

A module here is a noun: its inputs (`NewLink`, `LinkChange`, `LinkQuery`), its view (`LinkView`, what every face
shows of it) and its operations. They take a `Desk`, work inside its transaction and raise BadInput, NotFound or
Conflict. Whatever the redirect must know bumps the links' version in that same transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from redis import Redis
from sqlalchemy.orm import Session, sessionmaker

from tracker import queue
from tracker.ledger import jobs, mails
from tracker.ledger.database import writing
from tracker.links import ring

ORDERS_DUE = "orders due"


@dataclass(frozen=True, slots=True)
class Desk:
    """Where an operation happens: one transaction, one brand, one moment, one installation.

    `now` dates what is recorded, `wall` what waits to be done.
    """

    session: Session
    brand_id: str
    now: datetime
    wall: datetime
    public_url: str
    secret_key: str = field(repr=False)


@contextmanager
def changing(factory: sessionmaker[Session], redis: Redis) -> Iterator[Session]:
    """A transaction that changes the catalog; after its commit redirects and workers are told, if Redis answers."""
    with writing(factory) as session:
        yield session
    ring(redis)
    doorbell = queue.Doorbell(redis)
    if session.info.get(ORDERS_DUE):
        doorbell.ring(queue.ATTRIBUTION, queue.ATTRIBUTE)
    if session.info.get(mails.WRITTEN):
        doorbell.ring(queue.LETTERS, queue.SEND)
    if session.info.get(jobs.ASKED_FOR):
        doorbell.ring(queue.LONG_WORK, queue.WORK)


def tell_attribution(session: Session) -> None:
    """Have the attribution workers told after the commit: this transaction makes orders due."""
    session.info[ORDERS_DUE] = True
