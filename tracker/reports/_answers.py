"""A report that takes long is shown as it was drawn last, with the moment of it, and its rows are kept exactly.

What is ten minutes old is asked for again and shown meanwhile: over days that take so long, ten minutes more or less
move no decision, and a page that is read all day costs six drawings an hour.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any, cast

from sqlalchemy.orm import Session

from tracker.domain.ids import derived_id
from tracker.ledger import answers
from tracker.ledger.answers import Kept, Question
from tracker.reports import _shape
from tracker.reports._shape import Part, Result, Row, Scope

TOO_OLD = timedelta(minutes=10)
_READ: dict[str, Callable[[str], object]] = {
    "=fraction": Fraction,
    "=date": date.fromisoformat,
    "=moment": datetime.fromisoformat,
}


@dataclass(slots=True)
class Reader:
    """Runs reports for somebody who waits: long ones are looked up. `asks` is what is to be asked for after that."""

    now: datetime
    wall: datetime
    asks: list[Question] = field(default_factory=list)

    def run(self, session: Session, name: str, scope: Scope, part: Part | None = None) -> Result:
        """As `_shape.run`; of a long report what is kept, or a result that waits."""
        report = _shape.reports().get(name)
        if report is None or not hasattr(report, "is_long"):
            return _shape.run(session, name, scope, part)
        scope = _shape.heard(report, scope)
        wanted = question(name, scope)
        found = answers.kept(session, wanted)
        if found is None and not report.is_long(session, scope):
            return _shape.run(session, name, scope, part)
        return self._looked_up(wanted, scope, found)

    def _looked_up(self, wanted: Question, scope: Scope, found: Kept | None) -> Result:
        if self._is_to_be_asked(found):
            self.asks.append(wanted)
        if found is None or found.rows is None:
            late = found is not None and found.is_late(self.wall)
            return replace(_shape.result_of(wanted.report, scope, []), waits=True, late=late)
        return replace(_shape.result_of(wanted.report, scope, decoded(found.rows)), as_of=found.drawn_at)

    def _is_to_be_asked(self, found: Kept | None) -> bool:
        """Not again and again while it is due."""
        if found is None or (found.due and found.asked_at < self.wall - TOO_OLD):
            return True
        return not found.due and (found.drawn_at is None or found.drawn_at < self.now - TOO_OLD)


def question(name: str, scope: Scope) -> Question:
    """The question of a report over a scope that it heeds. Rows of other columns are another question's."""
    said = asdict(scope)
    del said["brand_id"], said["today"]
    text = json.dumps(said, default=_tagged, sort_keys=True)
    columns = (column.key for column in _shape.reports()[name].COLUMNS)
    return Question(derived_id("answer", scope.brand_id, name, text, *columns), scope.brand_id, name, text)


def draw(session: Session, wanted: Question) -> str:
    """The rows that answer it now. Raises NotFound for a report that there is no more."""
    scope = Scope(wanted.brand_id, **cast("dict[str, Any]", json.loads(wanted.scope, object_hook=_untagged)))
    return encoded(_shape.run(session, wanted.report, scope).rows)


def encoded(rows: Sequence[Row]) -> str:
    """Rows as JSON, each value by its type: `decoded` gives back what went in. Raises TypeError for other types."""
    return json.dumps(rows, default=_tagged)


def decoded(text: str) -> list[Row]:
    """The rows that were `encoded`."""
    return cast("list[Row]", json.loads(text, object_hook=_untagged))


def _tagged(value: object) -> dict[str, str]:
    match value:
        case Fraction():
            return {"=fraction": f"{value.numerator}/{value.denominator}"}
        case datetime():
            return {"=moment": value.isoformat()}
        case date():
            return {"=date": value.isoformat()}
    raise TypeError(f"a report's cell holds {type(value).__name__}")


def _untagged(found: dict[str, Any]) -> object:
    name = next(iter(found), "")
    return _READ[name](found[name]) if name in _READ else found
