"""A shop is a brand's store: one unguessable webhook URL, and the secrets with which its deliveries may be signed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, cast

from pydantic import AfterValidator, BeforeValidator, StringConstraints

from tracker import plugins
from tracker.catalog import Desk
from tracker.catalog.fields import Input, ListQuery, Name, Output, Page, omitted
from tracker.domain.deliveries import Platform
from tracker.domain.ids import new_id, new_token
from tracker.errors import BadInput, Conflict, NotFound, say
from tracker.ledger import catalog
from tracker.ledger.tables import Shop, ShopSecret
from tracker.sealing import seal


def platforms() -> dict[str, Platform]:
    """Every shop platform by name."""
    return cast("dict[str, Platform]", plugins.discover("tracker.platforms"))


def _platform(text: str) -> str:
    if text not in platforms():
        raise ValueError(say("want one of %(choices)s", choices=", ".join(platforms())))
    return text


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


PlatformName = Annotated[str, BeforeValidator(_lower), AfterValidator(_platform)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class Guide(Output):
    """How a shop of a platform is connected: steps in English, in their order, and where the snippet goes."""

    title: str
    steps: list[str]
    snippet: str


class NewShop(Input):
    """A shop to be. Its secret may come later, when the shop gives it; where we choose it, one is made."""

    platform: PlatformName
    name: Name | None = None
    secret: Secret | None = None


class ShopChange(Input):
    """What of a shop is to be different. A disabled shop's deliveries are refused."""

    name: Name = omitted()
    disabled: bool = omitted()


class NewSecret(Input):
    """One more secret."""

    secret: Secret


class ShopQuery(ListQuery):
    """Which shops."""


class SecretView(Output):
    """A secret in force. Of the secret itself only the last characters are ever shown."""

    id: str
    hint: str
    added_at: datetime
    last_used_at: datetime | None


class ShopView(Output):
    """A shop, and where it must send its webhooks."""

    id: str
    name: str
    platform: str
    webhook_url: str
    secrets: list[SecretView]
    created_at: datetime
    disabled_at: datetime | None


class AddedShop(ShopView):
    """A shop that was added, with the secret that was made for it, if one was: it is told this once."""

    TOLD_ONCE = frozenset({"secret"})

    secret: str | None = None


def add(desk: Desk, wanted: NewShop) -> ShopView:
    """Add a shop. Raises BadInput for a secret that its platform cannot have given."""
    make = getattr(platforms()[wanted.platform], "new_secret", None)
    made = make() if make is not None and wanted.secret is None else None
    shop = Shop(
        id=new_id(),
        brand_id=desk.brand_id,
        name=wanted.name or platforms()[wanted.platform].TITLE,
        platform=wanted.platform,
        token=new_token(),
        created_at=desk.now,
        disabled_at=None,
    )
    desk.session.add(shop)
    desk.session.flush()
    if (secret := wanted.secret or made) is not None:
        _add_secret(desk, shop, secret)
    view = _view(desk, shop)
    return AddedShop(**dict(view), secret=made) if made else view


def edit(desk: Desk, shop_id: str, change: ShopChange) -> ShopView:
    """Rename, disable or enable a shop. Its platform and URL never change."""
    shop = catalog.one(desk.session, Shop, desk.brand_id, shop_id, lock=True)
    given = change.given()
    if "disabled" in given:
        given["disabled_at"] = (shop.disabled_at or desk.now) if given.pop("disabled") else None
    catalog.change(desk.session, shop, given)
    return _view(desk, shop)


def add_secret(desk: Desk, shop_id: str, wanted: NewSecret) -> SecretView:
    """Let the shop sign with one more secret; those in force stay. Raises Conflict where it has this one."""
    shop = catalog.one(desk.session, Shop, desk.brand_id, shop_id, lock=True)
    return _secret_view(_add_secret(desk, shop, wanted.secret))


def remove_secret(desk: Desk, shop_id: str, secret_id: str) -> ShopView:
    """Take a secret, named by its id, its hint or itself, out of force.

    Raises Conflict for the last one: a shop without a secret would lose every delivery.
    """
    shop = catalog.one(desk.session, Shop, desk.brand_id, shop_id, lock=True)
    secrets = _in_force(desk, shop)
    box = seal(desk.secret_key)
    found = [secret for secret in secrets if secret_id in (secret.id, secret.hint, box.open(secret.sealed))]
    if not found:
        raise NotFound("no such secret")
    if len(found) > 1:
        raise BadInput(
            "secret",
            say("several end like this, say which by id: %(found)s", found=", ".join(one.id for one in found)),
        )
    if len(secrets) == 1:
        raise Conflict("this is the shop's only secret: add the new one first, or disable the shop")
    catalog.change(desk.session, found[0], {"removed_at": desk.now})
    return _view(desk, shop)


def secrets(desk: Desk, shop_id: str) -> list[SecretView]:
    """The shop's secrets in force."""
    return [_secret_view(row) for row in _in_force(desk, catalog.one(desk.session, Shop, desk.brand_id, shop_id))]


def one(desk: Desk, shop_id: str) -> ShopView:
    """The brand's shop of that id. Raises NotFound."""
    return _view(desk, catalog.one(desk.session, Shop, desk.brand_id, shop_id))


def guide(platform: str) -> Guide:
    """How shops of a platform are connected; a platform that says nothing of it has its help on signatures alone."""
    found = platforms()[platform]
    steps = getattr(found, "STEPS", (found.SIGNATURE_HELP,))
    return Guide(title=found.TITLE, steps=list(steps), snippet=getattr(found, "SNIPPET", ""))


def snippet(desk: Desk) -> str:
    """The line that the pages of the brand's shops carry, so that the whole journey reaches the order."""
    return f'<script async src="{desk.public_url}/s.js?brand={desk.brand_id}"></script>'


def page(desk: Desk, query: ShopQuery) -> Page[ShopView]:
    """A page of the brand's shops."""
    rows, further = catalog.page(desk.session, Shop, desk.brand_id, after=query.cursor, limit=query.limit)
    return Page[ShopView](data=_views(desk, rows), next_cursor=further)


def named(desk: Desk, text: str) -> str:
    """The id of the shop of that id or name. Raises NotFound, and BadInput where several have the name."""
    return catalog.named(desk.session, Shop, Shop.name, desk.brand_id, text)


def _in_force(desk: Desk, shop: Shop) -> list[ShopSecret]:
    return catalog.secrets_of(desk.session, [shop.id]).get(shop.id, [])


def _add_secret(desk: Desk, shop: Shop, text: str) -> ShopSecret:
    try:
        platforms()[shop.platform].check_secret(text)
    except ValueError as error:
        raise BadInput("secret", str(error)) from None
    box = seal(desk.secret_key)
    if any(box.open(secret.sealed) == text for secret in _in_force(desk, shop)):
        raise Conflict("the shop has this secret already")
    # Of a short secret even four characters would tell too much.
    hint = text[-4:] if len(text) >= 16 else "…"
    secret = ShopSecret(
        id=new_id(),
        shop_id=shop.id,
        sealed=box.close(text),
        hint=hint,
        added_at=desk.now,
        removed_at=None,
        last_used_at=None,
    )
    desk.session.add(secret)
    desk.session.flush()
    return secret


def _view(desk: Desk, shop: Shop) -> ShopView:
    return _views(desk, [shop])[0]


def _views(desk: Desk, shops: Sequence[Shop]) -> list[ShopView]:
    secrets_of = catalog.secrets_of(desk.session, [shop.id for shop in shops])
    return [
        ShopView(
            id=shop.id,
            name=shop.name,
            platform=shop.platform,
            webhook_url=f"{desk.public_url}/webhooks/{shop.platform}/{shop.token}",
            secrets=[_secret_view(secret) for secret in secrets_of.get(shop.id, [])],
            created_at=shop.created_at,
            disabled_at=shop.disabled_at,
        )
        for shop in shops
    ]


def _secret_view(secret: ShopSecret) -> SecretView:
    return SecretView(id=secret.id, hint=secret.hint, added_at=secret.added_at, last_used_at=secret.last_used_at)
