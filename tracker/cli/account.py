"""`tracker account`: who may sign in to the pages, and what they are to a brand."""

from __future__ import annotations

import secrets
from datetime import datetime

import click
from sqlalchemy.orm import Session

from tracker.catalog import Desk, partners, people
from tracker.catalog.fields import Output
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option
from tracker.domain.roles import Role
from tracker.errors import BadInput
from tracker.ledger import accounts, second_factor
from tracker.ledger.database import writing
from tracker.wiring import Wiring

ROLES = click.Choice([role.value for role in Role])
partner_option = click.option("--partner", help="Which partner they are, by id or name: for the role partner.")
_COLUMNS = ("email", "operator", "roles", "second_step", "created_at")


class AccountView(Output):
    """Somebody who may sign in, and what they are to whom."""

    email: str
    operator: bool
    roles: list[str]
    second_step: bool
    created_at: datetime


def register(root: click.Group) -> None:
    """Add the `account` commands."""
    root.add_command(account)


@click.group()
def account() -> None:
    """Those who may sign in to the pages."""


@account.command()
@click.argument("email")
@brand_option
@click.option("--role", type=ROLES, help="What they are to the brand.  [default: viewer]")
@partner_option
@json_option
def add(email: str, brand: str | None, role: str | None, partner: str | None, as_json: bool) -> None:
    """Let somebody sign in. The password is made up and shown this once.

    With a role, a brand or a partner they are that to the brand; without any they run the installation: every brand's
    owner.
    """
    fresh, operator = secrets.token_urlsafe(12), not (brand or role or partner)
    with _shared.installation() as built, writing(built.sessions) as session:
        made = accounts.create_account(session, email, fresh, built.clock.now(), operator=operator)
        if not operator:
            desk = _shared.desk(built, session, brand)
            people.add_member(desk, made, _change(desk, role or (Role.PARTNER if partner else Role.VIEWER), partner))
    _show(email, fresh, as_json=as_json)


@account.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List everybody who may sign in."""
    with _shared.installation() as built, built.sessions() as session:
        views = [AccountView(**one) for one in people.everybody(session)]
    _shared.show_all(views, _COLUMNS, as_json=as_json)


@account.command("role")
@click.argument("email")
@click.argument("role_", metavar="ROLE", type=ROLES)
@brand_option
@partner_option
@json_option
def role(email: str, role_: str, brand: str | None, partner: str | None, as_json: bool) -> None:
    """Make somebody something else to a brand, or let an account that is there already join it."""
    with _shared.writing(brand) as desk:
        found = accounts.by_email(desk.session, email).id
        view = people.add_member(desk, found, _change(desk, role_, partner))
    _shared.show(view, as_json=as_json)


@account.command()
@click.argument("email")
@brand_option
def remove(email: str, brand: str | None) -> None:
    """Let somebody see nothing of a brand any more."""
    with _shared.writing(brand) as desk:
        people.remove(desk, accounts.by_email(desk.session, email).id)
    click.echo(f"{email} does not belong to the brand any more")


@account.command()
@click.argument("email")
@json_option
def password(email: str, as_json: bool) -> None:
    """Give somebody a new password, shown this once, and end all their sessions."""
    fresh = secrets.token_urlsafe(12)
    with _shared.installation() as built, writing(built.sessions) as session:
        accounts.set_password(session, email, fresh, built.clock.wall())
    _show(email, fresh, as_json=as_json)


@account.command("sign-out")
@click.argument("email")
@click.option("--second-step-off", is_flag=True, help="Ask for no code any more: their phone and codes are lost.")
def sign_out(email: str, second_step_off: bool) -> None:
    """End every session of somebody."""
    with _shared.installation() as built, writing(built.sessions) as session:
        _end(built, session, email, second_step_off=second_step_off)
    click.echo(f"{email} is signed out everywhere" + (", the second step is off" if second_step_off else ""))


def _end(built: Wiring, session: Session, email: str, *, second_step_off: bool) -> None:
    found = accounts.by_email(session, email).id
    accounts.end_sessions(session, found, built.clock.wall())
    if second_step_off:
        second_factor.switch_off(session, found)


def _change(desk: Desk, role: str, partner: str | None) -> people.MemberChange:
    if partner and role != Role.PARTNER:
        raise BadInput("partner", people.NO_PARTNER)
    return people.MemberChange(role=Role(role), partner=partners.named(desk, partner) if partner else None)


def _show(email: str, fresh: str, *, as_json: bool) -> None:
    if as_json:
        _shared.print_json({"email": email, "password": fresh})
    else:
        click.echo(f"{email}, password {fresh} (shown this once)")
