"""`tracker mail`: the letters of the installation, and whether the mail server takes one."""

from __future__ import annotations

from typing import Any

import click

from tracker import queue
from tracker.cli import _shared
from tracker.cli._shared import json_option
from tracker.domain.ids import new_id
from tracker.errors import BadSetting
from tracker.ledger import mails
from tracker.ledger.database import writing
from tracker.outgoing import composing, post

_COLUMNS = ("id", "kind", "recipient", "state", "attempts", "error", "created_at", "due_at", "sent_at")


def register(root: click.Group) -> None:
    """Add the `mail` commands."""
    root.add_command(mail)


@click.group()
def mail() -> None:
    """Letters that wait, were sent or could not be; the server is named by SMTP_URL."""


@mail.command("list")
@click.option("--state", type=click.Choice([mails.PENDING, mails.SENT, mails.FAILED]), help="Only these.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@json_option
def list_(state: str | None, limit: int, as_json: bool) -> None:
    """List the latest letters, never what they say."""
    with _shared.installation() as built, built.sessions() as session:
        found = mails.newest(session, states=[state] if state else [], limit=limit)
    rows: list[dict[str, Any]] = [{name: _plain(getattr(one, name)) for name in _COLUMNS} for one in found]
    _shared.show_rows(rows, _COLUMNS, as_json=as_json)


@mail.command()
@click.argument("letter", required=False)
def retry(letter: str | None) -> None:
    """Try a failed letter anew, by id, or all of them."""
    with _shared.installation() as built:
        with writing(built.sessions) as session:
            count = mails.retry(session, letter, built.clock.wall())
        queue.Doorbell(built.hasty_redis).ring(queue.LETTERS, queue.SEND)
    click.echo(f"{count} letters will be tried again")


@mail.command()
@click.argument("address")
@click.option("--language", type=click.Choice(["en", "fr"]), default="en", show_default=True)
def test(address: str, language: str) -> None:
    """Send a letter to ADDRESS now, and say what the server says."""
    with _shared.installation() as built:
        settings = built.settings
        if settings.smtp is None:
            raise BadSetting("SMTP_URL: no mail server is set; want smtp://user:password@host:587")
        home = settings.public_url
        written = composing.write("test", language, {"url": f"{home}/system"}, home)
        message = composing.compose(
            written, mail_id=new_id(), recipient=address, sender=settings.mail_from, language=language,
            at=built.clock.now(),
        )  # fmt: skip
        with post.connected(settings.smtp) as server:
            post.send(server, message)
    click.echo("the mail server took it")


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
