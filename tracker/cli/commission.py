"""`tracker commission` and `tracker payout`: what is owed, and what was paid."""

from __future__ import annotations

import click

from tracker.catalog import commissions, payouts
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option
from tracker.domain.commissions import State

_COLUMNS = (
    "id",
    "at",
    "partner",
    "order_number",
    "kind",
    "amount",
    "currency",
    "state",
    "cause",
    "approves_at",
    "payout",
)
_UNAGREED = ("order", "order_number", "placed_at", "partner", "credit", "currency", "why")
_PAYOUTS = ("id", "paid_at", "partner", "amount", "currency", "commissions", "reference")


def register(root: click.Group) -> None:
    """Add the `commission` and `payout` commands."""
    root.add_command(commission)
    root.add_command(payout)


@click.group()
def commission() -> None:
    """What is owed to partners, order by order."""


@commission.command("list")
@brand_option
@click.option("--partner", help="Of one partner, by id or name.")
@click.option("--state", help=f"{', '.join(State)}.")
@click.option("--without-terms", is_flag=True, help="Instead, orders that nobody is paid for, and why.")
@json_option
def list_(brand: str | None, partner: str | None, state: str | None, without_terms: bool, as_json: bool) -> None:
    """List commissions, each change of what is owed a row."""
    with _shared.reading(brand, partner) as desk:
        names = _shared.names_at(desk)
        query = _shared.filled(commissions.CommissionQuery, desk, partner=partner, state=state)
        if without_terms:
            orders = commissions.without_terms(desk, partner=query.partner)
            return _shared.show_all(orders, _UNAGREED, as_json=as_json, names=names)
        views = _shared.all_pages(commissions.page, desk, query)
    return _shared.show_all(views, _COLUMNS, as_json=as_json, names=names)


@click.group()
def payout() -> None:
    """Payments of approved commissions."""


@payout.command()
@brand_option
@click.option("--partner", required=True, help="Who was paid, by id or name.")
@click.option("--reference", required=True, help="Your own: a transfer, an invoice.")
@click.option("--until", help="Only what was recorded up to this day.")
@click.option("--currency", help="Where the partner is owed in several.")
@json_option
def make(brand: str | None, partner: str, as_json: bool, **options: object) -> None:
    """Note a payment of all that is approved and unpaid, less what was taken back."""
    with _shared.writing(brand, partner) as desk:
        view = payouts.add(desk, _shared.filled(payouts.NewPayout, desk, partner=partner, **options))
    _shared.show(view, as_json=as_json)


@payout.command("list")
@brand_option
@click.option("--partner", help="To one partner, by id or name.")
@json_option
def list_payouts(brand: str | None, partner: str | None, as_json: bool) -> None:
    """List payouts."""
    with _shared.reading(brand, partner) as desk:
        query = _shared.filled(payouts.PayoutQuery, desk, partner=partner)
        views, names = _shared.all_pages(payouts.page, desk, query), _shared.names_at(desk)
    _shared.show_all(views, _PAYOUTS, as_json=as_json, names=names)
