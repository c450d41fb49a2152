"""An API key opens one brand, is shown once and can be revoked. Only the operator makes one: no key makes another."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from tracker.catalog import Desk
from tracker.catalog.fields import Input, Name, Output
from tracker.domain.ids import is_id, new_id
from tracker.errors import BadInput, NotFound, say
from tracker.ledger import catalog, keys
from tracker.ledger.tables import ApiKey


class NewKey(Input):
    """A key to be."""

    name: Name = "API"


class KeyView(Output):
    """A key by the characters that tell it from others."""

    id: str
    name: str
    prefix: str
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


class FreshKey(KeyView):
    """A key at the only moment when it is shown."""

    key: str


def add(desk: Desk, wanted: NewKey) -> FreshKey:
    """Make a key for the desk's brand."""
    key = keys.new_key()
    row = ApiKey(
        id=new_id(),
        brand_id=catalog.brand_by_id(desk.session, desk.brand_id).id,
        name=wanted.name,
        prefix=keys.shown(key),
        digest=keys.digest(key),
        created_at=desk.now,
        revoked_at=None,
        last_used_at=None,
    )
    desk.session.add(row)
    desk.session.flush()
    return FreshKey(key=key, **_view(row).model_dump())


def revoke(desk: Desk, text: str) -> KeyView:
    """End the key of that id, name or beginning; again is no error. Raises NotFound, BadInput where several match."""
    row = catalog.one(desk.session, ApiKey, desk.brand_id, _named(desk, text), lock=True)
    catalog.change(desk.session, row, {"revoked_at": row.revoked_at or desk.now})
    return _view(row)


def every(desk: Desk) -> list[KeyView]:
    """The brand's keys, revoked ones included, the oldest first."""
    return [_view(row) for row in _rows(desk)]


def _rows(desk: Desk) -> list[ApiKey]:
    query = select(ApiKey).where(ApiKey.brand_id == desk.brand_id).order_by(ApiKey.id)
    return list(desk.session.execute(query).scalars())


def _named(desk: Desk, text: str) -> str:
    wanted = text.strip()
    if is_id(wanted):
        return wanted
    found = [row.id for row in _rows(desk) if row.name == wanted or wanted.startswith(row.prefix)]
    if not found:
        raise NotFound(
            say("no key is called %(value)s", value=keys.shown(wanted) if wanted.startswith(keys.PREFIX) else wanted)
        )
    if len(found) > 1:
        raise BadInput(
            "key",
            say(
                "several keys are called %(wanted)s, say which by id: %(found)s", wanted=wanted, found=", ".join(found)
            ),
        )
    return found[0]


def _view(row: ApiKey) -> KeyView:
    return KeyView(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
