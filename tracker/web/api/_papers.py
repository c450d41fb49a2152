"""Reports and bilans as PDF over HTTP, in the language that is asked for."""

from __future__ import annotations

from typing import Literal

from apiflask import APIBlueprint
from flask import Response

from tracker.catalog import Desk
from tracker.catalog.fields import Input
from tracker.reports import _bilan, _bilan_sheet, _pdf, _xlsx
from tracker.reports._reader import reader_of
from tracker.web.api._doors import Door
from tracker.web.api._results import ReportQuery, ran

Language = Literal["en", "fr"]


class PaperQuery(ReportQuery):
    """What a report is asked about, and in which language it is told."""

    language: Language = "en"


class BilanQuery(Input):
    """In which language a bilan is told."""

    language: Language = "en"


def register(blueprint: APIBlueprint, door: Door) -> None:
    """Add the routes of papers."""

    @blueprint.get("/reports/<name>.pdf")
    @blueprint.input(PaperQuery, location="query")
    @blueprint.doc(summary="A report over a span of days, as PDF", tags=["reports"])
    def read_report_paper(name: str, query_data: PaperQuery) -> Response:
        def made(desk: Desk) -> bytes:
            result = ran(desk, name, query_data)
            told = _xlsx.about(desk.session, result.scope)
            return _pdf.as_pdf(result, told, reader_of(query_data.language), desk.now)

        return _paper(door.read(made))

    @blueprint.get("/campaigns/<campaign_id>/bilan.pdf")
    @blueprint.input(BilanQuery, location="query")
    @blueprint.doc(summary="What a campaign cost and brought back, as one page of PDF", tags=["reports"])
    def read_bilan(campaign_id: str, query_data: BilanQuery) -> Response:
        def made(desk: Desk) -> bytes:
            found = _bilan.bilan(desk.session, desk.brand_id, campaign_id, desk.now)
            return _bilan_sheet.as_pdf(found, reader_of(query_data.language))

        return _paper(door.read(made))


def _paper(content: bytes) -> Response:
    return Response(content, content_type=_pdf.CONTENT_TYPE)
