"""A brand with shops that really sign, for stories that begin at the webhook's door."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from tests import payloads
from tests.conftest import NOW, Ledger
from tracker import pipeline
from tracker.domain.deliveries import Delivery, ShopContext
from tracker.domain.ids import new_id, new_token
from tracker.domain.orders import NET_FORMULA
from tracker.ledger import inbox
from tracker.ledger.tables import AttributionDue, Base, Brand, InboxRow, OrderRow, Shop, ShopSecret
from tracker.sealing import hash_customer, seal
from tracker.settings import Settings

SECRET_KEY = "0" * 64


@dataclass(frozen=True)
class OpenedShop:
    """A shop of a test: what its webhook URL holds and what it signs with."""

    id: str
    brand_id: str
    platform: str
    token: str
    secret: str

    @property
    def path(self) -> str:
        return f"/webhooks/{self.platform}/{self.token}"


def add_brand(ledger: Ledger, name: str = "Maison", time_zone: str = "Europe/Paris") -> str:
    """A brand; the id."""
    brand_id = new_id()
    with ledger.writing() as session:
        session.execute(
            insert(Brand).values(
                id=brand_id, name=name, time_zone=time_zone, currency="EUR", landing_domains=["shop.example"],
                net_formula=NET_FORMULA, created_at=NOW,
            )
        )  # fmt: skip
    return brand_id


def add_shop(ledger: Ledger, platform: str = "standard", brand_id: str | None = None) -> OpenedShop:
    """A shop with one secret in force."""
    shop = OpenedShop(
        new_id(), brand_id or add_brand(ledger, f"Maison {new_id()}"), platform, new_token(), payloads.SECRETS[platform]
    )
    with ledger.writing() as session:
        session.execute(
            insert(Shop).values(
                id=shop.id, brand_id=shop.brand_id, name="Boutique", platform=platform, token=shop.token, created_at=NOW
            )
        )
    add_secret(ledger, shop, shop.secret)
    return shop


def add_secret(ledger: Ledger, shop: OpenedShop, text: str) -> str:
    """One more secret of the shop; the id."""
    secret_id = new_id()
    with ledger.writing() as session:
        session.execute(
            insert(ShopSecret).values(
                id=secret_id, shop_id=shop.id, sealed=seal(SECRET_KEY).close(text), hint=text[-4:], added_at=NOW
            )
        )
    return secret_id


def context(brand_id: str) -> ShopContext:
    """What the platforms may know, as the wiring of a test installation says it."""
    return ShopContext("rk", hash_customer(SECRET_KEY, brand_id))


def receive(
    ledger: Ledger, shop: OpenedShop, payload: Mapping[str, Any] | bytes, *, wall: datetime = NOW, **signing: Any
) -> pipeline.Received:
    """Receive the payload as the shop's next delivery (each a delivery of its own unless `delivery_id` says so)."""
    signing.setdefault("delivery_id", new_id())
    delivery = payloads.delivery(shop.platform, payload, **signing)
    return receive_delivery(ledger, shop, delivery, wall=wall)


def receive_delivery(
    ledger: Ledger, shop: OpenedShop, delivery: Delivery, *, wall: datetime = NOW
) -> pipeline.Received:
    """Receive a delivery that is signed already."""
    return pipeline.receive_delivery(
        ledger.session, shop.id, shop.platform, delivery, context(shop.brand_id), wall=wall
    )


def ingest(ledger: Ledger, *, now: datetime = NOW, wall: datetime = NOW) -> list[pipeline.Ingested]:
    """Ingest whatever is pending, oldest first."""
    with ledger.session() as session:
        ids = list(inbox.pending(session, wall, 1000))
    return [pipeline.ingest_delivery(ledger.session, row_id, context, now=now, wall=wall) for row_id in ids]


def tell(ledger: Ledger, shop: OpenedShop, *told: Mapping[str, Any]) -> list[pipeline.Ingested]:
    """Receive these payloads one after the other and ingest them."""
    for payload in told:
        receive(ledger, shop, payload)
    return ingest(ledger)


def rows(ledger: Ledger, table: type[Base]) -> list[dict[str, Any]]:
    """Every row of a table by its primary key."""
    with ledger.session() as session:
        found = session.execute(select(*table.__table__.c).order_by(*table.__table__.primary_key)).all()
    return [dict(row._mapping) for row in found]


def the_order(ledger: Ledger) -> dict[str, Any]:
    """The one order there is."""
    (row,) = rows(ledger, OrderRow)
    return row


def settle_all(ledger: Ledger) -> None:
    """Forget what is due, so that a test sees what becomes due next."""
    with ledger.writing() as session:
        session.query(AttributionDue).delete()


def due(ledger: Ledger) -> set[str]:
    """The ids of the orders that are due."""
    return {row["order_id"] for row in rows(ledger, AttributionDue)}


def states(ledger: Ledger) -> list[str]:
    """The states of all deliveries in the order of their arrival."""
    return [row["state"] for row in rows(ledger, InboxRow)]


def all_text(ledger: Ledger, tables: Iterable[type[Base]]) -> str:
    """Everything that stands in these tables, as one text to search."""
    return "\n".join(repr(row) for table in tables for row in rows(ledger, table))


@contextmanager
def started(module: str, settings: Settings, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m module` in the installation, killed at the end if it still runs."""
    environment = {
        "TRACKER_STATE": str(settings.state),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_key,
        "PUBLIC_URL": settings.public_url,
    }
    process = subprocess.Popen([sys.executable, "-m", module], env={**os.environ, **environment, **more})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Return once the condition holds; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
