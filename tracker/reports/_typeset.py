"""Papers are set by typst from our own templates: data goes in as JSON, so no text in it is ever markup.

Fonts are those that typst carries; nothing is fetched and nothing of the machine's own fonts is used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime

from tracker import templates

CONTENT_TYPE = "application/pdf"
_LONG = re.compile(r"\S{22,}")
_BREAKS = re.compile(r"([/?&=_.-]+)|(?<=\w{16})(?=\w{16})")


def pdf(template: str, data: Mapping[str, object], now: datetime) -> bytes:
    """The paper that `template` (a file in templates/pdf) makes of `data`, a PDF with tags; `now` is its date."""
    import typst  # noqa: PLC0415  (fifty megabytes that only papers need)

    folder = templates.folder() / "pdf"
    day = {"year": now.year, "month": now.month, "day": now.day}
    told = json.dumps({**data, "date": day}, ensure_ascii=False)
    made = typst.compile(
        str(folder / template),
        root=str(folder),
        ignore_system_fonts=True,
        sys_inputs={"data": told},
        timestamp=int(now.timestamp()),
    )
    assert isinstance(made, bytes)
    return made


def broken(text: str) -> str:
    """`text` with places where a long word, such as an address, may go on in the next line."""
    return _LONG.sub(lambda found: _BREAKS.sub(lambda at: f"{at.group()}\u200b", found.group()), text)
