"""A form answers with its page again where something is refused: with the reasons, and with what was typed."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

from flask import request
from flask.typing import ResponseReturnValue
from pydantic import ValidationError

from tracker import catalog
from tracker.catalog import Desk
from tracker.catalog.fields import problems
from tracker.domain.roles import Right
from tracker.errors import BadInput, Conflict, NotFound
from tracker.web import auth
from tracker.web._view import View
from tracker.wiring import Wiring

Problems = list[tuple[str, str]]

_SPACES = re.compile(r"[\s\u00a0\u202f]")
# With three digits behind it the comma may be one of thousands: then the form asks.
_DECIMAL_COMMA = re.compile(r"^([0-9]+),([0-9]{1,2})$")
_NUMBER = re.compile(r"^[0-9\s\u00a0\u202f]+(?:[.,][0-9]+)?$")


def typed(decimals: Collection[str] = ()) -> dict[str, str]:
    """The fields of the form that were filled in. In those of `decimals` a comma is a point and spaces are left out."""
    filled = {name: value for name, value in request.form.items() if name != "csrf_token" and value.strip()}
    return {name: decimal(value) if name in decimals else value for name, value in filled.items()}


def decimal(text: str) -> str:
    """`1 250,50`, as a person of many countries writes it, is 1250.50; whatever is no such number stays as it is."""
    bare = _SPACES.sub("", text) if _NUMBER.match(text.strip()) else text.strip()
    return _DECIMAL_COMMA.sub(r"\1.\2", bare)


def said(names: Collection[str], decimals: Collection[str] = ()) -> dict[str, str | None]:
    """Those of `names` that the form has, None where they were left empty: a change that may take a value away."""
    filled = typed(decimals)
    return {name: filled.get(name) for name in names if name in request.form}


@contextmanager
def desk_for(wiring: Wiring, right: Right) -> Iterator[Desk]:
    """A transaction on the brand of the page, for whoever has that right there. Raises Forbidden and NotFound."""
    with catalog.changing(wiring.sessions, wiring.hasty_redis) as session:
        view = View.required(session, wiring)
        auth.demand(right, view.brand.id)
        yield wiring.desk(session, view.brand.id)


def answered(
    act: Callable[[], ResponseReturnValue], again: Callable[[Problems], ResponseReturnValue]
) -> ResponseReturnValue:
    """What `act` answers; where it refuses what was asked, what `again` makes of the reasons."""
    try:
        return act()
    except ValidationError as error:
        return again(problems(error))
    except (BadInput, Conflict, NotFound) as error:
        return again([(str(getattr(error, "field", "")), str(error))])


def status(refused: Problems, fresh: object = None) -> int:
    """Of a page: refused, or it shows what was made, or as ever.

    What is shown once is in the answer that made it: no cookie, no address and no store has it.
    """
    return 422 if refused else 200 if fresh is None else 201


def kept(values: Mapping[str, str | None]) -> dict[str, str]:
    """Values for a query string, without those that say nothing."""
    return {name: value for name, value in values.items() if value}


def sent_file(name: str = "file") -> bytes:
    """The file that the form sent, closed again: a large one lies on disk. Empty where there is none."""
    sent = request.files.get(name)
    if sent is None:
        return b""
    try:
        content: bytes = sent.read()
        return content
    finally:
        sent.close()
