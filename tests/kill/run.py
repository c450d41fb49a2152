"""One run: raise a fleet, put it under load, strike, let it settle, judge."""

from __future__ import annotations

import json
import random
import shutil
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.world import free_ports
from tests.kill.databases import PostgreSQL, SQLite
from tests.kill.fleet import Fleet
from tests.kill.load import Load, Record, World
from tests.kill.verdict import Verdict, judge, judge_shipping, settle

SECRET = "shpss_" + "5" * 32


@dataclass
class Outcome:
    """A finished run."""

    verdict: Verdict
    record: Record
    struck: Counter[str] = field(default_factory=Counter)

    @property
    def passed(self) -> bool:
        """Whether nothing was lost, doubled or wrong."""
        return not self.verdict.complaints

    def summary(self) -> str:
        """One line: faults × lost × doubled."""
        return (
            f"{self.struck.total()} faults × {self.verdict.lost} lost × {self.verdict.doubled} doubled"
            f" ({self.verdict.clicks} clicks, {self.verdict.orders} orders, {self.record.deliveries} deliveries,"
            f" {self.record.in_doubt} in doubt, settled in {self.verdict.settled_in:.0f} s)"
        )


def run(
    faults: Sequence[str] | int,
    *,
    database: str = "sqlite",
    seed: int = 1,
    pause: float = 1.5,
    patience: float = 120,
    code: Path | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> Outcome:
    """Strike the named faults in turn, or that many drawn at random, `pause` seconds apart.

    The folder with logs and ledger is kept when something was lost, doubled or wrong.
    """
    folder = Path(tempfile.mkdtemp(prefix="trk-kill-"))
    folder.chmod(0o755)
    keeper = PostgreSQL(folder) if database == "postgresql" else SQLite(folder)
    fleet = Fleet(folder, keeper, free_ports(1)[0], code=code)
    try:
        outcome = _run(fleet, faults, seed, pause, patience, tell)
    finally:
        fleet.stop()
        keeper.close()
    if outcome.passed or code is not None:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        tell(f"logs and ledger are kept in {folder}")
    return outcome


def _run(
    fleet: Fleet,
    faults: Sequence[str] | int,
    seed: int,
    pause: float,
    patience: float,
    tell: Callable[[str], None],
) -> Outcome:
    fleet.run("db", "upgrade")
    key = _make_brand(fleet)
    fleet.start()
    _wait_until_ready(fleet.port)
    world = _populate(fleet, key)
    record = Record()
    load = Load(fleet.port, world, record, seed)
    load.start()
    time.sleep(pause)
    struck: Counter[str] = Counter()
    available = fleet.faults()
    chance = random.Random(seed)
    names = chance.choices(sorted(available), k=faults) if isinstance(faults, int) else faults
    for name in names:
        if available[name]() is False:
            tell(f"{name}: nobody came by")
        else:
            tell(name)
            struck[name] += 1
        time.sleep(pause)
    load.finish()
    settled = settle(fleet.database.url, fleet.redis_url, record, seconds=patience)
    verdict = judge(fleet.database.url, record, world)
    verdict.settled_in = settled
    if not any("redis" in name or name == "everything" for name in struck):
        judge_shipping(fleet.folder, verdict)
    return Outcome(verdict, record, struck)


def _populate(fleet: Fleet, key: str) -> World:
    """The catalog, over the API."""

    def add(noun: str, **fields: str) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        url = f"http://127.0.0.1:{fleet.port}/api/v1/{noun}"
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(fields).encode(), headers)) as answer:
            found: dict[str, str] = json.load(answer)
            return found

    shop = add("shops", platform="shopify", name="Boutique", secret=SECRET)
    slugs, codes = {}, {}
    for name, kind in (("Alice", "creator"), ("Bob", "creator"), ("Chloé", "coupon"), ("David", "media")):
        partner = add("partners", name=name, kind=kind)["id"]
        slug, code = f"s-{name[0].lower()}", f"{name[0].upper()}15"
        add("links", partner=partner, slug=slug, landing_url="https://shop.example.com/p")
        add("codes", partner=partner, code=code)
        slugs[slug], codes[code] = name, name
    return World(slugs, codes, "/webhooks/" + shop["webhook_url"].partition("/webhooks/")[2], SECRET)


def _make_brand(fleet: Fleet) -> str:
    """A brand, by the command line; a key to its API."""
    place = ("--time-zone", "Europe/Paris", "--currency", "EUR", "--host", f"127.0.0.1:{fleet.port}")
    fleet.run("brand", "add", "Maison Exemple", *place, "--landing-domain", "shop.example.com")
    key: str = json.loads(fleet.run("key", "add", "--json"))["key"]
    return key


def _wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the fleet does not start; its logs say why")
