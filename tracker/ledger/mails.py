"""A letter is a row, written in the transaction of what it tells; a worker sends it. Its key makes it one letter.

`kind` names the template `templates/mail/<kind>.txt`: the first line is the subject, a line that is only an address
becomes a button where the letter is read as HTML. `values` fill it; they may hold links that open doors, so they are
sealed with the installation's key and blanked once the letter is sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from tracker.domain.ids import new_id
from tracker.ledger.bulk import insert_ignore
from tracker.ledger.tables import Mail
from tracker.sealing import seal

PURPOSE = "letters"


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be sent to one address. Two letters of one `key` are the same letter."""

    key: str
    kind: str
    recipient: str
    language: str
    values: Mapping[str, object] = field(default_factory=dict, repr=False)


def put(session: Session, secret_key: str, letter: Letter, now: datetime, wall: datetime) -> None:
    """Have the letter sent, once, after this transaction's commit."""
    sealed = seal(secret_key, PURPOSE).close(json.dumps(letter.values))
    row = {
        "id": new_id(),
        "key": letter.key,
        "kind": letter.kind,
        "recipient": letter.recipient,
        "language": letter.language,
        "sealed": sealed,
        "state": "pending",
        "attempts": 0,
        "created_at": now,
        "due_at": wall,
    }
    insert_ignore(session, Mail, [row])
