"""Every link with what it brought."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from tracker.ledger.tables import Campaign, Credit, Link, Partner, Touch
from tracker.reports import _performance
from tracker.reports._clicks import LINK_CHANNEL, links_of
from tracker.reports._performance import by_revenue, performance
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 40
GROUP = "Performance"
TITLE = "Links"
DESCRIPTION = "Every tracked link with its clicks, and the orders and revenue they led to."
COLUMNS = (
    Column("link_id", "Link id", Kind.ID),
    Column("link", "Link"),
    Column("partner_id", "Partner id", Kind.ID),
    Column("partner", "Partner"),
    Column("channel", "Channel", Kind.WORD),
    Column("campaign", "Campaign"),
    Column("landing_url", "Landing page"),
    Column("state", "State", Kind.WORD),
    _performance.CURRENCY,
    Column("gross_clicks", "Gross clicks", Kind.INTEGER, "Every request for the link, bots and previews included."),
    *_performance.COLUMNS,
)


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a link and currency, those without a click included, the largest revenue first."""
    figures = performance(session, scope, credit_by=Credit.link_id, touch_by=Touch.link_id, link_by=Link.id)
    found: list[Row] = []
    for link in session.execute(_query(scope)):
        what, clicks = _described(link), figures.clicks.get(link.id)
        for index, row in enumerate(figures.rows(link.id)):
            gross = (clicks.gross if clicks else 0) if index == 0 else None
            found.append(what | {"gross_clicks": gross} | row)
    return by_revenue(found, figures.first)


def _query(scope: Scope) -> Select[*tuple[Any, ...]]:
    return (
        select(
            *(Link.id, Link.host, Link.slug, Link.landing_url, Link.partner_id, Link.disabled_at),
            *(Partner.name.label("partner"), LINK_CHANNEL.label("channel"), Campaign.name.label("campaign")),
        )
        .join(Partner, Partner.id == Link.partner_id)
        .join(Campaign, Campaign.id == Link.campaign_id, isouter=True)
        .where(*links_of(scope))
        .order_by(Link.host, Link.slug)
    )


def _described(link: Any) -> Row:
    return {
        "link_id": link.id,
        "link": f"{link.host}/r/{link.slug}",
        "partner_id": link.partner_id,
        "partner": link.partner,
        "channel": link.channel,
        "campaign": link.campaign,
        "landing_url": link.landing_url,
        "state": "disabled" if link.disabled_at else "active",
    }
