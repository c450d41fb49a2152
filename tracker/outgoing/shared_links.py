"""A shared link shows one report, its days and filters fixed, to whoever has the link, until it expires or is revoked.

Its token is 256 random bits, told once; what is kept is its digest. Expired, revoked and unknown are the same: not
there. So is a link whose maker's account may no longer share the brand's reports.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Annotated, ClassVar

from pydantic import AliasChoices, BeforeValidator, Field
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tracker.catalog import Desk
from tracker.catalog.fields import (
    CampaignReference,
    ChannelField,
    Input,
    ListQuery,
    Output,
    Page,
    PartnerFilter,
    lower,
)
from tracker.domain.ids import new_id
from tracker.domain.roles import Right
from tracker.errors import BadInput, NotFound, say
from tracker.ledger import accounts, catalog
from tracker.ledger.tables import Campaign, Partner, SharedLink
from tracker.outgoing.schedules import Language, check_report
from tracker.reports import _shape

DAYS = (1, 7, 30, 90)
"""For how many days a link may be open."""

_BYTES = 32
_LONGEST_TOKEN = 64


class NewSharedLink(Input):
    """A link to be: to a report over fixed days, open for so many days. Without dates it is the last thirty days."""

    report: str
    start: Annotated[date | None, Field(validation_alias=AliasChoices("from", "start"))] = None
    end: Annotated[date | None, Field(validation_alias=AliasChoices("to", "end"))] = None
    model: str | None = None
    campaign: CampaignReference = None
    channel: ChannelField | None = None
    partner: PartnerFilter = None
    network: Annotated[str, Field(max_length=40)] | None = None
    days: int = 30
    language: Annotated[Language, BeforeValidator(lower)] | None = None


class SharedLinkChange(Input):
    """What may change: it can be revoked."""

    revoked: bool


class SharedLinkQuery(ListQuery):
    """Which links: those that are open, those that are not, or all."""

    open: bool | None = None


class SharedLinkView(Output):
    """A link without its token. `opened` counts how often the page was read."""

    id: str
    report: str
    settings: dict[str, str]
    language: Language | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    opened: int
    opened_at: datetime | None
    open: bool


class FreshSharedLink(SharedLinkView):
    """A link at the only moment when its address is told."""

    TOLD_ONCE: ClassVar[frozenset[str]] = frozenset({"url"})

    url: str | None = None


def add(desk: Desk, wanted: NewSharedLink, by: str | None = None) -> FreshSharedLink:
    """Make a link; `by` is the account that asks. Raises BadInput and NotFound."""
    settings = _settings(desk, wanted)
    if wanted.days not in DAYS:
        raise BadInput("days", say("want one of %(choices)s", choices=", ".join(map(str, DAYS))))
    token = secrets.token_urlsafe(_BYTES)
    row = SharedLink(
        id=new_id(),
        brand_id=desk.brand_id,
        account_id=by,
        report=wanted.report,
        settings=settings,
        language=wanted.language,
        digest=_digest(token),
        created_at=desk.now,
        expires_at=desk.now + timedelta(days=wanted.days),
        revoked_at=None,
        opened=0,
        opened_at=None,
    )
    desk.session.add(row)
    desk.session.flush()
    return FreshSharedLink(url=f"{desk.public_url}/shared/{token}", **_view(desk, row).model_dump())


def one(desk: Desk, link_id: str) -> SharedLinkView:
    """The brand's link of that id. Raises NotFound."""
    return _view(desk, catalog.one(desk.session, SharedLink, desk.brand_id, link_id))


def page(desk: Desk, query: SharedLinkQuery) -> Page[SharedLinkView]:
    """A page of the brand's links."""
    allowed = SharedLink.account_id.is_(None) | SharedLink.account_id.in_(accounts.holders(Right.SHARE, desk.brand_id))
    is_open = SharedLink.revoked_at.is_(None) & (SharedLink.expires_at > desk.now) & allowed
    conditions = [] if query.open is None else [is_open if query.open else ~is_open]
    rows, further = catalog.page(
        desk.session, SharedLink, desk.brand_id, after=query.cursor, limit=query.limit, conditions=conditions
    )
    return Page[SharedLinkView](data=_views(desk, rows), next_cursor=further)


def newest(desk: Desk, limit: int) -> list[SharedLinkView]:
    """The brand's latest links, the last one first."""
    query = select(SharedLink).where(SharedLink.brand_id == desk.brand_id)
    rows = desk.session.execute(query.order_by(SharedLink.created_at.desc(), SharedLink.id.desc()).limit(limit))
    return _views(desk, rows.scalars())


def edit(desk: Desk, link_id: str, change: SharedLinkChange) -> SharedLinkView:
    """Revoke a link; again is no error. Raises NotFound, and BadInput for one that is to open again."""
    row = catalog.one(desk.session, SharedLink, desk.brand_id, link_id, lock=True)
    if not change.revoked and row.revoked_at:
        raise BadInput("revoked", "it was revoked: make another one")
    if change.revoked:
        catalog.change(desk.session, row, {"revoked_at": row.revoked_at or desk.now})
    return _view(desk, row)


def found(session: Session, token: str, now: datetime) -> SharedLink:
    """The link of a token while it is open. Raises NotFound, the same for any reason."""
    known = None
    if len(token) <= _LONGEST_TOKEN and token.isascii():
        known = session.execute(select(SharedLink).where(SharedLink.digest == _digest(token))).scalar_one_or_none()
    if known is None or known.revoked_at is not None or known.expires_at <= now:
        raise NotFound("")
    if not accounts.still_may(session, known.account_id, Right.SHARE, known.brand_id):
        raise NotFound("")
    return known


def count_opening(session: Session, link_id: str, now: datetime) -> None:
    """Somebody has read the page."""
    opened = update(SharedLink).where(SharedLink.id == link_id)
    session.execute(opened.values(opened=SharedLink.opened + 1, opened_at=now))


def _settings(desk: Desk, wanted: NewSharedLink) -> dict[str, str]:
    """The whole query string, days included, so that the report stays the same as time goes on."""
    check_report(wanted.report, wanted.campaign)
    if wanted.campaign:
        catalog.one(desk.session, Campaign, desk.brand_id, wanted.campaign)
    if wanted.partner:
        catalog.one(desk.session, Partner, desk.brand_id, wanted.partner)
    asked = {
        "from": wanted.start.isoformat() if wanted.start else "",
        "to": wanted.end.isoformat() if wanted.end else "",
        **{name: str(getattr(wanted, name) or "") for name in ("model", "campaign", "channel", "partner", "network")},
    }
    scope = _shape.scope_from(desk.session, desk.brand_id, asked, desk.now)
    fixed = {**asked, "from": scope.start.isoformat(), "to": scope.end.isoformat()}
    return {name: value for name, value in fixed.items() if value}


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _view(desk: Desk, row: SharedLink) -> SharedLinkView:
    return _views(desk, [row])[0]


def _views(desk: Desk, rows: Iterable[SharedLink]) -> list[SharedLinkView]:
    allowed = {None, *desk.session.execute(accounts.holders(Right.SHARE, desk.brand_id)).scalars()}
    return [_shown(row, desk.now, is_allowed=row.account_id in allowed) for row in rows]


def _shown(row: SharedLink, now: datetime, *, is_allowed: bool) -> SharedLinkView:
    return SharedLinkView(
        id=row.id,
        report=row.report,
        settings=row.settings,
        language=Language(row.language) if row.language else None,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        opened=row.opened,
        opened_at=row.opened_at,
        open=row.revoked_at is None and row.expires_at > now and is_allowed,
    )
