"""What was spent and what came back, by campaign and partner, in the brand's currency alone.

Costs are those of the scope's days; commissions are those of the orders placed in them. A filter keeps the parts of
shared costs that fall to what it keeps: a channel is the partner's own there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import String, cast, func, literal_column, select
from sqlalchemy.orm import Session

from tracker.domain.costs import Cell, Cost, Kind, Push, Resource, Spread, placed, resource_of
from tracker.ledger import catalog, costs
from tracker.ledger.database import once
from tracker.ledger.figures import Line
from tracker.ledger.tables import Brand, Campaign, Credit, Link, Partner
from tracker.reports import _rolled
from tracker.reports._parts import (
    CREDITED_BY,
    LINKED_BY,
    By,
    Credited,
    Key,
    brand_currency,
    clicks,
    credited,
    partners_of,
)
from tracker.reports._shape import Scope

_CONSTANTS: list[By] = [literal_column(f"'{text}'") for text in ("-", "/", "")]

# The brand's own id where a credit belongs to no campaign: that is a subject too.
CREDIT_CAMPAIGN: By = func.coalesce(Credit.campaign_id, Credit.brand_id)


def _pair(campaign: By, partner: By) -> By:
    """Both ids as one text, alike on both databases. Constants, not parameters: a group must be the same expression."""
    dash, slash, nothing = _CONSTANTS
    first, last = (func.replace(cast(column, String), dash, nothing) for column in (campaign, partner))
    return func.coalesce(first, nothing).op("||")(slash).op("||")(last)


CREDITED_BY["own-campaign"] = CREDIT_CAMPAIGN
CREDIT_PAIR, LINK_PAIR = _pair(Credit.campaign_id, Credit.partner_id), _pair(Link.campaign_id, Link.partner_id)
CREDITED_BY["pair"] = CREDIT_PAIR
LINKED_BY[str(LINK_PAIR)] = lambda link: f"{link.campaign_id or ''}/{link.partner_id}"


@dataclass(slots=True)
class Spent:
    """What was spent on one subject, in minor units. `foreign` are the costs in another currency, which are not in."""

    by: dict[Resource, int] = field(default_factory=lambda: dict.fromkeys(Resource, 0))
    media: int = 0
    foreign: set[str] = field(default_factory=set)
    clicks: int = 0

    @property
    def total(self) -> int:
        """Everything."""
        return sum(self.by.values())

    def add(self, other: Spent) -> None:
        """Add what was spent elsewhere; a cost that is shared is one cost."""
        for resource, amount in other.by.items():
            self.by[resource] += amount
        self.media += other.media
        self.foreign |= other.foreign
        self.clicks += other.clicks


@dataclass(frozen=True, slots=True)
class Books:
    """What a scope's spending is made of. The cells are those that the scope keeps."""

    brand: Brand
    campaigns: Mapping[str, Campaign]
    partners: Mapping[str, Partner]
    cells: Mapping[Cell, Spent]

    def spent(self, cells: Iterable[Cell]) -> Spent:
        """The sum over some cells."""
        total = Spent()
        for cell in cells:
            total.add(self.cells[cell])
        return total


def read(session: Session, scope: Scope) -> Books:
    """The scope's spending and clicks, not to be changed. Raises NotFound where there is no such brand."""
    return once(session, ("books", scope), lambda: _read(session, scope))


def _read(session: Session, scope: Scope) -> Books:
    brand = catalog.brand_by_id(session, scope.brand_id)
    partners, whole = partners_of(session, brand.id), _rolled.whole(scope)
    cells: dict[Cell, Spent] = {}
    for cell, spent in once(session, ("spent", whole), lambda: list(_parts(session, whole, brand))):
        if _kept(scope, cell, partners):
            cells.setdefault(cell, Spent()).add(spent)
    for key, clicked in clicks(session, scope, LINK_PAIR).items():
        cells.setdefault(_cell(key), Spent()).clicks += clicked.human
    return Books(brand, _campaigns_of(session, brand.id), partners, cells)


def _campaigns_of(session: Session, brand_id: str) -> dict[str, Campaign]:
    query = select(Campaign).where(Campaign.brand_id == brand_id)
    return once(
        session,
        ("campaigns", brand_id),
        lambda: {campaign.id: campaign for campaign in session.execute(query).scalars()},
    )


def _parts(session: Session, scope: Scope, brand: Brand) -> Iterable[tuple[Cell, Spent]]:
    spent = costs.spent(session, brand.id, scope.start, scope.end)
    pushes = costs.pushes(session, brand.id) if spent else []
    credited = _revenue(session, scope, brand, [cost for _, cost in spent])
    for currency, cost in spent:
        yield from _of_cost(cost, pushes, credited, foreign=currency != brand.currency)
    for campaign, partner, amount in _rolled.asked(session, scope, _owed):
        yield (campaign, partner), _of(Resource.COMMISSIONS, amount)


@_rolled.additive("commissions", 2, by_channel=False)
def _owed(session: Session, scope: Scope) -> Iterable[Line]:
    """Commissions by campaign and partner, in the brand's currency, on the orders of the scope's days."""
    currency = brand_currency(session, scope.brand_id)
    owed = costs.owed(session, scope.brand_id, scope.start, scope.end, currency)
    return ((*cell, amount) for cell, amount in owed.items())


def _of_cost(
    cost: Cost, pushes: list[Push], credited: Mapping[Cell, int], *, foreign: bool
) -> Iterable[tuple[Cell, Spent]]:
    for cell, amount in placed(cost, pushes, credited).items():
        if foreign:
            yield cell, Spent(foreign={cost.id})
        else:
            media = amount if cost.kind is Kind.AMPLIFICATION else 0
            yield cell, _of(resource_of(cost.kind), amount, media)


def _of(resource: Resource, amount: int, media: int = 0) -> Spent:
    spent = Spent(media=media)
    spent.by[resource] = amount
    return spent


def _revenue(session: Session, scope: Scope, brand: Brand, spent: Iterable[Cost]) -> dict[Cell, int]:
    """The credited net revenue by which costs are divided; it is only asked where one is."""
    if not any(cost.spread is Spread.REVENUE for cost in spent):
        return {}
    found: dict[Key, Credited] = credited(session, scope, CREDIT_PAIR)
    return {_cell(key): figures.revenue for (key, currency), figures in found.items() if currency == brand.currency}


def _cell(key: str) -> Cell:
    campaign, _, partner = key.partition("/")
    return campaign or None, partner


def _kept(scope: Scope, cell: Cell, partners: Mapping[str, Partner]) -> bool:
    campaign, partner = cell
    channel = partners[partner].channel if partner is not None and partner in partners else None
    return (
        scope.campaign_id in (None, campaign)
        and scope.partner_id in (None, partner)
        and scope.channel in (None, "", channel)
    )
