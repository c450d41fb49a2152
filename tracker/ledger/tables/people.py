"""The installation, and who may sign in to it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.ledger.tables._base import Base
from tracker.ledger.types import Id


class Installation(Base):
    """One row: what this database is. A demo's database refuses a live process, and the other way round."""

    __tablename__ = "installation"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    demo: Mapped[bool]
    created_at: Mapped[datetime]


class Version(Base):
    """A counter that grows with every change of what it names (`links`): caches compare it, Redis only rings."""

    __tablename__ = "versions"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int]


class Account(Base):
    """Someone who may sign in to the pages."""

    __tablename__ = "accounts"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    password_hash: Mapped[str] = mapped_column(Text)
    epoch: Mapped[int] = mapped_column(server_default=text("0"))
    operator: Mapped[bool] = mapped_column(server_default=text("false"))  # runs the installation: owner of every brand
    language: Mapped[str | None] = mapped_column(String(5))
    totp_secret: Mapped[bytes | None] = mapped_column(LargeBinary)  # sealed with the installation's key
    totp_since: Mapped[datetime | None]  # confirmed by a first code; until then it is not asked for
    totp_step: Mapped[int | None]  # the last time step that was used: a code is good once
    recovery: Mapped[list[Any] | None]  # digests of the recovery codes that are left
    created_at: Mapped[datetime]


class Membership(Base):
    """What an account is to a brand: owner, marketer, finance, viewer, or the partner `partner_id`."""

    __tablename__ = "memberships"

    account_id: Mapped[str] = mapped_column(Id, ForeignKey("accounts.id"), primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(10))
    partner_id: Mapped[str | None] = mapped_column(Id, ForeignKey("partners.id"), index=True)
    created_at: Mapped[datetime]


class SignIn(Base):
    """A session of an account, as its holder sees it in the list and can end it."""

    __tablename__ = "sign_ins"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    account_id: Mapped[str] = mapped_column(Id, ForeignKey("accounts.id"), index=True)
    device: Mapped[str] = mapped_column(String(120))  # browser and system, no more
    ip_prefix: Mapped[str | None] = mapped_column(String(45))
    opened_at: Mapped[datetime]  # wall time
    seen_at: Mapped[datetime]  # wall time
    ended_at: Mapped[datetime | None]


class Invitation(Base):
    """An offer of a role in a brand, sent to an address. `digest` is the SHA-256 of what the letter's link holds."""

    __tablename__ = "invitations"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    brand_id: Mapped[str] = mapped_column(Id, ForeignKey("brands.id"), index=True)
    email: Mapped[str] = mapped_column(String(320))
    role: Mapped[str] = mapped_column(String(10))
    partner_id: Mapped[str | None] = mapped_column(Id, ForeignKey("partners.id"))
    language: Mapped[str] = mapped_column(String(5))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    invited_by: Mapped[str | None] = mapped_column(Id, ForeignKey("accounts.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class PasswordReset(Base):
    """A link by which an account may choose another password, once and soon."""

    __tablename__ = "password_resets"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    account_id: Mapped[str] = mapped_column(Id, ForeignKey("accounts.id"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
