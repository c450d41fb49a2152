"""The menu: what is asked daily, then every report under its own heading, then what is set up once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import request

from tracker.domain.roles import Right
from tracker.reports import _shape
from tracker.web._view import may, to

OVERVIEW, TERMS, PAYOUTS, ORDERS, RULES, SYSTEM = "Overview", "Terms", "Payouts", "Orders", "Rules", "System"
ESTIMATES, PEOPLE = "Models compared", "People"
DISPUTES, MESSAGES = "Disputes", "Messages"
CAMPAIGNS, COSTS, PLACEMENTS = "Campaigns", "Costs", "Placements and counters"
CROSSING, PERFORMANCE, PROOF, MONEY = "Influence × affiliation", "Performance", "Proof", "Money"
SHARE, SCHEDULES, SHARED = "Sharing", "Scheduled reports", "Shared links"
IMPORTS, CUSTOMERS, WORK = "Import past orders", "Your customer file", "Long work"
SETTINGS, SHOPS, BRAND, KEYS = "Settings", "Shops", "Brand", "API keys"
SENTENCES = (
    OVERVIEW,
    CAMPAIGNS,
    COSTS,
    PLACEMENTS,
    ESTIMATES,
    PEOPLE,
    DISPUTES,
    MESSAGES,
    TERMS,
    PAYOUTS,
    ORDERS,
    RULES,
    SYSTEM,
    CROSSING,
    PERFORMANCE,
    PROOF,
    MONEY,
    *(SHARE, SCHEDULES, SHARED),
    *(IMPORTS, CUSTOMERS, WORK),
    *(SETTINGS, SHOPS, BRAND, KEYS),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the menu."""

    title: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class Section:
    """Lines of the menu under a heading."""

    title: str
    entries: Sequence[Entry]

    @property
    def open(self) -> bool:
        """Whether its lines are seen without a click: those around this page, and what this house is about."""
        return self.title == CROSSING or any(entry.current for entry in self.entries)


def lines() -> list[Entry | Section]:
    """Overview, every report under its own heading, the rest: a new report is in it by being there.

    Headings that nobody here knows come after those that are known.
    """
    named: dict[str, list[Entry]] = {heading: [] for heading in (PERFORMANCE, CROSSING, MONEY, PROOF)}
    named[PROOF].append(_entry(ESTIMATES, to("estimates.show")))
    for name, report in _shape.in_menu_order().items():
        if name not in ("overview", "orders"):
            entry = _entry(report.TITLE, to("pages.report", name=name))
            named.setdefault(_shape.group_of(report), []).append(entry)
    named[PERFORMANCE].append(_entry(PLACEMENTS, to("placements.show"), within=True))
    named[MONEY] += [
        _entry(COSTS, to("costs.show")),
        _entry(TERMS, to("terms.show")),
        _entry(PAYOUTS, to("payouts.show")),
    ]
    sharing = [_entry(SCHEDULES, to("sending.schedules_page")), _entry(SHARED, to("sending.links_page"))]
    return [
        _entry(OVERVIEW, to("pages.overview")),
        _entry(CAMPAIGNS, to("campaigns.overview"), within=True),
        _entry(ORDERS, to("pages.orders"), within=True),
        _entry(DISPUTES, to("talk.disputes"), within=True),
        _entry(MESSAGES, to("talk.messages"), within=True),
        *(Section(title, entries) for title, entries in named.items()),
        *([Section(SHARE, sharing)] if may(Right.SHARE) else []),
        Section(SETTINGS, _settings()),
    ]


def _settings() -> list[Entry]:
    """What is set up once and looked at seldom."""
    managed = ((BRAND, "brand.show"), (KEYS, "keys.show"), (PEOPLE, "people.show"))
    return [
        _entry(SHOPS, to("shops.show"), within=True),
        _entry(RULES, to("rules.overview"), within=True),
        *(_entry(title, to(endpoint), within=True) for title, endpoint in managed if may(Right.MANAGE)),
        _entry(IMPORTS, to("imports.show"), within=True),
        _entry(CUSTOMERS, to("segments.show")),
        _entry(WORK, to("work.every"), within=True),
        _entry(SYSTEM, to("pages.system")),
    ]


def _entry(title: str, href: str, *, within: bool = False) -> Entry:
    """The entry of a page, and `within` of the pages below it."""
    path = href.partition("?")[0]
    below = within and request.path.startswith(path.rstrip("/") + "/")
    return Entry(title, href, below or path == request.path)
