"""Orders of a file in the background: looked at first, line by line, and recorded when somebody has said so.

A file is kept with its job until it was applied, and a day at most: it holds addresses of buyers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field

from tracker import backfill, jobs, queue
from tracker.catalog import Desk, shops
from tracker.catalog.fields import Currency, Input, Reference, TimeZone, lower
from tracker.domain.money import decimal_string
from tracker.errors import BadInput, say
from tracker.importing import _file, _table
from tracker.importing._file import Orders
from tracker.importing._table import Table, plain
from tracker.importing._values import Writing
from tracker.jobs.progress import Progress
from tracker.ledger import catalog
from tracker.ledger import jobs as ledger
from tracker.ledger.backfill import Effect
from tracker.ledger.jobs import Work
from tracker.ledger.orders import Home
from tracker.wiring import Wiring

LARGEST = 20 * 1024 * 1024  # bytes of a file
KEPT = timedelta(days=1)
MAPPED = "mapped"
_REFUSALS_KEPT = 500
_CLOCKS_DIFFER = timedelta(days=1)
_DAY_FIRST = {"dmy": True, "mdy": False}


def _mapping(given: object) -> object:
    return {key: value for key, value in given.items() if value} if isinstance(given, Mapping) else given


class ReadingInput(Input):
    """How a file is to be read: as which format, what its columns are called by our fields, what no column says."""

    format: Annotated[str, BeforeValidator(lower)] | None = None
    mapping: Annotated[dict[str, str], BeforeValidator(_mapping), Field(max_length=40, default_factory=dict)]
    time_zone: TimeZone | None = None
    dates: Literal["dmy", "mdy"] | None = None
    currency: Currency | None = None
    status: Literal["pending", "paid", "cancelled"] | None = None


class NewImport(ReadingInput):
    """An import to be: of which shop. With `apply` its orders are recorded, else it says what that would do."""

    shop: Annotated[Reference, Field(json_schema_extra={"format": "id"})]
    name: Annotated[str, Field(max_length=200)] = ""
    apply: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A field of ours, whether some column must tell it, and the column that is taken for it so far."""

    field: str
    needed: bool
    column: str


def ask(desk: Desk, wanted: NewImport, content: bytes, by: str | None = None, *, draft: bool = False) -> jobs.JobView:
    """Have a file looked at, or applied; a draft waits for its mapping. Raises BadInput and NotFound."""
    _check_size(content)
    shop = shops.one(desk, wanted.shop)
    settings = {**wanted.model_dump(mode="json"), "shop": shop.id, "format": _format(wanted.format, shop.platform)}
    return _asked(
        desk,
        ledger.ask(
            desk.session, desk.brand_id, jobs.IMPORT, settings, desk.now, account_id=by, content=content, draft=draft
        ),
    )


def format_of(desk: Desk, wanted: NewImport) -> str:
    """As which format its file is read: as was said, else as its shop's. Raises BadInput and NotFound."""
    return _format(wanted.format, shops.one(desk, wanted.shop).platform)


def ask_again(desk: Desk, job_id: str, *, reading: ReadingInput | None = None, apply: bool) -> jobs.JobView:
    """Have the file of a job looked at in another way, or applied as it was looked at. Raises NotFound and Conflict."""
    settings = jobs.one(desk, job_id).settings
    if reading is not None:
        said = reading.model_dump(mode="json")
        settings = {**settings, **said, "format": said["format"] or settings["format"]}
        _format(settings["format"], "")
    ledger.ask_again(desk.session, desk.brand_id, job_id, {**settings, "apply": apply}, desk.now)
    return jobs.one(desk, job_id)


def needs_mapping(content: bytes, format_: str) -> bool:
    """Whether somebody should say what the columns are. Raises BadInput where the file is too large or no table.

    It reads the whole file, which takes its time: ask before a transaction.
    """
    _check_size(content)
    table = _table.read(content)
    return format_ == MAPPED or any(one.needed and not one.column for one in columns(table, format_, {}))


def columns(table: Table, format_: str, mapping: Mapping[str, str]) -> list[Column]:
    """Our fields with the columns that are taken for them: as it was said, else by their names."""
    module = _file.formats()[format_]
    found = []
    for field, names in module.FIELDS.items():
        guess = next((table.columns[name] for name in names if name in table.columns), "")
        said = mapping.get(field, "")
        found.append(Column(field, field in module.NEEDED, table.columns.get(plain(said), guess) if said else guess))
    return found


def run(built: Wiring, work: Work, progress: Progress) -> dict[str, Any]:
    """Look at the file, or record its orders, in batches that stand alone. Safe to repeat. Raises BadInput."""
    settings = work.settings
    with built.sessions() as session:
        desk = built.desk(session, work.brand_id)
        brand = catalog.brand_by_id(session, work.brand_id)
        home = Home(shops.one(desk, settings["shop"]).id, brand.id, brand.time_zone, brand.net_formula)
    found = _file.read(
        work.input or b"",
        settings["format"],
        settings["mapping"],
        _writing(built, settings, brand.time_zone),
        built.shop_context(work.brand_id),
    )
    progress.begin(len(found.lines))
    if settings["apply"]:
        now, wall = built.clock.now(), built.clock.wall()
        tally = backfill.apply(built.sessions, home, found, progress.advance, now=now, wall=wall)
        queue.Doorbell(built.hasty_redis).ring(queue.ATTRIBUTION, queue.ATTRIBUTE)
    else:
        tally = backfill.look(built.sessions, home, found, progress.advance)
    return _told(found, tally, applied=settings["apply"])


def _check_size(content: bytes) -> None:
    if len(content) > LARGEST:
        raise BadInput("file", say("want at most %(value)s MB: export fewer months at a time", value=LARGEST // 2**20))
    if not content:
        raise BadInput("file", "the file is empty")


def _writing(built: Wiring, settings: Mapping[str, Any], time_zone: str) -> Writing:
    return Writing(
        zone=ZoneInfo(settings["time_zone"] or time_zone),
        latest=built.clock.now() + _CLOCKS_DIFFER,
        day_first=_DAY_FIRST.get(settings["dates"] or ""),
        currency=settings["currency"],
        status=settings["status"],
    )


def _format(said: str | None, platform: str) -> str:
    known = _file.formats()
    name = said or (platform if platform in known else MAPPED)
    if name not in known:
        raise BadInput("format", say("want one of %(choices)s", choices=", ".join(known)))
    return name


def _asked(desk: Desk, job_id: str) -> jobs.JobView:
    return jobs.one(desk, job_id)


def _told(found: Orders, tally: backfill.Tally, *, applied: bool) -> dict[str, Any]:
    return {
        "applied": applied,
        **{effect.value: tally.effects[effect] for effect in Effect},
        "refused": len(found.refused),
        "refusals": [{"line": one.line, "reason": one.reason} for one in found.refused[:_REFUSALS_KEPT]],
        "totals": [
            {"currency": code, "orders": tally.orders[code], "total": decimal_string(total, code)}
            for code, total in sorted(tally.totals.items())
        ],
    }
