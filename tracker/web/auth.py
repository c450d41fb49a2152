"""auth"""

from __future__ import annotations

from apiflask import APIFlask

from tracker.wiring import Wiring


def register(app: APIFlask, wiring: Wiring) -> None:
    """Add this face to the application."""
