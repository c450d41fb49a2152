"""The rules under which a brand's orders are credited. A change is a new version, for orders placed from a start on.

An order keeps the version of its sale time: what was placed before is credited as before, however late it arrives. Of
the versions that had begun by then the newest one holds: who publishes later overrules what was published before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, cast

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from tracker.attribution._shape import Model, Rule
from tracker.catalog import Desk, tell_attribution
from tracker.catalog.fields import Input, Output, ShortText, lower, omitted
from tracker.domain import rule_words
from tracker.domain.catalog import Channel, PartnerKind
from tracker.domain.journeys import Evidence, Kind, Touchpoint
from tracker.domain.rules import (
    LONGEST_WINDOW,
    BetweenPartners,
    ChannelPolicy,
    CodePolicy,
    Customers,
    Rules,
    SeveralCodes,
    UnearnedCode,
)
from tracker.errors import BadInput, Conflict, NotFound, say
from tracker.ledger import catalog, rules_due
from tracker.ledger import rules as ledger
from tracker.ledger.tables import RuleSet
from tracker.plugins import discover

Days = Annotated[int, Field(ge=1, le=LONGEST_WINDOW.days)]


def _windows(given: Mapping[str, int | None]) -> dict[str, int | None]:
    named = {name.strip().lower().replace(".", ":"): days for name, days in given.items()}
    if unknown := sorted(named.keys() - set(rule_words.WINDOWS)):
        raise ValueError(
            say(
                "there is no window %(unknown)s: want %(windows)s",
                unknown=unknown[0][:40],
                windows=", ".join(rule_words.WINDOWS),
            )
        )
    if "click" in named and named["click"] is None:
        raise ValueError("the window click holds where no channel has one, and cannot go")
    return named


def _paying(name: str) -> str:
    able = sorted(name for name, model in discover("tracker.attribution").items() if model.MAY_PAY)
    if name not in able:
        raise ValueError(say("want a model that may pay: %(able)s", able=", ".join(able)))
    return name


Windows = Annotated[dict[str, Days | None], AfterValidator(_windows)]
Paying = Annotated[str, BeforeValidator(lower), AfterValidator(_paying)]


class NewRules(Input):
    """What is to be different from the rules in force; the rest stays.

    `windows` are days by kind, or kind and channel ("click", "click:affiliate"); null takes a channel's own away.
    """

    between_partners: Annotated[BetweenPartners, BeforeValidator(lower)] = omitted()
    several_codes: Annotated[SeveralCodes, BeforeValidator(lower)] = omitted()
    paying_model: Paying = omitted()
    windows: Windows = omitted()
    since_previous_order: bool = omitted()
    excluded_sources: Annotated[tuple[ShortText, ...], Field(max_length=50)] = omitted()


class RulesView(Output):
    """A version of the rules, and the moment from which orders are placed under it.

    `windows` are in days, other durations in seconds. Every setting is shown, those that are as always too.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    version: int
    effective_from: datetime
    between_partners: BetweenPartners
    precedence: list[list[Evidence]]
    several_codes: SeveralCodes
    code_policy: CodePolicy
    code_policies: dict[str, CodePolicy]
    unearned_code: UnearnedCode
    channel_policy: ChannelPolicy
    protection: int
    protected_from: list[PartnerKind]
    customers: dict[str, Customers]
    throw_out: int
    paying_model: str
    windows: dict[str, float]
    since_previous_order: bool
    excluded_sources: list[str]
    closer_shares: dict[str, str]
    models: dict[str, dict[str, str]]
    campaigns: dict[str, dict[str, Any]]


class Standing(StrEnum):
    """Where a version stands: in force, to begin, over, or overruled before it ever began."""

    IN_FORCE = "in_force"
    SCHEDULED = "scheduled"
    PAST = "past"
    OVERRULED = "overruled"


class VersionView(Output):
    """A version of the rules and its time. `until` is when a later one takes over, null while none does."""

    version: int
    standing: Standing
    effective_from: datetime
    until: datetime | None
    published_at: datetime
    settings: dict[str, Any]


def current(desk: Desk) -> RulesView:
    """The rules in force."""
    return _view(_in_force(desk))


def versions(desk: Desk) -> list[VersionView]:
    """Every version, the newest first. Settings are as they are stored, durations in seconds."""
    rows = ledger.versions(desk.session, desk.brand_id)
    return [_version_view(row, rows[place + 1 :], desk.now) for place, row in enumerate(rows)][::-1]


def rules_of(desk: Desk, version: int | None = None) -> Rules:
    """The rules of a version, of the one in force where none is said. Raises NotFound."""
    if version is None:
        row = _in_force(desk)
        return Rules.from_json(row.version, row.settings)
    return ledger.Book(desk.session, [desk.brand_id]).version(desk.brand_id, version)


def progress(desk: Desk) -> rules_due.Left:
    """How many orders a new version has yet to look at, and how many are yet to be credited anew."""
    return rules_due.left(desk.session, desk.brand_id)


def change(desk: Desk, wanted: NewRules) -> RulesView:
    """Put a new version in force, from now on. Raises Conflict where nothing would be different."""
    catalog.brand_by_id(desk.session, desk.brand_id, lock=True)
    old = rules_of(desk).to_json()
    settings = {**old, **wanted.model_dump(mode="json", include=wanted.model_fields_set - {"windows"})}
    settings["windows"] = _merged(old["windows"], wanted.windows or {})
    return publish(desk, settings)


def publish(desk: Desk, settings: Mapping[str, Any], start: datetime | None = None) -> RulesView:
    """Put settings in force as a new version from `start`, else from now on. The brand's row is to be locked.

    Raises BadInput for settings that will not do, and Conflict where nothing would be different.
    """
    start = start or desk.now
    rows = ledger.versions(desk.session, desk.brand_id)
    rules = checked(settings, rows[-1].version + 1)
    holding = [row for place, row in enumerate(rows) if _holds_after(row, rows[place + 1 :], start)]
    if all(Rules.from_json(rules.version, row.settings) == rules for row in holding):
        raise Conflict("these rules are in force already")
    tell_attribution(desk.session)
    return _view(ledger.add_version(desk.session, desk.brand_id, rules, desk.now, start=start, wall=desk.wall))


def checked(settings: Mapping[str, Any], version: int = 0) -> Rules:
    """The rules that these settings mean. Raises BadInput with the setting's name."""
    try:
        rules = Rules.from_json(version, settings)
    except ValueError as error:
        raise BadInput(_setting_of(str(error)), str(error)) from None
    _check_windows(rules)
    _check_models(rules)
    for campaign_id, own in rules.campaigns.items():
        if "paying_model" in own:
            _check_paying(own["paying_model"], f"campaign {campaign_id}: ", "campaigns")
    return rules


def _setting_of(message: str) -> str:
    """The setting that an error begins with."""
    said = message.replace(":", " ").split()[0]
    return {"window": "windows", "campaign": "campaigns"}.get(said, said if said in rule_words.WORDS else "settings")


def _check_windows(rules: Rules) -> None:
    if "click" not in rules.windows:
        raise BadInput("windows", "the window click holds where no channel has one, and cannot go")
    known = (*rule_words.WINDOWS, *rule_words.NARROW_WINDOWS)
    if unknown := sorted(rules.windows.keys() - set(known)):
        raise BadInput(
            "windows",
            say("there is no window %(unknown)s: want %(known)s", unknown=unknown[0][:40], known=", ".join(known)),
        )


def _check_models(rules: Rules) -> None:
    """Every model can work with its settings: each is tried on a journey of three touchpoints."""
    models = _models()
    _check_paying(rules.paying_model)
    for name, own in rules.models.items():
        if name not in models:
            raise BadInput(
                "models", say("there is no model %(name)s: want %(models)s", name=name[:40], models=", ".join(models))
            )
        if unknown := sorted(own.keys() - models[name].SETTINGS.keys()):
            known = ", ".join(models[name].SETTINGS) or "none at all"
            raise BadInput(
                "models",
                say(
                    "%(name)s has no setting %(unknown)s: it has %(known)s",
                    name=name,
                    unknown=unknown[0][:40],
                    known=known,
                ),
            )
        try:
            _try(models[name], rules)
        except (ValueError, ArithmeticError) as error:
            raise BadInput("models", str(error) if name in str(error) else f"{name}: {error}") from None


def _check_paying(name: str, before: str = "", setting: str = "paying_model") -> None:
    try:
        _paying(name)
    except ValueError as error:
        raise BadInput(setting, say("%(before)s%(error)s", before=before, error=error)) from None


def _try(model: Model, rules: Rules) -> None:
    if isinstance(model, Rule):
        model.weights([_trial(days) for days in (9, 4, 0)], rules)


def _trial(days: int) -> Touchpoint:
    return Touchpoint(
        kind=Kind.CLICK,
        id=str(days),
        at=datetime(2026, 1, 10 - days, tzinfo=UTC),
        age=timedelta(days=days),
        evidence=(Evidence.CLICK_ID,),
        partner_id=str(days),
        channel=Channel.INFLUENCE,
    )


def _models() -> dict[str, Model]:
    return cast("dict[str, Model]", discover("tracker.attribution"))


def _in_force(desk: Desk) -> RuleSet:
    """The newest version that has begun, or the first. Raises NotFound where the brand has none."""
    rows = ledger.versions(desk.session, desk.brand_id)
    if not rows:
        raise NotFound("the brand has no rule set")
    return next((row for row in reversed(rows) if row.effective_from <= desk.now), rows[0])


def _until(later: Sequence[RuleSet]) -> datetime | None:
    return min((row.effective_from for row in later), default=None)


def _holds_after(row: RuleSet, later: Sequence[RuleSet], start: datetime) -> bool:
    """Whether a version holds at some time from `start` on."""
    until = _until(later)
    return until is None or max(row.effective_from, start) < until


def _version_view(row: RuleSet, later: Sequence[RuleSet], now: datetime) -> VersionView:
    until = _until(later)
    if until is not None and until <= row.effective_from:
        standing = Standing.OVERRULED
    elif row.effective_from > now and row.version > 1:
        standing = Standing.SCHEDULED
    else:
        standing = Standing.PAST if until is not None and until <= now else Standing.IN_FORCE
    settings = Rules.from_json(row.version, row.settings).to_json(whole=True)
    return VersionView(
        version=row.version,
        standing=standing,
        effective_from=row.effective_from,
        until=until,
        published_at=row.created_at,
        settings=settings,
    )


def _merged(seconds: Mapping[str, int], days: Mapping[str, int | None]) -> dict[str, int]:
    """The windows in seconds, with those that were given in days in the place of the old ones."""
    kept = {name: value for name, value in seconds.items() if name not in days}
    new = {name: int(timedelta(days=value).total_seconds()) for name, value in days.items() if value is not None}
    return kept | new


def _view(row: RuleSet) -> RulesView:
    settings: dict[str, Any] = Rules.from_json(row.version, row.settings).to_json(whole=True)
    settings["windows"] = {name: seconds / 86400 for name, seconds in settings["windows"].items()}
    return RulesView(version=row.version, effective_from=row.effective_from, **settings)
