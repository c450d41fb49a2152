"""`tracker shop`: a brand's stores and the secrets that sign their webhooks."""

from __future__ import annotations

import sys

import click

from tracker.catalog import shops
from tracker.cli import _shared, _shop_counts
from tracker.cli._shared import brand_option, json_option

_STDIN = "-"


def register(root: click.Group) -> None:
    """Add the `shop` commands."""
    root.add_command(shop)
    _shop_counts.register(shop)


@click.group()
def shop() -> None:
    """The stores that post their orders."""


@shop.command()
@click.argument("name_", metavar="[NAME]", required=False)
@brand_option
@click.option("--platform", required=True, help="shopify, woocommerce, stripe or standard.")
@click.option("--name", help="What you call it.  [default: the platform's]")
@click.option("--secret", help="What signs its webhooks, if the shop gave it already; - reads it from stdin.")
@json_option
def add(
    *, brand: str | None, name_: str | None, name: str | None, secret: str | None, as_json: bool, platform: str
) -> None:
    """Add a shop, and learn the webhook URL to give it."""
    called = _shared.either("name", name_, name) if name_ or name else None
    if secret == _STDIN:
        secret = _read_secret()
    wanted = _shared.filled(shops.NewShop, platform=platform, name=called)
    if secret is not None:
        wanted = shops.NewShop.model_validate({**wanted.given(), "secret": secret})
    with _shared.writing(brand) as desk:
        view = shops.add(desk, wanted)
    _shared.show(view, as_json=as_json)
    if not as_json:
        _say_what_next(view)


@shop.command("list")
@brand_option
@json_option
def list_(brand: str | None, as_json: bool) -> None:
    """List a brand's shops."""
    with _shared.reading(brand) as desk:
        views = _shared.all_pages(shops.page, desk, shops.ShopQuery())
    rows = [view.model_dump(mode="json") for view in views]
    if not as_json:
        rows = [{**row, "secrets": [one["hint"] for one in row["secrets"]] or "no secret yet"} for row in rows]
    columns = ("id", "name", "platform", "webhook_url", "secrets", "disabled_at")
    _shared.show_rows(rows, columns, as_json=as_json)


@shop.command()
@click.argument("shop")
@brand_option
@json_option
def show(shop: str, brand: str | None, as_json: bool) -> None:
    """Show a shop, by id or name."""
    with _shared.reading(brand, shop) as desk:
        view = shops.one(desk, shops.named(desk, shop))
    _shared.show(view, as_json=as_json)


@shop.command()
@click.argument("shop")
@brand_option
@click.option("--name", help="Its new name.")
@json_option
def edit(shop: str, brand: str | None, as_json: bool, **options: object) -> None:
    """Rename a shop."""
    _change(shop, brand, as_json, **options)


@shop.command()
@click.argument("shop")
@brand_option
@json_option
def disable(shop: str, brand: str | None, as_json: bool) -> None:
    """Refuse a shop's deliveries from now on."""
    _change(shop, brand, as_json, disabled=True)


@shop.command()
@click.argument("shop")
@brand_option
@json_option
def enable(shop: str, brand: str | None, as_json: bool) -> None:
    """Accept a disabled shop's deliveries again."""
    _change(shop, brand, as_json, disabled=False)


@shop.group()
def secret() -> None:
    """What signs a shop's webhooks: several may be in force, so that one can follow another without a gap."""


@secret.command("add")
@click.argument("shop_", metavar="[SHOP]", required=False)
@click.argument("secret_", metavar="[SECRET]", required=False)
@click.option("--shop", help="The shop, by id or name.")
@brand_option
@click.option("--secret", help="The secret; asked for, or read from stdin, where it is not given.")
@json_option
def add_secret(
    *, shop_: str | None, secret_: str | None, shop: str | None, brand: str | None, secret: str | None, as_json: bool
) -> None:
    """Let a shop sign with one more secret."""
    if shop is not None and shop_ is not None and secret_ is None:
        shop_, secret_ = None, shop_
    named = _shared.either("shop", shop_, shop)
    text = _read_secret() if secret in (None, _STDIN) and secret_ is None else _shared.either("secret", secret_, secret)
    wanted = shops.NewSecret(secret=text)
    with _shared.writing(brand, named) as desk:
        view = shops.add_secret(desk, shops.named(desk, named), wanted)
    _shared.show(view, as_json=as_json)


@secret.command("list")
@click.argument("shop")
@brand_option
@json_option
def list_secrets(shop: str, brand: str | None, as_json: bool) -> None:
    """List a shop's secrets in force by their last characters."""
    with _shared.reading(brand, shop) as desk:
        views = shops.secrets(desk, shops.named(desk, shop))
    _shared.show_all(views, ("id", "hint", "added_at", "last_used_at"), as_json=as_json)


@secret.command("remove")
@click.argument("shop_", metavar="[SHOP]", required=False)
@click.argument("secret_", metavar="[SECRET]", required=False)
@click.option("--shop", help="The shop, by id or name.")
@click.option("--secret", help="The secret: its id, its last characters, or itself.")
@brand_option
@json_option
def remove_secret(
    *, shop_: str | None, secret_: str | None, shop: str | None, secret: str | None, brand: str | None, as_json: bool
) -> None:
    """Take a secret out of force."""
    if shop is not None and shop_ is not None and secret_ is None:
        shop_, secret_ = None, shop_
    named, text = _shared.either("shop", shop_, shop), _shared.either("secret", secret_, secret)
    with _shared.writing(brand, named) as desk:
        view = shops.remove_secret(desk, shops.named(desk, named), text)
    _shared.show(view, as_json=as_json)


def _say_what_next(shop: shops.ShopView) -> None:
    if isinstance(shop, shops.AddedShop):
        click.echo("\nGive the shop the webhook URL and the secret, which is shown this once.")
    elif shop.secrets:
        click.echo("\nGive the shop the webhook URL.")
    else:
        click.echo(
            f"\nNext: give the shop the webhook URL, and us its secret: tracker shop secret add {shop.id} SECRET\n"
            f"{shops.platforms()[shop.platform].SIGNATURE_HELP} Until then its deliveries are refused (401)."
        )
    for number, step in enumerate(shops.guide(shop.platform).steps, start=1):
        click.echo(f"{number}. {step}")


def _change(shop: str, brand: str | None, as_json: bool, **options: object) -> None:
    with _shared.writing(brand, shop) as desk:
        view = shops.edit(desk, shops.named(desk, shop), _shared.filled(shops.ShopChange, **options))
    _shared.show(view, as_json=as_json)


def _read_secret() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    typed: str = click.prompt("Secret", hide_input=True, err=True)
    return typed
