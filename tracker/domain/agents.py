"""A click is a person's unless the request says otherwise, and the reason is written down in a word.

The order of the questions matters: how the answer was asked for; link previews (most of them call themselves bots
too); what no person's browser says of itself; and last whether there is a browser at all. Names of phones, which may
sound like a bot, are taken out first, and where an app shows the page only the plainest questions are asked: its makers
write whatever they like there. The rules know kinds of words, not a dump of strings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

# Grows with every change of what the rules answer; each click keeps the version that judged it.
RULES_VERSION = 1

# Nobody's browser has more to say; the rest is not read, so that no string can keep the rules busy.
_LONGEST = 1024
# No string with a browser in it is shorter.
_SHORTEST = 12


class Taken(StrEnum):
    """What a click was taken for."""

    HUMAN = "human"
    BOT = "bot"
    PREVIEW = "preview"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a click was taken for, and why: one word of at most 40 characters."""

    verdict: Taken
    reason: str


@dataclass(frozen=True, slots=True)
class Agent:
    """A user agent string and what it was taken for. `id` is its digest; names are None where nobody knows them."""

    id: str
    text: str
    browser: str | None
    system: str | None
    device: str
    verdict: Verdict


HIDDEN_LOAD = Verdict(Taken.BOT, "hidden_load")


def verdict(user_agent: str, fetch_dest: str | None = None, fetch_mode: str | None = None) -> Verdict:
    """What a request is taken for. Never raises, whatever the strings hold."""
    return HIDDEN_LOAD if is_hidden_load(fetch_dest, fetch_mode) else agent_verdict(user_agent)


def is_hidden_load(fetch_dest: str | None, fetch_mode: str | None) -> bool:
    """Whether the link was loaded inside a page instead of followed: a frame, an image, a script's own request.

    That is how cookies are stuffed; a person who follows a link navigates to a document. The arguments are
    Sec-Fetch-Dest and Sec-Fetch-Mode: browsers have sent both since 2023, older ones and most programs neither.
    """
    if not fetch_dest or fetch_dest == "document":
        return False
    return fetch_mode != "navigate" or fetch_dest in _FRAMES


def agent_verdict(user_agent: str) -> Verdict:
    """What a request with this user agent is taken for, whatever else it says."""
    text = user_agent[:_LONGEST].strip()
    if not text:
        return Verdict(Taken.BOT, "no_agent")
    if _PREVIEW.search(text):
        return Verdict(Taken.PREVIEW, "link_preview")
    in_app = _IN_APP.search(text) is not None
    text = _INNOCENT.sub(" ", text)
    for reason, pattern in _PLAIN if in_app else _PLAIN + _SUBTLE:
        if pattern.search(text):
            return Verdict(Taken.BOT, reason)
    if len(text) < _SHORTEST or not _BROWSER.search(text):
        return Verdict(Taken.BOT, "no_browser")
    return Verdict(Taken.HUMAN, "in_app" if in_app else "browser")


_FRAMES = frozenset({"iframe", "frame", "fencedframe", "embed", "object"})


def _rule(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.VERBOSE)


# Who fetches a link because somebody shared it. Shown apart: a share is worth knowing.
_PREVIEW = _rule(r"""
      facebookexternalhit | meta-external(?:hit|fetcher) | ^facebot | ^whatsapp\b | ^viber\b | ^line\b | ^pinterest/\d
    | (?:twitter|linkedin|reddit|pinterest|odkl|tumblr|discord|telegram|slack|groupme|keybase|dingtalk)bot\b
    | \b(?:viber|line|signal|skype|teams|webex|wechat|kakao\w*|chatwork|mattermost|zulip|notion|trello|coda)-?bot\b
    | slack-imgproxy | vkshare | kakao\w*-?scrap | line-?poker | xing-contenttab | ^tumblr/\d | ^rocket\.chat | ^zulip
    | ^synapse | ^notion/ | skype-?uri-?preview | steamchaturllookup | bingpreview | microsoftpreview | google-?messages
    | google-?pagerenderer | web/snippet | \bmastodon/ | bluesky | cardyb | pleroma | akkoma | misskey | summaly
    | friendica | hubzilla | pixelfed | lemmy/ | nuzzel | flipboard(?:proxy|rss) | hatena(?:::)?bookmark | iframely
    | embedly | onebox | unfurl | opengraph | oembed | link-?expan | rich-?link | github-camo | camo\ asset
    | (?:link|ur[li]|web|site|page)[\ _-]?preview | preview\w*bot | (?:google|mail)(?:image)?proxy
""")

# The model of a phone, and what else sounds like a bot or looks like an address and is none.
_INNOCENT = _rule(r"""
      android\ [\d.]+;(?:\ ?[a-z]{2}[-_][a-z]{2};)?\ ?[^;()/@]*(?=[;)]|\ build/) | \bbuild/[^;()\s]*
    | \[fb\w+/[^\]]* | android\ \(\d+/[^()]*(?:\([^()]*\)[^()]*)*\)
    | studobrowser/\S+\ \([^)]*\) | cubot | \b(?:m|vr|i)[\ _-]bot\b | \S{1,64}@(?:calendar=\w+|[\d.]+)
""")

# Apps that show a page to a person, by name or because their string is a web view's.
_IN_APP = _rule(r"""
      \bFB(?:AN|AV|_IAB)/ | \bMetaIAB\b | \b(?:Instagram|Barcelona)\ \d | musical_ly | \btrill_\d | BytedanceWebview
    | \bSnapchat/\d | \[Pinterest/ | Twitter\ for\ i | TwitterAndroid | LinkedInApp | MicroMessenger/\d | \bLine/\d
    | \bKAKAOTALK | \bGSA/\d | \bGoogleApp/ | \bReddit(?:/|Android) | \b(?:DuckDuckGo|Ddg)/\d | \(Ecosia\ | \bQQ/\d
    | Telegram-(?:Android|iOS)/ | baiduboxapp | \bNAVER\( | StudoBrowser/
    | ;\ wv\) | \b(?:iPhone|iPad|iPod)\b(?!.*\bSafari/).*\bMobile/
""")

# What nobody writes into a browser's string unless it is a machine's.
_PLAIN = (
    (
        "declared_bot",
        _rule(r"""
              bots?(?![a-z]) | robot | crawl | spider | slurp | scrap(?:e|ing|y)
            | compatible[;,]\ (?!msie\ \d|konqueror|linux|u;|polaris)
        """),
    ),
    # A browser does not tell whom to write to.
    (
        "contact",
        _rule(r"""
              https?[:/] | \bwww\. | [\w.-]{1,64}@[\w-]+\.[a-z]{2} | \bat\b.{1,40}\bdot\b
            | \b[a-z][\w-]*\.(?:com|net|org|io|ai|info|biz|dev|co|de|fr|ru|uk|eu|jp|cn|nl|it)(?![\w.-])
        """),
    ),
)

# What a browser does not say, but the name of an app might.
_SUBTLE = (
    # A word where browsers have none: inside the engine's comment, or a bare name at the end on a Linux desktop.
    (
        "foreign_word",
        _rule(r"""
              \(khtml,\ like\ gecko[;\ ]
            | x11;\ [^)]*linux[^)]*\).*\ safari/[\d.]+;?\ \(?(?!brave|steamdeck)[a-z][^/]*$
        """),
    ),
    # What the program is for.
    (
        "purpose",
        _rule(r"""
              archiv | fetch | monitor | check(?:er|ing|s)?\b | verif | validat | scan(?:n?er)?(?:/|\b) | favicon | feed
            | preview | prerender | screenshot | snapshot | \bindex(?:er|ing)\b | uptime | sitemap | \bseo\b | \brss
            | subscriber | analy[sz]er | proxy | search\ engine | transcoder | translate | inspect | audit | observat
            | synthetic | marketing | backlink | page\ ?speed | lighthouse | gtmetrix | dareboost | pingdom | catchpoint
            | \bptst\b | site24x7 | read-aloud
        """),
    ),
    # Programs that drive a browser, and libraries that pretend to be one.
    (
        "automation",
        _rule(r"""
              headless | phantomjs | selenium | webdriver | puppeteer | playwright | cypress | zombie | htmlunit
            | splash | wkhtmlto | wget | curl | libwww | http[\ -]?client | python | \bjava/\d | \bperl | \bruby
            | \bgo-http | okhttp | \baxios | nutch | jakarta | winhttp | node\.js | \bphp
        """),
    ),
    # Programs that read pages for somebody who is not looking.
    ("assistant", _rule(r"gpt | claude | perplexity | openai | anthropic | agents?\b | -user/\d | devin")),
    ("office", _rule(r"microsoft\ (?:outlook|office|excel|word) | outlook-express | ms-?office")),
)

# Without one of these nothing can show a page. Text browsers, televisions and the phones of old days are people too.
_BROWSER = _rule(r"""
      applewebkit | khtml | gecko | trident | msie | presto | opera | netfront | goanna | servo | hbbtv
    | blackberry | nokia | up\.browser | obigo | teleca | polaris | docomo | kddi | ucweb | nintendo | playstation
    | midp- | maui | ^lynx | ^e?links\b | ^w3m | ^dillo
""")
