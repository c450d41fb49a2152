"""Settings that are not in force: made from the rules or a preset, changed, replayed, then published or dropped.

A draft is published once; what comes of it is an immutable version, and the draft remembers which.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from tracker.catalog import Desk, rules
from tracker.catalog.fields import Input, Name, Output, When, moment
from tracker.domain import rule_words
from tracker.domain.ids import is_id, new_id
from tracker.domain.presets import PRESETS
from tracker.domain.rules import Rules
from tracker.errors import BadInput, Conflict, NotFound, say
from tracker.ledger import catalog
from tracker.ledger import rules as ledger
from tracker.ledger.tables import RuleDraft


class NewDraft(Input):
    """A draft to be: a copy of the rules in force, with what a preset says over it."""

    name: Name
    preset: str | None = None


class DraftChange(Input):
    """What of a draft is to be different, by setting: JSON values, durations in seconds. Others stay."""

    name: Name | None = None
    settings: dict[str, Any] = Field(default_factory=dict)


class Publication(Input):
    """When a draft is to begin: now, where nothing is said.

    A start in the past must be meant: with `past` every order placed since is credited anew. `newest` is the newest
    version that the one who publishes knows of.
    """

    start: When | None = None
    past: bool = False
    newest: int | None = None

    @model_validator(mode="before")
    @classmethod
    def _from(cls, given: Any) -> Any:
        """`from` is what everybody would write."""
        if isinstance(given, Mapping) and "from" in given:
            return {"start" if name == "from" else name: value for name, value in given.items()}
        return given


class DraftView(Output):
    """A draft. `settings` are whole, durations in seconds; `published_version` is what came of it."""

    id: str
    name: str
    based_on: int
    settings: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    published_version: int | None


class PresetView(Output):
    """A published policy that a draft may begin with."""

    name: str
    title: str
    sentence: str
    source: str
    settings: dict[str, Any]


def presets() -> list[PresetView]:
    """Every preset."""
    return [
        PresetView(
            name=one.name, title=one.title, sentence=one.sentence, source=one.source, settings=dict(one.settings)
        )
        for one in PRESETS.values()
    ]


def add(desk: Desk, wanted: NewDraft) -> DraftView:
    """Begin a draft. Raises BadInput for a preset that there is not, Conflict for a name that is taken."""
    base = rules.rules_of(desk)
    settings = base.to_json()
    if wanted.preset is not None:
        if wanted.preset not in PRESETS:
            raise BadInput("preset", say("want one of %(choices)s", choices=", ".join(PRESETS)))
        settings = PRESETS[wanted.preset].over(settings)
    row = RuleDraft(
        id=new_id(),
        brand_id=desk.brand_id,
        name=wanted.name,
        based_on=base.version,
        settings=rules.checked(settings).to_json(),
        created_at=desk.now,
        updated_at=desk.now,
        published_version=None,
    )
    desk.session.add(row)
    _flush(desk, wanted.name)
    return _view(row)


def edit(desk: Desk, draft_id: str, change: DraftChange) -> DraftView:
    """Change a draft's name or settings. Raises BadInput with the setting's name, Conflict where it is published."""
    row = _open(desk, draft_id)
    if unknown := sorted(change.settings.keys() - whole(row).keys()):
        raise BadInput(
            "settings",
            say("there is no setting %(unknown)s: want %(row)s", unknown=unknown[0][:60], row=", ".join(whole(row))),
        )
    row.settings = rules.checked({**row.settings, **change.settings}).to_json()
    row.name = change.name or row.name
    row.updated_at = desk.now
    _flush(desk, row.name)
    return _view(row)


def write(desk: Desk, draft_id: str, written: Mapping[str, str]) -> DraftView:
    """Change settings as a person writes them, by dotted path. Raises BadInput with the path, Conflict."""
    row = _open(desk, draft_id)
    settings = whole(row)
    for path, text in written.items():
        try:
            settings = rule_words.assign(settings, path, text)
        except ValueError as error:
            raise BadInput(path, str(error)) from None
    return edit(desk, draft_id, DraftChange(settings=settings))


def drop(desk: Desk, draft_id: str) -> DraftView:
    """Throw a draft away. Raises NotFound, Conflict where it is published: it is history then."""
    row = _open(desk, draft_id)
    view = _view(row)
    desk.session.delete(row)
    desk.session.flush()
    return view


def publish(desk: Desk, draft_id: str, wanted: Publication) -> rules.RulesView:
    """Put a draft in force as a new version. Raises BadInput for a start in the past that was not meant, Conflict."""
    brand = catalog.brand_by_id(desk.session, desk.brand_id, lock=True)
    row = _open(desk, draft_id)
    newest = ledger.current(desk.session, desk.brand_id).version
    if wanted.newest is not None and wanted.newest != newest:
        raise Conflict(
            say(
                "version %(newest)s was published meanwhile: look at it, replay the draft, then publish again",
                newest=newest,
            )
        )
    start = moment(wanted.start, ZoneInfo(brand.time_zone)) if wanted.start is not None else desk.now
    if start < desk.now and not wanted.past:
        raise BadInput("from", "this start lies in the past: every order placed since would be credited anew; say past")
    published = rules.publish(desk, row.settings, start)
    row.published_version = published.version
    row.updated_at = desk.now
    desk.session.flush()
    return published


def one(desk: Desk, draft_id: str) -> DraftView:
    """The brand's draft of that id. Raises NotFound."""
    return _view(_row(desk, draft_id))


def every(desk: Desk) -> list[DraftView]:
    """The brand's drafts that are not published, by name."""
    query = select(RuleDraft).where(RuleDraft.brand_id == desk.brand_id, RuleDraft.published_version.is_(None))
    return [_view(row) for row in desk.session.execute(query.order_by(RuleDraft.name)).scalars()]


def named(desk: Desk, text: str) -> str:
    """The id of the draft of that id or name. Raises NotFound."""
    if is_id(text):
        return _row(desk, text).id
    drafts = every(desk)
    found = [draft for draft in drafts if draft.name == text] or [
        draft for draft in drafts if draft.name.casefold() == text.strip().casefold()
    ]
    if not found:
        known = f"there is {', '.join(draft.name for draft in drafts)}" if drafts else "there is none yet"
        raise NotFound(say("no draft is called %(text)s: %(known)s", text=text, known=known))
    return found[0].id


def rules_of(desk: Desk, draft_id: str) -> Rules:
    """The rules that a draft means, as version 0. Raises NotFound."""
    return Rules.from_json(0, _row(desk, draft_id).settings)


def whole(row: RuleDraft) -> dict[str, Any]:
    """Every setting of a draft, those that are as always too."""
    return Rules.from_json(0, row.settings).to_json(whole=True)


def _row(desk: Desk, draft_id: str, *, lock: bool = False) -> RuleDraft:
    query = select(RuleDraft).where(RuleDraft.id == draft_id, RuleDraft.brand_id == desk.brand_id)
    query = query.with_for_update() if lock else query
    row = desk.session.execute(query).scalar_one_or_none() if is_id(draft_id) else None
    if row is None:
        raise NotFound("no such draft")
    return row


def _open(desk: Desk, draft_id: str) -> RuleDraft:
    row = _row(desk, draft_id, lock=True)
    if row.published_version is not None:
        raise Conflict(
            say(
                "this draft was published as version %(published_version)s: begin another one",
                published_version=row.published_version,
            )
        )
    return row


def _flush(desk: Desk, name: str) -> None:
    try:
        desk.session.flush()
    except IntegrityError:
        raise Conflict(say("a draft is called %(name)s already", name=name)) from None


def _view(row: RuleDraft) -> DraftView:
    return DraftView(
        id=row.id,
        name=row.name,
        based_on=row.based_on,
        settings=whole(row),
        created_at=row.created_at,
        updated_at=row.updated_at,
        published_version=row.published_version,
    )
