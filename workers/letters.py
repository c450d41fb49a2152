"""`python -m workers.letters`: letters that are due go to the mail server, each in a transaction of its own.

Several may run: a letter is in one hand only. Where no server is named letters wait, and where it is down as well.
"""

from __future__ import annotations

import smtplib
import time
from datetime import datetime

from sqlalchemy import select

from tracker import log, queue
from tracker.errors import TrackerError, Unavailable, place_of
from tracker.ledger import mails
from tracker.ledger.database import writing
from tracker.ledger.mails import Taken
from tracker.ledger.tables import Schedule
from tracker.outgoing import composing, post, rendering, schedules
from tracker.outgoing.rendering import Filled
from tracker.wiring import Wiring
from workers import wiring, work

_SHIFT = 20.0  # seconds after which a job leaves the rest to the next one
_MOST_SCHEDULES = 100


def send_due() -> int:
    """Send what is due, the longest due first, for one shift at most; how many letters the server took."""
    hands = wiring()
    smtp = hands.settings.smtp
    if smtp is None or (first := _next(hands)) is None:
        return 0
    ends, count, letter = time.monotonic() + _SHIFT, 0, first
    try:
        with post.connected(smtp) as server:
            while True:
                count += _send(hands, server, letter)
                if time.monotonic() >= ends or (following := _next(hands)) is None:
                    break
                letter = following
    except Unavailable as error:
        _put_off(hands, letter, str(error))
        log.warning("mail_server_unavailable", error=str(error))
    if time.monotonic() >= ends:
        queue.ring(hands.redis, queue.LETTERS, queue.SEND)
    if count:
        log.info("letters_sent", count=count)
    return count


def write_scheduled() -> int:
    """Write the letters of the schedules whose time has come; how many schedules."""
    hands = wiring()
    now, count = hands.clock.now(), 0
    due = select(Schedule.id, Schedule.brand_id).where(Schedule.next_at <= now, Schedule.ended_at.is_(None))
    with hands.sessions() as session:
        found = session.execute(due.order_by(Schedule.next_at, Schedule.id).limit(_MOST_SCHEDULES)).all()
    for schedule_id, brand_id in found:
        with writing(hands.sessions) as session:
            count += schedules.write_due(hands.desk(session, brand_id), schedule_id)
    if count:
        log.info("scheduled_reports_written", count=count)
        queue.ring(hands.redis, queue.LETTERS, queue.SEND)
    return count


def _next(hands: Wiring) -> Taken | None:
    with writing(hands.sessions) as session:
        return mails.take(session, hands.clock.wall())


def _send(hands: Wiring, server: smtplib.SMTP, taken: Taken) -> bool:
    """Whether the server took it. Raises Unavailable where there is no server any more."""
    try:
        filled = _filled(hands, taken)
        written = composing.write(taken.kind, taken.language, filled.values, hands.settings.public_url)
        message = composing.compose(
            written,
            mail_id=taken.id,
            recipient=taken.recipient,
            sender=hands.settings.mail_from,
            language=taken.language,
            at=taken.created_at,
            attachments=filled.attachments,
        )
        post.send(server, message)
    except Unavailable:
        raise
    except TrackerError as error:
        _settle_failure(hands, taken, str(error), permanent=error.permanent)
        return False
    except Exception as error:
        log.error("letter_not_written", exc=error, letter=taken.id, kind=taken.kind)
        _settle_failure(hands, taken, place_of(error), permanent=False)
        return False
    with writing(hands.sessions) as session:
        mails.sent(session, taken.id, hands.clock.now())
    return True


def _filled(hands: Wiring, taken: Taken) -> Filled:
    """What fills the letter: what it was written with, or what is reckoned now."""
    values = mails.opened(hands.settings.secret_key, taken)
    if taken.kind != schedules.KIND:
        return Filled(values)
    now: datetime = hands.clock.now()
    with hands.sessions() as session:
        return rendering.report(session, values, taken.language, hands.settings.public_url, now)


def _settle_failure(hands: Wiring, taken: Taken, reason: str, *, permanent: bool) -> None:
    if not permanent:
        _put_off(hands, taken, reason)
        return
    with writing(hands.sessions) as session:
        mails.refused(session, taken.id, reason)
    log.warning("letter_failed", letter=taken.id, kind=taken.kind, reason=reason)


def _put_off(hands: Wiring, taken: Taken, reason: str) -> None:
    with writing(hands.sessions) as session:
        mails.put_off(session, taken, reason, hands.clock.wall())


if __name__ == "__main__":
    work(queue.LETTERS)
