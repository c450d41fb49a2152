"""A goal is what a campaign is to reach of a metric between two days, both included. It may be taken back."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, StringConstraints
from sqlalchemy import ColumnElement, delete

from tracker.catalog import Desk
from tracker.catalog.fields import CampaignReference, Input, ListQuery, Output, Page, Reference, lower, omitted
from tracker.domain.ids import new_id
from tracker.domain.objectives import MEASURES, Metric, Unit, amount_of, text_of
from tracker.errors import BadInput, Conflict
from tracker.ledger import catalog
from tracker.ledger.tables import Alert, Brand, Campaign, Goal

LONGEST_DAYS = 3660


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


MetricField = Annotated[Metric, BeforeValidator(lower)]
Target = Annotated[str, BeforeValidator(_as_text), StringConstraints(min_length=1, max_length=40)]
OfCampaign = Annotated[Reference, *CampaignReference.__metadata__]


class NewGoal(Input):
    """A goal to be. `target` is in the metric's unit: a count, an amount of the brand's currency, a percentage, or 5:1.

    Its days are the brand's; the campaign's where they are not said.
    """

    campaign: OfCampaign
    metric: MetricField
    target: Target
    starts_on: date | None = None
    ends_on: date | None = None


class GoalChange(Input):
    """What of a goal is to be different. Its metric stays: another metric is another goal."""

    target: Target = omitted()
    starts_on: date = omitted()
    ends_on: date = omitted()


class GoalQuery(ListQuery):
    """Which goals."""

    campaign: CampaignReference = None


class GoalView(Output):
    """A goal. `target` is a decimal string in `unit`; of an amount of money in `currency`."""

    id: str
    campaign: str
    metric: Metric
    unit: Unit
    target: str
    currency: str | None
    starts_on: date
    ends_on: date
    created_at: datetime


class RemovedGoal(Output):
    """A goal that was taken back."""

    id: str
    removed: bool = True


def add(desk: Desk, wanted: NewGoal) -> GoalView:
    """Add a goal. Raises NotFound, BadInput, and Conflict where the metric has one from that day on already."""
    brand = catalog.brand_by_id(desk.session, desk.brand_id)
    campaign = catalog.one(desk.session, Campaign, desk.brand_id, wanted.campaign)
    starts_on = wanted.starts_on or campaign.starts_on or desk.now.astimezone(ZoneInfo(brand.time_zone)).date()
    ends_on = wanted.ends_on or campaign.ends_on
    if ends_on is None:
        raise BadInput("ends_on", "say its last day: the campaign has none")
    _check_days(starts_on, ends_on)
    row_id = new_id()
    added = catalog.insert_new(
        desk.session,
        Goal,
        id=row_id,
        brand_id=desk.brand_id,
        campaign_id=campaign.id,
        metric=wanted.metric,
        target=_target(wanted.target, wanted.metric, brand),
        starts_on=starts_on,
        ends_on=ends_on,
        created_at=desk.now,
    )
    if not added:
        raise Conflict("the campaign has a goal for this metric from that day on already: change it")
    return one(desk, row_id)


def edit(desk: Desk, goal_id: str, change: GoalChange) -> GoalView:
    """Change a goal. Raises NotFound, BadInput and Conflict."""
    brand = catalog.brand_by_id(desk.session, desk.brand_id, lock=True)
    goal = catalog.one(desk.session, Goal, desk.brand_id, goal_id, lock=True)
    given = change.given()
    if "target" in given:
        given["target"] = _target(given["target"], Metric(goal.metric), brand)
    starts_on, ends_on = given.get("starts_on", goal.starts_on), given.get("ends_on", goal.ends_on)
    _check_days(starts_on, ends_on)
    if starts_on != goal.starts_on and _is_taken(desk, goal, starts_on):
        raise Conflict("the campaign has another goal for this metric from that day on")
    catalog.change(desk.session, goal, given)
    return _view(goal, brand)


def remove(desk: Desk, goal_id: str) -> RemovedGoal:
    """Take a goal back, with the alerts about it. Raises NotFound."""
    goal = catalog.one(desk.session, Goal, desk.brand_id, goal_id, lock=True)
    desk.session.execute(delete(Alert).where(Alert.goal_id == goal.id))
    desk.session.delete(goal)
    desk.session.flush()
    return RemovedGoal(id=goal.id)


def one(desk: Desk, goal_id: str) -> GoalView:
    """The brand's goal of that id. Raises NotFound."""
    goal = catalog.one(desk.session, Goal, desk.brand_id, goal_id)
    return _view(goal, catalog.brand_by_id(desk.session, desk.brand_id))


def page(desk: Desk, query: GoalQuery) -> Page[GoalView]:
    """A page of the brand's goals. Raises NotFound for a campaign that the brand has not."""
    conditions: list[ColumnElement[bool]] = []
    if query.campaign:
        conditions.append(Goal.campaign_id == catalog.one(desk.session, Campaign, desk.brand_id, query.campaign).id)
    rows, further = catalog.page(
        desk.session, Goal, desk.brand_id, after=query.cursor, limit=query.limit, conditions=conditions
    )
    brand = catalog.brand_by_id(desk.session, desk.brand_id)
    return Page[GoalView](data=[_view(row, brand) for row in rows], next_cursor=further)


def _is_taken(desk: Desk, goal: Goal, starts_on: date) -> bool:
    query = catalog.page(
        desk.session,
        Goal,
        desk.brand_id,
        after=None,
        limit=1,
        conditions=[
            Goal.campaign_id == goal.campaign_id,
            Goal.metric == goal.metric,
            Goal.starts_on == starts_on,
            Goal.id != goal.id,
        ],
    )
    return bool(query[0])


def _check_days(starts_on: date, ends_on: date) -> None:
    if ends_on < starts_on:
        raise BadInput("ends_on", "the last day comes before the first")
    if (ends_on - starts_on).days >= LONGEST_DAYS:
        raise BadInput("ends_on", "want a goal of ten years at most")


def _target(text: str, metric: Metric, brand: Brand) -> str:
    """The target as it is kept: a plain decimal in the metric's unit."""
    try:
        return text_of(amount_of(text, metric, brand.currency), metric, brand.currency)
    except ValueError as error:
        raise BadInput("target", str(error)) from None


def _view(goal: Goal, brand: Brand) -> GoalView:
    metric = Metric(goal.metric)
    unit = MEASURES[metric].unit
    return GoalView(
        id=goal.id,
        campaign=goal.campaign_id,
        metric=metric,
        unit=unit,
        target=goal.target,
        currency=brand.currency if unit is Unit.MONEY else None,
        starts_on=goal.starts_on,
        ends_on=goal.ends_on,
        created_at=goal.created_at,
    )
