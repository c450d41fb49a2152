"""Accounts of those who may sign in. A password is kept as an argon2id hash; an unknown account costs the same time.

`epoch` grows whenever every session of the account must end; a session carries the epoch that it was opened under.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import NewType

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Select, delete, exists, select, union, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from tracker.domain.ids import new_id
from tracker.domain.roles import RIGHTS, Right, Role
from tracker.errors import BadInput, Conflict, NotFound, say
from tracker.ledger import sign_ins
from tracker.ledger.database import writing
from tracker.ledger.tables import Account, Membership, PasswordReset

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 1024
_LONGEST_EMAIL = 320

PASSWORD_LENGTH = say(
    "want %(shortest)s to %(longest)s characters", shortest=SHORTEST_PASSWORD, longest=LONGEST_PASSWORD
)
NOT_AN_ADDRESS = "want an e-mail address"
KNOWN_ADDRESS = "this address has an account already"

PasswordHash = NewType("PasswordHash", str)

_hasher = PasswordHasher()


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in, under which epoch, and what they are to which brand; an operator is every brand's owner."""

    id: str
    email: str
    epoch: int
    operator: bool = False
    language: str | None = None
    roles: Mapping[str, Role] = field(default_factory=dict)  # by brand
    partners: Mapping[str, str] = field(default_factory=dict)  # by brand: the partner they are there

    def may(self, right: Right, brand_id: str) -> bool:
        """Whether their role in the brand lets them."""
        if self.operator:
            return right in RIGHTS[Role.OWNER]
        role = self.roles.get(brand_id)
        return role is not None and right in RIGHTS[role]

    @property
    def is_staff(self) -> bool:
        """Whether they may read any brand's figures at all."""
        return self.operator or any(Right.READ in RIGHTS[role] for role in self.roles.values())

    @property
    def is_partner_only(self) -> bool:
        """Whether the partner's page is all there is for them."""
        return bool(self.partners) and not self.is_staff


def create_account(session: Session, email: str, password: str, now: datetime, *, operator: bool = False) -> str:
    """Make an account and return its id. Raises BadInput, and Conflict where the address has one."""
    return open_account(session, email, hashed(password), now, operator=operator)


def open_account(
    session: Session, email: str, password: PasswordHash, now: datetime, *, operator: bool = False,
    language: str | None = None,
) -> str:  # fmt: skip
    """Make an account whose password was hashed before the transaction began. Raises as `create_account` does."""
    account = Account(
        id=new_id(),
        email=checked_email(email),
        password_hash=password,
        epoch=0,
        operator=operator,
        language=language,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(account)
    except IntegrityError:
        raise Conflict(KNOWN_ADDRESS) from None
    return account.id


def any_account(session: Session) -> bool:
    """Whether anybody can sign in at all."""
    return bool(session.execute(select(exists().where(Account.id.is_not(None)))).scalar())


def verify_password(sessions: sessionmaker[Session], email: str, password: str) -> Person | None:
    """Whose account and password these are, or None; as slow for an unknown address as for a wrong password.

    A hash made with older parameters is replaced on the way. No transaction is open while the hash is computed.
    """
    with sessions() as session:
        account = session.execute(select(Account).where(Account.email == folded(email))).scalar_one_or_none()
    known = account.password_hash if account else _nobodys_hash()
    if not _matches(known, password) or account is None:
        return None
    if _hasher.check_needs_rehash(known):
        _rehash(sessions, account, password)
    return Person(account.id, account.email, account.epoch)


def set_password(session: Session, email: str, password: str, wall: datetime) -> None:
    """Give the account another password and end all its sessions. Raises BadInput and NotFound."""
    account = by_email(session, email)
    change_password(session, account.id, hashed(password), wall)


def change_password(
    session: Session, account_id: str, password: PasswordHash, wall: datetime, *, staying: str | None = None
) -> int:
    """Another password, hashed before the transaction began; every session but the `staying` one ends, every link of a
    letter that would change it too.

    Returns the epoch that the staying one carries from now on.
    """
    sign_ins.end_all(session, account_id, wall, but=staying)
    session.execute(delete(PasswordReset).where(PasswordReset.account_id == account_id))
    changed = update(Account).where(Account.id == account_id).values(password_hash=password, epoch=Account.epoch + 1)
    epoch: int = session.execute(changed.returning(Account.epoch)).scalar_one()
    return epoch


def end_sessions(session: Session, account_id: str, wall: datetime) -> None:
    """Sign the account out everywhere."""
    sign_ins.end_all(session, account_id, wall)
    session.execute(update(Account).where(Account.id == account_id).values(epoch=Account.epoch + 1))


def choose_language(session: Session, account_id: str, language: str | None) -> None:
    """The language of pages and letters; None is the browser's."""
    session.execute(update(Account).where(Account.id == account_id).values(language=language))


def by_email(session: Session, email: str) -> Account:
    """The account of an address. Raises NotFound."""
    account = session.execute(select(Account).where(Account.email == folded(email))).scalar_one_or_none()
    if account is None:
        raise NotFound("no account has this address")
    return account


def person(session: Session, account_id: str, epoch: int) -> Person | None:
    """The account of a session, unless it is gone or the session was ended."""
    account = session.get(Account, account_id)
    if account is None or account.epoch != epoch:
        return None
    return _person(session, account)


def join(
    session: Session, account_id: str, brand_id: str, role: Role, now: datetime, *, partner: str | None = None
) -> None:
    """Make the account `role` of the brand, or something else than it was. A partner says which `partner` it is."""
    known = session.get(Membership, (account_id, brand_id))
    if known is None:
        known = Membership(account_id=account_id, brand_id=brand_id, created_at=now)
        session.add(known)
    known.role, known.partner_id = role, partner
    session.flush()


def holders(right: Right, brand_id: str) -> Select[str]:
    """The ids of the accounts that have this right in the brand as things are now."""
    roles = [role for role, rights in RIGHTS.items() if right in rights]
    members = select(Membership.account_id).where(Membership.brand_id == brand_id, Membership.role.in_(roles))
    if right in RIGHTS[Role.OWNER]:
        operators = select(Account.id).where(Account.operator)
        return select(union(members, operators).subquery().c.account_id)
    return members


def still_may(session: Session, account_id: str | None, right: Right, brand_id: str) -> bool:
    """Whether what this account made may go on; what no account made, a key or the terminal did, and goes on."""
    if account_id is None:
        return True
    return account_id in session.execute(holders(right, brand_id)).scalars().all()


def _person(session: Session, account: Account) -> Person:
    found = session.execute(select(Membership).where(Membership.account_id == account.id)).scalars().all()
    return Person(
        account.id,
        account.email,
        account.epoch,
        operator=account.operator,
        language=account.language,
        roles={one.brand_id: Role(one.role) for one in found},
        partners={one.brand_id: one.partner_id for one in found if one.partner_id},
    )


def folded(email: str) -> str:
    """An address as accounts keep it."""
    return email.strip().casefold()


def checked_email(text: str) -> str:
    """An address that may have an account, as it is kept. Raises BadInput."""
    email = folded(text)
    name, at, domain = email.rpartition("@")
    if not (name and at and domain) or any(map(_unseen, email)) or len(email) > _LONGEST_EMAIL:
        raise BadInput("email", NOT_AN_ADDRESS)
    return email


_unseen: Callable[[str], bool] = lambda character: character.isspace() or not character.isprintable()  # noqa: E731


def hashed(password: str) -> PasswordHash:
    """The hash of a new password; it takes long, so compute it before a transaction. Raises BadInput."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise BadInput("password", PASSWORD_LENGTH)
    return PasswordHash(_hasher.hash(password))


def _matches(known: str, password: str) -> bool:
    try:
        return _hasher.verify(known, password[:LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys_hash() -> str:
    return _hasher.hash("nobody has this password")


def _rehash(sessions: sessionmaker[Session], account: Account, password: str) -> None:
    """Replace the hash that was verified, and no other: the password may change meanwhile."""
    same = (Account.id == account.id, Account.password_hash == account.password_hash)
    with writing(sessions) as session:
        session.execute(update(Account).where(*same).values(password_hash=_hasher.hash(password)))
