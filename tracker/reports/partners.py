"""Every partner with what they brought."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session

from tracker.domain.catalog import PartnerKind
from tracker.ledger.tables import Credit, Link, Partner, Touch
from tracker.reports import _performance, _ranked
from tracker.reports._parts import partners_of
from tracker.reports._performance import Performance, by_revenue, performance
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
    figures, partners = _figures(session, scope), partners_of(session, scope.brand_id)
    rivals = [one for one in figures.clicks if one in partners and partners[one].kind != PartnerKind.OWN]
    ranks = standings({one: figures.converted(one) for one in rivals})
    found = [
        _who(partner) | row | {"conversion": ranks.get(partner.id) if index == 0 else None}
        for partner in _listed(figures, partners, scope)
        for index, row in enumerate(figures.rows(partner.id))
    ]
    return by_revenue(found, figures.first)


def leading(session: Session, scope: Scope, most: int) -> tuple[list[Row], bool]:
    """The first `most` of these rows, who is ahead in conversion left out, and whether there are more."""
    figures, partners = _figures(session, scope), partners_of(session, scope.brand_id)
    each = [
        (partner, currency, index)
        for partner in _listed(figures, partners, scope)
        for index, currency in enumerate(figures.currencies_of(partner.id))
    ]
    each.sort(key=lambda one: (one[1] != figures.first, one[1], -figures.revenue(one[0].id, one[1])))
    found = [
        _who(partner) | figures.row(partner.id, currency, first=index == 0) | {"conversion": None}
        for partner, currency, index in each[:most]
    ]
    return found, len(each) > most


def _figures(session: Session, scope: Scope) -> Performance:
    return performance(session, scope, credit_by=Credit.partner_id, touch_by=Touch.partner_id, link_by=Link.partner_id)


def _listed(figures: Performance, partners: Mapping[str, Partner], scope: Scope) -> list[Partner]:
    """The partners with any figure, and those without one that the filters keep, by name."""
    seen = figures.subjects()
    kept = (one for one in partners.values() if one.id in seen or _belongs(one, scope))
    return sorted(kept, key=lambda one: (one.name, one.id))


def _who(partner: Partner) -> Row:
    return {"partner_id": partner.id, "partner": partner.name, "channel": partner.channel, "kind": partner.kind}


def _belongs(partner: Partner, scope: Scope) -> bool:
    """Whether a partner without any figure is still of interest under the scope's filters."""
    if scope.campaign_id:
        return False
    return scope.channel in (None, partner.channel) and scope.partner_id in (None, partner.id)
