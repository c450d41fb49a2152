"""What every command shares: opening the installation, naming things as people do, one way to print."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import BaseModel
from sqlalchemy.orm import Session

from tracker import catalog, wiring
from tracker.catalog import Desk, brands, campaigns, partners, placements
from tracker.catalog.fields import Input
from tracker.errors import BadInput
from tracker.ledger import catalog as catalog_rows
from tracker.wiring import Wiring

M = TypeVar("M", bound=Input)

brand_option = click.option("--brand", "-b", help="The brand, by id or name; may be left out where there is only one.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

_NAMED = {"partner": partners.named, "campaign": campaigns.named, "placement": placements.named}


@contextmanager
def installation() -> Iterator[Wiring]:
    """The installation that the environment names. Raises BadSetting unless it is there and current."""
    built = wiring.build()
    try:
        yield built
    finally:
        built.engine.dispose()
        built.hasty_redis.close()


@contextmanager
def reading(brand: str | None, *about: str | None) -> Iterator[Desk]:
    """A desk to read at. `about` are ids that may tell the brand where it is not said."""
    with installation() as built, built.sessions() as session:
        yield desk(built, session, brand, *about)


@contextmanager
def writing(brand: str | None, *about: str | None) -> Iterator[Desk]:
    """A desk to write at: one transaction, and the redirects hear of it."""
    with installation() as built, catalog.changing(built.sessions, built.hasty_redis) as session:
        yield desk(built, session, brand, *about)


def desk(built: Wiring, session: Session, brand: str | None, *about: str | None) -> Desk:
    """The desk of the brand that was named. Raises BadInput or NotFound where it is not clear which."""
    return built.desk(session, brands.named(session, brand, *about))


def filled(model: type[M], at: Desk | None = None, /, **options: Any) -> M:
    """The input that these options say: None is not said, an empty text says "none". Names become ids at the desk.

    Raises pydantic's ValidationError, NotFound and BadInput.
    """
    given: dict[str, Any] = {
        name: None if value == "" else value for name, value in options.items() if value is not None
    }
    for name, named in _NAMED.items():
        if at is not None and given.get(name):
            given[name] = named(at, given[name])
    return model.model_validate(given)


def either(field: str, *values: str | None) -> str:
    """The value that was given, as an argument or as an option. Raises BadInput for none and for two."""
    given = {value for value in values if value is not None}
    if not given:
        raise BadInput(field, "say it, as an argument or as an option")
    if len(given) > 1:
        raise BadInput(field, f"said twice, and differently: {', '.join(sorted(given))}")
    return given.pop()


def show(shown: BaseModel, *, as_json: bool) -> None:
    """Print one thing: JSON, or a line a field."""
    values = shown.model_dump(mode="json")
    if as_json:
        print_json(values)
        return
    width = max(len(name) for name in values)
    for name, value in values.items():
        click.echo(f"{name.replace('_', ' '):{width}}  {text(value)}")


def show_all(
    shown: Sequence[BaseModel], columns: Iterable[str], *, as_json: bool, names: Mapping[str, str] | None = None
) -> None:
    """Print a list: JSON with every field, or a table of the chosen ones with `names` in the place of ids."""
    show_rows([one.model_dump(mode="json") for one in shown], columns, as_json=as_json, names=names)


def show_rows(
    rows: Sequence[Mapping[str, object]],
    columns: Iterable[str],
    *,
    as_json: bool,
    names: Mapping[str, str] | None = None,
) -> None:
    """Print rows of JSON values, as `show_all` does."""
    if as_json:
        print_json(rows)
        return
    headings = list(columns)
    shown = [[text(row[name]) for name in headings] for row in rows]
    print_table(headings, [[(names or {}).get(cell, cell) for cell in row] for row in shown])


def print_json(value: object) -> None:
    """Print JSON for programs."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, title: str | None = None, right: Iterable[int] = ()
) -> None:
    """Print a table for people; `right` are the columns of figures. Without a terminal nothing is cut off."""
    from rich.console import Console  # noqa: PLC0415  (a tenth of a second that only tables need)
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    figures = set(right)
    table = Table(title=title, title_justify="left")
    for index, heading in enumerate(headings):
        table.add_column(heading.replace("_", " "), justify="right" if index in figures else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 240).print(table)


def text(value: Any) -> str:
    """A JSON value for people: a dash for nothing, times to the minute, in UTC."""
    if value is None or value in ([], {}):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(text(part) for part in value)
    if isinstance(value, dict):
        return " ".join(f"{name}={text(part)}" for name, part in value.items() if part is not None)
    return _short_time(value) if isinstance(value, str) else str(value)


def _short_time(said: str) -> str:
    if len(said) < 20 or not said[:4].isdigit() or said[10:11] != "T":
        return said
    try:
        return datetime.fromisoformat(said).strftime("%Y-%m-%d %H:%MZ")
    except ValueError:
        return said


def write(option: str, file: Path, content: bytes) -> None:
    """Write a file that was asked for. Raises BadInput, by the name of the option, where it cannot be written."""
    try:
        file.write_bytes(content)
    except OSError as error:
        raise BadInput(option, f"{file} cannot be written: {error.strerror}") from None


def names_at(at: Desk) -> dict[str, str]:
    """What people call the things whose ids are in a table."""
    return catalog_rows.names(at.session, at.brand_id)


def all_pages(page: Any, at: Desk, query: Input) -> list[Any]:
    """Every row of a paged list."""
    found: list[Any] = []
    cursor: str | None = None
    while True:
        part = page(at, query.model_copy(update={"cursor": cursor, "limit": 1000}))
        found += part.data
        cursor = part.next_cursor
        if cursor is None:
            return found
