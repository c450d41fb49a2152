"""A mark is another marketing's trace on the way to an order: it is seen, it is never paid, and it names nobody.

Of an affiliate network's or an advertiser's parameter only the name is kept (`awc`), never its value; of campaign tags
their words (`utm:news:email:march`). A mark may end in the moment it was first seen, in milliseconds since 1970
(`awc@1772443800000`), as the shop's snippet hands it over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import quote, unquote

MOST = 20  # marks of one order


class Family(StrEnum):
    """What kind of marketing left the mark."""

    NETWORK = "network"  # an affiliate network: it may want to be paid for the same sale
    ADVERTISING = "advertising"
    TAGGED = "tagged"  # campaign tags, whoever set them


# The parameters that networks and advertisers add to a landing URL, and whose they are.
PARAMETERS = {
    "awc": (Family.NETWORK, "Awin"),
    "irclickid": (Family.NETWORK, "impact.com"),
    "cjevent": (Family.NETWORK, "CJ"),
    "ranSiteID": (Family.NETWORK, "Rakuten"),
    "gclid": (Family.ADVERTISING, "Google Ads"),
    "gbraid": (Family.ADVERTISING, "Google Ads"),
    "wbraid": (Family.ADVERTISING, "Google Ads"),
    "msclkid": (Family.ADVERTISING, "Microsoft Ads"),
    "fbclid": (Family.ADVERTISING, "Meta"),
    "ttclid": (Family.ADVERTISING, "TikTok"),
}
_TAGS = ("utm_source", "utm_medium", "utm_campaign")
_FORM = re.compile(r"(?P<what>[A-Za-z]+(?:\+[A-Za-z]+)*|utm(?::[\w.%!~*'()+-]{0,120}){3})(?:@(?P<at>[0-9]{12,14}))?")


@dataclass(frozen=True, slots=True)
class Mark:
    """Who left it, and when it was first seen where that is known (UTC)."""

    family: Family
    source: str
    at: datetime | None


def kept(texts: Iterable[object]) -> tuple[str, ...]:
    """The marks in texts that a shop handed over, joined by commas; whatever is none is left out, each once."""
    parts = (part.strip() for text in texts if isinstance(text, str) for part in text[:20_000].split(","))
    found = (part for part in parts if _is_mark(part))
    return tuple(list(dict.fromkeys(found))[:MOST])


def in_query(query: Iterable[tuple[str, str]], ours: bool) -> tuple[str, ...]:
    """The mark of a landing URL's query. Where it carries a click id of `ours` its campaign tags are ours too."""
    values = dict(reversed(list(query)))
    names = [name for name in PARAMETERS if values.get(name)]
    tags = [values.get(tag, "")[:40] for tag in _TAGS]
    if not ours and any(tags) and not any("@" in tag for tag in tags):
        return kept(["+".join(names), "utm:" + ":".join(quote(tag, safe="") for tag in tags)])
    return kept(["+".join(names)])


def told(text: str) -> list[Mark]:
    """What a kept mark says: one for each parameter in it."""
    form = _FORM.fullmatch(text)
    if form is None:
        return []
    at = datetime.fromtimestamp(int(form["at"]) / 1000, UTC) if form["at"] else None
    if form["what"].startswith("utm:"):
        source, medium, _ = (unquote(part) for part in form["what"].split(":")[1:])
        return [Mark(Family.TAGGED, " / ".join(part for part in (source, medium) if part), at)]
    return [Mark(*PARAMETERS[name], at) for name in dict.fromkeys(form["what"].split("+")) if name in PARAMETERS]


def _is_mark(text: str) -> bool:
    form = _FORM.fullmatch(text)
    if form is None or "@" in unquote(form["what"]):
        return False
    return form["what"].startswith("utm:") or all(name in PARAMETERS for name in form["what"].split("+"))
