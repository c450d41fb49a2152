"""A letter goes to the server that the settings name: taken, put off or refused. Nothing of it is ever in a log.

It is sent at least once: who dies between the server's word and our commit sends it again, under the same Message-ID.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage

from tracker.errors import TrackerError, Unavailable, say
from tracker.settings import Smtp

_PATIENCE = 20.0  # seconds that the server may take for a word


class Undeliverable(TrackerError):
    """The server will not take this letter, now or ever."""


class NotNow(TrackerError):
    """The server will not take this letter now."""

    permanent = False


@contextmanager
def connected(smtp: Smtp) -> Iterator[smtplib.SMTP]:
    """A conversation with the server. Raises Unavailable, with a reason that names no address, where there is none."""
    try:
        server = _greeted(smtp)
    except smtplib.SMTPResponseException as error:
        raise Unavailable(
            say(
                "the mail server refuses us: %(name)s %(smtp_code)s",
                name=type(error).__name__,
                smtp_code=error.smtp_code,
            )
        ) from None
    except (smtplib.SMTPException, OSError) as error:
        raise Unavailable(say("the mail server does not answer: %(name)s", name=type(error).__name__)) from None
    try:
        yield server
    finally:
        with suppress(smtplib.SMTPException, OSError):
            server.quit()


def send(server: smtplib.SMTP, message: EmailMessage) -> None:
    """Hand a letter over. Raises Undeliverable, NotNow, and Unavailable where the conversation is over."""
    try:
        server.send_message(message)
    except smtplib.SMTPServerDisconnected:
        raise Unavailable("the mail server hung up") from None
    except smtplib.SMTPRecipientsRefused as error:
        code = next(iter(error.recipients.values()), (550, b""))[0]
        raise _refusal(code, "the recipient") from None
    except smtplib.SMTPSenderRefused as error:
        raise _refusal(error.smtp_code, "MAIL_FROM") from None
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code, "the letter") from None
    except smtplib.SMTPNotSupportedError:
        raise Undeliverable("the mail server takes no such address") from None
    except OSError as error:
        raise Unavailable(say("the mail server does not answer: %(name)s", name=type(error).__name__)) from None


def _refusal(code: int, what: str) -> TrackerError:
    """A word of our own: the server's may name people."""
    said = f"the mail server refused {what} ({code})"
    return Undeliverable(said) if 500 <= code < 600 else NotNow(said)


def _greeted(smtp: Smtp) -> smtplib.SMTP:
    trusted = ssl.create_default_context() if smtp.encryption != "none" else None
    if smtp.encryption == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=_PATIENCE, context=trusted)
    else:
        server = smtplib.SMTP(smtp.host, smtp.port, timeout=_PATIENCE)
    try:
        if smtp.encryption == "starttls":
            server.starttls(context=trusted)
        if smtp.user:
            server.login(smtp.user, smtp.password)
    except BaseException:
        server.close()
        raise
    return server
