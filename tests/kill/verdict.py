"""What the ledger holds against what the clients know: lost, doubled, wrong."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis, RedisError
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DBAPIError

from tests.kill.load import Record, World
from tracker.ledger.database import open_database
from tracker.ledger.tables import (
    AttributionDue,
    Click,
    Credit,
    CreditSet,
    DeadLetter,
    InboxRow,
    LinkHour,
    OrderEventRow,
    OrderRow,
    Partner,
)


@dataclass
class Verdict:
    """The outcome of a run. `complaints` is empty when nothing was lost, doubled or wrong."""

    clicks: int
    orders: int
    lost: int = 0
    doubled: int = 0
    complaints: list[str] = field(default_factory=list)
    settled_in: float = 0.0


def settle(database_url: str, redis_url: str, record: Record, *, seconds: float) -> float:
    """Wait until nothing is on its way any more, at most `seconds`; how long it took."""
    began = time.monotonic()
    engine = open_database(database_url)
    redis = Redis.from_url(redis_url, socket_timeout=5)
    quiet = 0
    while quiet < 3 and time.monotonic() - began < seconds:
        quiet = quiet + 1 if _is_quiet(engine, redis, record) else 0
        time.sleep(0.5)
    engine.dispose()
    redis.close()
    return time.monotonic() - began


def _is_quiet(engine: Engine, redis: Redis, record: Record) -> bool:
    try:
        with engine.connect() as connection:
            pending = connection.scalar(select(func.count()).where(InboxRow.state.in_(["pending", "failed"])))
            due = connection.scalar(select(func.count()).select_from(AttributionDue))
            clicks = connection.scalar(select(func.count()).select_from(Click))
        return not pending and not due and not redis.xlen("clicks") and (clicks or 0) >= len(record.ok)
    except (DBAPIError, RedisError):
        return False


def judge(database_url: str, record: Record, world: World) -> Verdict:
    """Compare everything; the ledger is at rest."""
    engine = open_database(database_url)
    verdict = Verdict(clicks=len(record.ok), orders=len(record.orders))
    _judge_clicks(engine, record, verdict)
    _judge_rollups(engine, verdict)
    _judge_orders(engine, record, world, verdict)
    for answer, count in record.wrong.items():
        verdict.complaints.append(f"{count} × answered {answer}")
    engine.dispose()
    return verdict


def judge_shipping(state: Path, verdict: Verdict) -> None:
    """A Redis that nobody touched loses nothing: what had to be shipped again left the stream before its commit."""
    again = json.loads((state / "shipper.json").read_text())["shipped_again"]
    if again:
        verdict.complaints.append(f"{again} clicks had left the stream and were in no ledger")


def _judge_clicks(engine: Engine, record: Record, verdict: Verdict) -> None:
    with engine.connect() as connection:
        rows = connection.execute(select(Click.id, Click.slug, Click.verdict)).all()
        dead = connection.scalar(select(func.count()).select_from(DeadLetter)) or 0
    counts = Counter(row.id for row in rows)
    lost = record.ok.keys() - counts.keys()
    doubled = sum(count - 1 for count in counts.values())
    unknown = len(counts.keys() - record.ok.keys())
    wrong = sum(1 for row in rows if row.id in record.ok and record.ok[row.id] != (row.slug, row.verdict == "human"))
    verdict.lost += len(lost)
    verdict.doubled += doubled
    if lost:
        verdict.complaints.append(f"{len(lost)} answered clicks have no row, such as {sorted(lost)[:3]}")
    if doubled:
        verdict.complaints.append(f"{doubled} clicks are there twice")
    if unknown > record.in_doubt:
        verdict.complaints.append(f"{unknown} clicks that nobody made; only {record.in_doubt} were in doubt")
    if wrong:
        verdict.complaints.append(f"{wrong} clicks were recorded as something else")
    if dead:
        verdict.complaints.append(f"{dead} dead letters")


def _judge_rollups(engine: Engine, verdict: Verdict) -> None:
    human = func.count().filter(Click.verdict == "human")
    with engine.connect() as connection:
        counted = {
            row[0]: (row[1], row[2])
            for row in connection.execute(select(Click.link_id, func.count(), human).group_by(Click.link_id))
            if row[0] is not None
        }
        summed = {
            row[0]: (int(row[1]), int(row[2]))
            for row in connection.execute(
                select(LinkHour.link_id, func.sum(LinkHour.gross), func.sum(LinkHour.human)).group_by(LinkHour.link_id)
            )
        }
    if counted != summed:
        verdict.doubled += sum(max(0, summed[link][0] - counted.get(link, (0, 0))[0]) for link in summed)
        verdict.complaints.append(f"roll-ups differ from the clicks: {summed} against {counted}")


def _judge_orders(engine: Engine, record: Record, world: World, verdict: Verdict) -> None:
    with engine.connect() as connection:
        orders = {row.external_id: row for row in connection.execute(select(OrderRow.__table__))}
        events = connection.execute(
            select(OrderEventRow.external_id, OrderEventRow.key, func.count()).group_by(
                OrderEventRow.external_id, OrderEventRow.key
            )
        ).all()
        earned = _earned(engine)
    verdict.doubled += sum(row[2] - 1 for row in events)
    for external_id, expected in record.orders.items():
        row = orders.get(external_id)
        if row is None:
            verdict.lost += 1
            verdict.complaints.append(f"order {external_id} is lost")
            continue
        found = (row.status, row.total, row.refunded, row.net)
        wanted = (expected.status, expected.total, expected.refunded, expected.net)
        if found != wanted:
            verdict.complaints.append(f"order {external_id} is {found}, must be {wanted}")
        due = {} if expected.status == "cancelled" or not expected.partner else {expected.partner: expected.net}
        if earned.get(row.id, {}) != due:
            verdict.complaints.append(f"order {external_id} earns {earned.get(row.id)}, must {due}")
    for external_id in orders.keys() - record.orders.keys():
        verdict.complaints.append(f"order {external_id} was never placed")


def _earned(engine: Engine) -> dict[str, dict[str, int]]:
    """Order id → partner name → amount under last click, from sealed sets."""
    query = (
        select(Credit.order_id, Partner.name, func.sum(Credit.amount))
        .join(CreditSet, CreditSet.id == Credit.set_id)
        .join(Partner, Partner.id == Credit.partner_id)
        .where(CreditSet.model == "last_click", CreditSet.sealed)
        .group_by(Credit.order_id, Partner.name)
    )
    earned: dict[str, dict[str, int]] = {}
    with engine.connect() as connection:
        for order_id, partner, amount in connection.execute(query):
            earned.setdefault(order_id, {})[partner] = int(amount)
    return earned
