"""The picture in code: how a click and an order become credits. Read this first.

Every function here is one transaction, safe to repeat, and leaves the ledger either before or after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session, sessionmaker

from tracker import failpoints
from tracker.domain.credits import ModelCredits, credit, receipt
from tracker.domain.journeys import judge
from tracker.ledger import credits, due, journeys
from tracker.ledger.database import writing
from tracker.plugins import discover


def attribute_order(factory: sessionmaker[Session], order_id: str, now: datetime) -> bool:
    """Credit one order anew from the facts, due or not; False where there is no such order.

    Facts that arrive meanwhile keep it due. Raises Unavailable.
    """
    with writing(factory) as session:
        claim = due.claim_order(session, order_id)
        _attribute(session, [claim] if claim else [], now)
        failpoints.reached("attribution.before_commit")
    failpoints.reached("attribution.after_commit")
    return claim is not None


def attribute_due(factory: sessionmaker[Session], limit: int, now: datetime) -> int:
    """Credit up to `limit` due orders, the longest due first, all or none of them; how many.

    Several may run at once: each has orders of its own. Raises Unavailable.
    """
    with writing(factory) as session:
        claims = due.claim_due(session, limit)
        _attribute(session, claims, now)
        failpoints.reached("attribution.before_commit")
    failpoints.reached("attribution.after_commit")
    return len(claims)


def _attribute(session: Session, claims: Sequence[due.Claim], now: datetime) -> None:
    cases = journeys.load(session, [claim.order_id for claim in claims])
    credits.write(session, [_conclude(case) for case in cases], now)
    due.settle(session, claims)


def _conclude(case: journeys.Case) -> credits.Conclusion:
    """The thinking: whose touches, who may earn, who gets what, and why. Pure."""
    journey = judge(case.sale, case.candidates, case.rules)
    results = tuple(
        ModelCredits(
            model=name,
            version=model.VERSION,
            paying=model.MAY_PAY and name == case.rules.paying_model,
            credits=credit(journey, case.bill.net, model.weights, case.rules),
        )
        for name, model in discover("tracker.attribution").items()
        if model.ADDITIVE
    )
    return credits.Conclusion(case, journey, results, receipt(case.bill, journey, results, case.rules))
