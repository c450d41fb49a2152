"""Who belongs to a brand, and who is asked to: by letter, with a role; a brand is never left without an owner."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, StringConstraints
from sqlalchemy import ColumnElement, Row, Select, false, select, update
from sqlalchemy.orm import Session

from tracker.catalog import Desk
from tracker.catalog.fields import Input, ListQuery, Output, Page, PartnerFilter
from tracker.domain.ids import is_id, new_id, new_token
from tracker.domain.roles import Role
from tracker.errors import BadInput, Conflict, NotFound
from tracker.ledger import accounts, catalog, invitations, keys, mails
from tracker.ledger.mails import Letter
from tracker.ledger.tables import Account, Brand, Invitation, Membership, Partner

LAST_OWNER = "the brand would have no owner: make somebody else its owner first"
WHICH_PARTNER = "say which partner of the brand this person is"
NO_PARTNER = "only the role partner names a partner"
ANOTHER_ADDRESS = "this invitation is for another address than yours"
_NO_MEMBER = "nobody of that id belongs to the brand"
_NO_INVITATION = "no open invitation of that id: it was accepted, withdrawn or never there"
SENTENCES = (LAST_OWNER, WHICH_PARTNER, NO_PARTNER, _NO_MEMBER, _NO_INVITATION, invitations.BELONGS, invitations.OVER,
             accounts.NOT_AN_ADDRESS, accounts.KNOWN_ADDRESS, ANOTHER_ADDRESS)  # fmt: skip


def _address(text: str) -> str:
    try:
        return accounts.checked_email(text)
    except BadInput as error:
        raise ValueError(str(error)) from None


Email = Annotated[str, StringConstraints(max_length=320), AfterValidator(_address)]
Language = Literal["en", "fr"]


class NewInvitation(Input):
    """Who is asked to join as what. A partner says which one; without a language it is the partner's, or English."""

    email: Email
    role: Role
    partner: PartnerFilter = None
    language: Language | None = None


class InvitationView(Output):
    """An offer that was made, and what became of it."""

    id: str
    email: str
    role: Role
    partner: str | None
    language: str
    invited_by: str | None
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None


class FreshInvitation(InvitationView):
    """An invitation at the only moment when its link is shown: for those whose installation sends no letters."""

    TOLD_ONCE: ClassVar[frozenset[str]] = frozenset({"link"})

    link: str


class MemberChange(Input):
    """What somebody is to be to the brand from now on."""

    role: Role
    partner: PartnerFilter = None


class MemberView(Output):
    """Somebody who belongs to the brand; `id` is the account's."""

    id: str
    email: str
    role: Role
    partner: str | None
    second_step: bool
    created_at: datetime


# --- members ---------------------------------------------------------------------------------------------------------


def members(desk: Desk) -> list[MemberView]:
    """Everybody who belongs to the brand, in the sequence in which they came."""
    query = _members(desk).order_by(Membership.created_at, Account.id)
    return [_member(row) for row in desk.session.execute(query)]


def page(desk: Desk, query: ListQuery) -> Page[MemberView]:
    """A page of the brand's members."""
    wanted = _members(desk).order_by(Account.id).limit(query.limit + 1)
    if query.cursor:
        wanted = wanted.where(Account.id > query.cursor) if is_id(query.cursor) else wanted.where(false())
    rows = desk.session.execute(wanted).all()
    further = rows[query.limit - 1][0].id if len(rows) > query.limit else None
    return Page[MemberView](data=[_member(row) for row in rows[: query.limit]], next_cursor=further)


def one(desk: Desk, account_id: str) -> MemberView:
    """The brand's member of that account. Raises NotFound."""
    found = desk.session.execute(_members(desk).where(Account.id == account_id)).first() if is_id(account_id) else None
    if found is None:
        raise NotFound(_NO_MEMBER)
    return _member(found)


def change_role(desk: Desk, account_id: str, change: MemberChange) -> MemberView:
    """Make a member something else. Raises NotFound, BadInput, and Conflict for the last owner."""
    member = one(desk, account_id)
    if change.role is not Role.OWNER:
        _check_other_owner(desk, member)
    _check_partner(desk, change.role, change.partner)
    accounts.join(desk.session, member.id, desk.brand_id, change.role, desk.now, partner=change.partner)
    return one(desk, account_id)


def add_member(desk: Desk, account_id: str, wanted: MemberChange) -> MemberView:
    """Let an account join the brand, or change what it is to it. Raises as `change_role` does."""
    if desk.session.get(Membership, (account_id, desk.brand_id)) is not None:
        return change_role(desk, account_id, wanted)
    _check_partner(desk, wanted.role, wanted.partner)
    accounts.join(desk.session, account_id, desk.brand_id, wanted.role, desk.now, partner=wanted.partner)
    return one(desk, account_id)


def everybody(session: Session) -> list[dict[str, Any]]:
    """Every account of the installation, and what it is to which brand: for whoever runs it."""
    query = select(Membership.account_id, Membership.role, Brand.name).join(Brand, Brand.id == Membership.brand_id)
    roles: dict[str, list[str]] = {}
    for account_id, role, brand in session.execute(query.order_by(Brand.name)):
        roles.setdefault(account_id, []).append(f"{role} of {brand}")
    return [
        {
            "email": account.email,
            "operator": account.operator,
            "roles": roles.get(account.id, []),
            "second_step": account.totp_since is not None,
            "created_at": account.created_at,
        }
        for account in session.execute(select(Account).order_by(Account.email)).scalars()
    ]


def remove(desk: Desk, account_id: str) -> None:
    """From their next request on they see nothing of the brand. Raises NotFound, and Conflict for the last owner."""
    member = one(desk, account_id)
    _check_other_owner(desk, member)
    desk.session.delete(desk.session.get_one(Membership, (member.id, desk.brand_id)))
    desk.session.flush()


# --- invitations -----------------------------------------------------------------------------------------------------


def invite(desk: Desk, wanted: NewInvitation, *, by: str | None = None) -> FreshInvitation:
    """Ask an address to join; an earlier invitation of it is withdrawn. `by` is the account that asks.

    Raises BadInput, NotFound, and Conflict where the person belongs to the brand already.
    """
    partner = _check_partner(desk, wanted.role, wanted.partner)
    if any(member.email == wanted.email for member in members(desk)):
        raise Conflict(invitations.BELONGS)
    earlier = (Invitation.brand_id == desk.brand_id, Invitation.email == wanted.email, *invitations.is_open(desk.wall))
    desk.session.execute(update(Invitation).where(*earlier).values(revoked_at=desk.wall))
    row = Invitation(
        id=new_id(),
        brand_id=desk.brand_id,
        email=wanted.email,
        role=wanted.role,
        partner_id=wanted.partner,
        language=wanted.language or (partner.language if partner else None) or "en",
        invited_by=by,
        created_at=desk.wall,
        accepted_at=None,
        revoked_at=None,
    )
    return _sent(desk, row)


def resend(desk: Desk, invitation_id: str) -> FreshInvitation:
    """Send an invitation anew, with a fresh link and a week more; the old link opens nothing. Raises NotFound.

    One that is older than a week may be sent anew too.
    """
    row = _pending(desk, invitation_id)
    return _sent(desk, row)


def revoke(desk: Desk, invitation_id: str) -> InvitationView:
    """Withdraw an invitation. Raises NotFound where there is none to withdraw."""
    row = _pending(desk, invitation_id)
    row.revoked_at = desk.wall
    desk.session.flush()
    return _view(row)


def pending(desk: Desk) -> list[InvitationView]:
    """The invitations that nobody accepted or withdrew, the newest first; some may be older than a week."""
    query = select(Invitation).where(*_unanswered(desk)).order_by(Invitation.created_at.desc(), Invitation.id)
    return [_view(row) for row in desk.session.execute(query).scalars()]


def invitation_page(desk: Desk, query: ListQuery) -> Page[InvitationView]:
    """A page of the brand's invitations, all that were ever made."""
    rows, further = catalog.page(desk.session, Invitation, desk.brand_id, after=query.cursor, limit=query.limit)
    return Page[InvitationView](data=[_view(row) for row in rows], next_cursor=further)


def invitation(desk: Desk, invitation_id: str) -> InvitationView:
    """The brand's invitation of that id. Raises NotFound."""
    return _view(catalog.one(desk.session, Invitation, desk.brand_id, invitation_id))


# --- inside ----------------------------------------------------------------------------------------------------------


def _sent(desk: Desk, row: Invitation) -> FreshInvitation:
    """The row with a fresh link, and a letter that holds it."""
    token = new_token()
    row.digest, row.expires_at = keys.digest(token), desk.wall + invitations.GOOD_FOR
    desk.session.add(row)
    desk.session.flush()
    link = desk.public_url + invitations.path(token)
    values = {"url": link, "role": row.role, **told(desk.session, row)}
    letter = Letter(f"invitation:{row.id}:{row.digest[:16]}", "invitation", row.email, row.language, values)
    mails.put(desk.session, desk.secret_key, letter, desk.now, desk.wall)
    return FreshInvitation(link=link, **_view(row).model_dump())


def told(session: Session, row: Invitation) -> dict[str, str | None]:
    """What the letter and the page of an invitation call the brand and the partner."""
    partner = session.get(Partner, row.partner_id) if row.partner_id else None
    brand = catalog.brand_by_id(session, row.brand_id)
    return {"brand": brand.name, "partner": partner.name if partner else None}


def _pending(desk: Desk, invitation_id: str) -> Invitation:
    conditions = (Invitation.id == invitation_id, *_unanswered(desk))
    found = (
        desk.session.execute(select(Invitation).where(*conditions).with_for_update()) if is_id(invitation_id) else None
    )
    row = found.scalar_one_or_none() if found else None
    if row is None:
        raise NotFound(_NO_INVITATION)
    return row


def _unanswered(desk: Desk) -> Sequence[ColumnElement[bool]]:
    return Invitation.brand_id == desk.brand_id, Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None)


def _check_partner(desk: Desk, role: Role, partner_id: str | None) -> Partner | None:
    """Raises BadInput unless a partner, and only a partner, is named; NotFound where the brand has no such partner."""
    if (role is Role.PARTNER) != (partner_id is not None):
        raise BadInput("partner", WHICH_PARTNER if role is Role.PARTNER else NO_PARTNER)
    return catalog.one(desk.session, Partner, desk.brand_id, partner_id) if partner_id else None


def _check_other_owner(desk: Desk, member: MemberView) -> None:
    """Raises Conflict for the last owner. Owners are locked: of two who leave at once, one stays."""
    if member.role is not Role.OWNER:
        return
    owners = select(Membership.account_id).where(Membership.brand_id == desk.brand_id, Membership.role == Role.OWNER)
    if set(desk.session.execute(owners.with_for_update()).scalars()) <= {member.id}:
        raise Conflict(LAST_OWNER)


def _members(desk: Desk) -> Select[Account, Membership]:
    joined = select(Account, Membership).join(Membership, Membership.account_id == Account.id)
    return joined.where(Membership.brand_id == desk.brand_id)


def _member(row: Row[Account, Membership]) -> MemberView:
    account, membership = row
    return MemberView(
        id=account.id,
        email=account.email,
        role=Role(membership.role),
        partner=membership.partner_id,
        second_step=account.totp_since is not None,
        created_at=membership.created_at,
    )


def _view(row: Invitation) -> InvitationView:
    return InvitationView(
        id=row.id,
        email=row.email,
        role=Role(row.role),
        partner=row.partner_id,
        language=row.language,
        invited_by=row.invited_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        accepted_at=row.accepted_at,
        revoked_at=row.revoked_at,
    )
