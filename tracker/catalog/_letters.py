"""Letters that tell one side what the other wrote: put in the transaction that writes it, each recipient once."""

from __future__ import annotations

from collections.abc import Mapping

from tracker.catalog import Desk
from tracker.ledger import catalog, correspondents, keys
from tracker.ledger.correspondents import Correspondent
from tracker.ledger.mails import Letter, put
from tracker.ledger.tables import Partner


def tell_brand(desk: Desk, kind: str, about: str, partner: Partner, path: str, **values: str) -> None:
    """Write to whoever may answer in the brand. `about` is what makes it one letter, `path` where it leads."""
    for who in correspondents.of_brand(desk.session, desk.brand_id):
        told = {**values, "from": partner.name, "url": f"{desk.public_url}{path}?brand={desk.brand_id}"}
        _put(desk, kind, about, who, told)


def tell_partner(desk: Desk, kind: str, about: str, partner: Partner, path: str, **values: str) -> None:
    """Write to the partner; nobody is written to where no address is known."""
    brand = catalog.brand_by_id(desk.session, desk.brand_id)
    for who in correspondents.of_partner(desk.session, desk.brand_id, partner):
        told = {**values, "from": brand.name, "url": f"{desk.public_url}{path}?brand={desk.brand_id}"}
        _put(desk, kind, about, who, told)


def quoted(text: str) -> str:
    """What somebody wrote, line by line marked as theirs: no line of it is taken for one of ours."""
    return "\n".join(f"> {line}" if line.strip() else "" for line in text.splitlines())


def _put(desk: Desk, kind: str, about: str, who: Correspondent, values: Mapping[str, str]) -> None:
    """An address may be longer than a key: its digest stands in it."""
    letter = Letter(f"{kind}:{about}:{keys.digest(who.email)[:32]}", kind, who.email, who.language, values)
    put(desk.session, desk.secret_key, letter, desk.now, desk.wall)
