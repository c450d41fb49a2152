"""A report as a file, and in a letter: rendered when it is sent, in the language of whoever reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from tracker.domain.roles import Right
from tracker.errors import Forbidden
from tracker.ledger import accounts
from tracker.outgoing.composing import Attachment
from tracker.outgoing.schedules import BILAN, NO_RIGHT
from tracker.reports import _bilan, _bilan_sheet, _figures, _pdf, _reader, _shape, _xlsx
from tracker.reports._bilan import Bilan
from tracker.reports._reader import Reader
from tracker.reports._shape import Kind, Result

_MOST_FIGURES = 8


@dataclass(frozen=True, slots=True)
class Filled:
    """What fills a letter, and what goes with it."""

    values: Mapping[str, object] = field(repr=False)
    attachments: tuple[Attachment, ...] = ()


def file(result: Result, about: _xlsx.About, form: str, reader: Reader, now: datetime) -> Attachment:
    """The result as a file of that form: pdf, xlsx or csv. Raises BadInput where there is too much of it."""
    match form:
        case "pdf":
            return Attachment(_pdf.file_name(result), _pdf.CONTENT_TYPE, _pdf.as_pdf(result, about, reader, now))
        case "xlsx":
            return Attachment(_xlsx.file_name(result), _xlsx.CONTENT_TYPE, _xlsx.as_xlsx(result, about, reader))
        case _:
            # The mark tells a spreadsheet that it is UTF-8.
            name = _xlsx.file_name(result).removesuffix(".xlsx") + ".csv"
            return Attachment(name, "text/csv", ("\ufeff" + _shape.as_csv(result)).encode())


def report(session: Session, values: Mapping[str, object], language: str, home: str, now: datetime) -> Filled:
    """The letter of a schedule.

    Raises NotFound where the report or the brand is there no more, and Forbidden where the right to share it is.
    """
    brand_id, name = str(values["brand_id"]), str(values["report"])
    if not accounts.still_may(session, cast("str | None", values.get("account_id")), Right.SHARE, brand_id):
        raise Forbidden(NO_RIGHT)
    query = cast("dict[str, str]", values["query"])
    if name == BILAN:
        return _bilan_letter(session, brand_id, query["campaign"], _reader.reader_of(language), home, now=now)
    scope = _shape.scope_from(session, brand_id, query, now)
    result, about = _shape.run(session, name, scope), _xlsx.about(session, scope)
    reader = _reader.reader_of(language)
    told = {
        "title": reader.say(result.title),
        "brand": about.brand,
        "first": _figures.day(scope.start, reader.locale),
        "last": _figures.day(scope.end, reader.locale),
        "figures": figures(result, reader, about.zone),
        "url": f"{home}/reports/{name}?{urlencode({'brand': brand_id, **query})}",
    }
    return Filled(told, (file(result, about, str(values["format"]), reader, now),))


def _bilan_letter(
    session: Session, brand_id: str, campaign_id: str, reader: Reader, home: str, *, now: datetime
) -> Filled:
    found = _bilan.bilan(session, brand_id, campaign_id, now)
    sheet = _bilan_sheet.sheet(found, reader)
    told = {
        "title": f"{sheet.kind}: {sheet.title}",
        "brand": found.brand,
        "first": _figures.day(found.start, reader.locale),
        "last": _figures.day(found.end, reader.locale),
        "figures": [(label, value) for label, value, _ in sheet.tiles],
        "url": f"{home}/campaigns/{campaign_id}/bilan?{urlencode({'brand': brand_id})}",
    }
    return Filled(told, (bilan_file(found, reader),))


def bilan_file(found: Bilan, reader: Reader) -> Attachment:
    """The bilan as one page of A4."""
    return Attachment(_bilan_sheet.file_name(found), _pdf.CONTENT_TYPE, _bilan_sheet.as_pdf(found, reader))


def figures(result: Result, reader: Reader, zone: ZoneInfo) -> list[tuple[str, str]]:
    """The report's first row as headings and figures: what a letter says before it is opened."""
    if not result.rows:
        return []
    row = result.rows[0]
    known = [one for one in result.columns if one.kind is not Kind.ID and row.get(one.key) is not None]
    return [(reader.say(one.title), reader.cell(row, one, zone)) for one in known[:_MOST_FIGURES]]
