"""What a file knows of an order becomes events that never overrule a webhook's.

A snapshot is of the order's last known change, else of its making, and a tick older than what a webhook tells of the
same moment; a later status is an event of its own. What was refunded by a moment that the file does not name is a lower
bound. A moment written to the day or minute counts from its beginning for what goes first, and its end is when the
order was placed: the webhook, which knows better, has the earlier one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from tracker.domain.orders import (
    Amounts,
    Evidence,
    OrderEvent,
    RefundFloor,
    RefundTotal,
    Snapshot,
    Status,
    StatusChange,
    order_event,
)
from tracker.importing._values import Moment, before

# Click ids go after those that webhooks told: their sequence is that of their versions.
_UNDATED = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Told:
    """One order as a file tells it; `snapshot` has no click ids and no refunds, amounts are minor units.

    `status_at` is when it came into its status, `updated` its last change, None where the file does not say.
    """

    external_id: str
    snapshot: Snapshot
    placed: Moment
    status_at: Moment | None = None
    updated: Moment | None = None
    refunded: int | None = None
    click_ids: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """Where the order stands."""
        return self.snapshot.status

    @property
    def amounts(self) -> Amounts:
        """What it was worth before refunds."""
        return self.snapshot.amounts

    def events(self) -> list[OrderEvent]:
        """The same events for the same rows, however often they are read."""
        return [order_event(self.external_id, version, change) for version, change in self._changes()]

    def _changes(self) -> Iterable[tuple[datetime, Snapshot | StatusChange | RefundTotal | RefundFloor | Evidence]]:
        told = (self.updated or self.placed).first
        yield before(told), self.snapshot
        if self.updated is None and self.status_at is not None and self.status_at.first > told:
            yield before(self.status_at.first), StatusChange(self.status)
        if self.refunded is not None and self.updated is not None and self.updated.exact:
            yield told, RefundTotal(self.refunded, self.snapshot.currency)
        elif self.refunded:
            yield told, RefundFloor(self.refunded, self.snapshot.currency)
        if self.click_ids:
            yield _UNDATED, Evidence(self.click_ids)
