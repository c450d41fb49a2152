"""A promo code belongs to one partner at a time; its periods of ownership meet and never overlap.

Whose a code is from a moment on is said by `give`: the period that covers the moment ends there, and the new one lasts
until the next change that was already known. Given at the very moment when a period begins, it corrects that period.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AliasChoices, Field
from sqlalchemy import ColumnElement, select

from tracker.catalog import Desk, brands, tell_attribution
from tracker.catalog.fields import (
    CampaignReference,
    ChannelField,
    CodeText,
    Input,
    ListQuery,
    Output,
    Page,
    PartnerFilter,
    PartnerReference,
    PlacementReference,
    When,
    moment,
)
from tracker.domain import codes
from tracker.domain.catalog import Channel
from tracker.domain.ids import is_id, new_id
from tracker.errors import BadInput, Conflict, NotFound, say
from tracker.ledger import catalog
from tracker.ledger.due import mark_due_for_code
from tracker.ledger.tables import Campaign, Code, CodeOwner, Partner, Placement

# A first owner without a date owned the code from the beginning: sales before its registration are credited too.
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

_From = Annotated[When | None, Field(validation_alias=AliasChoices("valid_from", "from"))]


class NewOwner(Input):
    """Whose the code is from a moment on (now, where none is given). Without a partner it is nobody's."""

    partner: PartnerFilter = None
    valid_from: _From = None
    campaign: CampaignReference = None
    placement: PlacementReference = None
    channel: ChannelField | None = None


class NewCode(Input):
    """A code to be, and its first owner. Without a date it has always been that partner's."""

    code: CodeText
    partner: PartnerReference
    valid_from: _From = None
    campaign: CampaignReference = None
    placement: PlacementReference = None
    channel: ChannelField | None = None


class CodeQuery(ListQuery):
    """Which codes: of a partner, now or once; of a spelling."""

    partner: PartnerFilter = None
    code: str | None = None


class OwnerView(Output):
    """A period of ownership, from `valid_from` (null: always) to before `valid_to` (null: still), by ids."""

    id: str
    partner: str
    campaign: str | None
    placement: str | None
    channel: Channel | None
    valid_from: datetime | None
    valid_to: datetime | None


class CodeView(Output):
    """A code, the partner who has it now (an id, or null), and all its owners in time order."""

    id: str
    code: str
    partner: str | None
    owners: list[OwnerView]
    created_at: datetime


def add(desk: Desk, wanted: NewCode) -> CodeView:
    """Add a code; orders that carry it already become due.

    Raises Conflict where the brand has a code that matches the same, NotFound for a partner that it has not.
    """
    terms = _terms(desk, wanted)
    code_id, normal = new_id(), codes.normal(wanted.code)
    inserted = catalog.insert_new(
        desk.session,
        Code,
        id=code_id,
        brand_id=desk.brand_id,
        text=wanted.code,
        normal=normal,
        created_at=desk.now,
    )
    if not inserted:
        raise Conflict(_collision(desk, wanted.code, normal))
    start = _start(desk, wanted.valid_from) if wanted.valid_from else BEGINNING
    desk.session.add(_owner(desk, code_id, terms, start, None))
    desk.session.flush()
    _make_orders_due(desk, normal)
    return one(desk, code_id)


def give(desk: Desk, code_id: str, wanted: NewOwner) -> CodeView:
    """Give the code to a partner, or to nobody, from a moment on; orders that carry it become due."""
    code = catalog.one(desk.session, Code, desk.brand_id, code_id, lock=True)
    start = _start(desk, wanted.valid_from) if wanted.valid_from else desk.now
    periods = catalog.owners_of(desk.session, [code.id]).get(code.id, [])
    end = _cut(desk, periods, start)
    if wanted.partner:
        desk.session.add(_owner(desk, code.id, _terms(desk, wanted), start, end))
        desk.session.flush()
    _make_orders_due(desk, code.normal)
    return one(desk, code.id)


def one(desk: Desk, code_id: str) -> CodeView:
    """The brand's code of that id. Raises NotFound."""
    return _views(desk, [catalog.one(desk.session, Code, desk.brand_id, code_id)])[0]


def owners(desk: Desk, code_id: str) -> list[OwnerView]:
    """Whose the code was, is and will be, in time order. Raises NotFound."""
    return one(desk, code_id).owners


def page(desk: Desk, query: CodeQuery) -> Page[CodeView]:
    """A page of the brand's codes. Raises NotFound for a partner that the brand has not."""
    conditions: list[ColumnElement[bool]] = []
    if query.partner:
        partner = catalog.one(desk.session, Partner, desk.brand_id, query.partner)
        conditions.append(Code.id.in_(select(CodeOwner.code_id).where(CodeOwner.partner_id == partner.id)))
    if query.code is not None:
        conditions.append(Code.normal == codes.normal(query.code))
    rows, further = catalog.page(
        desk.session, Code, desk.brand_id, after=query.cursor, limit=query.limit, conditions=conditions
    )
    return Page[CodeView](data=_views(desk, rows), next_cursor=further)


def named(desk: Desk, text: str) -> str:
    """The id of the code of that id or spelling. Raises NotFound."""
    found = catalog.code_by_normal(desk.session, desk.brand_id, codes.normal(text))
    if found is None and is_id(text):
        found = catalog.one(desk.session, Code, desk.brand_id, text)
    if found is None:
        raise NotFound(say("the brand has no code %(text)s", text=text))
    return found.id


def _cut(desk: Desk, periods: Sequence[CodeOwner], start: datetime) -> datetime | None:
    """Make room from `start` on; where the next change that is already known ends it."""
    covering = next((one for one in periods if _covers(one, start)), None)
    if covering is None:
        return min((one.valid_from for one in periods if one.valid_from > start), default=None)
    end = covering.valid_to
    if covering.valid_from == start:
        desk.session.delete(covering)
    else:
        covering.valid_to = start
    desk.session.flush()
    return end


def _make_orders_due(desk: Desk, normal: str) -> None:
    mark_due_for_code(desk.session, desk.brand_id, normal, desk.wall)
    tell_attribution(desk.session)


def _covers(period: CodeOwner, at: datetime) -> bool:
    return period.valid_from <= at and (period.valid_to is None or at < period.valid_to)


def _start(desk: Desk, value: When) -> datetime:
    return moment(value, brands.zone_of(desk))


def _terms(desk: Desk, wanted: NewCode | NewOwner) -> dict[str, Any]:
    """Who owns, and for what, by ids that are really the brand's."""
    session, brand_id = desk.session, desk.brand_id
    assert wanted.partner is not None
    partner = catalog.one(session, Partner, brand_id, wanted.partner)
    campaign = catalog.one(session, Campaign, brand_id, wanted.campaign) if wanted.campaign else None
    placement = catalog.one(session, Placement, brand_id, wanted.placement) if wanted.placement else None
    if placement and placement.partner_id != partner.id:
        raise BadInput("placement", "this placement is another partner's")
    return {
        "partner_id": partner.id,
        "campaign_id": campaign.id if campaign else (placement.campaign_id if placement else None),
        "placement_id": placement.id if placement else None,
        "channel": wanted.channel,
    }


def _owner(desk: Desk, code_id: str, terms: dict[str, Any], start: datetime, end: datetime | None) -> CodeOwner:
    return CodeOwner(id=new_id(), code_id=code_id, valid_from=start, valid_to=end, created_at=desk.now, **terms)


def _collision(desk: Desk, text: str, normal: str) -> str:
    known = catalog.code_by_normal(desk.session, desk.brand_id, normal)
    spelt = f", written {known.text}: shoppers could not tell them apart" if known and known.text != text else ""
    return f"the brand has the code {text} already{spelt}; give it to another partner instead"


def _views(desk: Desk, rows: Sequence[Code]) -> list[CodeView]:
    owners_of = catalog.owners_of(desk.session, [row.id for row in rows])
    return [_view(row, owners_of.get(row.id, []), desk.now) for row in rows]


def _view(row: Code, periods: Sequence[CodeOwner], now: datetime) -> CodeView:
    current = next((period.partner_id for period in periods if _covers(period, now)), None)
    return CodeView(
        id=row.id,
        code=row.text,
        partner=current,
        owners=[_owner_view(period) for period in periods],
        created_at=row.created_at,
    )


def _owner_view(period: CodeOwner) -> OwnerView:
    return OwnerView(
        id=period.id,
        partner=period.partner_id,
        campaign=period.campaign_id,
        placement=period.placement_id,
        channel=Channel(period.channel) if period.channel else None,
        valid_from=None if period.valid_from == BEGINNING else period.valid_from,
        valid_to=period.valid_to,
    )
