"""Who appears in the demo. Everybody is invented, and every address is under example.com."""

from __future__ import annotations

from dataclasses import dataclass

BRAND = "Fern & Ember"
LANDING_DOMAIN = "shop.example.com"
CURRENCY = "EUR"
# Its campaigns: one for sales, one to be seen, one for customers who are new.
WINTER, LANTERNS, GIFTS = "Winter lights", "Paper lanterns", "Gift sets"


@dataclass(frozen=True, slots=True)
class Spot:
    """One link and where it was published: `network` and `format` are None for a link that is always there.

    `day` is when it went out, `visits` how many people and machines it draws over the four weeks. `title` and `message`
    are the brand's notes on what it shows and says.
    """

    slug: str
    path: str
    visits: int
    day: float = 0.0
    network: str | None = None
    format: str | None = None
    campaign: str = WINTER
    title: str | None = None
    message: str | None = None


# Percent of the credit for new and for returning customers, of influencers and of affiliates.
TERMS = {True: ("10", "5"), False: ("6", "3")}
HOLD_DAYS = 7
# How far back a click may earn. Within the four weeks it closes, so that journeys without an order are known as such.
CLICK_DAYS = 7


@dataclass(frozen=True, slots=True)
class Promoter:
    """A partner, its links and its promo code. `code_orders` is how many type the code without ever clicking.

    `appeal` is how readily those who click its links buy, beside everybody else's.
    """

    name: str
    kind: str
    spots: tuple[Spot, ...]
    followers: int | None = None
    code: str | None = None
    code_orders: int = 0
    appeal: float = 1.0

    @property
    def influences(self) -> bool:
        """Whether it stands in the influence channel; the others are affiliates."""
        return self.kind in ("creator", "own")

    @property
    def email(self) -> str:
        """Where it is written to."""
        return f"{self.name.split()[0].lower()}@example.com"


# What a placement says, in a word or two: those of one message are compared.
_TUTORIAL, _DECOR, _GIFT, _UNBOXING = "Tutoriel", "Ambiance", "Idée cadeau", "Déballage"

INFLUENCERS = (
    Promoter(
        "Noor Haddad",
        "creator",
        (Spot("noor", "/lanterns/brass", 140, 2.4, "tiktok", "video", WINTER, "La lanterne de ma grand-mère", _DECOR),),
        followers=4_200,
        code="NOOR10",
        code_orders=5,
    ),
    Promoter(
        "Tomas Lindqvist",
        "creator",
        (Spot("tomas-desk", "/lamps/desk", 180, 5.7, "instagram", "photo", WINTER, "Mon bureau le soir", _DECOR),),
        followers=8_900,
        code="TOMAS10",
        code_orders=4,
    ),
    Promoter(
        "Mei Okafor",
        "creator",
        (
            Spot("mei-tour", "/lamps", 300, 3.8, "youtube", "video", WINTER, "Visite guidée, lampes allumées", _DECOR),
            Spot(
                "mei-evening", "/lamps/desk", 190, 9.1, "tiktok", "video", WINTER, "Cinq lampes, une soirée", _TUTORIAL
            ),
            Spot("mei-story", "/lanterns", 200, 13.5, "instagram", "story", GIFTS, "Trois bougies, trois amies", _GIFT),
        ),
        followers=31_000,
        code="MEI10",
        code_orders=9,
    ),
    Promoter(
        "Ines Carvalho",
        "creator",
        (
            Spot("ines", "/candles", 330, 7.5, "instagram", "video", WINTER, "La cire d’abeille, pas à pas", _TUTORIAL),
            Spot("ines-box", "/candles", 170, 12.2, "tiktok", "video", WINTER, "Ce qu’il y a dans le colis", _UNBOXING),
            Spot(
                "ines-live",
                "/candles/gift-set",
                330,
                17.9,
                "instagram",
                "live",
                GIFTS,
                "En direct : quel coffret ?",
                _GIFT,
            ),
        ),
        followers=87_000,
        code="INES15",
        code_orders=12,
    ),
    Promoter(
        "Bilal Fontaine",
        "creator",
        (
            Spot(
                "bilal-fix", "/lamps/desk", 200, 4.6, "youtube", "video", WINTER, "Une lampe qui se répare", _TUTORIAL
            ),
            Spot(
                "bilal-cosy",
                "/lamps",
                160,
                10.4,
                "tiktok",
                "video",
                WINTER,
                "Lumière chaude, lumière froide",
                _TUTORIAL,
            ),
            Spot("bilal-desk", "/lamps/desk", 150, 15.3, "tiktok", "video", WINTER, "Le bureau de nuit", _DECOR),
        ),
        followers=54_000,
        code="BILAL10",
        code_orders=8,
    ),
    Promoter(
        "Saskia Thorne",
        "creator",
        (
            Spot("saskia", "/lanterns", 190, 6.3, "tiktok", "video", WINTER, "Pluie, plaid, lanterne", _UNBOXING),
            Spot(
                "saskia-asmr",
                "/candles",
                340,
                11.6,
                "tiktok",
                "video",
                WINTER,
                "Allumer vingt bougies (ASMR)",
                _UNBOXING,
            ),
        ),
        followers=68_000,
        code="SASKIA10",
        code_orders=2,
        appeal=0.1,
    ),
    Promoter(
        "Juno Bakker",
        "creator",
        (Spot("juno", "/lanterns/paper", 640, 9.8, "tiktok", "video", LANTERNS, "Cent lanternes dans la rue", _DECOR),),
        followers=240_000,
        code="JUNO10",
        code_orders=10,
        appeal=0.5,
    ),
    Promoter(
        "Ravi Delacroix",
        "creator",
        (Spot("ravi", "/lamps/floor", 800, 12.7, "youtube", "video", LANTERNS, "J’ai plié 40 lanternes", _TUTORIAL),),
        followers=610_000,
        code="RAVI10",
        code_orders=10,
        appeal=0.5,
    ),
    Promoter(
        BRAND,
        "own",
        (Spot("fern-ember", "/lamps", 200, 1.2, "instagram", "photo", WINTER, "L’atelier au petit matin", _DECOR),),
        followers=18_500,
    ),
)

AFFILIATES = (
    Promoter(
        "Code Harbour",
        "coupon",
        (Spot("harbour", "/", 480), Spot("harbour-sale", "/sale", 240)),
        code="HARBOUR5",
        code_orders=6,
    ),
    Promoter("Parrot Cashback", "cashback", (Spot("parrot", "/", 420),)),
    Promoter(
        "The Quiet Shelf",
        "media",
        (
            Spot("shelf-lamps", "/lamps", 340, 1.4, "blog", "article", WINTER, "Vivre avec moins de lumière", _DECOR),
            Spot(
                "shelf-gifts",
                "/candles/gift-set",
                290,
                14.3,
                "blog",
                "article",
                GIFTS,
                "Douze cadeaux qui éclairent",
                _GIFT,
            ),
        ),
    ),
)
COUPON_SITE = AFFILIATES[0]

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

# Where goods go. In the second half nothing was amplified, so that the halves may be compared.
COMPARED = ("75", "69", "31", "44", "67")
HELD_OUT = ("13", "33", "59", "34", "35")
# The traces of other marketing that an order's landing may carry.
OTHER_MARKETING = ("gclid=demo", "awc=1001_demo", "utm_source=lettre&utm_medium=email&utm_campaign=novembre")

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
