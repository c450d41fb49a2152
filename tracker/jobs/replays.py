"""A replay of any number of orders under a draft: what it comes to is kept with the job; nothing else is written."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import Field

from tracker import jobs, replay
from tracker.catalog import Desk, drafts
from tracker.catalog.fields import Input, PartnerFilter, Reference
from tracker.domain import differences
from tracker.domain.differences import Comparison
from tracker.jobs.progress import Progress
from tracker.jobs.rebuilds import From, To
from tracker.ledger import catalog
from tracker.ledger import jobs as ledger
from tracker.ledger.jobs import Work
from tracker.ledger.tables import Partner
from tracker.reports import _shape
from tracker.wiring import Wiring

_LISTED = 50


class NewReplay(Input):
    """A replay to be: of orders placed on the brand's days from `start` to `end`, thirty days up to today if not said.

    Of the orders that would be credited otherwise some are listed; with `partner` those in which it gains or loses.
    """

    draft: Annotated[Reference, Field(json_schema_extra={"format": "id"})]
    start: From = None
    end: To = None
    partner: PartnerFilter = None


def ask(desk: Desk, wanted: NewReplay, by: str | None = None) -> jobs.JobView:
    """Have them replayed. Raises BadInput and NotFound."""
    draft = drafts.one(desk, wanted.draft)
    if wanted.partner:
        catalog.one(desk.session, Partner, desk.brand_id, wanted.partner)
    asked = {"from": str(wanted.start or ""), "to": str(wanted.end or "")}
    scope = _shape.scope_from(desk.session, desk.brand_id, asked, desk.now)
    settings = {
        "draft": draft.id,
        "name": draft.name,
        "from": scope.start.isoformat(),
        "to": scope.end.isoformat(),
        "partner": wanted.partner,
    }
    return jobs.one(desk, ledger.ask(desk.session, desk.brand_id, jobs.REPLAY, settings, desk.now, account_id=by))


def run(built: Wiring, work: Work, progress: Progress) -> dict[str, Any]:
    """Replay them. Raises NotFound where the draft is there no more."""
    said = work.settings
    wanted = replay.Range(work.brand_id, date.fromisoformat(said["from"]), date.fromisoformat(said["to"]))
    with built.sessions() as session:
        rules = drafts.rules_of(built.desk(session, work.brand_id), said["draft"])
        progress.begin(replay.count(session, wanted))
    comparison = Comparison(keep=_LISTED, about=said["partner"])
    replay.replay(built.sessions, wanted, rules, comparison, progress.advance)
    return differences.as_json(comparison)
