"""A live goal that is under pace raises an alert, once a goal and day of the brand, and tells those who can act.

The alert says which creative, influencer or message falls short of its peers, or that there are too few to name any.
Whoever was written to about a goal hears no more of it for a week, and an alert is over once its goal is not behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from tracker.domain import metrics
from tracker.domain.ids import new_id
from tracker.domain.pacing import is_alarming
from tracker.domain.roles import Role
from tracker.domain.shortfalls import ADVICE, DIMENSIONS, RATES, Dimension, Rate
from tracker.ledger import catalog, mails
from tracker.ledger.database import writing
from tracker.ledger.mails import Letter
from tracker.ledger.tables import Account, Alert, Brand, Goal, Membership
from tracker.reports import _figures, _shortfalls, pacing
from tracker.reports._behind import told
from tracker.reports._placements import WORDS
from tracker.reports.pacing import Standing

QUIET = timedelta(days=7)
DEFAULT_LANGUAGE = "en"
_TOLD = (Role.OWNER, Role.MARKETER)


@dataclass(frozen=True, slots=True)
class Post:
    """From where letters go: the installation's key and address, and the two clocks."""

    secret_key: str
    public_url: str
    now: datetime
    wall: datetime


def raise_due(sessions: sessionmaker[Session], post: Post) -> int:
    """Look at every goal that is live today; how many alerts were raised. A transaction a brand."""
    with sessions() as session:
        brands = [(brand.id, brand.time_zone) for brand in catalog.brands(session)]
    raised = 0
    for brand_id, zone in brands:
        with writing(sessions) as session:
            raised += _of_brand(session, brand_id, post.now.astimezone(ZoneInfo(zone)).date(), post)
    return raised


def _of_brand(session: Session, brand_id: str, today: date, post: Post) -> int:
    by_campaign: dict[str, list[Goal]] = {}
    for goal in _live(session, brand_id, today):
        by_campaign.setdefault(goal.campaign_id, []).append(goal)
    return sum(
        _judge(session, one, today, post)
        for goals in by_campaign.values()
        for one in pacing.of_goals(session, goals, today)
    )


def _live(session: Session, brand_id: str, today: date) -> Sequence[Goal]:
    """The goals that are live today and about which nothing was raised today."""
    query = select(Goal).where(Goal.brand_id == brand_id, Goal.starts_on <= today, Goal.ends_on >= today)
    raised = select(Alert.goal_id).where(Alert.brand_id == brand_id, Alert.raised_on == today)
    return session.execute(query.where(Goal.id.not_in(raised)).order_by(Goal.id)).scalars().all()


def _judge(session: Session, one: Standing, today: date, post: Post) -> bool:
    """Raise an alert about a goal that is behind, or close those of one that is not; whether one was raised."""
    if not is_alarming(one.aim, one.pace, today):
        _close(session, one.goal, post.now)
        return False
    tells = not _told_lately(session, one.goal, today)
    detail = _detail(session, one, today) | {"told": tells}
    values = {"brand_id": one.goal.brand_id, "campaign_id": one.campaign.id, "goal_id": one.goal.id}
    added = catalog.insert_new(
        session, Alert, id=new_id(), raised_on=today, detail=detail, raised_at=post.now, closed_at=None, **values
    )
    if added and tells:
        _write(session, one, detail, today, post)
    return added


def _close(session: Session, goal: Goal, now: datetime) -> None:
    session.execute(update(Alert).where(Alert.goal_id == goal.id, Alert.closed_at.is_(None)).values(closed_at=now))


def _told_lately(session: Session, goal: Goal, today: date) -> bool:
    query = select(Alert.detail).where(Alert.goal_id == goal.id, Alert.raised_on > today - QUIET)
    return any(detail.get("told") for detail in session.execute(query).scalars())


def _detail(session: Session, one: Standing, today: date) -> dict[str, Any]:
    """What was seen, as JSON values: figures as decimal strings in the metric's unit."""
    rate = _shortfalls.rate_of(one.metric)
    found = _shortfalls.of_campaign(session, one.campaign, rate, one.goal.starts_on, today)
    return {
        "metric": one.metric.value,
        "unit": one.measure.unit.value,
        "currency": one.currency,
        "target": one.goal.target,
        "expected": pacing.said(one.pace.expected, one.metric, one.currency),
        "actual": pacing.said(one.pace.actual, one.metric, one.currency),
        "forecast": pacing.said(one.pace.forecast, one.metric, one.currency),
        "days_left": one.days_left,
        "rate": rate.value,
        "findings": _shortfalls.plain(found),
    }


def _write(session: Session, one: Standing, detail: dict[str, Any], today: date, post: Post) -> None:
    brand = catalog.brand_by_id(session, one.goal.brand_id)
    for account in _readers(session, brand):
        letter = Letter(
            key=f"goal_alert:{one.goal.id}:{today.isoformat()}:{account.id}",
            kind="goal_alert",
            recipient=account.email,
            language=account.language or DEFAULT_LANGUAGE,
            values={
                **_told(detail, Locale(account.language or DEFAULT_LANGUAGE)),
                "title": one.measure.title,
                "brand": brand.name,
                "campaign": one.campaign.name,
                "url": f"{post.public_url}/campaigns/{one.campaign.id}/pacing?brand={brand.id}",
            },
        )
        mails.put(session, post.secret_key, letter, post.now, post.wall)


def _told(detail: Mapping[str, Any], locale: Locale) -> dict[str, Any]:
    """The detail as the reader of a letter writes figures; sentences and words stay English, for the letter's own."""
    unit, currency = detail["unit"], detail["currency"]
    figures = ("target", "expected", "actual", "forecast")
    return {
        **{name: detail[name] and told(detail[name], unit, currency, locale) for name in figures},
        "days_left": detail["days_left"],
        "compared": RATES[Rate(detail["rate"])],
        "findings": [_finding(one, locale) for one in detail["findings"]],
    }


def _finding(one: Mapping[str, Any], locale: Locale) -> dict[str, Any]:
    dimension, name = Dimension(one["dimension"]), one["name"]
    samples = {side: one[side] and _sample(one[side], locale) for side in ("own", "peers")}
    shown = WORDS.get(name, name) if dimension is Dimension.CREATIVE else name
    said = {"what": DIMENSIONS[dimension], "advice": ADVICE[dimension], "name": shown, "translated": name in WORDS}
    return {"verdict": one["verdict"], **said, **samples}


def _sample(sample: Mapping[str, Any], locale: Locale) -> dict[str, str]:
    hits, of = sample["hits"], sample["of"]
    rate = _figures.percent(metrics.share(hits, of), locale)
    return {"hits": _figures.integer(hits, locale), "of": _figures.integer(of, locale), "rate": rate}


def _readers(session: Session, brand: Brand) -> Iterable[Account]:
    """The brand's owners and marketers."""
    query = (
        select(Account)
        .join(Membership, Membership.account_id == Account.id)
        .where(Membership.brand_id == brand.id, Membership.role.in_(_TOLD))
        .order_by(Account.email)
    )
    return session.execute(query).scalars().all()
