"""Orders, receipts and reports over HTTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any, Literal

from apiflask import APIBlueprint
from flask import Response, jsonify
from pydantic import AliasChoices, Field

from tracker.catalog import Desk
from tracker.catalog.fields import (
    CampaignReference,
    ChannelField,
    Input,
    ListQuery,
    NetworkFilter,
    Output,
    PartnerFilter,
    ShopFilter,
)
from tracker.domain.orders import Status
from tracker.errors import BadInput, say
from tracker.ledger import catalog
from tracker.ledger.tables import Campaign, Partner, Shop
from tracker.reports import _compare as compare
from tracker.reports import _orders as orders
from tracker.reports import _shape as shape
from tracker.web import _answers
from tracker.web._answers import LOOK_AGAIN
from tracker.web.api import _doors
from tracker.web.api._doors import Door
from tracker.wiring import Wiring


class Credit(Output):
    """A share of an order's net value. References are ids; `weight` is an exact fraction such as "1/3"."""

    partner: str
    channel: str
    link: str | None
    code: str | None
    evidence: list[str]
    model: str
    weight: str
    amount: str


class Order(Output):
    """An order. Amounts are decimal strings in the currency's own exponent; `shop` is an id."""

    id: str
    shop: str
    external_id: str
    number: str
    status: Status
    test: bool
    currency: str
    total: str
    refunded: str
    net: str
    codes: list[str]
    click_ids: list[str]
    placed_at: datetime
    credits: list[Credit]


class OrderPage(Output):
    """A page of orders, the latest first, and the cursor of the next one: null at the end."""

    data: list[Order]
    next_cursor: str | None


class Receipt(Output):
    """Why an order was credited as it was: candidates, the rule, why each other lost, amounts, versions."""

    order: dict[str, Any]
    receipt: dict[str, Any] | None
    drawn_at: datetime | None
    version: int | None = None
    digest: str | None = None
    history: list[dict[str, Any]] | None = None
    marks: list[dict[str, Any]] | None = None
    cause: str | None = None
    changes: list[dict[str, Any]] | None = None


class ReportName(Output):
    """A report that there is."""

    name: str
    title: str
    description: str


class ReportList(Output):
    """Every report that there is."""

    data: list[ReportName]


class ReportColumn(Output):
    """A column of a report; `kind` says what its cells hold."""

    key: str
    title: str
    kind: str


class Report(Output):
    """A report over a span of days. Money is a decimal string, a percentage a number of which 1 is all.

    `next_cursor` asks for the rows after these; it is null where these are the last. `as_of` is the moment of figures
    that take long and were worked out before; it is null where they are of now.
    """

    report: str
    title: str
    from_: Annotated[date, Field(alias="from")]
    to: date
    model: str
    campaign: str | None
    channel: str | None
    partner: str | None
    network: str | None
    columns: list[ReportColumn]
    rows: list[dict[str, Any]]
    as_of: datetime | None
    next_cursor: str | None


class Waiting(Output):
    """A report that takes long is being worked out: ask again after `retry_after` seconds."""

    report: str
    detail: str
    retry_after: int


_SAID = "The report takes long over so much and is being worked out: ask again after `Retry-After` seconds."
_WORKED_OUT: dict[int | str, dict[str, str | dict[str, dict[str, Any]]]] = {
    202: {"description": _SAID, "content": {"application/json": {"schema": Waiting.model_json_schema()}}}
}
_LONGEST_CURSOR = 9  # digits: the number of a row

_From = Annotated[date | None, Field(validation_alias=AliasChoices("from", "start"))]
_To = Annotated[date | None, Field(validation_alias=AliasChoices("to", "end"))]


class OrderQuery(ListQuery):
    """Which orders. Days are the brand's, both included. `model` is a model's name, `paying` or `all`."""

    start: _From = None
    end: _To = None
    model: str | None = None
    status: Status | None = None
    shop: ShopFilter = None
    partner: PartnerFilter = None
    campaign: CampaignReference = None
    channel: ChannelField | None = None
    network: NetworkFilter = None
    code: str | None = None
    attributed: bool | None = None
    test: bool | None = None


class OneOrderQuery(Input):
    """Under which model an order's credits are shown."""

    model: str | None = None


class ReceiptQuery(Input):
    """Whether the receipt is shown whole, or as one partner may see it."""

    partner: PartnerFilter = None


class ReportQuery(Input):
    """What a report is asked about; without dates it is the thirty days that end today."""

    start: _From = None
    end: _To = None
    model: str | None = None
    partner: PartnerFilter = None
    campaign: CampaignReference = None
    channel: ChannelField | None = None
    network: NetworkFilter = None
    compare: Literal["before", "year"] | None = None


class ReportPageQuery(ReportQuery):
    """What a report is asked about, and which page of its rows; without dates it is the thirty days that end today."""

    cursor: str | None = None
    limit: Annotated[int, Field(ge=1, le=orders.LARGEST_PAGE)] = orders.LARGEST_PAGE


def register(blueprint: APIBlueprint, door: Door) -> None:
    """Add the routes of orders and reports."""
    _orders(blueprint, door)
    _reports(blueprint, door)


def _orders(blueprint: APIBlueprint, door: Door) -> None:
    @blueprint.get("/orders")
    @blueprint.input(OrderQuery, location="query")
    @blueprint.output(OrderPage)
    @blueprint.doc(summary="A page of the brand's orders with their credits, the latest first", tags=["orders"])
    def list_orders(query_data: OrderQuery) -> Response:
        return jsonify(door.read(lambda desk: _page(desk, query_data)))

    @blueprint.get("/orders/<order_id>")
    @blueprint.input(OneOrderQuery, location="query")
    @blueprint.output(Order)
    @blueprint.doc(summary="One order with its credits", tags=["orders"])
    def read_order(order_id: str, query_data: OneOrderQuery) -> Response:
        model = _model(query_data.model)
        return jsonify(door.read(lambda desk: orders.one_order(desk.session, desk.brand_id, order_id, model=model)))

    @blueprint.get("/orders/<order_id>/receipt")
    @blueprint.input(ReceiptQuery, location="query")
    @blueprint.output(Receipt)
    @blueprint.doc(summary="Why an order was credited as it was", tags=["orders"])
    def read_receipt(order_id: str, query_data: ReceiptQuery) -> Response:
        def read(desk: Desk) -> shape.Row:
            partner_id = _partner(desk, query_data.partner)
            if partner_id is not None:
                return orders.receipt_for_partner(desk.session, desk.brand_id, order_id, partner_id)
            return orders.receipt(desk.session, desk.brand_id, order_id)

        return jsonify(door.read(read))


def _reports(blueprint: APIBlueprint, door: Door) -> None:
    @blueprint.get("/reports")
    @blueprint.output(ReportList)
    @blueprint.doc(summary="Every report that there is", tags=["reports"])
    def list_reports() -> Response:
        found = shape.reports().items()
        named = [{"name": name, "title": one.TITLE, "description": one.DESCRIPTION} for name, one in found]
        return jsonify({"data": named})

    @blueprint.get("/reports/<name>")
    @blueprint.input(ReportPageQuery, location="query")
    @blueprint.output(Report)
    @blueprint.doc(
        summary="A page of a report's rows over a span of days, in the report's order",
        tags=["reports"],
        responses=_WORKED_OUT,
    )
    def read_report(name: str, query_data: ReportPageQuery) -> Response:
        result = door.read(lambda desk: _leaf(desk, door.wiring, name, query_data))
        if result.waits:
            return _wait_for(name, late=result.late)
        as_of = result.as_of.isoformat() if result.as_of else None
        return jsonify({**shape.as_json(result), "as_of": as_of, "next_cursor": result.further})


def _wait_for(name: str, *, late: bool) -> Response:
    detail = "it is being worked out" + ("; it takes longer than it should: see the worker's log" if late else "")
    response = _doors.json(Waiting(report=name, detail=detail, retry_after=LOOK_AGAIN))
    response.status_code = 202
    response.headers["Retry-After"] = str(LOOK_AGAIN)
    return response


def _page(desk: Desk, query: OrderQuery) -> dict[str, object]:
    where = orders.OrderFilter(
        start=query.start,
        end=query.end,
        status=query.status,
        shop_id=catalog.one(desk.session, Shop, desk.brand_id, query.shop).id if query.shop else None,
        partner_id=_partner(desk, query.partner),
        channel=query.channel,
        campaign_id=_campaign(desk, query.campaign),
        network=query.network,
        code=query.code,
        attributed=query.attributed,
        test=query.test,
    )
    rows, further = orders.orders_page(
        desk.session,
        desk.brand_id,
        after=query.cursor,
        limit=query.limit,
        model=_model(query.model),
        where=where,
    )
    return {"data": rows, "next_cursor": further}


def _leaf(desk: Desk, wiring: Wiring, name: str, query: ReportPageQuery) -> shape.Result:
    """The page of rows that is asked for. One that can be endless reads no others; the others are counted from."""
    part = shape.Part(query.limit, after=query.cursor)
    result = _answers.run(wiring, desk.session, name, _scope(desk, query), how=query.compare, part=part)
    if result.cut:
        return result
    first = _row(query.cursor)
    after = first + query.limit
    further = str(after) if after < len(result.rows) else None
    return replace(result, rows=result.rows[first:after], further=further)


def _row(cursor: str | None) -> int:
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) <= _LONGEST_CURSOR):
        raise BadInput("cursor", "not a cursor of ours; begin again without one")
    return int(cursor or 0)


def ran(desk: Desk, name: str, query: ReportQuery) -> shape.Result:
    """The report called `name` over what the query asks for. Raises NotFound and BadInput."""
    return compare.run(desk.session, name, _scope(desk, query), query.compare)


def _scope(desk: Desk, query: ReportQuery) -> shape.Scope:
    asked = {
        "from": query.start.isoformat() if query.start else "",
        "to": query.end.isoformat() if query.end else "",
        "model": query.model or "",
        "channel": query.channel or "",
        "partner": _partner(desk, query.partner) or "",
        "campaign": _campaign(desk, query.campaign) or "",
        "network": query.network or "",
    }
    return shape.scope_from(desk.session, desk.brand_id, asked, desk.now)


def _partner(desk: Desk, partner_id: str | None) -> str | None:
    return catalog.one(desk.session, Partner, desk.brand_id, partner_id).id if partner_id else None


def _campaign(desk: Desk, campaign_id: str | None) -> str | None:
    return catalog.one(desk.session, Campaign, desk.brand_id, campaign_id).id if campaign_id else None


def _model(text: str | None) -> str | None:
    """A model's name, `paying` or `all`; None for what pays. Raises BadInput for a model that we do not have."""
    if text == orders.ALL_MODELS:
        return text
    try:
        return shape.model_from(text)
    except BadInput as error:
        raise BadInput(
            "model", say("%(error)s, or %(all_models)s", error=error, all_models=orders.ALL_MODELS)
        ) from None
