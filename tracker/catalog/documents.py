"""A document is a paper that brand and partner share. What it is, its own first bytes say, never its name."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import PurePath

from sqlalchemy import select

from tracker.catalog import Desk
from tracker.catalog.fields import Output
from tracker.domain.ids import is_id, new_id
from tracker.errors import BadInput, NotFound
from tracker.ledger import catalog, talk
from tracker.ledger.tables import Campaign, Document, Partner

LARGEST = 2_000_000  # bytes
_LONGEST_NAME = 120
TEXT = "text/plain"
EMPTY = "choose a file that is not empty"
TOO_LARGE = "want a file of up to 2 MB"
OTHER_KIND = "want a PDF, a PNG or JPEG image, or plain text in UTF-8"
SENTENCES = (EMPTY, TOO_LARGE, OTHER_KIND)
_MAGIC = (
    (b"%PDF-", "application/pdf", ".pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png", ".png"),
    (b"\xff\xd8\xff", "image/jpeg", ".jpg"),
)


class DocumentView(Output):
    """A document without what is in it; `size` in bytes."""

    id: str
    name: str
    content_type: str
    campaign: str | None
    size: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Paper:
    """A document as it is handed out."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


def add(desk: Desk, partner_id: str, name: str, content: bytes, campaign_id: str | None = None) -> DocumentView:
    """Give the partner a document. Raises NotFound, and BadInput for what is too large or none of the kinds we take."""
    partner = catalog.one(desk.session, Partner, desk.brand_id, partner_id)
    campaign = catalog.one(desk.session, Campaign, desk.brand_id, campaign_id).id if campaign_id else None
    content_type, suffix = _kind(content)
    document = Document(id=new_id(), brand_id=desk.brand_id, partner_id=partner.id, campaign_id=campaign,
                        name=_named(name, suffix), content_type=content_type, content=content,
                        digest=sha256(content).hexdigest(), created_at=desk.now)  # fmt: skip
    desk.session.add(document)
    desk.session.flush()
    return next(one for one in every(desk, partner.id) if one.id == document.id)


def every(desk: Desk, partner_id: str) -> list[DocumentView]:
    """The partner's documents, the latest first."""
    return [
        DocumentView(
            id=row.id,
            name=row.name,
            content_type=row.content_type,
            campaign=row.campaign_id,
            size=row.size,
            created_at=row.created_at,
        )
        for row in talk.papers(desk.session, desk.brand_id, partner_id)
    ]


def read(desk: Desk, partner_id: str, document_id: str) -> Paper:
    """A document of the partner. Raises NotFound for anybody else's, and for one that was taken back."""
    row = _found(desk, partner_id, document_id)
    return Paper(row.name, row.content_type, row.content)


def remove(desk: Desk, partner_id: str, document_id: str) -> None:
    """Take a document back: it stays in the ledger and is shown no more. Raises NotFound."""
    catalog.change(desk.session, _found(desk, partner_id, document_id), {"removed_at": desk.now})


def _found(desk: Desk, partner_id: str, document_id: str) -> Document:
    query = select(Document).where(
        Document.id == document_id,
        Document.brand_id == desk.brand_id,
        Document.partner_id == partner_id,
        Document.removed_at.is_(None),
    )
    row = desk.session.execute(query).scalar_one_or_none() if is_id(document_id) else None
    if row is None:
        raise NotFound("no such document")
    return row


def _kind(content: bytes) -> tuple[str, str]:
    if not content:
        raise BadInput("file", EMPTY)
    if len(content) > LARGEST:
        raise BadInput("file", TOO_LARGE)
    for magic, content_type, suffix in _MAGIC:
        if content.startswith(magic):
            return content_type, suffix
    if _is_text(content):
        return TEXT, ".txt"
    raise BadInput("file", OTHER_KIND)


def _is_text(content: bytes) -> bool:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\r\n\t\f" for character in text)


def _named(name: str, suffix: str) -> str:
    """The name without folders and what a header cannot carry, ending as its content says."""
    last = name.replace("\\", "/").rpartition("/")[2]
    clean = "".join(c for c in last if c.isprintable() and c not in '"<>:;|?*').strip(" .")
    stem = PurePath(clean).stem if PurePath(clean).suffix else clean
    return f"{stem[:_LONGEST_NAME] or 'document'}{suffix}"
