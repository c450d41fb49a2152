"""An invitation makes somebody what it says in the brand, once, within a week; only the digest of its link is kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from tracker.domain.roles import Role
from tracker.errors import Conflict, NotFound
from tracker.ledger import accounts, keys
from tracker.ledger.tables import Invitation, Membership

GOOD_FOR = timedelta(days=7)
OVER = "this invitation is over: it was used, withdrawn or is older than a week; ask for another one"
BELONGS = "this person belongs to the brand already: change the role instead"


def path(token: str) -> str:
    """Where the link of an invitation leads on this installation."""
    return f"/invitation/{token}"


def is_open(wall: datetime) -> tuple[ColumnElement[bool], ...]:
    """The conditions of an invitation that can still be accepted."""
    return Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None), Invitation.expires_at > wall


def by_token(session: Session, token: str, wall: datetime) -> Invitation:
    """The open invitation whose link holds the token. Raises NotFound."""
    query = select(Invitation).where(Invitation.digest == keys.digest(token), *is_open(wall))
    found = session.execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound(OVER)
    return found


def accept(session: Session, token: str, account_id: str, now: datetime, wall: datetime) -> Invitation:
    """Make the account what the invitation says. Raises NotFound, and Conflict for whoever belongs to the brand."""
    invitation = by_token(session, token, wall)
    spent = session.execute(
        update(Invitation)
        .where(Invitation.id == invitation.id, *is_open(wall))
        .values(accepted_at=wall)
        .returning(Invitation.id)
    ).first()
    if spent is None:
        raise NotFound(OVER)
    if session.get(Membership, (account_id, invitation.brand_id)) is not None:
        raise Conflict(BELONGS)
    role, partner = Role(invitation.role), invitation.partner_id
    accounts.join(session, account_id, invitation.brand_id, role, now, partner=partner)
    return invitation
