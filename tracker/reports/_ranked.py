"""A conversion rate with its interval, and what may be said of it among its rivals: the same for whatever is ranked."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

from tracker.domain import metrics
from tracker.domain.rankings import LEAST_CLICKS, LEAST_ORDERS, Converted, Verdict, verdicts
from tracker.reports._shape import Column, Kind, Row

CVR = (
    Column("cvr", "CVR", Kind.PERCENT, "Conversion rate: orders that came through a link, per click."),
    Column("cvr_low", "CVR, from", Kind.PERCENT, "Lower end of the interval that holds the true CVR 95 times of 100."),
    Column("cvr_high", "CVR, to", Kind.PERCENT, "Upper end of that interval, which is Wilson's."),
)
STANDING = Column(
    "conversion",
    "Conversion",
    Kind.WORD,
    f"The best converts more than each rival and than all others together, interval against interval. Less than"
    f" {LEAST_CLICKS} clicks or {LEAST_ORDERS} orders through links are too few. The brand's own accounts are"
    " not in it.",
)
WORDS = {
    Verdict.BEST.value: "The best",
    Verdict.LEVEL.value: "Too close to call",
    Verdict.BEHIND.value: "Behind",
    Verdict.TOO_FEW.value: "Too few to name a winner",
}

Subject = TypeVar("Subject", bound=Hashable)


def rate_cells(orders: int | None, clicks: int | None) -> Row:
    """The cells of CVR, all None where the orders or the clicks are unknown or nobody clicked."""
    interval = metrics.wilson_interval(orders, clicks)
    return {
        "cvr": metrics.conversion_rate(orders, clicks),
        "cvr_low": interval.low if interval else None,
        "cvr_high": interval.high if interval else None,
    }


def standings(found: Mapping[Subject, Converted | None]) -> dict[Subject, str | None]:
    """The cell of STANDING of each; None for those of whom nothing is known."""
    said = verdicts({subject: one for subject, one in found.items() if one is not None})
    return {subject: verdict.value if (verdict := said.get(subject)) else None for subject in found}
