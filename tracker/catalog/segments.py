"""A segment is a group that the brand's own customer file puts a customer in: for reports, never for what is paid.

An e-mail address becomes the keyed hash that orders have while it is read. It is kept and logged nowhere, and named in
no answer: a line that is refused is told by its number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated

from pydantic import Field, StringConstraints

from tracker.catalog import Desk
from tracker.catalog._csv_lines import Line
from tracker.catalog.fields import Input, Output
from tracker.errors import BadInput, NotFound
from tracker.ledger import bulk
from tracker.ledger import segments as ledger
from tracker.ledger.tables import Segment
from tracker.sealing import hash_customer

# What a line of a file may say.
FIELDS = ("email", "customer", "segment")
MOST_MEMBERS = 1000
"""Of one request: a larger file goes through the command line."""

_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_HASH = re.compile(r"[0-9a-f]{64}")
_LONGEST = 100

SegmentName = Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST)]


class Member(Input):
    """A customer: by the address that orders were made with, or by the keyed hash that an order shows."""

    email: Annotated[str, Field(max_length=320)] | None = None
    customer: Annotated[str, Field(max_length=64)] | None = None
    segment: SegmentName | None = None


class NewMembers(Input):
    """Customers for a segment. `segment` is of those who name none; without `apply` it is only counted."""

    segment: SegmentName | None = None
    members: Annotated[tuple[Member, ...], Field(min_length=1, max_length=MOST_MEMBERS)]
    apply: bool = False


class SegmentView(Output):
    """A segment and how many customers are in it."""

    name: str
    customers: int


class SegmentList(Output):
    """The brand's segments by name."""

    data: list[SegmentView]


class RefusedMember(Output):
    """A line that is not taken, and why; it never says whose it is."""

    line: int
    reason: str


class SegmentImport(Output):
    """What a file comes to: customers put in each segment, how many were there already, and what is refused."""

    applied: bool
    added: dict[str, int]
    there_already: int
    refused: list[RefusedMember]


def bring(desk: Desk, lines: Sequence[Line], *, defaults: Mapping[str, str], apply: bool) -> SegmentImport:
    """Put the customers of a file in their segments; without `apply` only say what that would do.

    `defaults` are for cells that are empty or have no column. The same file again adds nothing.
    """
    hashed = hash_customer(desk.secret_key, desk.brand_id)
    known = ledger.pairs(desk.session, desk.brand_id)
    fresh: dict[tuple[str, str], None] = {}
    refused, there = [], 0
    for line in lines:
        said = {**defaults, **line.cells}
        try:
            pair = (_customer(said, hashed), _name(said))
        except BadInput as error:
            refused.append(RefusedMember(line=line.number, reason=f"{error.field}: {error}"))
            continue
        there += pair in known or pair in fresh
        if pair not in known:
            fresh[pair] = None
    if apply:
        bulk.insert_ignore(desk.session, Segment, [_row(desk, *pair) for pair in fresh])
    return SegmentImport(applied=apply, added=_counted(fresh), there_already=there, refused=refused)


def add(desk: Desk, wanted: NewMembers) -> SegmentImport:
    """The same of customers that a program names; line 1 is the first."""
    lines = [
        Line(number, {name: value for name in FIELDS if (value := getattr(member, name))})
        for number, member in enumerate(wanted.members, start=1)
    ]
    return bring(desk, lines, defaults={"segment": wanted.segment} if wanted.segment else {}, apply=wanted.apply)


def every(desk: Desk) -> SegmentList:
    """The brand's segments by name."""
    sizes = ledger.sizes(desk.session, desk.brand_id)
    return SegmentList(data=[SegmentView(name=name, customers=count) for name, count in sizes])


def remove(desk: Desk, name: str) -> SegmentView:
    """Take a segment away, as it was. Raises NotFound."""
    count = ledger.drop(desk.session, desk.brand_id, name)
    if not count:
        raise NotFound("no such segment")
    return SegmentView(name=name, customers=count)


def _customer(said: Mapping[str, str], hashed: Callable[[str], str]) -> str:
    email, customer = said.get("email", "").strip(), said.get("customer", "").strip().lower()
    if bool(email) == bool(customer):
        raise BadInput("email", "say the address or the customer's hash, one of them")
    if customer:
        if not _HASH.fullmatch(customer):
            raise BadInput("customer", "want the 64 hexadecimal digits that orders show")
        return customer
    if not _ADDRESS.fullmatch(email):
        raise BadInput("email", "is not an e-mail address")
    return hashed(email)


def _name(said: Mapping[str, str]) -> str:
    name = " ".join(said.get("segment", "").split())
    if not name:
        raise BadInput("segment", "say the segment: in a column, or one for all lines")
    if len(name) > _LONGEST or not name.isprintable():
        raise BadInput("segment", "want a name of at most 100 printable characters")
    return name


def _counted(pairs: Iterable[tuple[str, str]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for _, name in pairs:
        found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items()))


def _row(desk: Desk, customer: str, name: str) -> dict[str, object]:
    return {"brand_id": desk.brand_id, "customer": customer, "name": name, "created_at": desk.now}
