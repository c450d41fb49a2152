"""`tracker orders import`: a file of orders, looked at first and recorded when it is said so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from tracker import backfill, catalog, queue
from tracker.catalog import Desk, brands, shops
from tracker.catalog.fields import Input, TimeZone
from tracker.cli import _shared, work
from tracker.cli._replay import progress
from tracker.cli._shared import brand_option, json_option
from tracker.domain.money import currency_code, decimal_string
from tracker.errors import BadInput
from tracker.importing import _file
from tracker.importing._values import Writing
from tracker.jobs import imports
from tracker.ledger import catalog as catalog_rows
from tracker.ledger import orders as order_rows
from tracker.ledger.backfill import Effect
from tracker.wiring import Wiring

_REFUSALS_SHOWN = 20
_CLOCKS_DIFFER = timedelta(days=1)
_DATES = {"dmy": True, "mdy": False}


class _Where(Input):
    time_zone: TimeZone | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """Whose file it is and how it is to be read."""

    home: order_rows.Home
    format: str
    zone: ZoneInfo


@click.command("import", short_help="Take orders from a file: a dry run, unless --apply is said.")
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@brand_option
@click.option("--shop", required=True, help="Whose orders they are, by id or name.")
@click.option("--format", "format_", help="shopify, woocommerce or mapped.  [default: the shop's platform]")
@click.option("--column", "mapping", multiple=True, help="What a column is called, such as total=Montant; repeatable.")
@click.option("--time-zone", help="Of times without an offset, such as Europe/Paris.  [default: the brand's]")
@click.option("--dates", type=click.Choice(list(_DATES)), help="Whether 02/03/2026 begins with the day or the month.")
@click.option("--currency", help="Of orders that no column gives one.")
@click.option("--status", type=click.Choice(["pending", "paid", "cancelled"]), help="The same for their status.")
@click.option("--apply/--dry-run", default=False, help="Record them, or say only what that would do.")
@click.option("--in-background", is_flag=True, help="Let a worker do it, and say how far it is.")
@click.option("--wait/--no-wait", default=True, help="In the background: show a bar until it is done.")
@json_option
def import_(path: Path, brand: str | None, shop: str, apply: bool, as_json: bool, **options: Any) -> None:
    """Take orders from a file that the shop exported, beside what its webhooks bring.

    Every order is known by the shop's own id, so what webhooks brought stays as it is unless the file knows more, and a
    file that is imported again changes nothing. Without --apply it is a dry run. Stopped in the middle, say it again.
    """
    if options.pop("in_background"):
        _ask_worker(path, brand, shop, apply=apply, as_json=as_json, **options)
        return
    with _shared.installation() as built:
        with built.sessions() as session:
            asked = _asked(_shared.desk(built, session, brand, shop), shop, options)
        writing = _writing(built, asked, options)
        context = built.shop_context(asked.home.brand_id)
        found = _file.read(path.read_bytes(), asked.format, _mapping(options["mapping"]), writing, context)
        tally = _run(built, asked.home, found, apply=apply)
    _print(found, tally, applied=apply, as_json=as_json)
    if not found.lines and found.refused:
        raise BadInput("file", "no order in it can be taken")


def _ask_worker(path: Path, brand: str | None, shop: str, *, apply: bool, as_json: bool, **options: Any) -> None:
    with _shared.installation() as built:
        with catalog.changing(built.sessions, built.hasty_redis) as session:
            desk = _shared.desk(built, session, brand, shop)
            given = {name: options[name] for name in ("time_zone", "dates", "currency", "status")}
            said = {**given, "format": options["format_"], "mapping": _mapping(options["mapping"]), "apply": apply}
            wanted = imports.NewImport.model_validate({**said, "shop": shops.named(desk, shop), "name": path.name})
            job, brand_id = imports.ask(desk, wanted, path.read_bytes()), desk.brand_id
        if options["wait"]:
            job = work.watch(built, brand_id, job)
    _shared.show(job, as_json=as_json)


def _asked(desk: Desk, shop: str, options: Mapping[str, Any]) -> _Asked:
    view = shops.one(desk, shops.named(desk, shop))
    brand = catalog_rows.brand_by_id(desk.session, desk.brand_id)
    home = order_rows.Home(view.id, desk.brand_id, brand.time_zone, brand.net_formula)
    zone = _shared.filled(_Where, time_zone=options["time_zone"]).time_zone
    return _Asked(home, _format(options["format_"], view.platform), ZoneInfo(zone) if zone else brands.zone_of(desk))


def _format(said: str | None, platform: str) -> str:
    known = _file.formats()
    name = said.strip().lower() if said else (platform if platform in known else "mapped")
    if name not in known:
        raise BadInput("format", f"want one of {', '.join(known)}")
    return name


def _writing(built: Wiring, asked: _Asked, options: Mapping[str, Any]) -> Writing:
    try:
        currency = currency_code(options["currency"]) if options["currency"] else None
    except ValueError as error:
        raise BadInput("currency", str(error)) from None
    return Writing(
        zone=asked.zone,
        latest=built.clock.now() + _CLOCKS_DIFFER,
        day_first=_DATES.get(options["dates"] or ""),
        currency=currency,
        status=options["status"],
    )


def _mapping(said: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for one in said:
        name, parted, column = one.partition("=")
        if not parted or not name.strip() or not column.strip():
            raise BadInput("column", f"“{one}” will not do: want field=Column, such as total=Montant")
        found[name.strip().lower()] = column.strip()
    return found


def _run(built: Wiring, home: order_rows.Home, found: _file.Orders, *, apply: bool) -> backfill.Tally:
    with progress("Importing" if apply else "Looking", len(found.lines)) as advance:
        if not apply:
            return backfill.look(built.sessions, home, found, advance)
        now, wall = built.clock.now(), built.clock.wall()
        tally = backfill.apply(built.sessions, home, found, advance, now=now, wall=wall)
    queue.Doorbell(built.hasty_redis).ring(queue.ATTRIBUTION, queue.ATTRIBUTE)
    return tally


def _print(found: _file.Orders, tally: backfill.Tally, *, applied: bool, as_json: bool) -> None:
    said = _as_json(found, tally, applied=applied)
    if as_json:
        _shared.print_json(said)
        return
    for name in ("new", "changed", "unchanged", "refused"):
        click.echo(f"{name:9}  {len(found.refused) if name == 'refused' else said[name]}")
    for one in said["totals"]:
        click.echo(f"{'total':9}  {one['total']} {one['currency']} in {one['orders']} orders")
    for refusal in found.refused[:_REFUSALS_SHOWN]:
        click.echo(f"line {refusal.line}: {refusal.reason}")
    if len(found.refused) > _REFUSALS_SHOWN:
        click.echo(f"and {len(found.refused) - _REFUSALS_SHOWN} more lines: --json names them all")
    if not applied and found.lines:
        click.echo("nothing was written: say it again with --apply")


def _as_json(found: _file.Orders, tally: backfill.Tally, *, applied: bool) -> dict[str, Any]:
    return {
        "applied": applied,
        **{effect.value: tally.effects[effect] for effect in Effect},
        "refused": [{"line": one.line, "reason": one.reason} for one in found.refused],
        "totals": [
            {"currency": code, "orders": tally.orders[code], "total": decimal_string(total, code)}
            for code, total in sorted(tally.totals.items())
        ],
    }
