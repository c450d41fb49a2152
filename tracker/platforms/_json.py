"""A signed body is still a stranger's text: what two readers could read differently is refused, never guessed."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn

from tracker.errors import BadPayload

_DIGITS = 40  # more than any id or amount of any shop has
_MAGNITUDE = 30  # powers of ten; an amount beyond it is an attack on whoever scales it
_DEPTH = 64


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`: UTF-8 with or without a byte order mark, numbers exact. Raises BadPayload."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadPayload("the body is not UTF-8") from None
    try:
        root = json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_constant,
        )
    except RecursionError:
        raise BadPayload("the body is nested too deep") from None
    except ValueError:
        raise BadPayload("the body is not JSON") from None
    if not isinstance(root, dict):
        raise BadPayload("the body is not a JSON object")
    _shallow(root)
    return root


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise BadPayload("a key appears twice in one object")
    return values


def _decimal(text: str) -> Decimal:
    number = Decimal(text) if len(text) <= _DIGITS else None
    if number is None or not number.is_finite() or (number and abs(number.adjusted()) > _MAGNITUDE):
        raise BadPayload("a number is out of range")
    return number


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise BadPayload("a number is out of range")
    return int(text)


def _constant(text: str) -> NoReturn:
    raise BadPayload(f"{text} is not JSON")


def _shallow(root: dict[str, Any]) -> None:
    """Raises BadPayload for a nesting that no order has, whatever the interpreter's own limit is today."""
    level: list[Any] = [root]
    for _ in range(_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise BadPayload("the body is nested too deep")
