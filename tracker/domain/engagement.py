"""What a placement's public counters say. A counter that nobody gave is None and never zero.

Counters grow from the publication on. One that falls is kept as it was given: networks take false accounts out of
them, and people mistype.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Counters:
    """A placement's public counters at a moment."""

    views: int | None = None
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    saves: int | None = None
    hashtag_uses: int | None = None

    @property
    def engagement(self) -> int | None:
        """Likes, comments, shares and saves together, the known ones; None where none is known."""
        return known_sum((self.likes, self.comments, self.shares, self.saves))


COUNTERS = tuple(field.name for field in fields(Counters))


def known_sum(figures: Iterable[int | None]) -> int | None:
    """The sum of the figures that are known; None where none is."""
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known else None


def falls(history: Iterable[Counters]) -> list[list[str]]:
    """For each of a placement's snapshots, in time order, which counters are lower than they were last known."""
    last: dict[str, int] = {}
    found = []
    for counters in history:
        found.append([name for name in COUNTERS if _is_below(getattr(counters, name), last.get(name))])
        last |= {name: value for name in COUNTERS if (value := getattr(counters, name)) is not None}
    return found


def _is_below(value: int | None, before: int | None) -> bool:
    return value is not None and before is not None and value < before


# --- earned media value ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RateCard:
    """What a thousand of each counter are taken to be worth, in minor units of `currency`.

    A card never changes: a new one is made, with another version, so that a figure says by which it was reckoned.
    """

    version: str
    currency: str
    views: int
    likes: int
    comments: int
    shares: int
    saves: int


# A convention, not a measurement: a thousand views at five euros, and round figures for what takes more than looking.
RATE_CARD = RateCard(
    version="emv-1", currency="EUR", views=500, likes=5_000, comments=25_000, shares=50_000, saves=25_000
)


def earned_media_value(counters: Counters, card: RateCard = RATE_CARD) -> Fraction | None:
    """EMV, an estimate: each known counter at the card's rate, in minor units of the card's currency.

    None where no counter is known.
    """
    worth = known_sum(
        (
            _at(counters.views, card.views),
            _at(counters.likes, card.likes),
            _at(counters.comments, card.comments),
            _at(counters.shares, card.shares),
            _at(counters.saves, card.saves),
        )
    )
    return None if worth is None else Fraction(worth, 1000)


def _at(count: int | None, rate: int) -> int | None:
    return None if count is None else count * rate


# --- hollow ----------------------------------------------------------------------------------------------------------

LEAST_PEERS = 8


@dataclass(frozen=True, slots=True)
class Kind:
    """Placements that may be compared: the engagement and the sales of each of them, both sorted.

    Sales are minor units of one currency.
    """

    engagements: Sequence[int]
    sales: Sequence[int]

    @classmethod
    def of(cls, measured: Iterable[tuple[int, int]]) -> Kind:
        """Of the (engagement, sales) of each."""
        pairs = list(measured)
        return cls(sorted(each for each, _ in pairs), sorted(each for _, each in pairs))

    def is_hollow(self, engagement: int, sales: int) -> bool | None:
        """Whether one of them engages much and sells little: three quarters of the others engage less and sell more.

        A tie is neither less nor more, so that where nobody sells nobody is hollow. None with fewer than LEAST_PEERS
        others.
        """
        others = len(self.sales) - 1
        if others < LEAST_PEERS:
            return None
        engaging_less = bisect_left(self.engagements, engagement)
        selling_more = len(self.sales) - bisect_right(self.sales, sales)
        return 4 * engaging_less >= 3 * others and 4 * selling_more >= 3 * others
