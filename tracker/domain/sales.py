"""Where a sale stands for one partner follows from what was reckoned for it, and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SaleState(StrEnum):
    """What became of a sale for a partner."""

    PENDING = "pending"  # owed, within its hold
    APPROVED = "approved"  # owed, free to be paid
    PAID = "paid"
    REVERSED = "reversed"  # was owed, and all of it was taken back
    UNPAID = "unpaid"  # credited, and nothing is owed for it (yet)
    REFUSED = "refused"  # not credited


@dataclass(frozen=True, slots=True)
class Reckoned:
    """What was reckoned for a partner and an order, minor units; `rows` counts the commissions, 0 where none is.

    `credit` is None where the partner is not credited.
    """

    rows: int
    pending: int
    approved: int
    paid: int
    credit: int | None

    @property
    def due(self) -> int:
        """What is owed for the order in all, paid or not."""
        return self.pending + self.approved + self.paid

    @property
    def state(self) -> SaleState:
        """Where the sale stands; what is still to come decides before what is done."""
        if not self.rows:
            return SaleState.UNPAID if self.credit else SaleState.REFUSED
        if not self.due:
            return SaleState.REVERSED
        if self.pending:
            return SaleState.PENDING
        return SaleState.APPROVED if self.approved else SaleState.PAID
