"""The page of a campaign's goals: where each stands, what falls short, what was decided, and forms for all of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from fractions import Fraction
from typing import Any, cast

from apiflask import APIFlask
from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from sqlalchemy.orm import Session

from tracker.catalog import Desk, benchmarks, decisions, goals
from tracker.domain.catalog import Objective
from tracker.domain.objectives import MEASURES, OBJECTIVES, Metric, Unit, headline, suggested
from tracker.domain.objectives import SENTENCES as _MEASURED
from tracker.domain.roles import Right
from tracker.domain.shortfalls import ADVICE, DIMENSIONS, LEAST_CLICKS, LEAST_PLACEMENTS, RATES
from tracker.domain.tiers import TITLES, Tier
from tracker.ledger import catalog as rows
from tracker.ledger.tables import Campaign
from tracker.reports import _behind, _campaigns, _figures, _history, pacing
from tracker.reports import decisions as decided
from tracker.reports._shape import Column, Result, Scope, zone_of
from tracker.reports._timeline import timeline
from tracker.web import _forms, auth, guard
from tracker.web._forms import Problems
from tracker.web._pace_chart import of_standing
from tracker.web._view import Names, View, to
from tracker.wiring import Wiring

DECIMALS = ("target", "value")
ABOUT = {
    decisions.About.CREATIVE: "Creative",
    decisions.About.INFLUENCER: "Influencer",
    decisions.About.MESSAGE: "Message",
    decisions.About.BUDGET: "Budget",
    decisions.About.OTHER: "Something else",
}
SENTENCES = (*DIMENSIONS.values(), *ADVICE.values(), *RATES.values(), *ABOUT.values(), *_MEASURED)

_SHOWN = ("made_on", "about", "text", "partner", "days", "clicks_before", "clicks_after", "orders_before",
          "orders_after", "revenue_before", "revenue_after", "cvr_before", "cvr_after", "sample_before",
          "sample_after", "reading", "others")  # fmt: skip


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add the page, behind the sign-in."""
    blueprint = Blueprint("pacing", __name__)
    blueprint.before_request(auth.required(wiring))
    guard.show_errors_of(blueprint)
    blueprint.app_context_processor(_everywhere)
    _add_page(blueprint, wiring)
    _add_goals(blueprint, wiring)
    _add_decisions(blueprint, wiring)
    _add_benchmarks(blueprint, wiring)
    app.register_blueprint(blueprint)


def _everywhere() -> dict[str, Any]:
    """What the templates that others include need: timeline and alerts."""
    return {
        "goal_figure": figure,
        "goal_told": told,
        "measures": MEASURES,
        "dimensions": DIMENSIONS,
        "advice": ADVICE,
        "rates": RATES,
        "decision_about": ABOUT,
        "least_clicks": LEAST_CLICKS,
        "least_placements": LEAST_PLACEMENTS,
    }


def _add_page(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.get("/campaigns/<campaign_id>/pacing")
    def show(campaign_id: str) -> ResponseReturnValue:
        return _page(wiring, campaign_id, [])


def _add_goals(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.post("/campaigns/<campaign_id>/goals")
    def add_goal(campaign_id: str) -> ResponseReturnValue:
        def act(desk: Desk) -> object:
            form = _forms.typed(DECIMALS)
            return goals.add(desk, goals.NewGoal.model_validate({**form, "campaign": campaign_id}))

        return _done(wiring, campaign_id, act, "goal")

    @blueprint.post("/campaigns/<campaign_id>/goals/<goal_id>")
    def change_goal(campaign_id: str, goal_id: str) -> ResponseReturnValue:
        def act(desk: Desk) -> object:
            return goals.edit(desk, goal_id, goals.GoalChange.model_validate(_forms.typed(DECIMALS)))

        return _done(wiring, campaign_id, act, goal_id)

    @blueprint.post("/campaigns/<campaign_id>/goals/<goal_id>/remove")
    def remove_goal(campaign_id: str, goal_id: str) -> ResponseReturnValue:
        return _done(wiring, campaign_id, lambda desk: goals.remove(desk, goal_id), goal_id)


def _add_decisions(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.post("/campaigns/<campaign_id>/decisions")
    def add_decision(campaign_id: str) -> ResponseReturnValue:
        def act(desk: Desk) -> object:
            wanted = decisions.NewDecision.model_validate({**_forms.typed(), "campaign": campaign_id})
            return decisions.add(desk, wanted, auth.account_id())

        return _done(wiring, campaign_id, act, "decision")

    @blueprint.post("/campaigns/<campaign_id>/decisions/<decision_id>/withdraw")
    def withdraw_decision(campaign_id: str, decision_id: str) -> ResponseReturnValue:
        return _done(wiring, campaign_id, lambda desk: decisions.withdraw(desk, decision_id), "decision")


def _add_benchmarks(blueprint: Blueprint, wiring: Wiring) -> None:
    @blueprint.post("/campaigns/<campaign_id>/benchmarks")
    def add_benchmark(campaign_id: str) -> ResponseReturnValue:
        def act(desk: Desk) -> object:
            return benchmarks.add(desk, benchmarks.NewBenchmark.model_validate(_forms.typed(DECIMALS)))

        return _done(wiring, campaign_id, act, "benchmark")

    @blueprint.post("/campaigns/<campaign_id>/benchmarks/<benchmark_id>/remove")
    def remove_benchmark(campaign_id: str, benchmark_id: str) -> ResponseReturnValue:
        return _done(wiring, campaign_id, lambda desk: benchmarks.remove(desk, benchmark_id), "benchmark")


def _done(wiring: Wiring, campaign_id: str, act: Callable[[Desk], object], form: str) -> ResponseReturnValue:
    """Do it in a transaction and show the page anew; where it is refused, the page again under the form's name."""

    def work() -> ResponseReturnValue:
        with _forms.desk_for(wiring, Right.PLAN) as desk:
            rows.one(desk.session, Campaign, desk.brand_id, campaign_id)
            act(desk)
        return redirect(to("pacing.show", campaign_id=campaign_id, query={"brand": request.args.get("brand")}), 303)

    return _forms.answered(work, lambda refused: _page(wiring, campaign_id, refused, form))


def _page(wiring: Wiring, campaign_id: str, refused: Problems, form: str = "") -> Response:
    with wiring.sessions() as session:
        view = View.of_request(session, wiring)
        if view is None:
            return cast("Response", redirect(to("pages.overview")))
        campaign = rows.one(session, Campaign, view.brand.id, campaign_id)
        person = auth.signed_in(wiring)
        may_plan = person is not None and person.may(Right.PLAN, view.brand.id)
        found = _found(session, wiring.desk(session, view.brand.id), campaign, view.today)
        page = render_template(
            "pacing.html",
            view=view,
            campaign=campaign,
            may_plan=may_plan,
            names=Names.of(session, view.brand.id),
            refused=refused,
            form=form,
            typed=_forms.typed() if refused else {},
            **found,
        )
    return Response(page, status=422 if refused else 200)


def _found(session: Session, desk: Desk, campaign: Campaign, today: date) -> dict[str, Any]:
    objective = Objective(campaign.objective) if campaign.objective else None
    standings = pacing.of_campaign(session, campaign.id, today)
    return {
        "today": today,
        "objective": OBJECTIVES[objective] if objective else None,
        "standings": [(one, of_standing(one)) for one in standings],
        "behind": _behind.behind(session, campaign.brand_id, today, campaign.id),
        "kpis": _kpis(session, desk, campaign, today),
        "metrics": [(metric.value, MEASURES[metric]) for metric in suggested(objective)],
        "tiers": [(tier.value, TITLES[tier]) for tier in Tier],
        "events": timeline(session, campaign.id),
        "changes": _changes(session, campaign, today),
        "benchmarks": benchmarks.page(desk, benchmarks.BenchmarkQuery(limit=1000)).data,
    }


def _kpis(session: Session, desk: Desk, campaign: Campaign, today: date) -> list[dict[str, Any]]:
    """The headline figures of the objective, with the brand's own history and what was entered beside them."""
    objective = Objective(campaign.objective) if campaign.objective else None
    wanted = headline(objective)
    first, last = _campaigns.days(session, campaign.brand_id, zone_of(session, campaign.brand_id), today)
    found = _campaigns.figures(session, Scope(campaign.brand_id, first, last, campaign_id=campaign.id), wanted)
    history = _history.means(session, campaign, wanted, today)
    currency = rows.brand_by_id(session, campaign.brand_id).currency
    entered = benchmarks.page(desk, benchmarks.BenchmarkQuery(limit=1000)).data
    return [
        {
            "metric": metric,
            "measure": MEASURES[metric],
            "value": figure(_known(found, metric), metric, currency),
            "history": history.get(metric),
            "mean": figure(history[metric].value, metric, currency) if metric in history else None,
            "market": [one for one in entered if one.metric is metric],
        }
        for metric in wanted
    ]


def _known(found: _campaigns.Figures, metric: Metric) -> Fraction | int | None:
    """A price is unknown while nothing was spent: then nobody has noted what it cost."""
    is_price = MEASURES[metric].less_is_better
    return None if is_price and not found.returned["spent"] else found.measured.get(metric)


def _changes(session: Session, campaign: Campaign, today: date) -> Result:
    columns: tuple[Column, ...] = tuple(column for column in decided.COLUMNS if column.key in _SHOWN)
    scope = Scope(campaign.brand_id, today, today, campaign_id=campaign.id)
    lines = decided.of_campaign(session, campaign, today)
    return Result("decisions", decided.TITLE, decided.DESCRIPTION, columns, lines, scope)


def figure(value: Fraction | int | None, metric: Metric, currency: str) -> str:
    """A figure in a metric's base unit as the reader writes it."""
    if value is None:
        return _figures.NOTHING
    unit = MEASURES[metric].unit
    if unit is Unit.PERCENT:
        return _figures.percent(Fraction(value), get_locale())
    if unit is Unit.RATIO:
        return f"{_figures.number(Fraction(value), get_locale())}:1"
    return told(pacing.said(Fraction(value), metric, currency), unit.value, currency)


def told(text: str | None, unit: str, currency: str | None) -> str:
    """A decimal string in a goal's unit as the reader writes it."""
    return _behind.told(text, unit, currency or "", get_locale())
