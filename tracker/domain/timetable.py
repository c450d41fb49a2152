"""When a report goes out: every day, every Monday or every first of a month, at an hour of the brand's own day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Every(StrEnum):
    """How often: each day, each Monday, each first of a month."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def next_after(moment: datetime, every: Every, hour: int, zone: ZoneInfo) -> datetime:
    """The first time after `moment` (aware), UTC. Where clocks skip the hour it is the one that follows."""
    day = moment.astimezone(zone).date()
    while True:
        if _falls_on(day, every):
            found = datetime.combine(day, time(hour), tzinfo=zone).astimezone(UTC)
            if found > moment:
                return found
        day += timedelta(days=1)


def latest_until(first: datetime, now: datetime, every: Every, hour: int, zone: ZoneInfo) -> datetime:
    """Of the times from `first` to `now` the latest: what was missed is caught up with once."""
    latest = first
    while (following := next_after(latest, every, hour, zone)) <= now:
        latest = following
    return latest


def span(day: date, last_days: int | None) -> tuple[date, date]:
    """The days that a report sent on `day` is about: so many that end the day before, or the month before."""
    if last_days is not None:
        return day - timedelta(days=last_days), day - timedelta(days=1)
    last = day.replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last


def _falls_on(day: date, every: Every) -> bool:
    match every:
        case Every.DAY:
            return True
        case Every.WEEK:
            return day.weekday() == 0
        case Every.MONTH:
            return day.day == 1
