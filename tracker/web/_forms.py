"""A form answers with its page again where something is refused: with the reasons, and with what was typed."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import TypeVar, cast

from flask import request
from flask.typing import ResponseReturnValue
from pydantic import ValidationError

from tracker.catalog.fields import Input, problems
from tracker.errors import BadInput, Conflict, NotFound

Problems = list[tuple[str, str]]
I = TypeVar("I", bound=Input)  # noqa: E741  (what a form asks for)

REFUSED = 422
_SPACES = re.compile(r"[\s\u00a0\u202f]")
# With three digits behind it the comma may be one of thousands: then the form asks.
_DECIMAL_COMMA = re.compile(r"^([0-9]+),([0-9]{1,2})$")


def typed(decimals: Collection[str] = ()) -> dict[str, str]:
    """The fields of the form that were filled in. In those of `decimals` a comma is a point and spaces are left out."""
    filled = {name: value for name, value in request.form.items() if name != "csrf_token" and value.strip()}
    return {name: decimal(value) if name in decimals else value for name, value in filled.items()}


def decimal(text: str) -> str:
    """`1 250,50` as a person of many countries writes it is 1250.50; whatever is no such number stays as it is."""
    bare = _SPACES.sub("", text)
    return _DECIMAL_COMMA.sub(r"\1.\2", bare)


def said(names: Collection[str], decimals: Collection[str] = ()) -> dict[str, str | None]:
    """Those of `names` that the form has, None where they were left empty: a change that may take a value away."""
    filled = typed(decimals)
    return {name: filled.get(name) for name in names if name in request.form}


def asked(shape: type[I], given: dict[str, str] | dict[str, str | None]) -> I:
    """What the form asks for. Raises ValidationError."""
    return shape.model_validate(given)


def answered(
    act: Callable[[], ResponseReturnValue], again: Callable[[Problems], ResponseReturnValue]
) -> ResponseReturnValue:
    """What `act` answers; where it refuses what was asked, what `again` makes of the reasons."""
    try:
        return act()
    except ValidationError as error:
        return again(problems(error))
    except (BadInput, Conflict, NotFound) as error:
        return again([(cast("str", getattr(error, "field", "")), str(error))])
