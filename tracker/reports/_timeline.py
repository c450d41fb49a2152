"""What happened to a campaign, day by day: its beginning and end, what was published, decided, and told as behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.ledger.tables import Alert, Campaign, Decision, Partner, Placement
from tracker.reports._shape import zone_of

STARTED, ENDED, PUBLISHED, DECIDED, ALERTED = "started", "ended", "published", "decided", "alerted"
_ORDER = (STARTED, PUBLISHED, ALERTED, DECIDED, ENDED)


@dataclass(frozen=True, slots=True)
class Event:
    """Something on a day. `subject` is who or what it is about, `text` what was said of it, `detail` an alert's."""

    day: date
    what: str
    subject: str | None = None
    text: str | None = None
    about: str | None = None
    detail: dict[str, Any] | None = None
    row_id: str | None = None


def timeline(session: Session, campaign_id: str) -> list[Event]:
    """The events of a campaign, the latest first; of a goal's alerts in a row only the first. Empty for none such."""
    campaign = session.get(Campaign, campaign_id)
    if campaign is None:
        return []
    found = [*_bounds(campaign), *_published(session, campaign), *_decided(session, campaign)]
    found += _alerted(session, campaign)
    return sorted(found, key=lambda event: (event.day, _ORDER.index(event.what)), reverse=True)


def _bounds(campaign: Campaign) -> Iterator[Event]:
    if campaign.starts_on:
        yield Event(campaign.starts_on, STARTED)
    if campaign.ends_on:
        yield Event(campaign.ends_on, ENDED)


def _published(session: Session, campaign: Campaign) -> Iterator[Event]:
    zone = zone_of(session, campaign.brand_id)
    query = (
        select(Placement, Partner.name)
        .join(Partner, Partner.id == Placement.partner_id)
        .where(Placement.campaign_id == campaign.id, Placement.published_at.is_not(None))
        .order_by(Placement.published_at, Placement.id)
    )
    for placement, partner in session.execute(query):
        assert placement.published_at is not None
        day = placement.published_at.astimezone(zone).date()
        yield Event(day, PUBLISHED, partner, placement.title, placement.format, row_id=placement.id)


def _decided(session: Session, campaign: Campaign) -> Iterator[Event]:
    query = (
        select(Decision, Partner.name)
        .join(Partner, Partner.id == Decision.partner_id, isouter=True)
        .where(Decision.campaign_id == campaign.id, Decision.withdrawn_at.is_(None))
        .order_by(Decision.made_on, Decision.id)
    )
    for decision, partner in session.execute(query):
        yield Event(decision.made_on, DECIDED, partner, decision.text, decision.about, row_id=decision.id)


def _alerted(session: Session, campaign: Campaign) -> Iterator[Event]:
    query = select(Alert).where(Alert.campaign_id == campaign.id).order_by(Alert.goal_id, Alert.raised_on)
    before: Alert | None = None
    for alert in session.execute(query).scalars():
        again = before is not None and before.goal_id == alert.goal_id
        if not (again and before is not None and (alert.raised_on - before.raised_on).days <= 1):
            yield Event(alert.raised_on, ALERTED, detail=alert.detail, row_id=alert.id)
        before = alert
