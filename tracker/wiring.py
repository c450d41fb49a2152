"""The composition root: builds the real things once per process, from the settings alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from tracker import failpoints, log
from tracker.catalog import Desk
from tracker.clock import Clock
from tracker.domain.deliveries import ShopContext
from tracker.ledger import schema
from tracker.ledger.database import open_database, sessions
from tracker.sealing import hash_customer
from tracker.settings import Settings


@dataclass(frozen=True)
class Wiring:
    """Everything a process works with. Connections open on first use, so build it after the fork."""

    settings: Settings

    @property
    def clock(self) -> Clock:
        """The installation's clock."""
        return self.settings.clock

    @cached_property
    def engine(self) -> Engine:
        """The ledger, with a patience fit for workers."""
        return engine(self.settings)

    @cached_property
    def sessions(self) -> sessionmaker[Session]:
        """Sessions on the ledger."""
        return sessions(self.engine)

    @cached_property
    def hasty_engine(self) -> Engine:
        """The ledger for paths that a visitor or a shop waits for: it gives up after half a second."""
        return open_database(self.settings.database_url, wait=0.5)

    @cached_property
    def hasty_sessions(self) -> sessionmaker[Session]:
        """Sessions on the ledger for paths that somebody waits for."""
        return sessions(self.hasty_engine)

    @cached_property
    def redis(self) -> Redis:
        """Redis for workers, who can wait."""
        return Redis.from_url(self.settings.redis_url, socket_timeout=15, socket_connect_timeout=5)

    @cached_property
    def hasty_redis(self) -> Redis:
        """Redis for paths that somebody waits for: 50 ms, no second try."""
        return Redis.from_url(
            self.settings.redis_url, socket_timeout=0.05, socket_connect_timeout=0.05, retry=Retry(NoBackoff(), 0)
        )

    def desk(self, session: Session, brand_id: str) -> Desk:
        """Where the catalog's operations on a brand happen, in this session and now."""
        clock, settings = self.clock, self.settings
        return Desk(session, brand_id, clock.now(), clock.wall(), settings.public_url, settings.secret_key)

    def shop_context(self, brand_id: str) -> ShopContext:
        """What a platform may know while it reads a body of one of the brand's shops."""
        return ShopContext(self.settings.click_parameter, hash_customer(self.settings.secret_key, brand_id))


def engine(settings: Settings) -> Engine:
    """The ledger of an installation, whatever its state."""
    return open_database(settings.database_url)


def build(settings: Settings | None = None) -> Wiring:
    """The wiring of this process. Raises BadSetting where the ledger is missing, outdated or not of our kind.

    A ledger that does not answer is no reason not to start: the redirect and the webhooks do without it for a while.
    """
    settings = settings or Settings.from_env()
    log.configure(settings.log_level)
    failpoints.arm(settings.failpoints)
    wiring = Wiring(settings)
    try:
        schema.check(wiring.engine, demo=settings.demo)
    except (OperationalError, InterfaceError) as error:
        log.warning("ledger_not_checked", error=type(error).__name__)
    return wiring
