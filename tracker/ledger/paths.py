"""What a brand's journeys had in common between two days: unique paths, whose they were, and how much is known at all.

A journey with an order is the clicks in it; touches made of a code alone are left out, for codes occur on orders only
and would tell a model nothing but that there was one. A journey without an order is a known visitor's clicks that led
to none. It is one from the moment its last window closed, and belongs to the day of that moment: so a day's journeys
with and without an order are both complete, and the latest days look no better and no worse than the others. It is cut
by the visitor's orders and looked back on from its last click as an order's journey is from the order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import Date, Integer, String, TextClause, bindparam, func, select, text
from sqlalchemy.orm import Session

from tracker.domain.rules import Rules
from tracker.errors import NotFound
from tracker.ledger import path_sql
from tracker.ledger.database import is_postgresql
from tracker.ledger.rules import Book, first_rules, versions
from tracker.ledger.tables import Brand, Campaign, Partner, Placement
from tracker.ledger.types import Id, Moment

if TYPE_CHECKING:  # a report needs no arrays
    import numpy as np
    from numpy.typing import NDArray

    from tracker.attribution._paths import Customers, Paths

_TYPES: dict[str, Any] = {
    **dict.fromkeys(("level", "currency", "campaign", "channel", "partner"), String),
    **dict.fromkeys(("influence", "affiliate", "other", "cut", "since_second", "until_second"), Integer),
    **dict.fromkeys(("reach", "since", "until"), Moment),
    **dict.fromkeys(("first", "last"), Date),
    "brand": Id,
}
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


class Level(StrEnum):
    """What the touches of a path are grouped by. A group is a channel and a kind of partner, "affiliate/coupon"."""

    CHANNEL = "channel"
    GROUP = "group"
    CAMPAIGN = "campaign"
    PLACEMENT = "placement"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Question:
    """Which journeys are meant, as the statement's parameters say it.

    Days are the brand's, both included. `since` is the first moment and `until` the one after the last, or now where
    that is earlier. With a campaign, channel or partner, only journeys that touch it are meant, and whole ones.
    """

    brand_id: str
    currency: str
    level: Level
    first: date
    last: date
    since: datetime
    until: datetime
    windows: Mapping[str, int]
    cut: bool
    campaign_id: str | None = None
    channel: str | None = None
    partner_id: str | None = None

    @property
    def reach(self) -> datetime:
        """A click older than two windows before the first day decides nothing."""
        reach = self.since - 2 * timedelta(seconds=max(self.windows.values())) - timedelta(days=1)
        return max(reach, _EARLIEST)

    def parameters(self) -> dict[str, Any]:
        """By name, as the text has them."""
        return {
            "brand": self.brand_id,
            "currency": self.currency,
            "level": str(self.level),
            "first": self.first,
            "last": self.last,
            "since": self.since,
            "until": self.until,
            "since_second": int(self.since.timestamp()),
            "until_second": int(self.until.timestamp()),
            "reach": self.reach,
            "cut": int(self.cut),
            "campaign": self.campaign_id or "",
            "channel": self.channel or "",
            "partner": self.partner_id or "",
            **self.windows,
        }


@dataclass(frozen=True, slots=True)
class Path:
    """A unique path: the names touched in time order, and what journeys along it came to.

    `conversions` ended in an order and `nulls` in none. `value` is the orders' net value in minor units, `squares` the
    sum of its squares; `lag` the seconds from the first touch to the order, summed over the orders.
    """

    codes: str
    conversions: int
    nulls: int
    value: int
    squares: float
    lag: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Unique paths as texts of numbers (",0,2,0") that are places in `names`; bundles of customers likewise.

    A bundle is a number of customers and, for each path that they walked, the path's place, conversions and nulls.
    """

    names: tuple[str, ...]
    paths: tuple[Path, ...]
    bundles: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of what happened the paths can tell.

    Paid orders of the days, those with a journey that a click began, and those left out for being in another currency;
    people's clicks on links, and those of them whose visitor is known: the others cannot be followed.
    """

    orders: int
    joined: int
    other_currency: int
    clicks: int
    followed: int

    @property
    def identity(self) -> float | None:
        """The share of orders with a joined journey; None without orders."""
        return self.joined / self.orders if self.orders else None


def ask(
    session: Session,
    brand_id: str,
    first: date,
    last: date,
    now: datetime,
    *,
    level: Level = Level.CHANNEL,
    **only: Any,
) -> Question:
    """The question for a brand's days, under the rules in force at their end. `only` as in Question.

    Raises NotFound for an unknown brand.
    """
    found = session.execute(select(Brand.time_zone, Brand.currency).where(Brand.id == brand_id)).one_or_none()
    if found is None:
        raise NotFound("no such brand")
    since = _midnight(first, ZoneInfo(found.time_zone))
    until = min(_midnight(last + timedelta(days=1), ZoneInfo(found.time_zone)), now)
    rules = rules_at(session, brand_id, until)
    windows = {name: int(rules.window("click", name).total_seconds()) for name in ("influence", "affiliate", "other")}
    return Question(
        brand_id, found.currency, level, first, last, since, until, windows, cut=rules.since_previous_order, **only
    )


def rules_at(session: Session, brand_id: str, moment: datetime) -> Rules:
    """The brand's rules in force; those that it would begin with where it has none yet."""
    return Book(session, [brand_id]).at(brand_id, moment) if versions(session, brand_id) else first_rules()


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def answer(session: Session, question: Question, *, customers: bool = False) -> Answer:
    """The unique paths that are meant; with `customers` also whose they were. No journey reaches Python."""
    engine = "postgresql" if is_postgresql(session) else "sqlite"
    with _for_many_rows(session):
        rows = session.execute(_bound(path_sql.statement(engine, customers=customers)), question.parameters())
        return gathered([tuple(row) for row in rows])


@contextmanager
def _for_many_rows(session: Session) -> Iterator[None]:
    """PostgreSQL takes what comes out of windows for a row or two, and would join such by looping over both."""
    if not is_postgresql(session):
        yield
        return
    settings = {"enable_nestloop": "off", "work_mem": "64MB"}
    before = {name: session.execute(select(func.current_setting(name))).scalar_one() for name in settings}
    _configure(session, settings)
    yield
    _configure(session, before)


def _configure(session: Session, settings: Mapping[str, str]) -> None:
    for name, value in settings.items():
        session.execute(select(func.set_config(name, value, True)))


def coverage(session: Session, question: Question) -> Coverage:
    """How much the paths can tell."""
    orders = session.execute(_bound(path_sql.ORDERS), question.parameters()).one()
    clicks = session.execute(_bound(path_sql.CLICKS), question.parameters()).one()
    return Coverage(
        orders.orders, int(orders.joined or 0), int(orders.other_currency or 0), clicks.clicks, clicks.followed
    )


def _bound(words: str) -> TextClause:
    """The text with its parameters typed: a brand's id is a uuid to PostgreSQL, and a moment a text to SQLite."""
    used = set(path_sql.PARAMETER.findall(words))
    return text(words).bindparams(*(bindparam(name, type_=_TYPES[name]) for name in used))


def gathered(rows: Sequence[Sequence[Any]]) -> Answer:
    """The statement's rows as an answer, in an order that no database decides: by name, by path."""
    by_code = {row[1]: row[2] for row in rows if row[0] == path_sql.NAME}
    names = tuple(sorted(by_code.values()))
    place = {name: number for number, name in enumerate(names)}
    again = {str(code): str(place[name]) for code, name in by_code.items()}
    found = sorted((_renamed(row[2], again), row[1], row) for row in rows if row[0] == path_sql.PATH)
    numbers = {number: rank for rank, (_, number, _) in enumerate(found)}
    return Answer(
        names,
        tuple(Path(codes, int(row[3]), int(row[4]), int(row[5]), row[6], int(row[7])) for codes, _, row in found),
        tuple(sorted((row[1], _renumbered(row[2], numbers)) for row in rows if row[0] == path_sql.CUSTOMERS)),
    )


def _renamed(codes: str, again: Mapping[str, str]) -> str:
    return "".join(f",{again[code]}" for code in codes.split(",")[1:])


def _renumbered(bundle: str, numbers: Mapping[int, int]) -> str:
    figures = [int(figure) for figure in bundle.split(",")[1:]]
    entries = sorted((numbers[figures[at]], *figures[at + 1 : at + 3]) for at in range(0, len(figures), 3))
    return "".join(f",{path},{conversions},{nulls}" for path, conversions, nulls in entries)


def in_columns(found: Answer) -> tuple[Paths, Customers]:
    """The answer as the models want it. Without bundles the customers are none."""
    import numpy as np  # noqa: PLC0415  (a report needs no arrays)

    from tracker.attribution._paths import Customers, Paths  # noqa: PLC0415

    def per_path(name: str) -> NDArray[np.float64]:
        return np.array([getattr(path, name) for path in found.paths], dtype=np.float64)

    paths = Paths(
        names=found.names,
        codes=_integers([path.codes for path in found.paths]).astype(np.int32),
        offsets=_offsets([path.codes.count(",") for path in found.paths]),
        conversions=per_path("conversions"),
        value=per_path("value"),
        nulls=per_path("nulls"),
        squares=per_path("squares"),
    )
    entries = _integers([entries for _, entries in found.bundles]).reshape(-1, 3)
    customers = Customers(
        counts=np.array([count for count, _ in found.bundles], dtype=np.float64),
        offsets=_offsets([entries.count(",") // 3 for _, entries in found.bundles]),
        paths=entries[:, 0],
        conversions=entries[:, 1].astype(np.float64),
        nulls=entries[:, 2].astype(np.float64),
    )
    return paths, customers


def _integers(texts: Sequence[str]) -> NDArray[np.int64]:
    import numpy as np  # noqa: PLC0415

    joined = "".join(texts)[1:]
    return np.array(joined.split(",") if joined else [], dtype=np.int64)


def _offsets(lengths: Sequence[int]) -> NDArray[np.int64]:
    import numpy as np  # noqa: PLC0415

    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)


def titles(session: Session, brand_id: str, level: Level) -> dict[str, str]:
    """What people call the names of a level, where that is something else than the name itself."""
    if level is Level.CAMPAIGN:
        rows = session.execute(select(Campaign.id, Campaign.name).where(Campaign.brand_id == brand_id))
        return {row.id: row.name for row in rows}
    if level is Level.PLACEMENT:
        placed = (
            select(Placement.id, Partner.name, Placement.network, Placement.format)
            .join(Partner, Partner.id == Placement.partner_id)
            .where(Placement.brand_id == brand_id)
        )
        return {row.id: f"{row.name}, {row.network} {row.format}" for row in session.execute(placed)}
    return {}
