"""A conversion is something a visitor did that is no purchase: a download, a lead, a sign-up. It is told once.

Whoever tells it names the click id that the landing page got, a promo code, or both; which partner that is, is asked
when a report is read, so that a late click and a code's later owner count. Conversions are counted and never paid.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, StringConstraints
from sqlalchemy import ColumnElement, select

from tracker.catalog import Desk, brands
from tracker.catalog.fields import Input, ListQuery, Output, Page, When, lower, moment
from tracker.domain import codes
from tracker.domain.ids import is_id, new_id
from tracker.errors import BadInput, Conflict, NotFound
from tracker.ledger import catalog
from tracker.ledger.tables import Conversion


class Action(StrEnum):
    """What was done."""

    DOWNLOAD = "download"
    LEAD = "lead"
    SIGN_UP = "sign_up"
    SUBSCRIPTION = "subscription"
    OTHER = "other"


ActionField = Annotated[Action, BeforeValidator(lower)]
ExternalId = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]


class NewConversion(Input):
    """A conversion to be. `external_id` is the teller's own and makes it one; without `at` it is of now."""

    kind: ActionField
    external_id: ExternalId
    at: When | None = None
    click_id: str | None = None
    code: str | None = None


class ConversionQuery(ListQuery):
    """Which conversions."""

    kind: ActionField | None = None


class ConversionView(Output):
    """A conversion."""

    id: str
    kind: Action
    external_id: str
    at: datetime
    click_id: str | None
    code: str | None
    created_at: datetime


def add(desk: Desk, wanted: NewConversion) -> ConversionView:
    """Record a conversion. The same one again answers with the first; raises Conflict where it says something else.

    Raises BadInput where neither a click id nor a code says whom it is owed to, and for a moment in the future.
    """
    values = _values(desk, wanted)
    if not catalog.insert_new(desk.session, Conversion, **values):
        return _again(desk, values)
    return one(desk, str(values["id"]))


def one(desk: Desk, conversion_id: str) -> ConversionView:
    """The brand's conversion of that id. Raises NotFound."""
    return _view(catalog.one(desk.session, Conversion, desk.brand_id, conversion_id))


def page(desk: Desk, query: ConversionQuery) -> Page[ConversionView]:
    """A page of the brand's conversions."""
    conditions: list[ColumnElement[bool]] = [Conversion.kind == query.kind] if query.kind else []
    rows, further = catalog.page(
        desk.session, Conversion, desk.brand_id, after=query.cursor, limit=query.limit, conditions=conditions
    )
    return Page[ConversionView](data=[_view(row) for row in rows], next_cursor=further)


def _values(desk: Desk, wanted: NewConversion) -> dict[str, object]:
    click_id, code = (wanted.click_id or "").strip().lower() or None, codes.normal(wanted.code or "") or None
    if click_id is None and code is None:
        raise BadInput("click_id", "say by which click or promo code it came: give click_id, code or both")
    if click_id is not None and not is_id(click_id):
        raise BadInput("click_id", "want the id that the landing page got, 32 hexadecimal digits")
    at = desk.now if wanted.at is None else moment(wanted.at, brands.zone_of(desk))
    if at > desk.now:
        raise BadInput("at", "this lies in the future")
    return {
        "id": new_id(),
        "brand_id": desk.brand_id,
        "kind": str(wanted.kind),
        "external_id": wanted.external_id,
        "at": at,
        "click_id": click_id,
        "code": code and code[: codes.LONGEST],
        "created_at": desk.now,
    }


def _again(desk: Desk, values: dict[str, object]) -> ConversionView:
    same = (Conversion.brand_id == desk.brand_id, Conversion.kind == values["kind"])
    query = select(Conversion).where(*same, Conversion.external_id == values["external_id"])
    known = desk.session.execute(query).scalar_one_or_none()
    if known is None:
        raise NotFound("no such conversion")
    if (known.click_id, known.code) != (values["click_id"], values["code"]):
        raise Conflict("a conversion of that kind has this id already, by another click or code")
    return _view(known)


def _view(row: Conversion) -> ConversionView:
    return ConversionView(
        id=row.id,
        kind=Action(row.kind),
        external_id=row.external_id,
        at=row.at,
        click_id=row.click_id,
        code=row.code,
        created_at=row.created_at,
    )
