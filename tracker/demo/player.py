"""The visitors and the shops: every act is a request on real HTTP, and every answer is written down.

The day of an act becomes a moment of the play. Whoever is late hurries: the sequence stays, the days are then shorter.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from tracker.demo import shops
from tracker.demo.stage import Scenery, Stage, Wire
from tracker.demo.story import DAYS, LAST_STEP, Delivery, Errand, Purchase, Step, Story, Visit
from tracker.errors import Unavailable

_HANDS = 4
_PATIENCE = 30.0  # seconds that an order waits for the answers to its own clicks


@dataclass
class Record:
    """What was answered. Guarded by its lock."""

    clicks: dict[int, str] = field(default_factory=dict)  # number of the visit → click id
    clicked: dict[int, datetime] = field(default_factory=dict)  # number of the visit → when it was answered
    orphans: int = 0
    visits: Counter[Errand] = field(default_factory=Counter)
    deliveries: int = 0
    distinct: set[tuple[int, str]] = field(default_factory=set)
    wrong: Counter[str] = field(default_factory=Counter)
    placed: dict[int, datetime] = field(default_factory=dict)  # number of the purchase → when it was placed
    told: dict[int, datetime] = field(default_factory=dict)  # number of the purchase → its shop's latest word
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def answered_clicks(self) -> int:
        """How many requests were answered with a redirect that counts: each must be one row."""
        return len(self.clicks) + self.orphans


class Player:
    """Plays a story on a stage with a few hands, each with a connection of its own."""

    def __init__(self, stage: Stage, scenery: Scenery, story: Story, on_act: Callable[[int], object]) -> None:
        self.record = Record()
        self._stage, self._scenery, self._on_act = stage, scenery, on_act
        self._acts = iter(story.acts)
        self._turn = threading.Lock()
        self._cookies: dict[int, str] = {}  # of visitors who said yes
        self._failure: BaseException | None = None

    def play(self, until: datetime) -> Record:
        """Play it all, the last act at `until` (wall time). Raises Unavailable where the service fails somebody."""
        self._began, self._until = self._stage.clock.wall(), until
        hands = [threading.Thread(target=self._work, name=f"player-{number}", daemon=True) for number in range(_HANDS)]
        for hand in hands:
            hand.start()
        for hand in hands:
            hand.join()
        if self._failure is not None:
            raise Unavailable(f"the play broke off ({type(self._failure).__name__}: {self._failure})")
        return self.record

    def _work(self) -> None:
        wire = self._stage.wire()
        try:
            while self._failure is None and (act := self._next()) is not None:
                self._wait_for(act.day)
                if isinstance(act, Visit):
                    self._visit(wire, act)
                else:
                    self._deliver(wire, act)
                self._on_act(1)
        except BaseException as error:  # told by `play`, in the main thread
            self._failure = error
        finally:
            wire.close()

    def _next(self) -> Visit | Delivery | None:
        with self._turn:
            return next(self._acts, None)

    def _wait_for(self, day: float) -> None:
        due = self._began + (self._until - self._began) * (day / DAYS)
        time.sleep(max(0.0, (due - self._stage.clock.wall()).total_seconds()))

    # --- a visitor ---------------------------------------------------------------------------------------------------

    def _visit(self, wire: Wire, visit: Visit) -> None:
        method = "HEAD" if visit.errand is Errand.HEAD else "GET"
        consent = "?consent=1" if visit.visitor is not None else ""
        answer = wire.ask(method, f"/r/{visit.slug}{consent}", None, self._headers(visit))
        with self.record.lock:
            if visit.visitor is not None and answer.cookie:
                self._cookies[visit.visitor] = answer.cookie
            self.record.visits[visit.errand] += 1
            self._note_visit(visit, answer.status, answer.location)

    def _headers(self, visit: Visit) -> dict[str, str]:
        headers = _visitor_headers(visit)
        if visit.visitor in self._cookies:
            headers["Cookie"] = self._cookies[visit.visitor]
        return headers

    def _note_visit(self, visit: Visit, status: int, location: str) -> None:
        expected = _EXPECTED_STATUS.get(visit.errand, 302)
        if status != expected:
            self.record.wrong[f"{visit.errand} answered {status}"] += 1
        elif visit.errand is Errand.ORPHAN:
            self.record.orphans += 1
        elif visit.errand.recorded:
            parameter = self._stage.settings.click_parameter
            self.record.clicked[visit.number] = self._stage.clock.now()
            self.record.clicks[visit.number] = parse_qs(urlsplit(location).query)[parameter][0]

    # --- a shop ------------------------------------------------------------------------------------------------------

    def _deliver(self, wire: Wire, delivery: Delivery) -> None:
        purchase = delivery.purchase
        clicks = self._clicks_of(purchase)
        placed_at = self._placed_at(purchase)
        path = self._scenery.webhook_paths[purchase.store]
        for step in delivery.steps:
            told_at = self._told_at(delivery, step, placed_at)
            telling = shops.telling(purchase, step, placed_at, told_at, clicks)
            for _ in range(delivery.copies):
                answer = wire.ask("POST", path, telling.body, telling.headers)
                self._note_delivery(purchase, step, answer.status)

    def _clicks_of(self, purchase: Purchase) -> list[str]:
        """The click ids that the shop kept; they are there, or their answers are on their way."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            with self.record.lock:
                if all(number in self.record.clicks for number in purchase.visits):
                    return [self.record.clicks[number] for number in purchase.visits]
            time.sleep(0.005)
        raise Unavailable(f"the clicks before order {purchase.number} were not answered")

    def _placed_at(self, purchase: Purchase) -> datetime:
        with self.record.lock:
            moment = self.record.clicked[purchase.visits[-1]] if purchase.at_once else self._stage.clock.now()
            return self.record.placed.setdefault(purchase.number, moment.replace(microsecond=0) + timedelta(seconds=1))

    def _told_at(self, delivery: Delivery, step: Step, placed_at: datetime) -> datetime:
        """When the shop says that the step happened: its own second of the first breath, or now, after all before."""
        if Step.CREATED in delivery.steps:
            return shops.later(placed_at, step)
        with self.record.lock:
            before = self.record.told.get(delivery.purchase.number, shops.later(placed_at, LAST_STEP))
            told_at = max(self._stage.clock.now(), before + timedelta(seconds=1)).replace(microsecond=0)
            self.record.told[delivery.purchase.number] = told_at
            return told_at

    def _note_delivery(self, purchase: Purchase, step: str, status: int) -> None:
        with self.record.lock:
            self.record.deliveries += 1
            self.record.distinct.add((purchase.number, step))
            if status != 200:
                self.record.wrong[f"webhook answered {status}"] += 1


_EXPECTED_STATUS = {Errand.PREFETCH: 503, Errand.ORPHAN: 404}


def _visitor_headers(visit: Visit) -> dict[str, str]:
    headers = {"User-Agent": visit.agent, "X-Forwarded-For": visit.address, "Accept": "text/html"}
    if visit.errand is Errand.PERSON:
        headers |= {"Accept-Language": "fr-FR,fr;q=0.9", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    if visit.errand is Errand.PREFETCH:
        headers["Sec-Purpose"] = "prefetch"
    if visit.referrer:
        headers["Referer"] = visit.referrer
    return headers
