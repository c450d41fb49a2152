"""A brand's receipts are sealed behind the crediting: a chain of hashes in which nothing can be changed unseen.

Each version of a receipt becomes one link, once. Whoever wrote down the hash at the head of the chain can tell later
that everything up to it is as it was, even where links were cut off its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, select, text
from sqlalchemy.orm import Session

from tracker.domain.chain import GENESIS, Entry, canonical, digest, link
from tracker.domain.ids import derived_id
from tracker.domain.money import minor_units
from tracker.domain.receipts import changes, net_again, recompute, stated
from tracker.ledger.bulk import insert_rows
from tracker.ledger.database import among, is_postgresql
from tracker.ledger.tables import Credit, CreditSet, Receipt, Seal

Found = Row[*tuple[Any, ...]]

_PAGE = 500

# Receipts of transactions that overlapped may become visible out of the order of their dates, by no more than this.
_OVERLAP = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Head:
    """The last link of a brand's chain; number 0 and an empty hash where nothing is sealed yet."""

    number: int = 0
    hash: str = GENESIS


@dataclass(frozen=True, slots=True)
class Fault:
    """The first link of a chain that is not as it was sealed: its number, the order, and what differs."""

    number: int
    order_id: str
    what: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit of a brand's receipts found."""

    sealed: int
    unsealed: int
    head: Head
    fault: Fault | None


def head(session: Session, brand_id: str) -> Head:
    """The end of the brand's chain."""
    last = select(Seal.number, Seal.hash).where(Seal.brand_id == brand_id).order_by(Seal.number.desc()).limit(1)
    row = session.execute(last).one_or_none()
    return Head(row.number, row.hash) if row else Head()


def seal(session: Session, brand_id: str, limit: int, wall: datetime, *, all_of_them: bool = False) -> int:
    """Seal up to `limit` of the brand's receipts, the first drawn first; how many.

    For a `writing` transaction. Two at once queue at the brand. Only receipts drawn since shortly before the last
    sealed one are looked at, unless `all_of_them` are.
    """
    _be_alone(session, brand_id)
    end = head(session, brand_id)
    waiting = session.execute(_waiting(session, brand_id, all_of_them=all_of_them).limit(limit)).all()
    rows, previous = [], end.hash
    for number, row in enumerate(waiting, end.number + 1):
        entry = Entry(brand_id, number, row.order_id, row.version, row.digest, row.cause, row.drawn_at)
        previous = link(previous, entry)
        rows.append(_row(entry, previous, wall))
    insert_rows(session, Seal, rows)
    return len(rows)


def count_unsealed(session: Session, brand_id: str) -> int:
    """How many receipts of the brand are in no chain yet."""
    query = select(func.count()).where(Receipt.brand_id == brand_id, ~_is_sealed())
    return session.execute(query).scalar_one()


def of_order(session: Session, order_id: str) -> dict[int, Found]:
    """The links of the order's receipts, by version: number, hash, sealed_at."""
    query = select(Seal.version, Seal.number, Seal.hash, Seal.sealed_at).where(Seal.order_id == order_id)
    return {row.version: row for row in session.execute(query)}


def _be_alone(session: Session, brand_id: str) -> None:
    """SQLite has one writer at a time and needs no lock."""
    if is_postgresql(session):
        key = int(derived_id("seals", brand_id)[:15], 16)
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def _waiting(session: Session, brand_id: str, *, all_of_them: bool) -> Select[*tuple[Any, ...]]:
    query = (
        select(Receipt.order_id, Receipt.version, Receipt.digest, Receipt.cause, Receipt.drawn_at)
        .where(Receipt.brand_id == brand_id, ~_is_sealed())
        .order_by(Receipt.drawn_at, Receipt.order_id, Receipt.version)
    )
    last = None if all_of_them else _last_drawn(session, brand_id)
    return query if last is None else query.where(Receipt.drawn_at >= last - _OVERLAP)


def _last_drawn(session: Session, brand_id: str) -> datetime | None:
    """When the receipt at the head of the chain was drawn."""
    last = (
        select(Receipt.drawn_at)
        .join(Seal, and_(Seal.order_id == Receipt.order_id, Seal.version == Receipt.version))
        .where(Seal.brand_id == brand_id)
        .order_by(Seal.number.desc())
        .limit(1)
    )
    return session.execute(last).scalar()


def _is_sealed() -> ColumnElement[bool]:
    return exists().where(Seal.order_id == Receipt.order_id, Seal.version == Receipt.version)


def _row(entry: Entry, its_hash: str, wall: datetime) -> dict[str, Any]:
    return {
        "brand_id": entry.brand_id,
        "number": entry.number,
        "order_id": entry.order_id,
        "version": entry.version,
        "digest": entry.digest,
        "hash": its_hash,
        "sealed_at": wall,
    }


# --- looking again ----------------------------------------------------------------------------------------------------


def audit(session: Session, brand_id: str, *, noted: str | None = None) -> Audit:
    """Go through the brand's chain from its beginning: is each receipt as it was sealed, and does it add up?

    `noted` is a hash that was once at the head: it must still be in the chain.
    """
    end, found, seen = Head(), None, noted is None
    for row, before in _links(session, brand_id):
        what = _differs(row, before, end)
        if what is not None:
            found = Fault(end.number + 1, row.order_id, what)
            break
        end = Head(row.number, row.hash)
        seen = seen or row.hash == noted
    if found is None:
        found = _unlike_credits(session, brand_id)
    if found is None and not seen:
        found = Fault(end.number + 1, "", "the hash noted is not in the chain: links are missing from its end")
    return Audit(end.number, count_unsealed(session, brand_id), end, found)


def _links(session: Session, brand_id: str) -> Iterator[tuple[Found, Found | None]]:
    """The links in order, each with its receipt (of Nones where it is gone) and the receipt before it."""
    number = 0
    while page := session.execute(_page(brand_id, number)).all():
        earlier = _versions(session, [row.order_id for row in page if row.version > 1])
        yield from ((row, earlier.get((row.order_id, row.version - 1))) for row in page)
        number = page[-1].number


def _page(brand_id: str, after: int) -> Select[*tuple[Any, ...]]:
    return (
        select(
            *(Seal.number, Seal.order_id, Seal.version, Seal.hash, Seal.digest.label("sealed_digest")),
            *(Receipt.digest, Receipt.body, Receipt.cause, Receipt.replaces, Receipt.drawn_at),
            *(Receipt.changes, Seal.brand_id),
        )
        .outerjoin(
            Receipt,
            and_(
                Receipt.order_id == Seal.order_id,
                Receipt.version == Seal.version,
                Receipt.brand_id == Seal.brand_id,
            ),
        )
        .where(Seal.brand_id == brand_id, Seal.number > after)
        .order_by(Seal.number)
        .limit(_PAGE)
    )


def _versions(session: Session, order_ids: list[str]) -> dict[tuple[str, int], Found]:
    query = select(Receipt.order_id, Receipt.version, Receipt.digest, Receipt.body)
    chosen = query.where(among(session, Receipt.order_id, order_ids))
    return {(row.order_id, row.version): row for row in session.execute(chosen)} if order_ids else {}


def _differs(row: Found, before: Found | None, previous: Head) -> str | None:
    """What is wrong with a link, or None."""
    if row.number != previous.number + 1:
        return f"link {previous.number + 1} is missing"
    if row.digest is None:
        return f"version {row.version} of the receipt is gone"
    entry = Entry(row.brand_id, row.number, row.order_id, row.version, row.digest, row.cause, row.drawn_at)
    troubles = {
        f"the body of version {row.version} is not the one that its digest is of": digest(canonical(row.body))
        != row.digest,
        f"version {row.version} is not the one that was sealed": row.digest != row.sealed_digest,
        f"link {row.number} does not follow from the one before: its place, cause or date was changed": link(
            previous.hash, entry
        )
        != row.hash,
        f"version {row.version} does not say which one it replaces": before is not None
        and before.digest != row.replaces,
    }
    return next((what for what, is_so in troubles.items() if is_so), None) or _miscounts(row, before)


def _miscounts(row: Found, before: Found | None) -> str | None:
    """Whether the receipt's amounts do not follow from its own figures and weights, or its changes from the two."""
    body = row.body
    try:
        order = body["order"]
        if net_again(body) != minor_units(order["net"], order["currency"]):
            return "the net value does not follow from the figures of the order"
        if recompute(body) != stated(body):
            return "the amounts do not follow from the weights"
        if row.changes != _changed(before, body):
            return f"version {row.version} does not say rightly who gained or lost by it"
        return None
    except (ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        return f"the receipt cannot be computed again ({type(error).__name__})"


def _changed(before: Found | None, body: dict[str, Any]) -> list[dict[str, str | None]]:
    """Who gained or lost by a receipt: nothing is compared with one of another format."""
    if before is None or before.body["format"] != body["format"]:
        return []
    return changes(before.body, body)


def _unlike_credits(session: Session, brand_id: str) -> Fault | None:
    """The first order whose credits in force are not those of its current receipt."""
    after = ""
    while page := session.execute(_current(brand_id, after)).all():
        kept = _credits(session, [row.order_id for row in page])
        for row in page:
            if _stated(row.body) != kept.get(row.order_id, set()):
                return Fault(row.number or 0, row.order_id, "the credits are not those of the current receipt")
        after = page[-1].order_id
    return None


def _current(brand_id: str, after: str) -> Select[*tuple[Any, ...]]:
    query = (
        select(Receipt.order_id, Receipt.body, Seal.number)
        .outerjoin(Seal, and_(Seal.order_id == Receipt.order_id, Seal.version == Receipt.version))
        .where(Receipt.brand_id == brand_id, Receipt.current)
        .order_by(Receipt.order_id)
        .limit(_PAGE)
    )
    return query.where(Receipt.order_id > after) if after else query


_Line = tuple[str, bool, int, str, str, int]


def _stated(body: dict[str, Any]) -> set[_Line]:
    return {
        (model, body["models"][model]["paying"], one.position, body["journey"][one.position]["partner"],
         str(one.weight), one.amount)
        for model, credits in stated(body).items()
        for one in credits
    }  # fmt: skip


def _credits(session: Session, order_ids: list[str]) -> dict[str, set[_Line]]:
    query = (
        select(
            *(CreditSet.order_id, CreditSet.model, CreditSet.paying),
            *(Credit.position, Credit.partner_id, Credit.weight, Credit.amount),
        )
        .join(Credit, Credit.set_id == CreditSet.id)
        .where(among(session, CreditSet.order_id, order_ids), CreditSet.sealed)
    )
    found: dict[str, set[_Line]] = {}
    for order_id, *line in session.execute(query):
        found.setdefault(order_id, set()).add(tuple(line))  # type: ignore[arg-type]
    return found
