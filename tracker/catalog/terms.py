"""Terms say what a partner is paid. A change is a new version from a date on; an order keeps those of its sale time."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field
from sqlalchemy import select

from tracker.catalog import Desk
from tracker.catalog.fields import (
    CampaignReference,
    Currency,
    Input,
    ListQuery,
    Output,
    Page,
    PartnerFilter,
    When,
    moment,
)
from tracker.domain.commissions import Rate, Terms
from tracker.domain.ids import new_id
from tracker.domain.money import decimal_string, exact, minor_units
from tracker.errors import BadInput, Conflict
from tracker.ledger import catalog
from tracker.ledger import terms as ledger
from tracker.ledger.tables import Brand, Campaign, Partner
from tracker.ledger.tables import Terms as TermsRow

DEFAULT_HOLD_DAYS = 30


def _as_text(value: object) -> object:
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    return text.strip().removesuffix("%").strip() if isinstance(text, str) else text


def _percent(text: str) -> str:
    try:
        share = Fraction(exact(text))
    except ValueError:
        raise ValueError("want a percentage such as 7.5") from None
    if not 0 <= share <= 100:
        raise ValueError("want a percentage from 0 to 100")
    return text


def _amount(text: str) -> str:
    try:
        if exact(text) < 0:
            raise ValueError
    except ValueError:
        raise ValueError("want an amount such as 5.00") from None
    return text


Percent = Annotated[str, BeforeValidator(_as_text), AfterValidator(_percent)]
Amount = Annotated[str, BeforeValidator(_as_text), AfterValidator(_amount)]
HoldDays = Annotated[int, Field(ge=0, le=365)]


class NewTerms(Input):
    """Terms to be: of a partner, in a campaign, of both or of the whole brand, for orders placed from `valid_from` on.

    `percent` is of the partner's credit, `flat` an amount an order in `currency` (the brand's where it is not said);
    one of them. The `returning_…` ones are for customers who have bought before, where they are paid differently.
    `assist_percent` is of the whole order, for partners who stand in its journey without a credit.
    """

    partner: PartnerFilter = None
    campaign: CampaignReference = None
    percent: Percent | None = None
    flat: Amount | None = None
    returning_percent: Percent | None = None
    returning_flat: Amount | None = None
    assist_percent: Percent | None = None
    currency: Currency | None = None
    hold_days: HoldDays = DEFAULT_HOLD_DAYS
    valid_from: When | None = None


class TermsQuery(ListQuery):
    """Which terms."""

    partner: PartnerFilter = None
    campaign: CampaignReference = None


class TermsView(Output):
    """A version of terms. Without a partner they are for all of them, without a campaign for every one."""

    id: str
    partner: str | None
    campaign: str | None
    percent: str | None
    flat: str | None
    returning_percent: str | None
    returning_flat: str | None
    assist_percent: str | None
    currency: str
    hold_days: int
    valid_from: datetime
    created_at: datetime


def add(desk: Desk, wanted: NewTerms) -> TermsView:
    """Add a version of terms. Orders that have none so far and were placed since its start are reckoned with it.

    Raises BadInput, NotFound, and Conflict where other terms for the same begin at that moment.
    """
    ledger.begin_adding(desk.session, desk.brand_id)
    brand = catalog.brand_by_id(desk.session, desk.brand_id)
    if wanted.partner:
        catalog.one(desk.session, Partner, desk.brand_id, wanted.partner)
    if wanted.campaign:
        catalog.one(desk.session, Campaign, desk.brand_id, wanted.campaign)
    terms = _terms(wanted, brand)
    row_id = new_id()
    starts = moment(wanted.valid_from, ZoneInfo(brand.time_zone)) if wanted.valid_from else desk.now
    added = catalog.insert_new(
        desk.session,
        TermsRow,
        id=row_id,
        brand_id=desk.brand_id,
        partner_id=wanted.partner,
        campaign_id=wanted.campaign,
        scope=ledger.scope_of(desk.brand_id, wanted.campaign, wanted.partner),
        settings=terms.to_json(),
        currency=terms.currency,
        hold_days=wanted.hold_days,
        valid_from=starts,
        created_at=desk.now,
    )
    if not added:
        raise Conflict("other terms for the same begin at that moment already: choose another one")
    row = catalog.one(desk.session, TermsRow, desk.brand_id, row_id)
    ledger.mark_due(desk.session, ledger.offer(row), desk.brand_id, desk.wall)
    return _view(row)


def one(desk: Desk, terms_id: str) -> TermsView:
    """The brand's terms of that id. Raises NotFound."""
    return _view(catalog.one(desk.session, TermsRow, desk.brand_id, terms_id))


def newest(desk: Desk, limit: int) -> list[TermsView]:
    """Those of the brand's terms that begin last, the last one first."""
    query = select(TermsRow).where(TermsRow.brand_id == desk.brand_id)
    rows = desk.session.execute(query.order_by(TermsRow.valid_from.desc(), TermsRow.id.desc()).limit(limit))
    return [_view(row) for row in rows.scalars()]


def page(desk: Desk, query: TermsQuery) -> Page[TermsView]:
    """A page of the brand's terms, all versions."""
    conditions = []
    if query.partner:
        conditions.append(TermsRow.partner_id == catalog.one(desk.session, Partner, desk.brand_id, query.partner).id)
    if query.campaign:
        conditions.append(TermsRow.campaign_id == catalog.one(desk.session, Campaign, desk.brand_id, query.campaign).id)
    rows, further = catalog.page(
        desk.session, TermsRow, desk.brand_id, after=query.cursor, limit=query.limit, conditions=conditions
    )
    return Page[TermsView](data=[_view(row) for row in rows], next_cursor=further)


def _terms(wanted: NewTerms, brand: Brand) -> Terms:
    currency = wanted.currency or brand.currency
    new = _rate(wanted.percent, wanted.flat, currency, "")
    if new is None:
        raise BadInput("percent", "say what is paid: a percentage or a flat amount")
    returning = _rate(wanted.returning_percent, wanted.returning_flat, currency, "returning_")
    assist = Fraction(exact(wanted.assist_percent)) / 100 if wanted.assist_percent else Fraction(0)
    return Terms(new=new, returning=returning or new, currency=currency, assist=assist)


def _rate(percent: str | None, flat: str | None, currency: str, prefix: str) -> Rate | None:
    if percent is not None and flat is not None:
        raise BadInput(f"{prefix}flat", "a percentage or a flat amount, not both")
    if percent is not None:
        return Rate(Fraction(exact(percent)) / 100)
    return Rate(flat=minor_units(flat, currency)) if flat is not None else None


def _view(row: TermsRow) -> TermsView:
    terms = ledger.offer(row).terms
    return TermsView(
        id=row.id,
        partner=row.partner_id,
        campaign=row.campaign_id,
        percent=_percent_of(terms.new),
        flat=_flat_of(terms.new, row.currency),
        returning_percent=_percent_of(terms.returning),
        returning_flat=_flat_of(terms.returning, row.currency),
        assist_percent=_decimal(terms.assist) if terms.assist else None,
        currency=row.currency,
        hold_days=row.hold_days,
        valid_from=row.valid_from,
        created_at=row.created_at,
    )


def _percent_of(rate: Rate) -> str | None:
    return _decimal(rate.share) if rate.flat is None else None


def _flat_of(rate: Rate, currency: str) -> str | None:
    return decimal_string(rate.flat, currency) if rate.flat is not None else None


def _decimal(share: Fraction) -> str:
    """A share as a percentage; it was given as a decimal, so it is one again."""
    percent = share * 100
    return f"{(Decimal(percent.numerator) / Decimal(percent.denominator)).normalize():f}"
