"""The picture in code: how a click and an order become credits. Read this first.

Every function here is one transaction, safe to repeat, and leaves the ledger either before or after it.
"""

from __future__ import annotations


def attribute_order(factory: sessionmaker[Session], order_id: str, *, now: datetime, wall: datetime) -> bool:
    """Credit one order anew from the facts, due or not; False where there is no such order (yet).

    One transaction. Facts that arrive meanwhile keep the order due. Raises Unavailable.
    """
    with writing(factory) as session:
        claim = due.claim_order(session, order_id)
        found = _attribute(session, [claim], now) if claim else 0
        failpoints.reached("attribution.before_commit")
    failpoints.reached("attribution.after_commit")
    return found > 0
