"""What was spent and what came back, by campaign and partner, in the brand's currency alone.

Costs are those of the scope's days; commissions are those of the orders placed in them. A filter keeps the parts of
shared costs that fall to what it keeps: a channel is the partner's own there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import String, cast, func, literal_column, select
from sqlalchemy.orm import Session

from tracker.domain.costs import Cell, Cost, Kind, Resource, Spread, placed, resource_of
from tracker.ledger import catalog, costs
from tracker.ledger.database import once
from tracker.ledger.figures import Line
from tracker.ledger.tables import Brand, Campaign, Credit, Link, Partner
from tracker.reports import _rolled
from tracker.reports._clicks import LINKED_BY, clicks
from tracker.reports._parts import CREDITED_BY, By, Credited, Key, brand_currency, credited, partners_of
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


_NOTHING = dict.fromkeys(Resource, 0)
_Part = tuple[Cell, Resource, int, bool, str | None]  # amount, whether it is media, the cost where it is foreign


@dataclass(slots=True)
class Spent:
    """What was spent on one subject, in minor units. `foreign` are the costs in another currency, which are not in."""

    by: dict[Resource, int] = field(default_factory=_NOTHING.copy)
    media: int = 0
    foreign: set[str] = field(default_factory=set)
    clicks: int = 0

    @property
    def total(self) -> int:
        """Everything."""
        return sum(self.by.values())

    def count(self, part: _Part) -> None:
        """Add a part of a cost, or a commission; of a cost in another currency only that there is one."""
        _, resource, amount, media, foreign = part
        if foreign is not None:
            self.foreign.add(foreign)
            return
        self.by[resource] += amount
        self.media += amount if media else 0

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


def read(session: Session, scope: Scope, *, by_partner: bool = True) -> Books:
    """The scope's spending and clicks, not to be changed. Raises NotFound where there is no such brand.

    Without `by_partner` a campaign's commissions and clicks may lie in one cell, for whoever adds them up anyway.
    """
    by_partner = by_partner or bool(scope.partner_id or scope.channel)
    return once(session, ("books", scope, by_partner), lambda: _clicked(session, scope, by_partner=by_partner))


def spending(session: Session, scope: Scope) -> Books:
    """The same without clicks, for whoever does not ask what one costs."""
    return once(session, ("spending", scope), lambda: _read(session, scope, by_partner=True))


def _clicked(session: Session, scope: Scope, *, by_partner: bool) -> Books:
    books = _read(session, scope, by_partner=by_partner)
    cells = defaultdict(Spent, books.cells)
    for key, clicked in clicks(session, scope, LINK_PAIR if by_partner else Link.campaign_id).items():
        cells[_cell(key) if by_partner else (key, None)].clicks += clicked.human
    return replace(books, cells=dict(cells))


def _read(session: Session, scope: Scope, *, by_partner: bool) -> Books:
    brand = catalog.brand_by_id(session, scope.brand_id)
    partners = partners_of(session, brand.id)
    cells: dict[Cell, Spent] = defaultdict(Spent)
    for part in (*_costs(session, scope, brand), *_commissions(session, scope, by_partner=by_partner)):
        if _kept(scope, part[0], partners):
            cells[part[0]].count(part)
    return Books(brand, campaigns_of(session, brand.id), partners, dict(cells))


def campaigns_of(session: Session, brand_id: str) -> dict[str, Campaign]:
    """The brand's campaigns by id. Not to be changed."""
    query = select(Campaign).where(Campaign.brand_id == brand_id)
    return once(
        session,
        ("campaigns", brand_id),
        lambda: {campaign.id: campaign for campaign in session.execute(query).scalars()},
    )


def _costs(session: Session, scope: Scope, brand: Brand) -> Sequence[_Part]:
    whole = _rolled.whole(scope)
    return once(session, ("costs", whole), lambda: list(_placed(session, whole, brand)))


def _placed(session: Session, scope: Scope, brand: Brand) -> Iterable[_Part]:
    spent = costs.spent(session, brand.id, scope.start, scope.end)
    pushes = costs.pushes(session, brand.id) if spent else []
    credited = _revenue(session, scope, brand, [cost for _, cost in spent])
    for currency, cost in spent:
        foreign = cost.id if currency != brand.currency else None
        resource, media = resource_of(cost.kind), cost.kind is Kind.AMPLIFICATION
        for cell, amount in placed(cost, pushes, credited).items():
            yield cell, resource, amount, media, foreign


def _commissions(session: Session, scope: Scope, *, by_partner: bool) -> Iterable[_Part]:
    sums: dict[Cell, int] = defaultdict(int)
    for campaign, partner, amount in _rolled.each(session, _rolled.whole(scope), _owed):
        if scope.campaign_id in (None, campaign):
            sums[campaign, partner if by_partner else None] += amount
    return ((cell, Resource.COMMISSIONS, amount, False, None) for cell, amount in sums.items())


@_rolled.additive("commissions", 2, by_channel=False)
def _owed(session: Session, scope: Scope) -> Iterable[Line]:
    """Commissions by campaign and partner, in the brand's currency, on the orders of the scope's days."""
    currency = brand_currency(session, scope.brand_id)
    owed = costs.owed(session, scope.brand_id, scope.start, scope.end, currency)
    return ((*cell, amount) for cell, amount in owed.items())


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
