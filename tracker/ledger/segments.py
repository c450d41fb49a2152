"""Which customers the brand's own file puts in which group. A customer is a keyed hash, and leaves with an erasure."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from tracker.ledger.tables import Segment

_A_QUERY = 500


def forget(session: Session, brand_id: str, customers: Collection[str]) -> None:
    """Take these customers out of every group of the brand. Safe to repeat."""
    ordered = sorted(customers)
    for start in range(0, len(ordered), _A_QUERY):
        session.execute(
            delete(Segment).where(
                Segment.brand_id == brand_id, Segment.customer.in_(ordered[start : start + _A_QUERY])
            ),
            execution_options={"synchronize_session": False},
        )


def sizes(session: Session, brand_id: str) -> list[tuple[str, int]]:
    """The names of the brand's groups with how many customers are in each."""
    query = select(Segment.name, func.count()).where(Segment.brand_id == brand_id).group_by(Segment.name)
    return sorted((row[0], int(row[1])) for row in session.execute(query))


def pairs(session: Session, brand_id: str) -> set[tuple[str, str]]:
    """Every customer of the brand with each of their groups."""
    query = select(Segment.customer, Segment.name).where(Segment.brand_id == brand_id)
    return {(row[0], row[1]) for row in session.execute(query)}


def drop(session: Session, brand_id: str, name: str) -> int:
    """Take a group away; how many customers were in it."""
    size = select(func.count()).where(Segment.brand_id == brand_id, Segment.name == name)
    count = int(session.execute(size).scalar_one())
    session.execute(
        delete(Segment).where(Segment.brand_id == brand_id, Segment.name == name),
        execution_options={"synchronize_session": False},
    )
    return count
