"""What is behind schedule: the latest alert of each goal that still stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from babel import Locale, numbers
from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.objectives import Unit
from tracker.domain.shortfalls import Finding
from tracker.ledger.tables import Alert, Campaign, Goal
from tracker.reports import _figures
from tracker.reports._shortfalls import finding_of


@dataclass(frozen=True, slots=True)
class Behind:
    """A goal that was found behind on a day, with what falls short of its peers."""

    campaign_id: str
    campaign: str
    goal_id: str
    raised_on: date
    detail: Mapping[str, Any]
    findings: tuple[Finding, ...]


def behind(session: Session, brand_id: str, today: date, campaign_id: str | None = None) -> list[Behind]:
    """The standing alerts of goals that are live, of the brand or of one of its campaigns, the latest first."""
    query = (
        select(Alert, Campaign.name)
        .join(Campaign, Campaign.id == Alert.campaign_id)
        .join(Goal, Goal.id == Alert.goal_id)
        .where(Alert.brand_id == brand_id, Alert.closed_at.is_(None), Goal.starts_on <= today, Goal.ends_on >= today)
        .order_by(Alert.raised_on.desc(), Alert.id.desc())
    )
    if campaign_id:
        query = query.where(Alert.campaign_id == campaign_id)
    return list(_latest(session.execute(query).all()))


def _latest(found: Iterable[Any]) -> Iterable[Behind]:
    seen: set[str] = set()
    for alert, campaign in found:
        if alert.goal_id not in seen:
            seen.add(alert.goal_id)
            findings = tuple(finding_of(one) for one in alert.detail["findings"])
            yield Behind(alert.campaign_id, campaign, alert.goal_id, alert.raised_on, alert.detail, findings)


def told(text: str | None, unit: str, currency: str, locale: Locale) -> str:
    """A decimal string in a goal's unit as a person of the locale reads it."""
    if text is None:
        return _figures.NOTHING
    if unit == Unit.MONEY:
        return _figures.decimal_money(text, currency, locale)
    if unit == Unit.PERCENT:
        return str(numbers.format_percent(Decimal(text).scaleb(-2), locale=locale, decimal_quantization=False))
    number = str(numbers.format_decimal(Decimal(text), locale=locale, decimal_quantization=False))
    return f"{number}:1" if unit == Unit.RATIO else number
