"""To whom a letter about a partner goes: on the brand's side who may answer it, on the other the partner himself."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.roles import RIGHTS, Right
from tracker.ledger.tables import Account, Membership, Partner

DEFAULT_LANGUAGE = "en"
_ANSWERING = sorted(role.value for role, rights in RIGHTS.items() if Right.ANSWER in rights)


@dataclass(frozen=True, slots=True)
class Correspondent:
    """An address and the language it is written to in."""

    email: str
    language: str


def of_brand(session: Session, brand_id: str) -> list[Correspondent]:
    """Who may answer partners in the brand; the installation's operators where nobody else may."""
    members = (
        select(Account.email, Account.language)
        .join(Membership, Membership.account_id == Account.id)
        .where(Membership.brand_id == brand_id, Membership.role.in_(_ANSWERING))
        .order_by(Account.email)
    )
    operators = select(Account.email, Account.language).where(Account.operator).order_by(Account.email)
    found = session.execute(members).all() or session.execute(operators).all()
    return [Correspondent(email, language or DEFAULT_LANGUAGE) for email, language in found]


def of_partner(session: Session, brand_id: str, partner: Partner) -> list[Correspondent]:
    """The partner's accounts; without any, the address that the brand has of him, if it has one."""
    own = partner.language or DEFAULT_LANGUAGE
    query = (
        select(Account.email, Account.language)
        .join(Membership, Membership.account_id == Account.id)
        .where(Membership.brand_id == brand_id, Membership.partner_id == partner.id)
        .order_by(Account.email)
    )
    found = [Correspondent(email, language or own) for email, language in session.execute(query)]
    return found or ([Correspondent(partner.email, own)] if partner.email else [])
