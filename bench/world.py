"""A small real installation to measure: one brand, one partner, one link, on SQLite and an embedded Redis."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from socket import socket

from tracker import embedded
from tracker.domain.ids import new_id
from tracker.domain.orders import NET_FORMULA
from tracker.ledger import schema
from tracker.ledger.database import open_database, sessions, writing
from tracker.ledger.tables import Brand, Link, Partner, TrackingHost
from tracker.settings import Settings

SLUG = "lea"


def default_threads() -> int:
    """How many threads a web worker has unless told otherwise."""
    return Settings.from_env({"SECRET_KEY": "0" * 64}).web_threads


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens on right now."""
    sockets = [socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@contextmanager
def installation(folder: Path, port: int, *, redis: bool) -> Iterator[dict[str, str]]:
    """The environment of a fresh installation in `folder`; without `redis` its Redis does not answer."""
    folder.mkdir(parents=True)
    env = {
        "TRACKER_STATE": str(folder),
        "DATABASE_URL": f"sqlite:///{folder}/tracker.db",
        "SECRET_KEY": "0" * 64,
        "PORT": str(port),
        "LOG_LEVEL": "error",
    }
    populate(env["DATABASE_URL"], f"127.0.0.1:{port}")
    server = None
    if redis:
        socket_path = folder / "redis" / "redis.sock"
        command = embedded.redis_command(embedded.prepare_redis_folder(socket_path), socket_path)
        server = subprocess.Popen(["taskset", "-c", "1", *command], stdout=subprocess.DEVNULL)
        embedded.wait_for_redis(f"unix://{socket_path}", server)
    try:
        yield env
    finally:
        if server is not None:
            server.kill()
            server.wait()


def populate(database_url: str, host: str) -> tuple[str, str]:
    """Migrate and add a brand with one link `/r/lea` on `host`. The ids of the brand and of the link."""
    engine = open_database(database_url)
    now = datetime.now(UTC)
    schema.upgrade(engine, demo=False, now=now)
    brand, partner, link = new_id(), new_id(), new_id()
    with writing(sessions(engine)) as session:
        session.add(
            Brand(
                id=brand,
                name="Maison Exemple",
                time_zone="Europe/Paris",
                currency="EUR",
                landing_domains=["shop.example.com"],
                visitor_cookie=False,
                net_formula=NET_FORMULA,
                created_at=now,
            )
        )
        session.flush()
        session.add(TrackingHost(host=host, brand_id=brand, created_at=now))
        session.add(
            Partner(id=partner, brand_id=brand, name="Léa", channel="influence", kind="creator", created_at=now)
        )
        session.flush()
        session.add(
            Link(
                id=link,
                brand_id=brand,
                host=host,
                slug=SLUG,
                landing_url="https://shop.example.com/p",
                partner_id=partner,
                created_at=now,
            )
        )
    engine.dispose()
    return brand, link
