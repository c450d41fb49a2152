"""Letters that tell one side what the other wrote: put in the transaction that writes it, each recipient once."""

from __future__ import annotations

from tracker.catalog import Desk
from tracker.ledger import catalog, correspondents
from tracker.ledger.mails import Letter, put
from tracker.ledger.tables import Partner


def tell_brand(desk: Desk, kind: str, about: str, partner: Partner, path: str, **values: str) -> None:
    """Write to whoever may answer in the brand. `about` is what makes it one letter, `path` where it leads."""
    for who in correspondents.of_brand(desk.session, desk.brand_id):
        told = {**values, "from": partner.name, "url": f"{desk.public_url}{path}?brand={desk.brand_id}"}
        _put(desk, Letter(f"{kind}:{about}:{who.email}", kind, who.email, who.language, told))


def tell_partner(desk: Desk, kind: str, about: str, partner: Partner, path: str, **values: str) -> None:
    """Write to the partner; nobody is written to where no address is known."""
    brand = catalog.brand_by_id(desk.session, desk.brand_id)
    for who in correspondents.of_partner(desk.session, desk.brand_id, partner):
        told = {**values, "from": brand.name, "url": f"{desk.public_url}{path}?brand={desk.brand_id}"}
        _put(desk, Letter(f"{kind}:{about}:{who.email}", kind, who.email, who.language, told))


def quoted(text: str) -> str:
    """What somebody wrote, line by line marked as theirs: no line of it is taken for one of ours."""
    return "\n".join(f"> {line}" if line.strip() else "" for line in text.splitlines())


def _put(desk: Desk, letter: Letter) -> None:
    put(desk.session, desk.secret_key, letter, desk.now, desk.wall)
