"""`tracker statement`: a month of what a partner earned and was paid, as the partner reads it."""

from __future__ import annotations

import csv
import sys

import click

from tracker.catalog import partners, statements
from tracker.cli import _shared
from tracker.cli._shared import brand_option


def register(root: click.Group) -> None:
    """Add the `statement` command."""
    root.add_command(statement)


@click.command()
@click.argument("partner")
@click.option("--month", help="Such as 2026-03.  [default: this month]")
@brand_option
def statement(partner: str, month: str | None, brand: str | None) -> None:
    """Print a partner's statement as CSV: what was carried over, each commission and payout, what is carried on."""
    with _shared.reading(brand, partner) as desk:
        asked = statements.month_of(month) if month else statements.this_month(desk)
        found = statements.of_month(desk, partners.named(desk, partner), asked)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(statements.COLUMNS)
    writer.writerows(statements.as_table(found))
