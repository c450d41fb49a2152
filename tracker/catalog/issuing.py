"""Links and codes of many partners in one step: a row of a CSV file says whose, where it leads and what shoppers type.

A row is issued whole or not at all. What exists already exactly as the row describes it counts as known, so the same
file may be read again, and so may what came out of it. A dry run does everything and takes it back: what it refuses
would be refused.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache, partial

from pydantic import ValidationError
from sqlalchemy import select

from tracker.catalog import Desk, campaigns, codes, links, partners, placements
from tracker.catalog.codes import CodeView, NewCode, OwnerView
from tracker.catalog.fields import Output, problems
from tracker.catalog.links import LinkView, NewLink
from tracker.domain.codes import normal
from tracker.domain.spreadsheets import formula_safe, unquoted
from tracker.errors import BadInput, Conflict, NotFound, say
from tracker.ledger import catalog
from tracker.ledger.tables import Link

COLUMNS = ("partner", "url", "slug", "code", "placement", "channel", "campaign")
_TOLD = ("address", "outcome", "reason")  # what we add; read back, it says nothing
_ALSO = {"landing_url": "url", "link": "url", "promo_code": "code", "influencer": "partner", "affiliate": "partner"}
_SEPARATORS = ",;\t"
LARGEST = 1000  # rows of a file: one transaction writes them all, in ten seconds

_Values = dict[str, str]


class Outcome(StrEnum):
    """What became of a row."""

    ISSUED = "issued"
    KNOWN = "known"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the file: the number of its line, and what it says under the names of COLUMNS."""

    number: int
    values: Mapping[str, str]


class Issued(Output):
    """A row and what became of it. `address` is what the partner publishes.

    It is null where the row was refused, has no link, or would get a random slug that a dry run does not keep.
    """

    line: int
    partner: str
    url: str | None
    slug: str | None
    code: str | None
    placement: str | None
    channel: str | None
    campaign: str | None
    address: str | None
    outcome: Outcome
    reason: str | None


def read(content: bytes) -> list[Line]:
    """The rows of a CSV file in UTF-8, separated by commas, semicolons or tabs; empty ones are left out.

    Raises BadInput for a file that cannot be read, has too many rows, or a column that we do not know.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput("file", "not UTF-8: save it as “CSV UTF-8”") from None
    separator = max(_SEPARATORS, key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        names = [_column(cell) for cell in next(reader, [])]
        _check(names)
        lines = [Line(reader.line_num, _values(names, cells)) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        raise BadInput(
            "file", say("line %(line_num)s is no CSV: %(error)s", line_num=reader.line_num, error=error)
        ) from None
    if len(lines) > LARGEST:
        raise BadInput(
            "file",
            say(
                "%(lines)s rows, and at most %(largest)s are read at once: split the file",
                lines=len(lines),
                largest=LARGEST,
            ),
        )
    return lines


def issue(desk: Desk, lines: Sequence[Line], *, campaign: str | None = None, apply: bool = False) -> list[Issued]:
    """Issue what the lines say, in their order; without `apply`, say what would become of each.

    `campaign` is that of the lines that name none: an id or a name. Raises NotFound where it is neither.
    """
    run = _Run(desk, _names(desk), campaigns.named(desk, campaign) if campaign else None)
    whole = desk.session.begin_nested()
    found = [_issued(run, line, keep=apply) for line in lines]
    if apply:
        whole.commit()
    else:
        whole.rollback()
    return found


def as_csv(issued: Sequence[Issued]) -> str:
    """What became of each row, as CSV that can be read again; text that no spreadsheet takes for a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*COLUMNS, *_TOLD])
    for one in issued:
        values = one.model_dump(mode="json")
        writer.writerow([formula_safe(values[name] or "") for name in (*COLUMNS, *_TOLD)])
    return out.getvalue()


# --- the file --------------------------------------------------------------------------------------------------------


def _column(cell: str) -> str:
    name = cell.strip().lower().replace(" ", "_").replace("-", "_")
    return _ALSO.get(name, name)


def _check(names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in (*COLUMNS, *_TOLD)]
    if unknown or "partner" not in names or not {"url", "code"} & set(names):
        odd = f"no column is called {unknown[0]!r}: " if unknown else ""
        raise BadInput(
            "file",
            say(
                "%(odd)swant a header with partner and url or code; there are %(columns)s",
                odd=odd,
                columns=", ".join(COLUMNS),
            ),
        )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise BadInput("file", say("two columns are called %(twice)s", twice=repr(twice)))


def _values(names: Sequence[str], cells: Sequence[str]) -> _Values:
    """The cells under their names; the quote that keeps a spreadsheet from reading a formula is taken off."""
    said: _Values = {}
    for name, cell in zip(names, cells, strict=False):
        text = unquoted(cell.strip()).strip()
        if text and name in COLUMNS:
            said[name] = text
    if any(cell.strip() for cell in cells[len(names) :]):
        said[""] = "more cells than the header has columns"
    return said


# --- one row ---------------------------------------------------------------------------------------------------------

_Named = Mapping[str, Callable[[str], str]]


@dataclass(frozen=True, slots=True)
class _Run:
    """What all lines share: the desk, how a name becomes an id, the usual campaign, the links that were made so far."""

    desk: Desk
    named: _Named
    campaign: str | None
    made: set[str] = field(default_factory=set)


def _names(desk: Desk) -> _Named:
    """How a name becomes an id, looked up once each."""
    nouns = {"partner": partners.named, "campaign": campaigns.named, "placement": placements.named}
    return {noun: cache(partial(look_up, desk)) for noun, look_up in nouns.items()}


def _issued(run: _Run, line: Line, *, keep: bool) -> Issued:
    """What became of a line; whatever it wrote is taken back where a part of it is refused."""
    attempt = run.desk.session.begin_nested()
    try:
        link, code, new = _written(run, line)
    except (BadInput, NotFound, Conflict, ValidationError) as refusal:
        attempt.rollback()
        return _told(line, Outcome.REFUSED, reason=_reason(refusal))
    attempt.commit()
    lasting = link is not None and (keep or link.id not in run.made or "slug" in line.values)
    address, slug = (link.url, link.slug) if link is not None and lasting else (None, None)
    text = code.code if code else None
    return _told(line, Outcome.ISSUED if new else Outcome.KNOWN, address=address, slug=slug, code=text)


def _written(run: _Run, line: Line) -> tuple[LinkView | None, CodeView | None, bool]:
    """The link and the code of a line, and whether either is new. Raises what their own operations raise."""
    values = _resolved(run, line.values)
    shared = {name: values[name] for name in ("partner", "campaign", "placement", "channel") if name in values}
    link = code = None
    new_link = new_code = False
    if "url" in values:
        own = {name: values[name] for name in ("url", "slug") if name in values}
        link, new_link = _link(run.desk, NewLink.model_validate({**shared, **own}))
    if "code" in values:
        code, new_code = _code(run.desk, NewCode.model_validate({**shared, "code": values["code"]}))
    if link and new_link:
        run.made.add(link.id)
    return link, code, new_link or new_code


def _resolved(run: _Run, said: Mapping[str, str]) -> _Values:
    """What a line says, with ids for names. Raises BadInput where it says too little, and NotFound."""
    if "" in said:
        raise BadInput("line", said[""])
    if "partner" not in said:
        raise BadInput("partner", "say whose it is")
    if "url" not in said:
        if "code" not in said:
            raise BadInput("url", "say where a link leads, or a code, or both")
        if "slug" in said:
            raise BadInput("slug", "a slug is a link's: say its url too")
    values = dict(said) | {noun: look_up(said[noun]) for noun, look_up in run.named.items() if noun in said}
    return values if run.campaign is None else {"campaign": run.campaign, **values}


def _link(desk: Desk, wanted: NewLink) -> tuple[LinkView, bool]:
    """The link that is as `wanted` says, and whether it was added. Raises Conflict for another one at its slug."""
    if wanted.slug is None:
        known = _same_link(desk, wanted)
        return (known, False) if known else (links.add(desk, wanted), True)
    at_slug = _link_at(desk, wanted.slug)
    if at_slug is None:
        return links.add(desk, wanted), True
    other = _differs(_wanted_link(desk, wanted), at_slug)
    if other:
        raise Conflict(
            say(
                "%(url)s is a link already, with another %(other)s: choose another slug, or edit it",
                url=at_slug.url,
                other=other,
            )
        )
    if not _works(desk, at_slug):
        raise Conflict(
            say("%(url)s is a link already, and has ended: enable it, or choose another slug", url=at_slug.url)
        )
    return at_slug, False


def _same_link(desk: Desk, wanted: NewLink) -> LinkView | None:
    """The oldest working link of the brand that is as `wanted` says."""
    as_said = _wanted_link(desk, wanted)
    query = (
        select(Link.id)
        .where(Link.brand_id == desk.brand_id, Link.partner_id == wanted.partner)
        .where(Link.landing_url == as_said["landing_url"])
        .order_by(Link.id)
    )
    found = (links.one(desk, link_id) for link_id in desk.session.execute(query).scalars().all())
    return next((link for link in found if _works(desk, link) and not _differs(as_said, link)), None)


def _link_at(desk: Desk, slug: str) -> LinkView | None:
    query = select(Link.id).where(Link.brand_id == desk.brand_id, Link.slug == slug, Link.host == links.host_of(desk))
    link_id = desk.session.execute(query).scalar_one_or_none()
    return links.one(desk, link_id) if link_id else None


def _works(desk: Desk, link: LinkView) -> bool:
    return link.disabled_at is None and (link.expires_at is None or link.expires_at > desk.now)


def _wanted_link(desk: Desk, wanted: NewLink) -> dict[str, str | None]:
    """What a link must say to be the one that is wanted. Raises BadInput for a page that the brand does not allow."""
    return {"landing_url": links.landing_of(desk, wanted.landing_url), **_whose(desk, wanted)}


def _whose(desk: Desk, wanted: NewLink | NewCode) -> dict[str, str | None]:
    placement = placements.one(desk, wanted.placement) if wanted.placement else None
    return {
        "partner": wanted.partner,
        "campaign": wanted.campaign or (placement.campaign if placement else None),
        "placement": wanted.placement,
        "channel": wanted.channel,
    }


def _code(desk: Desk, wanted: NewCode) -> tuple[CodeView, bool]:
    """The code that is the partner's now as `wanted` says, and whether it was added. Raises Conflict for another's."""
    known = catalog.code_by_normal(desk.session, desk.brand_id, normal(wanted.code))
    if known is None:
        return codes.add(desk, wanted), True
    view = codes.one(desk, known.id)
    owner = next((one for one in view.owners if _owns(one, desk.now)), None)
    if owner is None or owner.partner != wanted.partner:
        raise Conflict(
            say(
                "the brand has the code %(code)s already, of another partner: give it to this one instead",
                code=view.code,
            )
        )
    other = _differs(_whose(desk, wanted), owner)
    if other:
        raise Conflict(
            say(
                "the partner has the code %(code)s already, with another %(other)s: give it anew instead",
                code=view.code,
                other=other,
            )
        )
    return view, False


def _owns(period: OwnerView, now: datetime) -> bool:
    begun = period.valid_from is None or period.valid_from <= now
    return begun and (period.valid_to is None or now < period.valid_to)


def _differs(wanted: Mapping[str, str | None], known: Output) -> str | None:
    """The first thing in which what is there is not as wanted."""
    return next((name.replace("_", " ") for name, value in wanted.items() if getattr(known, name) != value), None)


def _reason(refusal: Exception) -> str:
    if isinstance(refusal, ValidationError):
        return "; ".join(f"{field}: {message}" for field, message in problems(refusal))
    return f"{refusal.field}: {refusal}" if isinstance(refusal, BadInput) else str(refusal)


def _told(
    line: Line,
    outcome: Outcome,
    *,
    address: str | None = None,
    slug: str | None = None,
    code: str | None = None,
    reason: str | None = None,
) -> Issued:
    said = {name: line.values.get(name) for name in COLUMNS}
    said |= {name: value for name, value in (("slug", slug), ("code", code)) if value}
    said["partner"] = said["partner"] or ""
    return Issued.model_validate(
        {"line": line.number, **said, "address": address, "outcome": outcome, "reason": reason}
    )
