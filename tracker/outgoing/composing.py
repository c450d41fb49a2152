"""A letter is composed without a request: a template, a language and values come to text, HTML and headers.

The template's first line is the subject. Blocks are parted by empty lines; a line that is only an address of ours
becomes a button in the HTML part, which is made from the very same text. No value can become a header: a subject is one
printable line, an address is parsed and nothing else. Message-ID and date are the letter's own, the same each time it
is sent, so that a second copy of it can be told from another letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import cache
from gettext import NullTranslations
from pathlib import Path
from typing import Any

from babel import dates, numbers
from babel.support import Translations
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import escape

from tracker import templates
from tracker.errors import BadInput, say

_TRANSLATIONS = Path(__file__).parent.parent / "translations"
_LONGEST_SUBJECT = 200


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a letter."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph by its lines, or an address that is a button."""

    lines: Sequence[str] = ()
    url: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """A letter in words."""

    subject: str
    text: str
    html: str


@cache
def translations(language: str) -> NullTranslations:
    """What our sentences are called in a language; English where we do not speak it."""
    return Translations.load(str(_TRANSLATIONS), [language])


def kinds() -> list[str]:
    """The kinds of letters that there are."""
    return sorted(path.stem for path in (templates.folder() / "mail").glob("*.txt"))


def write(kind: str, language: str, values: Mapping[str, object], home: str) -> Written:
    """The letter in words. Buttons lead to addresses below `home` alone, whatever a value holds.

    Raises BadInput for a kind of letter that there is not.
    """
    if kind not in kinds():
        raise BadInput(
            "kind", say("no letter is called %(kind)s; there are %(kinds)s", kind=repr(kind), kinds=", ".join(kinds()))
        )
    said = _environment(language).get_template(f"mail/{kind}.txt").render(**values)
    subject, _, rest = said.lstrip().partition("\n")
    subject, blocks = _one_line(subject), _blocks(rest, home)
    text = "\n\n".join(block.url or "\n".join(block.lines) for block in blocks) + "\n"
    page = _environment(language).get_template("mail/_letter.html")
    html = page.render(language=language, subject=escape(subject), blocks=[_escaped(block) for block in blocks])
    return Written(subject, text, html)


def compose(
    written: Written,
    *,
    mail_id: str,
    recipient: str,
    sender: str,
    language: str,
    at: datetime,
    attachments: Sequence[Attachment] = (),
) -> EmailMessage:
    """The message as a server takes it. Raises BadInput for an address that cannot be written to."""
    message = EmailMessage(policy=SMTP)
    name, address = parseaddr(sender)
    message["From"] = _address(address, name)
    message["To"] = _address(recipient)
    message["Subject"] = written.subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{mail_id}@{address.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = language
    message.set_content(written.text)
    message.add_alternative(written.html, subtype="html")
    for one in attachments:
        main, _, sub = one.content_type.partition("/")
        message.add_attachment(one.content, maintype=main, subtype=sub.partition(";")[0], filename=one.name)
    return message


def _address(text: str, name: str = "") -> Address:
    try:
        if not text.isascii() or not text.isprintable() or any(character in text for character in ' ,;<>"'):
            raise ValueError
        return Address(name, addr_spec=text)
    except Exception:  # the parser of the standard library raises several kinds
        raise BadInput("recipient", "want one e-mail address in ASCII, such as lea@example.com") from None


def _one_line(text: str) -> str:
    """A line that is a header's value and cannot be two."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(shown.split())[:_LONGEST_SUBJECT]


def _blocks(text: str, home: str) -> list[Block]:
    blocks: list[Block] = []
    lines: list[str] = []
    for line in [*(line.strip() for line in text.splitlines()), ""]:
        alone = line.startswith(f"{home}/") and " " not in line
        if lines and (not line or alone):
            blocks.append(Block(tuple(lines)))
            lines = []
        if alone:
            blocks.append(Block(url=line))
        elif line:
            lines.append(line)
    return blocks


def _escaped(block: Block) -> Block:
    return Block([str(escape(line)) for line in block.lines], str(escape(block.url)))


@cache
def _environment(language: str) -> Environment:
    """Text, so nothing is escaped here: the HTML part escapes what it takes from the text."""
    made = Environment(  # noqa: S701
        loader=FileSystemLoader(templates.folder()),
        extensions=["jinja2.ext.i18n"],
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    said: Any = made
    said.install_gettext_translations(translations(language), newstyle=True)
    made.filters["day"] = lambda value: dates.format_date(date.fromisoformat(value), "medium", locale=language)
    made.filters["integer"] = lambda value: numbers.format_decimal(value, locale=language)
    return made
