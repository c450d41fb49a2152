"""Facts are dated by `now`, operations by `wall`; only a demo may let the first run faster than the second."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Clock:
    """The time of an installation.

    A live clock is the system's. A demo's clock starts `behind` the wall at `origin` and runs `speed` times faster
    until it has caught up; from then on it is the wall clock. Every process of the demo holds the same three figures,
    so all of them agree at any moment without talking to each other.
    """

    origin: datetime | None = None
    behind: timedelta = timedelta(0)
    speed: float = 1.0

    def wall(self) -> datetime:
        """The system's time, aware UTC: for leases, retries and the freshness of signatures."""
        return datetime.now(UTC)

    def now(self) -> datetime:
        """The installation's time, aware UTC: for everything that is recorded as a fact."""
        wall = self.wall()
        if self.origin is None:
            return wall
        return min(wall, self.origin - self.behind + (wall - self.origin) * self.speed)

    @classmethod
    def parse(cls, text: str) -> Clock:
        """`""` is the live clock; `<origin ISO 8601>,<seconds behind>,<speed>` a demo's. Raises ValueError."""
        if not text:
            return cls()
        origin, behind, speed = text.split(",")
        started = datetime.fromisoformat(origin)
        if started.tzinfo is None or float(behind) < 0 or float(speed) < 1:
            raise ValueError("want an aware origin, seconds behind ≥ 0 and a speed ≥ 1")
        return cls(started.astimezone(UTC), timedelta(seconds=float(behind)), float(speed))

    def __str__(self) -> str:
        if self.origin is None:
            return ""
        return f"{self.origin.isoformat()},{self.behind.total_seconds()},{self.speed}"
