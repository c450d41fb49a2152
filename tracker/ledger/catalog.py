"""The catalog's rows. All but the brand are reached through their brand: another brand's row is simply not there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Table, func, select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import InstrumentedAttribute, Session

from tracker.domain.ids import is_id
from tracker.errors import BadInput, NotFound, say
from tracker.ledger.database import is_postgresql, once
from tracker.ledger.tables import (
    ApiKey,
    Base,
    Benchmark,
    Brand,
    Campaign,
    Code,
    CodeOwner,
    Commission,
    Conversion,
    Cost,
    Decision,
    Dispute,
    Goal,
    Holdout,
    Invitation,
    Job,
    Link,
    Message,
    OrderRow,
    Partner,
    Payout,
    Placement,
    Schedule,
    SharedLink,
    Shop,
    ShopSecret,
    Snapshot,
    Terms,
    TrackingHost,
)

T = TypeVar(
    "T", Shop, Partner, Campaign, Placement, Link, Code, ApiKey, Terms, Commission, Payout, Holdout, Snapshot, Cost,
    Goal, Decision, Benchmark, Conversion, Dispute, Message, Schedule, SharedLink, Job, Invitation,
)  # fmt: skip

LARGEST_PAGE = 1000
_UNKNOWN: dict[type[Base], str] = {table: f"no such {table.__name__.lower()}" for table in T.__constraints__}
SENTENCES = tuple(_UNKNOWN.values())


def insert_new(session: Session, table: type[Base], **values: Any) -> bool:
    """Insert a row unless a unique constraint says that it is there already; whether it was inserted."""
    insert = insert_postgresql if is_postgresql(session) else insert_sqlite
    assert isinstance(table.__table__, Table)
    statement = insert(table.__table__).values(**values).on_conflict_do_nothing()
    return session.connection().execute(statement, execution_options={"preserve_rowcount": True}).rowcount == 1


def one(session: Session, table: type[T], brand_id: str, row_id: str, *, lock: bool = False) -> T:
    """The brand's row of that id, locked until the transaction ends if asked. Raises NotFound, for no id at all too."""
    query = select(table).where(table.id == row_id, table.brand_id == brand_id)
    row = session.execute(query.with_for_update() if lock else query).scalar_one_or_none() if is_id(row_id) else None
    if row is None:
        raise NotFound(_UNKNOWN[table])
    return row


def brand_by_id(session: Session, brand_id: str, *, lock: bool = False) -> Brand:
    """The brand of that id, locked until the transaction ends if asked. Raises NotFound."""
    query = select(Brand).where(Brand.id == brand_id)
    if not is_id(brand_id):
        row = None
    elif lock:
        row = session.execute(query.with_for_update()).scalar_one_or_none()
    else:
        row = once(session, ("brand", brand_id), lambda: session.execute(query).scalar_one_or_none())
    if row is None:
        raise NotFound("no such brand")
    return row


def page(
    session: Session,
    table: type[T],
    brand_id: str,
    *,
    after: str | None,
    limit: int,
    conditions: Collection[ColumnElement[bool]] = (),
) -> tuple[Sequence[T], str | None]:
    """The brand's rows in the order of their making, and the cursor of the next page (None at the end).

    Raises BadInput for a cursor that is not ours.
    """
    limit = max(1, min(limit, LARGEST_PAGE))
    query = select(table).where(table.brand_id == brand_id, *conditions).order_by(table.id)
    if after:
        query = query.where(table.id > _cursor(after))
    rows = session.execute(query.limit(limit + 1)).scalars().all()
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def _cursor(text: str) -> str:
    if not is_id(text):
        raise BadInput("cursor", "not a cursor of ours; begin again without one")
    return text


def brands(session: Session) -> Sequence[Brand]:
    """Every brand of the installation, by name."""
    return session.execute(select(Brand).order_by(Brand.name)).scalars().all()


def brand_owning(session: Session, row_ids: Iterable[str]) -> str | None:
    """The brand of the first of these ids that is anything in the catalog, or an order."""
    for row_id in row_ids:
        for table in (
            Shop,
            Partner,
            Campaign,
            Placement,
            Link,
            Code,
            ApiKey,
            Holdout,
            Cost,
            Goal,
            Decision,
            Benchmark,
            OrderRow,
        ):
            columns = table.__table__.c
            brand_id: str | None = session.execute(select(columns.brand_id).where(columns.id == row_id)).scalar()
            if brand_id is not None:
                return brand_id
    return None


def named(session: Session, table: type[T], column: InstrumentedAttribute[Any], brand_id: str, text: str) -> str:
    """The id of the brand's row that `text` means: its id, its `column`, or its `column` but for upper and lower case.

    Raises NotFound, and BadInput where several rows are meant.
    """
    noun, wanted = table.__name__.lower(), text.strip()
    of_brand = select(table.id, column).where(table.brand_id == brand_id)
    found: list[str] = [row_id for row_id, _ in session.execute(of_brand.where(column == wanted))]
    if not found and is_id(wanted):
        return one(session, table, brand_id, wanted).id
    if not found:
        folded = wanted.casefold()
        found = [row_id for row_id, text in session.execute(of_brand) if text and text.casefold() == folded]
    if not found:
        raise NotFound(say("no %(noun)s is called %(wanted)s", noun=noun, wanted=wanted))
    if len(found) > 1:
        raise BadInput(
            noun,
            say("several are called %(wanted)s, say which by id: %(found)s", wanted=wanted, found=", ".join(found)),
        )
    return found[0]


def names(session: Session, brand_id: str) -> dict[str, str]:
    """What the brand's partners, campaigns and shops are called, by id."""
    found: dict[str, str] = {}
    for table in (Partner.__table__, Campaign.__table__, Shop.__table__):
        for row in session.execute(select(table.c.id, table.c.name).where(table.c.brand_id == brand_id)):
            found[row.id] = row.name
    return found


def hosts_of(session: Session, brand_ids: Collection[str]) -> dict[str, list[str]]:
    """The tracking hosts of each brand, the first one added first."""
    query = (
        select(TrackingHost.brand_id, TrackingHost.host)
        .where(TrackingHost.brand_id.in_(brand_ids))
        .order_by(TrackingHost.created_at, TrackingHost.host)
    )
    return _grouped((brand_id, host) for brand_id, host in session.execute(query))


def secrets_of(session: Session, shop_ids: Collection[str]) -> dict[str, list[ShopSecret]]:
    """The secrets in force of each shop, the oldest first."""
    query = (
        select(ShopSecret)
        .where(ShopSecret.shop_id.in_(shop_ids), ShopSecret.removed_at.is_(None))
        .order_by(ShopSecret.id)
    )
    return _grouped((secret.shop_id, secret) for secret in session.execute(query).scalars())


def owners_of(session: Session, code_ids: Collection[str]) -> dict[str, list[CodeOwner]]:
    """The periods of ownership of each code, in time order."""
    query = select(CodeOwner).where(CodeOwner.code_id.in_(code_ids)).order_by(CodeOwner.valid_from)
    return _grouped((owner.code_id, owner) for owner in session.execute(query).scalars())


V = TypeVar("V")


def _grouped(pairs: Iterable[tuple[str, V]]) -> dict[str, list[V]]:
    found: dict[str, list[V]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def code_by_normal(session: Session, brand_id: str, normal: str) -> Code | None:
    """The brand's code that matches as `normal`."""
    return session.execute(select(Code).where(Code.brand_id == brand_id, Code.normal == normal)).scalar_one_or_none()


def links_on(session: Session, host: str) -> int:
    """How many links, disabled ones included, a tracking host carries."""
    return session.execute(select(func.count()).select_from(Link).where(Link.host == host)).scalar_one()


def live_landing_urls(session: Session, brand_id: str) -> list[str]:
    """Where the brand's links that are not disabled lead."""
    query = select(Link.landing_url).where(Link.brand_id == brand_id, Link.disabled_at.is_(None)).distinct()
    return list(session.execute(query).scalars())


def addresses_of_placements(session: Session, brand_id: str) -> dict[str, str | None]:
    """The web addresses of the brand's placements, by id; None where unknown."""
    query = select(Placement.id, Placement.url).where(Placement.brand_id == brand_id)
    return dict(session.execute(query).all())


def has_orders(session: Session, brand_id: str) -> bool:
    """Whether any order of the brand is known."""
    return session.execute(select(OrderRow.id).where(OrderRow.brand_id == brand_id).limit(1)).first() is not None


def change(session: Session, row: Base, values: Mapping[str, Any]) -> None:
    """Set the columns of `row` and send them, so that what follows in the transaction reads them."""
    for name, value in values.items():
        setattr(row, name, value)
    session.flush()
