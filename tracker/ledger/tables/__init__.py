"""Every table of the ledger, in the order of the house: catalog, facts, conclusions, operation.

Facts are only added. Conclusions carry what they were drawn from (rule set, model and formula versions) and may be
rebuilt at any time. Amounts are integer minor units of the row's currency.
"""

from __future__ import annotations

from tracker.ledger.tables._base import Base
from tracker.ledger.tables.catalog import (
    ApiKey,
    Benchmark,
    Brand,
    Campaign,
    Code,
    CodeOwner,
    Holdout,
    IdempotentRequest,
    Link,
    Partner,
    Placement,
    RuleDraft,
    RuleSet,
    Segment,
    Shop,
    ShopSecret,
    Terms,
    TrackingHost,
)
from tracker.ledger.tables.clicks import Agent, Click, LinkDay, LinkDayClicks, LinkHour, LinkVisitor
from tracker.ledger.tables.conclusions import (
    Credit,
    CreditSet,
    DayChange,
    Estimate,
    Figure,
    OrderClick,
    OrderCode,
    OrderRow,
    Receipt,
    RolledDay,
    Seal,
    Touch,
)
from tracker.ledger.tables.deliveries import InboxRow, OrderEventRow, Redaction
from tracker.ledger.tables.operation import AttributionDue, CommissionsDue, Counter, DeadLetter, Job, RulesDue
from tracker.ledger.tables.owed import Commission, CommissionStep, OrderTerms, Payout
from tracker.ledger.tables.people import Account, Installation, Invitation, Membership, PasswordReset, SignIn, Version
from tracker.ledger.tables.sending import Mail, Schedule, SharedLink
from tracker.ledger.tables.spending import Alert, Conversion, Cost, Decision, Goal, ShopCount, Snapshot
from tracker.ledger.tables.talk import Dispute, Document, Message

__all__ = [
    "Account",
    "Agent",
    "Alert",
    "ApiKey",
    "AttributionDue",
    "Base",
    "Benchmark",
    "Brand",
    "Campaign",
    "Click",
    "Code",
    "CodeOwner",
    "Commission",
    "CommissionStep",
    "CommissionsDue",
    "Conversion",
    "Cost",
    "Counter",
    "Credit",
    "CreditSet",
    "DayChange",
    "DeadLetter",
    "Decision",
    "Dispute",
    "Document",
    "Estimate",
    "Figure",
    "Goal",
    "Holdout",
    "IdempotentRequest",
    "InboxRow",
    "Installation",
    "Invitation",
    "Job",
    "Link",
    "LinkDay",
    "LinkDayClicks",
    "LinkHour",
    "LinkVisitor",
    "Mail",
    "Membership",
    "Message",
    "OrderClick",
    "OrderCode",
    "OrderEventRow",
    "OrderRow",
    "OrderTerms",
    "Partner",
    "PasswordReset",
    "Payout",
    "Placement",
    "Receipt",
    "Redaction",
    "RolledDay",
    "RuleDraft",
    "RuleSet",
    "RulesDue",
    "Schedule",
    "Seal",
    "Segment",
    "SharedLink",
    "Shop",
    "ShopCount",
    "ShopSecret",
    "SignIn",
    "Snapshot",
    "Terms",
    "Touch",
    "TrackingHost",
    "Version",
]
