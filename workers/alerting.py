"""`workers.alerting.alert`: goals that fall behind are looked for every quarter of an hour, and told of once a day."""

from __future__ import annotations

from tracker import alerts, log
from workers import wiring


def alert() -> int:
    """Raise what is due to be raised; how many alerts. Two at once raise each alert once."""
    hands = wiring()
    settings, clock = hands.settings, hands.clock
    post = alerts.Post(settings.secret_key, settings.public_url, clock.now(), clock.wall())
    raised = alerts.raise_due(hands.sessions, post)
    if raised:
        log.info("goal_alerts_raised", count=raised)
    return raised
