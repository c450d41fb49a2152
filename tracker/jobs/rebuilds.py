"""A brand's orders credited anew: marked here, credited by the attribution workers behind whatever is fresh."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import AliasChoices, Field

from tracker import jobs, queue
from tracker.catalog import Desk
from tracker.catalog.fields import Input
from tracker.jobs.progress import Progress
from tracker.jobs.rebuild import count, mark
from tracker.ledger import jobs as ledger
from tracker.ledger.jobs import Work
from tracker.reports import _shape
from tracker.wiring import Wiring

From = Annotated[date | None, Field(validation_alias=AliasChoices("from", "start"))]
To = Annotated[date | None, Field(validation_alias=AliasChoices("to", "end"))]


class NewRebuild(Input):
    """A rebuild to be: of orders placed on the brand's days from `start` to `end`; all where not said.

    With `refold` each order is first folded anew from what the shop told of it.
    """

    start: From = None
    end: To = None
    refold: bool = False


def ask(desk: Desk, wanted: NewRebuild, by: str | None = None) -> jobs.JobView:
    """Have the orders credited anew. Raises BadInput."""
    asked = {"from": str(wanted.start or "1970-01-01"), "to": str(wanted.end or "")}
    scope = _shape.scope_from(desk.session, desk.brand_id, asked, desk.now)
    settings = {"from": scope.start.isoformat(), "to": scope.end.isoformat(), "refold": wanted.refold}
    return jobs.one(desk, ledger.ask(desk.session, desk.brand_id, jobs.REBUILD, settings, desk.now, account_id=by))


def run(built: Wiring, work: Work, progress: Progress) -> dict[str, Any]:
    """Mark them all. Marking an order twice is marking it once."""
    days = (date.fromisoformat(work.settings["from"]), date.fromisoformat(work.settings["to"]))
    with built.sessions() as session:
        progress.begin(count(session, work.brand_id, days))
    marked = mark(built, work.brand_id, days, refold=work.settings["refold"], advance=progress.advance)
    queue.Doorbell(built.hasty_redis).ring(queue.ATTRIBUTION, queue.ATTRIBUTE)
    return {"orders": marked}
