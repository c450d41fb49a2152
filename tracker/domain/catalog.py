"""The closed sets of the catalog: who promotes, in which channel, on what."""

from __future__ import annotations

from enum import StrEnum


class Channel(StrEnum):
    """The two channels that earn."""

    INFLUENCE = "influence"
    AFFILIATE = "affiliate"


class PartnerKind(StrEnum):
    """What a partner is; it suggests the default channel and the rules that apply."""

    CREATOR = "creator"
    MEDIA = "media"
    COUPON = "coupon"
    CASHBACK = "cashback"
    COMPARISON = "comparison"
    NEWSLETTER = "newsletter"
    OTHER = "other"


class Format(StrEnum):
    """What a placement is made of."""

    VIDEO = "video"
    PHOTO = "photo"
    STORY = "story"
    LIVE = "live"
    ARTICLE = "article"
    NEWSLETTER = "newsletter"


class Objective(StrEnum):
    """What a campaign is for."""

    AWARENESS = "awareness"
    ENGAGEMENT = "engagement"
    TRAFFIC = "traffic"
    SALES = "sales"
    NEW_CUSTOMERS = "new_customers"


def default_channel(kind: PartnerKind) -> Channel:
    """A creator influences; every other kind is an affiliate until somebody says otherwise."""
    return Channel.INFLUENCE if kind is PartnerKind.CREATOR else Channel.AFFILIATE
