"""When the rules that tell people from programs change, clicks are judged anew, and all that counts them follows.

A batch is one transaction: the clicks, their roll-ups and the marks of the orders concerned. What was judged by the new
rules carries their version, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, and_, delete, select, update
from sqlalchemy.orm import Session

from tracker.domain.agents import HIDDEN_LOAD, RULES_VERSION, Taken, Verdict, agent_verdict
from tracker.ledger import due, figures
from tracker.ledger.bulk import insert_ignore
from tracker.ledger.database import among
from tracker.ledger.tables import Agent, Brand, Click, LinkDay, LinkHour, LinkVisitor

CAUSE = "verdict"
FROM_THE_START = "0" * 32

_NO_SYNC = {"synchronize_session": False}
_UNDATED = "UTC"  # the days of clicks that belong to no brand

Found = Row[*tuple[Any, ...]]
Judge = Callable[[str], Verdict]
Visit = tuple[str, date, str]
"""A link, a day of its brand, a visitor hash."""


@dataclass(frozen=True, slots=True)
class Rejudged:
    """What a batch came to: how many clicks were looked at, how many were taken for something else, the last one."""

    looked_at: int
    changed: int
    last: str


def rejudge(
    session: Session,
    after: str,
    limit: int,
    wall: datetime,
    *,
    judge: Judge = agent_verdict,
    version: int = RULES_VERSION,
) -> Rejudged:
    """Judge up to `limit` clicks after `after` (an id) that older rules had judged.

    For a `writing` transaction. What was loaded out of sight stays a bot: no user agent tells of it. `wall` dates the
    marks of the orders that a changed verdict concerns.
    """
    rows = session.execute(
        select(*_COLUMNS)
        .outerjoin(Agent, Agent.id == Click.agent_id)
        .where(Click.id > after, Click.rules < version)
        .order_by(Click.id)
        .limit(limit)
        .with_for_update(of=Click)
    ).all()
    verdicts = {row.id: _verdict(row, judge) for row in rows}
    changed = [row for row in rows if (row.verdict, row.reason) != _words(verdicts[row.id])]
    turned = [row for row in changed if (row.verdict == Taken.HUMAN) != (verdicts[row.id].verdict is Taken.HUMAN)]
    visits = _visits(session, turned)
    counted = _human_visits(session, visits.values())
    _write(session, [row.id for row in rows], verdicts, changed, version)
    _count_hours(session, turned, verdicts)
    zones = _zones(session, {row.brand_id for row in changed if row.brand_id})
    moments = [(row.brand_id, at) for row in changed if row.brand_id in zones
               for at in (row.at, row.at.replace(minute=0, second=0, microsecond=0))]  # fmt: skip
    days = [(brand, at.astimezone(zones[brand]).date()) for brand, at in moments]
    figures.changed(session, figures.CLICKS, days)
    _count_days(session, counted, _human_visits(session, visits.values()))
    due.mark_due_for_clicks(session, [row.id for row in changed], wall, cause=CAUSE, bulk=True)
    return Rejudged(len(rows), len(changed), rows[-1].id if rows else after)


_COLUMNS = (
    Click.id,
    Click.brand_id,
    Click.link_id,
    Click.at,
    Click.verdict,
    Click.reason,
    Click.visitor_hash,
    Agent.text,
)


def _verdict(row: Found, judge: Judge) -> Verdict:
    return HIDDEN_LOAD if row.reason == HIDDEN_LOAD.reason else judge(row.text or "")


def _words(verdict: Verdict) -> tuple[str, str]:
    return verdict.verdict.value, verdict.reason


def _write(
    session: Session,
    ids: Sequence[str],
    verdicts: Mapping[str, Verdict],
    changed: Iterable[Found],
    version: int,
) -> None:
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in changed:
        alike[_words(verdicts[row.id])].append(row.id)
    for (verdict, reason), of_these in alike.items():
        judging = update(Click).where(among(session, Click.id, of_these)).values(verdict=verdict, reason=reason)
        session.execute(judging, execution_options=_NO_SYNC)
    if ids:
        stamping = update(Click).where(among(session, Click.id, ids)).values(rules=version)
        session.execute(stamping, execution_options=_NO_SYNC)


# --- the roll-ups -----------------------------------------------------------------------------------------------------


def _count_hours(session: Session, turned: Iterable[Found], verdicts: Mapping[str, Verdict]) -> None:
    """Each link's hours gain or lose as many people as turned: clicks that come in meanwhile count for themselves."""
    gained: Counter[tuple[str, datetime]] = Counter()
    for row in turned:
        if row.link_id:
            hour = row.at.replace(minute=0, second=0, microsecond=0)
            gained[row.link_id, hour] += 1 if verdicts[row.id].verdict is Taken.HUMAN else -1
    for (link_id, hour), by in sorted(gained.items()):
        counting = update(LinkHour).where(LinkHour.link_id == link_id, LinkHour.hour == hour)
        session.execute(counting.values(human=LinkHour.human + by), execution_options=_NO_SYNC)


def _visits(session: Session, turned: Sequence[Found]) -> dict[str, Visit]:
    """By click id the visit that each turned click was part of, where we can tell visitors apart."""
    zones = _zones(session, {row.brand_id for row in turned if row.brand_id})
    return {
        row.id: (row.link_id, _day(row, zones), row.visitor_hash) for row in turned if row.link_id and row.visitor_hash
    }


def _human_visits(session: Session, visits: Iterable[Visit]) -> dict[Visit, bool]:
    """Of each of these visits, whether a person's click is part of it as things stand."""
    found = dict.fromkeys(sorted(visits), False)
    if not found:
        return found
    hashes = {visitor for _, _, visitor in found}
    query = select(Click.link_id, Click.brand_id, Click.at, Click.visitor_hash).where(
        among(session, Click.link_id, {link for link, _, _ in found}),
        Click.visitor_hash.in_(hashes),
        Click.verdict == Taken.HUMAN.value,
    )
    rows = session.execute(query).all()
    zones = _zones(session, {row.brand_id for row in rows if row.brand_id})
    for row in rows:
        visit = (row.link_id, _day(row, zones), row.visitor_hash)
        if visit in found:
            found[visit] = True
    return found


def _count_days(session: Session, before: Mapping[Visit, bool], after: Mapping[Visit, bool]) -> None:
    """A visit that became, or is no longer, a person's counts, or no longer counts, among the day's uniques."""
    gained: Counter[tuple[str, date]] = Counter()
    for (link_id, day, visitor), is_human in after.items():
        if is_human == before[link_id, day, visitor]:
            continue
        gained[link_id, day] += 1 if is_human else -1
        row = {"link_id": link_id, "day": day, "visitor_hash": visitor}
        if is_human:
            insert_ignore(session, LinkVisitor, [row])
        else:
            here = and_(LinkVisitor.link_id == link_id, LinkVisitor.day == day, LinkVisitor.visitor_hash == visitor)
            session.execute(delete(LinkVisitor).where(here), execution_options=_NO_SYNC)
    for (link_id, day), by in sorted(gained.items()):
        insert_ignore(session, LinkDay, [{"link_id": link_id, "day": day, "uniques": 0}])
        counting = update(LinkDay).where(LinkDay.link_id == link_id, LinkDay.day == day)
        session.execute(counting.values(uniques=LinkDay.uniques + by), execution_options=_NO_SYNC)


def _zones(session: Session, brand_ids: Collection[str]) -> dict[str, ZoneInfo]:
    found = session.execute(select(Brand.id, Brand.time_zone).where(Brand.id.in_(brand_ids)))
    return {row.id: ZoneInfo(row.time_zone) for row in found}


def _day(row: Found, zones: Mapping[str, ZoneInfo]) -> date:
    day: date = row.at.astimezone(zones.get(row.brand_id) or ZoneInfo(_UNDATED)).date()
    return day
