"""`tracker issue`: links and codes of many partners in one step, from a CSV file."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from tracker.catalog import issuing
from tracker.catalog.issuing import Issued, Outcome
from tracker.cli import _shared
from tracker.cli._shared import brand_option, json_option

_SHOWN = ("line", "partner", "address", "code", "outcome", "reason")


def register(root: click.Group) -> None:
    """Add the `issue` command."""
    root.add_command(issue)


@click.command(short_help="Issue links and codes from a CSV file.")
@click.argument("file", type=click.Path(dir_okay=False, exists=True, allow_dash=True))
@brand_option
@click.option("--campaign", help="For which campaign, by id or name, where a row names none.")
@click.option("--apply", is_flag=True, help="Really issue them.  [default: only say what would become of each row]")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the rows with their links there.")
@json_option
def issue(file: str, *, brand: str | None, campaign: str | None, apply: bool, out: Path | None, as_json: bool) -> None:
    """Issue what the rows of FILE say (- is standard input).

    Columns: partner, url, slug, code, placement, channel, campaign; partner and one of url and code are needed. A row
    is issued whole or refused with its reason; one that is there already as described is known, and stays as it is.
    Exit code 1 where a row is refused.
    """
    lines = issuing.read(sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes())
    with _shared.writing(brand, campaign) as desk:
        issued = issuing.issue(desk, lines, campaign=campaign, apply=apply)
    if out is not None:
        marked = "\ufeff" + issuing.as_csv(issued)  # as UTF-8, which spreadsheets want to be told
        _shared.write("out", out, marked.encode())
    if as_json:
        _shared.print_json([one.model_dump(mode="json") for one in issued])
    else:
        _shared.show_all(issued, _SHOWN, as_json=False)
        click.echo(_sum(issued, apply=apply))
    if any(one.outcome is Outcome.REFUSED for one in issued):
        sys.exit(1)


def _sum(issued: Sequence[Issued], *, apply: bool) -> str:
    counted = Counter(one.outcome for one in issued)
    new = f"{counted[Outcome.ISSUED]} {'issued' if apply else 'to issue'}"
    told = f"{new}, {counted[Outcome.KNOWN]} known, {counted[Outcome.REFUSED]} refused"
    return told if apply else f"{told}; nothing is changed yet: add --apply"
