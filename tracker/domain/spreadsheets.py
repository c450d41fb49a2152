"""Text that a spreadsheet would run gets a quote before it, which is taken off when it comes back.

See OWASP, "CSV Injection".
"""

from __future__ import annotations

_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def formula_safe(text: str) -> str:
    """`text` with a quote before it where a spreadsheet would read a formula (OWASP), and without NULs."""
    text = text.replace("\0", "")
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def unquoted(cell: str) -> str:
    """What `formula_safe` was given, but for NULs: a quote that guards no formula belongs to the text."""
    bare = cell.removeprefix("'")
    return bare if formula_safe(bare) == cell else cell
