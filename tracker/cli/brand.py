"""`tracker brand`: the tenants."""

from __future__ import annotations

import click

from tracker import catalog
from tracker.catalog import brands
from tracker.cli import _shared
from tracker.cli._shared import json_option
from tracker.domain.orders import NET_FORMULA, NetFormula

_FORMULAS = " or ".join(NetFormula)
_COLUMNS = ("id", "name", "time_zone", "currency", "hosts", "landing_domains", "fallback_url")


def register(root: click.Group) -> None:
    """Add the `brand` commands."""
    root.add_command(brand)


@click.group()
def brand() -> None:
    """The brands whose sales are counted."""


@brand.command()
@click.argument("name_", metavar="[NAME]", required=False)
@click.option("--name", help="The brand's name.")
@click.option("--time-zone", help="Whose days its reports count.  [default: Europe/Paris]")
@click.option("--currency", help="ISO 4217 code.  [default: EUR]")
@click.option("--net-formula", help=f"What of an order is credited: {_FORMULAS}.  [default: {NET_FORMULA}]")
@click.option("--host", "hosts", multiple=True, help="A host name that serves its links (repeatable).")
@click.option("--landing-domain", "landing_domains", multiple=True, help="A domain links may lead to (repeatable).")
@click.option("--fallback-url", help="Where unknown and expired links lead.")
@click.option("--visitor-cookie/--no-visitor-cookie", default=None, help="The brand has its visitors' consent.")
@json_option
def add(name_: str | None, name: str | None, as_json: bool, **options: object) -> None:
    """Add a brand."""
    wanted = _shared.filled(brands.NewBrand, name=_shared.either("name", name_, name), **options)
    with _shared.installation() as built, catalog.changing(built.sessions, built.hasty_redis) as session:
        view = brands.add(session, wanted, now=built.clock.now(), public_url=built.settings.public_url)
    _shared.show(view, as_json=as_json)


@brand.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List all brands."""
    with _shared.installation() as built, built.sessions() as session:
        views = brands.every(session)
    _shared.show_all(views, _COLUMNS, as_json=as_json)


@brand.command()
@click.argument("brand", required=False)
@json_option
def show(brand: str | None, as_json: bool) -> None:
    """Show a brand."""
    with _shared.reading(brand) as desk:
        view = brands.one(desk)
    _shared.show(view, as_json=as_json)


@brand.command()
@click.argument("brand", required=False)
@click.option("--name", help="Its new name.")
@click.option("--time-zone", help="Only before its first order.")
@click.option("--currency", help="Only before its first order.")
@click.option("--net-formula", help=f"{_FORMULAS}. Only before its first order.")
@click.option("--add-host", "--host", "add_hosts", multiple=True, help="One more tracking host (repeatable).")
@click.option("--remove-host", "remove_hosts", multiple=True, help="One that carries no links (repeatable).")
@click.option("--add-landing-domain", "--landing-domain", "add_domains", multiple=True, help="One more (repeatable).")
@click.option("--remove-landing-domain", "remove_domains", multiple=True, help="One that no link needs (repeatable).")
@click.option("--fallback-url", help='Where unknown and expired links lead; "" for nowhere.')
@click.option("--visitor-cookie/--no-visitor-cookie", default=None, help="The brand has its visitors' consent.")
@click.option("--target-return", help="What each unit spent is to bring back, such as 5 or 5:1.")
@click.option("--margin", help='Percent of the net value that is not cost of goods, such as 40; "" for unknown.')
@json_option
def edit(
    *,
    brand: str | None,
    add_hosts: tuple[str, ...],
    remove_hosts: tuple[str, ...],
    add_domains: tuple[str, ...],
    remove_domains: tuple[str, ...],
    as_json: bool,
    **options: object,
) -> None:
    """Change a brand."""
    with _shared.writing(brand) as desk:
        now = brands.one(desk)
        hosts = _changed(now.hosts, add_hosts, remove_hosts, "hosts")
        domains = _changed(now.landing_domains, add_domains, remove_domains, "landing_domains")
        change = _shared.filled(brands.BrandChange, hosts=hosts, landing_domains=domains, **options)
        view = brands.edit(desk, change)
    _shared.show(view, as_json=as_json)


def _changed(current: list[str], added: tuple[str, ...], removed: tuple[str, ...], field: str) -> list[str] | None:
    """The new list in the spelling in which it is kept, or None where nothing was asked."""
    if not added and not removed:
        return None
    gone: list[str] = getattr(_shared.filled(brands.BrandChange, **{field: list(removed)}), field)
    return [*(one for one in current if one not in gone), *added]
