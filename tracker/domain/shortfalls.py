"""What falls short of its peers: the creative, the influencer or the message. Few cases name nobody.

Peers are what else the campaign has in the same tier of partners. Something falls short where its rate is at least a
fifth below the pooled rate of its peers and the whole of its 95 % Wilson interval lies below it. Both sides need a
sample: a hundred clicks for what is counted per click, three placements for what is counted per view.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from tracker.domain.metrics import wilson_interval

LEAST_CLICKS = 100
LEAST_PLACEMENTS = 3
AT_MOST = Fraction(4, 5)  # of the peers' rate


class Dimension(StrEnum):
    """What may be changed while a campaign runs."""

    CREATIVE = "creative"
    INFLUENCER = "influencer"
    MESSAGE = "message"


class Rate(StrEnum):
    """By what things are compared."""

    ORDERS_PER_CLICK = "orders_per_click"
    CLICKS_PER_VIEW = "clicks_per_view"
    ENGAGEMENT_PER_VIEW = "engagement_per_view"


class Verdict(StrEnum):
    """What is said of a dimension."""

    SHORT = "short"
    LEVEL = "level"
    TOO_FEW = "too_few"


# What they are called, what may be done about them and how they are compared, in English.
DIMENSIONS = {
    Dimension.CREATIVE: "Creative",
    Dimension.INFLUENCER: "Influencer",
    Dimension.MESSAGE: "Message",
}
ADVICE = {
    Dimension.CREATIVE: "Have the next ones made in the format of its peers, or show the product earlier.",
    Dimension.INFLUENCER: "Ask what their followers want to know, or move what is left of the budget to their peers.",
    Dimension.MESSAGE: "Give the placements that are still to come the message of their peers.",
}
RATES = {
    Rate.ORDERS_PER_CLICK: "Compared by orders per click.",
    Rate.CLICKS_PER_VIEW: "Compared by clicks per view.",
    Rate.ENGAGEMENT_PER_VIEW: "Compared by engagement per view.",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """How often something happened, out of how many, in how many placements."""

    hits: int
    of: int
    placements: int

    def __add__(self, other: Sample) -> Sample:
        return Sample(self.hits + other.hits, self.of + other.of, self.placements + other.placements)

    @property
    def rate(self) -> Fraction | None:
        """Hits for each, None out of none."""
        return Fraction(self.hits, self.of) if self.of else None

    def is_enough(self, rate: Rate) -> bool:
        """Whether anything may be said of it."""
        if rate is Rate.ORDERS_PER_CLICK:
            return self.of >= LEAST_CLICKS
        return self.placements >= LEAST_PLACEMENTS and self.of > 0


@dataclass(frozen=True, slots=True)
class Case:
    """A sample of one thing: the format, the partner or the message called `name`, with partners of one tier."""

    dimension: Dimension
    name: str
    tier: str | None
    sample: Sample


@dataclass(frozen=True, slots=True)
class Finding:
    """What is said of a dimension; of what falls short, its name, tier and sample, and its peers'.

    `most` is the largest sample that there was, where it was too small.
    """

    dimension: Dimension
    verdict: Verdict
    name: str | None = None
    tier: str | None = None
    own: Sample | None = None
    peers: Sample | None = None
    compared: int = 0
    most: Sample | None = None


def diagnose(cases: Iterable[Case], rate: Rate) -> list[Finding]:
    """A finding for each dimension: of several that fall short, the one that does so most. Unknown tiers have no
    peers.
    """
    known = list(cases)
    return [_finding(dimension, [one for one in known if one.dimension is dimension], rate) for dimension in Dimension]


def _finding(dimension: Dimension, cases: Sequence[Case], rate: Rate) -> Finding:
    pairs = [(case, peers) for case in cases if (peers := _peers(case, cases)) is not None]
    compared = [(case, peers) for case, peers in pairs if case.sample.is_enough(rate) and peers.is_enough(rate)]
    if not compared:
        most = max((case.sample for case in cases), key=lambda one: (one.of, one.placements), default=None)
        return Finding(dimension, Verdict.TOO_FEW, most=most)
    short = [(case, peers) for case, peers in compared if _is_short(case.sample, peers)]
    if not short:
        return Finding(dimension, Verdict.LEVEL, compared=len(compared))
    case, peers = min(short, key=lambda pair: (_ratio(pair[0].sample, pair[1]), pair[0].name))
    return Finding(dimension, Verdict.SHORT, case.name, case.tier, case.sample, peers, len(compared))


def _peers(case: Case, cases: Sequence[Case]) -> Sample | None:
    """Everything else of the same tier."""
    others = [one.sample for one in cases if one.tier == case.tier and one.name != case.name]
    return sum(others[1:], others[0]) if others and case.tier is not None else None


def _ratio(own: Sample, peers: Sample) -> Fraction:
    mine, theirs = own.rate, peers.rate
    return mine / theirs if mine is not None and theirs else Fraction(1)


def _is_short(own: Sample, peers: Sample) -> bool:
    interval, theirs = wilson_interval(min(own.hits, own.of), own.of), peers.rate
    if interval is None or not theirs:
        return False
    return _ratio(own, peers) <= AT_MOST and interval.high < theirs
