"""Two spellings of a promo code are one code when a shopper could not tell them apart by typing."""

from __future__ import annotations

import re
import unicodedata

# Invisible characters that survive NFKC and arrive by copy and paste.
_INVISIBLE = dict.fromkeys(
    [0x00AD, 0x034F, 0x061C, 0x180E, *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF]
)

# Characters that no database keeps or that turn the text around them: controls, lone surrogates, direction marks.
_HARMFUL = dict.fromkeys(
    [*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)

LONGEST = 255

# One word of at most 40 characters, and no telephone number: what a marketer makes up, not what names a person.
_PLAIN = re.compile(r"(?![\d./-]{7,}\Z)\w[\w.:/%-]{0,39}")


def is_plain(text: str) -> bool:
    """Whether `text` looks like a code, and not like an address, a telephone number or a name of several words.

    Codes reach us as shops send them, and some shops let the buyer or a clerk type anything into the field.
    """
    return _PLAIN.fullmatch(text) is not None


def shown(text: str, longest: int = LONGEST) -> str:
    """`text` as people may see it: as it came, without harmful characters and outer space, at most `longest` long."""
    return text[: 4 * longest].translate(_HARMFUL).strip()[:longest].rstrip()


def normal(text: str) -> str:
    """The form under which a code matches: NFKC, invisible characters gone, stripped, casefolded, at most 255 long.

    Locale-independent. A Cyrillic look-alike stays another code, and `İ` does not become `i`. An empty result means
    that the text is no code at all.
    """
    folded = unicodedata.normalize("NFKC", shown(text)).translate(_INVISIBLE).strip().casefold()
    return unicodedata.normalize("NFKC", folded)[:LONGEST].strip()
