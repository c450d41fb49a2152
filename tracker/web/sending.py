"""Reports that leave the house: a schedule sends one by e-mail, a shared link shows one for a while.

A form's report, days and filters are the URL's, as on the report's own page; the form itself says how it is sent.
"""

from __future__ import annotations

from typing import Any, cast

from apiflask import APIFlask
from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from tracker.domain.roles import Right
from tracker.outgoing import schedules, shared_links
from tracker.outgoing.schedules import NewSchedule, ScheduleChange, ScheduleQuery
from tracker.outgoing.shared_links import NewSharedLink, SharedLinkChange
from tracker.reports import _shape
from tracker.web import _forms, auth, filters, guard
from tracker.web._forms import Problems
from tracker.web._view import Names, View
from tracker.wiring import Wiring

TITLES = {
    "day": "Every day",
    "week": "Every Monday",
    "month": "On the first of the month",
    "pdf": "PDF",
    "xlsx": "XLSX",
    "csv": "CSV",
    "en": "English",
    "fr": "French",
}
"""What the choices of the forms are called, in English."""

_NEWEST = 200
_SPANS = (1, 7, 30, 90)


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the pages, behind the sign-in."""
    blueprint = Blueprint("sending", __name__)
    blueprint.before_request(auth.required(wiring))
    guard.show_errors_of(blueprint)
    _add_schedules(blueprint, wiring)
    _add_links(blueprint, wiring)
    app.register_blueprint(blueprint)


def _add_schedules(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.get("/schedules")
    def schedules_page() -> ResponseReturnValue:
        return _schedules(wiring, [])

    @blueprint.post("/schedules")
    def add_schedule() -> ResponseReturnValue:
        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.SHARE) as desk:
                wanted = NewSchedule.model_validate({**_asked(dates=False), **_forms.typed()})
                schedules.add(desk, wanted, auth.account_id())
            return _back("sending.schedules_page")

        return _forms.answered(act, lambda refused: _schedules(wiring, refused))

    @blueprint.post("/schedules/<schedule_id>/<any(end,run):act>")
    def change_schedule(schedule_id: str, act: str) -> ResponseReturnValue:
        with _forms.desk_for(wiring, Right.SHARE) as desk:
            if act == "run":
                schedules.run(desk, schedule_id)
            else:
                schedules.edit(desk, schedule_id, ScheduleChange(ended=True))
        return _back("sending.schedules_page")


def _add_links(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.get("/shared-links")
    def links_page() -> ResponseReturnValue:
        return _links(wiring, [])

    @blueprint.post("/shared-links")
    def add_link() -> ResponseReturnValue:
        """Answers with the page, since the address is shown this once and stands in no URL of ours."""

        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.SHARE) as desk:
                wanted = NewSharedLink.model_validate({**_asked(dates=True), **_forms.typed()})
                fresh = shared_links.add(desk, wanted, auth.account_id())
            return _links(wiring, [], fresh)

        return _forms.answered(act, lambda refused: _links(wiring, refused))

    @blueprint.post("/shared-links/<link_id>/revoke")
    def revoke_link(link_id: str) -> ResponseReturnValue:
        with _forms.desk_for(wiring, Right.SHARE) as desk:
            shared_links.edit(desk, link_id, SharedLinkChange(revoked=True))
        return _back("sending.links_page")


def _schedules(wiring: Wiring, refused: Problems) -> Response:
    with wiring.sessions() as session:
        view = View.of_request(session, wiring)
        if view is None:
            return cast("Response", redirect(url_for("pages.overview")))
        desk = wiring.desk(session, view.brand.id)
        found = schedules.page(desk, ScheduleQuery(limit=_NEWEST, ended=False)).data + schedules.ended_lately(desk)
        page = _rendered(session, "schedules.html", view, refused, schedules=found, spans=_SPANS,
                         waits=wiring.settings.smtp is None, hour=schedules.DEFAULT_HOUR)  # fmt: skip
    return Response(page, status=422 if refused else 200)


def _links(wiring: Wiring, refused: Problems, fresh: shared_links.FreshSharedLink | None = None) -> Response:
    with wiring.sessions() as session:
        view = View.of_request(session, wiring)
        if view is None:
            return cast("Response", redirect(url_for("pages.overview")))
        found = shared_links.newest(wiring.desk(session, view.brand.id), _NEWEST)
        page = _rendered(session, "shared_links.html", view, refused, links=found, fresh=fresh, days=shared_links.DAYS)
    return Response(page, status=422 if refused else 200)


def _rendered(session: Session, template: str, view: View, refused: Problems, **more: Any) -> str:
    reports = {name: one.TITLE for name, one in _shape.in_menu_order().items()} | {schedules.BILAN: "Bilan"}
    return render_template(
        template, view=view, names=Names.of(session, view.brand.id), reports=reports, refused=refused, choices=TITLES,
        report=request.args.get("report", ""), typed=request.form if refused else {}, languages=filters.LANGUAGES,
        spoken=filters.language(), **more,
    )  # fmt: skip


def _asked(*, dates: bool) -> dict[str, Any]:
    """The report, days and filters of the URL."""
    scope = cast("View", g.view).scope
    asked = {
        "report": request.args.get("report"),
        "model": None if scope.model == _shape.PAYING else scope.model,
        "campaign": scope.campaign_id,
        "channel": scope.channel,
        "partner": scope.partner_id,
        "network": scope.network,
    }
    if dates:
        asked |= {"start": scope.start.isoformat(), "end": scope.end.isoformat()}
    return {name: value for name, value in asked.items() if value}


def _back(endpoint: str) -> ResponseReturnValue:
    return redirect(url_for(endpoint, brand=request.args.get("brand")), code=303)
