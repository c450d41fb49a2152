"""A real mail server on this machine, in a thread: it keeps what it takes, and refuses whom it is told to refuse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

USER, PASSWORD = "tracker", "s3cret p@ss"


@dataclass
class PostOffice:
    """What came in, and what is answered to a recipient instead of 250."""

    messages: list[EmailMessage] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    logins: list[bool] = field(default_factory=list)
    port: int = 0

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        """A recipient."""
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """A letter."""
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, mechanism: str, data: Any) -> AuthResult:
        """Whether it is our user."""
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        self.logins.append(right)
        return AuthResult(success=right, handled=False)  # the server answers, also the one who is refused


class _Controller(Controller):
    """Listens on whichever port is free, and greets itself there."""

    def _trigger_server(self) -> None:
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def opened_post_office(**options: Any) -> Iterator[PostOffice]:
    """A server on a free port of the loopback."""
    office = PostOffice()
    controller = _Controller(office, hostname="127.0.0.1", port=0, authenticator=office.authenticate, **options)
    controller.start()
    try:
        office.port = controller.port
        yield office
    finally:
        controller.stop(no_assert=True)
