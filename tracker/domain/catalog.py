"""The closed sets of the catalog: who promotes, in which channel, on what."""

from __future__ import annotations

from datetime import date
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
    OWN = "own"
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


class CampaignState(StrEnum):
    """Where a campaign stands among its days."""

    RUNNING = "running"
    PLANNED = "planned"
    ENDED = "ended"


def campaign_state(starts_on: date | None, ends_on: date | None, today: date) -> CampaignState:
    """Where a campaign stands on a day of its brand. Both days are its own; open where None."""
    if starts_on is not None and today < starts_on:
        return CampaignState.PLANNED
    return CampaignState.ENDED if ends_on is not None and ends_on < today else CampaignState.RUNNING


def default_channel(kind: PartnerKind) -> Channel:
    """Creators and the brand's own accounts influence; others are affiliates until somebody says otherwise."""
    return Channel.INFLUENCE if kind in (PartnerKind.CREATOR, PartnerKind.OWN) else Channel.AFFILIATE
