"""What all models make of a brand's days: paths out of the ledger, every model on them, plain values back.

Learned models report; they pay nobody. Nothing here is credited, and nothing that is credited is read: the journeys
are, and the share of orders that have one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, sessionmaker

from tracker import failpoints, log
from tracker.attribution._shape import Model, Rule
from tracker.errors import BadInput, place_of
from tracker.ledger import estimates, paths
from tracker.ledger.database import writing
from tracker.ledger.estimates import Wanted
from tracker.ledger.paths import Level
from tracker.ledger.rules import Book
from tracker.ledger.tables import Brand, OrderRow
from tracker.plugins import discover

DAYS = 90
"""How many days are estimated every night, ending yesterday."""

HEADLINE = "incremental"

_LONGEST = 800
_KEPT = timedelta(days=30)


def compute(session: Session, wanted: Wanted, now: datetime) -> dict[str, Any]:
    """The estimate as JSON values; values are minor units of `currency`. Raises NotFound for an unknown brand."""
    from tracker.attribution._estimate import estimate  # noqa: PLC0415  (only who computes loads arrays)

    question = paths.ask(session, wanted.brand_id, wanted.first, wanted.last, now, level=wanted.level)
    covered = paths.coverage(session, question)
    walked, customers = paths.in_columns(paths.answer(session, question, customers=True))
    settings = Book(session, [wanted.brand_id]).at(wanted.brand_id, question.until).models
    models = [cast(Model, module) for module in discover("tracker.attribution").values()]
    found = estimate(walked, customers, models=models, coverage=covered.identity, settings=settings)
    called = paths.titles(session, wanted.brand_id, wanted.level)
    return {
        "level": wanted.level.value,
        "from": wanted.first.isoformat(),
        "to": wanted.last.isoformat(),
        "currency": question.currency,
        "titles": {name: called.get(name, name) for name in walked.names},
        "known": {
            "orders": covered.orders,
            "joined": covered.joined,
            "other_currency": covered.other_currency,
            "clicks": covered.clicks,
            "followed": covered.followed,
        },
        "rules": [model.NAME for model in models if isinstance(model, Rule)],
        **found.to_json(),
    }


def check(first: date, last: date) -> None:
    """Raises BadInput for days that no estimate is made of."""
    if first > last:
        raise BadInput("from", "the first day comes after the last")
    if (last - first).days >= _LONGEST:
        raise BadInput("from", f"want at most {_LONGEST} days")


def sentences(model: Mapping[str, Any]) -> list[str]:
    """What is to be said beside a model's answer: its refusal, or its caveat and doubts. In English."""
    if model["refusal"]:
        return [str(model["refusal"]["sentence"])]
    return [*([model["caveat"]] if model["caveat"] else []), *(doubt["sentence"] for doubt in model["warnings"])]


def ask_daily(factory: sessionmaker[Session], now: datetime, wall: datetime) -> None:
    """Have every brand's last whole days estimated once, where anything was sold in them; forget what is old."""
    with factory() as session:
        brands = session.execute(select(Brand.id, Brand.time_zone).order_by(Brand.id)).all()
        daily = [_last_days(brand.id, now.astimezone(ZoneInfo(brand.time_zone)).date()) for brand in brands]
        due = [wanted for wanted in daily if estimates.one(session, wanted) is None and _sold(session, wanted)]
    if not due:
        return
    with writing(factory) as session:
        estimates.forget(session, wall - _KEPT)
        for wanted in due:
            estimates.ask_once(session, wanted, wall)


def _last_days(brand_id: str, today: date) -> Wanted:
    return Wanted(brand_id, Level.CHANNEL, today - timedelta(days=DAYS), today - timedelta(days=1))


def _sold(session: Session, wanted: Wanted) -> bool:
    in_time = OrderRow.placed_day.between(wanted.first, wanted.last)
    return bool(session.execute(select(exists().where(OrderRow.brand_id == wanted.brand_id, in_time))).scalar())


def work_on_next(factory: sessionmaker[Session], now: datetime, wall: datetime) -> bool:
    """Compute the estimate that has waited longest; whether there was one. Raises Unavailable.

    Computing holds no transaction that writes: a killed worker leaves a running row that is taken up again.
    """
    with writing(factory) as session:
        claim = estimates.claim(session, wall)
    if claim is None:
        return False
    failpoints.reached("estimates.claimed")
    try:
        with factory() as session:
            result = compute(session, claim.wanted, now)
    except Exception as error:
        log.error("estimate_failed", exc=error, estimate=claim.wanted.id)
        with writing(factory) as session:
            estimates.fail(session, claim, place_of(error), wall)
        return True
    with writing(factory) as session:
        estimates.finish(session, claim, result, wall)
    return True
