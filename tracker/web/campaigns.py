"""The campaigns: a list, and a page for each that leads from the objective to the report in seven steps."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from tracker.catalog import Desk, campaigns, goals, partners
from tracker.catalog.campaigns import CampaignChange, NewCampaign
from tracker.catalog.partners import PartnerView
from tracker.domain.catalog import Objective
from tracker.domain.objectives import MEASURES, OBJECTIVES, headline
from tracker.domain.roles import Right
from tracker.web import _campaign, _forms, auth, guard, issuing
from tracker.web._campaign import MENTIONS, STATES, Step
from tracker.web._forms import Problems
from tracker.web._view import Names, View, to
from tracker.web.costs import add_typed
from tracker.web.issuing import Outcomes
from tracker.web.placements import added
from tracker.wiring import Wiring

_ABOUT = ("name", "objective", "starts_on", "ends_on", "brief", "mention")
_BUDGET = ("budget", "target_return", "margin")
_DECIMALS = ("budget", "target_return", "margin", "target")
_PARTNER = ("name", "kind", "followers", "email")
_GOAL = ("metric", "target", "starts_on", "ends_on")


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the pages, behind the sign-in."""
    blueprint = Blueprint("campaigns", __name__)
    blueprint.before_request(auth.required(wiring))
    guard.show_errors_of(blueprint)
    blueprint.context_processor(_words)
    _add_list(blueprint, wiring)
    _add_page(blueprint, wiring)
    _add_links(blueprint, wiring)
    app.register_blueprint(blueprint)


def _words() -> dict[str, object]:
    return {
        "objectives": OBJECTIVES,
        "kpis": {one: [MEASURES[metric].title for metric in headline(one)] for one in Objective},
        "states": STATES,
        "mentions": MENTIONS,
        "measures": MEASURES,
    }


# --- the list and a new one ------------------------------------------------------------------------------------------


def _add_list(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.get("/campaigns")
    def overview() -> ResponseReturnValue:
        with wiring.sessions() as session:
            view = View.of_request(session, wiring)
            if view is None:
                return redirect(to("pages.overview"))
            found = _campaign.everyone(wiring.desk(session, view.brand.id), view)
        return render_template("campaigns.html", view=view, campaigns=found)

    @blueprint.get("/campaigns/new")
    def new() -> ResponseReturnValue:
        return _new(wiring, [])

    @blueprint.post("/campaigns/new")
    def add() -> ResponseReturnValue:
        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.PLAN) as desk:
                said = {name: value for name, value in _typed().items() if name in (*_ABOUT, *_BUDGET)}
                campaigns.refuse_taken(desk, said.get("name", ""))
                made = campaigns.add(desk, NewCampaign.model_validate(said))
            return redirect(to("campaigns.step", campaign_id=made.id, name=Step.GOALS), code=303)

        return _forms.answered(act, lambda refused: _new(wiring, refused))


def _new(wiring: Wiring, refused: Problems) -> ResponseReturnValue:
    """The form of a new campaign, filled like the one that `like` names."""
    with wiring.sessions() as session:
        view = View.of_request(session, wiring)
        if view is None:
            return redirect(to("pages.overview"))
        auth.demand(Right.PLAN, view.brand.id)
        like = request.args.get("like")
        typed = _typed()
        if like and not refused:
            known = campaigns.one(wiring.desk(session, view.brand.id), like).model_dump(mode="json")
            typed = _forms.kept({name: known[name] for name in ("name", "objective", "brief", "mention", *_BUDGET)})
    page = render_template("campaign_new.html", view=view, refused=refused, typed=typed, copied=_BUDGET)
    return Response(page, status=422 if refused else 200)


# --- a campaign's own page -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Action:
    """What a form of a step does, who may, and at which step it stands; it answers what the next page is to know."""

    step: Step
    right: Right
    act: Callable[[Desk, str], Mapping[str, str] | None]


def _add_page(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.get("/campaigns/<campaign_id>")
    def show(campaign_id: str) -> ResponseReturnValue:
        return _page(wiring, campaign_id, None)

    @blueprint.get("/campaigns/<campaign_id>/<any(about,goals,costs,partners,links,placements,report):name>")
    def step(campaign_id: str, name: str) -> ResponseReturnValue:
        return _page(wiring, campaign_id, Step(name))

    @blueprint.post("/campaigns/<campaign_id>/<any(about,budget,goal,costs,partners,placements):name>")
    def change(campaign_id: str, name: str) -> ResponseReturnValue:
        action = _ACTIONS[name]

        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, action.right) as desk:
                known = action.act(desk, campaign_id)
            return redirect(to("campaigns.step", campaign_id=campaign_id, name=action.step, query=known), code=303)

        return _forms.answered(act, lambda refused: _page(wiring, campaign_id, action.step, refused))

    @blueprint.post("/campaigns/<campaign_id>/goal/<goal_id>/remove")
    def remove_goal(campaign_id: str, goal_id: str) -> ResponseReturnValue:
        with _forms.desk_for(wiring, Right.PLAN) as desk:
            goals.remove(desk, goal_id)
        return redirect(to("campaigns.step", campaign_id=campaign_id, name=Step.GOALS), code=303)


def _about(desk: Desk, campaign_id: str) -> None:
    said = _forms.said(_ABOUT)
    campaigns.refuse_taken(desk, said.get("name") or "", but=campaign_id)
    campaigns.edit(desk, campaign_id, CampaignChange.model_validate(said))


def _budget(desk: Desk, campaign_id: str) -> None:
    campaigns.edit(desk, campaign_id, CampaignChange.model_validate(_forms.said(_BUDGET, _DECIMALS)))


def _goal(desk: Desk, campaign_id: str) -> None:
    said = {name: value for name, value in _typed().items() if name in _GOAL}
    goals.add(desk, goals.NewGoal.model_validate({**said, "campaign": campaign_id}))


def _cost(desk: Desk, campaign_id: str) -> None:
    add_typed(desk, campaign=campaign_id)


def _partner(desk: Desk, campaign_id: str) -> Mapping[str, str]:
    said = {name: value for name, value in _typed().items() if name in _PARTNER}
    return {"pick": partners.add(desk, partners.NewPartner.model_validate(said)).id}


def _placement(desk: Desk, campaign_id: str) -> None:
    added(desk, campaign=campaign_id)


_ACTIONS = {
    "about": _Action(Step.ABOUT, Right.PLAN, _about),
    "budget": _Action(Step.COSTS, Right.PLAN, _budget),
    "goal": _Action(Step.GOALS, Right.PLAN, _goal),
    "costs": _Action(Step.COSTS, Right.SPEND, _cost),
    "partners": _Action(Step.PARTNERS, Right.PLAN, _partner),
    "placements": _Action(Step.PLACEMENTS, Right.PLAN, _placement),
}


def _page(
    wiring: Wiring, campaign_id: str, step: Step | None, refused: Problems | None = None, **more: object
) -> ResponseReturnValue:
    with wiring.sessions() as session:
        view = View.of_request(session, wiring)
        if view is None:
            return redirect(to("pages.overview"))
        desk = wiring.desk(session, view.brand.id)
        found = {**_campaign.known(desk, view, campaign_id, step), "rows": _rows(desk, view), **more}
        names = Names.of(session, view.brand.id)
    typed = _typed() if refused else {}
    page = render_template(
        "campaign.html", view=view, names=names, whole=step is None, refused=refused or [], typed=typed, **found
    )
    return Response(page, status=422 if refused else 200)


def _typed() -> dict[str, str]:
    return _forms.typed(_DECIMALS)


# --- links and codes -------------------------------------------------------------------------------------------------


def _add_links(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.post("/campaigns/<campaign_id>/links")
    def issue(campaign_id: str) -> ResponseReturnValue:
        """Answers with the page: what became of each row."""
        content = issuing.content()

        def act() -> ResponseReturnValue:
            with _forms.desk_for(wiring, Right.PLAN) as desk:
                done = issuing.issued(desk, content, campaign_id)
            if issuing.wants_file():
                return issuing.as_file(done)
            outcomes = Outcomes.of(done)
            rows = content.decode("utf-8-sig", "replace")
            return _page(wiring, campaign_id, Step.LINKS, outcomes=outcomes, rows=rows)

        def again(refused: Problems) -> ResponseReturnValue:
            rows = content.decode("utf-8-sig", "replace")
            return _page(wiring, campaign_id, Step.LINKS, refused, rows=rows)

        return _forms.answered(act, again)


def _rows(desk: Desk, view: View) -> str:
    """The rows that would issue a link and a code to each partner who is picked, as a person may change them."""
    picked = [partners.one(desk, partner_id) for partner_id in request.args.getlist("pick")[:200]]
    hosts: Sequence[str] = view.brand.landing_domains or ["shop.example"]
    landing = request.args.get("url") or f"https://{hosts[0]}/"
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("partner", "url", "code"))
    writer.writerows((one.name, landing, _code_of(one)) for one in picked)
    return out.getvalue() if picked else ""


def _code_of(partner: PartnerView) -> str:
    """A code that a person could read out: the letters of the first name."""
    letters = "".join(letter for letter in partner.name.split()[0].upper() if letter.isascii() and letter.isalnum())
    return letters[:20]
