"""Every sentence that a page may show, and the French catalogue: `python -m tests.catalogue` brings it up to date.

Sentences stand in templates, in `_()` of the web's modules, in what is raised to be read by a person, and as constants
of pure modules that templates pass through `_()`. A new one gets an empty translation, which a test refuses until it is
filled in.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from tracker import jobs, plugins
from tracker.attribution import _doubts, _refusals, incremental
from tracker.catalog import commissions, disputes, documents, fields, partnerships
from tracker.catalog import people as invited
from tracker.charts import _draw
from tracker.domain import receipts, rule_words
from tracker.domain.differences import WEIGHS_OTHERWISE
from tracker.domain.presets import PRESETS
from tracker.domain.reasons import RULE_SENTENCES
from tracker.ledger import catalog as ledger_catalog
from tracker.ledger import second_factor
from tracker.outgoing import schedules
from tracker.reports import _bilan_sheet, _compare, _pdf, _sales, _shape, _xlsx
from tracker.web import (
    _campaign,
    _fields,
    _menu,
    account,
    auth,
    costs,
    estimates,
    filters,
    health,
    imports,
    pacing,
    pages,
    people,
    placements,
    portal,
    segments,
    sending,
    shops,
    snapshots,
    work,
)

ROOT = Path(__file__).parent.parent
FRENCH = ROOT / "tracker" / "translations" / "fr" / "LC_MESSAGES" / "messages.po"

# No date and no name: the file changes only with what it says.
_HEADER = b"""msgid ""
msgstr ""
"Language: fr\\n"
"Plural-Forms: nplurals=2; plural=(n > 1);\\n"
"Content-Type: text/plain; charset=utf-8\\n"

"""

Message = str | tuple[str, str]

# What is raised at the edges, and which argument of it a person reads.
_RAISED = {"say": None, "BadInput": (2,), "NotFound": None, "Conflict": None, "Forbidden": None, "ValueError": None}
_EDGES = ("catalog", "domain", "importing", "jobs", "ledger", "outgoing", "reports", "web")


@cache
def messages() -> Sequence[Message]:
    """Every sentence, in a stable order; a pair is singular and plural."""
    found = dict.fromkeys([*_in_templates(), *_in_modules(), *_refusals_told(), *_constants()])
    return sorted(found, key=lambda message: message if isinstance(message, str) else message[0])


def french() -> Catalog:
    """The French catalogue as people edit it."""
    with FRENCH.open("rb") as file:
        return read_po(file, locale="fr")


def _in_templates() -> Iterator[Message]:
    yield from _extracted(ROOT / "templates", "**.html", "jinja2.ext:babel_extract")
    yield from _extracted(ROOT / "templates", "**.txt", "jinja2.ext:babel_extract")


def _in_modules() -> Iterator[Message]:
    yield from _extracted(ROOT / "tracker" / "web", "**.py", "python")


def _refusals_told() -> Iterator[Message]:
    for folder in _EDGES:
        yield from _extracted(ROOT / "tracker" / folder, "**.py", "python", _RAISED)
    yield from fields.REFUSALS.values()
    yield from ledger_catalog.SENTENCES


def _extracted(folder: Path, pattern: str, method: str, keywords: Any = DEFAULT_KEYWORDS) -> Iterator[Message]:
    for _file, _line, message, _comments, _context in extract_from_dir(folder, [(pattern, method)], keywords=keywords):
        if message:
            yield message if isinstance(message, str) else (message[0], message[1])


def _constants() -> Iterator[str]:
    for report in _shape.reports().values():
        yield from (report.TITLE, report.DESCRIPTION, _shape.group_of(report))
        yield from [report.EMPTY] if hasattr(report, "EMPTY") else []
        yield from (text for column in report.COLUMNS for text in (column.title, column.help) if text)
    yield from (model.TITLE for model in plugins.discover("tracker.attribution").values())
    yield incremental.CAVEAT
    yield from _refusals.REFUSALS.values()
    yield from _doubts.SENTENCES.values()
    yield from filters.WORDS.values()
    yield from _fields.FIELDS.values()
    yield from health.TROUBLES.values()
    yield from (*pages.SENTENCES, *_menu.SENTENCES)
    for page in (_campaign, costs, placements, segments, shops, snapshots):
        yield from page.SENTENCES
    yield from account.SENTENCES
    yield from account.DONE.values()
    yield from people.SENTENCES
    yield from invited.SENTENCES
    yield from auth.SENTENCES
    yield from second_factor.SENTENCES
    yield schedules.NO_RIGHT
    yield from (*sending.TITLES.values(), *work.STATES.values(), *imports.FORMATS.values(), *imports.FIELDS.values())
    yield from jobs.TITLES.values()
    yield from estimates.SENTENCES
    yield from pacing.SENTENCES
    yield from commissions.SENTENCES
    yield from _xlsx.SENTENCES
    yield from _compare.SENTENCES
    yield from _pdf.SENTENCES
    yield from _bilan_sheet.SENTENCES
    yield from _draw.sentences()
    yield from rule_words.SENTENCES
    for told in (portal, _sales, disputes, documents, partnerships):
        yield from told.SENTENCES
    yield from (text for preset in PRESETS.values() for text in (preset.title, preset.sentence))
    yield WEIGHS_OTHERWISE
    yield from receipts.LOSS_SENTENCES.values()
    yield from RULE_SENTENCES.values()


def update() -> None:
    """Add what is new, drop what is gone, compile."""
    old = french() if FRENCH.exists() else Catalog(locale="fr")
    fresh = Catalog(locale="fr", fuzzy=False)
    for message in messages():
        known = old.get(message if isinstance(message, str) else message[0])
        fresh.add(message, known.string if known else None)
    buffer = io.BytesIO()
    write_po(buffer, fresh, omit_header=True, width=110, include_lineno=False)
    FRENCH.write_bytes(_HEADER + buffer.getvalue())
    FRENCH.with_suffix(".mo").write_bytes(compiled())


def compiled() -> bytes:
    """The catalogue as the running service reads it: the same bytes from the same sentences."""
    buffer, catalogue = io.BytesIO(), french()
    catalogue.creation_date = catalogue.revision_date = datetime.fromtimestamp(0, UTC)
    write_mo(buffer, catalogue)
    return buffer.getvalue()


if __name__ == "__main__":
    update()
