"""A holdout is what a campaign leaves out on purpose: regions or days drawn at random, and named before it begins.

It never changes: an experiment whose draw is chosen afterwards proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

from tracker.catalog import Desk
from tracker.catalog.fields import CampaignReference, Input, ListQuery, Name, Output, Page, lower
from tracker.domain import experiments, regions
from tracker.domain.ids import new_id
from tracker.errors import BadInput, say
from tracker.ledger import catalog
from tracker.ledger.tables import Campaign, Holdout

LONGEST = 400  # days of an experiment


class HoldoutKind(StrEnum):
    """What is drawn."""

    REGIONS = "regions"
    DAYS = "days"


class NewHoldout(Input):
    """A holdout to be. Its days are the brand's, both included. For days, `compared` is all the others: say nothing."""

    campaign: CampaignReference
    name: Name
    kind: Annotated[HoldoutKind, BeforeValidator(lower)] = HoldoutKind.REGIONS
    starts_on: date
    ends_on: date
    held_out: list[str]
    compared: list[str] = Field(default_factory=list)


class HoldoutQuery(ListQuery):
    """Which holdouts."""

    campaign: CampaignReference = None


class HoldoutView(Output):
    """A holdout. The campaign is an id."""

    id: str
    campaign: str
    name: str
    kind: HoldoutKind
    starts_on: date
    ends_on: date
    held_out: list[str]
    compared: list[str]
    created_at: datetime


def add(desk: Desk, wanted: NewHoldout) -> HoldoutView:
    """Add a holdout. Raises NotFound for a campaign that the brand has not, BadInput for a draw that proves nothing."""
    held_out, compared = _draw(wanted)
    holdout = Holdout(
        id=new_id(),
        brand_id=desk.brand_id,
        campaign_id=catalog.one(desk.session, Campaign, desk.brand_id, wanted.campaign or "").id,
        name=wanted.name,
        kind=wanted.kind,
        settings={"held_out": held_out, "compared": compared},
        starts_on=wanted.starts_on,
        ends_on=wanted.ends_on,
        created_at=desk.now,
    )
    desk.session.add(holdout)
    desk.session.flush()
    return _view(holdout)


def one(desk: Desk, holdout_id: str) -> HoldoutView:
    """The brand's holdout of that id. Raises NotFound."""
    return _view(catalog.one(desk.session, Holdout, desk.brand_id, holdout_id))


def page(desk: Desk, query: HoldoutQuery) -> Page[HoldoutView]:
    """A page of the brand's holdouts. Raises NotFound for a campaign that the brand has not."""
    conditions = []
    if query.campaign:
        campaign = catalog.one(desk.session, Campaign, desk.brand_id, query.campaign)
        conditions.append(Holdout.campaign_id == campaign.id)
    rows, further = catalog.page(
        desk.session, Holdout, desk.brand_id, after=query.cursor, limit=query.limit, conditions=conditions
    )
    return Page[HoldoutView](data=[_view(row) for row in rows], next_cursor=further)


def named(desk: Desk, text: str) -> str:
    """The id of the holdout of that id or name. Raises NotFound, and BadInput where several have the name."""
    return catalog.named(desk.session, Holdout, Holdout.name, desk.brand_id, text)


def days_between(first: date, last: date) -> list[str]:
    """The days from the first to the last, both included. Raises BadInput for none and for too many."""
    if not 0 <= (last - first).days < LONGEST:
        raise BadInput(
            "ends_on", say("want a last day that comes after the first, within %(longest)s days", longest=LONGEST)
        )
    return [(first + timedelta(days=day)).isoformat() for day in range((last - first).days + 1)]


def regions_of(field: str, texts: Sequence[str]) -> list[str]:
    """Regions as they are kept, each once. Raises BadInput, about `field`."""
    try:
        found = [regions.region(text) for text in texts]
    except ValueError as error:
        raise BadInput(field, str(error)) from None
    if len(set(found)) != len(found):
        raise BadInput(field, "the same region stands there twice")
    return found


def _draw(wanted: NewHoldout) -> tuple[list[str], list[str]]:
    """What is held out and what is compared, checked."""
    days = days_between(wanted.starts_on, wanted.ends_on)
    if wanted.kind is HoldoutKind.DAYS:
        held_out, compared = _days(wanted, days)
    else:
        held_out, compared = regions_of("held_out", wanted.held_out), regions_of("compared", wanted.compared)
    if set(held_out) & set(compared):
        raise BadInput("compared", "a region cannot both be left out and run")
    if experiments.possible_draws(len(compared), len(held_out)) < experiments.LEAST_DRAWS:
        raise BadInput("held_out", "too few: chance alone would explain any difference; want at least 4 beside 4")
    return held_out, compared


def _days(wanted: NewHoldout, days: Sequence[str]) -> tuple[list[str], list[str]]:
    if wanted.compared:
        raise BadInput("compared", "say nothing for days: all others from the first to the last are compared")
    if not set(wanted.held_out) <= set(days):
        raise BadInput("held_out", "want days such as 2026-03-31, from the first to the last")
    held_out = set(wanted.held_out)
    return sorted(held_out), [day for day in days if day not in held_out]


def _view(holdout: Holdout) -> HoldoutView:
    return HoldoutView(
        id=holdout.id,
        campaign=holdout.campaign_id,
        name=holdout.name,
        kind=HoldoutKind(holdout.kind),
        starts_on=holdout.starts_on,
        ends_on=holdout.ends_on,
        held_out=holdout.settings["held_out"],
        compared=holdout.settings["compared"],
        created_at=holdout.created_at,
    )
