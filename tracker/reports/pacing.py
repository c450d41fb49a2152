"""Every goal with what was expected by a day, what there is, and where it leads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.money import round_half_up
from tracker.domain.objectives import MEASURES, Measure, Metric, Unit, amount_of, text_of
from tracker.domain.pacing import Aim, Pace, Status, held, pace
from tracker.ledger.tables import Campaign, Goal
from tracker.reports import _progress
from tracker.reports._progress import Progress
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 25
GROUP = "Performance"
COMPARES = False
FILTERS = ("campaign",)
TITLE = "Goals"
DESCRIPTION = (
    "What campaigns are to reach, what was expected by the last day chosen, what there is and where it leads. Within a"
    " tenth of what is expected a goal is on pace; a rate or a price has no pace and is held against its target."
)
EMPTY = "Set a goal: tracker goal add --campaign NAME --metric clicks --target 5000."
WORDS = {
    Status.NOT_BEGUN.value: "Not begun",
    Status.UNKNOWN.value: "Unknown",
    Status.UNDER_PACE.value: "Under pace",
    Status.ON_PACE.value: "On pace",
    Status.AHEAD.value: "Ahead",
    Status.SHORT.value: "Short of it",
    Status.REACHED.value: "Reached",
    Unit.COUNT.value: "Count",
    Unit.MONEY.value: "Amount",
    Unit.PERCENT.value: "Percent",
    Unit.RATIO.value: "To one",
    **{metric.value: measure.title for metric, measure in MEASURES.items()},
}
COLUMNS = (
    Column("goal_id", "Goal id", Kind.ID),
    Column("campaign_id", "Campaign id", Kind.ID),
    Column("campaign", "Campaign"),
    Column("metric", "Metric", Kind.WORD),
    Column("status", "Status", Kind.WORD, "Today is not over: what was expected by yesterday is on pace."),
    Column("unit", "Unit", Kind.WORD),
    Column("currency", "Currency"),
    Column("target", "Target"),
    Column("expected", "Expected", help="The same part of the target every day, the first and the last included."),
    Column("actual", "Actual", help="Since the first day; what nobody counted is unknown."),
    Column("forecast", "Forecast", help="On the last day, at the pace since the first one."),
    Column("recent", "Forecast by the last days", help="On the last day, at the pace of the last seven days."),
    Column("starts_on", "First day", Kind.DATE),
    Column("ends_on", "Last day", Kind.DATE),
    Column("days_left", "Days left", Kind.INTEGER),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a goal of a campaign stands. `totals` are what there was at the end of each of `days`, in the base unit."""

    goal: Goal
    campaign: Campaign
    metric: Metric
    currency: str
    aim: Aim
    pace: Pace
    days: Sequence[date]
    totals: Sequence[int | None]
    days_left: int

    @property
    def measure(self) -> Measure:
        """What the metric is."""
        return MEASURES[self.metric]


def of_campaign(session: Session, campaign_id: str, today: date) -> list[Standing]:
    """How each goal of a campaign stands today, the first to end in front. None for a campaign without any."""
    campaign = session.get(Campaign, campaign_id)
    return [] if campaign is None else _standings(session, campaign, _goals(session, campaign.id), today)


def of_goals(session: Session, goals: Sequence[Goal], today: date) -> list[Standing]:
    """How these goals of one campaign stand today."""
    campaign = session.get(Campaign, goals[0].campaign_id) if goals else None
    return [] if campaign is None else _standings(session, campaign, goals, today)


def actual(session: Session, campaign: Campaign, metric: Metric, start: date, end: date) -> Fraction | None:
    """What a campaign has of a metric in some days, in the metric's base unit; None where unknown."""
    days = _progress.days_between(start, end)
    progress = _progress.read(session, campaign, start, end)
    if MEASURES[metric].adds:
        last = progress.totals(metric, days)[-1] if days else None
        return None if last is None else Fraction(last)
    return _progress.rate(session, campaign, progress, metric, days)


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a goal that has a day in the scope, as it stands on the scope's last day or, if earlier, today."""
    on = min(scope.end, scope.today) if scope.today else scope.end
    query = (
        select(Campaign)
        .where(Campaign.brand_id == scope.brand_id, Campaign.id.in_(select(Goal.campaign_id)))
        .order_by(Campaign.name, Campaign.id)
    )
    if scope.campaign_id:
        query = query.where(Campaign.id == scope.campaign_id)
    found: list[Row] = []
    for campaign in session.execute(query).scalars():
        goals = [goal for goal in _goals(session, campaign.id) if _is_in(goal, scope)]
        found += [_row(one) for one in _standings(session, campaign, goals, on)]
    return found


def _is_in(goal: Goal, scope: Scope) -> bool:
    return goal.starts_on <= scope.end and goal.ends_on >= scope.start


def _goals(session: Session, campaign_id: str) -> Sequence[Goal]:
    query = select(Goal).where(Goal.campaign_id == campaign_id).order_by(Goal.ends_on, Goal.starts_on, Goal.id)
    return session.execute(query).scalars().all()


def _standings(session: Session, campaign: Campaign, goals: Sequence[Goal], today: date) -> list[Standing]:
    """One reading for the goals that begin on the same day: counters are counted from there."""
    if not goals:
        return []
    start, end = min(goal.starts_on for goal in goals), max(goal.ends_on for goal in goals)
    progress = _progress.read(session, campaign, start, max(start, min(end, today)))
    return [_standing(session, campaign, goal, progress, today) for goal in goals]


def _standing(session: Session, campaign: Campaign, goal: Goal, progress: Progress, today: date) -> Standing:
    metric, currency = Metric(goal.metric), progress.currency
    aim = aim_of(goal, currency)
    days = aim.counted(today)
    if aim.adds:
        totals = progress.totals(metric, days)
        found = pace(aim, totals, today)
    else:
        totals = []
        found = held(aim, _progress.rate(session, campaign, progress, metric, days), today)
    return Standing(goal, campaign, metric, currency, aim, found, days, totals, aim.left(today))


def aim_of(goal: Goal, currency: str) -> Aim:
    """What a goal aims at, in the metric's base unit."""
    metric = Metric(goal.metric)
    measure = MEASURES[metric]
    return Aim(
        amount_of(goal.target, metric, currency), goal.starts_on, goal.ends_on, measure.adds, measure.less_is_better
    )


def said(value: Fraction | None, metric: Metric, currency: str) -> str | None:
    """A figure as a decimal string in the metric's unit, rounded once: counts and amounts whole, the rest to 1/100."""
    if value is None:
        return None
    if MEASURES[metric].unit in (Unit.COUNT, Unit.MONEY):
        return text_of(Fraction(round_half_up(value)), metric, currency)
    steps = 10_000 if MEASURES[metric].unit is Unit.PERCENT else 100
    return text_of(Fraction(round_half_up(value * steps), steps), metric, currency)


def _row(one: Standing) -> Row:
    figures: dict[str, Any] = {
        name: said(getattr(one.pace, name), one.metric, one.currency)
        for name in ("expected", "actual", "forecast", "recent")
    }
    return {
        "goal_id": one.goal.id,
        "campaign_id": one.campaign.id,
        "campaign": one.campaign.name,
        "metric": one.metric.value,
        "status": one.pace.status.value,
        "unit": one.measure.unit.value,
        "currency": one.currency if one.measure.unit is Unit.MONEY else None,
        "target": one.goal.target,
        **figures,
        "starts_on": one.goal.starts_on,
        "ends_on": one.goal.ends_on,
        "days_left": one.days_left,
    }
