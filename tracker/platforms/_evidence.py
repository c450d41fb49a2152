"""A click id counts wherever the shop kept it, if it has the form of one of ours: no macro, no stranger's id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from urllib.parse import parse_qsl, urlencode

from tracker.domain import codes, marks, regions
from tracker.domain.deliveries import ShopContext
from tracker.domain.ids import is_id
from tracker.platforms._fields import Fields

MOST = 50  # ids, or codes, of one order

_LONGEST = 100_000  # characters of one value that are looked at
_BETWEEN = re.compile(r"[\s,;|]+")
_CAMPAIGN = {"utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term"}


def click_ids(
    shop: ShopContext,
    urls: Iterable[object] = (),
    named: Iterable[tuple[object, object]] = (),
    texts: Iterable[object] = (),
) -> tuple[str, ...]:
    """The click ids in landing URLs, in named values and in free slots, in this order, each once, at most 50.

    The name is the shop's click parameter, with or without a leading underscore (which hides a property from buyers).
    One value may hold several ids, separated by commas or spaces.
    """
    names = {shop.click_parameter.casefold(), f"_{shop.click_parameter}".casefold()}
    from_urls = (found for url in urls for found in _in_url(url, names))
    from_names = (found for name, value in named if _plain(name) in names for found in _ids(value))
    from_texts = (found for value in texts for found in _ids(value))
    told = dict.fromkeys(chain(from_urls, from_names, from_texts))
    return tuple(islice(told, MOST))


def marks_of(
    shop: ShopContext, urls: Iterable[object] = (), named: Iterable[tuple[object, object]] = ()
) -> tuple[str, ...]:
    """The traces of other marketing: those that the snippet handed over by name, and those of the landing URLs."""
    name = f"{shop.click_parameter}_via".casefold()
    handed = [value for key, value in named if _plain(key) in (name, f"_{name}")]
    own = {shop.click_parameter.casefold(), f"_{shop.click_parameter}".casefold()}
    landed = (mark for url in urls for mark in marks.in_query(_query(url), ours=bool(_in_url(url, own))))
    found = marks.kept(handed)
    known = {mark.partition("@")[0] for mark in found}
    return marks.kept([*found, *(mark for mark in landed if mark not in known)])


def _plain(name: object) -> str:
    return name.strip().casefold() if isinstance(name, str) else ""


def _ids(value: object) -> list[str]:
    if not isinstance(value, str):
        return []
    return [part for part in _BETWEEN.split(value[:_LONGEST]) if is_id(part)]


def _in_url(url: object, names: set[str]) -> list[str]:
    """The ids in the first parameter of that name that holds any; a repeated one is somebody's addition."""
    for name, value in _query(url):
        if _plain(name) in names and (found := _ids(value)):
            return found
    return []


def _query(url: object) -> list[tuple[str, str]]:
    if not isinstance(url, str):
        return []
    readable = url[:_LONGEST].replace("&amp;", "&").replace("&#038;", "&")  # WordPress escapes the URLs it keeps
    return parse_qsl(readable.partition("#")[0].partition("?")[2], errors="replace")


def pairs(fields: Fields, name: str) -> Iterator[tuple[object, object]]:
    """The names and values under `name`: a list of {name or key, value}, or one object."""
    values = fields.values.get(name)
    if isinstance(values, dict):
        yield from values.items()
        return
    for item in fields.each(name):
        yield item.values.get("name", item.values.get("key")), item.values.get("value")


def code_texts(values: Iterable[object]) -> tuple[str, ...]:
    """The promo codes among `values` as the shop wrote them, two spellings of one code once, at most 50."""
    told: dict[str, str] = {}
    for value in values:
        if isinstance(value, str) and (normal := codes.normal(value)):
            told.setdefault(normal, codes.shown(value))
    return tuple(islice(told.values(), MOST))


def landing(url: object) -> str:
    """The path of a landing URL and its campaign tags, at most 500 characters; nothing that may name a person."""
    if not isinstance(url, str):
        return ""
    path = codes.shown(re.sub(r"^[a-zA-Z]+://[^/?#]*", "", url).partition("?")[0].partition("#")[0], 300)
    tags = [(name, codes.shown(value, 60)) for name, value in _query(url) if name in _CAMPAIGN and "@" not in value]
    query = urlencode(dict(tags))
    kept = path if "@" not in path and "%40" not in path else "/"
    return f"{kept}?{query}"[:500] if query else kept


def region(country: str, province: str, postcode: str, *addresses: Fields) -> str | None:
    """The region of the first of the addresses that names a country, each under the shop's names for its parts."""
    read = ([address.values.get(name) for name in (country, province, postcode)] for address in addresses)
    return next((found for parts in read if (found := regions.of_address(*parts))), None)


def customer(shop: ShopContext, *emails: object) -> str | None:
    """The keyed hash of the first e-mail address among `emails`, or None: who bought is not known."""
    for email in emails:
        if isinstance(email, str) and "@" in (address := codes.shown(email, 320).lower()):
            return shop.hash_customer(address)
    return None
