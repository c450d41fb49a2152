"""Every partner with what they brought."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.ledger.tables import Credit, Link, Partner, Touch
from tracker.reports import _performance
from tracker.reports._performance import by_revenue, performance
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 30
GROUP = "Performance"
TITLE = "Partners"
DESCRIPTION = "Every influencer and affiliate with the clicks, orders and revenue they brought."
COLUMNS = (
    Column("partner_id", "Partner id", Kind.ID),
    Column("partner", "Partner"),
    Column("channel", "Channel", Kind.WORD, "The partner's own channel; a link or a code may have another."),
    Column("kind", "Kind", Kind.WORD),
    _performance.CURRENCY,
    *_performance.COLUMNS,
)


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a partner and currency, those who brought nothing included, the largest revenue first."""
    figures = performance(
        session, scope, credit_by=Credit.partner_id, touch_by=Touch.partner_id, link_by=Link.partner_id
    )
    seen = figures.subjects()
    query = select(Partner).where(Partner.brand_id == scope.brand_id).order_by(Partner.name, Partner.id)
    found: list[Row] = []
    for partner in session.execute(query).scalars():
        if partner.id not in seen and not _belongs(partner, scope):
            continue
        who: Row = {
            "partner_id": partner.id,
            "partner": partner.name,
            "channel": partner.channel,
            "kind": partner.kind,
        }
        found += [who | row for row in figures.rows(partner.id)]
    return by_revenue(found, figures.first)


def _belongs(partner: Partner, scope: Scope) -> bool:
    """Whether a partner without any figure is still of interest under the scope's filters."""
    if scope.campaign_id:
        return False
    return scope.channel in (None, partner.channel) and scope.partner_id in (None, partner.id)
