"""`tracker audit`: whether the receipts are as they were sealed, and add up."""

from __future__ import annotations

from dataclasses import asdict

import click
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from tracker.catalog import brands
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option
from tracker.errors import BadInput
from tracker.ledger import seals
from tracker.ledger.database import is_postgresql
from tracker.ledger.tables import Brand


def register(root: click.Group) -> None:
    """Add the `audit` commands."""
    root.add_command(audit)


@click.group()
def audit() -> None:
    """Look at the receipts as a stranger would."""


@audit.command()
@brand_option
@click.option("--head", "noted", help="A hash that was printed here before: it must still be in the chain.")
@json_option
def verify(brand: str | None, noted: str | None, as_json: bool) -> None:
    """Check every sealed receipt, and that the credits in force are those of the receipts; exit 1 where one is not.

    Without --brand all brands are checked. Note the head's hash elsewhere: with --head a chain whose end was cut off is
    told from one that never was longer.
    """
    with _shared.installation() as built:
        with built.sessions() as session:
            names = _named(session, brand)
        if noted is not None and len(names) != 1:
            raise BadInput("brand", "say whose head it is")
        found = {name: _audit(built.sessions, brand_id, noted) for name, brand_id in names.items()}
    if as_json:
        _shared.print_json([{"brand": name, **asdict(one)} for name, one in found.items()])
    else:
        for name, one in found.items():
            _tell(name, one)
    if any(one.fault for one in found.values()):
        raise SystemExit(1)


def _named(session: Session, brand: str | None) -> dict[str, str]:
    query = select(Brand.name, Brand.id).order_by(Brand.name)
    if brand is not None:
        query = query.where(Brand.id == brands.named(session, brand))
    return {row.name: row.id for row in session.execute(query)}


def _audit(sessions: sessionmaker[Session], brand_id: str, noted: str | None) -> seals.Audit:
    """In one view of the ledger: what is credited meanwhile is not seen by halves."""
    with sessions() as session:
        if is_postgresql(session):
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        return seals.audit(session, brand_id, noted=noted)


def _tell(name: str, found: seals.Audit) -> None:
    if found.fault is not None:
        where = f" (order {found.fault.order_id})" if found.fault.order_id else ""
        click.echo(f"{name}: broken at link {found.fault.number}{where}: {found.fault.what}")
    else:
        click.echo(f"{name}: {found.sealed} receipts sealed and as they were, {found.unsealed} not sealed yet")
    click.echo(f"  head {found.head.number}: {found.head.hash or '–'}")
