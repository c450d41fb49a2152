"""A log line is one event word and its fields, logfmt, on one line whatever the fields hold."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_bound: ContextVar[dict[str, object] | None] = ContextVar("bound", default=None)
_logger = logging.getLogger("tracker")


def configure(level: str) -> None:
    """Send our lines to stderr, once per process."""
    if not _logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
        _logger.addHandler(handler)
        _logger.propagate = False
    _logger.setLevel(level.upper())


@contextmanager
def bound(**fields: object) -> Iterator[None]:
    """Put `fields` (a request id, a job id) on every line written inside."""
    token = _bound.set({**(_bound.get() or {}), **fields})
    try:
        yield
    finally:
        _bound.reset(token)


def info(event: str, **fields: object) -> None:
    """Something happened as it should."""
    _logger.info(_line(event, fields))


def warning(event: str, **fields: object) -> None:
    """Something is wrong and we go on."""
    _logger.warning(_line(event, fields))


def error(event: str, *, exc: BaseException | None = None, **fields: object) -> None:
    """Something failed. Of an exception only the type is written: its text may hold what a log must not."""
    if exc is not None:
        fields["error"] = type(exc).__name__
    _logger.error(_line(event, fields))
    if exc is not None:
        _logger.debug("traceback", exc_info=exc)


def debug(event: str, **fields: object) -> None:
    """A detail for whoever looks for a fault."""
    _logger.debug(_line(event, fields))


def _line(event: str, fields: dict[str, object]) -> str:
    return " ".join([event, *(f"{name}={_value(value)}" for name, value in {**(_bound.get() or {}), **fields}.items())])


def _value(value: object) -> str:
    text = str(value)
    if text and text.isprintable() and not any(character in text for character in ' ="\\'):
        return text
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else character.encode("unicode_escape").decode()
