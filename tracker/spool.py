"""What SQL cannot take in waits on this host's disk, and every line of it ends in the inbox or as a dead letter."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

from tracker import journal, log
from tracker.domain.deliveries import Delivery
from tracker.errors import Unavailable, place_of
from tracker.ledger import inbox
from tracker.ledger.database import writing
from tracker.pipeline import Contexts, receive_delivery

DELIVERIES = "deliveries"  # the journal of this host that takes deliveries in while SQL is down


def delivery_line(shop_id: str, brand_id: str, platform: str, delivery: Delivery) -> bytes:
    """A verified delivery as one line, for the journal that takes it in while SQL is down."""
    fields = {
        "shop": shop_id,
        "brand": brand_id,
        "platform": platform,
        "headers": dict(delivery.headers),
        "body": b64encode(delivery.body).decode(),
        "received_at": delivery.received_at.isoformat(),
    }
    return json.dumps(fields, separators=(",", ":")).encode()


def drain_deliveries(
    folder: Path, sessions: sessionmaker[Session], contexts: Contexts, *, wall: datetime, drained: dict[Path, int]
) -> int:
    """Bring the deliveries of this host's journal into the inbox and drop its finished segments; how many there were.

    `drained` remembers how far each segment is read, between calls of one process; without it all is read again, and
    nothing is doubled. A line that no inbox can hold becomes a dead letter. Raises Unavailable.
    """
    count = 0
    for segment in journal.segments(folder, DELIVERIES):
        finished = not journal.is_open(segment)
        count += _drain_segment(segment, sessions, contexts, wall, drained)
        if finished:
            journal.drop(segment)
            drained.pop(segment, None)
    return count


def _drain_segment(
    segment: Path, sessions: sessionmaker[Session], contexts: Contexts, wall: datetime, drained: dict[Path, int]
) -> int:
    def damaged(offset: int, line: bytes) -> None:
        log.error("delivery_line_damaged", offset=offset)
        _bury(sessions, line, "damaged line", wall)
        drained[segment] = offset

    count = 0
    for offset, line in journal.read(segment, drained.get(segment, 0), on_damage=damaged):
        _drain_line(sessions, line, contexts, wall)
        drained[segment] = offset
        count += 1
    return count


def _drain_line(sessions: sessionmaker[Session], line: bytes, contexts: Contexts, wall: datetime) -> None:
    """Into the inbox or among the dead letters: whatever a line does to us, the ones after it have their turn."""
    try:
        fields = json.loads(line)
        delivery = Delivery(
            headers=fields["headers"],
            body=b64decode(fields["body"]),
            received_at=datetime.fromisoformat(fields["received_at"]),
        )
        receive_delivery(sessions, fields["shop"], fields["platform"], delivery, contexts(fields["brand"]), wall=wall)
    except Unavailable:
        raise
    except Exception as error:
        log.error("journalled_delivery_refused", exc=error)
        _bury(sessions, line, f"the inbox refused it: {place_of(error)}", wall)


def _bury(sessions: sessionmaker[Session], payload: bytes, error: str, wall: datetime) -> None:
    with writing(sessions) as session:
        inbox.bury(session, payload, error, wall)
