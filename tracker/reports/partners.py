"""Every partner with what they brought."""

from __future__ import annotations

from sqlalchemy.orm import Session

from tracker.domain.catalog import PartnerKind
from tracker.ledger.tables import Credit, Link, Partner, Touch
from tracker.reports import _performance, _ranked
from tracker.reports._parts import partners_of
from tracker.reports._performance import by_revenue, performance
from tracker.reports._ranked import STANDING, standings
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 30
GROUP = "Performance"
TITLE = "Partners"
DESCRIPTION = "Every influencer and affiliate with the clicks, orders and revenue they brought."
WORDS = _ranked.WORDS
COLUMNS = (
    Column("partner_id", "Partner id", Kind.ID),
    Column("partner", "Partner"),
    Column("channel", "Channel", Kind.WORD, "The partner's own channel; a link or a code may have another."),
    Column("kind", "Kind", Kind.WORD),
    _performance.CURRENCY,
    *_performance.COLUMNS,
    STANDING,
)


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a partner and currency, those who brought nothing included, the largest revenue first."""
    figures = performance(
        session, scope, credit_by=Credit.partner_id, touch_by=Touch.partner_id, link_by=Link.partner_id
    )
    seen, partners = figures.subjects(), partners_of(session, scope.brand_id)
    rivals = [one for one in figures.clicks if one in partners and partners[one].kind != PartnerKind.OWN]
    ranks = standings({one: figures.converted(one) for one in rivals})
    found: list[Row] = []
    for partner in sorted(partners.values(), key=lambda one: (one.name, one.id)):
        if partner.id not in seen and not _belongs(partner, scope):
            continue
        who: Row = {
            "partner_id": partner.id,
            "partner": partner.name,
            "channel": partner.channel,
            "kind": partner.kind,
        }
        for index, row in enumerate(figures.rows(partner.id)):
            found.append(who | row | {"conversion": ranks.get(partner.id) if index == 0 else None})
    return by_revenue(found, figures.first)


def _belongs(partner: Partner, scope: Scope) -> bool:
    """Whether a partner without any figure is still of interest under the scope's filters."""
    if scope.campaign_id:
        return False
    return scope.channel in (None, partner.channel) and scope.partner_id in (None, partner.id)
