"""What somebody is to a brand, and what that lets them do. Every right is named once; a role is a set of rights."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What an account is to a brand. A partner sees the partner's page of its own and nothing else."""

    OWNER = "owner"
    MARKETER = "marketer"
    FINANCE = "finance"
    VIEWER = "viewer"
    PARTNER = "partner"


class Right(StrEnum):
    """What a role may let somebody do in a brand."""

    READ = "read"  # every figure of the brand
    PLAN = "plan"  # campaigns, partners, links, codes, placements, snapshots, goals, decisions, rules
    SPEND = "spend"  # enter costs
    PAY = "pay"  # terms and payouts
    SHARE = "share"  # send reports out: schedules and shared links
    ANSWER = "answer"  # write to partners and answer their disputes
    MANAGE = "manage"  # people and their roles, shops, keys, the brand itself
    PROMOTE = "promote"  # the partner's page


_STAFF = frozenset({Right.READ})
RIGHTS: dict[Role, frozenset[Right]] = {
    Role.OWNER: frozenset(Right) - {Right.PROMOTE},
    Role.MARKETER: _STAFF | {Right.PLAN, Right.SPEND, Right.SHARE, Right.ANSWER},
    Role.FINANCE: _STAFF | {Right.SPEND, Right.PAY, Right.SHARE, Right.ANSWER},
    Role.VIEWER: _STAFF,
    Role.PARTNER: frozenset({Right.PROMOTE}),
}
