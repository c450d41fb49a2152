"""What a campaign's page knows: its figures, how far along its seven steps it is, and what each step shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from typing import cast

from flask import request
from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.catalog import Desk, campaigns, codes, costs, goals, links, partners, placements
from tracker.catalog.campaigns import CampaignView
from tracker.catalog.costs import CostsWanted
from tracker.catalog.placements import PlacementQuery
from tracker.domain import objectives
from tracker.domain.catalog import CampaignState, PartnerKind, campaign_state
from tracker.domain.costs import Resource
from tracker.domain.money import minor_units
from tracker.domain.objectives import MEASURES, Metric, Unit
from tracker.ledger import costs as ledger_costs
from tracker.ledger.tables import Code, CodeOwner
from tracker.reports import _campaigns
from tracker.reports._campaigns import Figure, Figures
from tracker.reports._shape import Row
from tracker.reports._timeline import timeline
from tracker.web import filters
from tracker.web._view import View
from tracker.web.costs import hours, places
from tracker.web.placements import listed

_MOST = 1000


class Step(StrEnum):
    """The steps of a campaign, in their order."""

    ABOUT = "about"
    GOALS = "goals"
    COSTS = "costs"
    PARTNERS = "partners"
    LINKS = "links"
    PLACEMENTS = "placements"
    REPORT = "report"


TITLES = {
    Step.ABOUT: "Objective",
    Step.GOALS: "Goals",
    Step.COSTS: "Budget and costs",
    Step.PARTNERS: "Partners",
    Step.LINKS: "Links and codes",
    Step.PLACEMENTS: "Placements",
    Step.REPORT: "Report",
}
STATES = {CampaignState.RUNNING: "Live now", CampaignState.PLANNED: "Planned", CampaignState.ENDED: "Ended"}
# The words that French law has stand on what is paid for (law 2023-451, article 5), in the partner's own language.
MENTIONS = ("Publicité", "Collaboration commerciale", "Images retouchées", "Advertisement")
SENTENCES = (*TITLES.values(), *STATES.values())

LIKED = (Metric.VIEWS, Metric.LIKES, Metric.COMMENTS, Metric.SHARES, Metric.SAVES)


@dataclass(frozen=True, slots=True)
class Stage:
    """A step as the progress shows it."""

    step: Step
    title: str
    done: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure as a page shows it: its metric's title and definition, in English, and its value as text."""

    metric: Metric
    title: str
    value: str
    definition: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the bar of the budget: of a thousand across."""

    resource: Resource
    amount: int
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Listed:
    """A campaign as a line of the list."""

    campaign: CampaignView
    state: CampaignState
    row: Row | None
    used: Fraction | None


def everyone(desk: Desk, view: View) -> list[Listed]:
    """The brand's campaigns: those under way first, then what is planned, then what has ended, the latest first."""
    start, end = _campaigns.days(desk.session, desk.brand_id, filters.zone(), view.today)
    rows = _campaigns.by_campaign(desk.session, replace(view.scope, start=start, end=end, campaign_id=None))
    found = [
        _listed(one, view, rows.get(one.id)) for one in campaigns.page(desk, campaigns.CampaignQuery(limit=_MOST)).data
    ]
    found.sort(key=lambda one: str(one.campaign.starts_on or one.campaign.created_at.date()), reverse=True)
    return sorted(found, key=lambda one: list(CampaignState).index(one.state))


def _listed(campaign: CampaignView, view: View, row: Row | None) -> Listed:
    spent = cast("int", row["spent"]) if row else 0
    budget = _budget(campaign, view)
    return Listed(
        campaign=campaign,
        state=campaign_state(campaign.starts_on, campaign.ends_on, view.today),
        row=row,
        used=Fraction(spent, budget) if budget else None,
    )


def known(desk: Desk, view: View, campaign_id: str, step: Step | None) -> dict[str, object]:
    """What the page of a campaign shows, at one of its steps or at none. Raises NotFound."""
    campaign = campaigns.one(desk, campaign_id)
    start, end = _campaigns.days(desk.session, desk.brand_id, filters.zone(), view.today)
    scope = replace(view.scope, start=start, end=end, campaign_id=campaign.id, channel=None, partner_id=None)
    figures = _campaigns.figures(desk.session, scope)
    members = _members(desk.session, desk.brand_id, campaign.id)
    stages = _stages(desk, campaign, members)
    here = step or next((one.step for one in stages if not one.done), Step.REPORT)
    return {
        "campaign": campaign,
        "state": campaign_state(campaign.starts_on, campaign.ends_on, view.today),
        "row": figures.returned,
        "headline": _shown(figures, objectives.headline(campaign.objective)),
        "liked": _shown(figures, LIKED),
        "days": {"campaign": campaign.id, "from": start.isoformat(), "to": end.isoformat()},
        "stages": stages,
        "step": here,
        "parts": _parts(figures.returned, _budget(campaign, view)),
        "members": members,
        "events": timeline(desk.session, campaign.id) if step is None else [],
        **_STEPS[here](desk, view, campaign),
    }


def _stages(desk: Desk, campaign: CampaignView, members: Sequence[str]) -> list[Stage]:
    has_goal = bool(goals.page(desk, goals.GoalQuery(campaign=campaign.id, limit=1)).data)
    has_cost = bool(costs.latest(desk, CostsWanted(campaign=campaign.id), 1))
    has_link = bool(links.page(desk, links.LinkQuery(campaign=campaign.id, limit=1)).data)
    has_placement = bool(placements.latest(desk, PlacementQuery(campaign=campaign.id, limit=1)))
    done = {
        Step.ABOUT: bool(campaign.objective and campaign.starts_on and campaign.ends_on),
        Step.GOALS: has_goal,
        Step.COSTS: has_cost or campaign.budget is not None,
        Step.PARTNERS: bool(members),
        Step.LINKS: has_link or bool(_code_ids(desk, campaign.id)),
        Step.PLACEMENTS: has_placement,
        Step.REPORT: False,
    }
    return [Stage(step, TITLES[step], done[step]) for step in Step]


def _members(session: Session, brand_id: str, campaign_id: str) -> list[str]:
    """Those who take part: they have a link, a code, a placement or a cost in the campaign."""
    return next((list(one.partners) for one in ledger_costs.pushes(session, brand_id) if one.id == campaign_id), [])


def _shown(figures: Figures, metrics: Sequence[Metric]) -> list[Measured]:
    currency = cast("str", figures.returned["currency"])
    return [
        Measured(one, MEASURES[one].title, shown(figures.measured.get(one), one, currency), MEASURES[one].definition)
        for one in metrics
    ]


def shown(figure: Figure, metric: Metric, currency: str) -> str:
    """A figure in the form of its unit and the reader's locale."""
    match MEASURES[metric].unit:
        case Unit.MONEY:
            return filters.money(cast("int | None", figure), currency)
        case Unit.PERCENT:
            return filters.percent(figure)
        case Unit.RATIO:
            return filters.NOTHING if figure is None else f"{filters.number(Fraction(figure))}:1"
        case _:
            return filters.integer(cast("int | None", figure))


def _parts(row: Row, budget: int | None) -> list[Part]:
    """What was spent by class, along a bar as long as the budget, or as what was spent where that is more."""
    whole = max(budget or 0, cast("int", row["spent"]))
    found, start = [], 0.0
    for resource in Resource:
        amount = cast("int", row[resource.value])
        if amount > 0 and whole:
            width = round(amount / whole * 1000, 1)
            found.append(Part(resource, amount, start, width))
            start += width
    return found


def _budget(campaign: CampaignView, view: View) -> int | None:
    return None if campaign.budget is None else minor_units(campaign.budget, view.brand.currency)


# --- what a step shows -----------------------------------------------------------------------------------------------


def _about(desk: Desk, view: View, campaign: CampaignView) -> dict[str, object]:
    return {}


def _goals(desk: Desk, view: View, campaign: CampaignView) -> dict[str, object]:
    found = goals.page(desk, goals.GoalQuery(campaign=campaign.id, limit=_MOST)).data
    return {"goals": found, "metrics": objectives.suggested(campaign.objective)}


def _costs(desk: Desk, view: View, campaign: CampaignView) -> dict[str, object]:
    found = costs.latest(desk, CostsWanted(campaign=campaign.id), _MOST)
    own = sum(minor_units(one.amount, one.currency) for one in found if one.currency == view.brand.currency)
    return {"costs": found, "own": own, "hours": hours(found), "places": places(desk, campaign.id)}


def _partners(desk: Desk, view: View, campaign: CampaignView) -> dict[str, object]:
    found = partners.page(desk, partners.PartnerQuery(limit=_MOST)).data
    return {"partners": found, "picked": request.args.getlist("pick"), "partner_kinds": list(PartnerKind)}


def _links(desk: Desk, view: View, campaign: CampaignView) -> dict[str, object]:
    found = links.page(desk, links.LinkQuery(campaign=campaign.id, limit=_MOST)).data
    return {"links": found, "codes": [codes.one(desk, code_id) for code_id in _code_ids(desk, campaign.id)]}


def _placements(desk: Desk, view: View, campaign: CampaignView) -> dict[str, object]:
    return {"placements": listed(desk, PlacementQuery(campaign=campaign.id, limit=_MOST))}


_STEPS: Mapping[Step, Callable[[Desk, View, CampaignView], dict[str, object]]] = {
    Step.ABOUT: _about,
    Step.GOALS: _goals,
    Step.COSTS: _costs,
    Step.PARTNERS: _partners,
    Step.LINKS: _links,
    Step.PLACEMENTS: _placements,
    Step.REPORT: _about,
}


def _code_ids(desk: Desk, campaign_id: str) -> list[str]:
    query = (
        select(CodeOwner.code_id)
        .join(Code, Code.id == CodeOwner.code_id)
        .where(Code.brand_id == desk.brand_id, CodeOwner.campaign_id == campaign_id)
        .distinct()
        .order_by(CodeOwner.code_id)
        .limit(_MOST)
    )
    return list(desk.session.execute(query).scalars())
