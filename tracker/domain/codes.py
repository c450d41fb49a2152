"""Two spellings of a promo code are one code when a shopper could not tell them apart by typing."""

from __future__ import annotations

import unicodedata

# Invisible characters that survive NFKC and arrive by copy and paste.
_INVISIBLE = dict.fromkeys(
    [0x00AD, 0x034F, 0x061C, 0x180E, *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF]
)

LONGEST = 255


def normal(text: str) -> str:
    """The form under which a code matches: NFKC, invisible characters gone, stripped, casefolded.

    Locale-independent. A Cyrillic look-alike stays another code, and `İ` does not become `i`. An empty result means
    that the text is no code at all.
    """
    folded = unicodedata.normalize("NFKC", text).translate(_INVISIBLE).strip().casefold()
    return unicodedata.normalize("NFKC", folded)
