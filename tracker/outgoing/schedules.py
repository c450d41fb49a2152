"""A schedule sends a report by e-mail, at an hour of the brand's day. It may be ended, never changed: begin another.

It ends by itself once the account that began it may no longer send out the brand's reports.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field
from sqlalchemy import select

from tracker.catalog import Desk
from tracker.catalog.fields import (
    CampaignReference,
    ChannelField,
    Email,
    Input,
    ListQuery,
    Output,
    Page,
    PartnerFilter,
    lower,
)
from tracker.domain import timetable
from tracker.domain.catalog import Channel
from tracker.domain.ids import new_id
from tracker.domain.roles import Right
from tracker.domain.timetable import Every
from tracker.errors import BadInput, say
from tracker.ledger import accounts, catalog, keys, mails
from tracker.ledger.mails import Letter
from tracker.ledger.tables import Campaign, Partner, Schedule
from tracker.reports import _shape

MOST_RECIPIENTS = 20
MOST_DAYS = 366
DEFAULT_HOUR = 7
LATELY = timedelta(days=30)
KIND = "report"
BILAN = "bilan"
"""What is sent and shared beside the reports: the bilan of a campaign, over the campaign's own days."""
NO_RIGHT = "who began it may no longer share reports"


class FileFormat(StrEnum):
    """The file that goes with the letter."""

    PDF = "pdf"
    XLSX = "xlsx"
    CSV = "csv"


class Language(StrEnum):
    """What we speak."""

    EN = "en"
    FR = "fr"


def _apart(value: object) -> object:
    """Addresses as people write them: a line each, or parted by commas."""
    if isinstance(value, str):
        return [part for part in value.replace(",", " ").replace(";", " ").split() if part]
    return value


def _single(addresses: tuple[str, ...]) -> tuple[str, ...]:
    if not addresses:
        raise ValueError("want an e-mail address such as lea@example.com")
    if not all(address.isascii() and not set(address) & set(' ,;<>"()') for address in addresses):
        raise ValueError("want addresses in ASCII, such as lea@example.com, without names beside them")
    return tuple(dict.fromkeys(addresses))


Recipients = Annotated[
    tuple[Email, ...], BeforeValidator(_apart), AfterValidator(_single), Field(max_length=MOST_RECIPIENTS)
]


class NewSchedule(Input):
    """A schedule to be. `last_days` end the day before it goes out; without them it is the calendar month before.

    `every` week is on Mondays, `every` month on the first; `hour` is of the brand's day.
    """

    report: str
    every: Annotated[Every, BeforeValidator(lower)] = Every.WEEK
    hour: Annotated[int, Field(ge=0, le=23)] = DEFAULT_HOUR
    last_days: Annotated[int, Field(ge=1, le=MOST_DAYS)] | None = None
    format: Annotated[FileFormat, BeforeValidator(lower)] = FileFormat.PDF
    language: Annotated[Language, BeforeValidator(lower)] = Language.EN
    recipients: Recipients
    model: str | None = None
    campaign: CampaignReference = None
    channel: ChannelField | None = None
    partner: PartnerFilter = None
    network: Annotated[str, Field(max_length=40)] | None = None


class ScheduleChange(Input):
    """What may change: it can be ended."""

    ended: bool


class ScheduleQuery(ListQuery):
    """Which schedules."""

    ended: bool | None = None


class ScheduleView(Output):
    """A schedule. `next_at` is when it goes out next, `sent_at` when its letters were written last.

    `ended_because` is why it ended where nobody ended it.
    """

    id: str
    report: str
    every: Every
    hour: int
    last_days: int | None
    format: FileFormat
    language: Language
    recipients: list[str]
    model: str | None
    campaign: str | None
    channel: Channel | None
    partner: str | None
    network: str | None
    next_at: datetime | None
    sent_at: datetime | None
    created_at: datetime
    ended_at: datetime | None
    ended_because: str | None


def add(desk: Desk, wanted: NewSchedule, by: str | None = None) -> ScheduleView:
    """Begin a schedule; `by` is the account that asks. Raises BadInput and NotFound."""
    brand = catalog.brand_by_id(desk.session, desk.brand_id)
    check_report(wanted.report, wanted.campaign)
    if wanted.report == BILAN and wanted.format is not FileFormat.PDF:
        raise BadInput("format", "a bilan is sent as a PDF")
    _shape.model_from(wanted.model)
    if wanted.campaign:
        catalog.one(desk.session, Campaign, desk.brand_id, wanted.campaign)
    if wanted.partner:
        catalog.one(desk.session, Partner, desk.brand_id, wanted.partner)
    filters = {name: getattr(wanted, name) for name in _FILTERS if getattr(wanted, name)}
    row = Schedule(
        id=new_id(),
        brand_id=desk.brand_id,
        account_id=by,
        report=wanted.report,
        settings={"hour": wanted.hour, "last_days": wanted.last_days, "filters": filters},
        format=wanted.format,
        every=wanted.every,
        language=wanted.language,
        recipients=list(wanted.recipients),
        next_at=timetable.next_after(desk.now, wanted.every, wanted.hour, ZoneInfo(brand.time_zone)),
        created_at=desk.now,
    )
    desk.session.add(row)
    desk.session.flush()
    return _view(row)


def check_report(name: str, campaign: str | None) -> None:
    """Whether there is such a report to send or share; a bilan is of a campaign. Raises BadInput."""
    if name == BILAN and not campaign:
        raise BadInput("campaign", "say of which campaign the bilan is")
    if name != BILAN and name not in _shape.reports():
        raise BadInput("report", say("want one of %(choices)s", choices=", ".join((*_shape.reports(), BILAN))))


def one(desk: Desk, schedule_id: str) -> ScheduleView:
    """The brand's schedule of that id. Raises NotFound."""
    return _view(catalog.one(desk.session, Schedule, desk.brand_id, schedule_id))


def page(desk: Desk, query: ScheduleQuery) -> Page[ScheduleView]:
    """A page of the brand's schedules."""
    conditions = [] if query.ended is None else [Schedule.ended_at.is_not(None) == query.ended]
    rows, further = catalog.page(
        desk.session, Schedule, desk.brand_id, after=query.cursor, limit=query.limit, conditions=conditions
    )
    return Page[ScheduleView](data=[_view(row) for row in rows], next_cursor=further)


def edit(desk: Desk, schedule_id: str, change: ScheduleChange) -> ScheduleView:
    """End a schedule; again is no error. Raises NotFound, and BadInput for one that is to live again."""
    row = catalog.one(desk.session, Schedule, desk.brand_id, schedule_id, lock=True)
    if not change.ended and row.ended_at:
        raise BadInput("ended", "it has ended: begin another one")
    if change.ended:
        catalog.change(desk.session, row, {"ended_at": row.ended_at or desk.now})
    return _view(row)


def run(desk: Desk, schedule_id: str) -> ScheduleView:
    """Have its letters written now, beside those of its timetable; where they may not be any more it ends.

    Raises NotFound, and BadInput for one that has ended.
    """
    row = catalog.one(desk.session, Schedule, desk.brand_id, schedule_id, lock=True)
    if row.ended_at:
        raise BadInput("schedule", "it has ended: begin another one")
    if _may_go_on(desk, row):
        write(desk, row, desk.now, f"now:{desk.now.isoformat()}")
    return _view(row)


def write_due(desk: Desk, schedule_id: str) -> bool:
    """Write the letters of a schedule whose time has come, once however many times were missed; whether it had come."""
    row = catalog.one(desk.session, Schedule, desk.brand_id, schedule_id, lock=True)
    if row.ended_at or row.next_at > desk.now:
        return False
    if not _may_go_on(desk, row):
        return False
    zone = ZoneInfo(catalog.brand_by_id(desk.session, desk.brand_id).time_zone)
    every, hour = Every(row.every), int(row.settings["hour"])
    latest = timetable.latest_until(row.next_at, desk.now, every, hour, zone)
    write(desk, row, latest, latest.isoformat())
    catalog.change(desk.session, row, {"next_at": timetable.next_after(latest, every, hour, zone)})
    return True


def ended_lately(desk: Desk) -> list[ScheduleView]:
    """The brand's schedules that ended by themselves within LATELY, the last one first."""
    query = select(Schedule).where(Schedule.brand_id == desk.brand_id, Schedule.ended_because.is_not(None))
    rows = desk.session.execute(query.where(Schedule.ended_at > desk.now - LATELY).order_by(Schedule.ended_at.desc()))
    return [_view(row) for row in rows.scalars()]


def _may_go_on(desk: Desk, row: Schedule) -> bool:
    """Whether who began it still may share what it sends; where not, it ends here."""
    if accounts.still_may(desk.session, row.account_id, Right.SHARE, desk.brand_id):
        return True
    catalog.change(desk.session, row, {"ended_at": desk.now, "ended_because": NO_RIGHT})
    return False


def write(desk: Desk, row: Schedule, at: datetime, name: str) -> None:
    """A letter to each recipient, which are the same letters however often they are written under this `name`."""
    zone = ZoneInfo(catalog.brand_by_id(desk.session, desk.brand_id).time_zone)
    first, last = timetable.span(at.astimezone(zone).date(), row.settings["last_days"])
    values = {
        "brand_id": desk.brand_id,
        "account_id": row.account_id,
        "report": row.report,
        "format": row.format,
        "query": {**row.settings["filters"], "from": first.isoformat(), "to": last.isoformat()},
    }
    for recipient in row.recipients:
        letter = Letter(
            f"schedule:{row.id}:{name}:{keys.digest(recipient)[:32]}", KIND, recipient, row.language, values
        )
        mails.put(desk.session, desk.secret_key, letter, desk.now, desk.wall)
    catalog.change(desk.session, row, {"sent_at": desk.now})


_FILTERS = ("model", "campaign", "channel", "partner", "network")


def _view(row: Schedule) -> ScheduleView:
    settings: dict[str, Any] = row.settings
    filters = {name: settings["filters"].get(name) for name in _FILTERS}
    return ScheduleView(
        id=row.id,
        report=row.report,
        every=Every(row.every),
        hour=settings["hour"],
        last_days=settings["last_days"],
        format=FileFormat(row.format),
        language=Language(row.language),
        recipients=row.recipients,
        next_at=None if row.ended_at else row.next_at,
        sent_at=row.sent_at,
        created_at=row.created_at,
        ended_at=row.ended_at,
        ended_because=row.ended_because,
        **filters,
    )
