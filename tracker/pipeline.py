"""The picture in code: how a click and an order become credits. Read this first.

Every function here is one transaction, safe to repeat, and leaves the ledger either before or after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import cast

from sqlalchemy.orm import Session, sessionmaker

from tracker import failpoints, log, plugins
from tracker.agents import look
from tracker.domain.agents import HIDDEN_LOAD, Agent, is_hidden_load
from tracker.domain.clicks import decode
from tracker.domain.commissions import Row, rows_to_add
from tracker.domain.credits import ModelCredits, credit_among, receipt, weighable
from tracker.domain.deliveries import Delivery, Platform, Redaction, ShopContext
from tracker.domain.ids import derived_id
from tracker.domain.journeys import judge
from tracker.errors import BadPayload, Unavailable, place_of
from tracker.ledger import clicks, commissions, commissions_due, credits, due, inbox, journeys, orders, terms
from tracker.ledger.database import writing
from tracker.plugins import discover

CLICKS = "clicks"  # the journal of this host that every answered click is in first

# --- clicks -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Judged:
    """Clicks ready for the ledger (each id once, in order), the agents behind them by id, and lines that are none."""

    rows: list[clicks.ClickRow]
    agents: dict[str, Agent]
    unreadable: list[bytes]


def judge_clicks(lines: Iterable[bytes], *, keep_ip: bool) -> Judged:
    """Read lines and tell people from bots. Needs no database. `keep_ip`: whether address prefixes may be stored."""
    rows: dict[str, clicks.ClickRow] = {}
    agents: dict[str, Agent] = {}
    unreadable: list[bytes] = []
    for line in lines:
        try:
            click = decode(line)
        except ValueError:
            unreadable.append(line)
            continue
        agent = look(click.user_agent)
        agents[agent.id] = agent
        verdict = HIDDEN_LOAD if is_hidden_load(click.fetch_dest, click.fetch_mode) else agent.verdict
        rows[click.id] = clicks.row(click, verdict, agent, keep_ip=keep_ip)
    return Judged([rows[id_] for id_ in sorted(rows)], agents, unreadable)


def record_clicks(factory: sessionmaker[Session], judged: Judged, wall: datetime) -> int:
    """Record clicks with their roll-ups, keep what is no click, mark the orders that waited; how many clicks are new.

    Raises Unavailable where trying again can help.
    """
    with writing(factory) as session:
        fresh = clicks.record(session, judged.rows, judged.agents)
        for line in judged.unreadable:
            clicks.bury(session, line, "not a click of a known format", wall)
        identified = [row.id for row in fresh if row.visitor_id]
        due.mark_due_for_clicks(session, [row.id for row in fresh], wall, identified=identified)
        failpoints.reached("clicks.before_commit")
    return len(fresh)


def bury_click(factory: sessionmaker[Session], line: bytes, error: str, wall: datetime) -> None:
    """Keep a click that can never be recorded as a dead letter, whole, with the reason."""
    with writing(factory) as session:
        clicks.bury(session, line, error, wall)


# --- orders -----------------------------------------------------------------------------------------------------------

Contexts = Callable[[str], ShopContext]
"""From a brand's id to what a platform may know while it reads a body of one of its shops."""


class Received(StrEnum):
    """What receiving a delivery came to. All but the unreadable are thanked for; that one waits in quarantine."""

    NEW = "new"
    DUPLICATE = "duplicate"
    ANOMALY = "anomaly"
    UNREADABLE = "unreadable"


class Ingested(StrEnum):
    """What working on a delivery came to. Nothing: somebody else has it in hand, or it is done already."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    QUARANTINED = "quarantined"
    FAILED = "failed"
    NOTHING = "nothing"


def is_readable(platform: str, delivery: Delivery, context: ShopContext) -> bool:
    """Whether the platform can read a signed delivery. Needs no database: it decides the answer while SQL is down."""
    return _unreadable(_platform(platform), delivery, context) is None


def receive_delivery(
    sessions: sessionmaker[Session],
    shop_id: str,
    platform: str,
    delivery: Delivery,
    context: ShopContext,
    *,
    wall: datetime,
    secret_id: str | None = None,
) -> Received:
    """Keep a verified delivery in the inbox; once this returns the shop may be told so.

    A key seen before with another body is kept as an anomaly, unless both bodies say the same. `secret_id` is the
    secret to note as used. Raises Unavailable where the ledger does not answer.
    """
    module = _platform(platform)
    with writing(sessions) as session:
        received = _keep(session, module, shop_id, delivery, context, wall=wall)
        if secret_id is not None:
            inbox.used_secret(session, secret_id, wall)
        failpoints.reached("webhook.inserted")
    failpoints.reached("webhook.committed")
    return received


def ingest_delivery(
    sessions: sessionmaker[Session], delivery_id: str, contexts: Contexts, *, now: datetime, wall: datetime
) -> Ingested:
    """Turn a pending delivery into order events and fold their orders; `now` dates facts, `wall` leases and marks.

    A body that cannot be read is quarantined with the reason. Any other error is noted and the delivery put off, for
    ever longer, until it counts as failed and waits for a person. Raises Unavailable where the ledger does not answer.
    """
    try:
        with writing(sessions) as session:
            claimed = inbox.claim(session, delivery_id)
            if claimed is None:
                return Ingested.NOTHING
            ingested = _ingest(session, claimed, contexts(claimed.brand_id), now, wall)
            failpoints.reached("orders.before_commit")
        failpoints.reached("orders.after_commit")
        return ingested
    except Unavailable:
        raise
    except Exception as error:
        log.error("delivery_failed", exc=error, delivery=delivery_id)
        with writing(sessions) as session:
            inbox.put_off(session, delivery_id, error=place_of(error), wall=wall)
        return Ingested.FAILED


def _platform(name: str) -> Platform:
    return cast(Platform, plugins.discover("tracker.platforms")[name])


def _unreadable(platform: Platform, delivery: Delivery, context: ShopContext) -> str | None:
    """Why the body cannot be read, or None. An error of ours is no reason: the delivery is kept and tried later."""
    try:
        platform.dedupe_key(delivery)
        if _redaction(platform, delivery, context) is None:
            platform.parse(delivery, context)
    except BadPayload as error:
        return str(error)
    except Exception as error:
        log.error("delivery_not_understood", exc=error, where=place_of(error))
    return None


def _keep(
    session: Session, platform: Platform, shop_id: str, delivery: Delivery, context: ShopContext, *, wall: datetime
) -> Received:
    reason = _unreadable(platform, delivery, context)
    digest = inbox.digest(delivery.body)
    key = f"unreadable:{digest}" if reason is not None else platform.dedupe_key(delivery)
    topic = platform.topic(delivery)
    state = inbox.State.PENDING if reason is None else inbox.State.QUARANTINED
    kept = inbox.keep(session, shop_id, delivery, dedupe_key=key, topic=topic, wall=wall, state=state, error=reason)
    if reason is not None:
        return Received.UNREADABLE
    if kept:
        return Received.NEW
    first_digest, first = inbox.first_body(session, shop_id, key)
    if first_digest == digest or _says_the_same(platform, first, delivery, context):
        return Received.DUPLICATE
    inbox.keep(
        session,
        shop_id,
        delivery,
        dedupe_key=f"anomaly:{derived_id(key, digest)}",
        topic=topic,
        wall=wall,
        state=inbox.State.ANOMALY,
        error="another body came under the same delivery id before",
    )
    return Received.ANOMALY


def _says_the_same(platform: Platform, first: bytes | None, delivery: Delivery, context: ShopContext) -> bool:
    """Whether two bodies of one delivery differ only in what we do not keep, such as a count of attempts."""
    if first is None:
        return False
    try:
        return platform.parse(replace(delivery, body=first), context) == platform.parse(delivery, context)
    except Exception as error:
        log.error("delivery_not_compared", exc=error, where=place_of(error))
        return False


def _ingest(session: Session, claimed: inbox.Claimed, context: ShopContext, now: datetime, wall: datetime) -> Ingested:
    platform = _platform(claimed.platform)
    home = orders.Home(claimed.shop_id, claimed.brand_id, claimed.time_zone, claimed.net_formula)
    try:
        redaction = _redaction(platform, claimed.delivery, context)
        if redaction is not None:
            _forget(session, home, claimed.id, redaction, now)
            return Ingested.UNCHANGED
        events = platform.parse(claimed.delivery, context)
        recorded = orders.record(session, home, events, delivery_id=claimed.id, now=now, wall=wall)
    except BadPayload as error:
        inbox.finish(session, claimed.id, inbox.State.QUARANTINED, str(error))
        return Ingested.QUARANTINED
    inbox.finish(session, claimed.id, inbox.State.DONE)
    if recorded.forgotten:
        inbox.blank(session, [claimed.id])
    return Ingested.CHANGED if recorded.changed else Ingested.UNCHANGED


def _redaction(platform: Platform, delivery: Delivery, context: ShopContext) -> Redaction | None:
    read: Callable[[Delivery, ShopContext], Redaction | None] | None = getattr(platform, "redaction", None)
    return read(delivery, context) if read is not None else None


def _forget(session: Session, home: orders.Home, delivery_id: str, redaction: Redaction, now: datetime) -> None:
    """The request itself names the person, so its own body goes too."""
    inbox.finish(session, delivery_id, inbox.State.DONE)
    if redaction.whole_shop:
        orders.forget_shop(session, home, now=now)
    else:
        orders.forget(
            session,
            home,
            external_ids=redaction.external_ids,
            customers=redaction.customers,
            traces=redaction.traces,
            now=now,
        )
    inbox.blank(session, [delivery_id])


def attribute_order(factory: sessionmaker[Session], order_id: str, now: datetime, wall: datetime | None = None) -> bool:
    """Credit one order anew from the facts, due or not; False where there is no such order.

    `now` dates the receipt, `wall` (else `now`) the mark for its commissions. Facts that arrive meanwhile keep the
    order due. Raises Unavailable.
    """
    with writing(factory) as session:
        claim = due.claim_order(session, order_id)
        _attribute(session, [claim] if claim else [], now, wall)
        failpoints.reached("attribution.before_commit")
    failpoints.reached("attribution.after_commit")
    return claim is not None


def attribute_due(factory: sessionmaker[Session], limit: int, now: datetime, wall: datetime | None = None) -> int:
    """Credit up to `limit` due orders, the longest due first, all or none of them; how many.

    Several may run at once: each has orders of its own. `now` dates receipts, `wall` (else `now`) marks. Raises
    Unavailable.
    """
    with writing(factory) as session:
        claims = due.claim_due(session, limit)
        _attribute(session, claims, now, wall)
        failpoints.reached("attribution.before_commit")
    failpoints.reached("attribution.after_commit")
    return len(claims)


def _attribute(session: Session, claims: Sequence[due.Claim], now: datetime, wall: datetime | None) -> None:
    cases = journeys.load(session, [claim.order_id for claim in claims])
    causes = {claim.order_id: claim.cause for claim in claims}
    credits.write(session, [_conclude(case) for case in cases], now, causes=causes, wall=wall)
    due.settle(session, claims)


def _conclude(case: journeys.Case) -> credits.Conclusion:
    """The thinking: whose touches, who may earn, who gets what, and why. Pure."""
    journey = judge(case.sale, case.candidates, case.rules)
    found = weighable(journey, case.rules)
    results = tuple(
        ModelCredits(
            model=name,
            version=model.VERSION,
            paying=model.MAY_PAY and name == found.rules.paying_model,
            credits=credit_among(found, case.bill.net, model.weights, additive=model.ADDITIVE),
            additive=model.ADDITIVE,
        )
        for name, model in discover("tracker.attribution").items()
        if hasattr(model, "weights")
    )
    return credits.Conclusion(case, journey, results, receipt(case.bill, journey, results, case.rules))


# --- what is owed -----------------------------------------------------------------------------------------------------


def accrue_commissions(factory: sessionmaker[Session], limit: int, now: datetime) -> int:
    """Reckon the commissions of up to `limit` due orders, the longest due first, all or none of them; how many.

    Several may run at once: each has orders of its own. Doing it again adds nothing. Raises Unavailable.
    """
    with writing(factory) as session:
        terms.hold_still(session)
        claims = commissions_due.claim(session, limit)
        cases = commissions.load(session, [claim.order_id for claim in claims])
        causes = {claim.order_id: claim.cause for claim in claims}
        commissions.write(session, [(case, _owed(case)) for case in cases], causes, now)
        commissions_due.settle(session, claims)
        failpoints.reached("commissions.before_commit")
    return len(claims)


def approve_commissions(factory: sessionmaker[Session], limit: int, now: datetime) -> int:
    """Approve up to `limit` commissions whose hold is over; how many. Raises Unavailable."""
    with factory() as session:
        over = commissions.past_hold(session, now, limit)
    if not over:
        return 0
    with writing(factory) as session:
        commissions.approve(session, over, now)
    return len(over)


def _owed(case: commissions.Case) -> list[Row]:
    """The thinking: what the rows must come to by now. Pure."""
    agreed = case.offer.terms if case.offer else None
    return rows_to_add(case.rows, agreed, case.share, case.sale, new_customer=case.new_customer)
