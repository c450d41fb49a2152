"""What all models make of a brand's days: paths out of the ledger, every model on them, plain values back.

Learned models report; they pay nobody, and nothing here is credited. Beside them stands what rules have credited, read
from sealed credits and exact. Of thousands of partners groups are learned; within a group its estimate is split by
what the linear model has credited to each of its partners.
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
from tracker.errors import BadInput, place_of, say
from tracker.ledger import estimates, paths, rule_credits
from tracker.ledger.database import writing
from tracker.ledger.estimates import Wanted
from tracker.ledger.paths import Level
from tracker.ledger.tables import Brand, OrderRow
from tracker.plugins import discover

DAYS = 90
"""How many days are estimated every night, ending yesterday."""

HEADLINE = "incremental"

WITHIN = (
    "An estimate: models learn from groups, and each group's figure is split between its partners in proportion to the "
    "linear model's sealed credits on the same orders. The interval is the group's; how the split errs is not in it."
)

_LONGEST = 800
_KEPT = timedelta(days=30)


def compute(session: Session, wanted: Wanted, now: datetime) -> dict[str, Any]:
    """The estimate as JSON values; values are minor units of `currency`. Raises NotFound for an unknown brand."""
    from tracker.attribution._estimate import estimate  # noqa: PLC0415  (only who computes loads arrays)

    question = paths.ask(session, wanted.brand_id, wanted.first, wanted.last, now, level=wanted.level)
    covered = paths.coverage(session, question)
    walked, customers = paths.in_columns(paths.answer(session, question, customers=True))
    settings = paths.rules_at(session, wanted.brand_id, question.until).models
    models = [cast(Model, module) for module in discover("tracker.attribution").values()]
    found = estimate(walked, customers, models=models, coverage=covered.identity, settings=settings)
    credited = rule_credits.by_model(session, question)
    names = dict.fromkeys([*walked.names, *sorted({name for of_name in credited.values() for name in of_name})])
    called = paths.titles(session, wanted.brand_id, wanted.level)
    answers = found.to_json()
    return {
        "level": wanted.level.value,
        "from": wanted.first.isoformat(),
        "to": wanted.last.isoformat(),
        "currency": question.currency,
        "titles": {name: called.get(name, name) for name in names},
        "known": {
            "orders": covered.orders,
            "joined": covered.joined,
            "other_currency": covered.other_currency,
            "clicks": covered.clicks,
            "followed": covered.followed,
        },
        "rules": [model.NAME for model in models if isinstance(model, Rule)],
        "credited": [_credited(model, credited[model.NAME]) for model in models if model.NAME in credited],
        "within": _within(session, question, answers) if wanted.level is Level.GROUP else None,
        **answers,
    }


def _credited(model: Model, amounts: Mapping[str, int]) -> dict[str, Any]:
    return {"model": model.NAME, "title": model.TITLE, "additive": model.ADDITIVE, "amounts": dict(amounts)}


def _within(session: Session, question: paths.Question, answers: Mapping[str, Any]) -> dict[str, Any]:
    """Each partner's part of what learned models give its group: an estimate, in proportion to its linear credit."""
    modules = discover("tracker.attribution")
    learned = {
        model["model"]: {one["name"]: one for one in model["names"]}
        for model in answers["models"]
        if model["names"] and not isinstance(modules[model["model"]], Rule)
    }
    parts = [
        {
            "group": part.group,
            "partner_id": part.partner_id,
            "partner": part.partner,
            "share": round(part.share, 6),
            "linear": part.amount,
            "models": {
                model: {what: _scaled(of_name[part.group][what], part.share) for what in ("conversions", "value")}
                for model, of_name in learned.items()
                if part.group in of_name
            },
        }
        for part in rule_credits.within_groups(session, question)
    ]
    return {"estimate": True, "split_by": rule_credits.SPLIT_BY, "sentence": WITHIN, "partners": parts}


def _scaled(figure: Mapping[str, float] | None, share: float) -> dict[str, float] | None:
    return None if figure is None else {bound: round(value * share, 6) for bound, value in figure.items()}


def meant(
    session: Session, brand_id: str, level: Level, days: tuple[date | None, date | None], now: datetime
) -> Wanted:
    """The estimate of these days, both included: of DAYS up to the brand's yesterday where none are said.

    Raises BadInput for days that no estimate is made of.
    """
    first, last = days
    zone = session.execute(select(Brand.time_zone).where(Brand.id == brand_id)).scalar_one()
    end = last or now.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
    start = first or end - timedelta(days=DAYS - 1)
    check(start, end)
    return Wanted(brand_id, level, start, end)


def check(first: date, last: date) -> None:
    """Raises BadInput for days that no estimate is made of."""
    if first > last:
        raise BadInput("from", "the first day comes after the last")
    if (last - first).days >= _LONGEST:
        raise BadInput("from", say("want at most %(longest)s days", longest=_LONGEST))


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
