"""Every error of ours is one tree; `permanent` decides whether trying again can help."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from traceback import extract_tb


class Said(str):
    """A message with values in it that can still be said in another language: `template` is what the catalogue knows.

    It is the English text, and stays itself through `str`, so that an error's text carries it to whoever shows it.
    """

    __slots__ = ("template", "values")
    template: str
    values: Mapping[str, object]

    def __str__(self) -> str:
        return self


def say(template: str, **values: object) -> Said:
    """`template` filled in: "want 1 to %(most)s characters", most=40."""
    said = Said(template % values)
    said.template, said.values = template, values
    return said


def told(message: str, translate: Callable[[str], str]) -> str:
    """A message as a reader is told it."""
    if isinstance(message, Said):
        return translate(message.template) % message.values
    return translate(message) if message else ""


class TrackerError(Exception):
    """An error with a message that a person can act on. Never carries a secret or personal data."""

    permanent = True
    status = 400


class BadSetting(TrackerError):
    """A setting that cannot work; the message names it."""


class BadSignature(TrackerError):
    """A delivery whose signature does not verify. What part failed is for our counters, never for the sender."""

    status = 401


class BadPayload(TrackerError):
    """A body that is signed but cannot be read, or lacks what an order needs."""


class BadInput(TrackerError):
    """A value a person or a program gave us at the edge; `field` names it, the message says what would do."""

    status = 422

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Forbidden(TrackerError):
    """Who asks is known, and may not."""

    status = 403


class NotFound(TrackerError):
    """Nothing of that name here, or it belongs to somebody else: the answer is the same."""

    status = 404


class Conflict(TrackerError):
    """The thing exists already, or changed under the request."""

    status = 409


class Unavailable(TrackerError):
    """Something we lean on does not answer; trying again later can help."""

    permanent = False
    status = 503


def place_of(error: BaseException) -> str:
    """The kind of an error and where in our code it arose. Not its text, which may hold what nobody should read."""
    frames = [frame for frame in extract_tb(error.__traceback__) if "tracker" in Path(frame.filename).parts]
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
