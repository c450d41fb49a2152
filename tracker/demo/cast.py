"""Who appears in the demo. Everybody is invented, and every address is under example.com."""

from __future__ import annotations

from dataclasses import dataclass

BRAND = "Fern & Ember"
LANDING_DOMAIN = "shop.example.com"
CURRENCY = "EUR"
CAMPAIGN = "Winter lights"


@dataclass(frozen=True, slots=True)
class Spot:
    """One link and where it was published: `network` and `format` are None for a link that is always there.

    `day` is when it went out, `visits` how many people and machines it draws over the four weeks.
    """

    slug: str
    path: str
    visits: int
    day: float = 0.0
    network: str | None = None
    format: str | None = None


# Percent of the credit for new and for returning customers, of influencers and of affiliates.
TERMS = {True: ("12", "6"), False: ("7", "3.5")}
HOLD_DAYS = 14
# How far back a click may earn. Within the four weeks it closes, so that journeys without an order are known as such.
CLICK_DAYS = 7


@dataclass(frozen=True, slots=True)
class Promoter:
    """A partner, its links and its promo code. `code_orders` is how many type the code without ever clicking."""

    name: str
    kind: str
    spots: tuple[Spot, ...]
    followers: int | None = None
    code: str | None = None
    code_orders: int = 0

    @property
    def influences(self) -> bool:
        """Whether it stands in the influence channel; the others are affiliates."""
        return self.kind == "creator"


INFLUENCERS = (
    Promoter(
        "Noor Haddad",
        "creator",
        (Spot("noor", "/lanterns/brass", 150, 2.4, "tiktok", "video"),),
        followers=4_200,
        code="NOOR10",
        code_orders=5,
    ),
    Promoter(
        "Tomas Lindqvist",
        "creator",
        (Spot("tomas-desk", "/lamps/desk", 210, 5.7, "instagram", "photo"),),
        followers=8_900,
        code="TOMAS10",
        code_orders=4,
    ),
    Promoter(
        "Mei Okafor",
        "creator",
        (
            Spot("mei-tour", "/lamps", 430, 3.8, "youtube", "video"),
            Spot("mei-story", "/lanterns", 220, 16.8, "instagram", "story"),
        ),
        followers=31_000,
        code="MEI10",
        code_orders=9,
    ),
    Promoter(
        "Ines Carvalho",
        "creator",
        (
            Spot("ines", "/candles", 560, 7.5, "instagram", "photo"),
            Spot("ines-live", "/candles/gift-set", 380, 20.8, "instagram", "live"),
        ),
        followers=87_000,
        code="INES15",
        code_orders=12,
    ),
    Promoter(
        "Juno Bakker",
        "creator",
        (Spot("juno", "/lanterns/paper", 1150, 9.8, "tiktok", "video"),),
        followers=240_000,
        code="JUNO10",
        code_orders=14,
    ),
    Promoter(
        "Ravi Delacroix",
        "creator",
        (Spot("ravi", "/lamps/floor", 1400, 12.7, "youtube", "video"),),
        followers=610_000,
        code="RAVI10",
        code_orders=16,
    ),
)

AFFILIATES = (
    Promoter(
        "Code Harbour",
        "coupon",
        (Spot("harbour", "/", 520), Spot("harbour-sale", "/sale", 260)),
        code="HARBOUR5",
        code_orders=6,
    ),
    Promoter("Parrot Cashback", "cashback", (Spot("parrot", "/", 460),)),
    Promoter(
        "The Quiet Shelf",
        "media",
        (
            Spot("shelf-lamps", "/lamps", 380, 1.4, "blog", "article"),
            Spot("shelf-gifts", "/candles/gift-set", 330, 14.3, "blog", "article"),
        ),
    ),
)

PROMOTERS = INFLUENCERS + AFFILIATES


@dataclass(frozen=True, slots=True)
class Store:
    """One of the brand's shops and the secret that it signs with (the secret of a demo, known to everybody)."""

    platform: str
    name: str
    secret: str


STORES = (
    Store("shopify", "fern-ember.myshopify.example.com", "demo-shopify-secret-5f0c1a7be2d94436"),
    Store("woocommerce", "boutique.example.com", "demo-woocommerce-secret-93b1e6f2a8d7"),
)

# Minor units, tax included.
GOODS = (
    ("Paper lantern", 1490),
    ("Beeswax candle", 1850),
    ("Brass lantern", 5900),
    ("Gift set, three candles", 4450),
    ("Desk lamp", 7900),
    ("Floor lamp", 18900),
)

IN_APP_BROWSERS = {
    "instagram": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Mobile/15E148 Instagram 389.0.0.26.87 (iPhone15,4; iOS 18_5; fr_FR; fr; scale=3.00; 1179x2556; 756143276)",
    "tiktok": "Mozilla/5.0 (Linux; Android 15; SM-S926B Build/AP3A.240905.015; wv) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Version/4.0 Chrome/137.0.7151.61 Mobile Safari/537.36 musical_ly_2024100030 JsSdk/1.0 "
    "NetType/WIFI Channel/googleplay AppName/musical_ly app_version/41.0.3 ByteLocale/fr BytedanceWebview/d8a21c6",
    "youtube": "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 "
    "Mobile Safari/537.36",
}
BROWSERS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 "
    "Edg/138.0.0.0",
)
BOTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) "
    "Chrome/116.0.1938.76 Safari/537.36",
    "python-requests/2.32.4",
    "curl/8.5.0",
)
PREVIEWS = (
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "WhatsApp/2.23.20.0",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "TelegramBot (like TwitterBot)",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
)
REFERRERS = {
    "instagram": "https://l.instagram.com/",
    "tiktok": "https://www.tiktok.com/",
    "youtube": "https://www.youtube.com/",
    "blog": "https://quiet-shelf.example.com/living-with-less-light",
}
