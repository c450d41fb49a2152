"""What happens in the demo is a function of the seed: the same visits, orders and mishaps, in the same sequence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from tracker.demo.cast import (
    AFFILIATES,
    BOTS,
    BROWSERS,
    COMPARED,
    COUPON_SITE,
    GOODS,
    HELD_OUT,
    IN_APP_BROWSERS,
    INFLUENCERS,
    OTHER_MARKETING,
    PREVIEWS,
    PROMOTERS,
    REFERRERS,
    STORES,
    Promoter,
    Spot,
)

DAYS = 28.0
SEED = 2026
# Orders end this long before the story does, so that their refunds still belong to it.
_LAST_ORDER_DAY = 26.5


class Errand(StrEnum):
    """What a request for a link is."""

    PERSON = "person"
    BOT = "bot"
    PREVIEW = "preview"
    PREFETCH = "prefetch"
    HEAD = "head"
    ORPHAN = "orphan"

    @property
    def recorded(self) -> bool:
        """Whether the service answers 302 and keeps a click (an orphan one too)."""
        return self not in (Errand.PREFETCH, Errand.HEAD)


class Step(StrEnum):
    """What a shop has to say of an order, in the sequence in which it happens."""

    CREATED = "created"
    PAID = "paid"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"


LAST_STEP = Step.CANCELLED


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for a link on `day`. `number` is its place in the story; `address` stands for whose it is.

    `visitor` is who said yes to being followed; None for everybody else.
    """

    day: float
    number: int
    slug: str
    errand: Errand
    agent: str
    address: str
    referrer: str | None = None
    visitor: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """So many of one thing, at a price in minor units with tax included."""

    title: str
    price: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Purchase:
    """An order. `visits` are the numbers of the visits whose click ids the shop kept, the landing first.

    `per_cent_off` is what its code takes off; `refund` is in minor units, tax included. With `at_once` it was placed in
    the moment of its last click.
    """

    day: float
    number: int
    store: int
    customer: str
    lines: tuple[Line, ...]
    visits: tuple[int, ...] = ()
    code: str | None = None
    per_cent_off: int = 0
    shipping: int = 0
    test: bool = False
    steps: frozenset[Step] = field(default=frozenset({Step.CREATED, Step.PAID}))
    refund: int = 0
    at_once: bool = False

    @property
    def postcode(self) -> str:
        """Where the goods go. Those whom somebody brought live where amplification ran twice as often as elsewhere."""
        departments = HELD_OUT + COMPARED * (2 if self.visits else 1)
        return f"{departments[self.number * 7 % len(departments)]}000"

    @property
    def other_marketing(self) -> str | None:
        """What another advertiser or network left in the landing's address; on most orders nothing."""
        turn = self.number % 23
        return OTHER_MARKETING[turn // 3] if turn < 9 and turn % 3 == 0 else None


@dataclass(frozen=True, slots=True)
class Delivery:
    """On `day` the shop tells `steps` of a purchase, in this sequence, each so many times."""

    day: float
    purchase: Purchase
    steps: tuple[Step, ...]
    copies: int = 1


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that happens, by day."""

    acts: tuple[Visit | Delivery, ...]

    @property
    def visits(self) -> list[Visit]:
        """The requests for links."""
        return [act for act in self.acts if isinstance(act, Visit)]

    @property
    def purchases(self) -> list[Purchase]:
        """The orders, each once."""
        found = {act.purchase.number: act.purchase for act in self.acts if isinstance(act, Delivery)}
        return [found[number] for number in sorted(found)]


def write(seed: int = SEED, *, size: float = 1.0) -> Story:
    """The story of `seed`; `size` scales how much happens, not what."""
    author = _Author(Random(seed))  # noqa: S311 (nothing here is a secret)
    for promoter in PROMOTERS:
        for spot in promoter.spots:
            author.crowd(spot, round(spot.visits * size))
    author.strays(round(60 * size))
    for shape, count in _SHAPES:
        for _ in range(round(count * size)):
            author.sale(shape)
    for promoter in PROMOTERS:
        for _ in range(round(promoter.code_orders * size)):
            author.sale(_Shape(code="own"), promoter)
    return Story(tuple(sorted(author.acts, key=lambda act: act.day)))


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a sale came about: the channels of its clicks in time order (i, a; h is the coupon site), and whose code.

    With `at_once` the code was typed right after the last click.
    """

    clicks: str = ""
    code: str = ""
    at_once: bool = False


# What happens how often; sales by code alone are told with their promoters.
_SHAPES: Sequence[tuple[_Shape, int]] = (
    (_Shape("i"), 92),
    (_Shape("a"), 64),
    (_Shape("ia"), 58),  # an influencer opens, an affiliate closes
    (_Shape("ai"), 24),  # and the reverse
    (_Shape("ii"), 22),
    (_Shape("iia"), 16),
    (_Shape("i", code="own"), 44),
    (_Shape("i", code="coupon"), 26),  # the influencer's click, the coupon site's code
    (_Shape("h", code="leaked", at_once=True), 12),  # the coupon site publishes an influencer's code
    (_Shape("ia", code="own"), 14),
    (_Shape(), 56),  # nobody's
    (_Shape(code="unknown"), 8),
)
_UNKNOWN_CODE = "STAFF-LUNCH"
_LEAKED_CODE = "INES15"
_AMONG: dict[str, Sequence[Promoter]] = {"i": INFLUENCERS, "a": AFFILIATES, "h": (COUPON_SITE,)}


class _Author:
    """Makes things up, one after the other, out of one source of chance."""

    def __init__(self, chance: Random) -> None:
        self.acts: list[Visit | Delivery] = []
        self._chance = chance
        self._visits = 0
        self._purchases = 0
        self._customers: list[str] = []
        self._visitors = 0

    def crowd(self, spot: Spot, count: int) -> None:
        """Everybody who requests a link and buys nothing. Of those who may be followed some were here before."""
        for _ in range(count):
            errand = self._chance.choices(list(_CROWD), list(_CROWD.values()))[0]
            visitor = self._visitor() if errand is Errand.PERSON else None
            if visitor is not None and self._chance.random() < _COMES_BACK:
                visitor = self._chance.randint(1, visitor)
            self._visit(self._moment(spot), spot, errand, visitor=visitor)

    def _visitor(self) -> int | None:
        """Somebody new, where they say yes to being followed."""
        if self._chance.random() >= _CONSENTS:
            return None
        self._visitors += 1
        return self._visitors

    def strays(self, count: int) -> None:
        """Requests for slugs that nobody has: misspelt, or long gone."""
        for _ in range(count):
            slug = self._chance.choice(("nor", "ravi2", "summer-sale", "mei_tour", "wp-login"))
            self._visit(self._chance.uniform(0, DAYS), Spot(slug, "/", 0), Errand.ORPHAN)

    def sale(self, shape: _Shape, owner: Promoter | None = None) -> None:
        """One order with the clicks before it and everything that the shop tells of it."""
        promoters = [self._promoter(_AMONG[letter]) for letter in shape.clicks]
        day = self._order_day(promoters, owner)
        visits = tuple(self._clicks_before(day, promoters))
        code = self._code(shape.code, owner or (promoters[0] if promoters else None))
        purchase = self._purchase(day, visits, code, at_once=shape.at_once)
        self.acts.extend(self._deliveries(purchase))

    def _promoter(self, among: Sequence[Promoter]) -> Promoter:
        return self._chance.choices(among, [_draw(promoter) for promoter in among])[0]

    def _order_day(self, promoters: Sequence[Promoter], owner: Promoter | None) -> float:
        """A day by which everybody involved has been published, and journeys have had room."""
        involved = [*promoters, *([owner] if owner else [])]
        published = max((min(spot.day for spot in promoter.spots) for promoter in involved), default=0.0)
        earliest = published + 0.6 + 0.5 * len(promoters)
        return self._chance.triangular(earliest, _LAST_ORDER_DAY, earliest + 4)

    def _clicks_before(self, day: float, promoters: Sequence[Promoter]) -> Iterator[int]:
        """The shopper's clicks, a quarter of a day apart or more: even at the demo's speed they keep their sequence."""
        address, agent, visitor = self._address(), self._chance.choice(BROWSERS), self._visitor()
        gap = 0.25 + self._chance.random() * 0.2
        for back, promoter in zip(range(len(promoters), 0, -1), promoters, strict=True):
            at = day - back * gap
            spot = max((spot for spot in promoter.spots if spot.day < at), key=lambda spot: spot.day)
            yield self._visit(at, spot, Errand.PERSON, agent=agent, address=address, visitor=visitor)

    def _visit(
        self,
        day: float,
        spot: Spot,
        errand: Errand,
        *,
        agent: str | None = None,
        address: str | None = None,
        visitor: int | None = None,
    ) -> int:
        self._visits += 1
        self.acts.append(
            Visit(
                day=day,
                number=self._visits,
                slug=spot.slug,
                errand=errand,
                agent=agent or self._agent(spot, errand),
                address=address or self._address(),
                referrer=REFERRERS.get(spot.network or "") if errand is Errand.PERSON else None,
                visitor=visitor,
            )
        )
        return self._visits

    def _agent(self, spot: Spot, errand: Errand) -> str:
        if errand is Errand.BOT:
            return self._chance.choice(BOTS)
        if errand is Errand.PREVIEW:
            return self._chance.choice(PREVIEWS)
        in_app = IN_APP_BROWSERS.get(spot.network or "")
        return in_app if in_app and self._chance.random() < 0.7 else self._chance.choice(BROWSERS)

    def _address(self) -> str:
        """An address of the ranges that are reserved for examples."""
        if self._chance.random() < 0.4:
            return f"198.51.100.{self._chance.randrange(1, 255)}"
        return f"2001:db8:{self._chance.randrange(1, 0xFFFF):x}::{self._chance.randrange(1, 0xFFFF):x}"

    def _moment(self, spot: Spot) -> float:
        """A wave after the publication that ebbs within days; an evergreen link is clicked on every day."""
        if spot.network is None:
            return self._chance.uniform(0, DAYS)
        room = DAYS - spot.day
        return spot.day - 2.2 * math.log(1 - self._chance.random() * (1 - math.exp(-room / 2.2)))

    def _code(self, whose: str, owner: Promoter | None) -> str | None:
        if whose == "own":
            return owner.code if owner else None
        if whose == "coupon":
            return COUPON_SITE.code
        if whose == "leaked":
            return _LEAKED_CODE
        return _UNKNOWN_CODE if whose == "unknown" else None

    def _purchase(self, day: float, visits: tuple[int, ...], code: str | None, *, at_once: bool) -> Purchase:
        self._purchases += 1
        chance = self._chance
        steps = {Step.CREATED, Step.PAID}
        fate = chance.random()
        lines = tuple(Line(*goods, quantity=chance.choice((1, 1, 1, 2))) for goods in self._basket())
        refund = 0
        if fate < 0.04:
            steps = {Step.CREATED}  # never paid
        elif fate < 0.08:
            steps.add(Step.CANCELLED)
        elif fate < 0.20:
            steps.add(Step.REFUNDED)
            refund = lines[0].price * (100 - _off(code)) // 100
        store = int(chance.random() < 0.4)
        return Purchase(
            day=day,
            number=self._purchases,
            store=store,
            customer=self._customer(),
            lines=lines,
            visits=visits,
            code=code,
            per_cent_off=_off(code),
            shipping=chance.choice((0, 490, 490)),
            test=STORES[store].platform == "shopify" and chance.random() < 0.025,  # WooCommerce knows no test orders
            steps=frozenset(steps),
            refund=refund,
            at_once=at_once,
        )

    def _basket(self) -> list[tuple[str, int]]:
        return self._chance.sample(GOODS, self._chance.choice((1, 1, 2, 3)))

    def _customer(self) -> str:
        """An e-mail address; now and then somebody comes back."""
        if self._customers and self._chance.random() < 0.06:
            return self._chance.choice(self._customers)
        self._customers.append(f"shopper-{len(self._customers) + 1}@example.com")
        return self._customers[-1]

    def _deliveries(self, purchase: Purchase) -> Iterator[Delivery]:
        """Most shops say things once and in sequence. Some say them twice, late or the wrong way round."""
        chance = self._chance
        told = [Step.CREATED]
        copies = chance.choices((1, 2, 3), (80, 14, 6))[0]
        if Step.PAID in purchase.steps:
            if chance.random() < 0.15:  # pending first, paid some hours later
                yield Delivery(purchase.day + chance.uniform(0.2, 0.6), purchase, (Step.PAID,), copies)
            else:
                told.append(Step.PAID)
        if Step.REFUNDED in purchase.steps and Step.PAID in told and chance.random() < 0.2:
            told.append(Step.REFUNDED)  # in the same breath
        elif Step.REFUNDED in purchase.steps:
            yield Delivery(purchase.day + chance.uniform(0.7, 1.4), purchase, (Step.REFUNDED,), copies)
        if Step.CANCELLED in purchase.steps:
            yield Delivery(purchase.day + chance.uniform(0.7, 1.4), purchase, (Step.CANCELLED,), copies)
        if chance.random() < 0.25:
            chance.shuffle(told)
        yield Delivery(purchase.day, purchase, tuple(told), copies)


_CONSENTS = 0.6  # of the people who click
_COMES_BACK = 0.3  # of those: through another link, on another day
_CROWD = {Errand.PERSON: 83, Errand.BOT: 6, Errand.PREVIEW: 5, Errand.PREFETCH: 4, Errand.HEAD: 2}


def _off(code: str | None) -> int:
    """What a code of ours takes off, in per cent: its last two digits, or the one."""
    digits = "".join(character for character in code or "" if character.isdigit())
    return int(digits) if digits else 0


def _draw(promoter: Promoter) -> float:
    """How many of the sales are a promoter's, beside the others'."""
    return promoter.appeal * sum(spot.visits for spot in promoter.spots)
