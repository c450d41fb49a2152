"""`tracker orders` and `tracker receipt`: what was sold, who is credited, and why; and how it is reckoned anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click
from sqlalchemy import or_, select

from tracker import queue
from tracker.catalog import Desk, campaigns, partners, shops
from tracker.cli import _import, _rebuild, _shared
from tracker.cli._shared import brand_option, json_option
from tracker.domain.ids import is_id
from tracker.errors import BadInput, NotFound
from tracker.jobs.rebuild import mark
from tracker.ledger.tables import OrderRow
from tracker.reports import _orders, _shape
from tracker.reports._shape import Row

_COLUMNS = ("id", "number", "status", "placed_at", "net", "codes", "credits")


def register(root: click.Group) -> None:
    """Add the `orders` and `receipt` commands."""
    root.add_command(orders)
    root.add_command(receipt)
    orders.add_command(receipt)
    orders.add_command(_import.import_)


@click.group(invoke_without_command=True)
@brand_option
@click.option("--from", "start", help="Placed on this day or later, such as 2026-03-01.")
@click.option("--to", "end", help="Placed on this day or earlier.")
@click.option("--model", help='Whose credits: a model, "paying" (as partners are paid) or "all".  [default: paying]')
@click.option("--status", type=click.Choice(["pending", "paid", "cancelled", "deleted"], case_sensitive=False))
@click.option("--shop", help="Of one shop, by id or name.")
@click.option("--partner", help="Credited to one partner, by id or name.")
@click.option("--campaign", help="Credited to one campaign, by id or name.")
@click.option("--channel", help="Credited in one channel: influence or affiliate.")
@click.option("--code", help="Carrying one code.")
@click.option("--attributed/--unattributed", default=None, help="Credited to somebody, or to nobody.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many, the latest ones.")
@json_option
@click.pass_context
def orders(context: click.Context, /, brand: str | None, as_json: bool, limit: int | None, **options: Any) -> None:
    """List a brand's orders with their credits, the latest first; or do one of the below."""
    if context.invoked_subcommand is not None:
        return
    with _shared.reading(brand, options["shop"], options["partner"], options["campaign"]) as desk:
        found, names = list(_rows(desk, limit, **options)), _shared.names_at(desk)
    if as_json:
        _shared.print_json(found)
    else:
        cells = [[_cell(row, column, names) for column in _COLUMNS] for row in found]
        _shared.print_table(_COLUMNS, cells, right=[_COLUMNS.index("net")])


@click.command(short_help="Why an order was credited as it was.")
@click.argument("order")
@brand_option
@click.option("--as-partner", "partner", help="As this partner may see it: by id or name.")
@json_option
def receipt(order: str, brand: str | None, partner: str | None, as_json: bool) -> None:
    """Show why an order, named by id or number, was credited as it was."""
    with _shared.reading(brand, order, partner) as desk:
        order_id, names = _order_id(desk, order), _shared.names_at(desk)
        if partner is None:
            found = _orders.receipt(desk.session, desk.brand_id, order_id)
        else:
            partner_id = partners.named(desk, partner)
            found = _orders.receipt_for_partner(desk.session, desk.brand_id, order_id, partner_id)
    if as_json:
        _shared.print_json(found)
    else:
        _print_receipt(found, names)


@orders.command()
@brand_option
@click.option("--from", "start", help="Placed on this day or later, such as 2026-03-01.")
@click.option("--to", "end", help="Placed on this day or earlier.")
@click.option("--refold", is_flag=True, help="First fold each order anew from what the shop told of it.")
@click.option("--wait/--no-wait", default=True, help="Show how far the workers are, until they are done.")
def rebuild(brand: str | None, start: str | None, end: str | None, refold: bool, wait: bool) -> None:
    """Have a brand's orders credited anew from the facts, behind whatever is fresh.

    What is done stays done: stopped in the middle, say it again, or let the workers finish. Orders whose receipts come
    out the same are left as they are.
    """
    with _shared.installation() as built:
        with built.sessions() as session:
            desk = _shared.desk(built, session, brand)
            scope = _shape.scope_from(
                session, desk.brand_id, {"from": start or "1970-01-01", "to": end or ""}, desk.now
            )
        count = mark(built, desk.brand_id, (scope.start, scope.end), refold=refold)
        click.echo(f"{count} orders will be credited anew")
        queue.Doorbell(built.hasty_redis).ring(queue.ATTRIBUTION, queue.ATTRIBUTE)
        if wait and count:
            _rebuild.watch(built, desk.brand_id, count)


def _rows(desk: Desk, limit: int | None, *, model: str | None, **options: Any) -> Iterator[Row]:
    where = _where(desk, **options)
    wanted, cursor = limit or 10**9, None
    while wanted:
        page, cursor = _orders.orders_page(
            desk.session,
            desk.brand_id,
            after=cursor,
            limit=min(wanted, _orders.LARGEST_PAGE),
            model=model if model == _orders.ALL_MODELS else _shape.model_from(model),
            where=where,
        )
        yield from page
        wanted -= len(page)
        if cursor is None:
            return


def _where(desk: Desk, *, start: str | None, end: str | None, **options: Any) -> _orders.OrderFilter:
    asked = {
        "from": start or "1970-01-01",
        "to": end or "",
        "channel": options["channel"] or "",
        "partner": partners.named(desk, options["partner"]) if options["partner"] else "",
        "campaign": campaigns.named(desk, options["campaign"]) if options["campaign"] else "",
    }
    scope = _shape.scope_from(desk.session, desk.brand_id, asked, desk.now)
    return _orders.OrderFilter(
        start=scope.start if start else None,
        end=scope.end if end else None,
        status=options["status"],
        shop_id=shops.named(desk, options["shop"]) if options["shop"] else None,
        partner_id=scope.partner_id,
        channel=scope.channel,
        campaign_id=scope.campaign_id,
        code=options["code"],
        attributed=options["attributed"],
    )


def _order_id(desk: Desk, text: str) -> str:
    if is_id(text):
        return text
    wanted = text.strip().removeprefix("#")
    named = or_(OrderRow.number.in_([wanted, f"#{wanted}"]), OrderRow.external_id == wanted)
    query = select(OrderRow.id).where(OrderRow.brand_id == desk.brand_id, named)
    found = desk.session.execute(query).scalars().all()
    if not found:
        raise NotFound(f"the brand has no order {text}")
    if len(found) > 1:
        raise BadInput("order", f"several orders are called {text}, say which by id: {', '.join(found)}")
    return found[0]


def _cell(row: Row, column: str, names: Mapping[str, str]) -> str:
    value: Any = row[column]
    if column == "net":
        return f"{value} {row['currency']}"
    if column == "credits":
        return ", ".join(f"{one['amount']} {names[one['partner']]} ({one['channel']})" for one in value) or "–"
    return _shared.text(value)


def _print_receipt(found: Row, names: Mapping[str, str], indent: str = "") -> None:
    for name, value in found.items():
        _print_value(name, value, names, indent)


def _print_value(name: str, value: Any, names: Mapping[str, str], indent: str) -> None:
    nested = [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []
    if isinstance(value, dict) and value:
        click.echo(f"{indent}{name.replace('_', ' ')}:")
        _print_receipt(value, names, indent + "  ")
    elif nested:
        click.echo(f"{indent}{name.replace('_', ' ')}:")
        for part in nested:
            click.echo(f"{indent}  -")
            _print_receipt(part, names, indent + "    ")
    else:
        shown = _shared.text(value)
        click.echo(f"{indent}{name.replace('_', ' ')}: {names.get(shown, shown)}")
