"""A redirect finds its link in this process's memory; whatever fails behind that, it gets an answer and no error.

One thread of the process talks to SQL: it answers what memory does not hold, sees by the version number that the
catalog changed, and reads again what is held. Visitors wait for it half a second at most. While SQL is down, the last
snapshot on this host's disk answers; the shipper keeps it current.
"""

from __future__ import annotations

from redis import Redis, RedisError

from tracker import log

CHANNEL = "links"


def ring(redis: Redis) -> None:
    """Tell the redirects, after the commit, that the catalog changed. Best effort: they look by themselves too."""
    try:
        redis.publish(CHANNEL, "")
    except (RedisError, OSError) as error:
        log.warning("links_not_rung", error=type(error).__name__)
