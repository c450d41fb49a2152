"""`python -m bench.orders`: how soon a webhook is accepted, and how fast orders become credits, end to end.

Everything runs as `tracker up` runs it, on this machine's cores, with the shops' requests coming from this process.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from sqlalchemy import func, select

from bench import postgresql, world
from tracker.ledger.database import open_database
from tracker.ledger.tables import AttributionDue, CreditSet, OrderRow

SECRET = "shpss_" + "5" * 32
CODES = ("ALICE15", "BOB15", "CHLOE15")


def main() -> None:
    """Measure on SQLite and on PostgreSQL and print both."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--orders", type=int, default=10_000)
    options.add_argument("--rate", type=int, default=50, help="webhooks per second while latency is measured")
    options.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    given = options.parse_args()
    for database in ("sqlite", "postgresql") if given.database == "both" else (given.database,):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trk-bench-")))
            folder.chmod(0o755)
            sqlite = f"sqlite:///{folder}/tracker.db"
            url = stack.enter_context(postgresql.server(folder)) if database == "postgresql" else sqlite
            port, path, env = stack.enter_context(_installation(folder, url))
            _measure(database, env["DATABASE_URL"], port, path, given)


def _measure(database: str, url: str, port: int, path: str, given: argparse.Namespace) -> None:
    console = Console()
    latencies = _latencies(port, path, seconds=10, rate=given.rate)
    p50, p99 = statistics.median(latencies), statistics.quantiles(latencies, n=100)[98]
    console.print(f"{database}: webhook accepted p50 {p50:.1f} ms, p99 {p99:.1f} ms at {given.rate}/s")
    _wait_until_attributed(url, len(latencies))
    began = time.monotonic()
    _flood(port, path, given.orders, first=len(latencies))
    posted = time.monotonic() - began
    _wait_until_attributed(url, len(latencies) + given.orders)
    took = time.monotonic() - began
    console.print(
        f"{database}: {given.orders:,} orders accepted in {posted:.1f} s ({given.orders / posted:,.0f}/s), "
        f"reconciled and attributed under every model in {took:.1f} s ({given.orders / took:,.0f} orders/s)"
    )


@contextmanager
def _installation(folder: Path, url: str) -> Iterator[tuple[int, str, dict[str, str]]]:
    """A running installation with one shop and three code owners; its port, webhook path and environment."""
    (port,) = world.free_ports(1)
    env = {
        **os.environ,
        "TRACKER_STATE": str(folder / "state"),
        "DATABASE_URL": url,
        "PORT": str(port),
        "LOG_LEVEL": "warning",
    }
    process = subprocess.Popen([sys.executable, "-m", "tracker", "up"], env=env, stdout=subprocess.DEVNULL)
    try:
        _wait_until_ready(port)
        yield port, _populate(env), env
    finally:
        process.terminate()
        process.wait(60)


def _populate(env: dict[str, str]) -> str:
    def add(*arguments: str) -> dict[str, str]:
        argv = [sys.executable, "-m", "tracker", *arguments, "--json"]
        answer: dict[str, str] = json.loads(subprocess.run(argv, env=env, check=True, capture_output=True).stdout)
        return answer

    add("brand", "add", "Maison Exemple", "--time-zone", "Europe/Paris", "--currency", "EUR")
    shop = add("shop", "add", "--platform", "shopify", "--name", "Boutique", "--secret", SECRET)
    for code in CODES:
        partner = add("partner", "add", "--name", code.removesuffix("15").title(), "--kind", "creator")
        add("code", "add", "--partner", partner["id"], "--code", code)
    return "/webhooks/" + shop["webhook_url"].partition("/webhooks/")[2]


def _wait_until_ready(port: int) -> None:
    for _ in range(600):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    raise SystemExit("the installation does not start")


def _latencies(port: int, path: str, *, seconds: int, rate: int) -> list[float]:
    """Milliseconds from the request's first byte to the answer's last, one after the other at a steady rate."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    found = []
    began = time.monotonic()
    for number in range(seconds * rate):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        found.append(_post(connection, path, _order(number)))
    connection.close()
    return found


def _flood(port: int, path: str, count: int, *, first: int) -> None:
    """`count` orders over four connections, as fast as they are answered."""

    def post(numbers: range) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for number in numbers:
            _post(connection, path, _order(number))
        connection.close()

    threads = [threading.Thread(target=post, args=(range(first + n, first + count, 4),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _post(connection: http.client.HTTPConnection, path: str, body: bytes) -> float:
    signature = base64.b64encode(hmac.digest(SECRET.encode(), body, hashlib.sha256)).decode()
    headers = {
        "Content-Type": "application/json",
        "X-Shopify-Topic": "orders/paid",
        "X-Shopify-Hmac-Sha256": signature,
        "X-Shopify-Webhook-Id": hashlib.sha256(body).hexdigest()[:36],
    }
    began = time.perf_counter()
    connection.request("POST", path, body=body, headers=headers)
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise SystemExit(f"a webhook was answered {answer.status}")
    return (time.perf_counter() - began) * 1000


def _order(number: int) -> bytes:
    placed = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(seconds=number)
    lines = [
        {"id": number * 10 + line, "title": f"Article {line}", "price": "10.00", "quantity": 1, "properties": []}
        for line in range(5)
    ]
    return json.dumps(
        {
            "id": 5_000_000_000_000 + number,
            "name": f"#{number}",
            "created_at": placed.isoformat(),
            "updated_at": placed.isoformat(),
            "currency": "EUR",
            "financial_status": "paid",
            "test": False,
            "email": f"buyer-{number}@example.com",
            "total_price": "64.90",
            "subtotal_price": "50.00",
            "total_tax": "10.00",
            "taxes_included": False,
            "discount_codes": [{"code": CODES[number % 3], "amount": "5.00", "type": "fixed_amount"}],
            "note_attributes": [],
            "landing_site": "/p?utm_source=instagram",
            "source_name": "web",
            "line_items": lines,
            "refunds": [],
        }
    ).encode()


def _wait_until_attributed(url: str, orders: int) -> None:
    engine = open_database(url)
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        with engine.connect() as connection:
            due = connection.scalar(select(func.count()).select_from(AttributionDue))
            attributed = connection.scalar(
                select(func.count()).select_from(OrderRow).where(OrderRow.attributed_at.is_not(None))
            )
            sealed = connection.scalar(select(func.count()).select_from(CreditSet).where(CreditSet.sealed))
        if not due and attributed == orders and (sealed or 0) >= orders:
            engine.dispose()
            return
        time.sleep(0.1)
    raise SystemExit(f"only {attributed} of {orders} orders were attributed in time")


if __name__ == "__main__":
    main()
