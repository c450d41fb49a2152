"""Clicks come in by the thousand and each counts once: the roll-ups grow in the same transaction, by new rows alone.

What is new is what the primary key let in. Rows are written in the order of their keys, so that two workers with the
same clicks queue instead of deadlocking.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import psycopg
from sqlalchemy import Connection, exc, select
from sqlalchemy.orm import Session

from tracker.domain.agents import RULES_VERSION, Agent, Taken, Verdict
from tracker.domain.clicks import RawClick
from tracker.domain.ids import ID
from tracker.ledger import figures
from tracker.ledger.bulk import driver_errors, insert_ignore
from tracker.ledger.database import among, is_postgresql
from tracker.ledger.tables import Agent as AgentRow
from tracker.ledger.tables import Brand, Click, DeadLetter
from tracker.ledger.types import moment_text

SOURCE = "clicks"

# How many ids one statement asks for.
_CHUNK = 5_000


class ClickRow(NamedTuple):
    """A row of `clicks`, column by column as both databases take it; `at` is text."""

    id: str
    brand_id: str | None
    link_id: str | None
    at: str
    host: str
    slug: str
    verdict: str
    reason: str
    rules: int
    agent_id: str | None
    ip_prefix: str | None
    referrer_host: str | None
    consent: str | None
    gpc: bool
    dnt: bool
    visitor_hash: str | None
    visitor_id: str | None
    sub_ids: str | None


_NAMES = ", ".join(ClickRow._fields)
_PLACES = ", ".join("?" * len(ClickRow._fields))
_WORDS = {taken: taken.value for taken in Taken}
_HUMAN = Taken.HUMAN.value
_HOUR = len("YYYY-MM-DDTHH")
_MINUTE = len("YYYY-MM-DDTHH:MM")


def row(click: RawClick, verdict: Verdict, agent: Agent, *, keep_ip: bool) -> ClickRow:
    """The row of a judged click. Needs no database."""
    return ClickRow._make((
        click.id, click.brand_id, click.link_id, moment_text(click.at), click.host, click.slug,
        _WORDS[verdict.verdict], verdict.reason, RULES_VERSION, agent.id if agent.text else None,
        click.ip_prefix if keep_ip else None, click.referrer_host, click.consent, click.gpc, click.dnt,
        click.visitor_hash, click.visitor_id, json.dumps(click.sub_ids) if click.sub_ids else None,
    ))  # fmt: skip


def record(session: Session, rows: Sequence[ClickRow], agents: Mapping[str, Agent]) -> Sequence[ClickRow]:
    """Add the clicks that are not there yet, and count them; the rows of those that are new.

    For a `writing` transaction. `rows` holds each id once, in order, and `agents` at least their agents, by id.
    """
    if not rows:
        return []
    _add_agents(session, rows, agents)
    connection = session.connection()
    known = _copy(connection, rows) if is_postgresql(session) else _execute(connection, rows)
    fresh = [row for row in rows if row.id not in known] if known else rows
    zones = _zones(session, fresh)
    _count_hours(connection, fresh)
    _count_visitors(connection, fresh, zones)
    figures.changed(session, figures.CLICKS, _days(fresh, zones))
    return fresh


def missing_clicks(session: Session, ids: Iterable[str]) -> list[str]:
    """Those of `ids` that are neither recorded nor dead letters, in the order given."""
    missing: list[str] = []
    remaining = iter(ids)
    while chunk := list(islice(remaining, _CHUNK)):
        known = {
            *session.execute(select(Click.id).where(among(session, Click.id, chunk))).scalars(),
            *session.execute(select(DeadLetter.id).where(among(session, DeadLetter.id, chunk))).scalars(),
        }
        missing.extend(id_ for id_ in chunk if id_ not in known)
    return missing


def line_id(payload: bytes) -> str:
    """The id of the click in a line; of a line without one, what it is buried under."""
    found = ID.search(payload.decode("latin-1"))
    return found[0] if found else blake2b(payload, digest_size=16).hexdigest()


def bury(session: Session, payload: bytes, error: str, now: datetime) -> None:
    """Keep a click that can never be recorded, whole, with the reason, under the id of its line."""
    _bury(session, line_id(payload), payload, error, now)


def _bury(session: Session, id_: str, payload: bytes, error: str, now: datetime) -> None:
    letter = {"id": id_, "source": SOURCE, "payload": payload, "error": error, "at": now}
    insert_ignore(session, DeadLetter, [letter])


def bury_damaged(session: Session, line: bytes, now: datetime) -> None:
    """Keep a line that the disk damaged, whole. Under a digest: an id in it may be another click's.

    Burying it again is nothing.
    """
    _bury(session, blake2b(line, digest_size=16).hexdigest(), line, "damaged line", now)


def _execute(connection: Connection, rows: Sequence[ClickRow]) -> set[str]:
    """Insert on SQLite; the ids that were there before. It has one writer at a time: new rows have the last rowids."""
    before = _last_row(connection, "clicks")
    statement = f"INSERT INTO clicks ({_NAMES}) VALUES ({_PLACES}) ON CONFLICT DO NOTHING"  # noqa: S608
    if connection.exec_driver_sql(statement, rows).rowcount == len(rows):
        return set()
    fresh = connection.exec_driver_sql("SELECT id FROM clicks WHERE rowid > ?", (before,)).scalars()
    return {row.id for row in rows}.difference(fresh)


def _last_row(connection: Connection, table: str) -> int:
    return int(connection.exec_driver_sql(f"SELECT coalesce(max(rowid), 0) FROM {table}").scalar_one())  # noqa: S608


def _copy(connection: Connection, rows: Sequence[ClickRow]) -> set[str]:
    """Insert on PostgreSQL; the ids that were there before, or that another worker is adding first.

    Nearly always all are new and the straight way works. Where the key refuses one, they go through a table of our own.
    """
    try:
        with connection.begin_nested():
            _copy_into(connection, "clicks", rows)
        return set()
    except exc.IntegrityError:
        connection.exec_driver_sql("CREATE TEMPORARY TABLE IF NOT EXISTS incoming (LIKE clicks) ON COMMIT DELETE ROWS")
        _copy_into(connection, "pg_temp.incoming", rows)
    known = connection.exec_driver_sql(
        f"WITH added AS (INSERT INTO clicks ({_NAMES}) SELECT {_NAMES} FROM pg_temp.incoming"  # noqa: S608
        " ON CONFLICT DO NOTHING RETURNING id)"
        " SELECT id FROM pg_temp.incoming EXCEPT SELECT id FROM added"
    )
    return set(known.scalars())


def _copy_into(connection: Connection, table: str, rows: Sequence[ClickRow]) -> None:
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    with driver_errors(), driver.cursor() as cursor, cursor.copy(f"COPY {table} ({_NAMES}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _add_agents(session: Session, rows: Sequence[ClickRow], agents: Mapping[str, Agent]) -> None:
    """Add the agents that are not there yet, dated by the first click that shows them."""
    seen = {row.agent_id: row.at for row in reversed(rows) if row.agent_id}
    known = set(session.execute(select(AgentRow.id).where(among(session, AgentRow.id, seen))).scalars())
    fresh = [
        {
            "id": id_, "text": agents[id_].text, "browser": agents[id_].browser, "system": agents[id_].system,
            "device": agents[id_].device, "first_seen_at": datetime.fromisoformat(seen[id_]),
        }
        for id_ in sorted(seen.keys() - known)
    ]  # fmt: skip
    insert_ignore(session, AgentRow, fresh)


def _count_hours(connection: Connection, fresh: Sequence[ClickRow]) -> None:
    gross: dict[tuple[str, str], int] = defaultdict(int)
    human: dict[tuple[str, str], int] = defaultdict(int)
    for row in fresh:
        if row.link_id:
            key = (row.link_id, row.at[:_HOUR])
            gross[key] += 1
            human[key] += row.verdict == _HUMAN
    _write(
        connection,
        [(link, f"{hour}:00:00.000000+00:00", gross[link, hour], human[link, hour]) for link, hour in gross],
        "INSERT INTO link_hours (link_id, hour, gross, human) {values} ON CONFLICT (link_id, hour) DO UPDATE"
        " SET gross = link_hours.gross + excluded.gross, human = link_hours.human + excluded.human",
        ("uuid", "timestamptz", "integer", "integer"),
    )


def _days(fresh: Sequence[ClickRow], zones: Mapping[str | None, str]) -> set[tuple[str, date]]:
    """The days of brands on which these clicks fall, and those on which their hours begin: mostly the same."""
    minutes = {(row.brand_id, minute) for row in fresh if row.link_id and row.brand_id
               for minute in (f"{row.at[:_HOUR]}:00", row.at[:_MINUTE])}  # fmt: skip
    return {(brand, date.fromisoformat(_local_day(zones.get(brand, "UTC"), minute))) for brand, minute in minutes}


_VISITORS = "INSERT INTO link_visitors (link_id, day, visitor_hash) {values} ON CONFLICT DO NOTHING"
_DAYS = (
    "INSERT INTO link_days (link_id, day, uniques) {values} ON CONFLICT (link_id, day) DO UPDATE"
    " SET uniques = link_days.uniques + excluded.uniques"
)
_VISITOR_KINDS = ("uuid", "date", "uuid")


def _count_visitors(connection: Connection, fresh: Sequence[ClickRow], zones: Mapping[str | None, str]) -> None:
    """Each visitor counts once for a link and a day: what `link_visitors` lets in, `link_days` gains."""
    seen = [
        (row.link_id, _local_day(zones.get(row.brand_id, "UTC"), row.at[:_MINUTE]), row.visitor_hash)
        for row in fresh
        if row.visitor_hash and row.link_id and row.verdict == _HUMAN
    ]
    if not seen:
        return
    if connection.dialect.name == "postgresql":
        gained = "SELECT link_id, day, count(*) FROM added GROUP BY link_id, day ORDER BY link_id, day"
        statement = f"WITH added AS ({_VISITORS} RETURNING link_id, day) {_DAYS.replace('{values}', gained)}"
        _write(connection, seen, statement, _VISITOR_KINDS)
        return
    before = _last_row(connection, "link_visitors")
    _write(connection, seen, _VISITORS, _VISITOR_KINDS)
    gained = "SELECT link_id, day, count(*) FROM link_visitors WHERE rowid > ? GROUP BY link_id, day"
    connection.exec_driver_sql(_DAYS.format(values=gained), (before,))


def _write(connection: Connection, rows: Sequence[tuple[Any, ...]], statement: str, kinds: Sequence[str]) -> None:
    """Run `statement` for all rows, `{values}` being where they come from: one array a column, or one row at a time."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        order = ", ".join(str(number + 1) for number in range(len(kinds)))
        arrays = ", ".join(f"string_to_array(%s, ',')::{kind}[]" for kind in kinds)
        columns = tuple(",".join(map(str, column)) for column in zip(*rows, strict=True))
        source = f"SELECT * FROM unnest({arrays}) ORDER BY {order}"  # noqa: S608
        connection.exec_driver_sql(statement.format(values=source), columns)
    else:
        places = ", ".join("?" * len(kinds))
        connection.exec_driver_sql(statement.format(values=f"VALUES ({places})"), rows)


def _zones(session: Session, fresh: Sequence[ClickRow]) -> dict[str | None, str]:
    """The time zones of the brands concerned."""
    ids = {row.brand_id for row in fresh if row.brand_id}
    found = session.execute(select(Brand.id, Brand.time_zone).where(Brand.id.in_(ids)))
    return {brand.id: brand.time_zone for brand in found}


@lru_cache(maxsize=10_000)
def _local_day(zone: str, minute: str) -> str:
    """The day in `zone` of a UTC minute; every zone's offset is a whole number of minutes."""
    return datetime.fromisoformat(minute).replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date().isoformat()
