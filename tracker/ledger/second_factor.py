"""A second factor is asked for once it was confirmed; each code and each recovery code is good once.

The secret is sealed with the installation's key. Of recovery codes only digests are kept: 79 random bits need no slower
hash.
"""

from __future__ import annotations

import secrets
from base64 import b32encode
from datetime import datetime
from hashlib import sha256

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from tracker.domain import totp
from tracker.errors import BadInput, Conflict
from tracker.ledger.tables import Account
from tracker.sealing import Seal, seal

RECOVERY_CODES = 10
WRONG_CODE = "this code is not the one of now: wait for the next one and check the clock of your phone"
NOT_BEGUN = "begin with the QR code: nothing is waiting to be confirmed"
ON_ALREADY = "the second step is on already: switch it off first"
SENTENCES = (WRONG_CODE, NOT_BEGUN, ON_ALREADY)
_SECRET_BYTES = 20  # RFC 4226 recommends 160 bits
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else
_GROUPS, _GROUP = 4, 4


def is_on(session: Session, account_id: str) -> bool:
    """Whether a code is asked for after the account's password."""
    return session.execute(select(Account.totp_since).where(Account.id == account_id)).scalar() is not None


def recovery_left(session: Session, account_id: str) -> int:
    """How many recovery codes are unused."""
    return len(session.execute(select(Account.recovery).where(Account.id == account_id)).scalar() or [])


def begin(session: Session, secret_key: str, account_id: str) -> None:
    """Draw a secret that waits to be confirmed. Raises Conflict where a second factor is on."""
    account = _locked(session, account_id)
    if account.totp_since is not None:
        raise Conflict(ON_ALREADY)
    secret = b32encode(secrets.token_bytes(_SECRET_BYTES)).decode().rstrip("=")
    account.totp_secret, account.totp_step = _seal(secret_key).close(secret), None
    session.flush()


def waiting(session: Session, secret_key: str, account_id: str) -> str | None:
    """The secret that waits to be confirmed, or None."""
    account = session.get_one(Account, account_id)
    if account.totp_secret is None or account.totp_since is not None:
        return None
    return _seal(secret_key).open(account.totp_secret)


def confirm(session: Session, secret_key: str, account_id: str, code: str, wall: datetime) -> list[str]:
    """Switch the second factor on by a first code; the recovery codes, told this once. Raises BadInput and Conflict."""
    account = _locked(session, account_id)
    if account.totp_secret is None or account.totp_since is not None:
        raise Conflict(NOT_BEGUN)
    step = totp.matching_step(_seal(secret_key).open(account.totp_secret), code, wall)
    if step is None:
        raise BadInput("code", WRONG_CODE)
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    account.totp_since, account.totp_step, account.recovery = wall, step, [_digest(one) for one in codes]
    session.flush()
    return codes


def spend(session: Session, secret_key: str, account_id: str, code: str, wall: datetime) -> bool:
    """Whether this is a code of now or a recovery code that nobody has used: from here on it is used."""
    account = _locked(session, account_id)
    if account.totp_since is None or account.totp_secret is None:
        return False
    step = totp.matching_step(_seal(secret_key).open(account.totp_secret), code, wall)
    if step is None:
        return _spend_recovery(session, account, code)
    fresh = (Account.id == account_id, or_(Account.totp_step.is_(None), Account.totp_step < step))
    spent = session.execute(update(Account).where(*fresh).values(totp_step=step).returning(Account.id))
    return spent.first() is not None


def switch_off(session: Session, account_id: str) -> None:
    """Ask for no code any more, and forget the secret."""
    nothing = {"totp_secret": None, "totp_since": None, "totp_step": None, "recovery": None}
    session.execute(update(Account).where(Account.id == account_id).values(nothing))


def _spend_recovery(session: Session, account: Account, code: str) -> bool:
    digest, left = _digest(code), account.recovery or []
    if digest not in left:
        return False
    account.recovery = [one for one in left if one != digest]
    session.flush()
    return True


def _locked(session: Session, account_id: str) -> Account:
    return session.execute(select(Account).where(Account.id == account_id).with_for_update()).scalar_one()


def _seal(secret_key: str) -> Seal:
    return seal(secret_key, "second factors")


def _recovery_code() -> str:
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))


def _digest(code: str) -> str:
    """Of a recovery code as people type it: in any case, with spaces or dashes."""
    plain = "".join(character for character in code.lower() if character.isalnum())
    return sha256(plain.encode("utf-8", "surrogateescape")).hexdigest()
