"""The page that a visitor came from, as a class: a search engine, a social network, another site, or nothing said."""

from __future__ import annotations

from enum import StrEnum


class Referrer(StrEnum):
    """What kind of page led here."""

    SOCIAL = "from_social"
    SEARCH = "from_search"
    SITE = "from_sites"
    NONE = "without_referrer"  # typed, from an app, or held back by the browser


_SOCIAL = frozenset(
    (
        *("instagram.com", "facebook.com", "fb.com", "tiktok.com", "youtube.com", "youtu.be", "twitter.com", "x.com"),
        *("t.co", "pinterest.com", "pin.it", "linkedin.com", "lnkd.in", "snapchat.com", "reddit.com", "threads.net"),
        *("twitch.tv", "discord.com", "telegram.org", "t.me", "whatsapp.com", "linktr.ee", "threads.com", "bsky.app"),
    )
)
_SEARCH = frozenset(("google", "bing", "duckduckgo", "ecosia", "qwant", "yahoo", "yandex", "baidu", "startpage"))


def referrer_of(host: str | None) -> Referrer:
    """The class of a referrer's host name; subdomains belong to their site, search engines to any country."""
    labels = (host or "").lower().strip(".").split(".")
    if labels == [""]:
        return Referrer.NONE
    if any(".".join(labels[start:]) in _SOCIAL for start in range(len(labels))):
        return Referrer.SOCIAL
    if _SEARCH & set(labels[-3:-1]):
        return Referrer.SEARCH
    return Referrer.SITE
