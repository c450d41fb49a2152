"""A landing URL is https and on a domain the brand allowed, and every parser reads it the same way or it is refused.

What is accepted is a canonical ASCII URL: reading it with the rules of RFC 3986 or with a browser's (WHATWG) gives the
same host, path and query, and writing it again gives the same text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote_plus

from tracker.errors import say

LONGEST_URL = 2000

# Letters, digits and inner hyphens; the last label begins with a letter, for browsers read `1.2.3.0x4` as an address.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
_URL = re.compile(r"https://([^/?#]+)(/[^?#]*)?(\?[^#]*)?(#.*)?", re.IGNORECASE)
_CANONICAL = re.compile(r"https://([a-z0-9.-]+)/[!-~]*")
_ENCODED_CONTROL = re.compile(r"%(?:[01][0-9a-f]|7f)", re.IGNORECASE)

# Left as they are; everything else, non-ASCII included, is percent-encoded, which no parser changes again.
_SAFE = "%!$&()*+,-./:;=?@[]_~#"


def check_landing(url: str, allowed_domains: Iterable[str]) -> str:
    """The canonical ASCII form of a landing URL. Raises ValueError, which says what to do."""
    if len(url) > LONGEST_URL:
        raise ValueError(say("a landing URL has at most %(longest_url)s characters", longest_url=LONGEST_URL))
    if not url.isprintable() or " " in url or "\\" in url:
        raise ValueError("a landing URL holds no spaces, line breaks, invisible characters or backslashes")
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError("a landing URL begins with https:// and a host, such as https://shop.example.com/page")
    authority, path, query, fragment = match.groups(default="")
    host = _check_authority(authority)
    if not _is_on(host, allowed_domains):
        raise ValueError(
            say("%(host)s is not on a domain this brand allows; add its domain to the brand first", host=host)
        )
    _check_path(path)
    if _ENCODED_CONTROL.search(url):
        raise ValueError("a landing URL holds no encoded control characters")
    return f"https://{host}" + "".join(quote(part, safe=_SAFE) for part in (path or "/", query, fragment))


def check_domain(text: str) -> str:
    """The canonical form of a domain for a brand's allow-list: lower-case ASCII. Raises ValueError with what to do."""
    domain = text.strip().lower()
    if not domain.isascii():
        raise ValueError("write an international domain in its ASCII form, which begins with xn--")
    if len(domain) > 253 or not _HOST.fullmatch(domain) or not all(map(_is_plain_label, domain.split("."))):
        raise ValueError("a domain looks like example.com: no scheme, no port, no path, and not an IP address")
    return domain


def is_allowed(url: str, allowed_domains: Iterable[str]) -> bool:
    """Whether a canonical landing URL, as `check_landing` gave it, is still on a domain that is allowed."""
    match = _CANONICAL.fullmatch(url)
    return match is not None and _is_on(match[1], allowed_domains)


def with_parameters(url: str, click_parameter: str, added: Mapping[str, str]) -> tuple[str, str, str]:
    """A canonical landing URL ready for clicks: what stands before a click's id, what stands after, and all without id.

    `added` parameters join those that the URL has and never replace one. An earlier click's id is taken out: people
    copy the address they landed on.
    """
    rest, _, fragment = url.partition("#")
    page, _, query = rest.partition("?")
    given = [part for part in query.split("&") if part and _name(part) != click_parameter]
    taken = {_name(part) for part in given} | {click_parameter}
    for name, value in added.items():
        if value and name not in taken:
            given.append(f"{quote(name, safe='')}={quote(value, safe='')}")
    after = f"#{fragment}" if fragment else ""
    plain = page + ("?" + "&".join(given) if given else "") + after
    return page + "?" + "&".join([*given, f"{click_parameter}="]), after, plain


def filled(template: Mapping[str, object], names: Mapping[str, str]) -> dict[str, str]:
    """A UTM template with each `{placeholder}` replaced by its name; one that names nothing known stays as it is.

    In alphabetical order: not every database keeps another.
    """
    result = {}
    for parameter, text in sorted(template.items()):
        value = str(text)
        for placeholder, name in names.items():
            value = value.replace("{" + placeholder + "}", name)
        result[parameter] = value
    return result


def _check_authority(authority: str) -> str:
    """The host of a URL, in lower case. Raises ValueError for user names, ports, addresses and what is no host name."""
    if "@" in authority:
        raise ValueError("a landing URL holds no user name: take out everything up to the @")
    host = authority.lower().removesuffix(":443")
    if ":" in host:
        raise ValueError("a landing URL names no port and no IP address")
    if not host.isascii():
        raise ValueError("write an international host in its ASCII form, which begins with xn--")
    return check_domain(host)


def _check_path(path: str) -> None:
    for segment in path.split("/"):
        if segment.lower().replace("%2e", ".") in (".", ".."):
            raise ValueError("a landing URL's path holds no . or .. segments")


def _is_on(host: str, domains: Iterable[str]) -> bool:
    return any(domain and (host == domain or host.endswith("." + domain)) for domain in domains)


def _is_plain_label(label: str) -> bool:
    """Whether browsers take a label for what it says: an international one is letters and digits in normal form."""
    if label[2:4] != "--":
        return True
    if not label.startswith("xn--"):
        return False
    try:
        text = label[4:].encode().decode("punycode")
        again = text.encode("punycode").decode()
    except UnicodeError:
        return False
    folded = unicodedata.normalize("NFKC", text.casefold())
    plain = all(unicodedata.category(character) in ("Ll", "Lo", "Nd") or character == "-" for character in text)
    left_to_right = all(unicodedata.bidirectional(character) in ("L", "EN", "ES") for character in text)
    return not text.isascii() and f"xn--{again}" == label and text == folded and plain and left_to_right


def _name(part: str) -> str:
    return unquote_plus(part.partition("=")[0])
